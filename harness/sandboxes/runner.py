"""Process 1 of every sandbox: trusted, one file, standard library only, one event loop that never blocks on a peer.

It is the only way in or out. Frames over its standard input and output carry commands, files, snapshots and relayed
connections, so a sandbox needs no network and no host path, and the same code serves a local namespace and a remote
daemon. Being process 1 it reaps orphans, cannot be killed from inside its pid namespace, and can kill everything else
at a deadline. It is not dumpable, so that a process of the same uid can neither trace it nor open its file descriptors.

Frame: `!IBI` (payload length, kind, channel), then the payload. See `harness/sandboxes/link.py` for the other end.
"""

import contextlib
import ctypes
import fcntl
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

HEADER = struct.Struct("!IBI")
REQUEST, REPLY, OUT, ERR, EXIT, IN, FILE, OPEN, DATA, ACK, EOF, CLOSE = range(12)
CHUNK = 256 * 1024
WINDOW = 1024 * 1024
OUT_HIGH = 4 * 1024 * 1024
TAIL = 16 * 1024
SAMPLE_S = 0.05
WITNESS_CAP = 4000
PR_SET_DUMPABLE = 4
SKIPPED = frozenset(
    {"__pycache__", ".venv", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis", "node_modules"}
)


def set_nonblocking(fd):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)


class Output:
    """One output stream of a command: the head is passed on, past the cap only a tail is kept."""

    def __init__(self, fd, kind, cap):
        self.fd = fd
        self.kind = kind
        self.left = cap
        self.tail = b""
        self.dropped = 0

    def take(self, data):
        """The part of `data` that is passed on."""
        if self.left is None:
            return data
        head, rest = data[: self.left], data[self.left :]
        self.left -= len(head)
        if rest:
            self.dropped += len(rest)
            self.tail = (self.tail + rest)[-TAIL:]
        return head


class Command:
    """A command that runs."""

    def __init__(self, ident, popen, outputs, deadline, step, baseline):
        self.ident = ident
        self.popen = popen
        self.outputs = outputs
        self.deadline = deadline
        self.step = step
        self.baseline = baseline
        self.stdin = popen.stdin.fileno()
        self.pending = bytearray()
        self.stdin_ends = False
        self.killed = False


class Link:
    """One relayed connection."""

    def __init__(self, channel, sock):
        self.channel = channel
        self.sock = sock
        self.credit = WINDOW
        self.buffer = bytearray()
        self.consumed = 0
        self.connecting = False
        self.read_ended = False
        self.write_ends = False


