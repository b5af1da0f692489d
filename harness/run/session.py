"""Carries a plan out: solve, retry what infrastructure broke, grade, and one line per fact."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.core.errors import POLICY
from harness.core.runs import AttemptLine, JournalLine
from harness.run.grade import Bench, grade_attempt
from harness.run.plan import Action, Owed
from harness.run.solve import Trial, solve
from harness.store.layout import RunFolder

BACK_OFF_S = (2.0, 10.0, 30.0)
"""Pause before the second, third, and any later attempt."""


@dataclass(frozen=True)
class Session:
    """One run folder being worked on."""

    folder: RunFolder
    bench: Bench
    trial: Callable[[Owed], Trial]
    """Turns a planned trial into objects."""
    pause: Callable[[float], None] = time.sleep

    def work(self, owed: Owed, emit: Callable[[JournalLine], None]) -> None:
        """All that one planned trial still needs."""
        if owed.action is Action.REUSE:
            return
        trial = self.trial(owed)
        if owed.action is Action.REGRADE and owed.attempt is not None:
            emit(grade_attempt(trial.task, self.folder, owed.planned.trial, owed.attempt, self.bench))
            return
        line = self._solve(trial, emit)
        if line.validity.valid:
            emit(grade_attempt(trial.task, self.folder, owed.planned.trial, line.attempt, self.bench))

    def _solve(self, trial: Trial, emit: Callable[[JournalLine], None]) -> AttemptLine:
        """Attempts until one is valid, its cause is not retried, or none is left."""
        most = self.folder.manifest.attempts
        for count in range(1, most + 1):
            line = solve(trial, self.folder, self.folder.next_attempt(trial.planned.trial))
            emit(line)
            cause = line.validity.cause
            if cause is None or not POLICY[cause].retry or count == most:
                break
            self.pause(BACK_OFF_S[min(count, len(BACK_OFF_S)) - 1])
        return line
