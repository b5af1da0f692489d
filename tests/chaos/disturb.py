"""Runs the harness and kills: its sandboxes one by one, and now and then itself, with SIGKILL, at random moments.

Where sandboxes are containers, the daemon is restarted too, as often as it is asked for.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaos.containers import Containers
from chaos.world import World

TICK_S = 0.1
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
    harness_every_s: float = 25.0
    containers: Containers | None = None
    """Where sandboxes are containers."""
    restarts: int = 0
    """How many times their daemon is to be restarted."""
    restarted: int = 0
    killed_sandboxes: int = 0
    killed_harness: int = 0
    processes: int = 0
    """Harness processes that were started."""
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
        self.processes += 1
        with (self.world.root / f"session-{self.processes}.txt").open("wb") as out:
            process = subprocess.Popen(
                self.world.command(*arguments),
                cwd=self.world.tree,
                env=self.world.environ(self.upstream),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
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
        due = time.monotonic() + self.harness_every_s * self._dice.uniform(0.3, 1.0)
        while process.poll() is None:
            time.sleep(TICK_S)
            family = descendants(process.pid)
            self.seen |= {each.process for each in family}
            if self._dice.random() < self.sandbox_rate * TICK_S and self._kill_a_sandbox(process.pid, family):
                self.killed_sandboxes += 1
            if self.containers and self.restarted < self.restarts and time.monotonic() > due and self._begun():
                self.containers.restart()
                self.restarted += 1
                due = time.monotonic() + self.harness_every_s * self._dice.uniform(0.3, 1.0)
            if self.killed_harness < self.harness_kills and time.monotonic() > due and self._begun():
                process.kill()
                self.killed_harness += 1
            if time.monotonic() > end:
                raise AssertionError(f"a harness process took longer than {PATIENCE_S} s")

    def _kill_a_sandbox(self, pid: int, family: Sequence[Seen]) -> bool:
        if self.containers is not None:
            return self.containers.kill_one_of(pid, self._dice)
        boxes = [each for each in family if each.parent == pid and each.name == "bwrap"]
        if boxes:
            os.kill(self._dice.choice(boxes).process[0], signal.SIGKILL)
        return bool(boxes)

    def _begun(self) -> bool:
        return (self.world.run / "journal.jsonl").exists()

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


def descendants(pid: int) -> list[Seen]:
    """Everything that descends from a process, the process itself left out."""
    found, known = [], {pid}
    rest = _table()
    while more := [each for each in rest if each.parent in known and each.process[0] not in known]:
        found += more
        known |= {each.process[0] for each in more}
    return found


def running() -> set[Process]:
    """Every process that is alive, zombies left out."""
    return {each.process for each in _table()}


def _table() -> list[Seen]:
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