class Runner:
    def __init__(self, config):
        self.selector = selectors.DefaultSelector()
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.commands = {}
        self.pids = {}
        self.links = {}
        self.listeners = {}
        self.drains = set()
        self.next_channel = 1
        self.witness = Witness(self.own_inodes) if config.get("witness") else None
        self.next_sample = 0.0
        self.put_root = "/"

    # --- frames

    def send(self, kind, channel, payload):
        self.outbox += HEADER.pack(len(payload), kind, channel)
        self.outbox += payload
        self.flush()

    def reply(self, ident, **fields):
        self.send(REPLY, ident, json.dumps(fields).encode())

    def flush(self):
        try:
            while self.outbox:
                count = os.write(1, memoryview(self.outbox)[: 1 << 20])
                del self.outbox[:count]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            os._exit(0)

    def congested(self):
        return len(self.outbox) > OUT_HIGH

    def receive(self):
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

    def handle(self, kind, channel, payload):
        if kind == REQUEST:
            request = json.loads(payload)
            try:
                getattr(self, "do_" + request.pop("op"))(channel, **request)
            except Exception as error:  # the host must always get an answer
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

    def run(self):
        wake, wake_write = os.pipe()
        set_nonblocking(wake)
        set_nonblocking(wake_write)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        for fd in (0, 1):
            set_nonblocking(fd)
        self.selector.register(0, selectors.EVENT_READ, self.receive)
        self.selector.register(wake, selectors.EVENT_READ, lambda: os.read(wake, 4096))
        while True:
            self.watch_output()
            for key, _ in self.selector.select(self.pause()):
                key.data()
            self.flush()
            self.reap()
            self.enforce_deadlines()
            self.sample()

    def watch_output(self):
        wanted = bool(self.outbox)
        registered = 1 in self.selector.get_map()
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

    def watch_pipe(self, command, output):
        if output.fd is not None and output.fd not in self.selector.get_map():
            self.selector.register(output.fd, selectors.EVENT_READ, lambda: self.pump(command, output))

    def pause(self):
        now = time.monotonic()
        times = [command.deadline - now for command in self.commands.values() if command.deadline is not None]
        if self.witness is not None and any(command.step is not None for command in self.commands.values()):
            times.append(self.next_sample - now)
        return max(0.0, min(times)) if times else None

    # --- commands

    def do_run(self, ident, argv, cwd, env, timeout, cap, step, stdin_open):
        if self.witness is not None:
            self.witness.survivors(self.live_steps())
        baseline = set(numeric(os.listdir("/proc")))
        popen = subprocess.Popen(
            argv,
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        for fd in (popen.stdin.fileno(), popen.stdout.fileno(), popen.stderr.fileno()):
            set_nonblocking(fd)
        outputs = [Output(popen.stdout.fileno(), OUT, cap), Output(popen.stderr.fileno(), ERR, cap)]
        deadline = None if timeout is None else time.monotonic() + timeout
        command = Command(ident, popen, outputs, deadline, step, baseline)
        command.stdin_ends = not stdin_open
        self.commands[ident] = command
        self.pids[popen.pid] = command
        self.write_stdin(command)

    def feed(self, ident, payload):
        command = self.commands.get(ident)
        if command is not None and command.stdin is not None:
            if payload:
                command.pending += payload
            else:
                command.stdin_ends = True
            self.write_stdin(command)

    def write_stdin(self, command):
        if command.stdin is None:
            return
        try:
            while command.pending:
                del command.pending[: os.write(command.stdin, command.pending[:CHUNK])]
        except BlockingIOError:
            if command.stdin not in self.selector.get_map():
                self.selector.register(command.stdin, selectors.EVENT_WRITE, lambda: self.write_stdin(command))
            return
        except OSError:
            command.pending.clear()
            command.stdin_ends = True
        if command.stdin in self.selector.get_map():
            self.selector.unregister(command.stdin)
        if command.stdin_ends:
            command.popen.stdin.close()
            command.stdin = None

    def pump(self, command, output):
        if self.congested():
            self.selector.unregister(output.fd)
            return
        try:
            data = os.read(output.fd, CHUNK)
        except BlockingIOError:
            return
        if not data:
            self.selector.unregister(output.fd)
            output.fd = None
            return
        head = output.take(data)
        if head:
            self.send(output.kind, command.ident, head)

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            command = self.pids.pop(pid, None)
            if command is not None:
                command.popen.returncode = os.waitstatus_to_exitcode(status)
                self.finish(command)

    def finish(self, command):
        if self.witness is not None and command.step is not None:
            self.witness.sample(command.step)
        for output in command.outputs:
            self.drain(command, output)
        if command.stdin is not None:
            if command.stdin in self.selector.get_map():
                self.selector.unregister(command.stdin)
            command.popen.stdin.close()
        del self.commands[command.ident]
        summary = {
            "code": None if command.killed else command.popen.returncode,
            "dropped": [output.dropped for output in command.outputs],
            "tails": [output.tail.decode("latin-1") for output in command.outputs],
        }
        self.send(EXIT, command.ident, json.dumps(summary).encode())

    def drain(self, command, output):
        """Take what is left in the pipe; a background child may hold it open, so go on reading and drop it."""
        if output.fd is None:
            return
        if output.fd in self.selector.get_map():
            self.selector.unregister(output.fd)
        while True:
            try:
                data = os.read(output.fd, CHUNK)
            except BlockingIOError:
                break
            if not data:
                output.fd = None
                return
            head = output.take(data)
            if head:
                self.send(output.kind, command.ident, head)
        fd = os.dup(output.fd)
        set_nonblocking(fd)
        self.drains.add(fd)
        self.selector.register(fd, selectors.EVENT_READ, lambda: self.discard(fd))

    def discard(self, fd):
        try:
            ended = not os.read(fd, CHUNK)
        except BlockingIOError:
            return
        if ended:
            self.selector.unregister(fd)
            self.drains.discard(fd)
            os.close(fd)

    def enforce_deadlines(self):
        now = time.monotonic()
        for command in list(self.commands.values()):
            if command.deadline is not None and now >= command.deadline:
                command.killed = True
                command.deadline = None
                self.kill_started_by(command)

    def kill_started_by(self, command):
        """Kill a command and what it started: its session, and while it ran alone everything newer than it."""
        alone = len(self.commands) == 1
        for _ in range(20):
            kill_group(command.popen.pid)
            newer = set(numeric(os.listdir("/proc"))) - command.baseline - {os.getpid()} if alone else set()
            running = [pid for pid in newer if state(pid) not in ("Z", "")]
            for pid in running:
                kill(pid)
            if not running:
                return

    def do_kill(self, ident, target):
        command = self.commands.get(target)
        if command is not None:
            kill_group(command.popen.pid)
        self.reply(ident)

    def do_kill_all(self, ident):
        if self.witness is not None:
            self.witness.survivors(self.live_steps())
        end = time.monotonic() + 5.0
        while time.monotonic() < end:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            self.reap()
            others = [pid for pid in numeric(os.listdir("/proc")) if pid != os.getpid() and state(pid) != "Z"]
            if not others:
                self.reply(ident, left=0)
                return
            time.sleep(0.002)
        self.reply(ident, left=len(others))

    # --- what was seen

    def live_steps(self):
        return {command.step for command in self.commands.values() if command.step is not None}

    def sample(self):
        if self.witness is None or time.monotonic() < self.next_sample:
            return
        steps = self.live_steps()
        if steps:
            self.witness.sample(max(steps))
            self.next_sample = time.monotonic() + SAMPLE_S

    def do_witness(self, ident):
        if self.witness is None:
            self.reply(ident, error="this sandbox keeps no witness")
            return
        self.witness.survivors(self.live_steps())
        for record in self.witness.records():
            self.send(FILE, ident, json.dumps(record).encode())
        self.reply(ident)

    def own_inodes(self):
        sockets = [*self.listeners, *(link.sock for link in self.links.values())]
        return {os.fstat(sock.fileno()).st_ino for sock in sockets}

    # --- files

    def do_put(self, ident, root):
        self.put_root = root
        os.makedirs(root, exist_ok=True)
        self.reply(ident)

    def write_file(self, ident, payload):
        header, content = payload.split(b"\n", 1)
        fields = json.loads(header)
        path = os.path.join(self.put_root, fields["path"])
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            mode = 0o755 if fields["executable"] else 0o644
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_APPEND if fields["append"] else os.O_TRUNC)
            fd = os.open(path, flags, mode)
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(fd, view) :]
                os.fchmod(fd, mode)
            finally:
                os.close(fd)
        except OSError as error:
            self.send(ERR, ident, f"{fields['path']}: {error.strerror}".encode())

    def do_put_end(self, ident):
        self.reply(ident)

    def do_snapshot(self, ident, root, max_bytes, max_entries, max_depth, skip_git):
        walker = Walker(max_bytes, max_entries, max_depth, skip_git)
        try:
            for header, fd in walker.walk(root):
                self.send(FILE, ident, json.dumps(header).encode())
                if fd is not None:
                    self.send_content(ident, fd, header["size"])
        except OSError as error:
            walker.flags.add(f"unreadable:{error.strerror}")
        self.reply(ident, flags=sorted(walker.flags))

    def send_content(self, ident, fd, size):
        """Exactly `size` bytes: the host has been told the size and waits for no more and no less."""
        left = size
        while left:
            data = os.read(fd, min(CHUNK, left)) or b"\0" * min(CHUNK, left)
            self.send(OUT, ident, data)
            left -= len(data)
            while self.congested():
                selectors_wait_writable(1)
                self.flush()

    # --- relays

    def do_listen(self, ident, port):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(256)
        listener.setblocking(False)
        self.listeners[listener] = port
        self.selector.register(listener, selectors.EVENT_READ, lambda: self.accept(listener))
        self.reply(ident)

    def accept(self, listener):
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel = self.next_channel
        self.next_channel += 2
        self.links[channel] = Link(channel, sock)
        self.send(OPEN, channel, json.dumps({"port": self.listeners[listener]}).encode())

    def dial(self, channel, address):
        if address.get("port") is not None:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            target = ("127.0.0.1", address["port"])
        else:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            target = address["path"]
        sock.setblocking(False)
        link = Link(channel, sock)
        self.links[channel] = link
        try:
            sock.connect(target)
        except BlockingIOError:
            link.connecting = True
        except OSError:
            self.close(link)

    def watch(self, link):
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

    def turn(self, link):
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

    def read_link(self, link):
        if link.read_ended or link.credit <= 0 or self.congested():
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

    def write_link(self, link):
        try:
            while link.buffer:
                count = link.sock.send(memoryview(link.buffer)[:CHUNK])
                del link.buffer[:count]
                link.consumed += count
        except BlockingIOError:
            pass
        if link.consumed >= WINDOW // 4:
            self.send(ACK, link.channel, struct.pack("!I", link.consumed))
            link.consumed = 0
        if link.write_ends and not link.buffer:
            with contextlib.suppress(OSError):
                link.sock.shutdown(socket.SHUT_WR)
            self.close_when_done(link)

    def close_when_done(self, link):
        if link.read_ended and link.write_ends and not link.buffer:
            self.close(link)

    def close(self, link, tell=True):
        if self.links.pop(link.channel, None) is None:
            return
        if link.sock.fileno() in self.selector.get_map():
            self.selector.unregister(link.sock)
        link.sock.close()
        if tell:
            self.send(CLOSE, link.channel, b"")

    def relay_frame(self, kind, channel, payload):
        link = self.links.get(channel)
        if link is None:
            return
        if kind == DATA:
            link.buffer += payload
            if not link.connecting:
                self.turn(link)
        elif kind == ACK:
            link.credit += struct.unpack("!I", payload)[0]
        elif kind == EOF:
            link.write_ends = True
            if not link.connecting:
                self.turn(link)
        elif kind == CLOSE:
            self.close(link, tell=False)


