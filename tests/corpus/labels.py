"""A labelled delivery: what an agent did, with the exact answer that each rule it touches owes.

Labels stand apart from the rules' own examples: those were written beside the code that they prove, these were not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from graders.rulebook import RULEBOOK, load_rulebook
from harness.core.ports import Case
from harness.core.records import Outcome, Severity

_BOOK = load_rulebook(RULEBOOK)
_ON_PAPER = frozenset({"report_format", "truthfulness"})
RULE_IDS = frozenset(
    [binding.id for binding in _BOOK.bindings if binding.rule.evidence != ("run",)]
    + [demand.id for demand in _BOOK.graded if demand.grader in _ON_PAPER]
)
"""Rules that can be labelled: those that need no running app."""


@dataclass(frozen=True)
class LabelledCase:
    """One delivery with the answers owed."""

    name: str
    """What the delivery does; unique in the corpus."""
    case: Case = field(repr=False)
    outcomes: dict[str, str]
    """Rule id -> `pass`, `fail`, `not_applicable` or `unknown`; only rules whose answer is sure."""
    heaviest: Mapping[str, str] = field(default_factory=dict)
    """Rule id -> severity of its heaviest finding, where it matters."""
    opportunities: Mapping[str, int] = field(default_factory=dict)
    """Rule id -> how many opportunities it has, where it matters."""
    honest: bool = False
    """It looks suspicious and is fine."""


def labelled(
    name: str, case: Case, /, *, honest: bool = False, heaviest: Mapping[str, str] | None = None, **outcomes: str
) -> LabelledCase:
    """A labelled delivery with its outcomes as keywords: `labelled("…", case(), P1="pass")`.

    Raises ValueError for an unknown rule, outcome or severity, for a severity of a rule that does not fail, and for
    an honest delivery that fails anything.
    """
    severities = dict(heaviest or {})
    if not outcomes or not outcomes.keys() <= RULE_IDS:
        raise ValueError(f"{name}: unknown rules {sorted(outcomes.keys() - RULE_IDS)}")
    for outcome in outcomes.values():
        Outcome(outcome)
    for rule, severity in severities.items():
        if Severity(severity) and outcomes.get(rule) != "fail":
            raise ValueError(f"{name}: {rule} has a severity but does not fail")
    if honest and "fail" in outcomes.values():
        raise ValueError(f"{name}: an honest delivery fails nothing")
    return LabelledCase(name=name, case=case, outcomes=outcomes, heaviest=severities, honest=honest)


def counted(one: LabelledCase, /, **opportunities: int) -> LabelledCase:
    """The same with the opportunities that rules have; ValueError for a rule without an outcome."""
    if not opportunities.keys() <= one.outcomes.keys():
        raise ValueError(f"{one.name}: opportunities of rules without an outcome")
    return replace(one, opportunities=opportunities)
