"""Sandboxes from namespaces: no daemon, no root; the embedded default.

Started by root, bubblewrap would leave its child able to write files that only the host's root may, core_pattern among
them; so root first drops to a uid that no account and no other sandbox has. Nothing of the host can be written from
inside: every writable place is a sized tmpfs that ends with the sandbox, and files go in and out through the runner.

A sandbox dies with the thread that started bubblewrap (that is how the kernel reads "parent"), so one thread of the
provider starts them all. Process 1 is killed through a descriptor, never through a number that may have been reused,
and bubblewrap ends only after the kernel has emptied the pid namespace.

A harness that is killed takes its sandboxes along, but for an instant of their making: bubblewrap's child waits for a
word from bubblewrap, and waits for ever when that was killed before it gave it. So every bubblewrap carries the name of
its harness, and the next harness ends those whose own is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import SandboxSpec
from harness.sandboxes import seccomp
from harness.sandboxes.leases import dead, lease
from harness.sandboxes.limits import NOT_KEPT, Group, Groups
from harness.sandboxes.link import RunnerSandbox
from harness.sandboxes.toolchain import RUNNER_FILE, VENV, WHEELHOUSE, Store, Toolchain

FIRST_UID, UIDS = 300_000, 500_000_000
INSIDE_UID = 1000
TEMPLATE = "/opt/template.tar"
RUNNER = f"/opt/{RUNNER_FILE}"
PASSWD = "root:x:0:0:root:/root:/bin/sh\ndev:x:1000:1000:dev:/home/dev:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n"
GROUP = "root:x:0:\ndev:x:1000:\nnogroup:x:65534:\n"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"
GITCONFIG = (
    "[user]\n\tname = Dana Roy\n\temail = dana.roy@example.org\n[init]\n\tdefaultBranch = main\n"
    "[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n"
)
OF_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "localtime",
    "mime.types",
    "services",
    "protocols",
)
BASE_ENV = {
    "PATH": f"{VENV}/bin:/usr/bin:/bin",
    "HOME": "/home/dev",
    "USER": "dev",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "PYTHONHASHSEED": "0",
    "VIRTUAL_ENV": VENV,
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": WHEELHOUSE,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "UV_OFFLINE": "1",
    "UV_NO_INDEX": "1",
    "UV_FIND_LINKS": WHEELHOUSE,
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_LINK_MODE": "copy",
    "GIT_CONFIG_SYSTEM": "/etc/gitconfig",
    "NO_COLOR": "1",
}


SHARED = 256_000_000
"""Bytes of shared memory: a database's parallel queries take theirs from there."""
MARK = "CONTRACT_HARNESS"
"""Variable of bubblewrap's own environment that names its harness; nothing inside a sandbox can see it."""
TRIAL, ROLE = f"{MARK}_TRIAL", f"{MARK}_ROLE"
"""Variables beside it: whose sandbox it is, and what for. They are what labels are to a container."""
UNGROUPED = {
    "processes": "rlimit",
    "files": "rlimit",
    "disk": "tmpfs",
    "memory": "watched",
    "cpu": NOT_KEPT,
    "inodes": "as memory",
}
"""How limits are kept without a control group. Bubblewrap's tmpfs takes no number of files: each costs its memory."""


