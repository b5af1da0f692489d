"""The client of hidden checks against servers that lie, drip, flood and break."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.testkit import Api, ProtocolProblem
from graders.testkit.guise import CLIENTS, guise
from graders.testkit.idle import Idle
from graders.testkit.strictjson import NotStrictJson, loads

Talk = Callable[[socket.socket], None]


@contextmanager
def server(talk: Talk, heads: list[bytes] | None = None) -> Iterator[int]:
    """A TCP server that reads one request's head, into `heads`, and then does as `talk` says."""
    read = [] if heads is None else heads
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    read.append(connection.recv(65536))
                    talk(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def answer(body: bytes, *headers: str, status: str = "200 OK") -> Talk:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""])
    return lambda connection: connection.sendall(head.encode() + body)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.1)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        connection.sendall(f"x-{number}: y\r\n".encode())
        time.sleep(0.1)


def hints(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 100_000)


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(64):
        connection.sendall(b"x" * 65536)


def test_a_reply_is_read_whole() -> None:
    with server(answer(b'{"a": 1}', "content-type: application/json", "X-Two: 1", "X-Two: 2")) as port:
        reply = Api("127.0.0.1", port).get("/things", params={"q": ["a b", "c"], "n": 1})
    assert reply.request == "GET /things?q=a+b&q=c&n=1"
    assert reply.expect(200, 201).json() == {"a": 1}
    assert reply.headers["x-two"] == "1, 2"


def test_a_redirect_is_a_reply() -> None:
    with server(answer(b"", "location: http://127.0.0.1:1/", status="307 Temporary Redirect")) as port:
        assert Api("127.0.0.1", port).get("/").status == 307


def test_the_wrong_status_shows_what_came_instead() -> None:
    with server(answer(b'{"detail": "no\x1b[2J"}', status="500 Oops")) as port:
        reply = Api("127.0.0.1", port).post("/things", json={})
    with pytest.raises(AssertionError, match="expected 201, got 500") as caught:
        reply.expect(201)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (drip, "deadline"),
        (drip_headers, "deadline"),
        (lambda connection: time.sleep(1.5), "deadline"),
        (hints, "protocol"),
        (flood, "too_large"),
        (lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n"), "protocol"),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"), "protocol"),
        (lambda connection: None, "protocol"),
        (answer(b"\x1f\x8b", "content-encoding: gzip"), "protocol"),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000), "protocol"),
    ],
)
def test_a_broken_exchange_has_a_reason_from_the_list(talk: Talk, reason: str) -> None:
    began = time.monotonic()
    with server(talk) as port, pytest.raises(ProtocolProblem) as caught:
        Api("127.0.0.1", port, deadline_s=1.0).get("/")
    assert caught.value.reason == reason
    assert time.monotonic() - began < 5


def test_nobody_listens() -> None:
    with pytest.raises(ProtocolProblem) as caught:
        Api("127.0.0.1", 1).get("/")
    assert caught.value.reason == "connection"


def test_calls_run_together_and_keep_their_order() -> None:
    barrier = threading.Barrier(8, timeout=5)
    assert Api("127.0.0.1", 1).together([lambda n=n: (barrier.wait(), n)[1] for n in range(8)]) == list(range(8))


@pytest.mark.parametrize(
    "text",
    [
        "NaN", "Infinity", "-Infinity", "1e999", '{"a":1,"a":2}', "[" * 100 + "]" * 100, "[" * 100_000, "9" * 5000, "",
        "{", "'a'", "{\"a\": {\"b\": 1, \"b\": 2}}",
    ],
)  # fmt: skip
def test_json_that_is_not_strict_is_refused(text: str) -> None:
    with pytest.raises(NotStrictJson):
        loads(text.encode())


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(NotStrictJson):
        loads(b'"\xff"')


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_strict_json_reads_what_json_writes(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value


def in_turn(*talks: Talk) -> Talk:
    """Each request on one connection is answered by the next talk; then it is closed."""

    def talk(connection: socket.socket) -> None:
        for number, one in enumerate(talks):
            if number and not connection.recv(65536):
                return
            one(connection)

    return talk


def test_a_connection_is_used_again() -> None:
    idle = Idle()
    with server(in_turn(answer(b"1"), answer(b"2"))) as port:
        api = Api("127.0.0.1", port, idle=idle)
        assert [api.get("/").body for _ in range(2)] == [b"1", b"2"]
        idle.close()


def test_a_connection_that_was_closed_while_idle_is_no_problem() -> None:
    with server(in_turn(answer(b"1"))) as port:
        idle = Idle()
        api = Api("127.0.0.1", port, idle=idle)
        assert [api.get("/").body for _ in range(3)] == [b"1"] * 3
        idle.close()


def test_a_request_that_met_a_closing_connection_is_sent_on_a_new_one() -> None:
    idle = Idle()
    with server(in_turn(answer(b"1"), lambda connection: None)) as port:
        api = Api("127.0.0.1", port, idle=idle)
        assert [api.get("/").body for _ in range(2)] == [b"1"] * 2
        idle.close()


def test_a_broken_reply_on_a_used_connection_is_a_problem() -> None:
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"
    with server(in_turn(answer(b"1"), lambda connection: connection.sendall(half))) as port:
        api = Api("127.0.0.1", port, idle=Idle())
        api.get("/")
        with pytest.raises(ProtocolProblem) as caught:
            api.get("/")
    assert caught.value.reason == "protocol"


def test_a_connection_that_the_app_wants_closed_is_not_kept() -> None:
    idle = Idle()
    with server(in_turn(answer(b"1", "connection: close"))) as port:
        Api("127.0.0.1", port, idle=idle).get("/")
    assert idle.take() is None


def test_each_check_looks_like_one_everyday_client_and_its_own_headers_go_first() -> None:
    heads: list[bytes] = []

    drawn = {tuple(guise(f"seed:{number}").items()) for number in range(200)}
    assert drawn == {tuple(client.items()) for client in CLIENTS}
    assert guise("one") == guise("one")
    with server(answer(b"{}"), heads) as port:
        for client in CLIENTS:
            Api("127.0.0.1", port, guise=client).within(5).get("/", headers={"ACCEPT": "text/csv"})
    for client, head in zip(CLIENTS, heads, strict=True):
        assert all(f"{name}: {value}".encode() in head for name, value in client.items() if name.lower() != "accept")
        assert head.lower().count(b"accept: ") == 1
        assert b"accept: text/csv" in head


def test_no_client_asks_for_a_language_or_an_encoding_that_a_check_would_have_to_decode() -> None:
    for client in CLIENTS:
        named = {name.lower(): value for name, value in client.items()}
        assert "accept-language" not in named
        assert named.get("accept-encoding", "identity") == "identity"
        assert named["user-agent"]
