"""Which clause of the contract each arm keeps: a matrix over the valid trials, worst clauses where they stand.

A clause's share is the mean, over an arm's valid trials of the task, of the share of its fail-to-pass checks that pass.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping

from pydantic import JsonValue

from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.runs import JournalLine, RunManifest
from harness.core.scores import trial_results

Matrix = Mapping[tuple[str, str], Mapping[str, float]]
"""(task, clause) -> arm -> share, 0 to 1; an arm without a valid trial of the task has none."""


def matrix(manifest: RunManifest, lines: Iterable[JournalLine]) -> Matrix:
    """The clause x arm matrix of a run, tasks and clauses in the order of their documents."""
    shares: dict[tuple[str, str], dict[str, list[float]]] = {}
    for result in trial_results(manifest, lines):
        if not result.validity.valid or result.verdict is None:
            continue
        for clause, share in result.verdict.clauses.items():
            arms = shares.setdefault((result.planned.task, clause), {})
            arms.setdefault(result.planned.arm, []).append(share)
    tasks = [task.id for task in manifest.tasks]
    ordered = sorted(shares, key=lambda key: (tasks.index(key[0]), key[1]))
    return {key: {arm: sum(found) / len(found) for arm, found in shares[key].items()} for key in ordered}


def render(manifest: RunManifest, found: Matrix, form: str) -> str:
    """The matrix as `grid`, `markdown`, `csv` or `json`; `UsageError` for another form."""
    arms = [arm.name for arm in manifest.arms]
    forms: Mapping[str, Callable[[], str]] = {
        "grid": lambda: _table(arms, found, "grid"),
        "markdown": lambda: _table(arms, found, "github"),
        "csv": lambda: _csv(arms, found),
        "json": lambda: json.dumps(_rows(arms, found), indent=2),
    }
    if form not in forms:
        raise UsageError(unknown("format", form, forms))
    return forms[form]()


def _rows(arms: list[str], found: Matrix) -> list[dict[str, JsonValue]]:
    return [
        {"task": task, "clause": clause} | {arm: shares.get(arm) for arm in arms}
        for (task, clause), shares in found.items()
    ]


def _table(arms: list[str], found: Matrix, form: str) -> str:
    from tabulate import tabulate

    rows = [[task, clause, *(_shown(shares.get(arm)) for arm in arms)] for (task, clause), shares in found.items()]
    return tabulate(rows, headers=["task", "clause", *arms], tablefmt=form, disable_numparse=True)


def _csv(arms: list[str], found: Matrix) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=["task", "clause", *arms], lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(arms, found))
    return out.getvalue().rstrip("\n")


def _shown(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"
