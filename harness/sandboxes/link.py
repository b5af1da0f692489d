"""The host's end of a runner's stdio: commands, files, snapshots and relays for every kind of sandbox.

A sandbox module only has to start process 1 somewhere and hand it over as a `Body`; everything else is here, once. One
thread reads frames; writers share a lock. Relayed frames go straight from one runner to the other, and each relayed
connection has a window, so a peer that stops reading stops its sender instead of filling the host. No runner ever stops
reading, so a thread that writes to one cannot wait for long.

Where runners share this machine, a connection is handed over instead of relayed: the host looks its end up and passes
the open socket on, and nothing that goes through it comes by here.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

from harness.core.deadline import Deadline
from harness.core.digest import sha256
from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import Address, Executed, Sandbox, Snapshot
from harness.core.records import Entry, SeenListener, SeenProcess, Witness

HEADER = struct.Struct("!IBI")
REQUEST, REPLY, OUT, ERR, EXIT, IN, FILE, OPEN, DATA, ACK, EOF, CLOSE = range(12)
RELAYED = frozenset({DATA, ACK, EOF, CLOSE})
CHUNK = 256 * 1024
FRAME_CAP = 8 * 1024 * 1024
LINE_CAP = 1024 * 1024
MAX_ENTRIES = 20_000
MAX_DEPTH = 48
GRACE_S = 15.0
"""How much longer than its deadline a request may take before the runner counts as lost."""
SAID_S = 60.0
"""Longest that a runner may take to pass on what a command has written."""

Relays = Mapping[int, Callable[[], tuple[Sandbox, Address]]]


class Body(Protocol):
    """Process 1 of a sandbox as its kind of sandbox started it."""

    stdin: IO[bytes]
    stdout: IO[bytes]

    def hands(self) -> socket.socket | None:
        """Where whole connections are handed over, one a message; None where process 1 may be on another machine.

        Asked once, of a process 1 that is ready.
        """

    def kill(self) -> None:
        """End it and everything in it, and wait until that is so; may be called again, from any thread."""

    def over_limit(self) -> str | None:
        """The limit that what ran inside went over, where the kernel says so."""

    def said(self) -> str:
        """Its own complaints, for people."""


@dataclass(frozen=True)
class _Frame:
    kind: int
    payload: bytes


_Inbox = queue.SimpleQueue[_Frame]
ENDED = _Frame(CLOSE, b"")


class RunnerSandbox:
    """A sandbox whose process 1 is our runner."""

    limits_applied: Mapping[str, str]
    """Limit -> how it is kept; set by the kind of sandbox, to be recorded and shown."""

    def __init__(self, kind: str, body: Body, relays: Relays, deadline: Deadline) -> None:
        self.kind = kind
        self.limits_applied = {}
        self._body = body
        self._relays = relays
        self._write_lock = threading.Lock()
        self._close_lock = threading.Lock()
        self._idents = itertools.count(1)
        self._channels = itertools.count(2, 2)
        self._inboxes: dict[int, _Inbox] = {0: queue.SimpleQueue()}
        self._routes: dict[int, tuple[RunnerSandbox, int]] = {}
        self._lost = threading.Event()
        self._closed = False
        self._over_limit: str | None = None
        self._hands: socket.socket | None = None
        self._hands_lock = threading.Lock()
        self._hander = threading.Thread(target=self._hand_over, name=f"{kind}-hands", daemon=True)
        self._reader = threading.Thread(target=self._read, name=f"{kind}-link", daemon=True)
        self._reader.start()
        try:
            self._expect(0, deadline, "start the runner")
            self._hands = body.hands()
            if self._hands is not None and relays:
                self._hander.start()
            for port in relays:
                self.ask(deadline, "listen", port=port)
        except Failure:
            # Where no runner came up, nobody has asked for its way of connections yet.
            self._hands = self._hands or body.hands()
            self.close()
            raise

    @property
    def hands_over(self) -> bool:
        """Whether connections of this sandbox are handed over; without it they are relayed."""
        return self._hands is not None

    # --- commands

    def run(
        self,
        argv: list[str],
        *,
        deadline: Deadline,
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        cap: int = 1_000_000,
        step: int | None = None,
    ) -> Executed:
        """Run a command to its end or its deadline."""
        began = time.monotonic()
        request = _command(argv, cwd, env, cap, stdin_open=bool(stdin), timeout=deadline.remaining(), step=step)
        process = self._start(argv, {**request, "witnessed": step is not None})
        for start in range(0, len(stdin), CHUNK):
            self._send(IN, process.ident, stdin[start : start + CHUNK])
        if stdin:
            self._send(IN, process.ident, b"")
        return process.collect(deadline, began)

    def start(
        self, argv: list[str], *, cwd: str = "/", env: Mapping[str, str] | None = None, log_cap: int = 1_000_000
    ) -> RunnerProcess:
        """Start a command that goes on."""
        request = _command(argv, cwd, env, log_cap, stdin_open=True, timeout=None, step=None)
        return self._start(argv, {**request, "witnessed": True})

    def _start(self, argv: list[str], request: Mapping[str, object]) -> RunnerProcess:
        ident, inbox = self._new_inbox()
        self._request(ident, "run", **request)
        return RunnerProcess(self, ident, inbox, argv)

    # --- files

    def put(self, root: str, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Write files below `root`."""
        deadline = Deadline(60.0)
        ident, inbox = self._new_inbox()
        self._request(ident, "put", root=root)
        _answer(self._next(inbox, deadline, "put files"), "put files")
        for path, (content, executable) in files.items():
            for start in range(0, max(1, len(content)), CHUNK):
                header = {"path": path, "executable": executable, "append": start > 0}
                self._send(FILE, ident, json.dumps(header).encode() + b"\n" + content[start : start + CHUNK])
        self._request(ident, "put_end")
        problems = [frame.payload.decode() for frame in self._until_reply(ident, deadline, "put files")[0]]
        if problems:
            raise Failure(Cause.SANDBOX, f"put files into the sandbox: {problems[0]}")

    def snapshot(self, root: str, *, deadline: Deadline, max_bytes: int = 256_000_000) -> Snapshot:
        """Read every path below `root`; version control folders and caches are left out."""
        return self._snapshot(root, deadline, max_bytes, skip_git=True)

    def raw_snapshot(self, root: str, *, deadline: Deadline, max_bytes: int = 64_000_000) -> Snapshot:
        """Read every path below `root`, version control folders included."""
        return self._snapshot(root, deadline, max_bytes, skip_git=False)

    def _snapshot(self, root: str, deadline: Deadline, max_bytes: int, *, skip_git: bool) -> Snapshot:
        ident, inbox = self._new_inbox()
        caps = {"max_bytes": max_bytes, "max_entries": MAX_ENTRIES, "max_depth": MAX_DEPTH}
        self._request(ident, "snapshot", root=root, skip_git=skip_git, **caps)
        builder = _SnapshotBuilder()
        while True:
            frame = self._next(inbox, deadline, "read the snapshot")
            if frame.kind == REPLY:
                self._inboxes.pop(ident, None)
                return builder.done(_answer(frame, "read the snapshot").get("flags", []))
            builder.take(frame)

    # --- what was seen, and the end

    def witness(self) -> Witness:
        """What the runner saw running and listening."""
        ident, _ = self._new_inbox()
        self._request(ident, "witness")
        processes, listeners = [], []
        frames, answer = self._until_reply(ident, Deadline(30.0), "read the witness")
        for frame in frames:
            record = json.loads(frame.payload)
            if "process" in record:
                processes.append(SeenProcess.model_validate(record["process"]))
            else:
                listeners.append(SeenListener.model_validate(record["listener"]))
        return Witness(processes=tuple(processes), listeners=tuple(listeners), complete=answer["complete"])

    def kill_all(self) -> None:
        """Kill everything in the sandbox but the runner."""
        answer = self.ask(Deadline(20.0), "kill_all")
        if answer["left"]:
            raise Failure(Cause.SANDBOX, f"{answer['left']} processes could not be killed")

    def close(self) -> None:
        """End the sandbox and wait until nothing of it is left."""
        with self._close_lock:
            if self._closed:
                return
            self._closed = True
            self._body.kill()
            self._reader.join(timeout=10.0)
            self._drop_hands()
            for stream in (self._body.stdin, self._body.stdout):
                with contextlib.suppress(OSError):
                    stream.close()

    # --- frames

    def _new_inbox(self) -> tuple[int, _Inbox]:
        ident = next(self._idents)
        inbox: _Inbox = queue.SimpleQueue()
        self._inboxes[ident] = inbox
        if self._lost.is_set():
            inbox.put(ENDED)
        return ident, inbox

    def _send(self, kind: int, channel: int, payload: bytes) -> None:
        try:
            with self._write_lock:
                self._body.stdin.write(HEADER.pack(len(payload), kind, channel) + payload)
                self._body.stdin.flush()
        except (OSError, ValueError) as error:
            self._lost.wait(1.0)
            raise self._ended("use the sandbox") from error

    def _request(self, ident: int, op: str, **fields: object) -> None:
        self._send(REQUEST, ident, json.dumps({"op": op, **fields}).encode())

    def _ended(self, doing: str) -> Failure:
        """What to raise for a sandbox that is no more: by its own doing, or by nobody knows whose."""
        limit = self._over_limit or self._body.over_limit()
        if limit is not None:
            return LimitReached(limit, f"{doing}: the sandbox went over its {limit} limit and was ended")
        said = self._body.said()
        return Failure(Cause.SANDBOX, f"{doing}: the sandbox has ended{': ' + said if said else ''}")

    def _forward(self, kind: int, channel: int, payload: bytes) -> bool:
        """Pass a relayed frame on; False when the sandbox has ended and takes no more."""
        try:
            self._send(kind, channel, payload)
        except Failure:
            return False
        return True

    def _read(self) -> None:
        try:
            while True:
                header = self._body.stdout.read(HEADER.size)
                if len(header) < HEADER.size:
                    break
                length, kind, channel = HEADER.unpack(header)
                if length > FRAME_CAP:
                    break
                payload = self._body.stdout.read(length)
                if len(payload) < length:
                    break
                self._dispatch(kind, channel, payload)
        except (OSError, ValueError):
            pass
        finally:
            self._lost.set()
            for inbox in list(self._inboxes.values()):
                inbox.put(ENDED)
            for channel in list(self._routes):
                self._hang_up(channel)

    def _dispatch(self, kind: int, channel: int, payload: bytes) -> None:
        if kind == OPEN:
            self._accept(channel, json.loads(payload)["port"])
        elif kind == CLOSE:
            self._hang_up(channel)
        elif kind in RELAYED:
            route = self._routes.get(channel)
            if route is not None and not route[0]._forward(kind, route[1], payload):
                self._drop(channel)
        elif channel in self._inboxes:
            self._inboxes[channel].put(_Frame(kind, payload))
        elif channel == 0:
            self._over_limit = json.loads(payload)["exceeded"]

    def _hang_up(self, channel: int) -> None:
        """Close the far end of a relayed connection."""
        route = self._routes.pop(channel, None)
        if route is not None:
            peer, other = route
            peer._routes.pop(other, None)
            peer._forward(CLOSE, other, b"")

    def _drop(self, channel: int) -> None:
        """Close this end of a relayed connection whose far end is gone."""
        self._routes.pop(channel, None)
        self._forward(CLOSE, channel, b"")

    def _target(self, port: int) -> tuple[RunnerSandbox, bytes] | None:
        """The sandbox behind a port and the address in there; None while it cannot be had."""
        try:
            peer, address = self._relays[port]()
        except Exception:
            # Whoever looks the address up has its own way to tell; here a thread serves the whole sandbox.
            return None
        if not isinstance(peer, RunnerSandbox):
            raise TypeError("relays join runner sandboxes only")
        return peer, json.dumps({"port": address.port, "path": address.path}).encode()

    def _accept(self, channel: int, port: int) -> None:
        target = self._target(port)
        if target is None:
            self._drop(channel)
            return
        peer, request = target
        other = next(peer._channels)
        self._routes[channel] = (peer, other)
        peer._routes[other] = (self, channel)
        if not peer._forward(OPEN, other, request) or peer._lost.is_set():
            peer._routes.pop(other, None)
            self._drop(channel)

    # --- connections that are handed over

    def _hand_over(self) -> None:
        """Pass on what the runner accepts until it ends; a connection that nobody takes ends here."""
        assert self._hands is not None
        while True:
            try:
                message, fds, _, _ = socket.recv_fds(self._hands, CHUNK, 1, socket.MSG_CMSG_CLOEXEC)
            except OSError:
                return
            if not message:
                return
            try:
                target = self._target(json.loads(message)["port"])
                if target is not None:
                    target[0]._take(target[1], fds)
            finally:
                for fd in fds:
                    os.close(fd)

    def _take(self, address: bytes, fds: list[int]) -> None:
        """Give connections to this sandbox's runner; a sandbox that has ended takes none."""
        with self._hands_lock, contextlib.suppress(OSError):
            if self._hands is not None:
                socket.send_fds(self._hands, [address], fds)

    def _drop_hands(self) -> None:
        if self._hands is None:
            return
        with contextlib.suppress(OSError):
            self._hands.shutdown(socket.SHUT_RDWR)
        if self._hander.is_alive():
            self._hander.join(timeout=10.0)
        with self._hands_lock:
            self._hands.close()

    def _next(self, inbox: _Inbox, deadline: Deadline, doing: str) -> _Frame:
        try:
            frame = inbox.get(timeout=deadline.remaining() + GRACE_S)
        except queue.Empty:
            self._body.kill()
            raise Failure(Cause.SANDBOX, f"{doing}: the runner gave no answer") from None
        if frame is ENDED:
            inbox.put(ENDED)
            raise self._ended(doing)
        return frame

    def _until_reply(self, ident: int, deadline: Deadline, doing: str) -> tuple[list[_Frame], dict[str, Any]]:
        inbox = self._inboxes[ident]
        frames: list[_Frame] = []
        while (frame := self._next(inbox, deadline, doing)).kind != REPLY:
            frames.append(frame)
        self._inboxes.pop(ident, None)
        return frames, _answer(frame, doing)

    def _expect(self, ident: int, deadline: Deadline, doing: str) -> dict[str, Any]:
        return self._until_reply(ident, deadline, doing)[1]

    def ask(self, deadline: Deadline, op: str, **fields: object) -> dict[str, Any]:
        """One request to the runner and its answer; for kinds of sandbox."""
        ident, _ = self._new_inbox()
        self._request(ident, op, **fields)
        return self._expect(ident, deadline, op)