class Walker:
    """Walks a tree by directory descriptors, never following a link, within caps that hold before anything is read."""

    def __init__(self, max_bytes, max_entries, max_depth, skip_git):
        self.left = max_bytes
        self.entries = max_entries
        self.max_depth = max_depth
        self.skip_git = skip_git
        self.flags = set()

    def walk(self, root):
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        yield from self.folder(fd, "", 0)

    def folder(self, fd, prefix, depth):
        try:
            for name in sorted(os.listdir(fd)):
                if self.entries <= 0:
                    self.flags.add("too-many-files")
                    return
                if self.skip_git and name == ".git":
                    if depth:
                        self.flags.add("nested-git")
                    continue
                if self.skip_git and name in SKIPPED:
                    continue
                yield from self.entry(fd, name, prefix + name, depth)
        finally:
            os.close(fd)

    def entry(self, folder, name, path, depth):
        info = os.lstat(name, dir_fd=folder)
        if stat.S_ISDIR(info.st_mode):
            if depth >= self.max_depth:
                self.flags.add("too-deep")
                return
            child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            yield from self.folder(child, path + "/", depth + 1)
            return
        self.entries -= 1
        header = {"path": path, "kind": "special", "size": 0, "executable": False, "target": ""}
        if stat.S_ISLNK(info.st_mode):
            yield {**header, "kind": "link", "target": os.readlink(name, dir_fd=folder)}, None
        elif not stat.S_ISREG(info.st_mode):
            self.flags.add("special-file")
            yield header, None
        elif info.st_size > self.left:
            self.flags.add("too-large")
            yield {**header, "size": info.st_size}, None
        else:
            self.left -= info.st_size
            child = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
            try:
                executable = bool(info.st_mode & 0o100)
                yield {**header, "kind": "file", "size": info.st_size, "executable": executable}, child
            finally:
                os.close(child)


