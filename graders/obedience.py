"""Weighted obedience: how much of what could have been kept was kept.

Every opportunity weighs 4, 2 or 1 by the severity of its rule. One act (a command, a file's change) that breaks several
rules is one fault: it counts for the heaviest of its findings, and the others only take their weight out of the sum.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.core.records import CheckResult, Finding, Outcome, Severity

WEIGHT = {Severity.BLOCKING: 4, Severity.MAJOR: 2, Severity.MINOR: 1}


def obedience(results: Iterable[CheckResult]) -> tuple[int, int]:
    """(weight kept, weight of all); rules without an opportunity or an answer have none, (0, 0) where no rule has."""
    kept = broken = 0
    heaviest: dict[str, int] = {}
    for result in results:
        if result.severity is None or result.outcome not in (Outcome.PASS, Outcome.FAIL):
            continue
        failed = result.outcome is Outcome.FAIL
        faults = result.findings or ((Finding(message=result.reason),) if failed else ())
        kept += WEIGHT[result.severity] * max(0, result.opportunities - len(faults))
        for fault in faults:
            weight = min(WEIGHT[fault.severity or result.severity], WEIGHT[result.severity])
            if fault.act:
                heaviest[fault.act] = max(weight, heaviest.get(fault.act, 0))
            else:
                broken += weight
    return kept, kept + broken + sum(heaviest.values())
