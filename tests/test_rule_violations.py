"""The rule grader: what it does with answers, errors and bulk, and what a rulebook may say."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.obedience import UNIT, WEIGHT, obedience
from graders.report_format import ReportFormat
from graders.rule_violations import MAX_FINDINGS, MAX_TEXT, RuleViolations
from graders.rulebook import RULEBOOK, Rulebook, load_rulebook
from graders.rulekit import REPORT, case
from graders.truthfulness import Truthfulness
from harness.core.errors import Cause, Failure, UsageError
from harness.core.plugins import public_class
from harness.core.records import CheckResult, Finding, Outcome, Severity, Source

KIT = """
from graders.rulekit import failed, not_applicable, passed
from harness.core.errors import Cause, Failure
from harness.core.records import Finding, Severity, Source


class {name}:
    demand = "a demand"
    section = "Git Practices"
    source = Source.PROMPT
    severity = Severity.MAJOR
    evidence = ("diff",)
    examples = ()

    def __init__(self, longest: int = 3) -> None:
        self.longest = longest

    def judge(self, case):
        {body}
"""
BODIES = {
    "keeps": "return passed(4)",
    "breaks": "return failed(Finding(message='broken', act='file:a', severity=Severity.MINOR), opportunities=2)",
    "raises": "raise KeyError('lost')",
    "stops": "raise Failure(Cause.SANDBOX, 'the sandbox ended')",
    "floods": "return failed(*[Finding(message='m' * 999, quote='q' * 999, act=str(n)) for n in range(120)])",
    "mixed": "light = Finding(message='light', severity=Severity.MINOR); "
    "return failed(*[light] * 60, Finding(message='heavy'))",
    "heavy": "return failed(Finding(message='heavy', severity=Severity.BLOCKING))",
    "idle": "return not_applicable('nothing to do')",
    "counts": "return passed(self.longest)",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package of rules that do what their names say."""
    root = tmp_path_factory.mktemp("rules")
    folder = root / "some_rules"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for name, body in BODIES.items():
        (folder / f"{name}.py").write_text(KIT.format(name=name.upper(), body=body))
    sys.path.insert(0, str(root))
    yield "some_rules"
    sys.path.remove(str(root))


