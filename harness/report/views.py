"""Other ways to look at stored runs: reliability over repeats, what success costs, and each task's history."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from pydantic import JsonValue

from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.scores import rulebooks
from harness.report.compare import Side, facts
from harness.report.pareto import front
from harness.report.stats import Cell, g_pass_at_k, pass_at_k, pass_hat_k
from harness.report.tables import SHORT
from harness.report.text import code_span, one_line

SHARES = (Fraction(1, 2), Fraction(3, 4), Fraction(1))
"""Thresholds of G-Pass@k."""


Values = tuple[str | float | int | None, ...]


@dataclass(frozen=True)
class View:
    """A small table: what it answers, its columns, its rows, what else a reader must know."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Values, ...]
    notes: tuple[str, ...]


def render(view: View, form: str) -> str:
    """The view as `grid`, `markdown` or `json`, without a newline at its end."""
    forms: Mapping[str, Callable[[], str]] = {
        "grid": lambda: _page(view, "grid", one_line),
        "markdown": lambda: _page(view, "github", code_span),
        "json": lambda: json.dumps(as_json(view), indent=2, ensure_ascii=False),
    }
    if form not in forms:
        raise UsageError(unknown("format", form, forms))
    return forms[form]()


def as_json(view: View) -> dict[str, JsonValue]:
    """The view as data."""
    return {"rows": [dict(zip(view.columns, row, strict=True)) for row in view.rows], "notes": list(view.notes)}


def _page(view: View, form: str, quote: Callable[[str], str]) -> str:
    from tabulate import tabulate

    rows = [[_cell(value, quote) for value in row] for row in view.rows]
    table = tabulate(rows, headers=view.columns, tablefmt=form, disable_numparse=True)
    return "\n\n".join([view.title, table, "\n".join(f"- {quote(note)}" for note in view.notes)])


def _cell(value: str | float | int | None, quote: Callable[[str], str]) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return quote(value) if isinstance(value, str) else str(value)


# --- reliability -------------------------------------------------------------------------------------------------


def reliability(sides: Sequence[Side], overrides: Sequence[str] = ()) -> View:
    """pass@k, pass^k and G-Pass@k of each arm for every k that all its tasks allow; means over tasks."""
    rows: list[Values] = [
        (_name(side), k, *_reliable(cells, k))
        for side in sides
        for cells in [list(side.cells().values())]
        for k in range(1, min((total for _, total in cells), default=0) + 1)
    ]
    columns = ("arm", "k", "pass@k", "pass^k", *(f"G-Pass@k, {share} of k" for share in SHARES))
    return View("How reliable is each arm?", columns, tuple(rows), _told(sides, overrides))


def _reliable(cells: Sequence[Cell], k: int) -> list[float]:
    at_least = [pass_at_k(total, passes, k) for passes, total in cells]
    all_of = [pass_hat_k(total, passes, k) for passes, total in cells]
    shares = [[g_pass_at_k(total, passes, k, share) for passes, total in cells] for share in SHARES]
    return [float(sum(found, Fraction()) / len(found)) for found in (at_least, all_of, *shares)]


def _told(sides: Sequence[Side], overrides: Sequence[str]) -> tuple[str, ...]:
    notes = ["endpoint: accepted; means of task means over valid trials; question: suite (these tasks)"]
    notes += [line for side in sides for line in facts(side)]
    return (*notes, *_disputed(overrides))


def _disputed(overrides: Sequence[str]) -> list[str]:
    return [f"override: {override}" for override in overrides]


def _name(side: Side) -> str:
    return f"{side.manifest.run}:{side.arm.name}"


# --- money -------------------------------------------------------------------------------------------------------


def worth(sides: Sequence[Side], overrides: Sequence[str] = ()) -> View:
    """Success against cost; the arms on the front are those that no other beats in both."""
    points = {_name(side): (_rate(side), _cost(side)) for side in sides if side.valid}
    best = front(points)
    order = sorted(points, key=lambda name: (points[name][1], name))
    rows: list[Values] = [(name, *points[name], "front" if name in best else "") for name in order]
    complete = all(result.cost.complete for side in sides for result in side.results)
    notes = (*_told(sides, overrides), f"prices of {', '.join(sorted({side.manifest.price_date for side in sides}))}")
    if not complete:
        notes = (*notes, "some calls had no known price: costs are at least these")
    columns = ("arm", "accepted", "USD a trial", "cost-success front")
    return View("What does success cost?", columns, tuple(rows), notes)


def _rate(side: Side) -> float:
    cells = list(side.cells().values())
    return sum(passes / total for passes, total in cells) / len(cells)


def _cost(side: Side) -> float:
    return sum(result.cost.micro_usd for result in side.results) / 1e6 / len(side.results)


# --- tasks over runs ---------------------------------------------------------------------------------------------


def history(sides: Sequence[Side], overrides: Sequence[str] = ()) -> View:
    """Every task in every run and arm: accepted of valid trials, oldest run first; another version is another task."""
    rows: list[Values] = []
    for side in sorted(sides, key=lambda side: side.manifest.created):
        digests = {task.id: task.digest[:SHORT] for task in side.manifest.tasks}
        for task, (passes, total) in side.cells().items():
            run, judged = side.manifest.run, rulebooks(side.results)
            rows.append((task, digests[task], side.manifest.created, run, side.arm.name, judged, passes, total))
    columns = ("task", "version", "when", "run", "arm", "rulebook", "accepted", "valid")
    notes = (
        "runs of other versions, models or prompts are listed, not compared",
        *(f"override: {o}" for o in overrides),
    )
    return View("How often was each task solved?", columns, tuple(sorted(rows, key=lambda row: str(row[0]))), notes)
