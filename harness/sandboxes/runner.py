"""Process 1 of every sandbox: trusted, one file, standard library only, one event loop that never blocks on a peer.

It is the only way in or out. Frames over its standard input and output carry commands, files, snapshots and relayed
connections, so a sandbox needs no network and no host path, and the same code serves a local namespace and a remote
daemon. Being process 1 it reaps orphans, cannot be killed from inside its pid namespace, and can kill everything else
at a deadline. It is not dumpable, so that a process of the same uid can neither trace it nor open its file descriptors.

Where host and sandboxes share a machine, connections are not relayed but handed over: whoever accepts one gives it away
whole, through the host, to the runner of the sandbox it is meant for, which carries it to its end there. What goes
through it then passes one process instead of three. Only runners ever hold a connection of another sandbox.

Every command inherits its own number as its limit on message queues. Anybody may lower that limit and nobody here may
raise it, so what a command started can be told whatever it did to its session, its parents or its environment.

Frame: `!IBI` (payload length, kind, channel), then the payload. See `harness/sandboxes/link.py` for the other end.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import json
import os
import resource
import selectors
import signal
import socket
import stat
import struct
import subprocess
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from typing import Any, BinaryIO, NoReturn

    Table = dict[int, tuple[int, int, tuple[str, ...]]]
    """pid -> (parent, start time, argv)."""
    Seen = dict[str, Any]

HEADER = struct.Struct("!IBI")
REQUEST, REPLY, OUT, ERR, EXIT, IN, FILE, OPEN, DATA, ACK, EOF, CLOSE = range(12)
CHUNK = 256 * 1024
WINDOW = 1024 * 1024
OUT_HIGH = 4 * 1024 * 1024
TAIL = 16 * 1024
PIPE_MOST = 1024 * 1024
"""Largest pipe that an unprivileged process can ask for."""
STRIDE = 50
"""Steps of a long answer between two looks at everything else."""
DRAINS_MOST = 256
LINKS_MOST = 1024
HANDED_MOST = 4096
"""Bytes of an address that comes with a connection."""
SAMPLE_S = 0.04
LINGER_S = 0.5
"""How long a process may take to end after its command."""
REDIAL_S, DIAL_S = 0.02, 10.0
WITNESS_CAP = 4000
TAGS, STACK_TAGS = 1_000_000, 1 << 40
OOM_SCORE = 500
INODE_BYTES = 1024
"""What an inode of a tmpfs costs the kernel, about."""
PR_SET_DUMPABLE = 4
SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_DUMP, NLMSG_DONE, TCP_LISTEN = 4, 20, 0x301, 3, 10
SKIPPED = frozenset(
    {"__pycache__", ".venv", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis", "node_modules"}
)


class Output:
    """One output stream of a command.

    Read for its lines, it is followed: the host grants what may be sent, and the command waits when it does not read.
    Otherwise the head is passed on, and past the cap only a tail is kept.
    """

    def __init__(self, pipe: BinaryIO, kind: int, cap: int) -> None:
        self.pipe = pipe
        self.fd: int | None = pipe.fileno()
        self.kind = kind
        self.left = cap
        self.followed = False
        self.tail = b""
        self.dropped = 0

    def take(self, data: bytes) -> bytes:
        """The part of `data` that is passed on."""
        if self.followed:
            self.left -= len(data)
            return data
        head, rest = data[: self.left], data[self.left :]
        self.left -= len(head)
        if rest:
            self.dropped += len(rest)
            self.tail = (self.tail + rest)[-TAIL:]
        return head

    def waits(self) -> bool:
        return self.followed and self.left <= 0


class Command:
    """A command that runs."""

    def __init__(
        self, ident: int, tag: int, popen: subprocess.Popen[bytes], cap: int, timeout: float | None, step: int | None
    ) -> None:
        assert popen.stdin is not None
        assert popen.stdout is not None
        assert popen.stderr is not None
        self.ident = ident
        self.tag = tag
        self.popen = popen
        self.pipe: Any = popen.stdin
        self.stdin: int | None = popen.stdin.fileno()
        self.outputs = [Output(popen.stdout, OUT, cap), Output(popen.stderr, ERR, cap)]  # type: ignore[arg-type]
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.step = step
        self.pending = bytearray()
        self.stdin_ends = False
        self.killed = False


class Link:
    """One relayed connection."""

    def __init__(self, channel: int, sock: socket.socket) -> None:
        self.channel = channel
        self.sock = sock
        self.credit = WINDOW
        self.buffer = bytearray()
        self.consumed = 0
        self.connecting = False
        self.read_ended = False
        self.write_ends = False
        self.peer_closed = False


class Pair:
    """A connection of another sandbox that was handed in whole, and the connection in here that it is carried to."""

    def __init__(self, handed: socket.socket, dialled: socket.socket) -> None:
        self.socks = (handed, dialled)
        self.buffers = (bytearray(), bytearray())
        """What each is still to get."""
        self.ended = [False, False]
        """Nothing more comes from it."""
        self.gone = [False, False]
        """It takes nothing more either."""
        self.shut = [False, False]
        """It was told that nothing more will come."""
        self.events = [0, 0]
        """What each is watched for."""
        self.connecting = True

    def done(self) -> bool:
        """Whether all that came in either way has gone out, and nothing more will come."""
        return all(self.gone[1 - side] or (self.ended[side] and not self.buffers[1 - side]) for side in (0, 1))

    def wanted(self, side: int) -> int:
        """What one of them is to be watched for."""
        events = 0
        if not self.connecting and not self.ended[side] and len(self.buffers[1 - side]) < WINDOW:
            events |= selectors.EVENT_READ
        if self.buffers[side] or (self.connecting and side):
            events |= selectors.EVENT_WRITE
        return events

    def read(self, side: int) -> None:
        """Take what one of them has to say."""
        if self.ended[side] or len(self.buffers[1 - side]) >= WINDOW:
            return
        try:
            data = self.socks[side].recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self.lose(side)
            return
        if data:
            self.buffers[1 - side].extend(data)
        else:
            self.ended[side] = True

    def write(self, side: int) -> None:
        """Tell one of them what the other said, and that it is silent now."""
        buffer = self.buffers[side]
        try:
            while buffer:
                del buffer[: self.socks[side].send(buffer)]
            if self.ended[1 - side] and not self.shut[side] and not self.gone[side]:
                self.shut[side] = True
                self.socks[side].shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self.lose(side)

    def lose(self, side: int) -> None:
        """One of them is no more."""
        self.ended[side] = self.gone[side] = True
        self.buffers[side].clear()


class Runner:
    """The event loop and everything it answers."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.selector = selectors.DefaultSelector()
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.commands: dict[int, Command] = {}
        self.pids: dict[int, Command] = {}
        self.links: dict[int, Link] = {}
        self.pairs: set[Pair] = set()
        self.handing: list[tuple[int, socket.socket]] = []
        self.dials: dict[socket.socket, tuple[str, float, Callable[[int], None]]] = {}
        """What is to be connected to which unix socket, until when, and who is told how it went."""
        self.listeners: dict[socket.socket, int] = {}
        self.drains: dict[int, BinaryIO] = {}
        self.jobs: list[Generator[None]] = []
        self.puts: dict[int, str] = {}
        self.next_channel = 1
        self.tag = first_tag()
        self.worth = os.open("/proc/self/oom_score_adj", os.O_RDWR)
        """Open, because a process that is not dumpable may not open its own."""
        self.own_worth = int(os.read(self.worth, 16))
        self.memory: Memory | None = None
        self.witness = Witness(self.own_inodes) if config["witness"] else None
        self.next_sample = 0.0
        self.crowded = False
        self.hands = way_out(config["hands"])
        if self.hands is not None:
            self.hands.setblocking(False)
            self.hands.set_inheritable(False)
            self.selector.register(self.hands, selectors.EVENT_READ, self.use_hands)

    # --- frames

    def send(self, kind: int, channel: int, payload: bytes) -> None:
        self.outbox += HEADER.pack(len(payload), kind, channel)
        self.outbox += payload
        self.flush()

    def reply(self, ident: int, **fields: object) -> None:
        self.send(REPLY, ident, json.dumps(fields).encode())

    def flush(self) -> None:
        try:
            while self.outbox:
                count = os.write(1, memoryview(self.outbox)[: 1 << 20])
                del self.outbox[:count]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            os._exit(0)

    def congested(self) -> bool:
        return len(self.outbox) > OUT_HIGH

    def receive(self) -> None:
        try:
            data = os.read(0, 1 << 20)
        except BlockingIOError:
            return
        if not data:
            os._exit(0)
        self.inbox += data
        start = 0
        while len(self.inbox) - start >= HEADER.size:
            length, kind, channel = HEADER.unpack_from(self.inbox, start)
            end = start + HEADER.size + length
            if len(self.inbox) < end:
                break
            self.handle(kind, channel, bytes(self.inbox[start + HEADER.size : end]))
            start = end
        del self.inbox[:start]

    def handle(self, kind: int, channel: int, payload: bytes) -> None:
        if kind == REQUEST:
            request = json.loads(payload)
            try:
                getattr(self, "do_" + request.pop("op"))(channel, **request)
            except Exception as error:
                self.reply(channel, error=f"{type(error).__name__}: {error}")
        elif kind == IN:
            self.feed(channel, payload)
        elif kind == FILE:
            self.write_file(channel, payload)
        elif kind == OPEN:
            self.dial(channel, json.loads(payload))
        else:
            self.relay_frame(kind, channel, payload)

    # --- loop

    def run(self) -> NoReturn:
        wake, wake_write = os.pipe()
        for fd in (0, 1, wake, wake_write):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        # Python's own handler would let a process inside interrupt this one; without any, the kernel drops the signal.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self.selector.register(0, selectors.EVENT_READ, self.receive)
        self.selector.register(wake, selectors.EVENT_READ, lambda: os.read(wake, 4096))
        while True:
            self.watch_output()
            for key, _ in self.selector.select(self.pause()):
                key.data()
            self.work()
            self.flush()
            self.reap()
            self.enforce_deadlines()
            self.redial()
            self.look()

    def watch_output(self) -> None:
        wanted = bool(self.outbox)
        registered = self.watched(1)
        if wanted and not registered:
            self.selector.register(1, selectors.EVENT_WRITE, self.flush)
        elif registered and not wanted:
            self.selector.unregister(1)
        if not self.congested():
            for link in self.links.values():
                self.watch(link)
            for command in self.commands.values():
                for output in command.outputs:
                    self.watch_pipe(command, output)

    def watched(self, fd: int) -> bool:
        return fd in self.selector.get_map()

    def watch_pipe(self, command: Command, output: Output) -> None:
        if output.fd is not None and not output.waits() and not self.watched(output.fd):
            self.selector.register(output.fd, selectors.EVENT_READ, lambda: self.pump(command, output))

    def pause(self) -> float | None:
        """Seconds until something is due, None when nothing is."""
        if self.jobs and not self.congested():
            return 0.0
        now = time.monotonic()
        times = [command.deadline - now for command in self.commands.values() if command.deadline is not None]
        if self.looks():
            times.append(self.next_sample - now)
        if self.dials:
            times.append(REDIAL_S)
        return max(0.0, min(times)) if times else None

    def work(self) -> None:
        """Go on with one of the long answers, as far as the host takes it."""
        if self.jobs and not self.congested():
            job = self.jobs.pop(0)
            with contextlib.suppress(StopIteration):
                for _ in range(STRIDE):
                    next(job)
                    if self.congested():
                        break
                self.jobs.append(job)

    # --- commands

    def do_run(
        self,
        ident: int,
        argv: list[str],
        cwd: str,
        env: dict[str, str],
        timeout: float | None,
        cap: int,
        step: int | None,
        stdin_open: bool,
        witnessed: bool,
    ) -> None:
        self.tag -= 1
        put_tag(self.tag)
        popen = self.spawn(argv, cwd, {**os.environ, **env})
        command = Command(ident, self.tag, popen, cap, timeout, step)
        for fd in (command.stdin, *(output.fd for output in command.outputs)):
            assert fd is not None
            os.set_blocking(fd, False)
        command.stdin_ends = not stdin_open
        self.commands[ident] = command
        self.pids[popen.pid] = command
        if self.witness is not None:
            self.witness.began(self.tag, step, witnessed)
        self.crowded = True
        self.write_stdin(command)

    def spawn(self, argv: list[str], cwd: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start a command that the kernel takes before it takes this process where memory runs out."""
        os.pwrite(self.worth, b"%d" % max(self.own_worth, OOM_SCORE), 0)
        try:
            return subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        finally:
            os.pwrite(self.worth, b"%d" % self.own_worth, 0)

    def feed(self, ident: int, payload: bytes) -> None:
        command = self.commands.get(ident)
        if command is not None and command.stdin is not None:
            if payload:
                command.pending += payload
            else:
                command.stdin_ends = True
            self.write_stdin(command)

    def write_stdin(self, command: Command) -> None:
        if command.stdin is None:
            return
        try:
            while command.pending:
                del command.pending[: os.write(command.stdin, command.pending[:CHUNK])]
        except BlockingIOError:
            if not self.watched(command.stdin):
                self.selector.register(command.stdin, selectors.EVENT_WRITE, lambda: self.write_stdin(command))
            return
        except OSError:
            command.pending.clear()
            command.stdin_ends = True
        if self.watched(command.stdin):
            self.selector.unregister(command.stdin)
        if command.stdin_ends:
            command.pipe.close()
            command.stdin = None

    def pump(self, command: Command, output: Output) -> None:
        assert output.fd is not None
        if self.congested() or output.waits():
            self.selector.unregister(output.fd)
            return
        try:
            data = os.read(output.fd, CHUNK)
        except BlockingIOError:
            return
        if not data:
            self.end_output(output)
            return
        self.pass_on(command, output, data)

    def pass_on(self, command: Command, output: Output, data: bytes) -> None:
        head = output.take(data)
        if head:
            self.send(output.kind, command.ident, head)

    def end_output(self, output: Output) -> None:
        if output.fd is not None:
            if self.watched(output.fd):
                self.selector.unregister(output.fd)
            output.fd = None
            output.pipe.close()

    def do_follow(self, ident: int) -> None:
        """From now on nothing of the command's standard output is dropped; it waits for `do_more` instead."""
        command = self.commands.get(ident)
        if command is not None:
            command.outputs[0].followed = True
            command.outputs[0].left = WINDOW

    def do_more(self, ident: int, count: int) -> None:
        command = self.commands.get(ident)
        if command is not None:
            command.outputs[0].left += count

    def do_said(self, ident: int, target: int) -> None:
        """Pass on what a command has written by now; the answer comes after it."""
        command = self.commands.get(target)
        if command is not None:
            for output in command.outputs:
                if not output.waits():
                    self.empty(command, output)
        self.reply(ident)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                # Told only of a process that made this one its tracer, where the kernel lets it.
                kill(pid)
                continue
            command = self.pids.pop(pid, None)
            if command is not None:
                command.popen.returncode = os.waitstatus_to_exitcode(status)
                self.finish(command)

    def finish(self, command: Command) -> None:
        for output in command.outputs:
            self.drain(command, output)
        if command.stdin is not None:
            if self.watched(command.stdin):
                self.selector.unregister(command.stdin)
            command.pipe.close()
        del self.commands[command.ident]
        if self.witness is not None:
            self.witness.ended(command.tag)
        summary = {
            "code": None if command.killed else command.popen.returncode,
            "dropped": [output.dropped - len(output.tail) for output in command.outputs],
            "tails": [output.tail.decode("latin-1") for output in command.outputs],
        }
        self.send(EXIT, command.ident, json.dumps(summary).encode())

    def drain(self, command: Command, output: Output) -> None:
        """Take what is in the pipe now; a background child may hold it open, so go on reading and drop the rest."""
        self.empty(command, output)
        if output.fd is not None:
            self.discard(output)

    def empty(self, command: Command, output: Output) -> None:
        """Take what is in the pipe now."""
        taken = 0
        while output.fd is not None and taken < PIPE_MOST:
            try:
                data = os.read(output.fd, CHUNK)
            except BlockingIOError:
                return
            if not data:
                self.end_output(output)
                return
            taken += len(data)
            self.pass_on(command, output, data)

    def discard(self, output: Output) -> None:
        fd, output.fd = output.fd, None
        assert fd is not None
        if self.watched(fd):
            self.selector.unregister(fd)
        if len(self.drains) >= DRAINS_MOST:
            self.end_drain(next(iter(self.drains)))
        self.drains[fd] = output.pipe
        self.selector.register(fd, selectors.EVENT_READ, lambda: self.read_away(fd))

    def read_away(self, fd: int) -> None:
        try:
            ended = not os.read(fd, CHUNK)
        except BlockingIOError:
            return
        if ended:
            self.end_drain(fd)

    def end_drain(self, fd: int) -> None:
        self.selector.unregister(fd)
        self.drains.pop(fd).close()

    def enforce_deadlines(self) -> None:
        now = time.monotonic()
        for command in list(self.commands.values()):
            if command.deadline is not None and now >= command.deadline:
                command.killed = True
                command.deadline = None
                kill_group(command.popen.pid)
                kill_tagged(command.tag, self.tag)

    def do_kill(self, ident: int, target: int) -> None:
        command = self.commands.get(target)
        if command is not None:
            kill_group(command.popen.pid)
        self.reply(ident)

    def do_kill_all(self, ident: int) -> None:
        if self.witness is not None:
            self.witness.sample(0.0)
        end = time.monotonic() + 5.0
        left = others()
        while left and time.monotonic() < end:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            self.reap()
            left = others()
            if left:
                time.sleep(0.002)
        self.reap()
        self.reply(ident, left=len(left))

    # --- what was seen, and what is used

    def looks(self) -> bool:
        return self.crowded and (self.witness is not None or self.memory is not None)

    def look(self) -> None:
        """Sample while anything but this process runs; a look takes at most a third of the time between looks."""
        now = time.monotonic()
        if not self.looks() or now < self.next_sample:
            return
        if self.witness is not None:
            self.witness.sample()
        if self.memory is not None and not self.memory.relieve():
            self.reply(0, exceeded="memory")
            os.set_blocking(1, True)
            self.flush()
            os._exit(0)
        self.crowded = bool(others())
        ended = time.monotonic()
        self.next_sample = ended + max(SAMPLE_S, 3 * (ended - now))

    def do_keep_memory(self, ident: int, most: int, disks: list[str]) -> None:
        limit(resource.RLIMIT_DATA, most)
        self.memory = Memory(most, disks)
        self.reply(ident)

    def do_witness(self, ident: int) -> None:
        if self.witness is None:
            self.reply(ident, error="this sandbox keeps no witness")
            return
        self.witness.sample(0.0)
        for record in self.witness.records():
            self.send(FILE, ident, json.dumps(record).encode())
        self.reply(ident, complete=self.witness.complete)

    def own_inodes(self) -> set[int]:
        sockets = [*self.listeners, *(link.sock for link in self.links.values())]
        return {os.fstat(sock.fileno()).st_ino for sock in sockets}

    # --- files

    def do_put(self, ident: int, root: str) -> None:
        os.makedirs(root, exist_ok=True)
        self.puts[ident] = root
        self.reply(ident)

    def write_file(self, ident: int, payload: bytes) -> None:
        header, content = payload.split(b"\n", 1)
        fields = json.loads(header)
        path = os.path.join(self.puts[ident], fields["path"])
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            mode = 0o755 if fields["executable"] else 0o644
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            fd = os.open(path, flags | (os.O_APPEND if fields["append"] else os.O_TRUNC), mode)
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(fd, view) :]
                os.fchmod(fd, mode)
            finally:
                os.close(fd)
        except (OSError, ValueError) as error:
            self.send(ERR, ident, f"{fields['path']!r}: {error}".encode("utf-8", "replace"))

    def do_put_end(self, ident: int) -> None:
        self.puts.pop(ident, None)
        self.reply(ident)

    def do_snapshot(
        self, ident: int, root: str, max_bytes: int, max_entries: int, max_depth: int, skip_git: bool
    ) -> None:
        self.jobs.append(self.send_tree(ident, root, Walker(max_bytes, max_entries, max_depth, skip_git)))

    def send_tree(self, ident: int, root: str, walker: Walker) -> Generator[None]:
        for header, fd in walker.walk(root):
            self.send(FILE, ident, json.dumps(header).encode())
            yield
            if fd is not None:
                yield from self.send_content(ident, fd, header["size"])
        self.reply(ident, flags=sorted(walker.flags))

    def send_content(self, ident: int, fd: int, size: int) -> Generator[None]:
        """Exactly `size` bytes: the host has been told the size and waits for no more and no less."""
        left = size
        while left:
            data = os.read(fd, min(CHUNK, left)) or b"\0" * min(CHUNK, left)
            self.send(OUT, ident, data)
            left -= len(data)
            yield

    # --- relays

    def do_listen(self, ident: int, port: int) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
        listener.setblocking(False)
        self.listeners[listener] = port
        self.selector.register(listener, selectors.EVENT_READ, lambda: self.accept(listener))
        self.reply(ident)

    def accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        if len(self.links) + len(self.handing) >= LINKS_MOST:
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.hands is not None:
            self.handing.append((self.listeners[listener], sock))
            self.use_hands()
            return
        channel = self.next_channel
        self.next_channel += 2
        self.links[channel] = Link(channel, sock)
        self.send(OPEN, channel, json.dumps({"port": self.listeners[listener]}).encode())

    def dial(self, channel: int, address: dict[str, Any]) -> None:
        link = Link(channel, dialling(address))
        link.connecting = True
        self.links[channel] = link
        self.connect(link.sock, address, lambda code: self.close(link) if code else self.turn(link))

    def connect(self, sock: socket.socket, address: dict[str, Any], told: Callable[[int], None]) -> None:
        """Begin to connect; `told` gets 0 or the error, unless the connection is on its way and will be writable."""
        if address["port"] is None:
            self.dials[sock] = (address["path"], time.monotonic() + DIAL_S, told)
            self.redial()
            return
        code = sock.connect_ex(("127.0.0.1", address["port"]))
        if code != errno.EINPROGRESS:
            told(code)

    def redial(self) -> None:
        """Try unix sockets again whose backlog was full: unlike TCP, the kernel does not wait for them."""
        for sock, (path, end, told) in list(self.dials.items()):
            code = sock.connect_ex(path)
            if code == errno.EAGAIN and time.monotonic() < end:
                continue
            del self.dials[sock]
            told(code)

    # --- connections that are handed over

    def use_hands(self) -> None:
        """Give away what was accepted here, as far as the host takes it, and take what is given."""
        assert self.hands is not None
        while self.handing:
            port, sock = self.handing[0]
            try:
                socket.send_fds(self.hands, [json.dumps({"port": port}).encode()], [sock.fileno()])
            except BlockingIOError:
                break
            except OSError:
                pass  # Whoever connected sees the connection end.
            self.handing.pop(0)
            sock.close()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.handing else 0)
        if self.selector.get_key(self.hands).events != events:
            self.selector.modify(self.hands, events, self.use_hands)
        self.take_handed()

    def take_handed(self) -> None:
        assert self.hands is not None
        try:
            address, fds, _, _ = socket.recv_fds(self.hands, HANDED_MOST, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            address = b""
        if not address:
            os._exit(0)
        for fd in fds:
            handed = socket.socket(fileno=fd)
            if len(self.pairs) >= LINKS_MOST:
                handed.close()
            else:
                handed.setblocking(False)
                self.join(handed, json.loads(address))

    def join(self, handed: socket.socket, address: dict[str, Any]) -> None:
        """Carry a connection of another sandbox to an address in here."""
        pair = Pair(handed, dialling(address))
        self.pairs.add(pair)
        self.connect(pair.socks[1], address, lambda code: self.part(pair) if code else self.carry(pair, 1))
        if pair in self.pairs and address["port"] is not None:
            self.watch_pair(pair)

    def carry(self, pair: Pair, side: int) -> None:
        """One of the two can say or take something."""
        if pair not in self.pairs:
            return  # Both were ready in one look, and the other's turn has parted them.
        if pair.connecting:
            pair.connecting = False
            if pair.socks[1].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.part(pair)
                return
        pair.read(side)
        pair.write(1 - side)
        pair.write(side)
        if pair.done():
            self.part(pair)
        else:
            self.watch_pair(pair)

    def watch_pair(self, pair: Pair) -> None:
        for side, sock in enumerate(pair.socks):
            before, events = pair.events[side], pair.wanted(side)
            if events == before:
                continue
            pair.events[side] = events
            if not events:
                self.selector.unregister(sock)
            elif before:
                self.selector.modify(sock, events, self.selector.get_key(sock).data)
            else:
                self.selector.register(sock, events, functools.partial(self.carry, pair, side))

    def part(self, pair: Pair) -> None:
        self.pairs.discard(pair)
        self.dials.pop(pair.socks[1], None)
        for side, sock in enumerate(pair.socks):
            if pair.events[side]:
                self.selector.unregister(sock)
            sock.close()

    # --- connections that are relayed

    def watch(self, link: Link) -> None:
        if link.sock in self.dials:
            return
        events = 0
        if not link.connecting and not link.read_ended and link.credit > 0 and not self.congested():
            events |= selectors.EVENT_READ
        if link.connecting or link.buffer:
            events |= selectors.EVENT_WRITE
        key = self.selector.get_map().get(link.sock.fileno())
        if key is None:
            if events:
                self.selector.register(link.sock, events, lambda: self.turn(link))
        elif not events:
            self.selector.unregister(link.sock)
        elif key.events != events:
            self.selector.modify(link.sock, events, key.data)

    def turn(self, link: Link) -> None:
        try:
            if link.connecting:
                code = link.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    raise OSError(code, "connect")
                link.connecting = False
            self.write_link(link)
            self.read_link(link)
        except OSError:
            self.close(link)
            return
        if link.channel in self.links:
            self.watch(link)

    def read_link(self, link: Link) -> None:
        if link.read_ended or link.peer_closed or link.credit <= 0 or self.congested():
            return
        try:
            data = link.sock.recv(min(CHUNK, link.credit))
        except BlockingIOError:
            return
        if data:
            link.credit -= len(data)
            self.send(DATA, link.channel, data)
        else:
            link.read_ended = True
            self.send(EOF, link.channel, b"")
            self.close_when_done(link)

    def write_link(self, link: Link) -> None:
        with contextlib.suppress(BlockingIOError):
            while link.buffer:
                count = link.sock.send(memoryview(link.buffer)[:CHUNK])
                del link.buffer[:count]
                link.consumed += count
        if link.consumed >= WINDOW // 4:
            self.send(ACK, link.channel, struct.pack("!I", link.consumed))
            link.consumed = 0
        if link.write_ends and not link.buffer:
            with contextlib.suppress(OSError):
                link.sock.shutdown(socket.SHUT_WR)
            self.close_when_done(link)

    def close_when_done(self, link: Link) -> None:
        if link.write_ends and not link.buffer and (link.read_ended or link.peer_closed):
            self.close(link)

    def close(self, link: Link) -> None:
        if self.links.pop(link.channel, None) is None:
            return
        self.dials.pop(link.sock, None)
        if self.watched(link.sock.fileno()):
            self.selector.unregister(link.sock)
        link.sock.close()
        if not link.peer_closed:
            self.send(CLOSE, link.channel, b"")

    def relay_frame(self, kind: int, channel: int, payload: bytes) -> None:
        link = self.links.get(channel)
        if link is None:
            return
        if kind == DATA:
            link.buffer += payload
        elif kind == ACK:
            link.credit += struct.unpack("!I", payload)[0]
            return
        else:
            # What the peer sent before it closed is still delivered.
            link.write_ends = True
            link.peer_closed = link.peer_closed or kind == CLOSE
        if not link.connecting:
            self.turn(link)
        elif link.peer_closed and not link.buffer:
            self.close(link)


class Walker:
    """Walks a tree by directory descriptors, never following a link, within caps that hold before anything is read."""

    def __init__(self, max_bytes: int, max_entries: int, max_depth: int, skip_git: bool) -> None:
        self.left = max_bytes
        self.entries = max_entries
        self.max_depth = max_depth
        self.skip_git = skip_git
        self.flags: set[str] = set()

    def walk(self, root: str) -> Iterator[tuple[dict[str, Any], int | None]]:
        """(header, open descriptor of a regular file) of everything below `root`."""
        try:
            fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            self.flags.add(f"unreadable:{error.strerror}")
            return
        yield from self.folder(fd, "", 0)

    def folder(self, fd: int, prefix: str, depth: int) -> Iterator[tuple[dict[str, Any], int | None]]:
        try:
            for name in sorted(os.listdir(fd)):
                if self.skip_git and name == ".git":
                    if depth:
                        self.flags.add("nested-git")
                    continue
                if self.skip_git and name in SKIPPED:
                    continue
                if self.entries <= 0:
                    self.flags.add("too-many-files")
                    return
                self.entries -= 1
                yield from self.entry(fd, name, prefix + name, depth)
        finally:
            os.close(fd)

    def entry(self, folder: int, name: str, path: str, depth: int) -> Iterator[tuple[dict[str, Any], int | None]]:
        info = os.lstat(name, dir_fd=folder)
        header = {"path": path, "kind": "special", "size": 0, "executable": False, "target": ""}
        if stat.S_ISLNK(info.st_mode):
            yield {**header, "kind": "link", "target": os.readlink(name, dir_fd=folder)}, None
        elif stat.S_ISDIR(info.st_mode):
            yield from self.below(folder, name, path, depth, header)
        elif stat.S_ISREG(info.st_mode):
            yield from self.regular(folder, name, info, header)
        else:
            self.flags.add("special-file")
            yield header, None

    def below(
        self, folder: int, name: str, path: str, depth: int, header: dict[str, Any]
    ) -> Iterator[tuple[dict[str, Any], int | None]]:
        if depth >= self.max_depth:
            self.flags.add("too-deep")
            return
        child = self.open(folder, name, os.O_DIRECTORY)
        if child is None:
            yield header, None
        else:
            yield from self.folder(child, path + "/", depth + 1)

    def regular(
        self, folder: int, name: str, info: os.stat_result, header: dict[str, Any]
    ) -> Iterator[tuple[dict[str, Any], int | None]]:
        header["size"] = info.st_size
        if info.st_size > self.left:
            self.flags.add("too-large")
            yield header, None
            return
        child = self.open(folder, name, os.O_NONBLOCK)
        if child is None:
            yield header, None
            return
        self.left -= info.st_size
        try:
            yield {**header, "kind": "file", "executable": bool(info.st_mode & 0o100)}, child
        finally:
            os.close(child)

    def open(self, folder: int, name: str, flags: int) -> int | None:
        """Open what its owner may have made unreadable; None, and a flag, where even that fails."""
        for attempt in range(2):
            try:
                return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | flags, dir_fd=folder)
            except OSError:
                if attempt == 0:
                    with contextlib.suppress(OSError):
                        os.chmod(name, 0o700 if flags & os.O_DIRECTORY else 0o600, dir_fd=folder)
        self.flags.add("unreadable")
        return None


