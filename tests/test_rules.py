"""Every rule proves itself: one test runs the examples of all rule files that are discovered."""

from __future__ import annotations

import importlib
import re

import pytest

from graders.rulekit import Example, Rule
from harness.core.plugins import load, names
from harness.core.records import Outcome, Severity, Source

PACKAGE = "graders.rules"
RULES: dict[str, Rule] = {name: load(PACKAGE, name)() for name in names(PACKAGE)}
EXAMPLES = [
    pytest.param(rule, example, id=f"{name}-{example.name}")
    for name, rule in RULES.items()
    for example in rule.examples
]

MAJOR = {"p1", "p2", "p6", "p8", "p11", "p13", "g4", "s3", "s4", "s5", "s7", "s9", "s12", "s15"}
MINOR = {"p12", "g3", "s6", "s10", "s11", "s13", "s14"}
BLOCKING = {"p3", "p4", "p5", "p7", "p9", "p10", "g1", "g2", "s1", "s2", "s8", "x1"}
"""Severities of the rulebook; a rule may not weigh itself."""
EVIDENCE = {"transcript", "reply", "diff", "commits", "probe", "run", "static"}
RANK = [Severity.MINOR, Severity.MAJOR, Severity.BLOCKING]
TRAPPED = sorted({"p1", "p2", "p3", "p4", "p5", "p6", "p7", "p9", "p10", "p11", "g1", "g2", "g3"} & RULES.keys())


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_a_rule_gives_the_answer_that_its_example_owes(rule: Rule, example: Example) -> None:
    ruling = rule.judge(example.case)
    assert ruling.outcome is example.expect, [str(finding.message) for finding in ruling.findings] or ruling.reason
    if example.findings is not None:
        assert len(ruling.findings) == example.findings, ruling.findings
    if example.expect is Outcome.FAIL:
        heaviest = max((finding.severity or rule.severity for finding in ruling.findings), key=RANK.index)
        assert heaviest is (example.severity or rule.severity)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_what_it_is(name: str) -> None:
    rule = RULES[name]
    assert type(rule).__name__ == name.upper()
    assert (type(rule).__doc__ or "").strip()
    assert (importlib.import_module(f"{PACKAGE}.{name}").__doc__ or "").startswith(f"{name.upper()}: ")
    assert rule.demand.endswith(".")
    assert rule.source is (Source.HARNESS if rule.section == "harness" else Source.PROMPT)
    assert rule.evidence
    assert set(rule.evidence) <= EVIDENCE
    assert name in {Severity.MAJOR: MAJOR, Severity.MINOR: MINOR, Severity.BLOCKING: BLOCKING}[rule.severity]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_shown_right_both_ways(name: str) -> None:
    examples = RULES[name].examples
    assert {Outcome.PASS, Outcome.FAIL} <= {example.expect for example in examples}
    assert len({example.name for example in examples}) == len(examples)


@pytest.mark.parametrize("name", TRAPPED)
def test_a_rule_carries_its_traps(name: str) -> None:
    assert any(example.trap for example in RULES[name].examples)


@pytest.mark.parametrize("name", RULES)
def test_findings_are_fit_to_print(name: str) -> None:
    for example in RULES[name].examples:
        for finding in RULES[name].judge(example.case).findings:
            assert finding.message
            assert not re.search(r"[\x00-\x08\x0b-\x1f\ue000]", finding.message + finding.quote)
