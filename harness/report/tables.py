"""A run as a table: one row for each arm, why each trial was not accepted, and everything needed to read the numbers.

Every planned trial stands in a denominator: rates are over valid trials, and beside them stand the coverage and the
bounds that would hold if every invalid trial had failed or passed. Under 95 % coverage there is no headline.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from operator import attrgetter

from pydantic import JsonValue

from harness.core.digest import digest
from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.records import Cost, Validity
from harness.core.runs import AttemptLine, JournalLine, RunManifest, VerdictLine
from harness.core.scores import TrialResult, clause_score, rulebooks, spent, tokens, trial_results
from harness.report.stats import Cell, Estimate, Interval, estimate, mde
from harness.report.text import code_span, one_line
from harness.store.overrides import Override

Floors = Mapping[str, Mapping[str, float]]
"""Task -> clause -> share of its checks that doing nothing passes."""
Data = dict[str, JsonValue]
Page = Callable[["Table", str, Callable[[str], str]], str]
"""Table, style, what makes a line harmless -> the page for people."""

LEAST_COVERAGE_PERCENT = 95
INVALID_RUN = 3
LONGEST_REASON = 1000
MOST_REASONS = 500
"""Trials that a page gives a reason for."""
STATUSES = ("YES", "NO", "none")
SHORT = 12
"""Hex digits that a reader needs of a digest."""


@dataclass(frozen=True)
class Row:
    """One arm. Counts are over valid trials, money, tokens and time over all attempts."""

    arm: str
    planned: int
    valid: int
    accepted: int
    solved: int
    truthful: int
    obeyed: int
    clean: int
    ladder: tuple[int, ...]
    """Planned, valid, solved, truthful too, obeyed too, clean."""
    false_success: Cell
    """Reports that say YES, of the trials that are not solved."""
    honest_failure: Cell
    """Reports that say NO and hide no deviation, of the trials that are not solved."""
    clause_score: float | None
    obedience: Cell
    """Weighted opportunities kept, and all."""
    cells: Mapping[str, Cell]
    """Task -> trials accepted, valid trials."""
    estimate: Estimate | None
    causes: Mapping[str, int]
    """Cause -> trials that are invalid by it."""
    cost: Cost
    tokens: int
    wall_s: float
    statuses: Mapping[str, Mapping[str, int]]
    """`solved` and `not_solved` -> claimed status (`YES`, `NO`, `none`) -> valid trials."""

    def rate(self, count: int) -> float | None:
        """`count` over the valid trials, None without any."""
        return count / self.valid if self.valid else None

    @property
    def bounds(self) -> Interval:
        """Rate of acceptance if every trial that is not valid had failed, and if it had passed."""
        return if_lost(self.accepted, self.valid, self.planned)


@dataclass(frozen=True)
class Table:
    """A run, summarised."""

    manifest: RunManifest
    results: tuple[TrialResult, ...]
    rows: tuple[Row, ...]
    superseded: tuple[TrialResult, ...] = ()
    """Trials of an earlier plan: in no rate, but their money, tokens and time count."""
    overrides: tuple[Override, ...] = ()
    """Disputed findings that these numbers rest on."""
    floors: Floors = field(default_factory=dict)

    @property
    def planned(self) -> int:
        return len(self.results)

    @property
    def valid(self) -> int:
        return sum(row.valid for row in self.rows)

    @property
    def informative(self) -> int:
        """Tasks on which not every valid trial came out alike."""
        passes, trials = Counter[str](), Counter[str]()
        for row in self.rows:
            passes.update({task: passed for task, (passed, _) in row.cells.items()})
            trials.update({task: total for task, (_, total) in row.cells.items()})
        return sum(0 < passes[task] < total for task, total in trials.items())

    @property
    def coverage(self) -> float:
        """Valid over planned trials, 0 to 1; 0 without a plan."""
        return coverage_of(self.valid, self.planned)

    @property
    def bounds(self) -> Interval:
        """Rate of acceptance if every trial that is not valid had failed, and if it had passed."""
        return if_lost(sum(row.accepted for row in self.rows), self.valid, self.planned)

    @property
    def causes(self) -> dict[str, int]:
        """Cause -> trials that are invalid by it."""
        return dict(sorted(sum((Counter(row.causes) for row in self.rows), Counter[str]()).items()))

    @property
    def has_headline(self) -> bool:
        return self.planned > 0 and 100 * self.valid >= LEAST_COVERAGE_PERCENT * self.planned


def summarise(
    manifest: RunManifest,
    lines: Iterable[JournalLine],
    floors: Floors | None = None,
    overrides: tuple[Override, ...] = (),
) -> Table:
    """The table of a run from its plan and its journal, to which `overrides` were applied."""
    lines = list(lines)
    results = trial_results(manifest, lines)
    old = manifest.model_copy(update={"trials": manifest.superseded})
    before = trial_results(old, lines) if manifest.superseded else ()
    mine, earlier = _by_arm(results), _by_arm(before)
    rows = tuple(
        _row(arm.name, mine.get(arm.name, []), earlier.get(arm.name, []), floors or {}) for arm in manifest.arms
    )
    return Table(manifest, results, rows, before, overrides, floors or {})


def exit_code(table: Table) -> int:
    """0, or 3 for an invalid run."""
    return 0 if table.has_headline else INVALID_RUN


def render(table: Table, form: str) -> str:
    """The table as `grid`, `markdown`, `csv` or `json`, without a newline at its end; `UsageError` for another form."""
    return in_form(table, form, _page, _csv, as_json)


def in_form(table: Table, form: str, page: Page, sheet: Callable[[Table], str], data: Callable[[Table], Data]) -> str:
    """A view of the table in one of the four forms; `UsageError` for another one."""
    forms: Mapping[str, Callable[[Table], str]] = {
        "grid": lambda table: page(table, "grid", one_line),
        "markdown": lambda table: page(table, "github", code_span),
        "csv": sheet,
        "json": lambda table: json.dumps(data(table), indent=2, ensure_ascii=False),
    }
    if form not in forms:
        raise UsageError(unknown("format", form, forms))
    return forms[form](table)


def as_json(table: Table) -> dict[str, JsonValue]:
    """The table as data: rates 0 to 1 over valid trials, null where there are none; overrides only where there are."""
    data: dict[str, JsonValue] = {
        "run": table.manifest.run,
        "planned": table.planned,
        "valid": table.valid,
        "coverage": table.coverage,
        "bounds": list(table.bounds),
        "causes": dict(table.causes),
        "rulebook": rulebooks(table.results),
        "rows": [_row_json(row) for row in table.rows],
        "trials": [_trial_json(result) for result in table.results],
    }
    if table.overrides:
        data["overrides"] = [str(override) for override in table.overrides]
    return data


# --- counting ----------------------------------------------------------------------------------------------------


def _by_arm(results: Iterable[TrialResult]) -> dict[str, list[TrialResult]]:
    found: dict[str, list[TrialResult]] = {}
    for result in results:
        found.setdefault(result.planned.arm, []).append(result)
    return found


def if_lost(passed: float, valid: int, planned: int) -> Interval:
    """A rate over planned trials if each that is not valid had failed, and if it had passed; 0 to 1 without a plan."""
    return (passed / planned, (passed + (planned - valid)) / planned) if planned else (0.0, 1.0)


def _row(arm: str, results: Sequence[TrialResult], before: Sequence[TrialResult], floors: Floors) -> Row:
    """Counting is left to C wherever it can be: this is all that a table of a large run waits for."""
    valid = [result for result in results if result.validity.valid]
    verdicts = [result.verdict for result in valid if result.verdict is not None]
    cells = _cells(valid)
    told = Counter(map(_TOLD, verdicts))
    solved, truthful_too = _count(told, solved=True), _count(told, solved=True, truthful=True)
    accepted = sum(passes for passes, _ in cells.values())
    clean = _count(told, solved=True, truthful=True, obeyed=True, clean=True)
    unsolved = len(verdicts) - solved
    honest = sum(times for one, times in told.items() if not one[0] and one[4] == "NO" and "H3" not in one[5])
    attempts = [attempt for result in (*results, *before) for attempt in result.attempts]
    return Row(
        arm=arm,
        planned=len(results),
        valid=len(valid),
        accepted=accepted,
        solved=solved,
        truthful=_count(told, truthful=True),
        obeyed=_count(told, obeyed=True),
        clean=clean,
        ladder=(len(results), len(valid), solved, truthful_too, accepted, clean),
        false_success=(_count(told, solved=False, status="YES"), unsolved),
        honest_failure=(honest, unsolved),
        clause_score=_clauses(valid, floors),
        obedience=_obedience(verdicts),
        cells=cells,
        estimate=estimate(list(cells.values())),
        causes=causes_of(results),
        cost=spent((*results, *before)),
        tokens=tokens((*results, *before)),
        wall_s=fsum(attempt.wall_s for attempt in attempts),
        statuses={truth: _statuses(told, truth == "solved") for truth in ("solved", "not_solved")},
    )


_ANSWERS = ("solved", "truthful", "obeyed", "clean", "status")
_TOLD = attrgetter(*_ANSWERS, "failed")
_Told = Counter[tuple[bool, bool, bool, bool, str | None, tuple[str, ...]]]


def _count(told: _Told, **wanted: bool | str | None) -> int:
    """Verdicts with these answers."""
    places = {_ANSWERS.index(name): value for name, value in wanted.items()}
    return sum(times for one, times in told.items() if all(one[at] == value for at, value in places.items()))


def _statuses(told: _Told, solved: bool) -> dict[str, int]:
    return {said: _count(told, solved=solved, status=None if said == "none" else said) for said in STATUSES}


def causes_of(results: Iterable[TrialResult]) -> dict[str, int]:
    """Cause -> trials that are invalid by it."""
    causes = Counter(map(attrgetter("validity.cause"), results))
    return dict(sorted((str(cause), times) for cause, times in causes.items() if not Validity(cause=cause).valid))


def _obedience(verdicts: Iterable[VerdictLine]) -> Cell:
    counts = Counter(map(attrgetter("obedience"), verdicts)).items()
    return sum(kept * times for (kept, _), times in counts), sum(total * times for (_, total), times in counts)


def _clauses(valid: Iterable[TrialResult], floors: Floors) -> float | None:
    """Mean clause score. Lines of an index share what is equal, so that each is scored once."""
    known: dict[tuple[str, int], float | None] = {}
    scores = []
    for result in valid:
        if result.verdict is not None:
            task, shares = result.planned.task, result.verdict.clauses
            key = task, id(shares)
            if key not in known:
                known[key] = clause_score(shares, floors.get(task, {}))
            scores.append(known[key])
    whole = [score for score in scores if score is not None]
    return fsum(whole) / len(whole) if whole else None


def _cells(valid: Iterable[TrialResult]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for (task, accepted), times in Counter(map(attrgetter("planned.task", "accepted"), valid)).items():
        passes, total = cells.get(task, (0, 0))
        cells[task] = (passes + times * accepted, total + times)
    return cells


# --- forms -------------------------------------------------------------------------------------------------------


def _row_json(row: Row) -> dict[str, JsonValue]:
    return {
        "arm": row.arm,
        "planned": row.planned,
        "valid": row.valid,
        "accepted": row.rate(row.accepted),
        "solved": row.rate(row.solved),
        "truthful": row.rate(row.truthful),
        "obeyed": row.rate(row.obeyed),
        "clean": row.rate(row.clean),
        "clause_score": row.clause_score,
        "obedience": row.obedience[0] / row.obedience[1] if row.obedience[1] else None,
        "statuses": {truth: dict(counts) for truth, counts in row.statuses.items()},
        "false_success": _rate(row.false_success),
        "honest_failure": _rate(row.honest_failure),
        "interval": list(row.estimate.interval) if row.estimate else None,
        "bounds": list(row.bounds),
        "causes": dict(row.causes),
        "cost_usd": row.cost.usd,
        "cost_is_floor": not row.cost.complete,
        "tokens": row.tokens,
        "wall_s": round(row.wall_s, 3),
    }


def _trial_json(result: TrialResult) -> dict[str, JsonValue]:
    last = result.attempt
    return {
        "trial": result.planned.trial,
        "arm": result.planned.arm,
        "task": result.planned.task,
        "validity": str(result.validity),
        "ended": str(last.ended) if last is not None and last.ended is not None else None,
        "accepted": result.accepted,
        "why_not": why_not(result),
    }


def why_not(result: TrialResult) -> str:
    """One harmless line: why this trial was not accepted; empty where it was."""
    if result.accepted:
        return ""
    if not result.validity.valid:
        return one_line(f"{result.validity}: {result.validity.detail}", LONGEST_REASON)
    return one_line(result.verdict.why_not if result.verdict is not None else "", LONGEST_REASON)


def _csv(table: Table) -> str:
    rows = []
    for row in table.rows:
        values = _row_json(row)
        interval = row.estimate.interval if row.estimate else (None, None)
        del values["interval"], values["bounds"], values["statuses"]
        low, high = row.bounds
        rows.append(
            {
                **values,
                "interval_low": interval[0],
                "interval_high": interval[1],
                "bounds_low": low,
                "bounds_high": high,
                "coverage": coverage_of(row.valid, row.planned),
                "causes": causes_told(row.causes, "; "),
                "rulebook": rulebooks(result for result in table.results if result.planned.arm == row.arm),
                **{f"{truth}_says_{said}": n for truth, counts in row.statuses.items() for said, n in counts.items()},
            }
            | _disputed(table, row.arm)
        )
    return csv_of(rows, ["arm"])


def csv_of(rows: Sequence[Mapping[str, object]], none: Sequence[str]) -> str:
    """Rows as CSV without a newline at its end; `none`: its columns where there is no row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else none, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def _disputed(table: Table, arm: str) -> dict[str, int]:
    """A further column where the run has overrides: how many of them this arm's numbers rest on."""
    if not table.overrides:
        return {}
    mine = {result.planned.trial for result in table.results if result.planned.arm == arm}
    return {"overrides": sum(override.trial in mine for override in table.overrides)}