class Witness:
    """Remembers which processes and listening sockets it saw, beside whatever the agent says it ran."""

    def __init__(self, own_inodes: Callable[[], set[int]]) -> None:
        self.own_inodes = own_inodes
        self.steps: dict[int, int | None] = {}
        self.ends: dict[int, float] = {}
        self.last = 0
        self.processes: dict[tuple[int, int, tuple[str, ...]], Seen] = {}
        self.sockets: dict[int, Seen] = {}
        self.complete = True

    def began(self, tag: int, step: int | None, witnessed: bool) -> None:
        """A command starts; the harness's own are not witnessed."""
        self.last = tag
        if witnessed:
            self.steps[tag] = step

    def ended(self, tag: int) -> None:
        self.ends[tag] = time.monotonic()

    def sample(self, linger: float = LINGER_S) -> None:
        """Take note of all there is; what lives `linger` seconds longer than its command has survived it."""
        if not self.steps:
            return
        table = process_table()
        before = time.monotonic() - linger
        for pid, (ppid, start, argv) in table.items():
            key = (pid, start, argv)
            seen = self.processes.get(key)
            if seen is None and argv and pid != os.getpid():
                seen = self.keep(self.processes, key, tag_of(pid), ancestors(table, ppid))
            if seen is not None and self.ends.get(seen["tag"], before) < before:
                seen["survived"] = True
        self.sample_sockets(table, before)

    def sample_sockets(self, table: Table, before: float) -> None:
        own = self.own_inodes()
        for address, inode in listening():
            seen = self.sockets.get(inode)
            if seen is None and inode not in own:
                owner = owner_of(inode, table)
                chain = ancestors(table, table[owner][0]) if owner is not None else []
                seen = self.keep(self.sockets, inode, tag_of(owner) if owner is not None else min(self.steps), chain)
                if seen is not None:
                    seen.update(address=address, argv=table[owner][2] if owner is not None else ())
            if seen is not None and self.ends.get(seen["tag"], before) < before:
                seen["survived"] = True

    def keep(self, into: dict[Any, Seen], key: object, tag: int | None, chain: list[tuple[str, ...]]) -> Seen | None:
        """Note something new, unless it belongs to the harness; a number that was never given out is the agent's."""
        if tag is None or (tag not in self.steps and tag >= self.last):
            return None
        if len(into) >= WITNESS_CAP:
            self.complete = False
            return None
        into[key] = {"tag": tag, "step": self.steps.get(tag), "ancestors": chain, "survived": False}
        return into[key]

    def records(self) -> Iterator[dict[str, Seen]]:
        for (_, _, argv), seen in self.processes.items():
            yield {"process": {"argv": argv, **without_tag(seen)}}
        for seen in self.sockets.values():
            yield {"listener": without_tag(seen)}