def _command(
    argv: list[str],
    cwd: str,
    env: Mapping[str, str] | None,
    cap: int,
    *,
    stdin_open: bool,
    timeout: float | None,
    step: int | None,
) -> dict[str, object]:
    times = {"timeout": timeout, "step": step, "stdin_open": stdin_open}
    return {"argv": argv, "cwd": cwd, "env": dict(env or {}), "cap": cap, **times}


def _answer(frame: _Frame, doing: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(frame.payload)
    if "error" in answer:
        raise Failure(Cause.SANDBOX, f"{doing}: {answer['error']}")
    return answer


class RunnerProcess:
    """A command inside a runner's sandbox; its methods may be called from several threads."""

    def __init__(self, sandbox: RunnerSandbox, ident: int, inbox: _Inbox, argv: list[str]) -> None:
        self.ident = ident
        self._sandbox = sandbox
        self._inbox = inbox
        self._argv = argv
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._summary: dict[str, Any] | None = None
        self._followed = False

    def collect(self, deadline: Deadline, began: float) -> Executed:
        """Wait for the end and take everything."""
        while self._summary is None:
            self._use(self._sandbox._next(self._inbox, deadline, f"run {self._argv[0]}"))
        return Executed(
            exit_code=self._summary["code"],
            stdout=bytes(self._stdout) + self._rest(0),
            stderr=bytes(self._stderr) + self._rest(1),
            dropped=sum(self._summary["dropped"]),
            seconds=time.monotonic() - began,
        )

    def wait(self, deadline: Deadline) -> int | None:
        """Exit status, None when the deadline passes first; negative for a signal.

        A command whose lines are read ends only once they are: read them first.
        """
        while self._summary is None and not deadline.passed():
            with contextlib.suppress(TimeoutError):
                self._take_within(deadline.remaining())
        return None if self._summary is None else int(self._summary["code"])

    def read_line(self, deadline: Deadline) -> bytes | None:
        """Next line of standard output, None at its end; `TimeoutError` when the deadline passes first.

        From the first call on no line is dropped: a command that is read too slowly waits.
        """
        if not self._followed:
            self._followed = True
            self._sandbox._request(self.ident, "follow")
        while True:
            line, newline, rest = self._stdout.partition(b"\n")
            if newline or self._summary is not None:
                break
            if len(self._stdout) > LINE_CAP:
                del self._stdout[LINE_CAP:]
            self._take_line(deadline)
        self._stdout = bytearray(rest)
        return bytes(line[:LINE_CAP]) if line or newline else None

    def _take_line(self, deadline: Deadline) -> None:
        before = len(self._stdout)
        self._take_within(deadline.remaining())
        if len(self._stdout) > before:
            self._sandbox._request(self.ident, "more", count=len(self._stdout) - before)

    def write(self, data: bytes) -> None:
        """Send to its standard input."""
        self._sandbox._send(IN, self.ident, data)

    def log(self) -> bytes:
        """Standard error and unread standard output so far; past the cap, only the tail is kept.

        Whatever the command wrote before this call is in it. What it wrote comes another way than what it answers on a
        socket, and on a busy machine the answer is often the quicker of the two.
        """
        if self._summary is None:
            # A sandbox that has ended says nothing more: what came is all there is.
            with contextlib.suppress(Failure):
                self._sandbox.ask(Deadline(SAID_S), "said", target=self.ident)
        with contextlib.suppress(TimeoutError, Failure):
            while self._summary is None:
                self._take_within(0.0)
        return bytes(self._stderr) + self._rest(1) + bytes(self._stdout) + self._rest(0)

    def kill(self) -> None:
        """Kill its process group at once."""
        self._sandbox.ask(Deadline(10.0), "kill", target=self.ident)

    def _rest(self, stream: int) -> bytes:
        """What follows the head of an output stream: how much was dropped, and the tail."""
        if self._summary is None:
            return b""
        dropped: int = self._summary["dropped"][stream]
        tail: str = self._summary["tails"][stream]
        mark = f"\n[... {dropped} bytes of output dropped ...]\n" if dropped else ""
        return (mark + tail).encode("latin-1")

    def _take_within(self, seconds: float) -> None:
        try:
            frame = self._inbox.get(timeout=seconds) if seconds else self._inbox.get_nowait()
        except queue.Empty:
            raise TimeoutError(f"no output of {self._argv[0]}") from None
        self._use(frame)

    def _use(self, frame: _Frame) -> None:
        if frame.kind == OUT:
            self._stdout += frame.payload
        elif frame.kind == ERR:
            self._stderr += frame.payload
        elif frame.kind == EXIT:
            self._end(json.loads(frame.payload), frame)
        elif frame.kind == REPLY:
            self._stderr += json.loads(frame.payload)["error"].encode("utf-8", "replace")
            self._end({"code": 127, "dropped": [0, 0], "tails": ["", ""]}, _Frame(OUT, b""))
        else:
            self._inbox.put(ENDED)
            raise self._sandbox._ended(f"run {self._argv[0]}")

    def _end(self, summary: dict[str, Any], frame: _Frame) -> None:
        """Take note of the end, and wake whoever else waits for it."""
        self._summary = summary
        self._sandbox._inboxes.pop(self.ident, None)
        self._inbox.put(frame)


class _SnapshotBuilder:
    """Puts the frames of a snapshot together; names that cannot be printed are flagged and left out."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.blobs: dict[str, bytes] = {}
        self.flags: set[str] = set()
        self._header: dict[str, Any] | None = None
        self._content = bytearray()

    def take(self, frame: _Frame) -> None:
        if frame.kind == FILE:
            self._finish()
            self._header = json.loads(frame.payload)
        elif frame.kind == OUT:
            self._content += frame.payload

    def done(self, flags: list[str]) -> Snapshot:
        self._finish()
        return Snapshot(self.entries, self.blobs, tuple(sorted(self.flags.union(flags))))

    def _finish(self) -> None:
        header, content = self._header, bytes(self._content)
        self._header = None
        self._content = bytearray()
        if header is None:
            return
        path = header["path"]
        if not path.isprintable() or len(path) > 1024:
            self.flags.add("odd-name")
            return
        name = ""
        if header["kind"] == "file":
            name = sha256(content)
            self.blobs[name] = content
        self.entries[path] = Entry(
            kind=header["kind"],
            sha256=name,
            size=header["size"],
            executable=header["executable"],
            target=header["target"].encode("utf-8", "replace").decode(),
        )
