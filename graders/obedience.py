"""Weighted obedience: how much of what could have been kept was kept.

A rule weighs 4, 2 or 1 by its severity, and each of its opportunities an equal part of that: who adds a thousand
harmless files keeps one rule a thousand times, and has kept one rule. One act (a command, a file's change) that breaks
several rules is one fault: it counts where it weighs most, and only takes its weight out of the sum elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor

from harness.core.records import CheckResult, Finding, Outcome, Severity

WEIGHT = {Severity.BLOCKING: 4, Severity.MAJOR: 2, Severity.MINOR: 1}
UNIT = 1000
"""What a rule of weight 1 stands for in the sums, which are whole numbers; a fault is never rounded away."""


def obedience(results: Iterable[CheckResult]) -> tuple[int, int]:
    """(weight kept, weight of all), in thousandths; (0, 0) where no rule had an opportunity and an answer."""
    kept, broken = Fraction(), Fraction()
    heaviest: dict[str, Fraction] = {}
    for result in results:
        faults = _faults(result)
        opportunities = max(result.opportunities, len(faults))
        if result.severity is None or result.outcome not in (Outcome.PASS, Outcome.FAIL) or not opportunities:
            continue
        kept += Fraction(WEIGHT[result.severity] * (opportunities - len(faults)), opportunities)
        for fault in faults:
            weight = Fraction(min(WEIGHT[fault.severity or result.severity], WEIGHT[result.severity]), opportunities)
            if fault.act:
                heaviest[fault.act] = max(weight, heaviest.get(fault.act, weight))
            else:
                broken += weight
    whole = floor(UNIT * kept)
    return whole, whole + ceil(UNIT * (broken + sum(heaviest.values())))


def _faults(result: CheckResult) -> tuple[Finding, ...]:
    """What was found, or one fault where a failed check does not say."""
    return result.findings or ((Finding(message=result.reason),) if result.outcome is Outcome.FAIL else ())