def without_tag(seen: Seen) -> Seen:
    return {name: value for name, value in seen.items() if name != "tag"}


class Memory:
    """Keeps a sandbox within its memory where the kernel does not: what its processes and its files hold."""

    def __init__(self, most: int, disks: list[str]) -> None:
        self.most = most
        self.disks = disks

    def relieve(self) -> bool:
        """Kill the largest process until the sandbox is within its limit; False when files alone are over it."""
        files = self.files()
        sizes = {pid: resident(pid) for pid in others()}
        if files + sum(sizes.values()) <= self.most:
            return True
        sizes = {pid: shared_out(pid, size) for pid, size in sizes.items()}
        while files + sum(sizes.values()) > self.most:
            if not sizes:
                return False
            largest = max(sizes, key=lambda pid: sizes[pid])
            del sizes[largest]
            kill(largest)
            end = time.monotonic() + 1.0
            while state(largest) not in ("Z", "") and time.monotonic() < end:
                time.sleep(0.002)
            files = self.files()
        return True

    def files(self) -> int:
        """Bytes in the writable places and in shared memory segments."""
        total = 0
        for path in self.disks:
            disk = os.statvfs(path)
            total += (disk.f_blocks - disk.f_bfree) * disk.f_frsize + (disk.f_files - disk.f_ffree) * INODE_BYTES
        with open("/proc/sysvipc/shm") as file:
            return total + sum(int(line.split()[14]) for line in file.readlines()[1:])