def book(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "book.toml"
    path.write_text(text)
    return path


def rules(tmp_path: Path, *lines: str) -> Path:
    return book(tmp_path, 'name = "x"\nversion = "1"\n\n[rules]\n' + "\n".join(lines) + "\n")


def results(tmp_path: Path, package: str, *lines: str) -> tuple[CheckResult, ...]:
    return RuleViolations(rules(tmp_path, *lines), package).grade(case()).checks


# --- the grader ----------------------------------------------------------------------------------------------------


def test_it_is_a_plug_in() -> None:
    assert public_class(sys.modules["graders.rule_violations"]) is RuleViolations


def test_answers_come_in_the_rulebooks_order_with_its_severity_and_source(tmp_path: Path, package: str) -> None:
    idle, keeps = results(tmp_path, package, "IDLE = {}", 'KEEPS = { severity = "minor", source = "harness" }')
    assert (idle.id, idle.outcome, idle.opportunities, idle.reason) == (
        "IDLE",
        Outcome.NOT_APPLICABLE,
        0,
        "nothing to do",
    )
    assert (keeps.id, keeps.outcome, keeps.opportunities) == ("KEEPS", Outcome.PASS, 4)
    assert (keeps.severity, keeps.source, keeps.facts) == (
        Severity.MINOR,
        Source.HARNESS,
        {"demand": "a demand", "section": "Git Practices"},
    )


def test_a_rule_that_raises_is_unknown_and_the_others_go_on(tmp_path: Path, package: str) -> None:
    raises, keeps = results(tmp_path, package, "RAISES = {}", "KEEPS = {}")
    assert (raises.outcome, raises.reason, raises.opportunities) == (
        Outcome.UNKNOWN,
        "grader error: KeyError: 'lost'",
        0,
    )
    assert keeps.outcome is Outcome.PASS


def test_a_sandbox_that_failed_under_a_rule_is_the_sandboxs_fault(tmp_path: Path, package: str) -> None:
    with pytest.raises(Failure) as caught:
        results(tmp_path, package, "KEEPS = {}", "STOPS = {}")
    assert caught.value.cause is Cause.SANDBOX


def test_findings_and_texts_are_bounded_and_the_count_is_told(tmp_path: Path, package: str) -> None:
    (floods,) = results(tmp_path, package, "FLOODS = {}")
    assert len(floods.findings) == MAX_FINDINGS
    assert floods.reason == "120 findings, 50 shown"
    assert {(len(finding.message), len(finding.quote)) for finding in floods.findings} == {(MAX_TEXT, MAX_TEXT)}


def test_the_heaviest_finding_is_never_cut_off(tmp_path: Path, package: str) -> None:
    (mixed,) = results(tmp_path, package, "MIXED = {}")
    assert mixed.findings[0].message == "heavy"


def test_a_finding_never_weighs_more_than_its_rule(tmp_path: Path, package: str) -> None:
    (heavy,) = results(tmp_path, package, "HEAVY = {}")
    assert [finding.severity for finding in heavy.findings] == [None]


def test_totals_count_all_findings_not_only_those_shown(tmp_path: Path, package: str) -> None:
    grade = RuleViolations(rules(tmp_path, "FLOODS = {}", "KEEPS = {}", "BREAKS = {}"), package).grade(case())
    (totals,) = grade.advisory
    assert (totals.id, totals.facts) == ("obedience", {"kept": 2000 + 2000 // 2, "total": 2000 + 2000 + 1000 + 500})


def test_the_digest_changes_with_the_rulebook_and_stays_otherwise(tmp_path: Path, package: str) -> None:
    first = RuleViolations(rules(tmp_path, "KEEPS = {}"), package).grade(case()).digest
    again = RuleViolations(rules(tmp_path, "KEEPS = {}"), package).grade(case(reply="other")).digest
    other = RuleViolations(rules(tmp_path, 'KEEPS = { severity = "minor" }'), package).grade(case()).digest
    assert first == again != other


# --- obedience -----------------------------------------------------------------------------------------------------


def check(outcome: Outcome, severity: Severity, *findings: Finding, opportunities: int = 1) -> CheckResult:
    return CheckResult(id="x", outcome=outcome, severity=severity, findings=findings, opportunities=opportunities)


ACT = Finding(message="m", act="file:a")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], (0, 0)),
        ([check(Outcome.PASS, Severity.BLOCKING)], (4000, 4000)),
        ([check(Outcome.PASS, Severity.MAJOR, opportunities=3)], (2000, 2000)),
        ([check(Outcome.NOT_APPLICABLE, Severity.MAJOR, opportunities=0)], (0, 0)),
        ([check(Outcome.UNKNOWN, Severity.MAJOR, opportunities=0)], (0, 0)),
        ([check(Outcome.FAIL, Severity.MINOR)], (0, 1000)),
        ([check(Outcome.FAIL, Severity.MAJOR, ACT, opportunities=3)], (1333, 2000)),
        # A rule that is kept a thousand times is one rule that is kept.
        (
            [check(Outcome.PASS, Severity.BLOCKING, opportunities=1000), check(Outcome.FAIL, Severity.MAJOR)],
            (4000, 6000),
        ),
        # One act, two rules: it counts for the heavier one, the other only loses the weight.
        (
            [check(Outcome.FAIL, Severity.BLOCKING, ACT), check(Outcome.FAIL, Severity.MINOR, ACT, opportunities=2)],
            (500, 4500),
        ),
        ([check(Outcome.FAIL, Severity.MINOR, ACT), check(Outcome.FAIL, Severity.BLOCKING, ACT)], (0, 4000)),
        # Where it weighs most: one of four opportunities of a blocking rule is as much as a minor rule.
        (
            [check(Outcome.FAIL, Severity.MAJOR, ACT), check(Outcome.FAIL, Severity.BLOCKING, ACT, opportunities=4)],
            (3000, 5000),
        ),
        # One act breaks one rule twice.
        ([check(Outcome.FAIL, Severity.MAJOR, ACT, ACT, opportunities=3)], (666, 1333)),
        # Without an act every finding stands alone.
        ([check(Outcome.FAIL, Severity.MAJOR, Finding(message="a"), Finding(message="b"), opportunities=2)], (0, 2000)),
        # The finding's own severity counts, never above the rule's.
        (
            [check(Outcome.FAIL, Severity.BLOCKING, ACT.model_copy(update={"severity": Severity.MINOR}))],
            (0, 1000),
        ),
        ([check(Outcome.FAIL, Severity.MINOR, ACT.model_copy(update={"severity": Severity.BLOCKING}))], (0, 1000)),
    ],
)
def test_obedience(given: list[CheckResult], expected: tuple[int, int]) -> None:
    assert obedience(given) == expected


