"""Progress of a run: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from sys import intern
from typing import TYPE_CHECKING, TextIO

from harness.core.records import Cost
from harness.core.runs import AttemptLine, JournalLine, RunManifest, VerdictLine

if TYPE_CHECKING:
    from rich.progress import Progress as Live
    from rich.progress import TaskID

EVERY_S = 10.0
"""Seconds between two plain lines that say how far a run is, while lines of the journal come in."""
SILENT_S = 60.0
"""Seconds without any before one is said all the same: a trial may take half an hour, and wait for most of it."""
LIVE_S = 1.0
"""Seconds between two looks of the live line at money and waiting."""


class Progress:
    """Counts trials, validity, money and waiting as lines of the journal come in."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._bar: TaskID | None = None
        self._arms: dict[str, str] = {}
        self._total = 0
        self._valid: dict[str, bool] = {}
        """Trials that have come to an end, and whether their last line was valid."""
        self._cost = Cost()
        self._waited: Callable[[], float] = float
        self._spent: Callable[[], int] = lambda: self._cost.micro_usd
        self._began = self._told = time.monotonic()

    def say(self, text: str) -> None:
        """One line for people; any thread may say it."""
        with self._lock:
            if self._live is not None:
                self._live.console.print(text, markup=False, highlight=False)
            else:
                print(text, file=self._stream, flush=True)

    @contextmanager
    def following(
        self,
        manifest: RunManifest,
        total: int,
        waited: Callable[[], float] = float,
        spent: Callable[[], int] | None = None,
        before: Cost | None = None,
    ) -> Iterator[None]:
        """Show progress while `total` trials are carried out.

        `waited`: seconds lost to the provider so far; `spent`: micro-dollars so far with what is in flight, by default
        what the lines of the journal tell; `before`: what the run had cost already.
        """
        self._cost = before or Cost()
        if spent is not None:
            self._spent = spent
        self._arms = {trial.trial: intern(f"{trial.arm} on {trial.task}") for trial in manifest.trials}
        self._total, self._valid = total, {}
        self._waited = waited
        self._began = self._told = time.monotonic()
        with self._ticking(), self._shown():
            yield

    @contextmanager
    def _ticking(self) -> Iterator[None]:
        """Go on telling while nothing comes in."""
        ended = threading.Event()
        period = LIVE_S if self._stream.isatty() else SILENT_S

        def tick() -> None:
            while not ended.wait(period):
                self._show(after_s=SILENT_S)

        thread = threading.Thread(target=tick, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def _shown(self) -> Iterator[None]:
        if not self._stream.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Live

        columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Live(*columns, console=Console(file=self._stream), transient=True) as live:
            self._live = live
            self._bar = live.add_task("", total=self._total)
            try:
                yield
            finally:
                self._live = None

    def line(self, line: JournalLine) -> None:
        """Take a line of the journal into account."""
        name = self._arms.get(line.trial, line.trial)
        if isinstance(line, AttemptLine):
            self._cost += line.cost
            self._attempted(name, line)
        else:
            self._judged(name, line)
        self._show(after_s=EVERY_S)

    def status(self) -> str:
        """How far the run is, on one line."""
        done = len(self._valid)
        floor = "" if self._cost.complete else " or more"
        left = (time.monotonic() - self._began) / done * (self._total - done) if done else None
        valid = sum(list(self._valid.values()))
        return (
            f"{done}/{self._total} trials done, {valid} valid, ${self._spent() / 1_000_000:.2f}{floor}, "
            f"waited {self._waited():.0f} s for rate limits, {'?' if left is None else f'{left:.0f}'} s left"
        )

    def _attempted(self, name: str, line: AttemptLine) -> None:
        if line.validity.valid:
            self.say(f"  {name}: {line.ended} after {line.wall_s:.1f} s, judging")
            return
        self._valid[line.trial] = False
        self.say(f"  {name}: attempt {line.attempt} {line.validity}: {line.validity.detail}")

    def _judged(self, name: str, line: VerdictLine) -> None:
        self._valid[line.trial] = line.validity.valid
        verdict = "accepted" if line.accepted else line.why_not or f"{line.validity}: {line.validity.detail}"
        self.say(f"  {name}: {verdict}")

    def _show(self, after_s: float) -> None:
        live = self._live
        if live is not None and self._bar is not None:
            live.update(self._bar, completed=len(self._valid), description=self.status())
        elif time.monotonic() - self._told >= after_s or len(self._valid) == self._total:
            self._told = time.monotonic()
            self.say(self.status())
