"""Kernel limits of one sandbox as a whole: a control group where this user may make one.

Without one, memory is kept by the runner itself and processes by a resource limit; which it was is told, never hidden.
A group is entered by process 1 before it has run anything of an agent's, and its counters say afterwards whether a
sandbox died of its own memory.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.sandboxes.leases import started

ROOT = Path("/sys/fs/cgroup")
PARENT = "contract-harness"
_NUMBERS = itertools.count(1)
SHARES = 1024
"""What one process weighs beside a group of the first version."""
CPUS = 2.0
"""Processors that one sandbox may keep busy, of any kind; the machine's, where it has fewer."""
PERIOD_US = 100_000
NOT_KEPT = "not kept"
CONTROLLERS = ("memory", "pids", "cpu")
NEEDED = ("memory", "pids")


@dataclass(frozen=True)
class Group:
    """The control group of one sandbox: one folder, or one per controller in the first version."""

    folders: Mapping[str, Path]
    """Controller (`memory`, `pids`, `cpu`) -> folder."""
    version: int

    @property
    def applied(self) -> dict[str, str]:
        """Limit -> how it is kept."""
        how = f"cgroup v{self.version}"
        kept = {{"pids": "processes"}.get(name, name): how for name in self.folders}
        return kept | ({"cpu": f"{how}, fair share"} if "cpu" in kept and not self._capped() else {})

    def _capped(self) -> bool:
        """Whether the kernel took the cap on processors: below a parent with a smaller one it does not."""
        with contextlib.suppress(OSError, ValueError):
            return int((self.folders["cpu"] / _cpu_file(self.version)).read_text().split()[0]) > 0
        return False

    def enter(self, pid: int) -> None:
        """Move a process in; `OSError` when the kernel refuses."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def over_memory(self) -> bool:
        """Whether the kernel killed something in here because the group was at its own limit."""
        folder = self.folders["memory"]
        with contextlib.suppress(OSError):
            if self.version == 2:
                events = _numbers(folder / "memory.events")
                return events.get("oom_kill", 0) > 0 and events.get("oom", 0) > 0
            killed = _numbers(folder / "memory.oom_control").get("oom_kill", 0)
            most, limit = ((folder / f"memory.{name}_in_bytes").read_text() for name in ("max_usage", "limit"))
            return killed > 0 and int(most) > 0.9 * int(limit)
        return False

    def remove(self) -> None:
        """Remove the empty group; the kernel may need a moment to let go of the dead."""
        for folder in set(self.folders.values()):
            for _ in range(100):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)


class Groups:
    """Makes groups where this user may, below one parent for all harnesses of this machine."""

    def __init__(self, root: Path = ROOT, cpus: float = CPUS) -> None:
        self._cpus = min(cpus, os.cpu_count() or 1)
        self._parents, self._version = _parents(root)
        self.sweep()

    def sweep(self) -> None:
        """Remove groups of harnesses that were killed."""
        for parent in set(self._parents.values()):
            for folder in _left(parent):
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def make(self, memory: int, processes: int) -> Group | None:
        """A group with these limits (bytes, count), None where groups cannot be had."""
        if "memory" not in self._parents:
            return None
        name = f"{os.getpid()}-{started(os.getpid())}-{next(_NUMBERS)}"
        group = Group({controller: parent / name for controller, parent in self._parents.items()}, self._version)
        try:
            for folder in set(group.folders.values()):
                folder.mkdir()
            self._limit(group, memory, processes)
        except OSError:
            group.remove()
            return None
        return group

    def _limit(self, group: Group, memory: int, processes: int) -> None:
        first = self._version == 1
        (group.folders["memory"] / ("memory.limit_in_bytes" if first else "memory.max")).write_text(str(memory))
        for swap, value in (("memory.memsw.limit_in_bytes", str(memory)), ("memory.swap.max", "0")):
            if (group.folders["memory"] / swap).exists():
                (group.folders["memory"] / swap).write_text(value)
        if "pids" in group.folders:
            (group.folders["pids"] / "pids.max").write_text(str(processes))
        if "cpu" in group.folders:
            quota = f"{self._cpus * PERIOD_US:.0f}" + ("" if first else f" {PERIOD_US}")
            with contextlib.suppress(OSError):
                (group.folders["cpu"] / _cpu_file(self._version)).write_text(quota)


def _cpu_file(version: int) -> str:
    return "cpu.cfs_quota_us" if version == 1 else "cpu.max"


def _parents(root: Path) -> tuple[dict[str, Path], int]:
    """(controller -> folder in which groups can be made, version of the interface)."""
    if (root / "cgroup.controllers").exists():
        return _second_version(root), 2
    found = {}
    for controller in CONTROLLERS:
        folder = root / controller / PARENT
        with contextlib.suppress(OSError):
            if (root / controller / "cgroup.procs").exists():
                folder.mkdir(exist_ok=True)
                found[controller] = folder
    if "cpu" in found:
        _weigh(found["cpu"])
    return found, 1


def _weigh(parent: Path) -> None:
    """Let all sandboxes together weigh as much as two busy processes for each core.

    As it comes, a group weighs as much as one process outside of it: beside eighteen busy processes everything in all
    sandboxes together would get a nineteenth of the machine.
    """
    with contextlib.suppress(OSError):
        (parent / "cpu.shares").write_text(str(SHARES * 2 * (os.cpu_count() or 1)))


def _second_version(root: Path) -> dict[str, Path]:
    """The nearest folder, from this process's own upwards, whose controllers may be handed on."""
    own = next((line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), "/")
    here = root / own.strip().lstrip("/")
    for above in [folder for folder in (here, *here.parents) if folder.is_relative_to(root)]:
        folder = above / PARENT
        try:
            offered = (above / "cgroup.controllers").read_text().split()
            names = [name for name in CONTROLLERS if name in offered or name in NEEDED]
            folder.mkdir(exist_ok=True)
            for control in (above, folder):
                (control / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in names))
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
        else:
            return dict.fromkeys(names, folder)
    return {}


def _left(parent: Path) -> list[Path]:
    """Groups of harnesses that were killed."""
    return [folder for folder in sorted(parent.glob("*-*")) if _is_left(*folder.name.split("-")[:2])]


def _is_left(pid: str, began: str) -> bool:
    return pid.isdigit() and started(int(pid)) != began


def left(root: Path = ROOT) -> list[Path]:
    """Groups of harnesses that were killed, in whatever version; none is made or removed."""
    return [folder for parent in sorted(root.glob(f"**/{PARENT}")) for folder in _left(parent)]


def _numbers(path: Path) -> dict[str, int]:
    pairs = [line.split() for line in path.read_text().splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
