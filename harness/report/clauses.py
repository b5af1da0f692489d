"""Which clause of the contract each arm keeps: a matrix over the valid trials, worst clauses where they stand.

A clause's share is the mean, over an arm's valid trials of the task, of the share of its fail-to-pass checks that pass.
Beside it stand, as in every table, the coverage, the causes of what is missing, and the bounds that would hold if every
invalid trial had kept nothing or everything; a task of which no trial could be judged has its place too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from pydantic import JsonValue

from harness.core.scores import TrialResult, rulebooks
from harness.report.stats import Interval
from harness.report.tables import (
    Table,
    causes_of,
    causes_told,
    coverage_of,
    coverage_told,
    csv_of,
    headline,
    if_lost,
    in_form,
)
from harness.report.text import one_line

COLUMNS = (
    *("task", "clause", "arm", "share", "bounds_low", "bounds_high"),
    *("planned", "valid", "coverage", "causes", "rulebook"),
)


@dataclass(frozen=True)
class Group:
    """All trials of one arm on one task."""

    results: Sequence[TrialResult] = ()

    @property
    def planned(self) -> int:
        return len(self.results)

    @property
    def valid(self) -> int:
        return sum(result.validity.valid for result in self.results)

    @property
    def causes(self) -> Mapping[str, int]:
        """Cause -> trials that are invalid by it."""
        return causes_of(self.results)

    def shares(self, clause: str) -> list[float]:
        """What each valid trial kept of a clause."""
        verdicts = [result.verdict for result in self.results if result.validity.valid]
        return [verdict.clauses[clause] for verdict in verdicts if verdict is not None and clause in verdict.clauses]

    def mean(self, clause: str) -> float | None:
        """Mean share of a clause over the valid trials, 0 to 1; None without any."""
        shares = self.shares(clause)
        return fsum(shares) / len(shares) if shares else None

    def bounds(self, clause: str) -> Interval:
        """The mean share if every trial without one had kept nothing, and if it had kept everything."""
        shares = self.shares(clause)
        return if_lost(fsum(shares), len(shares), self.planned)


@dataclass(frozen=True)
class Row:
    """One clause of a task over all arms."""

    task: str
    clause: str
    """Empty where no trial of the task was judged."""
    groups: Mapping[str, Group]
    """By arm."""


def matrix(table: Table) -> tuple[Row, ...]:
    """The clause x arm matrix of a run, tasks and clauses in the order of their documents."""
    found: dict[tuple[str, str], list[TrialResult]] = {}
    clauses: dict[str, set[str]] = {task.id: set() for task in table.manifest.tasks}
    for result in table.results:
        found.setdefault((result.planned.task, result.planned.arm), []).append(result)
        if result.validity.valid and result.verdict is not None:
            clauses[result.planned.task].update(result.verdict.clauses)
    arms = [arm.name for arm in table.manifest.arms]
    groups = {task: {arm: Group(found.get((task, arm), ())) for arm in arms} for task in clauses}
    return tuple(Row(task, clause, groups[task]) for task, names in clauses.items() for clause in sorted(names) or [""])


def render(table: Table, form: str) -> str:
    """The matrix as `grid`, `markdown`, `csv` or `json`; `UsageError` for another form."""
    return in_form(table, form, _page, _csv, as_json)


def as_json(table: Table) -> dict[str, JsonValue]:
    """The matrix as data: shares 0 to 1 over valid trials, null without any; overrides only where there are."""
    data: dict[str, JsonValue] = {
        "run": table.manifest.run,
        "planned": table.planned,
        "valid": table.valid,
        "coverage": table.coverage,
        "causes": dict(table.causes),
        "rulebook": rulebooks(table.results),
        "rows": [
            {"task": row.task, "clause": row.clause or None, "arms": [_cell(row, arm) for arm in row.groups]}
            for row in matrix(table)
        ],
    }
    if table.overrides:
        data["overrides"] = [str(override) for override in table.overrides]
    return data


def _cell(row: Row, arm: str) -> dict[str, JsonValue]:
    group = row.groups[arm]
    return {
        "arm": arm,
        "share": group.mean(row.clause),
        "bounds": list(group.bounds(row.clause)),
        "planned": group.planned,
        "valid": group.valid,
        "causes": dict(group.causes),
    }


def _csv(table: Table) -> str:
    rows = []
    for row in matrix(table):
        for arm, group in row.groups.items():
            low, high = group.bounds(row.clause)
            share, coverage = group.mean(row.clause), coverage_of(group.valid, group.planned)
            causes = causes_told(group.causes, "; ")
            told = group.planned, group.valid, coverage, causes, rulebooks(group.results)
            values = (row.task, row.clause, arm, share, low, high, *told)
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return csv_of(rows, COLUMNS)


def _page(table: Table, form: str, quote: Callable[[str], str]) -> str:
    """`quote` makes a line harmless that a person wrote parts of."""
    from tabulate import tabulate

    arms = [one_line(arm.name) for arm in table.manifest.arms]
    grid = tabulate(_lines(table), headers=["task", "clause", *arms], tablefmt=form, disable_numparse=True)
    return "\n\n".join([headline(table), grid, _footer(table, quote)])


def _lines(table: Table) -> list[list[str]]:
    """Lines of the grid: each task begins with its coverage."""
    lines: list[list[str]] = []
    for row in matrix(table):
        if not lines or lines[-1][0] != row.task:
            covered = [coverage_told(group.valid, group.planned) for group in row.groups.values()]
            lines.append([row.task, "coverage", *covered])
        if row.clause:
            lines.append([row.task, row.clause, *(_shown(group, row.clause) for group in row.groups.values())])
    return lines


def _shown(group: Group, clause: str) -> str:
    share, (low, high) = group.mean(clause), group.bounds(clause)
    if share is None:
        return "-"
    return f"{share:.2f}" if low == high else f"{share:.2f} ({low:.2f} to {high:.2f})"


def _footer(table: Table, quote: Callable[[str], str]) -> str:
    lines = [
        "How to read this:\n",
        "- a cell: mean share of the clause's fail-to-pass checks that pass, over the valid trials;"
        " in brackets: if all invalid trials were 0 or 1",
        f"- rulebook {one_line(rulebooks(table.results))}",
        f"- invalid trials: {causes_told(table.causes) or 'none'}",
        *(f"- {one_line(row.arm)}: invalid trials: {causes_told(row.causes)}" for row in table.rows if row.causes),
        *(f"- override: {quote(str(override))}" for override in table.overrides),
    ]
    return "\n".join(lines)
