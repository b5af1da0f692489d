"""Judges one attempt: evidence in, grades and a verdict out. Running it again never runs an agent again.

Graders are found by name, ordered by what they need, and each is a boundary: what goes wrong while judging makes the
attempt invalid, it never becomes a score.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import scores
from harness.core.errors import Cause, Failure, boundary
from harness.core.ports import Case, Grader, Lab
from harness.core.records import Evidence, Grade, Validity
from harness.core.runs import VerdictLine
from harness.core.task import Task
from harness.store.evidence import load_evidence, save_grade
from harness.store.layout import RunFolder


@dataclass(frozen=True)
class Bench:
    """The graders of a run, and what they need."""

    graders: Mapping[str, Grader]
    digest: str
    """Of all grader code: a changed grader regrades."""
    lab: Lab


def ordered(graders: Mapping[str, Grader]) -> list[tuple[str, Grader]]:
    """Graders such that each comes after those it needs; `Failure(GRADER)` for a missing or circular need."""
    done: dict[str, Grader] = {}
    while len(done) < len(graders):
        ready = [name for name in graders if name not in done and all(need in done for need in graders[name].needs)]
        if not ready:
            left = ", ".join(sorted(graders.keys() - done.keys()))
            raise Failure(Cause.GRADER, f"graders need each other or something missing: {left}")
        done.update({name: graders[name] for name in ready})
    return list(done.items())


def judge(task: Task, evidence: Evidence, bench: Bench, seed: str) -> dict[str, Grade]:
    """All grades of one delivery; `Failure` where judging went wrong."""
    grades: dict[str, Grade] = {}
    for name, grader in ordered(bench.graders):
        with boundary(Cause.GRADER, f"grader {name}"):
            grade = grader.grade(Case(task=task, evidence=evidence, grades=grades, lab=bench.lab, seed=seed))
        grades[name] = grade.model_copy(update={"digest": bench.digest})
    return grades


def grade_attempt(task: Task, folder: RunFolder, trial: str, attempt: int, bench: Bench) -> VerdictLine:
    """Judge a sealed attempt, keep its grades, return its verdict; never raises `Failure`."""
    began = time.monotonic()
    seed = secrets.token_hex(16)
    try:
        grades = judge(task, load_evidence(folder, trial, attempt), bench, seed)
    except Failure as failure:
        validity = Validity(cause=failure.cause, detail=failure.message[:1000])
        return VerdictLine(trial=trial, attempt=attempt, validity=validity, wall_s=time.monotonic() - began)
    for grade in grades.values():
        save_grade(folder, trial, attempt, grade)
    verdict = scores.verdict(task, grades, trial=trial, attempt=attempt)
    took = round(time.monotonic() - began, 3)
    return verdict.model_copy(update={"wall_s": took, "graders": dict.fromkeys(grades, bench.digest)})
