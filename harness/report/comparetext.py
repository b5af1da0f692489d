"""A comparison for people and for programs: the answer first, then what it rests on, then what else moved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.scores import clause_means, rulebooks
from harness.report.compare import LEAST_OPPORTUNITIES, NO_DIFFERENCE, RERUN, Comparison, RuleChange, Side, Spent, facts
from harness.report.demands import Demand
from harness.report.paired import Pair
from harness.report.stats import Cell, Interval
from harness.report.stratified import LEVEL
from harness.report.tables import Floors, floors_told
from harness.report.text import code_span, one_line

MOST_DEMANDS = 40
QUESTIONS = {
    "suite": "suite (is B different on these tasks?)",
    "population": "population (is B different on tasks like these?)",
}


@dataclass(frozen=True)
class Beside:
    """What is shown beside the numbers."""

    rules: bool = False
    """Every rule that was compared, not only those that moved."""
    clauses: bool = False
    """The matrix of clauses and arms."""
    demands: tuple[tuple[Demand, ...], tuple[Demand, ...]] = ((), ())
    """Only A's, only B's."""
    told: Mapping[str, str] | None = None
    """Rule -> the prompt's section and sentence that demand it."""
    overrides: tuple[str, ...] = ()
    """Disputed findings that these numbers rest on."""


def render(found: Comparison, form: str, beside: Beside) -> str:
    """The comparison as `grid`, `markdown` or `json`, without a newline at its end; `UsageError` for another form."""
    forms: Mapping[str, Callable[[], str]] = {
        "grid": lambda: _page(found, beside, "grid", one_line),
        "markdown": lambda: _page(found, beside, "github", code_span),
        "json": lambda: json.dumps(as_json(found, beside), indent=2, ensure_ascii=False),
    }
    if form not in forms:
        raise UsageError(unknown("format", form, forms))
    return forms[form]()


def _page(found: Comparison, beside: Beside, form: str, quote: Callable[[str], str]) -> str:
    blocks = [
        _answer(found, quote),
        _money(found, form, quote),
        _tasks(found, form, quote),
        _rules(found, beside, form, quote),
        _demands(beside, quote) if found.a.arm.prompt_digest != found.b.arm.prompt_digest else "",
        _clauses(found, form, quote) if beside.clauses else "",
        _footer(found, beside, quote),
    ]
    return "\n\n".join(block for block in blocks if block)


def _answer(found: Comparison, quote: Callable[[str], str]) -> str:
    primary = found.primary
    a, b = (quote(_name(side)) for side in (found.a, found.b))
    verdict = f"{b} against {a}: {primary.verdict.upper()} (accepted)."
    if primary.verdict == RERUN:
        verdict += " No outcome of so few trials could be told from luck: rerun with more repeats."
    rates = f"{_points(primary.rates[0])} -> {_points(primary.rates[1])} %"
    width = _range(primary.difference.interval)
    lines = [verdict, f"{rates}, difference {_signed(primary.difference.mean)} points, 95 % interval {width}."]
    if found.clauses is not None:
        flips = "" if found.clause_flips is None else f", by sign flips p {found.clause_flips:.3f}"
        p = "" if found.clauses.p is None else f", p {found.clauses.p:.3f}"
        width = _range(found.clauses.interval)
        lines.append(f"Clause score: {_signed(found.clauses.mean)} points, 95 % interval {width}{p}{flips}.")
    if found.differs:
        lines += ["NOT UNDER THE SAME CONDITIONS, ranked because --anyway was given:"]
        lines += [f"- {quote(line)}" for line in found.differs]
    return "\n".join(lines)


def _name(side: Side) -> str:
    return f"{side.manifest.run}:{side.arm.name}"


