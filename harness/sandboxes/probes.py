"""Proof that a sandbox isolates on this very machine: a program inside tries what must not work.

Run before a run is begun, and by `harness doctor`, which shows each probe by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from harness.core.deadline import Deadline
from harness.core.errors import Failure, UsageError
from harness.core.ports import SandboxSpec
from harness.sandboxes.link import RunnerSandbox

OPEN_S, RUN_S = 120.0, 30.0


class Proven(Protocol):
    """A provider that can say what to do where it opens no sandbox."""

    kind: str

    def open(self, spec: SandboxSpec, deadline: Deadline) -> RunnerSandbox: ...

    def mend(self) -> str: ...


PROBES = r"""
import ctypes, json, os, socket
found = {}
def probe(name, broken):
    found[name] = "" if not broken else str(broken)
def writes(*paths):
    for path in paths:
        try:
            os.close(os.open(path, os.O_WRONLY | (0 if os.path.exists(path) else os.O_CREAT)))
            return "it can write " + path
        except OSError: pass
def reaches(*addresses):
    for family, address in addresses:
        try:
            with socket.socket(family) as s:
                s.settimeout(0.5); s.connect(address)
                return f"it reaches {address}"
        except OSError: pass
def makes(family):
    try: socket.socket(family, socket.SOCK_STREAM).close(); return f"it makes sockets of family {family}"
    except OSError: pass
def calls(number, *arguments):
    own = os.getpid()
    done = libc.syscall(number, *[ctypes.c_long(argument) for argument in arguments]) >= 0
    if os.getpid() != own: os._exit(0)  # a child that could be made
    if done or ctypes.get_errno() not in (1, 38):
        return f"system call {number} reaches the kernel"
def reads(*paths):
    for path in paths:
        try:
            with open(path, "rb") as f: f.read(1)
            return "it can read " + path
        except OSError: pass
libc = ctypes.CDLL(None, use_errno=True)
status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
x86 = os.uname().machine == "x86_64"
probe("ordinary user", os.getuid() == 0 and "it runs as root")
probe("no capability", any(int(status[n], 16) for n in ("CapPrm", "CapEff", "CapBnd")) and "it holds capabilities")
probe("no new privileges", libc.prctl(39, 0, 0, 0, 0) != 1 and "setuid programs gain privileges")
probe("call filter", status["Seccomp"] != "2" and "no filter" or calls(425, 1, 0) or calls(250 if x86 else 219, 0)
      or calls(321 if x86 else 280, 0, 0, 0) or calls(101 if x86 else 117, 0) or makes(40) or makes(17))
probe("host files", writes("/proc/sys/kernel/core_pattern", "/usr/bin/env", "/etc/passwd", "/opt/x", "/x")
      or reads("/etc/shadow", "/proc/kcore"))
probe("process 1", reads("/proc/1/environ", "/proc/1/mem") or writes("/proc/1/fd/1")
      or libc.ptrace(16, 1, 0, 0) == 0 and "it can trace process 1")
probe("network", [n for _, n in socket.if_nameindex() if n != "lo"] and "it has a network interface"
      or reaches((2, ("192.0.2.1", 9)), (2, ("169.254.169.254", 80)), (2, ("172.17.0.1", 22))))
probe("host sockets", os.path.exists("/run/docker.sock") and "it sees a daemon's socket")
probe("processes", sum(n.isdigit() for n in os.listdir("/proc")) > 8 and "it sees the host's processes")
probe("namespaces", calls(56 if x86 else 220, 0x10000011, 0, 0, 0, 0) or calls(272 if x86 else 97, 0x10000000))
print(json.dumps(found))
"""


def probe(provider: Proven, toolchain: str) -> Mapping[str, str]:
    """Probe -> what is wrong, empty where the wall held; `Failure` when no sandbox opens."""
    return _probed(provider, toolchain)[0]


def _probed(provider: Proven, toolchain: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    box = provider.open(SandboxSpec(role="judge", toolchain=toolchain), Deadline(OPEN_S))
    try:
        done = box.run(["python", "-I", "-c", PROBES], deadline=Deadline(RUN_S))
    finally:
        box.close()
    if done.exit_code != 0:
        broken = {"probes": f"ended with {done.exit_code}: {done.stderr.decode('utf-8', 'replace')[-300:]}"}
        return broken, box.limits_applied
    answers: Mapping[str, str] = json.loads(done.stdout)
    return answers, box.limits_applied


def prove(provider: Proven, toolchain: str) -> Mapping[str, str]:
    """Limit -> how it is kept; `UsageError` with the reason and the mend unless every wall holds."""
    where = f"sandbox {provider.kind}"
    try:
        answers, limits = _probed(provider, toolchain)
    except Failure as failure:
        raise UsageError(
            f"this machine cannot isolate an agent: {failure.message}", where=where, mend=provider.mend()
        ) from failure
    if broken := [f"{name}: {wrong}" for name, wrong in answers.items() if wrong]:
        raise UsageError(
            f"the sandbox does not isolate: {'; '.join(broken)}",
            where=where,
            mend="do not run agents on this machine; please report this",
        )
    return limits
