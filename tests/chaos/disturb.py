"""Runs the harness and kills: its sandboxes one by one, and now and then itself, with SIGKILL, at random moments.

Where sandboxes are containers, the daemon is restarted too, as often as it is asked for.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos.containers import Containers
from chaos.done import Kill, Span
from chaos.world import World

from harness.sandboxes.bubblewrap import ROLE, TRIAL
from harness.sandboxes.leases import started

TICK_S = 0.1
MOMENT_S = 0.8
"""Between the line of the journal that brings the harness's end and that end, at most."""
ALL_GONE_S = 15.0
PATIENCE_S = 900.0
"""Longest single harness process."""

Process = tuple[int, str]
"""Pid and start time, which together are never used again."""


@dataclass
class Disturber:
    """Kills at rates per second; counts what it did and what was left behind."""

    world: World
    upstream: str
    seed: int
    sandbox_rate: float = 0.0
    harness_kills: int = 0
    """How many times the harness is to be killed."""
    harness_every: int = 60
    """Lines of the journal between two disturbances of that size, at most."""
    containers: Containers | None = None
    """Where sandboxes are containers."""
    restarts: int = 0
    """How many times their daemon is to be restarted."""
    kills: list[Kill] = field(default_factory=list)
    """Of sandboxes."""
    down: list[Span] = field(default_factory=list)
    """When the daemon was away."""
    harnesses: list[Process] = field(default_factory=list)
    """Harness processes that were started."""
    killed: set[int] = field(default_factory=set)
    """Those of them that were killed."""
    seen: set[Process] = field(default_factory=set)
    left: set[Process] = field(default_factory=set)
    """Descendants that outlived their harness by more than `ALL_GONE_S`."""
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def finish(self, start: Sequence[object], resume: Sequence[object], rounds: int = 40) -> None:
        """`start`, then `resume` until nothing is owed; the disturbances end after half of the rounds."""
        self.session(start)
        for number in range(rounds):
            if number == rounds // 2:
                self.sandbox_rate, self.harness_kills, self.restarts = 0.0, 0, 0
            if not self.owes(resume):
                return
            self.session(resume)
        raise AssertionError(f"trials are still owed after {rounds} rounds:\n" + "\n".join(self.said[-3:]))

    def owes(self, resume: Sequence[object]) -> bool:
        """Whether a dry run shows anything but reuse."""
        done = subprocess.run(
            self.world.command(*resume, "--dry-run"),
            cwd=self.world.tree,
            env=self.world.environ(self.upstream),
            capture_output=True,
            text=True,
            check=True,
        )
        return any(not line.startswith("reuse") for line in done.stdout.splitlines())

    def session(self, arguments: Sequence[object]) -> int:
        """One harness process from start to end, whatever ends it; its exit status."""
        with (self.world.root / f"session-{len(self.harnesses) + 1}.txt").open("wb") as out:
            process = subprocess.Popen(
                self.world.impatient(*arguments),
                cwd=self.world.tree,
                env=self.world.environ(self.upstream),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            self.harnesses.append((process.pid, started(process.pid) or ""))
            try:
                self._disturb(process)
            finally:
                process.kill()
                process.wait()
        self.said.append(Path(out.name).read_text())
        self.left |= self._outlived()
        return process.returncode

    def _disturb(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + PATIENCE_S
        due = self._next()
        while process.poll() is None:
            time.sleep(TICK_S)
            family = descendants(process.pid)
            self.seen |= {each.process for each in family}
            if self.sandbox_rate and (not self.kills or self._dice.random() < self.sandbox_rate * TICK_S):
                self.kills += self._kill_a_sandbox(process.pid, family)
            if self._lines() >= due and self.containers and len(self.down) < self.restarts:
                self.down.append(self.containers.restart())
                due = self._next()
            if self._lines() >= due and len(self.killed) < self.harness_kills:
                time.sleep(self._dice.uniform(0.0, MOMENT_S))
                if process.poll() is None:
                    process.kill()
                    self.killed.add(process.pid)
            if time.monotonic() > end:
                raise AssertionError(f"a harness process took longer than {PATIENCE_S} s")

    def _kill_a_sandbox(self, pid: int, family: Sequence[Seen]) -> list[Kill]:
        """Kill a sandbox of some trial, where there is one; those that only prove the machine are let alone."""
        if self.containers is not None:
            return self.containers.kill_one_of(pid, self._dice)
        boxes = [each for each in family if each.parent == pid and each.name == "bwrap" and labels(each).get(TRIAL)]
        return _killed(self._dice.choice(boxes)) if boxes else []

    def _next(self) -> int:
        """The length of the journal at which the next large disturbance is due: early enough to be sure of it."""
        return self._lines() + self._dice.randint(1, max(1, self.harness_every))

    def _lines(self) -> int:
        with suppress(OSError):
            return (self.world.run / "journal.jsonl").read_bytes().count(b"\n")
        return 0

    def _outlived(self) -> set[Process]:
        deadline = time.monotonic() + ALL_GONE_S
        while (alive := self.seen & running()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return alive


@dataclass(frozen=True)
class Seen:
    """A process as /proc shows it."""

    process: Process
    parent: int
    name: str


def labels(box: Seen) -> Mapping[str, str]:
    """What bubblewrap's own environment says of its sandbox; nothing where it has ended."""
    with suppress(OSError):
        found = Path(f"/proc/{box.process[0]}/environ").read_bytes().decode("utf-8", "replace").split("\0")
        return {name: value for name, _, value in (each.partition("=") for each in found)}
    return {}


def _killed(box: Seen) -> list[Kill]:
    """Kill this process and no other that may have its number by now."""
    pid, began = box.process
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            told = labels(box)
            if started(pid) == began and told.get(TRIAL):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return [Kill(told[TRIAL], told[ROLE], time.time())]
        finally:
            os.close(handle)
    return []


def descendants(pid: int) -> list[Seen]:
    """Everything that descends from a process, the process itself left out."""
    found, known = [], {pid}
    rest = table()
    while more := [each for each in rest if each.parent in known and each.process[0] not in known]:
        found += more
        known |= {each.process[0] for each in more}
    return found


def running() -> set[Process]:
    """Every process that is alive, zombies left out."""
    return {each.process for each in table()}


def table() -> list[Seen]:
    """Every process that is alive, as far as it can be looked at."""
    found = []
    for path in Path("/proc").iterdir():
        if not path.name.isdecimal():
            continue
        try:
            text = (path / "stat").read_text()
        except OSError:
            continue
        head, _, tail = text.rpartition(")")
        fields = tail.split()
        if fields[0] not in "ZX":
            found.append(Seen((int(path.name), fields[19]), int(fields[1]), head.partition("(")[2]))
    return found