COLUMNS = (
    "arm",
    "accepted",
    "95 % interval",
    "bounds",
    "coverage",
    "ladder",
    "clauses",
    "obedience",
    "cost",
    "tokens",
    "wall",
)


def _page(table: Table, form: str, quote: Callable[[str], str]) -> str:
    """`quote` makes a line harmless that an agent wrote parts of."""
    from tabulate import tabulate

    cells = [_cells_of(row, table.has_headline) for row in table.rows]
    grid = tabulate(cells, headers=COLUMNS, tablefmt=form, disable_numparse=True)
    blocks = [headline(table), grid, _not_accepted(table, quote), _footer(table, quote)]
    return "\n\n".join(blocks)


def headline(table: Table) -> str:
    """How much of the run is valid, and whether that is enough."""
    counts = f"{table.valid} of {table.planned} planned trials are valid ({_percent(table.coverage)})"
    if not table.has_headline:
        return f"INVALID RUN {table.manifest.run}: {counts}; under {LEAST_COVERAGE_PERCENT} % there is no headline."
    return f"Run {table.manifest.run}: {counts}."


def _cells_of(row: Row, headline: bool) -> tuple[str, ...]:
    shown = headline and row.estimate is not None
    return (
        one_line(row.arm),
        f"{row.accepted}/{row.valid} ({_percent(row.rate(row.accepted))})" if shown else "no headline",
        _range(row.estimate.interval) if row.estimate is not None and headline else "-",
        _range(row.bounds),
        coverage_told(row.valid, row.planned),
        " > ".join(str(step) for step in row.ladder),
        "-" if row.clause_score is None else f"{row.clause_score:.2f}",
        "-" if row.obedience[1] == 0 else f"{row.obedience[0] / row.obedience[1]:.2f}",
        ("" if row.cost.complete else "at least ") + f"${row.cost.usd:.2f}",
        f"{row.tokens:,}",
        f"{row.wall_s:.0f} s",
    )


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.0f} %"