class Bubblewrap:
    """Makes bubblewrap sandboxes."""

    kind = "bubblewrap"
    hands_over = True
    """Connections between its sandboxes are handed over whole; without it they are relayed, as between machines."""

    def __init__(self, store: Store, groups: Groups | None = None) -> None:
        sweep()
        self._store = store
        self._groups = groups or Groups()
        self._launcher = ThreadPoolExecutor(1, thread_name_prefix="bubblewrap")

    def open(self, spec: SandboxSpec, deadline: Deadline) -> RunnerSandbox:
        """A fresh sandbox; `Failure(SANDBOX)` with bubblewrap's own words when it cannot be had."""
        body = self._launch(spec)
        box = RunnerSandbox(self.kind, body, spec.relays, deadline)
        try:
            grouped = body.grouped()
            if not grouped:
                disks = [path for path, _ in _writable(spec.disk_bytes)]
                box.ask(deadline, "keep_memory", most=spec.memory_bytes, disks=disks)
            box.limits_applied = {**UNGROUPED, **grouped}
        except Failure:
            box.close()
            raise
        return box

    def base(self) -> str:
        """None: the system inside is this machine's own."""
        return ""

    def mend(self) -> str:
        """What to do on a machine where no sandbox opens."""
        return _mend(self._store)

    def _launch(self, spec: SandboxSpec) -> _Body:
        toolchain = self._store.toolchain(spec.toolchain)
        group = self._groups.make(spec.memory_bytes, spec.processes)
        errors = os.fdopen(os.memfd_create("errors"), "w+b")
        read, write = os.pipe()
        hands, theirs = _hands() if self.hands_over else (None, None)
        argv, fds = self._arguments(spec, toolchain, write, theirs)
        try:
            # It holds both ends: were the last reader gone, bubblewrap would end in the middle of its work.
            labels = {MARK: lease(), TRIAL: spec.trial, ROLE: spec.role}
            process = self._launcher.submit(_popen, argv, [*fds, read], errors, labels).result()
        except OSError as error:
            os.close(read)
            errors.close()
            if hands is not None:
                hands.close()
            if group is not None:
                group.remove()
            raise Failure(Cause.SANDBOX, f"start bubblewrap: {error.strerror}") from error
        finally:
            for fd in fds:
                os.close(fd)
        with os.fdopen(read, "rb") as info:
            body = _Body(process, _process_1(info), errors, group, self._launcher, hands)
        body.enter_group()
        return body

    def _arguments(
        self, spec: SandboxSpec, toolchain: Toolchain, info: int, hands: int | None
    ) -> tuple[list[str], list[int]]:
        fds: list[int] = [info] if hands is None else [info, hands]

        def data(content: bytes) -> str:
            fd = os.memfd_create("data")
            os.write(fd, content)
            os.lseek(fd, 0, os.SEEK_SET)
            fds.append(fd)
            return str(fd)

        interpreter = self._store.interpreter(toolchain)
        argv = [str(self._store.bubblewrap()), "--info-fd", str(info)]
        argv += [
            "--unshare-all",
            "--unshare-user",
            "--disable-userns",
            "--uid",
            str(INSIDE_UID),
            "--gid",
            str(INSIDE_UID),
        ]
        argv += [
            "--clearenv",
            "--new-session",
            "--die-with-parent",
            "--as-pid-1",
            "--cap-drop",
            "ALL",
            "--hostname",
            "box",
        ]
        argv += _system()
        for name, content in (("passwd", PASSWD), ("group", GROUP), ("hosts", HOSTS), ("gitconfig", GITCONFIG)):
            argv += ["--perms", "0444", "--ro-bind-data", data(content.encode()), f"/etc/{name}"]
        for name in OF_ETC:
            argv += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        if interpreter.copy is not None:
            argv += ["--ro-bind", str(interpreter.copy), interpreter.prefix]
        argv += ["--ro-bind", str(toolchain.venv), VENV, "--ro-bind", str(toolchain.wheelhouse), WHEELHOUSE]
        if spec.template is not None:
            argv += ["--ro-bind", str(spec.template), TEMPLATE]
        argv += ["--ro-bind", str(self._store.runner()), RUNNER]
        argv += ["--proc", "/proc", "--dev", "/dev"]
        for path, size in _writable(spec.disk_bytes):
            argv += ["--perms", "1777" if path == "/tmp" else "0755", "--size", str(size), "--tmpfs", path]
        argv += ["--remount-ro", "/dev", "--remount-ro", "/usr/local", "--remount-ro", "/", "--chdir", "/"]
        for name, value in {**BASE_ENV, **spec.env}.items():
            argv += ["--setenv", name, value]
        argv += ["--seccomp", data(seccomp.program())]
        config = {"witness": spec.role == "agent", "processes": spec.processes, "hands": hands}
        argv += ["--", interpreter.binary, "-I", "-S", RUNNER, json.dumps(config)]
        return argv, fds


def _system() -> list[str]:
    """The host's /usr without /usr/local, read-only, and the top-level links or folders that go with it."""
    argv = ["--ro-bind", "/usr", "/usr", "--tmpfs", "/usr/local"]
    for name in ("bin", "sbin", "lib", "lib64", "lib32"):
        path = Path("/", name)
        if path.is_symlink():
            argv += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            argv += ["--ro-bind", str(path), str(path)]
    return argv


