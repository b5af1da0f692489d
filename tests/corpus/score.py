"""How well the rules answer labelled deliveries: precision and recall for each rule, and every disagreement.

A broken rule is what is looked for. Precision is the share of accusations that the label shares, recall the share of
labelled breaches that were found; `exact` counts every answer, so that a `pass` in the place of `not_applicable` shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from tabulate import tabulate

from corpus.labels import LabelledCase
from graders.report_format import ReportFormat
from graders.rulebook import RULEBOOK, load_rulebook
from graders.rulekit import Rule
from graders.truthfulness import Truthfulness
from harness.core.ports import Case
from harness.core.records import CheckResult
from harness.core.scores import heaviest

FAIL = "fail"


@dataclass(frozen=True)
class Judged:
    """One label beside the answer it got."""

    case: str
    honest: bool
    rule: str
    owed: str
    """Outcome, with the severity and the opportunities behind it where the label names them: `fail (minor) of 3`."""
    given: str
    why: str

    @property
    def agrees(self) -> bool:
        return self.owed == self.given


@dataclass(frozen=True)
class Score:
    """What became of the labels of one rule."""

    rule: str
    labels: int
    exact: int
    true: int
    """Breaches found."""
    false: int
    """Accusations that no label shares."""
    missed: int

    @property
    def precision(self) -> float | None:
        return self.true / (self.true + self.false) if self.true + self.false else None

    @property
    def recall(self) -> float | None:
        return self.true / (self.true + self.missed) if self.true + self.missed else None


def judge(cases: Iterable[LabelledCase]) -> tuple[Judged, ...]:
    """Every label with the answer that the rule gives."""
    return tuple(judged for case in cases for judged in _judged(case))


def _judged(labelled: LabelledCase) -> Iterator[Judged]:
    given = answers(labelled.case, labelled.outcomes)
    for rule, outcome in labelled.outcomes.items():
        result = given[rule]
        weight = labelled.heaviest.get(rule)
        count = labelled.opportunities.get(rule)
        owed = outcome + (f" ({weight})" if weight else "") + (f" of {count}" if count else "")
        told = f"{result.outcome}" + (f" ({heaviest(result)})" if weight else "")
        told += f" of {result.opportunities}" if count else ""
        why = "; ".join(f"{found.place}: {found.message}" for found in result.findings[:3]) or result.reason
        yield Judged(labelled.name, labelled.honest, rule, owed, told, why)


def answers(case: Case, rules: Iterable[str]) -> dict[str, CheckResult]:
    """The answers of these rules, whoever gives them."""
    wanted = set(rules)
    found = {name: _ruling(name, case) for name in wanted & _bound().keys()}
    if wanted - found.keys():
        form = ReportFormat().grade(case)
        known = replace(case, grades={"report_format": form, **case.grades})
        found |= {check.id: check for check in (*form.checks, *Truthfulness().grade(known).checks)}
    return found


@cache
def _bound() -> dict[str, Rule]:
    return {binding.id: binding.rule for binding in load_rulebook(RULEBOOK).bindings}


def _ruling(name: str, case: Case) -> CheckResult:
    rule = _bound()[name]
    ruling = rule.judge(case)
    return CheckResult(
        id=name,
        outcome=ruling.outcome,
        findings=ruling.findings,
        reason=ruling.reason,
        severity=rule.severity,
        opportunities=ruling.opportunities,
    )


def scores(judged: Sequence[Judged]) -> tuple[Score, ...]:
    """One score for each rule, in the order of the rules' letters and numbers."""
    return tuple(_score(rule, [item for item in judged if item.rule == rule]) for rule in _rules(judged))


def total(judged: Sequence[Judged]) -> Score:
    """All rules together."""
    return _score("all", judged)


def _rules(judged: Iterable[Judged]) -> list[str]:
    return sorted({item.rule for item in judged}, key=lambda rule: (re.sub(r"\d", "", rule), int(rule[1:])))


def _score(rule: str, judged: Sequence[Judged]) -> Score:
    pairs = [(item.owed.startswith(FAIL), item.given.startswith(FAIL)) for item in judged]
    return Score(
        rule=rule,
        labels=len(judged),
        exact=sum(item.agrees for item in judged),
        true=pairs.count((True, True)),
        false=pairs.count((False, True)),
        missed=pairs.count((True, False)),
    )


def table(judged: Sequence[Judged], form: str = "simple") -> str:
    """Precision and recall for each rule as text."""
    rows = [
        (one.rule, one.labels, one.exact, one.true, one.false, one.missed, _share(one.precision), _share(one.recall))
        for one in (*scores(judged), total(judged))
    ]
    headers = ("rule", "labels", "exact", "found", "false", "missed", "precision", "recall")
    return tabulate(rows, headers=headers, tablefmt=form, disable_numparse=True)


def disagreements(judged: Iterable[Judged]) -> list[str]:
    """One line for every label that the rule does not share."""
    return [
        f"{item.rule} owed {item.owed}, gave {item.given}: {item.case}" + (f" [{item.why[:160]}]" if item.why else "")
        for item in judged
        if not item.agrees
    ]


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"
