"""Findings that a person disputes: kept beside the journal with name, reason and history, never instead of it.

What the graders said stays as it was. A reader of the run applies what stands at that moment, so a withdrawn override
leaves no trace in a number, and each stays with the delivery that it was made about: another attempt, another look.
An override answers one check anew; what other checks concluded from the old answer is theirs to dispute.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import ValidationError

from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.records import SCHEMA_VERSION, CheckResult, Grade, Outcome, Record
from harness.core.runs import JournalLine, VerdictLine
from harness.core.scores import rejudged
from harness.store.layout import RunFolder, json_bytes, write_all, writing

NAME = "overrides.jsonl"
Answer = Literal["pass", "fail", "not_applicable"]


class Override(Record):
    """One line of `overrides.jsonl`; a later line about the same check of the same attempt replaces an earlier one."""

    schema_version: int = SCHEMA_VERSION
    trial: str
    attempt: int
    check: str
    before: Outcome
    """What the grader had said."""
    answer: Answer | None
    """What holds instead; None withdraws what stood before."""
    why: str
    who: str
    at: str
    """UTC, ISO 8601."""

    def __str__(self) -> str:
        now = f"{self.before} -> {self.answer}" if self.answer is not None else "withdrawn"
        return f"{self.trial[:8]} {self.check}: {now} by {self.who} at {self.at}: {self.why}"


def read(folder: RunFolder) -> list[Override]:
    """Every override ever made, in order; `UsageError` names a line that cannot be read: none may vanish in silence."""
    path = folder.root / NAME
    found = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), 1):
        try:
            found.append(Override.model_validate_json(line))
        except ValidationError as error:
            message = str(error.errors(include_url=False, include_input=False)[0]["msg"])
            raise UsageError(message, where=f"{path}:{number}", mend="mend or remove this line") from error
    return found


def add(folder: RunFolder, override: Override) -> None:
    """Append one override; `UsageError` where the attempt was not judged or has no such check."""
    outcome(folder, override.trial, override.attempt, override.check)
    if not override.why.strip():
        raise UsageError("no reason", where="--why", mend="say in a sentence why the finding does not hold")
    path = folder.root / NAME
    with writing(path), path.open("ab", buffering=0) as file:
        write_all(file.fileno(), json_bytes(override) + b"\n")
        os.fsync(file.fileno())


def outcome(folder: RunFolder, trial: str, attempt: int, check: str) -> Outcome:
    """What the grader said about a check; `UsageError` where it said nothing."""
    found = {one.id: one for grade in _grades(folder, trial, attempt).values() for one in grade.checks}
    if check not in found:
        raise UsageError(unknown("check", check, found), where=f"trial {trial}")
    return found[check].outcome


def standing(history: Iterable[Override]) -> tuple[Override, ...]:
    """What holds now."""
    newest = {(override.trial, override.attempt, override.check): override for override in history}
    return tuple(override for override in newest.values() if override.answer is not None)


def applied(folder: RunFolder, lines: Sequence[JournalLine]) -> tuple[list[JournalLine], tuple[Override, ...]]:
    """The journal with disputed verdicts decided anew, and the overrides that this used."""
    held = standing(read(folder))
    if not held:
        return list(lines), ()
    verdicts = _decisive(lines)
    used = tuple(override for override in held if (override.trial, override.attempt) in verdicts)
    fresh: list[JournalLine] = []
    for key in dict.fromkeys((override.trial, override.attempt) for override in used):
        fresh.append(rejudged(verdicts[key], disputed(_grades(folder, *key), *key, used)))
    return [*lines, *fresh], used


def _grades(folder: RunFolder, trial: str, attempt: int) -> dict[str, Grade]:
    """Of one attempt; what reads them is imported only where somebody disputes, and not by every table."""
    from harness.store.evidence import load_grades

    return load_grades(folder, trial, attempt)


def _decisive(lines: Iterable[JournalLine]) -> dict[tuple[str, int], VerdictLine]:
    """The verdicts that count: the newest on the last attempt of each trial."""
    last: dict[str, int] = {}
    verdicts: dict[tuple[str, int], VerdictLine] = {}
    for line in lines:
        last[line.trial] = max(last.get(line.trial, 0), line.attempt)
        if line.type == "verdict":
            verdicts[line.trial, line.attempt] = line
    return {key: line for key, line in verdicts.items() if last[key[0]] == key[1] and line.validity.valid}


def disputed(grades: Mapping[str, Grade], trial: str, attempt: int, overrides: Iterable[Override]) -> dict[str, Grade]:
    """An attempt's grades with the answers that stand in the place of the disputed ones."""
    answers = {made.check: made for made in overrides if (made.trial, made.attempt) == (trial, attempt)}
    return {name: _disputed(grade, answers) for name, grade in grades.items()}


def _disputed(grade: Grade, answers: Mapping[str, Override]) -> Grade:
    checks = tuple(_answered(check, answers.get(check.id)) for check in grade.checks)
    return grade.model_copy(update={"checks": checks, "advisory": () if checks != grade.checks else grade.advisory})


def _answered(check: CheckResult, override: Override | None) -> CheckResult:
    """Findings stay only where the check still fails."""
    if override is None or override.answer is None or override.answer == check.outcome:
        return check
    answer = Outcome(override.answer)
    none = answer is Outcome.NOT_APPLICABLE
    reason = f"override by {override.who}: {override.why}"
    changed = {"outcome": answer, "reason": reason, "findings": (), "opportunities": 0 if none else check.opportunities}
    return check.model_copy(update=changed)
