"""Names of harness processes: whoever finds one on something can tell whether that harness still lives."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path


def lease() -> str:
    """Names this process on this machine since this boot: `host/boot/pid namespace/pid/start time`."""
    return "/".join((*_place(), str(os.getpid()), started(os.getpid()) or "0"))


def dead(text: str) -> bool:
    """Whether the process that a lease names is surely gone; what another machine holds is never called dead."""
    parts = text.split("/")
    if len(parts) != 5 or parts[0] != socket.gethostname():
        return False
    if parts[1] != _place()[1]:
        return True
    if parts[2] != _place()[2] or not parts[3].isdigit():
        return False
    return started(int(parts[3])) != parts[4]


def _place() -> tuple[str, str, str]:
    boot, namespace = "", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(os.stat("/proc/self/ns/pid").st_ino)  # noqa: PTH116
    return socket.gethostname(), boot, namespace


def started(pid: int) -> str | None:
    """When a process started, in ticks since the boot; None when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
