"""`harness nightly` and `harness plan`: a run of candidate and control each night, and what a run would cost and see.

A night is an ordinary run, so it can be shown, resumed and compared like any other; the history beside it holds counts.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import sys
from pathlib import Path

from harness import compose, verbs
from harness.core.errors import UsageError
from harness.report import foresee, trend
from harness.report.compare import Side
from harness.store.layout import json_bytes, runs, write_all, write_atomic, writing
from harness.stored import Stored, of_every_run, results_folder, stored

HISTORY, PLOT = "nightly.jsonl", "nightly.svg"


def nightly(parsed: argparse.Namespace) -> int:
    """`harness nightly`: 0, 1 when the detector rings, 3 for a night that cannot be judged, 4, 130 as `harness run`."""
    if (parsed.matrix is None) == (parsed.take is None):
        raise UsageError("say what to run or what to take", mend="--matrix FILE, or --take RUN")
    results = results_folder(parsed)
    taken = parsed.take
    if parsed.matrix is not None:
        before = {path.name for path in runs(results)}
        with contextlib.redirect_stdout(sys.stderr):
            code = verbs.run(_as_run(parsed))
        if code in (verbs.BUDGET, verbs.INTERRUPTED):
            return code
        taken = next(path.name for path in runs(results) if path.name not in before)
    points = _recorded(parsed, taken)
    write_atomic(parsed.plot or results / PLOT, trend.plot(points).encode())
    print(trend.render(points, parsed.format))
    return trend.exit_code(points)


def _as_run(parsed: argparse.Namespace) -> argparse.Namespace:
    """What `harness run` makes of a night's flags, by its own parser: what the night does not say has its defaults."""
    given = {"--results": parsed.results, "--budget": parsed.budget, "--rulebook": parsed.rulebook}
    flags = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    plain = ["--matrix", str(parsed.matrix), "--sandbox", parsed.sandbox, "--jobs", str(parsed.jobs)]
    night: argparse.Namespace = parsed.run_parser.parse_args([*plain, *flags])
    return night


def _recorded(parsed: argparse.Namespace, run: str) -> list[trend.Point]:
    """The trend with this night in the history; a night that is taken again replaces itself."""
    night_run = stored(parsed, run)
    control, candidate = (night_run.side(night_run.arm(name)) for name in (parsed.control, parsed.candidate))
    used = night_run.used_by((*control.results, *candidate.results))
    path = parsed.history or results_folder(parsed) / HISTORY
    trend.read(path)
    _append(path, trend.night(control, candidate, used))
    return trend.trend(trend.read(path))


def _append(path: Path, night: trend.Night) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            write_all(file.fileno(), json_bytes(night) + b"\n")
            os.fsync(file.fileno())


# --- plan --------------------------------------------------------------------------------------------------------


def plan(parsed: argparse.Namespace) -> int:
    """`harness plan`: what a run would do, see and cost; nothing is run but the probe that was asked for."""
    choice = verbs.chosen_by(parsed)
    prompt, bundles = compose.chosen(choice)
    arms = compose.make_arms(choice, prompt, bundles)
    tasks = [bundle.task.id for bundle in bundles]
    models = [arm.model for arm in arms]
    paid = foresee.paid(_past(parsed, models))
    if parsed.probe and any((model, "") not in paid for model in models):
        _probe(parsed)
        paid = foresee.paid(_past(parsed, models))
    limits = {(arm.name, bundle.task.id): arm.limits or bundle.task.file.budgets for arm in arms for bundle in bundles}
    caps = {name: limit.usd for name, limit in limits.items()}
    found = foresee.foresee(arms, tasks, choice.repeats, paid, caps, choice.jobs)
    print(foresee.text(found, budget=parsed.budget, mde_only=parsed.mde))
    return 0


def _past(parsed: argparse.Namespace, models: list[str]) -> list[Side]:
    """Arms of stored runs that used one of these models."""

    def of(run: Stored) -> list[Side]:
        return [run.side(arm) for arm in run.folder.manifest.arms if arm.model in models]

    return [side for sides in of_every_run(parsed, of) for side in sides]


def _probe(parsed: argparse.Namespace) -> None:
    """One trial of every arm on the first task, as a run of its own."""
    choice = verbs.chosen_by(parsed)
    first = compose.chosen(choice)[1][0].task
    print(f"probe: one trial of each arm on {first.id}", file=sys.stderr)
    with contextlib.redirect_stdout(sys.stderr):
        verbs.run(argparse.Namespace(**{**vars(parsed), "tasks": (str(first.root),), "repeats": 1, "name": None}))
