"""The host's end of a runner's stdio: commands, files, snapshots and relays for every kind of sandbox.

A sandbox module only has to start process 1 somewhere and hand over its two pipes and a way to kill it; everything else
is here, once. One thread reads frames; writers share a lock. Relayed frames go straight from one runner to the other,
and each relayed connection has a window, so a peer that stops reading stops its sender instead of filling the host.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from harness.core.deadline import Deadline
from harness.core.digest import sha256
from harness.core.errors import Cause, Failure
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

Relays = Mapping[int, Callable[[], tuple[Sandbox, Address]]]


@dataclass(frozen=True)
class _Frame:
    kind: int
    payload: bytes


class RunnerSandbox:
    """A sandbox whose process 1 is our runner."""

    def __init__(
        self,
        kind: str,
        stdin: IO[bytes],
        stdout: IO[bytes],
        kill: Callable[[], None],
        relays: Relays,
        deadline: Deadline,
    ) -> None:
        self.kind = kind
        self._stdin = stdin
        self._stdout = stdout
        self._kill = kill
        self._relays = relays
        self._write_lock = threading.Lock()
        self._idents = itertools.count(1)
        self._channels = itertools.count(2, 2)
        self._inboxes: dict[int, queue.SimpleQueue[_Frame]] = {0: queue.SimpleQueue()}
        self._routes: dict[int, tuple[RunnerSandbox, int]] = {}
        self._lost = threading.Event()
        self._closed = False
        self._reader = threading.Thread(target=self._read, name=f"{kind}-link", daemon=True)
        self._reader.start()
        self._expect(0, deadline, "start the runner")
        for port in relays:
            self._ask(deadline, "listen", port=port)

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
        process = self._start(argv, cwd, env, deadline.remaining(), cap, step, stdin_open=bool(stdin))
        for start in range(0, len(stdin), CHUNK):
            self._send(IN, process.ident, stdin[start : start + CHUNK])
        if stdin:
            self._send(IN, process.ident, b"")
        return process.collect(deadline, began)

    def start(
        self, argv: list[str], *, cwd: str = "/", env: Mapping[str, str] | None = None, log_cap: int = 1_000_000
    ) -> RunnerProcess:
        """Start a command that goes on."""
        return self._start(argv, cwd, env, None, log_cap, None, stdin_open=True)

    def _start(
        self,
        argv: list[str],
        cwd: str,
        env: Mapping[str, str] | None,
        timeout: float | None,
        cap: int,
        step: int | None,
        *,
        stdin_open: bool,
    ) -> RunnerProcess:
        ident = self._new_inbox()
        request = {
            "op": "run",
            "argv": argv,
            "cwd": cwd,
            "env": dict(env or {}),
            "timeout": timeout,
            "cap": cap,
            "step": step,
            "stdin_open": stdin_open,
        }
        self._send(REQUEST, ident, json.dumps(request).encode())
        return RunnerProcess(self, ident, argv)

    # --- files

    def put(self, root: str, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Write files below `root`."""
        deadline = Deadline(60.0)
        ident = self._new_inbox()
        self._send(REQUEST, ident, json.dumps({"op": "put", "root": root}).encode())
        self._expect(ident, deadline, "put files", keep=True)
        for path, (content, executable) in files.items():
            for start in range(0, max(1, len(content)), CHUNK):
                header = {"path": path, "executable": executable, "append": start > 0}
                self._send(FILE, ident, json.dumps(header).encode() + b"\n" + content[start : start + CHUNK])
        self._send(REQUEST, ident, b'{"op": "put_end"}')
        problems = [frame.payload.decode() for frame in self._until_reply(ident, deadline, "put files")]
        if problems:
            raise Failure(Cause.SANDBOX, f"put files into the sandbox: {problems[0]}")

    def snapshot(self, root: str, *, deadline: Deadline, max_bytes: int = 256_000_000) -> Snapshot:
        """Read every path below `root`; version control folders and caches are left out."""
        return self._snapshot(root, deadline, max_bytes, skip_git=True)

    def raw_snapshot(self, root: str, *, deadline: Deadline, max_bytes: int = 64_000_000) -> Snapshot:
        """Read every path below `root`, version control folders included."""
        return self._snapshot(root, deadline, max_bytes, skip_git=False)

    def _snapshot(self, root: str, deadline: Deadline, max_bytes: int, *, skip_git: bool) -> Snapshot:
        ident = self._new_inbox()
        request = {
            "op": "snapshot",
            "root": root,
            "max_bytes": max_bytes,
            "max_entries": MAX_ENTRIES,
            "max_depth": MAX_DEPTH,
            "skip_git": skip_git,
        }
        self._send(REQUEST, ident, json.dumps(request).encode())
        builder = _SnapshotBuilder()
        while True:
            frame = self._next(ident, deadline, "read the snapshot")
            if frame.kind == REPLY:
                self._inboxes.pop(ident, None)
                return builder.done(_answer(frame, "read the snapshot").get("flags", []))
            builder.take(frame)

    # --- what was seen, and the end

    def witness(self) -> Witness:
        """What the runner saw running and listening."""
        ident = self._new_inbox()
        self._send(REQUEST, ident, b'{"op": "witness"}')
        processes, listeners = [], []
        for frame in self._until_reply(ident, Deadline(30.0), "read the witness"):
            record = json.loads(frame.payload)
            if "process" in record:
                processes.append(SeenProcess.model_validate(record["process"]))
            else:
                listeners.append(SeenListener.model_validate(record["listener"]))
        return Witness(processes=tuple(processes), listeners=tuple(listeners))

    def kill_all(self) -> None:
        """Kill everything in the sandbox but the runner."""
        answer = self._ask(Deadline(20.0), "kill_all")
        if answer["left"]:
            raise Failure(Cause.SANDBOX, f"{answer['left']} processes could not be killed")

    def close(self) -> None:
        """End the sandbox."""
        if self._closed:
            return
        self._closed = True
        for channel, (peer, other) in list(self._routes.items()):
            self._routes.pop(channel, None)
            peer._forward(CLOSE, other, b"")
        self._kill()
        with contextlib.suppress(OSError):
            self._stdin.close()
        self._reader.join(timeout=10.0)

    # --- frames

    def _new_inbox(self) -> int:
        ident = next(self._idents)
        self._inboxes[ident] = queue.SimpleQueue()
        return ident

    def _send(self, kind: int, channel: int, payload: bytes) -> None:
        try:
            with self._write_lock:
                self._stdin.write(HEADER.pack(len(payload), kind, channel) + payload)
                self._stdin.flush()
        except (OSError, ValueError) as error:
            raise Failure(Cause.SANDBOX, "the sandbox has ended") from error

    def _forward(self, kind: int, channel: int, payload: bytes) -> None:
        """Pass a relayed frame on; a sandbox that has ended takes no more."""
        with contextlib.suppress(Failure):
            self._send(kind, channel, payload)

    def _read(self) -> None:
        try:
            while True:
                header = self._stdout.read(HEADER.size)
                if len(header) < HEADER.size:
                    break
                length, kind, channel = HEADER.unpack(header)
                if length > FRAME_CAP:
                    break
                payload = self._stdout.read(length)
                if len(payload) < length:
                    break
                self._dispatch(kind, channel, payload)
        except (OSError, ValueError):
            pass
        finally:
            self._lost.set()
            for inbox in list(self._inboxes.values()):
                inbox.put(_Frame(CLOSE, b""))
            for peer, other in list(self._routes.values()):
                peer._forward(CLOSE, other, b"")

    def _dispatch(self, kind: int, channel: int, payload: bytes) -> None:
        if kind == OPEN:
            self._accept(channel, json.loads(payload)["port"])
        elif kind in RELAYED:
            route = self._routes.pop(channel, None) if kind == CLOSE else self._routes.get(channel)
            if route is not None:
                peer, other = route
                if kind == CLOSE:
                    peer._routes.pop(other, None)
                peer._forward(kind, other, payload)
        else:
            inbox = self._inboxes.get(channel)
            if inbox is not None:
                inbox.put(_Frame(kind, payload))

    def _accept(self, channel: int, port: int) -> None:
        try:
            peer, address = self._relays[port]()
        except Failure:
            self._forward(CLOSE, channel, b"")
            return
        if not isinstance(peer, RunnerSandbox):
            raise TypeError("relays join runner sandboxes only")
        other = next(peer._channels)
        self._routes[channel] = (peer, other)
        peer._routes[other] = (self, channel)
        peer._forward(OPEN, other, json.dumps({"port": address.port, "path": address.path}).encode())

    def _next(self, ident: int, deadline: Deadline, doing: str) -> _Frame:
        inbox = self._inboxes[ident]
        try:
            frame = inbox.get(timeout=deadline.remaining() + GRACE_S)
        except queue.Empty:
            self._kill()
            raise Failure(Cause.SANDBOX, f"{doing}: the runner gave no answer") from None
        if frame.kind == CLOSE:
            raise Failure(Cause.SANDBOX, f"{doing}: the sandbox has ended")
        return frame

    def _until_reply(self, ident: int, deadline: Deadline, doing: str) -> list[_Frame]:
        frames: list[_Frame] = []
        while True:
            frame = self._next(ident, deadline, doing)
            if frame.kind == REPLY:
                self._inboxes.pop(ident, None)
                _answer(frame, doing)
                return frames
            frames.append(frame)

    def _expect(self, ident: int, deadline: Deadline, doing: str, *, keep: bool = False) -> dict[str, Any]:
        frame = self._next(ident, deadline, doing)
        if not keep:
            self._inboxes.pop(ident, None)
        return _answer(frame, doing)

    def _ask(self, deadline: Deadline, op: str, **fields: object) -> dict[str, Any]:
        ident = self._new_inbox()
        self._send(REQUEST, ident, json.dumps({"op": op, **fields}).encode())
        return self._expect(ident, deadline, op)