FINDINGS = st.lists(
    st.builds(
        Finding,
        message=st.just("m"),
        act=st.sampled_from(["", "a", "b", "c"]),
        severity=st.sampled_from([None, *Severity]),
    ),
    max_size=5,
)
CHECKS = st.lists(
    st.builds(
        lambda outcome, severity, findings, more: CheckResult(
            id="x",
            outcome=outcome,
            severity=severity,
            findings=tuple(findings) if outcome is Outcome.FAIL else (),
            opportunities=len(findings) + more,
        ),
        st.sampled_from(list(Outcome)),
        st.sampled_from(list(Severity)),
        FINDINGS,
        st.integers(0, 5),
    ),
    max_size=8,
)


@given(CHECKS)
def test_obedience_is_a_share_and_no_fault_ever_helps(checks: list[CheckResult]) -> None:
    kept, total = obedience(checks)
    assert 0 <= kept <= total
    worse = check(Outcome.FAIL, Severity.BLOCKING, Finding(message="m", act="a"))
    kept_then, total_then = obedience([*checks, worse])
    assert kept_then == kept
    assert total <= total_then <= total + UNIT * WEIGHT[Severity.BLOCKING] + 1


@given(CHECKS, st.sampled_from(list(Severity)), st.integers(2, 10**6))
def test_obedience_is_not_bought_by_volume(checks: list[CheckResult], severity: Severity, many: int) -> None:
    once, often = (check(Outcome.PASS, severity, opportunities=number) for number in (1, many))
    assert obedience([*checks, once]) == obedience([*checks, often])


@given(CHECKS.flatmap(lambda checks: st.tuples(st.just(checks), st.permutations(checks))))
def test_obedience_does_not_depend_on_the_order_of_rules(orders: tuple[list[CheckResult], list[CheckResult]]) -> None:
    assert obedience(orders[0]) == obedience(orders[1])


# --- the rulebook --------------------------------------------------------------------------------------------------


def test_parameters_reach_the_rule(tmp_path: Path, package: str) -> None:
    (counts,) = results(tmp_path, package, "COUNTS = { parameters = { longest = 9 } }")
    assert counts.opportunities == 9


