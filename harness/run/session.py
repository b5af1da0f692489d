"""Carries a plan out: solve, retry what infrastructure broke, grade, and one line per fact.

What would burn every trial that is left is noticed here and stops the run instead: an upstream that fails trial after
trial (a revoked key fails them all), sandboxes that fail trial after trial (a daemon that is gone), a budget that is
spent. What was not started stays owed.
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
SANDBOXES_IN_A_ROW = 8
"""The same for sandboxes; more, because a daemon that restarts takes everything down that runs at the same time."""
SANDBOXES = "the sandboxes"

Log = Callable[[str, Mapping[str, JsonValue]], None]


def _unheard(event: str, data: Mapping[str, JsonValue]) -> None:
    """Nobody keeps a log."""


class Brake:
    """Counts trials that failed in a row by a provider (by model) or by the sandboxes; threads may share it."""

    def __init__(self, provider: int = IN_A_ROW, sandboxes: int = SANDBOXES_IN_A_ROW) -> None:
        self._most = {Cause.PROVIDER: provider, Cause.SANDBOX: sandboxes}
        self._failed: Counter[str] = Counter()
        self._given_up: set[str] = set()
        self._lock = threading.Lock()

    def on(self, model: str) -> str | None:
        """What was given up, so that no further trial of this model is to start; None: nothing."""
        with self._lock:
            return next((name for name in (model, SANDBOXES) if name in self._given_up), None)

    def note(self, model: str, cause: Cause | None) -> bool:
        """Take the last attempt of a trial into account; True where this put the brake on."""
        with self._lock:
            if cause is None:
                self._failed[model] = self._failed[SANDBOXES] = 0
            if cause not in self._most:
                return False
            name = model if cause is Cause.PROVIDER else SANDBOXES
            self._failed[name] += 1
            before = len(self._given_up)
            self._given_up |= {name} if self._failed[name] >= self._most[cause] else set()
            return len(self._given_up) > before


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
            self.log("given up", {"what": self.brake.on(trial.arm.model), "why": line.validity.detail})
        if line.validity.valid:
            self._grade(trial, line.attempt, emit)

    def _halted(self, trial: Trial) -> bool:
        if self.budget_spent():
            self.log("not started", {"trial": trial.planned.trial, "why": "the run's budget is spent"})
            return True
        if given_up := self.brake.on(trial.arm.model):
            self.log("not started", {"trial": trial.planned.trial, "why": f"{given_up} failed trial after trial"})
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
