"""The host's end of a runner, against runners that die, lie, stall or come too late, played on a pair of pipes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import Address, Sandbox
from harness.sandboxes import link
from harness.sandboxes.link import CLOSE, DATA, ERR, EXIT, FILE, HEADER, OPEN, OUT, REPLY, REQUEST, RunnerSandbox
from harness.sandboxes.runner import TAIL, Output, Pair, Runner


class Played:
    """A body whose process 1 is the test: it reads what the host sends, and sends frames of its own."""

    def __init__(self, *, ready: bool = True) -> None:
        inner, outer = os.pipe(), os.pipe()
        self.stdin: IO[bytes] = os.fdopen(inner[1], "wb")
        self.stdout: IO[bytes] = os.fdopen(outer[0], "rb")
        self._reads, self._writes = os.fdopen(inner[0], "rb"), os.fdopen(outer[1], "wb", buffering=0)
        self.way: socket.socket | None = None
        self._lock = threading.Lock()
        self.kills = 0
        self.limit: str | None = None
        self.words = ""
        if ready:
            self.send(REPLY, 0, {"ready": True})

    def send(self, kind: int, channel: int, payload: object) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self._writes.write(HEADER.pack(len(data), kind, channel) + data)

    def raw(self, data: bytes) -> None:
        self._writes.write(data)

    def receive(self) -> tuple[int, int, bytes]:
        """(kind, channel, payload) of the next frame from the host."""
        length, kind, channel = HEADER.unpack(self._reads.read(HEADER.size))
        return kind, channel, self._reads.read(length)

    def request(self) -> tuple[int, dict[str, object]]:
        """(ident, fields) of the host's next request."""
        kind, ident, payload = self.receive()
        assert kind == REQUEST
        return ident, json.loads(payload)

    def hands(self) -> socket.socket | None:
        return self.way

    def die(self) -> None:
        with self._lock:
            if not self._writes.closed:
                self._writes.close()
                self._reads.close()

    def kill(self) -> None:
        self.kills += 1
        self.die()

    def over_limit(self) -> str | None:
        return self.limit

    def said(self) -> str:
        return self.words


@pytest.fixture
def played() -> Iterator[tuple[Played, RunnerSandbox]]:
    body = Played()
    box = RunnerSandbox("played", body, {}, Deadline(5.0))
    yield body, box
    box.close()