def resident(pid: int) -> int:
    """Bytes of memory of its own and shared memory that a process holds; forked memory counts for each holder."""
    return in_kilobytes(f"/proc/{pid}/status", ("RssAnon:", "RssShmem:")) or 0


def shared_out(pid: int, otherwise: int) -> int:
    """The same with shared pages divided among their holders; `otherwise` where a process hides them."""
    size = in_kilobytes(f"/proc/{pid}/smaps_rollup", ("Pss_Anon:", "Pss_Shmem:"))
    return otherwise if size is None else size


def in_kilobytes(path: str, names: tuple[str, ...]) -> int | None:
    try:
        with open(path) as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(names))
    except OSError:
        return None


def numeric(names: Iterable[str]) -> list[int]:
    return [int(name) for name in names if name.isdigit()]


def others() -> list[int]:
    """Every process but this one that is not a zombie."""
    return [pid for pid in numeric(os.listdir("/proc")) if pid != os.getpid() and state(pid) not in ("Z", "")]


def state(pid: int) -> str:
    """One-letter state of a process, empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0].decode()
    except (OSError, IndexError):
        return ""


def process_table() -> Table:
    """Every process; argv is empty for a zombie."""
    table = {}
    for pid in numeric(os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rsplit(b")", 1)[1].split()
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                raw = file.read(8192)
        except (OSError, IndexError):
            continue
        argv = tuple(part.decode("utf-8", "replace")[:500] for part in raw.rstrip(b"\0").split(b"\0")[:64])
        table[pid] = (int(fields[1]), int(fields[19]), argv if raw else ())
    return table


def ancestors(table: Table, pid: int) -> list[tuple[str, ...]]:
    """Command lines from the parent up to, but without, the runner."""
    chain: list[tuple[str, ...]] = []
    while pid in table and pid != os.getpid() and len(chain) < 16:
        chain.append(table[pid][2])
        pid = table[pid][0]
    return chain


def listening() -> list[tuple[str, int]]:
    """(address, inode) of every listening socket in the network namespace."""
    found = [*listening_tcp(socket.AF_INET), *listening_tcp(socket.AF_INET6)]
    for fields in proc_net("unix"):
        if len(fields) > 6 and int(fields[3], 16) & 0x10000:
            found.append((f"unix:{fields[7] if len(fields) > 7 else ''}", int(fields[6])))
    return found


def listening_tcp(family: int) -> list[tuple[str, int]]:
    """Asked of the kernel by netlink: reading /proc/net/tcp walks the host's whole table, twelve milliseconds here."""
    request = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 0, 0, 1 << TCP_LISTEN)
    found: list[tuple[str, int]] = []
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as netlink:
            netlink.settimeout(0.5)
            netlink.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_DUMP, 1, 0) + request)
            while True:
                data, start = netlink.recv(1 << 16), 0
                while start < len(data):
                    length, kind = struct.unpack_from("=IH", data, start)
                    if kind == NLMSG_DONE:
                        return found
                    if kind != SOCK_DIAG_BY_FAMILY:
                        return listening_in_proc("tcp" if family == socket.AF_INET else "tcp6")
                    found.append(listener_in(data, start, family))
                    start += (length + 3) & ~3
    except OSError:
        return listening_in_proc("tcp" if family == socket.AF_INET else "tcp6")