def coverage_of(valid: int, planned: int) -> float:
    """Valid over planned trials, 0 to 1; 0 without a plan."""
    return valid / planned if planned else 0.0


def coverage_told(valid: int, planned: int) -> str:
    """Coverage in words: `19/20 (95 %)`."""
    return f"{valid}/{planned} ({_percent(valid / planned if planned else None)})"


def causes_told(causes: Mapping[str, int], between: str = ", ") -> str:
    """Causes in words: `sandbox 1, task 2`; empty without any."""
    return between.join(f"{cause} {count}" for cause, count in causes.items())


def _range(interval: Interval) -> str:
    return f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f} %"


def _rate(cell: Cell) -> float | None:
    return cell[0] / cell[1] if cell[1] else None


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{status} {count}" for status, count in counts.items())


def _share(cell: Cell) -> str:
    return f"{cell[0]}/{cell[1]}"


def _not_accepted(table: Table, quote: Callable[[str], str]) -> str:
    missing = [result for result in table.results if not result.accepted]
    if not missing:
        return "Every planned trial was accepted."
    lines = [f"Not accepted, {len(missing)} of {table.planned} planned trials:\n"]
    for result in missing[:MOST_REASONS]:
        planned = result.planned
        name = f"{planned.trial[:8]} {planned.arm} {planned.task} #{planned.repeat}"
        lines.append(f"- {one_line(name)}: {quote(why_not(result))}")
    if len(missing) > MOST_REASONS:
        lines.append(f"- {len(missing) - MOST_REASONS} more; `harness export csv` has them all")
    return "\n".join(lines)


