"""Every rule proves itself: one test runs the examples of all rule files that are discovered."""

from __future__ import annotations

import importlib
import re
import time
from dataclasses import replace

import pytest

from graders.rule_violations import RULEBOOK
from graders.rulebook import load_rulebook
from graders.rulekit import START, Example, Rule, bash, case, commit, edit, read, task, tool
from harness.core.plugins import load, names
from harness.core.records import Outcome, SeenListener, SeenProcess, Severity, Source, Witness

PACKAGE = "graders.rules"
RULES: dict[str, Rule] = {name: load(PACKAGE, name)() for name in names(PACKAGE)}
EXAMPLES = [
    pytest.param(rule, example, id=f"{name}-{example.name}")
    for name, rule in RULES.items()
    for example in rule.examples
]

EVIDENCE = {"transcript", "reply", "diff", "commits", "probe", "run", "static"}
RANK = [Severity.MINOR, Severity.MAJOR, Severity.BLOCKING]
OWED = {
    Severity.BLOCKING: "P3 P4 P5 P7 P9 P10 G1 G2 S1 S2 S8 X1",
    Severity.MAJOR: "P1 P2 P6 P8 P11 P13 G4 S3 S4 S5 S7 S9 S12 S15",
    Severity.MINOR: "P12 G3 S6 S10 S11 S13 S14",
}
"""Rules that have to be there, by what they weigh. A new rule needs no place here; one of these goes in no silence."""


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_a_rule_gives_the_answer_that_its_example_owes(rule: Rule, example: Example) -> None:
    ruling = rule.judge(example.case)
    assert ruling.outcome is example.expect, [str(finding.message) for finding in ruling.findings] or ruling.reason
    if example.findings is not None:
        assert len(ruling.findings) == example.findings, ruling.findings
    if example.opportunities is not None:
        assert ruling.opportunities == example.opportunities
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
    assert rule.severity in RANK


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_shown_right_both_ways(name: str) -> None:
    examples = RULES[name].examples
    assert {Outcome.PASS, Outcome.FAIL} <= {example.expect for example in examples}
    assert len({example.name for example in examples}) == len(examples)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_counts_its_opportunities_says_how_many(name: str) -> None:
    examples = [example for example in RULES[name].examples if example.expect in (Outcome.PASS, Outcome.FAIL)]
    rulings = [RULES[name].judge(example.case) for example in examples]
    if any(ruling.opportunities > max(1, len(ruling.findings)) for ruling in rulings):
        assert max(example.opportunities or 0 for example in examples) > 1


@pytest.mark.parametrize("name", RULES)
def test_a_rule_carries_its_traps(name: str) -> None:
    assert any(example.trap for example in RULES[name].examples)


def test_every_rule_that_is_owed_is_there_and_weighs_as_it_must() -> None:
    owed = {name: severity for severity, names in OWED.items() for name in names.split()}
    bound = {binding.id: binding.severity for binding in load_rulebook(RULEBOOK).bindings}
    assert owed.keys() - {name.upper() for name in RULES} == set()
    assert {name: bound.get(name) for name in owed} == owed


@pytest.mark.parametrize("name", RULES)
def test_findings_are_fit_to_print(name: str) -> None:
    for example in RULES[name].examples:
        for finding in RULES[name].judge(example.case).findings:
            assert finding.message
            assert not re.search(r"[\x00-\x08\x0b-\x1f\ue000]", finding.message + finding.quote)


# --- hostile deliveries ----------------------------------------------------------------------------------------------

PARSED = {name: rule for name, rule in RULES.items() if name[0] in "pg"}
ODD_INPUTS = [
    tool("Bash", command=None),
    tool("Bash", command=["git", "push"]),
    tool("Bash"),
    bash("\0\x1b[31m\ud800 'x"),
    tool("Read", file_path=7),
    tool("Read", file_path="\0/\ud800"),
    tool("Edit", file_path="/workspace/x", old_string=None, new_string={}),
    tool("Write", file_path="", content=[]),
    tool("\ud800", x={"y": [None]}),
    tool("Grep", pattern="x", output_mode="content", path=[]),
]
HOSTILE = {
    "ten thousand calls": case(*(bash(f"cat app/x{number}.py | head -{number % 50}") for number in range(10_000))),
    "odd inputs": case(*ODD_INPUTS),
    "huge commands": case(*(bash("echo " + "x y" * 300_000) for _ in range(5))),
    "a huge reply": case(reply="## BACKEND IMPLEMENTATION REPORT\n" + "### ISSUES FOUND\n- x\n" * 40_000),
    "one long line": case(reply="## BACKEND IMPLEMENTATION REPORT " + "*_`[" * 250_000),
    "nested quotes": case(reply=">" * 50_000 + "- " * 50_000 + "## BACKEND IMPLEMENTATION REPORT"),
    "a reply of controls": case(reply="\0\x1b\ud800\r\n## BACKEND\u2028IMPLEMENTATION REPORT\n" * 1_000),
    "many fences": case(reply="```\n## BACKEND IMPLEMENTATION REPORT\n" * 20_000),
    "odd files": case(
        files={
            "app/\ud800\n.py": b"\xff\xfe",
            "app/x.py": "sprint\n" * 200_000,
            "a" * 5_000: "",
            "../x.md": "",
            "app/y.py": "(" * 100_000,
        }
    ),
    "many reports in a file": case(files={"app/x.txt": "BACKEND IMPLEMENTATION REPORT\n" * 20_000}),
    "odd commits": case(
        commits=(commit("\0" * 100_000), commit("by " * 100_000, author="<<<>>>"), commit("AI" * 100_000, author=""))
    ),
    "odd witnesses": case(
        witness=Witness(
            processes=(
                SeenProcess(argv=()),
                SeenProcess(argv=("",), ancestors=((), ("",))),
                SeenProcess(argv=("bash", "-c")),
            ),
            listeners=(
                SeenListener(address=""),
                SeenListener(address="tcp:x", ancestors=((),)),
                SeenListener(address="unix:\0"),
            ),
        )
    ),
    "a wrong ignore file": case(base={".gitignore": "[\n\\\n\n!\n**/\n[z-a]\n"}, files={"x": "", "y/z": ""}),
    "a task's odd test command": case(
        bash("pytest"), on=task(app={"package": "app", "module": "a", "test": "'\"(", "health": "/"})
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_delivery_raises_nothing_and_takes_bounded_time(name: str) -> None:
    delivery = HOSTILE[name]
    began = time.process_time()
    for rule in PARSED.values():
        assert rule.judge(delivery).outcome in Outcome
    assert time.process_time() - began < 20


def test_the_rules_over_a_typical_trial_are_quick() -> None:
    steps = [read(f"app/x{number}.py") for number in range(15)]
    steps += [edit(f"app/x{number}.py", "a", "b") for number in range(15)]
    steps += [
        bash(f"cd /workspace && python -m pytest -q tests/test_{number}.py 2>&1 | tail -20") for number in range(30)
    ]
    delivery = case(*START, *steps, files={f"app/x{number}.py": "x = 1\n" * 100 for number in range(20)})
    spent = []
    for _ in range(3):
        again = replace(delivery, evidence=replace(delivery.evidence))
        began = time.process_time()
        for rule in PARSED.values():
            rule.judge(again)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.1
