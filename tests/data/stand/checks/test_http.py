"""HTTP and WebSocket."""

from random import Random

import pytest

from graders.testkit import Api, ProtocolProblem, covers, fail_to_pass, pass_to_pass, until
from graders.testkit.websocket import Refused


@covers("C-01")
@fail_to_pass
def test_an_item_is_created_and_listed(api: Api, rng: Random) -> None:
    name = f"item {rng.randrange(10**9)}"
    made = api.post("/items", json={"name": name}).expect(201).json()
    assert made in api.get("/items").expect(200).json()
    api.post("/items", json={"name": name}).expect(409)


@covers("C-01")
@fail_to_pass
def test_of_many_writers_one_wins(api: Api, rng: Random) -> None:
    name = f"item {rng.randrange(10**9)}"
    replies = api.together([lambda: api.post("/items", json={"name": name})] * 5)
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409, 409]


@covers("C-02")
@fail_to_pass
def test_messages_are_echoed(api: Api) -> None:
    with api.websocket("/echo?token=open") as socket:
        socket.send("hello")
        assert socket.receive_json() == {"echo": "hello"}
        socket.send("bye")
        assert socket.closed() == 4000


@covers("C-02")
@fail_to_pass
def test_nobody_enters_without_the_token(api: Api) -> None:
    with pytest.raises(Refused) as refused, api.websocket("/echo"):
        pass
    assert refused.value.status == 403


@covers("C-02")
@fail_to_pass
@pytest.mark.parametrize(
    ("said", "reason"), [("be long", "too_large"), ("be wrong", "bad_json"), ("be silent", "deadline")]
)
def test_messages_are_bounded(api: Api, said: str, reason: str) -> None:
    with api.within(1.0).websocket("/echo?token=open") as socket:
        socket.send(said)
        with pytest.raises(ProtocolProblem) as problem:
            socket.receive_json()
    assert problem.value.reason == reason


@covers("C-03")
@pass_to_pass
def test_both_replicas_are_one(replicas: tuple[Api, ...], rng: Random) -> None:
    first, second = replicas
    made = first.post("/items", json={"name": f"shared {rng.randrange(10**9)}"}).expect(201).json()
    until(lambda: made in second.get("/items").json(), "the other replica lists it")