def _answer(frame: _Frame, doing: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(frame.payload)
    if "error" in answer:
        raise Failure(Cause.SANDBOX, f"{doing}: {answer['error']}")
    return answer


class RunnerProcess:
    """A command inside a runner's sandbox."""

    def __init__(self, sandbox: RunnerSandbox, ident: int, argv: list[str]) -> None:
        self.ident = ident
        self._sandbox = sandbox
        self._argv = argv
        self._stdout = bytearray()
        self._stderr = bytearray()
        self._summary: dict[str, Any] | None = None
        self._start_error: str | None = None

    def collect(self, deadline: Deadline, began: float) -> Executed:
        """Wait for the end and take everything."""
        while self._summary is None:
            self._take(deadline)
        streams = [bytes(self._stdout), bytes(self._stderr)]
        for index, (dropped, tail) in enumerate(zip(self._summary["dropped"], self._summary["tails"], strict=True)):
            if dropped:
                kept = tail.encode("latin-1")
                mark = f"\n[... {dropped - len(kept)} bytes of output dropped ...]\n".encode()
                streams[index] += mark + kept
        return Executed(
            exit_code=self._summary["code"],
            stdout=streams[0],
            stderr=streams[1],
            dropped=sum(self._summary["dropped"]),
            seconds=time.monotonic() - began,
        )

    def wait(self, deadline: Deadline) -> int | None:
        """Exit status, None when the deadline passes first; negative for a signal."""
        while self._summary is None and not deadline.passed():
            with contextlib.suppress(TimeoutError):
                self._take_within(deadline.remaining())
        return None if self._summary is None else int(self._summary["code"])

    def read_line(self, deadline: Deadline) -> bytes | None:
        """Next line of standard output, None at its end; `TimeoutError` when the deadline passes first."""
        while b"\n" not in self._stdout and self._summary is None and len(self._stdout) <= LINE_CAP:
            self._take_within(deadline.remaining())
        if not self._stdout:
            return None
        line, newline, rest = self._stdout.partition(b"\n")
        self._stdout = bytearray(rest) if newline else bytearray()
        return bytes(line[:LINE_CAP])

    def write(self, data: bytes) -> None:
        """Send to its standard input."""
        self._sandbox._send(IN, self.ident, data)

    def log(self) -> bytes:
        """Standard error and unread standard output so far."""
        while True:
            try:
                self._take_within(0.0)
            except (TimeoutError, Failure):
                return bytes(self._stderr + self._stdout)
            if self._summary is not None:
                return bytes(self._stderr + self._stdout)

    def kill(self) -> None:
        """Kill its process group at once."""
        self._sandbox._ask(Deadline(10.0), "kill", target=self.ident)

    def _take_within(self, seconds: float) -> None:
        try:
            frame = (
                self._sandbox._inboxes[self.ident].get(timeout=seconds)
                if seconds
                else (self._sandbox._inboxes[self.ident].get_nowait())
            )
        except queue.Empty:
            raise TimeoutError(f"no output of {self._argv[0]}") from None
        self._use(frame)

    def _take(self, deadline: Deadline) -> None:
        self._use(self._sandbox._next(self.ident, deadline, f"run {self._argv[0]}"))

    def _use(self, frame: _Frame) -> None:
        if frame.kind == OUT:
            self._stdout += frame.payload
        elif frame.kind == ERR:
            self._stderr += frame.payload
        elif frame.kind == EXIT:
            self._summary = json.loads(frame.payload)
            self._sandbox._inboxes.pop(self.ident, None)
        elif frame.kind == REPLY:
            self._sandbox._inboxes.pop(self.ident, None)
            self._summary = {"code": 127, "dropped": [0, 0], "tails": ["", ""]}
            self._stderr += str(json.loads(frame.payload)["error"]).encode()
        else:
            raise Failure(Cause.SANDBOX, f"run {self._argv[0]}: the sandbox has ended")


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