class Witness:
    """Remembers which processes and listening sockets it saw, beside whatever the agent says it ran."""

    def __init__(self, own_inodes):
        self.own_inodes = own_inodes
        self.processes = {}
        self.sockets = {}

    def sample(self, step):
        table = process_table()
        for pid, (ppid, start, argv) in table.items():
            if pid == os.getpid() or not argv:
                continue
            key = (pid, start, argv)
            if key not in self.processes and len(self.processes) < WITNESS_CAP:
                self.processes[key] = {"step": step, "ancestors": ancestors(table, ppid), "survived": False}
        own = self.own_inodes()
        for address, inode in listening():
            if inode not in own and inode not in self.sockets and len(self.sockets) < WITNESS_CAP:
                owner = owner_of(inode, table)
                argv = table[owner][2] if owner in table else ()
                chain = ancestors(table, table[owner][0]) if owner in table else []
                self.sockets[inode] = {
                    "address": address,
                    "argv": argv,
                    "ancestors": chain,
                    "step": step,
                    "survived": False,
                }

    def survivors(self, live_steps):
        """Mark what is still there although the command that it was seen under has ended."""
        if not self.processes and not self.sockets:
            return
        alive = {(pid, start) for pid, (_, start, _) in process_table().items() if state(pid) != "Z"}
        for (pid, start, _), seen in self.processes.items():
            if seen["step"] not in live_steps and (pid, start) in alive:
                seen["survived"] = True
        open_now = {inode for _, inode in listening()}
        for inode, seen in self.sockets.items():
            if seen["step"] not in live_steps and inode in open_now:
                seen["survived"] = True

    def records(self):
        for (_, _, argv), seen in self.processes.items():
            yield {"process": {"argv": argv, **seen}}
        for seen in self.sockets.values():
            yield {"listener": seen}


