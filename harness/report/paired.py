"""Two arms on the same tasks: is one better on tasks like these?

The unit is the task: the variance between tasks is most of what a new suite would change, and trials of one task are
alike. Where every task shows the same difference, Student's interval would have no width; there a Dirichlet posterior
over the differences that a task can show takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import isclose, sqrt

from harness.report.stats import CONFIDENCE, Cell, Interval, student, student_below, wilson

Pair = tuple[Cell, Cell]
"""Of one task: arm A's cell and arm B's, each with at least one trial."""

MOST_FLIPPED = 16
"""Tasks up to which every assignment of signs is tried."""


@dataclass(frozen=True)
class Difference:
    """B - A, in the unit of the scores."""

    mean: float
    interval: Interval | None
    """None where a single task cannot say anything about others."""
    p: float | None
    """Two-sided; None where the method has none."""
    method: str


def difference(pairs: Sequence[Pair]) -> Difference:
    """Success of B minus that of A over tasks like these: paired t, or Dirichlet where all tasks differ alike."""
    gaps = task_gaps(pairs)
    if len(gaps) < 2:
        return Difference(gaps[0] if gaps else 0.0, None, None, "none: one task says nothing about others")
    if all(isclose(gap, gaps[0], abs_tol=1e-12) for gap in gaps):
        support = sorted({round(b / kb - a / ka, 12) for (_, ka), (_, kb) in pairs for a, b in _counts(ka, kb)})
        low, high = Dirichlet(support, gaps).interval()
        interval = min(low, gaps[0]), max(high, gaps[0])
        return Difference(gaps[0], interval, None, "Dirichlet(1/K), all tasks differ alike")
    return paired_t(gaps)


def task_gaps(pairs: Sequence[Pair]) -> list[float]:
    """For each task the rate of B minus that of A."""
    return [b / kb - a / ka for (a, ka), (b, kb) in pairs]


def _counts(ka: int, kb: int) -> product[tuple[int, ...]]:
    return product(range(ka + 1), range(kb + 1))


def paired_t(gaps: Sequence[float]) -> Difference:
    """Student's t over at least two task differences that are not all alike."""
    tasks = len(gaps)
    mean = sum(gaps) / tasks
    error = standard_error(gaps)
    half = student(0.5 + CONFIDENCE / 2, tasks - 1) * error
    p = 2 * max(0.0, 1 - student_below(abs(mean) / error, tasks - 1))
    return Difference(mean, (mean - half, mean + half), p, "t over paired task differences")


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of at least two values."""
    mean = sum(values) / len(values)
    return sqrt(sum((value - mean) ** 2 for value in values) / (len(values) * (len(values) - 1)))


def sign_flip(gaps: Sequence[float]) -> tuple[float, float]:
    """Chance of a mean as low as this, and of one as far from 0, were each task's sign a coin; exact."""
    import numpy as np

    if len(gaps) > MOST_FLIPPED:
        raise ValueError(f"{len(gaps)} tasks: at most {MOST_FLIPPED} can be flipped one by one")
    sums = np.zeros(1)
    for gap in gaps:
        sums = np.concatenate((sums + gap, sums - gap))
    seen = sum(gaps)
    slack = 1e-9
    return float(np.mean(sums <= seen + slack)), float(np.mean(abs(sums) >= abs(seen) - slack))


# --- the same tasks again ----------------------------------------------------------------------------------------


def suite_error(pairs: Sequence[Pair]) -> float | None:
    """Standard error of B - A over new trials of the same tasks; None where a task has a single trial."""
    if not pairs or any(total < 2 for pair in pairs for _, total in pair):
        return None
    variance = sum(_within(cell) for pair in pairs for cell in pair)
    return sqrt(variance) / len(pairs)


def _within(cell: Cell) -> float:
    passes, total = cell
    return passes * (total - passes) / (total * total * (total - 1))


def suite_interval(pairs: Sequence[Pair]) -> Interval:
    """95 % interval of B - A over new trials of the same tasks: Wilson's by task and arm, squared and added."""
    mean = sum(task_gaps(pairs)) / len(pairs)
    below = above = 0.0
    for (a, ka), (b, kb) in pairs:
        low_a, high_a = wilson(a, ka)
        low_b, high_b = wilson(b, kb)
        below += (b / kb - low_b) ** 2 + (high_a - a / ka) ** 2
        above += (high_b - b / kb) ** 2 + (a / ka - low_a) ** 2
    tasks = len(pairs)
    return max(-1.0, mean - sqrt(below) / tasks), min(1.0, mean + sqrt(above) / tasks)


# --- where all tasks differ alike --------------------------------------------------------------------------------


class Dirichlet:
    """What is believed of the mean difference after seeing `gaps`, each one of `support`, from a prior of 1/K each."""

    def __init__(self, support: Sequence[float], gaps: Sequence[float]) -> None:
        self._support = support
        prior = 1 / len(support)
        self._weights = [prior + sum(isclose(gap, value, abs_tol=1e-9) for gap in gaps) for value in support]

    @property
    def mean(self) -> float:
        total = sum(self._weights)
        return sum(weight * value for weight, value in zip(self._weights, self._support, strict=True)) / total

    @property
    def sd(self) -> float:
        total = sum(self._weights)
        square = sum(weight * value**2 for weight, value in zip(self._weights, self._support, strict=True)) / total
        return sqrt((square - self.mean**2) / (total + 1))

    def below(self, value: float) -> float:
        """Chance that the mean difference is below `value`.

        It is below where a sum of independent gammas, weighted with the distances from `value`, is negative; that is
        the inversion of the sum's characteristic function (Gil-Pelaez), on a grid fine enough for four digits.
        """
        import numpy as np

        distances = np.array(self._support) - value
        weights = np.array(self._weights)
        # t runs over the half-line on a logarithmic grid: the integrand is smooth there at every scale.
        log_t = np.linspace(-25.0, 25.0, 20_001)
        steps = np.multiply.outer(np.exp(log_t), distances)
        angle = np.arctan(steps) @ weights
        damping = np.exp(-0.5 * (np.log1p(steps**2) @ weights))
        return float(0.5 - np.trapezoid(np.sin(angle) * damping, log_t) / np.pi)

    def interval(self) -> Interval:
        """Equal-tailed, of the usual confidence."""
        tail = (1 - CONFIDENCE) / 2
        return self._quantile(tail), self._quantile(1 - tail)

    def _quantile(self, share: float) -> float:
        low, high = min(self._support), max(self._support)
        while high - low > 1e-5:
            middle = (low + high) / 2
            low, high = (middle, high) if self.below(middle) < share else (low, middle)
        return (low + high) / 2
