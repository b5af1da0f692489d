"""The statistics of one arm: rates with intervals that hold, and reliability over repeated trials.

Trials of one task are alike, so counting them as independent makes intervals too narrow (81-95 % instead of 95 %). The
rate of an arm is therefore the mean of its task means, its interval Wilson's with the effective number of trials and
Student's critical value for the number of tasks. The few distributions that a table needs are written out here and held
against scipy's in the tests: loading scipy takes longer than reading ten thousand trials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import atan, ceil, comb, cos, exp, fsum, lgamma, log, pi, sin, sqrt
from statistics import NormalDist
from typing import Literal

CONFIDENCE = 0.95
POWER = 0.8
_NORMAL = NormalDist()
MEAN_VARIANCE = 1 / 6
"""Mean of p(1-p) when difficulties spread evenly: what a trial's variance is before a run."""

Interval = tuple[float, float]
Cell = tuple[int, int]
"""Of one task: trials that passed, trials."""


@dataclass(frozen=True)
class Estimate:
    """A rate with the question that its interval answers."""

    mean: float
    """Mean of task means, 0 to 1."""
    interval: Interval
    n_eff: float
    """Number of independent trials that would tell as much."""
    deff: float
    """Trials divided by `n_eff`."""
    question: Literal["suite", "population"]
    method: str


def estimate(cells: Sequence[Cell]) -> Estimate | None:
    """The success rate of one arm from its tasks' counts; None without a single trial."""
    cells = [cell for cell in cells if cell[1] > 0]
    if not cells:
        return None
    if len(cells) == 1:
        return _one_task(*cells[0])
    tasks, trials = len(cells), sum(total for _, total in cells)
    mean = sum(passes / total for passes, total in cells) / tasks
    inside = 0 < mean < 1
    deff = _design_effect(cells, mean, trials) if inside else trials / tasks
    n_eff = trials / deff
    interval = _wilson(mean, n_eff, student(0.5 + CONFIDENCE / 2, tasks - 1))
    return Estimate(mean, interval, n_eff, deff, "population", "Wilson on n/deff with t(T-1)")


def _one_task(passes: int, trials: int) -> Estimate:
    method = "Wilson on the trials of one task"
    return Estimate(passes / trials, wilson(passes, trials), float(trials), 1.0, "suite", method)


def _design_effect(cells: Sequence[Cell], mean: float, trials: int) -> float:
    """Never below 1: tasks that agree more than chance would are luck, not knowledge."""
    return max(1.0, clustered_se(cells) ** 2 / (mean * (1 - mean) / trials))


def clustered_se(cells: Sequence[Cell]) -> float:
    """Standard error of the mean of task means over at least two tasks (CR1)."""
    means = [passes / total for passes, total in cells]
    centre = sum(means) / len(means)
    return sqrt(sum((mean - centre) ** 2 for mean in means) / (len(means) * (len(means) - 1)))


def wilson(passes: int, trials: int) -> Interval:
    """Wilson's interval for independent trials."""
    return _wilson(passes / trials, trials, _NORMAL.inv_cdf(0.5 + CONFIDENCE / 2))


def _wilson(rate: float, trials: float, critical: float) -> Interval:
    square = critical * critical / trials
    centre = (rate + square / 2) / (1 + square)
    half = sqrt(square * (rate * (1 - rate) + square / 4)) / (1 + square)
    low = 0.0 if rate <= 0 else max(0.0, centre - half)
    high = 1.0 if rate >= 1 else min(1.0, centre + half)
    return low, high


def clopper_pearson(passes: int, trials: int) -> Interval:
    """The exact interval for independent trials: never too narrow, often too wide."""
    from scipy.special import betaincinv

    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if passes == 0 else float(betaincinv(passes, trials - passes + 1, tail))
    high = 1.0 if passes == trials else float(betaincinv(passes + 1, trials - passes, 1 - tail))
    return low, high


# --- distributions -----------------------------------------------------------------------------------------------


def student(quantile: float, freedom: int) -> float:
    """Quantile of Student's t, from 0.5 on, for whole degrees of freedom."""
    high = 1.0
    while student_below(high, freedom) < quantile:
        high *= 2
    return _root(lambda t: student_below(t, freedom) < quantile, 0.0, high)


def student_below(t: float, freedom: int) -> float:
    """Chance of less than `t`: a finite series for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 4)."""
    angle = atan(t / sqrt(freedom))
    square, odd = cos(angle) ** 2, freedom % 2
    term, total = 1.0, 0.0
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= square * k / (k + 1)
    inner = 2 / pi * (angle + sin(angle) * cos(angle) * total) if odd else sin(angle) * total
    return 0.5 + inner / 2


def noncentral_below(t: float, freedom: int, shift: float) -> float:
    """Chance that the noncentral t is less than `t`: the normal over the chi distribution, by Simpson's rule."""
    spread = 9 / sqrt(2 * freedom)
    low, steps = max(0.0, 1 - spread), 2000
    width = (1 + spread - low) / steps
    constant = log(2) + freedom / 2 * log(freedom / 2) - lgamma(freedom / 2)

    def at(number: int) -> float:
        s = low + number * width
        if s == 0:
            return exp(constant) * _NORMAL.cdf(-shift) if freedom == 1 else 0.0
        return exp(constant + (freedom - 1) * log(s) - freedom * s * s / 2) * _NORMAL.cdf(t * s - shift)

    inner = fsum((4 if number % 2 else 2) * at(number) for number in range(1, steps))
    return width / 3 * (at(0) + inner + at(steps))


def _root(below: Callable[[float], bool], low: float, high: float) -> float:
    """Where `below` ends, between two numbers, as near as floats tell."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


# --- reliability: exact, so that no float decides where a threshold falls ----------------------------------------


def pass_at_k(trials: int, passes: int, k: int) -> Fraction:
    """Chance that at least one of `k` trials drawn from `trials` passes."""
    _drawable(trials, passes, k)
    return 1 - Fraction(comb(trials - passes, k), comb(trials, k))


def pass_hat_k(trials: int, passes: int, k: int) -> Fraction:
    """Chance that all of `k` trials drawn from `trials` pass."""
    _drawable(trials, passes, k)
    return Fraction(comb(passes, k), comb(trials, k))


def g_pass_at_k(trials: int, passes: int, k: int, share: Fraction) -> Fraction:
    """Chance that at least `share` of `k` trials drawn from `trials` pass."""
    _drawable(trials, passes, k)
    ways = sum(comb(passes, hits) * comb(trials - passes, k - hits) for hits in range(ceil(share * k), k + 1))
    return Fraction(ways, comb(trials, k))


def _drawable(trials: int, passes: int, k: int) -> None:
    if not (1 <= k <= trials and 0 <= passes <= trials):
        raise ValueError(f"cannot draw {k} of {trials} trials with {passes} passes")


# --- before a run ------------------------------------------------------------------------------------------------


def power(effect: float, sd: float, tasks: int) -> float:
    """Chance that the one-sided paired t test over `tasks` sees a true difference of `effect`; `sd` is per task."""
    critical = student(CONFIDENCE, tasks - 1)
    return 1 - noncentral_below(critical, tasks - 1, effect * sqrt(tasks) / sd)


def mde(tasks: int, trials: float) -> float | None:
    """Smallest difference between two arms that `tasks` x `trials` each would see with 80 % power at mid difficulty.

    None where not even a difference of 1 would be seen, as with a single task.
    """
    sd = sqrt(2 * MEAN_VARIANCE / trials)
    if tasks < 2 or power(1.0, sd, tasks) < POWER:
        return None
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if power(middle, sd, tasks) < POWER else (low, middle)
    return high
