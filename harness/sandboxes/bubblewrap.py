"""Sandboxes from namespaces: no daemon, no root; the embedded default.

Started by root, bubblewrap would leave its child able to write files that only the host's root may, core_pattern among
them; so root first drops to a uid that no account and no other sandbox has. Nothing of the host can be written from
inside: every writable place is a sized tmpfs that ends with the sandbox, and files go in and out through the runner.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, UsageError
from harness.core.ports import SandboxSpec
from harness.sandboxes import seccomp
from harness.sandboxes.link import RunnerSandbox
from harness.sandboxes.toolchain import VENV, WHEELHOUSE, Store

FIRST_UID, UIDS = 300_000, 500_000_000
INSIDE_UID = 1000
TEMPLATE = "/opt/template.tar"
RUNNER = "/opt/runner.py"
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


class Bubblewrap:
    """Makes bubblewrap sandboxes."""

    kind = "bubblewrap"

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, spec: SandboxSpec, deadline: Deadline) -> RunnerSandbox:
        """A fresh sandbox; `Failure(SANDBOX)` with bubblewrap's own words when it cannot be had."""
        argv, fds = self._arguments(spec)
        with tempfile.TemporaryFile() as errors:
            try:
                process = self._launch(argv, fds, errors)
            except OSError as error:
                raise Failure(Cause.SANDBOX, f"start bubblewrap: {error}") from error
            finally:
                for fd in fds:
                    os.close(fd)
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                return RunnerSandbox(
                    self.kind, process.stdin, process.stdout, lambda: _end(process), spec.relays, deadline
                )
            except Failure as failure:
                _end(process)
                errors.seek(0)
                said = errors.read(2000).decode("utf-8", "replace").strip()
                raise Failure(Cause.SANDBOX, f"{failure.message}{': ' + said if said else ''}") from failure

    def _launch(self, argv: list[str], fds: list[int], errors: IO[bytes]) -> subprocess.Popen[bytes]:
        uid = FIRST_UID + secrets.randbelow(UIDS) if os.geteuid() == 0 else None
        return subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=fds,
            cwd="/",
            env={},
            start_new_session=True,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
            umask=0o022,
        )

    def _arguments(self, spec: SandboxSpec) -> tuple[list[str], list[int]]:
        fds: list[int] = []

        def data(content: bytes) -> str:
            fd = os.memfd_create("data")
            os.write(fd, content)
            os.lseek(fd, 0, os.SEEK_SET)
            fds.append(fd)
            return str(fd)

        toolchain = self._store.toolchain(spec.toolchain)
        interpreter = self._store.interpreter()
        argv = [str(self._store.bubblewrap())]
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
        config = {"witness": spec.role == "agent", "processes": spec.processes}
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
        ("/dev/shm", 256_000_000),
    ]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill bubblewrap; its pid namespace dies with process 1."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


PROBE = """
import json, os, socket
found = []
if os.getuid() == 0: found.append("it runs as root")
for path in ("/proc/sys/kernel/core_pattern", "/usr/bin/env", "/etc/passwd"):
    try:
        os.close(os.open(path, os.O_WRONLY)); found.append(f"it can write {path}")
    except OSError: pass
if [name for name in os.listdir("/sys/class/net") if name != "lo"] if os.path.isdir("/sys/class/net") else []:
    found.append("it has a network interface")
try:
    socket.create_connection(("192.0.2.1", 9), timeout=0.5); found.append("it reaches the network")
except OSError: pass
if sum(name.isdigit() for name in os.listdir("/proc")) > 8: found.append("it sees the host's processes")
print(json.dumps(found))
"""
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


def preflight(provider: Bubblewrap, toolchain: str) -> None:
    """Prove on this machine that a sandbox isolates; `UsageError` with the reason and the mend when it does not."""
    try:
        box = provider.open(SandboxSpec(role="judge", toolchain=toolchain), Deadline(30.0))
    except Failure as failure:
        raise UsageError(
            f"this machine cannot isolate an agent: {failure.message}", where="sandbox bubblewrap", mend=_mend()
        ) from failure
    try:
        done = box.run(["python", "-I", "-c", PROBE], deadline=Deadline(20.0))
        found = json.loads(done.stdout) if done.exit_code == 0 else [done.stderr.decode("utf-8", "replace")[-300:]]
    finally:
        box.close()
    if found:
        raise UsageError(
            f"the sandbox does not isolate: {'; '.join(found)}",
            where="sandbox bubblewrap",
            mend="do not run agents on this machine; please report this",
        )


def _mend() -> str:
    for switch, refusing, command in MENDS:
        path = Path(switch)
        if path.is_file() and path.read_text().strip() == refusing:
            return f"as root: {command}  ({switch} is {refusing})"
    return "user namespaces must be allowed for this user; a container needs --security-opt seccomp=unconfined"