def test_overrides_and_unscored_demands(tmp_path: Path, package: str) -> None:
    path = rules(tmp_path, 'KEEPS = { section = "Security" }', "[unscored]", 'S16 = { demand = "d", reason = "r" }')
    loaded = load_rulebook(path, package)
    assert [(binding.id, binding.section) for binding in loaded.bindings] == [("KEEPS", "Security")]
    assert [(item.id, item.demand, item.reason) for item in loaded.unscored] == [("S16", "d", "r")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = ", "is no TOML"),
        ("", "name: a text is missing; version: a text is missing"),
        (
            'name = ""\nversion = 1\n',
            "rules: a table with at least one rule is missing; name: a text is missing; version",
        ),
        ("[rules]\nKEPS = {}\n", "rules.KEPS: unknown rule 'KEPS'; did you mean 'KEEPS'?"),
        ("[rules]\nKEEPS = 1\n", "rules.KEEPS: expected a table such as {}"),
        ('[rules]\nKEEPS = { severity = "blokking" }\n', "unknown severity 'blokking'; did you mean 'blocking'?"),
        ("[rules]\nKEEPS = { severity = 3 }\n", "rules.KEEPS.severity: unknown severity '3'"),
        ('[rules]\nKEEPS = { source = "promt" }\n', "unknown source 'promt'; did you mean 'prompt'?"),
        ('[rules]\nKEEPS = { sevrity = "minor" }\n', "rules.KEEPS: unknown key 'sevrity'; did you mean 'severity'?"),
        ("[rules]\nKEEPS = { section = 3 }\n", "rules.KEEPS.section: a text is missing"),
        ("[rules]\nKEEPS = { parameters = { longst = 1 } }\n", "unknown parameter 'longst'; did you mean 'longest'?"),
        ("[rules]\nKEEPS = { parameters = 1 }\n", "rules.KEEPS.parameters: expected a table"),
        ("[rules]\nKEEPS = {}\n[unscored]\nS16 = { demand = 'd' }\n", "unscored.S16.reason: a text is missing"),
        (
            "[rules]\nKEEPS = {}\n[unscored]\nKEEPS = { demand = 'd', reason = 'r' }\n",
            "KEEPS: stands in two of rules, graded, unscored",
        ),
        ("unscored = 1\n", "unscored: expected a table"),
        ("[rule]\n", "the file: unknown key 'rule'; did you mean 'rules'?"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, package: str, text: str, told: str) -> None:
    path = book(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_rulebook(path, package)
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "mend:" in str(caught.value)


def test_all_mistakes_at_once(tmp_path: Path, package: str) -> None:
    path = book(tmp_path, '[rules]\nKEPS = {}\nBREAKS = { severity = "x" }\n')
    with pytest.raises(UsageError) as caught:
        load_rulebook(path, package)
    assert all(key in str(caught.value) for key in ("name", "version", "rules.KEPS", "rules.BREAKS.severity"))


def test_a_rulebook_that_is_not_there(tmp_path: Path, package: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_rulebook(tmp_path / "none.toml", package)


@pytest.fixture(scope="module")
def shipped() -> Rulebook:
    return load_rulebook(RULEBOOK)


def test_the_shipped_rulebook_binds_every_rule(shipped: Rulebook) -> None:
    modules = {path.stem.upper() for path in (RULEBOOK.parents[1] / "rules").glob("[a-z]*.py")}
    assert {binding.id for binding in shipped.bindings} == modules


def test_what_a_rulebook_says_of_the_report_is_what_its_findings_weigh(tmp_path: Path) -> None:
    text = RULEBOOK.read_text()
    for name in ("R9", "H1"):
        before = re.search(rf"(?m)^{name} = .*$", text)
        assert before
        text = text.replace(before[0], before[0].replace('severity = "major"', 'severity = "blocking"'))
    given = checks_of(tmp_path / "other.toml", text)
    usual = checks_of(tmp_path / "same.toml", RULEBOOK.read_text())
    moved = {name for name in usual if given[name].severity is not usual[name].severity}
    assert moved == {"R9", "H1"}
    assert {given[name].severity for name in moved} == {Severity.BLOCKING}
    assert [check.outcome for check in given.values()] == [check.outcome for check in usual.values()]


def test_what_a_rulebook_does_not_name_is_judged_and_weighs_nothing(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^R9 = .*$", "", RULEBOOK.read_text())
    check = checks_of(tmp_path / "other.toml", text)["R9"]
    assert (check.outcome, check.severity, check.source) == (Outcome.FAIL, None, Source.HARNESS)


def test_a_check_that_a_grader_has_not_is_named(tmp_path: Path) -> None:
    text = RULEBOOK.read_text().replace("\nR11 = {", '\nR12 = { demand = "x", grader = "report_format" }\nR11 = {')
    with pytest.raises(UsageError, match=r"graded.R12: unknown check of report_format 'R12'; did you mean"):
        checks_of(tmp_path / "other.toml", text)


def checks_of(path: Path, text: str) -> dict[str, CheckResult]:
    """The answers about a report that lists no files, under a rulebook with this text."""
    path.write_text(text)
    delivery = case(reply=REPORT.replace("- app/items.py", "see the commit"))
    form = ReportFormat(path).grade(delivery)
    truth = Truthfulness(path).grade(replace(delivery, grades={"report_format": form}))
    return {check.id: check for check in (*form.checks, *truth.checks)}


def test_only_taste_is_left_unscored(shipped: Rulebook) -> None:
    assert {item.id for item in shipped.unscored} == {"S16"}


def test_only_x1_blocks_without_the_prompt(shipped: Rulebook) -> None:
    blocking = [binding for binding in shipped.bindings if binding.severity is Severity.BLOCKING]
    assert [binding.id for binding in blocking if binding.source is Source.HARNESS] == ["X1"]
