"""Carries a plan out: solve, retry what infrastructure broke, grade, and one line per fact.

What would burn every trial that is left is noticed here and stops the run instead: an upstream that fails trial after
trial (a revoked key fails them all), and a budget that is spent. What was not started stays owed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from harness.core.errors import POLICY, Cause
from harness.core.runs import AttemptLine, JournalLine, VerdictLine
from harness.run.grade import Bench, grade_attempt
from harness.run.plan import Action, Owed
from harness.run.solve import Trial, solve
from harness.store.layout import RunFolder

BACK_OFF_S = (2.0, 10.0, 30.0)
"""Pause before the second, third, and any later attempt."""
IN_A_ROW = 3
"""Trials that a provider may fail one after the other before no further trial of it is started."""

Log = Callable[[str, Mapping[str, JsonValue]], None]


def _unheard(event: str, data: Mapping[str, JsonValue]) -> None:
    """Nobody keeps a log."""


class Brake:
    """Counts trials that a provider failed in a row, by model; safe to share between threads."""

    def __init__(self, most: int = IN_A_ROW) -> None:
        self._most = most
        self._failed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def on(self, model: str) -> bool:
        """Whether no further trial of this model is to start."""
        with self._lock:
            return self._failed[model] >= self._most

    def note(self, model: str, cause: Cause | None) -> bool:
        """Take the last attempt of a trial into account; True where this put the brake on."""
        with self._lock:
            if cause is Cause.PROVIDER:
                self._failed[model] += 1
                return self._failed[model] == self._most
            if cause is None:
                self._failed[model] = 0
            return False


@dataclass(frozen=True)
class Session:
    """One run folder being worked on."""

    folder: RunFolder
    bench: Bench
    trial: Callable[[Owed], Trial]
    """Turns a planned trial into objects."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set: nothing more is started, not even another attempt."""
    budget_spent: Callable[[], bool] = bool
    """Whether the run's money is used up."""
    log: Log = _unheard
    brake: Brake = field(default_factory=Brake)

    def work(self, owed: Owed, emit: Callable[[JournalLine], None]) -> None:
        """All that one planned trial still needs."""
        if owed.action is Action.REUSE:
            return
        trial = self.trial(owed)
        if owed.action is Action.REGRADE and owed.attempt is not None:
            self._grade(trial, owed.attempt, emit)
            return
        if self._halted(trial):
            return
        line = self._solve(trial, emit)
        if self.brake.note(trial.arm.model, line.validity.cause):
            self.log("provider given up", {"model": trial.arm.model, "trials_in_a_row": IN_A_ROW})
        if line.validity.valid:
            self._grade(trial, line.attempt, emit)

    def _halted(self, trial: Trial) -> bool:
        if self.budget_spent():
            self.log("not started", {"trial": trial.planned.trial, "why": "the run's budget is spent"})
            return True
        if self.brake.on(trial.arm.model):
            self.log("not started", {"trial": trial.planned.trial, "why": f"{trial.arm.model} was given up"})
            return True
        return False

    def _solve(self, trial: Trial, emit: Callable[[JournalLine], None]) -> AttemptLine:
        """Attempts until one is valid, its cause is not retried, or none is left."""
        count = 1
        while True:
            attempt = self.folder.next_attempt(trial.planned.trial)
            self.log("attempt begins", {"trial": trial.planned.trial, "attempt": attempt, "arm": trial.arm.name})
            line = solve(trial, self.folder, attempt)
            emit(line)
            self._told("attempt ended", line)
            if not self._once_more(line, count):
                return line
            count += 1

    def _grade(self, trial: Trial, attempt: int, emit: Callable[[JournalLine], None]) -> None:
        """Judgements until one is valid, its cause is not retried, or none is left."""
        count = 1
        while True:
            line = grade_attempt(trial.task, self.folder, trial.planned.trial, attempt, self.bench)
            emit(line)
            self._told("judged", line)
            if not self._once_more(line, count):
                return
            count += 1

    def _once_more(self, line: AttemptLine | VerdictLine, count: int) -> bool:
        """Whether to try again; waits first, so that what broke can mend. A stop ends the wait."""
        cause = line.validity.cause
        if cause is None or not POLICY[cause].retry or count >= self.folder.manifest.attempts:
            return False
        pause = BACK_OFF_S[min(count, len(BACK_OFF_S)) - 1]
        self.log("tried again", {"trial": line.trial, "cause": str(cause), "after_s": pause})
        return not self.stop.wait(pause)

    def _told(self, event: str, line: AttemptLine | VerdictLine) -> None:
        data: dict[str, JsonValue] = {"trial": line.trial, "attempt": line.attempt, "validity": str(line.validity)}
        data |= {"detail": line.validity.detail, "wall_s": round(line.wall_s, 3)}
        if isinstance(line, AttemptLine):
            data |= {"ended": str(line.ended or ""), "micro_usd": line.cost.micro_usd, "calls": line.calls}
        else:
            data["accepted"] = line.accepted
        self.log(event, data)