def listener_in(data: bytes, start: int, family: int) -> tuple[str, int]:
    """(address, inode) of a `struct inet_diag_msg` that follows the message header at `start`."""
    (port,) = struct.unpack_from("!H", data, start + 20)
    (inode,) = struct.unpack_from("=I", data, start + 84)
    host = socket.inet_ntop(family, data[start + 24 : start + (28 if family == socket.AF_INET else 40)])
    return f"tcp:{host}:{port}", inode


def listening_in_proc(name: str) -> list[tuple[str, int]]:
    rows = [fields for fields in proc_net(name) if len(fields) > 9 and fields[3] == "0A"]
    return [(f"tcp:*:{int(fields[1].rsplit(':', 1)[1], 16)}", int(fields[9])) for fields in rows]


def proc_net(name: str) -> list[list[str]]:
    try:
        with open(f"/proc/net/{name}", encoding="utf-8", errors="replace") as file:
            return [line.split() for line in file.readlines()[1:]]
    except OSError:
        return []


def owner_of(inode: int, table: Table) -> int | None:
    wanted = f"socket:[{inode}]"
    for pid in table:
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == wanted:
                    return pid
        except OSError:
            continue
    return None


def first_tag() -> int:
    """The number above all commands' numbers."""
    if TAG == resource.RLIMIT_STACK:
        return STACK_TAGS
    hard = resource.getrlimit(TAG)[1]
    return TAGS if hard == resource.RLIM_INFINITY else min(TAGS, hard)


