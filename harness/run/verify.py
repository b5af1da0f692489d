"""Reaches a stored verdict again: from the sealed snapshot, with the seed it was reached with, without a network.

Nothing is written. What differs is told check by check, advice and the verdict's own line included. Other graders may
rightly answer otherwise and are told; another task asks other questions, so its verdict is none of the stored one's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from harness.core import scores
from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.records import CheckResult, Grade, Record
from harness.core.runs import AttemptLine, JournalLine, PlannedTrial, VerdictLine
from harness.core.task import Task
from harness.run.grade import Bench, judge
from harness.store import journal
from harness.store.evidence import load_evidence, load_grades
from harness.store.layout import RunFolder

DECIDED = ("solved", "truthful", "obeyed", "clean", "status", "clauses", "rules", "failed")
"""What a verdict's line says of the grades, beside obedience, whose share counts; the rest is about the judging."""
SHOWN = 200


class Verified(Record):
    """Whether a stored verdict was reached again."""

    trial: str
    attempt: int
    seed: str
    sealed: str
    """Digest of the snapshot that both verdicts are about."""
    checks: int
    """How many answers were compared."""
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What has changed since."""

    @property
    def same(self) -> bool:
        return not self.differences

    def text(self) -> str:
        """For people."""
        head = f"trial {self.trial}, attempt {self.attempt}: snapshot {self.sealed[:12]}, seed {self.seed}"
        said = f"{self.checks} answers, all as stored" if self.same else f"{len(self.differences)} answers differ"
        return "\n".join([head, *(f"  note: {note}" for note in self.notes), *self.differences, f"  => {said}"])


def find(folder: RunFolder, prefix: str) -> tuple[PlannedTrial, VerdictLine]:
    """The planned trial whose key begins with `prefix`, and its last verdict; `UsageError` where there is none."""
    planned = {trial.trial: trial for trial in folder.manifest.trials}
    found = [trial for trial in planned if trial.startswith(prefix)]
    if len(found) != 1:
        what = unknown("trial", prefix, planned) if not found else f"'{prefix}' begins {len(found)} trials"
        raise UsageError(what, where=str(folder.root), mend="give more digits" if found else "")
    verdicts = [line for line in _lines(folder) if isinstance(line, VerdictLine) and line.trial == found[0]]
    if not verdicts or not verdicts[-1].validity.valid or not verdicts[-1].seed:
        raise UsageError(f"trial {found[0]} has no verdict to reach again", where=str(folder.journal))
    return planned[found[0]], verdicts[-1]


def verify(task: Task, folder: RunFolder, stored: VerdictLine, bench: Bench) -> Verified:
    """Judge the sealed snapshot again and compare; `Failure` where the evidence is damaged or judging goes wrong.

    `UsageError` where the task is not the one that the stored verdict is about.
    """
    _require_same(task, folder)
    evidence = load_evidence(folder, stored.trial, stored.attempt)
    before = load_grades(folder, stored.trial, stored.attempt)
    after = judge(task, evidence, bench, stored.seed)
    again = scores.verdict(task, after, trial=stored.trial, attempt=stored.attempt)
    return Verified(
        trial=stored.trial,
        attempt=stored.attempt,
        seed=stored.seed,
        sealed=_sealed(folder, stored),
        checks=sum(len(grade.checks) + len(grade.advisory) for grade in after.values()),
        differences=(*differences(before, after), *_verdicts(stored, again)),
        notes=tuple(_notes(stored, bench)),
    )


def differences(before: Mapping[str, Grade], after: Mapping[str, Grade]) -> Iterator[str]:
    """One line for each check whose outcome or reason is another one, and for each that only one side has."""
    for grader in sorted(before.keys() | after.keys()):
        mine, other = _answers(before.get(grader)), _answers(after.get(grader))
        for check in sorted(mine.keys() | other.keys()):
            one, two = _said(mine.get(check)), _said(other.get(check))
            if one != two:
                yield f"  {grader} {check}: stored {one}, now {two}"


def _answers(grade: Grade | None) -> dict[str, CheckResult]:
    """By id; a check that moved between deciding and advice is another one."""
    if grade is None:
        return {}
    return {check.id: check for check in grade.checks} | {f"advice {check.id}": check for check in grade.advisory}


def _verdicts(stored: VerdictLine, again: VerdictLine) -> Iterator[str]:
    mine, other = _decided(stored), _decided(again)
    for name in mine:
        if mine[name] != other[name]:
            yield f"  verdict {name}: stored {str(mine[name])[:SHOWN]}, now {str(other[name])[:SHOWN]}"


def _decided(line: VerdictLine) -> dict[str, object]:
    kept, due = line.obedience
    return {name: getattr(line, name) for name in DECIDED} | {"obedience": Fraction(kept, due) if due else None}


def _said(check: CheckResult | None) -> str:
    if check is None:
        return "nothing"
    return f"{check.outcome}" + (f" ({check.reason[:120]})" if check.reason else "")


def _notes(stored: VerdictLine, bench: Bench) -> Iterator[str]:
    if set(stored.graders.values()) != {bench.digest}:
        yield "the graders are other ones than then"


def _require_same(task: Task, folder: RunFolder) -> None:
    pinned = next((planned.digest for planned in folder.manifest.tasks if planned.id == task.id), "")
    if pinned != task.digest:
        raise UsageError(
            f"task {task.id} is another one than then ({pinned[:12]}, now {task.digest[:12]}): "
            "the verdict cannot be reached again",
            where=str(task.root),
            mend="check out the task as it was, or judge the delivery by this one with `harness grade`",
        )


def _sealed(folder: RunFolder, stored: VerdictLine) -> str:
    attempts = (line for line in _lines(folder) if isinstance(line, AttemptLine))
    found = (line.sealed for line in attempts if (line.trial, line.attempt) == (stored.trial, stored.attempt))
    return next(found, "")


def _lines(folder: RunFolder) -> list[JournalLine]:
    return journal.read(folder.journal)[0]
