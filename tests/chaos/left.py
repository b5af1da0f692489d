"""What is left of a run on the machine once all of its harnesses are gone: processes, mounts, control groups.

A sandbox's mounts stand in no table but that of its own namespace, which lives as long as a process in it. So a process
is looked for that stands in another mount namespace than this one, began after the run did, and hangs on nobody who
lives: other runs of this machine have sandboxes too, and theirs hang on a harness.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chaos.disturb import Process, Seen, labels, table

from harness.sandboxes.bubblewrap import MARK
from harness.sandboxes.leases import dead

GONE_S = 15.0


@dataclass(frozen=True)
class Machine:
    """What there was before the run."""

    orphans: frozenset[Process]
    mounts: frozenset[str]

    @classmethod
    def now(cls) -> Machine:
        return cls(frozenset(orphans()), frozenset(_mounts("self")))

    def left(self, wait_s: float = GONE_S) -> tuple[list[Process], list[str]]:
        """Processes in other mount namespaces that nobody holds, and mounts: theirs, and new ones of the host."""
        end = time.monotonic() + wait_s
        while (found := orphans() - self.orphans) and time.monotonic() < end:
            time.sleep(0.1)
        theirs = [f"{pid}: {line}" for pid, _ in sorted(found) for line in _mounts(str(pid))]
        return sorted(found), theirs + [line for line in _mounts("self") - self.mounts if _sandboxed(line)]


def orphans() -> set[Process]:
    """Processes in another mount namespace than this one's that hang on nobody who lives."""
    own, everyone = _namespace("self"), {each.process[0]: each for each in table()}
    foreign = {pid for pid in everyone if (there := _namespace(str(pid))) and there != own}
    return {everyone[pid].process for pid in foreign if not _held(everyone[pid], everyone, foreign)}


def _held(one: Seen, everyone: Mapping[int, Seen], foreign: set[int]) -> bool:
    """Whether the first process above that is no part of a sandbox is alive, and none that takes orphans in."""
    while one.process[0] in foreign or one.name == "bwrap":
        if one.name == "bwrap" and dead(labels(one).get(MARK, "")):
            return False
        if one.parent not in everyone:
            return False
        one = everyone[one.parent]
    return one.process[0] != 1 and one.name != "systemd"


def control_groups(harnesses: list[Process]) -> list[Path]:
    """Those that these harness processes made and that are still there."""
    names = {f"{pid}-{began}" for pid, began in harnesses}
    found = Path("/sys/fs/cgroup").glob("**/contract-harness/*-*-*")
    return [path for path in found if path.name.rpartition("-")[0] in names]


def _namespace(pid: str) -> str:
    with suppress(OSError):
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    return ""


def _mounts(pid: str) -> set[str]:
    with suppress(OSError):
        return set(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    return set()


def _sandboxed(mount: str) -> bool:
    """Anything that bubblewrap makes, and a namespace that is kept by a mount; a mount of the host is none of ours."""
    return any(word in mount for word in ("newroot", "oldroot", " - nsfs ", "chaos-"))