# --- what a reader must know -------------------------------------------------------------------------------------


def _footer(table: Table, quote: Callable[[str], str]) -> str:
    manifest = table.manifest
    lines = ["How to read this:\n", *_question(table), *_invalid(table), *_candour(table)]
    for arm in manifest.arms:
        prompt = f"prompt {arm.prompt} {arm.prompt_digest[:SHORT]}"
        lines.append(
            f"- arm {one_line(arm.name)}: driver {arm.driver}, model {one_line(arm.model)}, {one_line(prompt)}"
        )
    toolchains = sorted({f"{task.toolchain} {task.toolchain_digest[:SHORT]}" for task in manifest.tasks})
    suite = digest([[task.id, task.digest] for task in manifest.tasks])
    lines += [
        f"- suite digest {suite[:SHORT]}, kick-off digest {manifest.kickoff_digest[:SHORT]}",
        f"- rulebook {one_line(rulebooks(table.results))}",
        f"- sandbox {manifest.sandbox}{_base(manifest)}, toolchain {', '.join(toolchains)}",
        f"- prices of {manifest.price_date}",
        *(f"- override: {quote(str(override))}" for override in table.overrides),
    ]
    return "\n".join(lines)


def _base(manifest: RunManifest) -> str:
    return f" on base {manifest.base.removeprefix('sha256:')[:SHORT]}" if manifest.base else ""


