"""Progress of a run: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from harness.core.records import Cost
from harness.core.runs import AttemptLine, JournalLine, RunManifest

if TYPE_CHECKING:
    from rich.progress import Progress as Live
    from rich.progress import TaskID


class Progress:
    """Counts trials, validity and money as lines of the journal come in."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live: Live | None = None
        self._bar: TaskID | None = None
        self._arms: dict[str, str] = {}
        self._total = 0
        self._done = 0
        self._accepted = 0
        self._invalid = 0
        self._cost = Cost()
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """One line for people."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    @contextmanager
    def following(self, manifest: RunManifest, total: int) -> Iterator[None]:
        """Show progress while `total` trials are carried out."""
        self._arms = {trial.trial: f"{trial.arm} on {trial.task}" for trial in manifest.trials}
        self._total = total
        self._began = time.monotonic()
        if not self._stream.isatty():
            yield
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Live

        columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Live(*columns, console=Console(file=self._stream), transient=True) as live:
            self._live = live
            self._bar = live.add_task("", total=total)
            try:
                yield
            finally:
                self._live = None

    def line(self, line: JournalLine) -> None:
        """Take a line of the journal into account."""
        name = self._arms.get(line.trial, line.trial)
        if isinstance(line, AttemptLine):
            self._cost = self._cost + line.cost
            if line.validity.valid:
                self.say(f"  {name}: {line.ended} after {line.wall_s:.1f} s, judging")
                return
            self._invalid += 1
            self.say(f"  {name}: attempt {line.attempt} {line.validity}: {line.validity.detail}")
            return
        self._done += 1
        self._accepted += line.accepted
        verdict = "accepted" if line.accepted else line.why_not or str(line.validity)
        self.say(f"  {name}: {verdict}")
        self._show()

    def _show(self) -> None:
        if self._live is not None and self._bar is not None:
            each = (time.monotonic() - self._began) / max(1, self._done)
            left = each * (self._total - self._done)
            floor = "" if self._cost.complete else " or more"
            text = (
                f"accepted {self._accepted}, invalid {self._invalid}, ${self._cost.usd:.2f}{floor}, {left:.0f} s left"
            )
            self._live.update(self._bar, completed=self._done, description=text)
