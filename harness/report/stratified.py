"""Did it get worse on these very tasks? Exact, with tasks as strata, and a detector that may look every night.

Given how often a task was passed by both arms together, the share that falls to one arm is hypergeometric if both are
equally good, whatever the task's difficulty. The sum over tasks has therefore an exact distribution without a single
estimate in it. Tasks that all or none of the trials passed drop out by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING

from harness.report.paired import Pair

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

LEVEL = 0.05
ODDS = 0.5
"""Odds ratio that the detector looks for: the candidate's odds halved."""
ALARM = 365.0
"""Detector level at which it rings: about one false alarm a year of nights."""


@dataclass(frozen=True)
class Exact:
    """Chances, were both arms equally good, given each task's passes."""

    lower: float
    """Of as few passes of B as seen, or fewer."""
    point: float
    """Of exactly as many."""

    @property
    def mid_lower(self) -> float:
        """One-sided mid-p that B is worse."""
        return self.lower - self.point / 2

    @property
    def mid_upper(self) -> float:
        """One-sided mid-p that B is better."""
        return 1 - self.mid_lower

    @property
    def two_sided(self) -> float:
        """Twice the smaller one-sided p."""
        return min(1.0, 2 * min(self.lower, 1 - self.lower + self.point))

    @property
    def mid_two_sided(self) -> float:
        return min(1.0, 2 * min(self.mid_lower, self.mid_upper))


def exact(pairs: Iterable[Pair]) -> Exact:
    """The exact stratified conditional test over tasks; without a task that tells, lower and point are 1."""
    import numpy as np

    spread: NDArray[float64] = np.ones(1)
    seen = 0
    for pair in pairs:
        low, chances = _split(pair)
        spread = np.convolve(spread, chances)
        seen += pair[1][0] - low
    lower = min(1.0, float(spread[: seen + 1].sum()))
    return Exact(lower, float(spread[seen]))


def _split(pair: Pair) -> tuple[int, NDArray[float64]]:
    """How the passes of a task fall to B by chance: the fewest, and the chance of each number from there."""
    import numpy as np

    (a, ka), (b, kb) = pair
    low, high = max(0, a + b - ka), min(kb, a + b)
    y = np.arange(low, high + 1)
    # Logarithms of factorials. Not scipy's: loading it takes longer than comparing ten thousand trials.
    log = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, ka + kb + 1)))))
    logs = -(log[y] + log[kb - y] + log[a + b - y] + log[ka - a - b + y])
    chances: NDArray[float64] = np.exp(logs - logs.max())
    return low, chances / chances.sum()


def smallest_p(ka: int, kb: int) -> float:
    """The smallest one-sided p that `ka` and `kb` trials of one task can ever give."""
    return 1 / comb(ka + kb, kb)


# --- many questions at once --------------------------------------------------------------------------------------


def holm(chances: Sequence[float]) -> list[float]:
    """p values adjusted so that the chance of a single false finding among them stays; in the order given."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    adjusted, highest = [0.0] * len(chances), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, chances[place] * (len(chances) - rank)))
        adjusted[place] = highest
    return adjusted


def benjamini_hochberg(chances: Sequence[float]) -> list[float]:
    """p values adjusted so that the expected share of false ones among the findings stays; in the order given."""
    order = sorted(range(len(chances)), key=chances.__getitem__, reverse=True)
    adjusted, lowest = [0.0] * len(chances), 1.0
    for rank, place in enumerate(order):
        lowest = min(lowest, chances[place] * len(chances) / (len(chances) - rank))
        adjusted[place] = lowest
    return adjusted


# --- every night -------------------------------------------------------------------------------------------------


def e_value(pairs: Iterable[Pair], odds: float = ODDS) -> float:
    """Evidence of one night that B's odds fell to `odds` of A's: its expectation is 1 while nothing has changed."""
    import numpy as np

    total = 1.0
    for pair in pairs:
        low, chances = _split(pair)
        y = np.arange(low, low + len(chances))
        total *= odds ** pair[1][0] / float(chances @ np.power(odds, y))
    return total


def shiryaev_roberts(evidence: Iterable[float]) -> list[float]:
    """The detector's level after each night; it may be looked at every night without spoiling its promise."""
    level, levels = 0.0, []
    for value in evidence:
        level = (1 + level) * value
        levels.append(level)
    return levels