def _money(found: Comparison, form: str, quote: Callable[[str], str]) -> str:
    a, b = found.spent
    rows = [
        ["cost a trial", _cost(a), _cost(b), _ratio(a.cost.usd / a.trials, b.cost.usd / b.trials)],
        ["tokens a trial", _tokens(a), _tokens(b), _ratio(a.tokens / a.trials, b.tokens / b.trials)],
        ["wall time a trial", _wall(a), _wall(b), _ratio(a.wall_s / a.trials, b.wall_s / b.trials)],
        ["valid trials", *(f"{len(side.valid)}/{len(side.results)}" for side in (found.a, found.b)), ""],
        ["bounds", *(_range(side.bounds()) for side in (found.a, found.b)), ""],
    ]
    return _table(rows, ["", quote(found.a.arm.name), quote(found.b.arm.name), "B/A"], form)


def _cost(spent: Spent) -> str:
    return ("" if spent.cost.complete else "at least ") + f"${spent.cost.usd / spent.trials:.4f}"


def _tokens(spent: Spent) -> str:
    return f"{spent.tokens / spent.trials:,.0f}"


def _wall(spent: Spent) -> str:
    return f"{spent.wall_s / spent.trials:.1f} s"


def _ratio(a: float, b: float) -> str:
    return f"{b / a:.2f}" if a else "-"


def _tasks(found: Comparison, form: str, quote: Callable[[str], str]) -> str:
    counts = f"informative tasks {found.informative}/{found.primary.tasks}"
    if not found.tasks:
        return f"No task changed; {counts}."
    rows = [
        [quote(change.task), *(_share(cell) for cell in change.cells), f"{change.p:.3f}", change.verdict]
        for change in found.tasks
    ]
    head = f"{len(found.tasks)} tasks changed; {counts}; p two-sided, Benjamini-Hochberg over them:"
    return f"{head}\n\n" + _table(rows, ["task", "A", "B", "p", "verdict"], form)


def _rules(found: Comparison, beside: Beside, form: str, quote: Callable[[str], str]) -> str:
    moved = [change for change in found.rules if beside.rules or change.verdict != NO_DIFFERENCE]
    few = f"{found.rules_left_out} had fewer than {LEAST_OPPORTUNITIES} opportunities in an arm"
    head = f"Rules: {len(found.rules)} compared (exact test over tasks, trial by trial, Holm); {few}"
    if not moved:
        return f"{head}; none moved."
    rows = [_rule(change, beside.told or {}, quote) for change in moved]
    return f"{head}:\n\n" + _table(rows, ["rule", "A kept", "B kept", "p", "verdict", "demanded by"], form)


def _rule(change: RuleChange, told: Mapping[str, str], quote: Callable[[str], str]) -> list[str]:
    shown = [
        f"{_share(trials)} trials, {_share(counts)}"
        for trials, counts in zip(change.trials, change.opportunities, strict=True)
    ]
    return [
        quote(change.rule),
        *shown,
        f"{change.p:.3f}",
        change.verdict,
        quote(one_line(told.get(change.rule, ""), 80)),
    ]


def _demands(beside: Beside, quote: Callable[[str], str]) -> str:
    lines = ["What the prompts demand differently:"]
    for sign, found in zip("-+", beside.demands, strict=True):
        lines += [f"{sign} {quote(f'[{demand.section}] {demand.text}')}" for demand in found[:MOST_DEMANDS]]
        if len(found) > MOST_DEMANDS:
            lines.append(f"{sign} {len(found) - MOST_DEMANDS} more")
    return "\n".join(lines) if len(lines) > 1 else "The prompts differ in no demand, only in form or in order."


def _clauses(found: Comparison, form: str, quote: Callable[[str], str]) -> str:
    mine, theirs, floors = clause_means(found.a.results), clause_means(found.b.results), found.a.floors
    rows = [
        [quote(task), quote(clause), _floor(floors, task, clause), f"{share:.2f}", f"{theirs[task][clause]:.2f}"]
        for task, clauses in mine.items()
        for clause, share in clauses.items()
        if clause in theirs.get(task, {})
    ]
    return "Clauses, mean share of their checks:\n\n" + _table(rows, ["task", "clause", "floor", "A", "B"], form)


