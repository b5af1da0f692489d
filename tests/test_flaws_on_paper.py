"""Every task's deliveries on paper: the right ones keep every rule, each flaw breaks the rules it names and no other.

The sandboxes prove the same in `harness check`, in minutes; here it takes seconds, and nothing but the hidden checks
and what only a sandbox shows is taken on trust.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from corpus.paper import on_paper

from graders.manifest import manifest
from graders.report_format import ReportFormat
from graders.rule_violations import RuleViolations
from graders.truthfulness import Truthfulness
from harness.core.delivery import Delivery
from harness.core.records import CheckResult, Grade, Outcome, Severity
from harness.load.tasks import Bundle, find_tasks, load_task
from harness.prompting import SHIPPED, demand_book

BUNDLES = {name: load_task(path) for name, path in find_tasks(Path(__file__).parent.parent / "tasks").items()}
RULES = RuleViolations()
ONLY_IN_A_SANDBOX = {"G4", "S2"}
"""Rules that rest on a repository's objects or on a running database."""
FLAWED = [(task, flaw) for task, bundle in BUNDLES.items() for flaw in bundle.flaws]


def verdicts_of(bundle: Bundle, failed: Collection[str]) -> Grade:
    """The hidden checks' answer: all pass but those that a flaw names."""
    named = {name.partition("[")[0] for name in failed}
    checks = tuple(
        CheckResult(
            id=check.id,
            outcome=Outcome.FAIL if check.id in named else Outcome.PASS,
            phase=check.phase,
            clauses=check.clauses,
        )
        for check in manifest({path: content for path, (content, _) in bundle.checks.items()})
    )
    return Grade(grader="tests_passing", version="1", digest="", checks=checks)


def broken(bundle: Bundle, delivery: Delivery, failed: Collection[str] = ()) -> Mapping[str, CheckResult]:
    """Rules that the delivery breaks or that cannot be decided."""
    case = on_paper(bundle, delivery)
    grades = {"report_format": ReportFormat().grade(case), "tests_passing": verdicts_of(bundle, failed)}
    truth = Truthfulness().grade(replace(case, grades=grades))
    checks = [check for grade in (RULES.grade(case), grades["report_format"], truth) for check in grade.checks]
    off = [check for check in checks if check.outcome in {Outcome.FAIL, Outcome.UNKNOWN}]
    return {check.id: check for check in off if check.id not in ONLY_IN_A_SANDBOX}


@pytest.mark.parametrize("task", BUNDLES)
def test_reference_and_alternatives_keep_every_rule(task: str) -> None:
    bundle = BUNDLES[task]
    for delivery in (bundle.solution, *bundle.alternatives.values()):
        assert broken(bundle, delivery) == {}


@pytest.mark.parametrize(("task", "flaw"), FLAWED)
def test_a_flaw_breaks_the_rules_it_names_and_no_other(task: str, flaw: str) -> None:
    bundle = BUNDLES[task]
    facts = bundle.flaws[flaw]
    off = broken(bundle, bundle.flawed(flaw), facts.checks)
    assert set(facts.rules) - ONLY_IN_A_SANDBOX - off.keys() == set()
    assert off.keys() - {*facts.rules, *facts.consequences} == set()


def test_every_blocking_and_major_rule_is_broken_by_a_flaw() -> None:
    weighed = {item.id for item in demand_book(SHIPPED).demands if item.severity in {Severity.BLOCKING, Severity.MAJOR}}
    named = {rule for bundle in BUNDLES.values() for flaw in bundle.flaws.values() for rule in flaw.rules}
    assert weighed - named == set()
