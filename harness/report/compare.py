"""Two arms held against each other: what differs between them, what that can be blamed on, and how sure that is.

The endpoint is fixed before the run: accepted. Everything else is shown beside it and named for what it is. Two arms
that met different tasks, graders, rulebooks, sandboxes or limits are not ranked unless somebody asks for it, because
the difference would then be that of the conditions. What cannot be told at the number of trials there is, is answered
"rerun" and not with a verdict.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from harness.core.digest import digest
from harness.core.errors import UsageError
from harness.core.records import Cost
from harness.core.runs import Arm, RunManifest
from harness.core.scores import TrialResult, clause_score, rule_counts, rulebooks, spent, tokens
from harness.report.paired import (
    MOST_FLIPPED,
    Difference,
    Pair,
    difference,
    paired_t,
    sign_flip,
    suite_interval,
    task_gaps,
)
from harness.report.stats import Cell, Interval, mde
from harness.report.stratified import LEVEL, benjamini_hochberg, exact, holm, smallest_p
from harness.report.tables import LEAST_COVERAGE_PERCENT, SHORT, Floors

LEAST_OPPORTUNITIES = 10
"""Of an arm, below which a rule is not compared."""
BETTER, WORSE, NO_DIFFERENCE, RERUN = "better", "worse", "no difference seen", "rerun"
NO_HEADLINE = "no verdict: invalid run"
Question = Literal["suite", "population"]


@dataclass(frozen=True)
class Side:
    """One arm with all its planned trials."""

    manifest: RunManifest
    arm: Arm
    results: tuple[TrialResult, ...]
    floors: Floors

    @cached_property
    def valid(self) -> list[TrialResult]:
        return [result for result in self.results if result.validity.valid]

    @property
    def covered(self) -> bool:
        """Whether enough of what was planned is valid to speak of it."""
        return 0 < LEAST_COVERAGE_PERCENT * len(self.results) <= 100 * len(self.valid)

    @property
    def causes(self) -> Counter[str]:
        """How many trials are invalid, by cause."""
        return Counter(str(result.validity.cause) for result in self.results if not result.validity.valid)

    def cells(self) -> dict[str, Cell]:
        """Task -> trials accepted, valid trials."""
        return cells(self.valid, lambda result: result.accepted)

    def bounds(self) -> Interval:
        """Rate of acceptance if all invalid trials had failed, and if they had passed."""
        accepted, planned = sum(result.accepted for result in self.results), max(1, len(self.results))
        return accepted / planned, (accepted + planned - len(self.valid)) / planned


def facts(side: Side) -> list[str]:
    """What every report says about an arm that it shows, in short lines."""
    manifest, arm = side.manifest, side.arm
    causes = ", ".join(f"{cause} {count}" for cause, count in sorted(side.causes.items())) or "none"
    low, high = side.bounds()
    suite = digest([[task.id, task.digest] for task in manifest.tasks])[:SHORT]
    toolchains = ", ".join(sorted({task.toolchain_digest[:SHORT] for task in manifest.tasks}))
    repeats = max((result.planned.repeat for result in side.results), default=0)
    return [
        f"{manifest.run}:{arm.name}: model {arm.model}, prompt {arm.prompt} {arm.prompt_digest[:SHORT]}, "
        f"driver {arm.driver}, limits {_limits(arm)}",
        f"{manifest.run}:{arm.name}: T = {len(manifest.tasks)} tasks, k = {repeats} trials, suite {suite}, "
        f"sandbox {manifest.sandbox} {toolchains}, order seed {manifest.order_seed}, prices of {manifest.price_date}, "
        f"rulebook {rulebooks(side.results)}",
        f"{manifest.run}:{arm.name}: invalid trials: {causes}; accepted if all of them were 0 or 1: "
        f"{100 * low:.0f} to {100 * high:.0f} %",
    ]


@dataclass(frozen=True)
class Reading:
    """The answer to the one question that was fixed before the run."""

    question: Question
    verdict: str
    difference: Difference
    rates: tuple[float, float]
    """Mean of task means of A and of B."""
    mde: float | None
    tasks: int
    trials: tuple[int, int]
    """Of A and B on a task, at most."""


@dataclass(frozen=True)
class TaskChange:
    """A task on which the arms came out differently."""

    task: str
    cells: Pair
    p: float
    """Two-sided mid-p, adjusted for all changed tasks (Benjamini-Hochberg)."""
    verdict: str


@dataclass(frozen=True)
class RuleChange:
    """A rule, trial by trial: a trial keeps it when it breaks it at no opportunity."""

    rule: str
    trials: Pair
    """Over all tasks: trials that kept it, trials that had an opportunity."""
    opportunities: Pair
    p: float
    """Two-sided mid-p of the exact test over tasks, adjusted for all rules compared (Holm)."""
    verdict: str


@dataclass(frozen=True)
class Spent:
    """What an arm cost, all attempts counted."""

    cost: Cost
    tokens: int
    wall_s: float
    trials: int


@dataclass(frozen=True)
class Comparison:
    """B held against A."""

    a: Side
    b: Side
    differs: tuple[str, ...]
    """Conditions that are not the same."""
    notes: tuple[str, ...]
    primary: Reading
    clauses: Difference | None
    clause_flips: float | None
    """Two-sided p of the clause score by sign flips; None where there are too many tasks or nothing to flip."""
    tasks: tuple[TaskChange, ...]
    informative: int
    rules: tuple[RuleChange, ...]
    rules_left_out: int
    """Rules with too few opportunities to be compared."""
    spent: tuple[Spent, Spent]

    @property
    def comparisons(self) -> int:
        """Tests made."""
        return 1 + (self.clauses is not None) + len(self.tasks) + len(self.rules)


def compare(a: Side, b: Side, *, question: Question = "population", anyway: bool = False) -> Comparison:
    """Hold B against A over the tasks that both have; `UsageError` where their conditions differ and nobody insists."""
    differs = different(conditions(a), conditions(b))
    if differs and not anyway:
        where = f"{a.manifest.run}:{a.arm.name} and {b.manifest.run}:{b.arm.name}"
        mend = "run both under the same conditions in one run, or say --anyway to rank them all the same"
        raise UsageError(f"not comparable: {'; '.join(differs)}", where=where, mend=mend)
    pairs = paired(a.cells(), b.cells())
    if not pairs:
        raise UsageError("no task has a valid trial of both arms", where=f"{a.arm.name}, {b.arm.name}")
    changes = _task_changes(pairs)
    rules, left_out = rule_changes(tallies(a), tallies(b))
    clauses, flips = _clauses(a, b)
    return Comparison(
        a=a,
        b=b,
        differs=differs,
        notes=_notes(a, b),
        primary=_primary(list(pairs.values()), question, covered=a.covered and b.covered),
        clauses=clauses,
        clause_flips=flips,
        tasks=changes,
        informative=sum(_tells(pair) for pair in pairs.values()),
        rules=rules,
        rules_left_out=left_out,
        spent=(_spent(a), _spent(b)),
    )


def cells(results: Iterable[TrialResult], passed: Callable[[TrialResult], bool]) -> dict[str, Cell]:
    """Task -> results that `passed`, results."""
    found: dict[str, Cell] = {}
    for result in results:
        passes, total = found.get(result.planned.task, (0, 0))
        found[result.planned.task] = passes + passed(result), total + 1
    return found


def paired(a: Mapping[str, Cell], b: Mapping[str, Cell]) -> dict[str, Pair]:
    """Tasks that both have, in the order of A."""
    return {task: (cell, b[task]) for task, cell in a.items() if task in b}


# --- what differs ------------------------------------------------------------------------------------------------


def conditions(side: Side) -> dict[str, str]:
    """What has to be alike before two arms may be ranked, by name."""
    manifest = side.manifest
    found = {
        "sandbox": f"{manifest.sandbox} {manifest.runtime}".rstrip(),
        "sandbox's base": manifest.base.removeprefix("sha256:")[:SHORT] or "none",
        "sandbox's limits": ", ".join(f"{name} by {how}" for name, how in sorted(manifest.limits_applied.items()))
        or "none",
        "kick-off message": manifest.kickoff_digest[:SHORT],
        "graders and rulebook": ", ".join(sorted(_graders(side))) or "none",
        "limits": _limits(side.arm),
    }
    for task in manifest.tasks:
        found[f"task {task.id}"] = task.digest[:SHORT]
        found[f"sandbox's toolchain of {task.id}"] = task.toolchain_digest[:SHORT]
    return found


def different(a: Mapping[str, str], b: Mapping[str, str]) -> tuple[str, ...]:
    """Conditions that are not alike, in words. Arms that several versions judged are not even like themselves."""
    told = []
    for name in dict.fromkeys((*a, *b)):
        mine, theirs = a.get(name, "none"), b.get(name, "none")
        if mine != theirs:
            told.append(f"{name}: {mine} against {theirs}")
        elif name == "graders and rulebook" and "," in mine:
            told.append(f"{name}: several versions ({mine}); `harness grade` judges a run again")
    return tuple(told)


def _graders(side: Side) -> set[str]:
    """Versions of all graders together that judged the valid trials."""
    judged = {tuple(sorted(result.verdict.graders.items())) for result in side.valid if result.verdict}
    return {digest([list(pair) for pair in version])[:SHORT] for version in judged}


def _limits(arm: Arm) -> str:
    if arm.limits is None:
        return "each task's own"
    return " ".join(f"{name}={value}" for name, value in arm.limits.model_dump().items())


def _notes(a: Side, b: Side) -> tuple[str, ...]:
    found = []
    if a.manifest.run != b.manifest.run:
        found.append("the arms ran at different times: a slow night of the provider looks like a difference")
        if a.manifest.price_date != b.manifest.price_date:
            found.append(f"prices of {a.manifest.price_date} against {b.manifest.price_date}")
    if a.arm.driver != b.arm.driver:
        found.append(f"the drivers differ: {a.arm.driver} against {b.arm.driver}")
    if a.arm.model != b.arm.model and a.arm.prompt_digest != b.arm.prompt_digest:
        found.append("prompt and model differ both: the difference cannot be given to one of them")
    return tuple(found)


# --- the endpoint ------------------------------------------------------------------------------------------------


def _primary(pairs: Sequence[Pair], question: Question, *, covered: bool) -> Reading:
    """With one task only the suite can be asked about."""
    asked: Question = "suite" if len(pairs) == 1 else question
    found = _suite(pairs) if asked == "suite" else difference(pairs)
    trials = max(ka for (_, ka), _ in pairs), max(kb for _, (_, kb) in pairs)
    return Reading(
        question=asked,
        verdict=_verdict(found, asked, pairs) if covered else NO_HEADLINE,
        difference=found,
        rates=(_rate([pair[0] for pair in pairs]), _rate([pair[1] for pair in pairs])),
        mde=mde(len(pairs), 2 / (1 / trials[0] + 1 / trials[1])),
        tasks=len(pairs),
        trials=trials,
    )


def _suite(pairs: Sequence[Pair]) -> Difference:
    gaps = task_gaps(pairs)
    method = "Wilson by task, squared and added; p: exact stratified, two-sided mid-p"
    return Difference(sum(gaps) / len(gaps), suite_interval(pairs), exact(pairs).mid_two_sided, method)


def _verdict(found: Difference, question: Question, pairs: Sequence[Pair]) -> str:
    if question == "suite":
        return RERUN if not _can_tell(pairs) else _by_p(found)
    if found.interval is not None and not found.interval[0] <= 0 <= found.interval[1]:
        return BETTER if found.mean > 0 else WORSE
    return NO_DIFFERENCE


def _by_p(found: Difference) -> str:
    if found.p is None or found.p >= LEVEL or found.mean == 0:
        return NO_DIFFERENCE
    return BETTER if found.mean > 0 else WORSE


def _can_tell(pairs: Sequence[Pair]) -> bool:
    """Whether any outcome of so few trials could have been told from luck."""
    smallest = 2.0
    for (_, ka), (_, kb) in pairs:
        smallest *= smallest_p(ka, kb)
    return smallest < LEVEL


def _rate(found: Sequence[Cell]) -> float:
    return sum(passes / total for passes, total in found) / len(found)


# --- beside the endpoint -----------------------------------------------------------------------------------------


def _task_changes(pairs: Mapping[str, Pair]) -> tuple[TaskChange, ...]:
    changed = {task: pair for task, pair in pairs.items() if task_gaps([pair]) != [0.0]}
    chances = benjamini_hochberg([exact([pair]).mid_two_sided for pair in changed.values()])
    return tuple(
        TaskChange(task, pair, p, _task_verdict(pair, p))
        for (task, pair), p in zip(changed.items(), chances, strict=True)
    )


def _task_verdict(pair: Pair, p: float) -> str:
    if not _can_tell([pair]):
        return RERUN
    return NO_DIFFERENCE if p >= LEVEL else _direction([pair])


def _direction(pairs: Sequence[Pair]) -> str:
    return BETTER if sum(task_gaps(pairs)) > 0 else WORSE


def _tells(pair: Pair) -> bool:
    """Whether the task could tell arms apart: not everything passed, not everything failed."""
    (a, ka), (b, kb) = pair
    return 0 < a + b < ka + kb


def _clauses(a: Side, b: Side) -> tuple[Difference | None, float | None]:
    mine, theirs = _clause_scores(a), _clause_scores(b)
    gaps = [theirs[task] - score for task, score in mine.items() if task in theirs]
    if len(gaps) < 2:
        return None, None
    if max(gaps) - min(gaps) < 1e-12:
        return Difference(gaps[0], None, None, "none: all tasks differ alike"), None
    return paired_t(gaps), sign_flip(gaps)[1] if len(gaps) <= MOST_FLIPPED else None


def _clause_scores(side: Side) -> dict[str, float]:
    """Task -> mean clause score of its valid trials."""
    found: dict[str, list[float]] = {}
    for result in side.valid:
        task = result.planned.task
        score = clause_score(result.verdict.clauses, side.floors.get(task, {})) if result.verdict else None
        if score is not None:
            found.setdefault(task, []).append(score)
    return {task: sum(scores) / len(scores) for task, scores in found.items()}


@dataclass
class Tally:
    """One rule in one arm."""

    opportunities: int = 0
    kept: int = 0
    trials: dict[str, Cell] = field(default_factory=dict)
    """Task -> trials that kept it, trials that had an opportunity."""

    def add(self, task: str, kept: int, opportunities: int, times: int) -> None:
        """Count `times` trials that came out alike."""
        passes, total = self.trials.get(task, (0, 0))
        self.trials[task] = passes + times * (kept == opportunities), total + times
        self.kept += times * kept
        self.opportunities += times * opportunities


def tallies(side: Side) -> dict[str, Tally]:
    """Rule -> what it came to, over valid trials."""
    found: dict[str, Tally] = {}
    alike = Counter((result.planned.task, result.verdict.rules) for result in side.valid if result.verdict)
    # Few things can become of a rule on a task, and so each of them is read once and not for every trial.
    parts = Counter[tuple[str, str]]()
    for (task, rules), times in alike.items():
        for part in rules.split():
            parts[task, part] += times
    for (task, part), times in parts.items():
        for rule, (kept, opportunities) in rule_counts(part).items():
            if opportunities:
                found.setdefault(rule, Tally()).add(task, kept, opportunities, times)
    return found


def rule_changes(
    a: Mapping[str, Tally], b: Mapping[str, Tally], *, worse_only: bool = False
) -> tuple[tuple[RuleChange, ...], int]:
    """Rules with enough opportunities in both arms, the ones that moved most first, and how many had too few.

    `worse_only`: one-sided, as a gate asks.
    """
    enough = [
        rule for rule in a if rule in b and min(a[rule].opportunities, b[rule].opportunities) >= LEAST_OPPORTUNITIES
    ]
    strata = {rule: list(paired(a[rule].trials, b[rule].trials).values()) for rule in enough}
    tests = [exact(strata[rule]) for rule in enough]
    chances = holm([test.mid_lower if worse_only else test.mid_two_sided for test in tests])
    changes = [_rule_change(rule, strata[rule], (a[rule], b[rule]), p) for rule, p in zip(enough, chances, strict=True)]
    return tuple(sorted(changes, key=lambda change: change.p)), len(a.keys() | b.keys()) - len(enough)


def _rule_change(rule: str, pairs: Sequence[Pair], both: tuple[Tally, Tally], p: float) -> RuleChange:
    trials = _total([pair[0] for pair in pairs]), _total([pair[1] for pair in pairs])
    a, b = both
    verdict = _direction(pairs) if p < LEVEL else NO_DIFFERENCE
    return RuleChange(rule, trials, ((a.kept, a.opportunities), (b.kept, b.opportunities)), p, verdict)


def _total(found: Sequence[Cell]) -> Cell:
    return sum(passes for passes, _ in found), sum(total for _, total in found)


def _spent(side: Side) -> Spent:
    return Spent(
        cost=spent(side.results),
        tokens=tokens(side.results),
        wall_s=sum(attempt.wall_s for result in side.results for attempt in result.attempts),
        trials=len(side.results),
    )
