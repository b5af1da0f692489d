"""Before money is spent: how many trials, what they could tell apart, what they would cost and how long they take.

Costs come from trials of the same model that were paid already: of the same task where there are any, else of all.
Where there is no history, only the caps are known, and they are told as caps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

from harness.core.runs import Arm
from harness.report.compare import Side
from harness.report.stats import mde
from harness.report.text import one_line

DESIGNS = (1, 3, 5, 8)
"""Repeats whose smallest visible difference is told beside the planned one."""


@dataclass(frozen=True)
class Mean:
    """What trials took on average."""

    usd: float
    wall_s: float
    trials: int


@dataclass(frozen=True)
class Line:
    """One arm of a plan."""

    arm: str
    trials: int
    usd: float | None
    """None without history."""
    cap_usd: float
    wall_s: float | None
    based_on: int
    """Paid trials that the estimate comes from."""


@dataclass(frozen=True)
class Plan:
    """What a run would do."""

    lines: tuple[Line, ...]
    tasks: int
    repeats: int
    jobs: int
    mde: float | None

    @property
    def trials(self) -> int:
        return sum(line.trials for line in self.lines)

    @property
    def usd(self) -> float | None:
        """None while an arm has no history."""
        known = [line.usd for line in self.lines if line.usd is not None]
        return sum(known) if len(known) == len(self.lines) else None

    @property
    def wall_s(self) -> float | None:
        known = [line.wall_s for line in self.lines if line.wall_s is not None]
        return sum(known) / self.jobs if len(known) == len(self.lines) else None

    def repeats_within(self, budget_usd: float) -> int | None:
        """Repeats that a budget pays for on average; None without history or where trials are free."""
        return floor(budget_usd / (self.usd / self.repeats) + 1e-9) if self.usd else None


def paid(past: Iterable[Side]) -> dict[tuple[str, str], Mean]:
    """(Model, task) -> what its trials took, and (model, "") over all tasks; trials that never began are left out."""
    sums: dict[tuple[str, str], tuple[float, float, int]] = {}
    for side in past:
        for result in (result for result in side.results if result.attempts):
            wall = sum(attempt.wall_s for attempt in result.attempts)
            for key in ((side.arm.model, result.planned.task), (side.arm.model, "")):
                usd, seconds, count = sums.get(key, (0.0, 0.0, 0))
                sums[key] = usd + result.cost.usd, seconds + wall, count + 1
    return {key: Mean(usd / count, wall / count, count) for key, (usd, wall, count) in sums.items()}


def foresee(
    arms: Sequence[Arm],
    tasks: Sequence[str],
    repeats: int,
    history: Mapping[tuple[str, str], Mean],
    caps: Mapping[tuple[str, str], float],
    jobs: int,
) -> Plan:
    """A plan's price and sight. caps: (arm, task) -> most USD of a trial."""
    lines = tuple(_line(arm, tasks, repeats, history, caps) for arm in arms)
    return Plan(lines, len(tasks), repeats, jobs, mde(len(tasks), repeats))


def _line(
    arm: Arm,
    tasks: Sequence[str],
    repeats: int,
    history: Mapping[tuple[str, str], Mean],
    caps: Mapping[tuple[str, str], float],
) -> Line:
    means = [history.get((arm.model, task)) or history.get((arm.model, "")) for task in tasks]
    known = [mean for mean in means if mean is not None]
    whole = len(known) == len(tasks)
    return Line(
        arm=arm.name,
        trials=len(tasks) * repeats,
        usd=sum(mean.usd for mean in known) * repeats if whole else None,
        cap_usd=sum(caps[arm.name, task] for task in tasks) * repeats,
        wall_s=sum(mean.wall_s for mean in known) * repeats if whole else None,
        based_on=history[arm.model, ""].trials if (arm.model, "") in history else 0,
    )


def text(plan: Plan, *, budget: float | None, mde_only: bool) -> str:
    """A plan for people, without a newline at its end."""
    lines = [] if mde_only else _trials(plan)
    lines += [
        "Smallest difference between two arms that would be seen (power 80 %, one-sided 5 %, mid difficulty; "
        "question: population):",
        f"- this design, {plan.tasks} tasks x {plan.repeats}: {_points(plan.mde)}",
    ]
    lines += [f"- {plan.tasks} tasks x {k}: {_points(mde(plan.tasks, k))}" for k in DESIGNS if k != plan.repeats]
    if plan.repeats >= max(DESIGNS[:-1]):
        lines.append("- past 5 trials a task, more tasks tell more than more trials")
    if budget is not None:
        lines.append(_within(plan, budget))
    return "\n".join(lines)


def _trials(plan: Plan) -> list[str]:
    lines = [f"{plan.trials} trials: {len(plan.lines)} arms x {plan.tasks} tasks x {plan.repeats} repeats"]
    for line in plan.lines:
        cost = "no history; probe with --probe" if line.usd is None else f"${line.usd:.2f} from {line.based_on} trials"
        lines.append(f"- {one_line(line.arm)}: {line.trials} trials, {cost}, at most ${line.cap_usd:.2f}")
    if plan.usd is not None and plan.wall_s is not None:
        lines.append(f"Expected: ${plan.usd:.2f}, {plan.wall_s / 60:.0f} minutes with {plan.jobs} trials at once")
    lines.append(f"At most: ${sum(line.cap_usd for line in plan.lines):.2f}, by the trials' own budgets")
    return lines


def _within(plan: Plan, budget: float) -> str:
    repeats = plan.repeats_within(budget)
    if plan.usd == 0:
        return f"${budget:.2f} pays for any number of repeats: these trials cost nothing"
    if repeats is None:
        return f"${budget:.2f}: how many repeats that pays for is not known without history; probe with --probe"
    if repeats == 0:
        return f"${budget:.2f} does not pay for one repeat of every arm on every task"
    seen = _points(mde(plan.tasks, repeats))
    return f"${budget:.2f} pays for {repeats} repeats on average; they would see: {seen}"


def _points(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} points"