def put_tag(tag: int) -> None:
    """Give the number to all that this process starts from now on; they can lower it, and nobody can raise it."""
    soft = resource.getrlimit(TAG)[0] if TAG == resource.RLIMIT_STACK else tag
    resource.setrlimit(TAG, (soft, tag))


def tag_of(pid: int) -> int | None:
    """The number of the command that a process belongs to, None when it is gone."""
    try:
        if TAG == resource.RLIMIT_STACK:
            return resource.prlimit(pid, TAG)[1]
        with open(f"/proc/{pid}/limits") as file:
            for line in file:
                if line.startswith("Max msgqueue size"):
                    return int(line.split()[4])
    except (OSError, ValueError):
        pass
    return None


def tag_limit() -> int:
    """The limit whose hard value carries the number: nobody needs message queues; gVisor knows no limit on them."""
    try:
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, resource.getrlimit(resource.RLIMIT_MSGQUEUE))
    except ValueError:
        return resource.RLIMIT_STACK
    return resource.RLIMIT_MSGQUEUE


TAG = tag_limit()


def kill_tagged(tag: int, last: int) -> None:
    """Kill what a command started, and what pretends to be of a command that is yet to come.

    Stopping before killing ends the race with a process that forks: who is stopped still counts as a process.
    """
    found: set[int] = set()
    for _ in range(100):
        tags = {pid: tag_of(pid) for pid in others() if pid not in found}
        new = [pid for pid, its in tags.items() if its is not None and (its == tag or its < last)]
        for pid in new:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGSTOP)
        found.update(new)
        if not new:
            break
    for pid in found:
        kill(pid)


def kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def limit(name: int, most: int) -> None:
    hard = resource.getrlimit(name)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(name, (most, most))


def way_out(hands: int | str | None) -> socket.socket | None:
    """Where connections are handed over: inherited, or behind a door in this file system; None where there is none.

    A door that leads nowhere is one of another machine: connections are relayed then.
    """
    if hands is None:
        return None
    if isinstance(hands, int):
        return socket.socket(fileno=hands)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        sock.connect(hands)
    except OSError:
        sock.close()
        return None
    return sock


def dialling(address: dict[str, Any]) -> socket.socket:
    """A socket that can be connected to the address, which is a loopback port or a path."""
    if address["port"] is None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setblocking(False)
    return sock


def close_others(kept: int | str | None) -> None:
    """Close what whoever started this process left open, standard streams and the descriptor `kept` aside."""
    for fd in numeric(os.listdir("/proc/self/fd")):
        if fd > 2 and fd != kept:
            with contextlib.suppress(OSError):
                os.close(fd)


def main(config: dict[str, Any]) -> NoReturn:
    """Serve the host until it hangs up."""
    close_others(config["hands"])
    limit(resource.RLIMIT_NPROC, config["processes"])
    limit(resource.RLIMIT_NOFILE, 4096)
    limit(resource.RLIMIT_FSIZE, 2_000_000_000)
    limit(resource.RLIMIT_CORE, 0)
    runner = Runner(config)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    runner.send(REPLY, 0, json.dumps({"ready": True}).encode())
    runner.run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