def numeric(names):
    return [int(name) for name in names if name.isdigit()]


def state(pid):
    """One-letter state of a process, empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0].decode()
    except (OSError, IndexError):
        return ""


def process_table():
    """pid -> (parent, start time, argv)."""
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


def ancestors(table, pid):
    """Command lines from the parent up to, but without, the runner."""
    chain = []
    while pid in table and pid != os.getpid() and len(chain) < 16:
        chain.append(table[pid][2])
        pid = table[pid][0]
    return chain


def listening():
    """(address, inode) of every listening socket in the network namespace."""
    found = []
    for name in ("tcp", "tcp6"):
        for fields in proc_net(name):
            if len(fields) > 9 and fields[3] == "0A":
                port = int(fields[1].rsplit(":", 1)[1], 16)
                found.append((f"tcp:{port}", int(fields[9])))
    for fields in proc_net("unix"):
        if len(fields) > 6 and int(fields[3], 16) & 0x10000:
            found.append((f"unix:{fields[7] if len(fields) > 7 else ''}", int(fields[6])))
    return found


def proc_net(name):
    try:
        with open(f"/proc/net/{name}", encoding="utf-8", errors="replace") as file:
            return [line.split() for line in file.readlines()[1:]]
    except OSError:
        return []


def owner_of(inode, table):
    wanted = f"socket:[{inode}]"
    for pid in table:
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") == wanted:
                    return pid
        except OSError:
            continue
    return None


def kill(pid):
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def kill_group(pid):
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def selectors_wait_writable(fd):
    waiter = selectors.DefaultSelector()
    waiter.register(fd, selectors.EVENT_WRITE)
    waiter.select()
    waiter.close()


def main(config):
    for name, most in (
        (resource.RLIMIT_NPROC, config["processes"]),
        (resource.RLIMIT_NOFILE, 4096),
        (resource.RLIMIT_FSIZE, 2_000_000_000),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(name, (most, most))
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    runner = Runner(config)
    runner.send(REPLY, 0, json.dumps({"ready": True, "pid": os.getpid(), "uid": os.getuid()}).encode())
    runner.run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