@contextlib.contextmanager
def in_thread(target: object) -> Iterator[None]:
    """Run `target` beside the block, and see it end."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            target()  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join(5.0)
    assert not thread.is_alive()
    assert not errors, errors


def test_a_runner_that_never_answers_is_lost_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "GRACE_S", 0.05)
    body = Played()
    box = RunnerSandbox("played", body, {}, Deadline(5.0))
    with pytest.raises(Failure, match="gave no answer") as failed:
        box.run(["true"], deadline=Deadline(0.05))
    assert failed.value.cause == Cause.SANDBOX
    assert body.kills == 1
    box.close()


def test_a_runner_that_does_not_start_fails_with_its_last_words() -> None:
    body = Played(ready=False)
    body.words = "cannot mount"
    body.die()
    with pytest.raises(Failure, match="start the runner: the sandbox has ended: cannot mount"):
        RunnerSandbox("played", body, {}, Deadline(2.0))
    assert body.kills == 1


def test_an_error_of_the_runner_is_a_failure_of_the_sandbox(played: tuple[Played, RunnerSandbox]) -> None:
    body, box = played

    def refuse() -> None:
        ident, request = body.request()
        assert request == {"op": "witness"}
        body.send(REPLY, ident, {"error": "no such thing"})

    with in_thread(refuse), pytest.raises(Failure, match="read the witness: no such thing"):
        box.witness()


@pytest.mark.parametrize(
    "ending",
    [b"", b"\x00\x00", HEADER.pack(100, OUT, 1) + b"cut", HEADER.pack(link.FRAME_CAP + 1, OUT, 1), b"\xff" * 40],
)
def test_a_stream_that_ends_or_is_no_stream_ends_what_waits_and_what_comes(
    played: tuple[Played, RunnerSandbox], ending: bytes
) -> None:
    body, box = played

    def end() -> None:
        body.request()
        body.raw(ending)
        if len(ending) < 9 or ending.endswith(b"cut"):
            body.die()

    began = time.monotonic()
    with in_thread(end), pytest.raises(Failure, match="has ended"):
        box.run(["sleep", "60"], deadline=Deadline(60.0))
    for use in (box.witness, box.kill_all, lambda: box.put("/", {}), lambda: box.start(["a"]).wait(Deadline(9.0))):
        with pytest.raises(Failure, match="has ended"):
            use()
    assert time.monotonic() - began < 8.0


def test_what_waits_on_several_threads_is_woken(played: tuple[Played, RunnerSandbox]) -> None:
    body, box = played
    process = box.start(["sleep"])
    failures: list[Failure] = []

    def wait() -> None:
        try:
            process.wait(Deadline(30.0))
        except Failure as failure:
            failures.append(failure)

    with in_thread(wait), in_thread(wait), in_thread(wait):
        time.sleep(0.1)
        body.die()
    assert len(failures) == 3


@pytest.mark.parametrize("told_by", ["runner", "kernel"])
def test_a_sandbox_that_went_over_a_limit_says_so_to_everybody(
    played: tuple[Played, RunnerSandbox], told_by: str
) -> None:
    body, box = played

    def end() -> None:
        body.request()
        if told_by == "runner":
            body.send(REPLY, 0, {"exceeded": "memory"})
        else:
            body.limit = "memory"
        body.die()

    with in_thread(end), pytest.raises(LimitReached) as reached:
        box.run(["true"], deadline=Deadline(5.0))
    assert (reached.value.limit, reached.value.cause) == ("memory", Cause.SANDBOX)
    with pytest.raises(LimitReached):
        box.snapshot("/workspace", deadline=Deadline(5.0))


def test_two_files_that_cannot_be_put_are_one_failure_that_names_the_first(
    played: tuple[Played, RunnerSandbox],
) -> None:
    body, box = played

    def answer() -> None:
        ident, _ = body.request()
        body.send(REPLY, ident, {})
        while body.receive()[0] == FILE:
            pass
        body.send(ERR, ident, b"'a': full")
        body.send(ERR, ident, b"'b': full")
        body.send(REPLY, ident, {})

    with in_thread(answer), pytest.raises(Failure, match="'a': full"):
        box.put("/workspace", {"a": (b"1", False), "b": (b"2", False)})


def test_a_large_file_goes_in_pieces_that_name_it_once_each(played: tuple[Played, RunnerSandbox]) -> None:
    body, box = played
    content = os.urandom(link.CHUNK * 2 + 10)
    got: list[tuple[dict[str, object], bytes]] = []

    def answer() -> None:
        ident, _ = body.request()
        body.send(REPLY, ident, {})
        while (frame := body.receive())[0] == FILE:
            header, data = frame[2].split(b"\n", 1)
            got.append((json.loads(header), data))
        body.send(REPLY, ident, {})

    with in_thread(answer):
        box.put("/workspace", {"a\nb": (content, True)})
    assert b"".join(data for _, data in got) == content
    assert [header["append"] for header, _ in got] == [False, True, True]
    assert {(header["path"], header["executable"]) for header, _ in got} == {("a\nb", True)}


def test_a_snapshot_holds_what_was_sent_and_flags_names_that_cannot_be_shown(
    played: tuple[Played, RunnerSandbox],
) -> None:
    body, box = played
    plain = {"size": 0, "executable": False, "target": ""}

    def answer() -> None:
        ident, _ = body.request()
        for path, kind in (
            ("a", "file"),
            ("b\x1b", "file"),
            ("c" * 1025, "special"),
            ("d", "link"),
            ("\udcff", "file"),
        ):
            body.send(FILE, ident, {**plain, "path": path, "kind": kind, "target": "\udcff" if kind == "link" else ""})
            if kind == "file":
                body.send(OUT, ident, b"content")
                body.send(OUT, ident, b" of " + path.encode("utf-8", "surrogateescape"))
        body.send(REPLY, ident, {"flags": ["too-deep"]})

    with in_thread(answer):
        snapshot = box.snapshot("/workspace", deadline=Deadline(5.0))
    assert list(snapshot.entries) == ["a", "d"]
    assert list(snapshot.blobs.values()) == [b"content of a"]
    assert snapshot.entries["d"].target == "?"
    assert snapshot.flags == ("odd-name", "too-deep")


def test_an_answer_to_nobody_is_dropped(played: tuple[Played, RunnerSandbox]) -> None:
    body, box = played
    body.send(OUT, 4711, b"x")
    body.send(DATA, 4711, b"x")
    body.send(CLOSE, 4711, b"")

    def answer() -> None:
        ident, _ = body.request()
        body.send(EXIT, ident, {"code": 0, "dropped": [0, 0], "tails": ["", ""]})

    with in_thread(answer):
        assert box.run(["true"], deadline=Deadline(5.0)).exit_code == 0


def open_relay(relays: dict[int, object]) -> tuple[Played, RunnerSandbox]:
    body = Played()

    def listen() -> None:
        for port in relays:
            ident, request = body.request()
            assert request == {"op": "listen", "port": port}
            body.send(REPLY, ident, {})

    with in_thread(listen):
        box = RunnerSandbox("played", body, relays, Deadline(5.0))  # type: ignore[arg-type]
    return body, box


def test_frames_go_from_one_runner_to_the_other_until_one_hangs_up(played: tuple[Played, RunnerSandbox]) -> None:
    far, peer = played
    body, box = open_relay({5432: lambda: (peer, Address(path="/run/db"))})
    body.send(OPEN, 1, {"port": 5432})
    kind, channel, payload = far.receive()
    assert (kind, json.loads(payload)) == (OPEN, {"port": None, "path": "/run/db"})
    body.send(DATA, 1, b"question")
    assert far.receive() == (DATA, channel, b"question")
    far.send(DATA, channel, b"answer")
    assert body.receive() == (DATA, 1, b"answer")
    far.send(CLOSE, channel, b"")
    assert body.receive() == (CLOSE, 1, b"")
    body.send(DATA, 1, b"late")
    body.send(OPEN, 3, {"port": 5432})
    assert far.receive()[0] == OPEN
    box.close()


def broken() -> tuple[Sandbox, Address]:
    raise Failure(Cause.SANDBOX, "no such service")


def unexpected() -> tuple[Sandbox, Address]:
    raise ZeroDivisionError


@pytest.mark.parametrize("target", [broken, unexpected])
def test_an_address_that_cannot_be_had_closes_one_connection_only(target: object) -> None:
    body, box = open_relay({80: target})
    for channel in (1, 3):
        body.send(OPEN, channel, {"port": 80})
        assert body.receive() == (CLOSE, channel, b"")
    box.close()


def test_a_connection_to_a_sandbox_that_has_ended_is_closed(played: tuple[Played, RunnerSandbox]) -> None:
    far, peer = played
    body, box = open_relay({80: lambda: (peer, Address(port=80))})
    body.send(OPEN, 1, {"port": 80})
    assert far.receive()[0] == OPEN
    far.die()
    assert body.receive() == (CLOSE, 1, b"")
    body.send(OPEN, 3, {"port": 80})
    told = body.receive()
    if told == (CLOSE, 1, b""):  # both ends of the lost connection may say so
        told = body.receive()
    assert told == (CLOSE, 3, b"")
    box.close()


class Handing(Played):
    """A body that hands connections over."""

    def __init__(self, *, ready: bool = True) -> None:
        super().__init__(ready=ready)
        self.way, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._theirs.settimeout(5.0)

    def hand_over(self, port: int) -> socket.socket:
        """Give one end of a connection away; the other."""
        mine, given = socket.socketpair()
        mine.settimeout(5.0)
        with given:
            socket.send_fds(self._theirs, [json.dumps({"port": port}).encode()], [given.fileno()])
        return mine

    def handed(self) -> tuple[object, socket.socket]:
        """(address, connection) of the next that is given to this runner."""
        address, fds, _, _ = socket.recv_fds(self._theirs, 4096, 1)
        return json.loads(address), socket.socket(fileno=fds[0])

    def die(self) -> None:
        super().die()
        self._theirs.close()


def open_hands(body: Played, relays: dict[int, object]) -> RunnerSandbox:
    def listen() -> None:
        for _ in relays:
            ident, _ = body.request()
            body.send(REPLY, ident, {})

    with in_thread(listen):
        return RunnerSandbox("played", body, relays, Deadline(5.0))  # type: ignore[arg-type]


def test_a_connection_is_handed_from_one_runner_to_the_other() -> None:
    far, body = Handing(), Handing()
    peer = open_hands(far, {})
    box = open_hands(body, {5432: lambda: (peer, Address(path="/run/db")), 80: broken, 81: unexpected})
    for text in (b"one", b"two"):
        with body.hand_over(5432) as mine:
            address, theirs = far.handed()
            with theirs:
                theirs.sendall(text)
            assert (address, mine.recv(99), mine.recv(99)) == ({"port": None, "path": "/run/db"}, text, b"")
    for port in (80, 81):
        with body.hand_over(port) as mine:
            assert mine.recv(99) == b"", "nobody has it"
    peer.close()
    with body.hand_over(5432) as mine:
        assert mine.recv(99) == b""
    box.close()


def test_a_runner_that_does_not_start_leaves_no_way_of_connections() -> None:
    body = Handing(ready=False)
    body.die()
    with pytest.raises(Failure, match="start the runner"):
        RunnerSandbox("played", body, {80: broken}, Deadline(2.0))
    assert body.way is not None
    assert body.way.fileno() == -1


def test_closing_ends_the_way_of_connections_and_its_thread() -> None:
    def held() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    threads, files = held()
    box = open_hands(Handing(), {80: broken})
    assert threading.active_count() == threads + 2
    box.close()
    box.close()
    assert held() == (threads, files)


def test_closing_ends_the_thread_and_both_pipes() -> None:
    before = threading.active_count()
    body = Played()
    box = RunnerSandbox("played", body, {}, Deadline(5.0))
    assert threading.active_count() == before + 1
    box.close()
    box.close()
    assert threading.active_count() == before
    assert body.kills == 1
    assert body.stdin.closed
    assert body.stdout.closed


@given(st.lists(st.binary(min_size=1, max_size=3 * TAIL), max_size=6), st.integers(0, 2 * TAIL))
def test_an_output_s_head_and_tail_and_count_tell_the_whole(parts: list[bytes], cap: int) -> None:
    with os.fdopen(os.memfd_create("pipe"), "rb") as pipe:
        output = Output(pipe, OUT, cap)
        head = b"".join(output.take(part) for part in parts)
    whole = b"".join(parts)
    assert head == whole[:cap]
    assert output.dropped == len(whole) - len(head)
    assert output.tail == whole[len(head) :][-TAIL:]


def connected() -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection; the second does not block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    far.setblocking(False)
    return near, far


def test_two_ends_that_go_in_the_same_moment_do_not_take_the_runner_with_them() -> None:
    runner = Runner({"witness": False, "hands": None})
    (near, handed), (far, dialled) = connected(), connected()
    pair = Pair(handed, dialled)
    pair.connecting = False
    runner.pairs.add(pair)
    runner.watch_pair(pair)
    for sock in (near, far):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    ready = runner.selector.select(1.0)
    assert len(ready) == 2
    for key, _ in ready:
        key.data()
    assert runner.pairs == set()
    assert handed.fileno() == dialled.fileno() == -1
    runner.selector.close()
    os.close(runner.worth)