def _writable(disk: int) -> list[tuple[str, int]]:
    small = min(disk, 64_000_000)
    return [
        ("/tmp", disk // 4),
        ("/workspace", disk // 2),
        ("/home/dev", disk // 4),
        ("/srv", disk // 2),
        ("/run", small),
        ("/dev/shm", SHARED),
    ]


def _hands() -> tuple[socket.socket, int]:
    """Both ends of the way on which connections are handed over: the host's, and the descriptor of the sandbox's."""
    hands, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return hands, theirs.detach()


def _popen(argv: list[str], fds: list[int], errors: IO[bytes], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    uid = FIRST_UID + secrets.randbelow(UIDS) if _is_root() else None
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        pass_fds=fds,
        cwd="/",
        env=env,
        start_new_session=True,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        umask=0o022,
    )


def left() -> list[int]:
    """Processes of bubblewrap whose harness was killed."""
    return [pid for pid in _numbers() if _is_left(pid)]


def sweep() -> list[int]:
    """End what harnesses that were killed left of bubblewrap; its processes."""
    return [pid for pid in _numbers() if _end_of_dead(pid)]


def _numbers() -> list[int]:
    return sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _is_left(pid: int) -> bool:
    """Whether it is bubblewrap of a harness that is gone; what cannot be looked at is somebody else's."""
    try:
        owner = _owner(pid)
    except OSError:
        return False
    return owner is not None and dead(owner)


def _end_of_dead(pid: int) -> bool:
    """Kill a process if it is bubblewrap of a harness that is gone."""
    try:
        if not _is_left(pid):
            return False
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # Once more: now the number cannot be given to another process any more.
        if not _is_left(pid):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _owner(pid: int) -> str | None:
    """The harness that started this bubblewrap, None for any other process."""
    if Path(f"/proc/{pid}/comm").read_bytes() != b"bwrap\n":
        return None
    found = (each.partition(b"=") for each in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    return next((value.decode("utf-8", "replace") for name, _, value in found if name == MARK.encode()), None)


def _is_root() -> bool:
    """Whether this process is the machine's root: alone in a user namespace, another user may be called so."""
    if os.geteuid() != 0:
        return False
    inside, outside, _ = Path("/proc/self/uid_map").read_text().split()[:3]
    return (inside, outside) == ("0", "0")


def _process_1(info: IO[bytes]) -> int | None:
    """The sandbox's process 1 as this machine numbers it, None when bubblewrap did not come that far."""
    said = b""
    while b"}" not in said and (more := info.read(1)):
        said += more
    return int(json.loads(said)["child-pid"]) if b"}" in said else None


def _opened(pid: int | None) -> int | None:
    """A descriptor of process 1, None when there was none or it has gone already: whoever talks to it is told so."""
    with contextlib.suppress(ProcessLookupError):
        return None if pid is None else os.pidfd_open(pid)
    return None


class _Body:
    """Bubblewrap and the process 1 below it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        pid: int | None,
        errors: IO[bytes],
        group: Group | None,
        launcher: ThreadPoolExecutor,
        hands: socket.socket | None,
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin = process.stdin
        self.stdout = process.stdout
        self._hands = hands
        self._process = process
        self._pid = pid
        self._handle = _opened(pid)
        self._errors = errors
        self._group = group
        self._launcher = launcher
        """Held, because the sandbox would die with its thread."""
        self._lock = threading.Lock()
        self._killed = False
        self._last_words = ""
        self._over_limit: str | None = None

    def hands(self) -> socket.socket | None:
        """The host's end of the pair that process 1 was started with."""
        return self._hands

    def enter_group(self) -> None:
        """Put process 1, which still has to start its interpreter, under its group's limits; or do without."""
        if self._group is not None and self._pid is not None:
            try:
                self._group.enter(self._pid)
            except OSError:
                self._group.remove()
                self._group = None

    def grouped(self) -> dict[str, str]:
        """Limit -> how the kernel keeps it."""
        return {} if self._group is None else self._group.applied

    def kill(self) -> None:
        """End process 1 and wait until the kernel has emptied its namespace."""
        with self._lock:
            if self._killed:
                return
            self._killed = True
            if self._ended(0.0):
                self._over_limit = self._over_memory()
            self._kill_process_1()
            self._last_words = self._complaints()
            self._errors.close()
            if self._group is not None:
                self._group.remove()

    def _kill_process_1(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            self._ended(10.0)
            os.close(self._handle)
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ended(self, seconds: float) -> bool:
        """Whether process 1 is gone, and with it all others, or goes within `seconds`."""
        if self._handle is None:
            return True
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def over_limit(self) -> str | None:
        """`memory` when process 1 went because the sandbox was at its memory limit."""
        with self._lock:
            return self._over_limit if self._killed else self._over_memory()

    def _over_memory(self) -> str | None:
        return "memory" if self._group is not None and self._group.over_memory() else None

    def said(self) -> str:
        """What bubblewrap or the runner wrote to its standard error."""
        with self._lock:
            return self._last_words if self._killed else self._complaints()

    def _complaints(self) -> str:
        self._errors.seek(0)
        return self._errors.read(2000).decode("utf-8", "replace").strip()


MENDS = (
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
"""(switch, value that refuses user namespaces, command that allows them; as root)."""


def _maps_few_users() -> bool:
    return int(Path("/proc/self/uid_map").read_text().split()[2]) <= FIRST_UID


def _mend(store: Store) -> str:
    if not store.bubblewrap().is_file():
        return f"the toolchain store is damaged: remove {store.root / 'bubblewrap'}, the next run makes it again"
    closed = store.closed_folder()
    if _is_root() and closed is not None:
        return f"sandboxes run as a user who may not enter {closed}: set HARNESS_STORE to a folder open to all"
    for switch, refusing, command in MENDS:
        path = Path(switch)
        if path.is_file() and path.read_text().strip() == refusing:
            return f"as root: {command}  ({switch} is {refusing})"
    if _is_root() and _maps_few_users():
        return "root here has no other user to hand a sandbox to: run the harness as an ordinary user"
    return "user namespaces must be allowed for this user; a container needs --security-opt seccomp=unconfined"
