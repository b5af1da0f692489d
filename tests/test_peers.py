"""The fake peers over real sockets, and what waits for them."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from graders.testkit import Api, Peer, ProtocolProblem, Step, until
from graders.testkit.host import Host
from graders.testkit.peers import serve


class Line:
    """Passes words on to peers that are served in a thread."""

    def __init__(self) -> None:
        into, self._commands = os.pipe()
        answers, out = os.pipe()
        self._answers = os.fdopen(answers, "rb")
        self._files = (os.fdopen(into, "rb"), os.fdopen(out, "wb"))
        self.thread = threading.Thread(target=serve, args=({"llm": 0, "webhook": 0}, *self._files), daemon=True)
        self.thread.start()
        self.ports = dict(self._answers.readline().decode().split() for _ in range(2))
        assert self._answers.readline() == b"ready\n"

    def ask(self, request: str, /, **about: Any) -> Any:
        assert request == "peer"
        os.write(self._commands, json.dumps(about).encode() + b"\n")
        return json.loads(self._answers.readline())

    def close(self) -> None:
        os.close(self._commands)
        self.thread.join(5)
        for file in (self._answers, *self._files):
            file.close()


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


@pytest.fixture
def llm(line: Line) -> Peer:
    peer = Peer(line, "llm")
    peer.reset()
    return peer


@pytest.fixture
def api(line: Line) -> Api:
    return Api("127.0.0.1", int(line.ports["llm"]), deadline_s=1.0)


def ask(api: Api, stream: bool = True) -> Any:
    return api.post("/v1/chat/completions", json={"model": "m", "stream": stream, "messages": []})


def events(body: bytes) -> list[Any]:
    parts = [part.removeprefix("data: ") for part in body.decode().split("\n\n") if part]
    return [part if part == "[DONE]" else json.loads(part) for part in parts]


def test_an_answer_is_streamed_word_by_word(llm: Peer, api: Api) -> None:
    llm.then(Step(text="one two"))
    reply = ask(api).expect(200)
    assert reply.headers["content-type"] == "text/event-stream"
    found = events(reply.body)
    assert found[-1] == "[DONE]"
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in found[:-1]) == "one two"
    assert found[-2]["choices"][0]["finish_reason"] == "stop"


def test_an_answer_comes_whole_where_no_stream_is_asked_for(llm: Peer, api: Api) -> None:
    llm.then(Step(text="all at once"))
    assert ask(api, stream=False).json()["choices"][0]["message"]["content"] == "all at once"


def test_steps_come_in_order_and_then_the_default(llm: Peer, api: Api) -> None:
    llm.always(Step(status=503))
    llm.then(Step(), Step(status=429, retry_after=7))
    replies = [ask(api) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 429, 503]
    assert replies[1].headers["retry-after"] == "7"
    assert replies[2].json()["error"]["code"] == "503"
    assert len(llm.seen()) == 3


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Step(first_s=2.0), "deadline"),
        (Step(text="a b c d e f", each_s=0.4), "deadline"),
        (Step(cut_after=0), "protocol"),
        (Step(cut_after=1), "protocol"),
    ],
)
def test_a_provider_can_be_slow_and_broken(llm: Peer, api: Api, step: Step, reason: str) -> None:
    llm.then(step)
    with pytest.raises(ProtocolProblem) as caught:
        ask(api)
    assert caught.value.reason == reason


def test_a_provider_can_send_what_is_no_json(llm: Peer, api: Api) -> None:
    llm.then(Step(garbage=True), Step(garbage=True))
    with pytest.raises(ValueError, match="Expecting"):
        events(ask(api).body)
    with pytest.raises(ProtocolProblem):
        ask(api, stream=False).json()


def test_a_webhook_is_remembered_whole(line: Line) -> None:
    hook = Peer(line, "webhook")
    hook.reset()
    hook.then(Step(status=500))
    api = Api("127.0.0.1", int(line.ports["webhook"]))
    sent = [api.post("/hooks/a", json={"n": n}, headers={"X-Signature": "s"}).status for n in range(2)]
    assert sent == [500, 200]
    first, second = hook.wait_for(2)
    assert (first.method, first.path, first.json(), first.headers["x-signature"]) == ("POST", "/hooks/a", {"n": 0}, "s")
    assert second.at >= first.at


def test_a_body_without_end_is_refused(line: Line) -> None:
    api = Api("127.0.0.1", int(line.ports["webhook"]))
    assert api.request("POST", "/", content=b"x" * 600_000).status == 413


def test_waiting_ends_as_soon_as_it_holds_and_names_what_did_not() -> None:
    seen = iter([0, 0, 3])
    assert until(lambda: next(seen), "a number") == 3
    began = time.monotonic()
    with pytest.raises(ProtocolProblem, match="a miracle; last seen: None") as caught:
        until(lambda: None, "a miracle", 0.2)
    assert caught.value.reason == "deadline"
    assert time.monotonic() - began < 1


def test_a_host_that_has_gone_ends_the_judge() -> None:
    host = Host(lambda record: None, io.BytesIO(b""))
    with pytest.raises(SystemExit):
        host.ask("log", replica=0)
    assert not Host(lambda record: None, io.BytesIO(b"")).wait_for_go()


def test_answers_belong_to_their_request() -> None:
    written: list[dict[str, Any]] = []
    host = Host(written.append, io.BytesIO(b'{"number": 1, "value": 5}\n{"number": 1, "value": 6}\n'))
    assert host.ask("mark") == 5
    assert written == [{"type": "ask", "number": 1, "what": "mark", "about": {}}]
    with pytest.raises(SystemExit):
        host.ask("mark")


def test_no_request_goes_on_past_the_end_of_the_suite(line: Line, llm: Peer) -> None:
    llm.always(Step(first_s=3.0))
    api = Api("127.0.0.1", int(line.ports["llm"]), deadline_s=10.0, end=time.monotonic() + 0.3)
    began = time.monotonic()
    for _ in range(3):
        with pytest.raises(ProtocolProblem) as caught:
            ask(api)
        assert caught.value.reason == "deadline"
    assert time.monotonic() - began < 2
