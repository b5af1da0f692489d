"""Did these tasks get worse since the baseline? The question of a nightly: suite, one-sided, exact.

A baseline is a small file of counts and digests that a team commits. The test needs no estimate, so it holds at three
trials a task; a raw drop of a few points does not. What broke on the way is a third outcome: it is in no count, and the
answer says what would follow if all of it had failed or passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError

from harness.core.errors import UsageError
from harness.core.records import SCHEMA_VERSION, Record
from harness.core.runs import Arm
from harness.core.scores import rulebooks
from harness.report.compare import RuleChange, Side, Tally, conditions, different, paired, rule_changes, tallies
from harness.report.paired import Pair, suite_error, task_gaps
from harness.report.stats import Cell, mde
from harness.report.stratified import LEVEL, exact
from harness.report.tables import LEAST_COVERAGE_PERCENT, SHORT
from harness.report.text import one_line

OK, REGRESSION, INVALID_RUN = 0, 1, 3


class RuleBase(Record):
    """One rule in a baseline."""

    kept: int
    opportunities: int
    trials: dict[str, Cell]
    """Task -> trials that kept it, trials that had an opportunity."""


class Baseline(Record):
    """Counts of one arm of one run, and all it takes to know whether another run may be held against them."""

    schema_version: int = SCHEMA_VERSION
    run: str
    created: str
    arm: Arm
    order_seed: int
    price_date: str
    conditions: dict[str, str]
    rulebook: str = ""
    """As in a table; empty in baselines of older harnesses."""
    planned: int
    invalid: dict[str, int]
    """Cause -> trials."""
    tasks: dict[str, Cell]
    """Task -> trials accepted, valid trials."""
    rules: dict[str, RuleBase]
    overrides: tuple[str, ...] = ()
    """Disputed findings that these counts rest on."""


@dataclass(frozen=True)
class Gate:
    """What a gate says."""

    baseline: Baseline
    side: Side
    code: int
    pairs: dict[str, Pair]
    p: float
    """One-sided mid-p that the run is worse."""
    p_if_failed: float
    """The same if all invalid trials of the run had failed."""
    p_if_passed: float
    rules: tuple[RuleChange, ...]
    differs: tuple[str, ...]
    gates_rules: bool


def baseline_of(side: Side, overrides: Sequence[str] = ()) -> Baseline:
    """The baseline that this arm makes; `UsageError` for an invalid run."""
    if not side.covered:
        valid = f"{len(side.valid)} of {len(side.results)} planned trials are valid"
        mend = "`harness resume` does what the run still owes"
        raise UsageError(f"{valid}: no baseline from an invalid run", where=side.manifest.run, mend=mend)
    return Baseline(
        run=side.manifest.run,
        created=side.manifest.created,
        arm=side.arm,
        order_seed=side.manifest.order_seed,
        price_date=side.manifest.price_date,
        conditions=conditions(side),
        rulebook=rulebooks(side.results),
        planned=len(side.results),
        invalid=dict(side.causes),
        tasks=side.cells(),
        rules={
            rule: RuleBase(kept=tally.kept, opportunities=tally.opportunities, trials=tally.trials)
            for rule, tally in tallies(side).items()
        },
        overrides=tuple(overrides),
    )


def load_baseline(path: Path) -> Baseline:
    """Read a baseline; `UsageError` names the file and the place in it."""
    mend = "make it with `harness baseline save`"
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), mend=mend) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"no baseline: {place}: {first['msg']}", where=str(path), mend=mend) from error


def gate(baseline: Baseline, side: Side, *, rules: bool = False, anyway: bool = False) -> Gate:
    """Hold a run against its baseline; `UsageError` where their conditions differ and nobody insists."""
    differs = different(baseline.conditions, conditions(side)) if side.valid else ()
    if differs and not anyway:
        mend = "make a new baseline under these conditions, or say --anyway to judge all the same"
        raise UsageError(f"not comparable: {'; '.join(differs)}", where=f"baseline {baseline.run}", mend=mend)
    pairs = paired(baseline.tasks, side.cells())
    changes, _ = rule_changes(_tallies(baseline), tallies(side), worse_only=True)
    p = exact(pairs.values()).mid_lower
    worse = p < LEVEL or (rules and any(change.p < LEVEL for change in changes))
    return Gate(
        baseline=baseline,
        side=side,
        code=INVALID_RUN if not side.covered or not pairs else REGRESSION if worse else OK,
        pairs=pairs,
        p=p,
        p_if_failed=exact(_with_invalid(baseline, side, passed=False)).mid_lower,
        p_if_passed=exact(_with_invalid(baseline, side, passed=True)).mid_lower,
        rules=changes,
        differs=differs,
        gates_rules=rules,
    )


def _tallies(baseline: Baseline) -> dict[str, Tally]:
    return {rule: Tally(base.opportunities, base.kept, base.trials) for rule, base in baseline.rules.items()}


def _with_invalid(baseline: Baseline, side: Side, *, passed: bool) -> list[Pair]:
    """Pairs with every invalid trial of the run counted as failed, or as passed."""
    found: dict[str, Cell] = {}
    for result in side.results:
        passes, total = found.get(result.planned.task, (0, 0))
        good = result.accepted if result.validity.valid else passed
        found[result.planned.task] = passes + good, total + 1
    return list(paired(baseline.tasks, found).values())


# --- in words ----------------------------------------------------------------------------------------------------


def text(found: Gate, overrides: Sequence[str] = ()) -> str:
    """The gate's answer for people, without a newline at its end; `overrides`: those that the run's counts rest on."""
    used = [f"- override: {one_line(override)}" for override in overrides]
    return "\n".join([_headline(found), *_numbers(found), *_rules(found), *_footer(found), *used])


def _headline(found: Gate) -> str:
    side = found.side
    name = one_line(f"{side.manifest.run}:{side.arm.name}")
    if found.code == INVALID_RUN:
        counts = f"{len(side.valid)} of {len(side.results)} planned trials are valid"
        return f"INVALID RUN {name}: {counts}; under {LEAST_COVERAGE_PERCENT} % there is no answer."
    told = "REGRESSION" if found.code == REGRESSION else "no regression seen"
    return f"{name} against baseline {one_line(found.baseline.run)}: {told}."


def _numbers(found: Gate) -> list[str]:
    if not found.pairs:
        return []
    pairs = list(found.pairs.values())
    gap, error = sum(task_gaps(pairs)) / len(pairs), suite_error(pairs)
    spread = "" if error is None else f", standard error {100 * error:.1f}"
    told = [f"Difference {100 * gap:+.1f} points{spread}; one-sided mid-p {found.p:.4f}, level {LEVEL}."]
    if found.side.causes:
        told.append(
            f"If all invalid trials had failed: p {found.p_if_failed:.4f}; had passed: p {found.p_if_passed:.4f}."
        )
    told += [
        f"- {one_line(task)}: {a}/{ka} -> {b}/{kb}"
        for task, ((a, ka), (b, kb)) in found.pairs.items()
        if a * kb != b * ka
    ]
    return told


def _rules(found: Gate) -> list[str]:
    worse = [change for change in found.rules if change.p < LEVEL]
    role = "they gate" if found.gates_rules else "told, not gating"
    head = f"Rules that got worse (one-sided, Holm over {len(found.rules)}; {role}): {len(worse) or 'none'}"
    shown = [
        f"- {one_line(change.rule)}: {_kept(change.trials[0])} -> {_kept(change.trials[1])} trials, p {change.p:.4f}"
        for change in worse
    ]
    return [head, *shown]


def _kept(cell: Cell) -> str:
    return f"{cell[0]}/{cell[1]}"


def _footer(found: Gate) -> list[str]:
    side, baseline = found.side, found.baseline
    trials = [max((total for _, total in cells.values()), default=0) for cells in (baseline.tasks, side.cells())]
    smallest = mde(len(found.pairs), 2 / sum(1 / count for count in trials)) if found.pairs else None
    causes = ", ".join(f"{cause} {count}" for cause, count in sorted(side.causes.items())) or "none"
    low, high = side.bounds()
    return [
        "",
        "- question: suite (did it get worse on these tasks?), endpoint: accepted",
        f"- design: T = {len(found.pairs)} tasks, k = {trials[0]} and {trials[1]} trials each, order seeds "
        f"{baseline.order_seed} and {side.manifest.order_seed}",
        "- method: exact stratified conditional test, mid-p; comparisons made: 1"
        + (f" and {len(found.rules)} rules" if found.gates_rules else ""),
        "- smallest difference that this design sees (power 80 %, one-sided 5 %, mid difficulty): "
        + ("none" if smallest is None else f"{100 * smallest:.0f} points"),
        f"- invalid trials: {causes}; accepted if all of them were 0 or 1: {100 * low:.0f} to {100 * high:.0f} %",
        f"- model {one_line(side.arm.model)}, prompt {side.arm.prompt_digest[:SHORT]}, "
        f"sandbox {side.manifest.sandbox}, prices of {side.manifest.price_date}; "
        f"baseline: model {one_line(baseline.arm.model)}, prompt {baseline.arm.prompt_digest[:SHORT]}",
        f"- rulebook {one_line(rulebooks(side.results))}; baseline: {one_line(baseline.rulebook) or 'not recorded'}",
        "- the runs are of different times: a slow night of the provider looks like a regression; `harness nightly` "
        "interleaves a control",
        *(f"- NOT UNDER THE SAME CONDITIONS: {one_line(line)}" for line in found.differs),
        *(f"- override in the baseline: {one_line(line)}" for line in baseline.overrides),
    ]


def as_json(found: Gate, overrides: Sequence[str] = ()) -> dict[str, JsonValue]:
    """The gate's answer as data."""
    words: Mapping[int, str] = {OK: "ok", REGRESSION: "regression", INVALID_RUN: "invalid run"}
    return {
        "verdict": words[found.code],
        "question": "suite",
        "p": found.p,
        "p_if_invalid_failed": found.p_if_failed,
        "p_if_invalid_passed": found.p_if_passed,
        "tasks": {task: [list(cell) for cell in pair] for task, pair in found.pairs.items()},
        "rules_worse": [change.rule for change in found.rules if change.p < LEVEL],
        "invalid": dict(found.side.causes),
        "rulebook": rulebooks(found.side.results),
        "differs": list(found.differs),
        "overrides": list(overrides),
    }