def _floor(floors: Floors, task: str, clause: str) -> str:
    share = floors.get(task, {}).get(clause)
    return "-" if share is None else f"{share:.2f}"


def _footer(found: Comparison, beside: Beside, quote: Callable[[str], str]) -> str:
    primary = found.primary
    smallest = f"{_points(primary.mde)} points" if primary.mde is not None else "none"
    lines = [
        "How to read this:\n",
        "- endpoint: accepted, fixed before the run; everything else is beside it",
        f"- question: {QUESTIONS[primary.question]}",
        f"- design: T = {primary.tasks} tasks, k = {primary.trials[0]} and {primary.trials[1]} trials each",
        f"- interval: 95 %, {primary.difference.method}",
        "- smallest difference that this design sees (power 80 %, one-sided 5 %, mid difficulty): " + smallest,
        f"- {quote(floors_told(found.a.floors))}",
        f"- comparisons made: {found.comparisons}; level {LEVEL} each, tasks and rules adjusted among themselves",
        *(f"- {quote(line)}" for side in (found.a, found.b) for line in facts(side)),
        *(f"- note: {quote(note)}" for note in found.notes),
        *(f"- override: {quote(line)}" for line in beside.overrides),
    ]
    return "\n".join(lines)


# --- data --------------------------------------------------------------------------------------------------------


def as_json(found: Comparison, beside: Beside) -> dict[str, JsonValue]:
    """The comparison as data: rates and differences 0 to 1, null where there is none."""
    primary = found.primary
    return {
        "a": _side_json(found.a, found.spent[0]),
        "b": _side_json(found.b, found.spent[1]),
        "endpoint": "accepted",
        "question": primary.question,
        "verdict": primary.verdict,
        "difference": primary.difference.mean,
        "interval": list(primary.difference.interval) if primary.difference.interval else None,
        "p": primary.difference.p,
        "method": primary.difference.method,
        "mde": primary.mde,
        "design": {"tasks": primary.tasks, "trials": list(primary.trials)},
        "informative": found.informative,
        "comparisons": found.comparisons,
        "clause_score": None if found.clauses is None else found.clauses.mean,
        "clause_floors": {task: dict(clauses) for task, clauses in found.a.floors.items()},
        "clause_p": None if found.clauses is None else found.clauses.p,
        "differs": list(found.differs),
        "notes": list(found.notes),
        "tasks": [_moved("task", change.task, change.cells, change.p, change.verdict) for change in found.tasks],
        "rules": [_moved("rule", change.rule, change.trials, change.p, change.verdict) for change in found.rules],
        "overrides": list(beside.overrides),
    }


def _moved(kind: str, name: str, cells: Pair, p: float, verdict: str) -> dict[str, JsonValue]:
    return {kind: name, "a": list(cells[0]), "b": list(cells[1]), "p": p, "verdict": verdict}


def _side_json(side: Side, spent: Spent) -> dict[str, JsonValue]:
    return {
        "run": side.manifest.run,
        "arm": side.arm.name,
        "model": side.arm.model,
        "prompt_digest": side.arm.prompt_digest,
        "planned": len(side.results),
        "valid": len(side.valid),
        "invalid": dict(side.causes),
        "rulebook": rulebooks(side.results),
        "bounds": list(side.bounds()),
        "accepted": sum(result.accepted for result in side.results),
        "cost_usd": spent.cost.usd,
        "tokens": spent.tokens,
        "wall_s": round(spent.wall_s, 3),
    }


# --- small forms -------------------------------------------------------------------------------------------------


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str], form: str) -> str:
    from tabulate import tabulate

    return tabulate(rows, headers=headers, tablefmt=form, disable_numparse=True)


def _points(share: float) -> str:
    return f"{100 * share:.0f}"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"


def _share(cell: Cell) -> str:
    return f"{cell[0]}/{cell[1]}"


def _range(interval: Interval | None) -> str:
    return "none" if interval is None else f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