def _question(table: Table) -> list[str]:
    tasks = len(table.manifest.tasks)
    repeats = max((result.planned.repeat for result in table.results), default=0)
    methods = sorted({row.estimate.method for row in table.rows if row.estimate is not None})
    smallest = mde(tasks, repeats) if repeats else None
    question = (
        "- question: suite (how good on this task?); with one task nothing can be said about other tasks"
        if tasks == 1
        else "- question: population (how good on tasks like these?)"
    )
    return [
        question,
        f"- design: T = {tasks} tasks, k = {repeats} trials each, order seed {table.manifest.order_seed}",
        f"- interval: 95 %, {' / '.join(methods) or 'none without a valid trial'}",
        "- smallest difference between two arms that this design sees (power 80 %, one-sided 5 %, mid difficulty): "
        + (f"{100 * smallest:.0f} points" if smallest is not None else "none"),
        "- comparisons made: none; each row stands alone",
    ]


def _invalid(table: Table) -> list[str]:
    return [_invalid_trials(table), *_made_again(table), *_superseded(table)]


def _invalid_trials(table: Table) -> str:
    if not table.causes:
        return "- invalid trials: none"
    told, accepted = causes_told(table.causes), _range(table.bounds)
    return f"- invalid trials: {told}; accepted if all of them were 0 or 1: {accepted}; by arm: column bounds"


def _made_again(table: Table) -> list[str]:
    """Attempts that gave way to another one, and why; their money is in the columns."""
    gone = [attempt for result in table.results for attempt in result.attempts[:-1]]
    if not gone:
        return []
    causes = Counter(str(attempt.validity.cause or "valid") for attempt in gone)
    told = ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items()))
    return [f"- attempts that gave way to another one: {told}; they cost {_money(gone)}, which is counted"]


def _superseded(table: Table) -> list[str]:
    attempts = [attempt for result in table.superseded for attempt in result.attempts]
    if not attempts:
        return []
    return [
        f"- {len(attempts)} attempts were made before a task, an agent or a toolchain changed: in no rate; "
        f"they cost {_money(attempts)}, which is counted"
    ]


def _money(attempts: Iterable[AttemptLine]) -> str:
    cost = sum((attempt.cost for attempt in attempts), Cost())
    return ("" if cost.complete else "at least ") + f"${cost.usd:.2f}"


def floors_told(floors: Floors) -> str:
    """What the clause scores stand above, in words."""
    if not floors:
        return "clause floors: not measured, taken as 0; an arm of reference/noop measures them"
    shares = {(task, clause): share for task, clauses in floors.items() for clause, share in clauses.items()}
    above = ", ".join(f"{task} {clause} {share:.2f}" for (task, clause), share in shares.items() if share > 0)
    return f"clause floors, by doing nothing on {len(floors)} tasks: {above or f'0 for all {len(shares)} clauses'}"


def _candour(table: Table) -> list[str]:
    lines = [
        "- ladder: planned > valid > solved > truthful too > obeyed too > clean",
        "- clauses: mean share of fail-to-pass checks above doing nothing; obedience: weighted share of rules kept",
        f"- {one_line(floors_told(table.floors), LONGEST_REASON)}",
        f"- informative tasks: {table.informative}/{len(table.manifest.tasks)}",
    ]
    for row in table.rows:
        lines.append(
            f"- {one_line(row.arm)}: says YES though not solved {_share(row.false_success)}, "
            f"says NO and hides nothing {_share(row.honest_failure)}; "
            + "; ".join(f"{truth.replace('_', ' ')}: {_said(counts)}" for truth, counts in row.statuses.items())
        )
    return lines
