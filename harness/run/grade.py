"""Judges one attempt: evidence in, grades and a verdict out. Running it again never runs an agent again.

Graders are found by name, ordered by what they need, and each is a boundary: what goes wrong while judging makes the
attempt invalid, it never becomes a score.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

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
    """All grades of one delivery, graders at once where their needs allow; `Failure` where judging went wrong."""
    order = ordered(bench.graders)
    grades: dict[str, Grade] = {}
    problems: dict[str, BaseException] = {}
    # The threads outlive every grade: a sandbox dies with the thread that started it.
    with ThreadPoolExecutor(max(1, len(order))) as pool:
        running: dict[Future[Grade], str] = {}
        while len(grades) + len(problems) < len(order):
            for name, grader in () if problems else _startable(order, grades, running.values()):
                case = Case(task=task, evidence=evidence, grades=dict(grades), lab=bench.lab, seed=seed)
                running[pool.submit(_grade, name, grader, case)] = name
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                name = running.pop(future)
                problem = future.exception()
                if problem is None:
                    grades[name] = future.result().model_copy(update={"digest": bench.digest})
                else:
                    problems[name] = problem
    for name, _ in order:
        if name in problems:
            raise problems[name]
    return {name: grades[name] for name, _ in order}


def _startable(
    order: list[tuple[str, Grader]], grades: Mapping[str, Grade], running: Collection[str]
) -> Iterator[tuple[str, Grader]]:
    """What may start beside `running`. A grader that measures time says `alone = True` and gets the machine."""
    busy = set(running)
    if any(name in busy and _alone(grader) for name, grader in order):
        return
    for name, grader in order:
        waits = name in grades or name in busy or any(need not in grades for need in grader.needs)
        if waits or (_alone(grader) and busy):
            continue
        yield name, grader
        if _alone(grader):
            return
        busy.add(name)


def _alone(grader: Grader) -> bool:
    return bool(getattr(grader, "alone", False))


def _grade(name: str, grader: Grader, case: Case) -> Grade:
    with boundary(Cause.GRADER, f"grader {name}"):
        return grader.grade(case)


def grade_attempt(task: Task, folder: RunFolder, trial: str, attempt: int, bench: Bench) -> VerdictLine:
    """Judge a sealed attempt, keep its grades, return its verdict; never raises `Failure`."""
    began = time.monotonic()
    seed = secrets.token_hex(16)
    try:
        own = replace(bench, lab=bench.lab.labelled(trial))
        grades = judge(task, load_evidence(folder, trial, attempt), own, seed)
        with boundary(Cause.HARNESS, "keep the grades"):
            for grade in grades.values():
                save_grade(folder, trial, attempt, grade)
    except Failure as failure:
        validity = Validity(cause=failure.cause, detail=failure.message[:1000])
        took = round(time.monotonic() - began, 3)
        return VerdictLine(trial=trial, attempt=attempt, validity=validity, seed=seed, wall_s=took)
    verdict = scores.verdict(task, grades, trial=trial, attempt=attempt)
    took = round(time.monotonic() - began, 3)
    graders = dict.fromkeys(grades, bench.digest)
    return verdict._replace(wall_s=took, graders=graders, seed=seed)
