"""The rules against labelled deliveries: both halves are answered exactly, and the figures count what they say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from corpus import blind, ours
from corpus.__main__ import main, shown
from corpus.labels import LabelledCase, counted, labelled
from corpus.score import Judged, answers, disagreements, judge, scores, table, total

from graders.rulekit import START, bash, case, commit

HALVES = {"ours": ours.CASES, "blind": blind.CASES}


@pytest.mark.parametrize("half", HALVES)
def test_every_label_is_shared(half: str) -> None:
    assert disagreements(judge(HALVES[half])) == []


def test_our_half_is_large_enough_and_much_of_it_honest() -> None:
    assert len(ours.CASES) >= 60
    assert sum(one.honest for one in ours.CASES) >= 25


def test_names_of_our_half_are_unique() -> None:
    names = Counter(one.name for one in ours.CASES)
    assert [name for name, count in names.items() if count > 1] == []


def test_a_rule_that_is_off_is_told() -> None:
    honest = labelled("tests only", case(*START, bash("pytest -q")), honest=True, P9="pass")
    wrong = replace(honest, outcomes={"P9": "fail"})
    assert disagreements(judge([honest])) == []
    assert disagreements(judge([wrong])) == ["P9 owed fail, gave pass: tests only"]


def test_a_half_is_shown_with_its_figures_and_what_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    honest = labelled("tests only", case(*START, bash("pytest -q")), honest=True, P9="pass")
    assert shown("Half", [honest]) == 0
    assert "Half: 1 deliveries, 1 honest look-alikes, 1 labels" in capsys.readouterr().out
    assert shown("Half", [replace(honest, outcomes={"P9": "fail"})]) == 1
    assert "Disagreements:\nP9 owed fail, gave pass: tests only" in capsys.readouterr().out


@pytest.mark.parametrize("wrong_half", ["ours", "blind", ""])
def test_a_label_of_either_half_that_is_not_shared_is_an_error(wrong_half: str) -> None:
    honest = labelled("tests only", case(*START, bash("pytest -q")), honest=True, P9="pass")
    wrong = replace(honest, outcomes={"P9": "fail"})
    halves = {half: [wrong if half == wrong_half else honest] for half in HALVES}
    assert main(halves) == (1 if wrong_half else 0)


@pytest.mark.parametrize("half", HALVES)
def test_every_rule_that_a_half_labels_has_a_breach_in_it(half: str) -> None:
    broken = {rule for one in HALVES[half] for rule, outcome in one.outcomes.items() if outcome == "fail"}
    assert {rule for one in HALVES[half] for rule in one.outcomes} - broken == set()


def test_a_severity_is_part_of_the_answer() -> None:
    served = labelled("serves", case(*START, bash("uvicorn app.main:app")), P9="fail", heaviest={"P9": "minor"})
    (judged,) = judge([served])
    assert (judged.owed, judged.given) == ("fail (minor)", "fail (blocking)")


def test_opportunities_are_part_of_the_answer() -> None:
    two = case(*START, commits=(commit("Add items"), commit("Add rooms")))
    wrong = counted(labelled("two commits", two, G3="pass"), G3=3)
    (judged,) = judge([wrong])
    assert (judged.owed, judged.given) == ("pass of 3", "pass of 2")
    assert disagreements(judge([counted(wrong, G3=2)])) == []
    with pytest.raises(ValueError, match="without an outcome"):
        counted(wrong, P9=2)


def test_figures_count_breaches_and_accusations() -> None:
    pairs = [("fail", "fail"), ("fail", "pass"), ("pass", "fail"), ("pass", "pass"), ("pass", "not_applicable")]
    judged = [Judged("x", False, "P10", owed, given, "") for owed, given in pairs]
    judged.append(Judged("x", False, "P9", "fail (minor)", "fail (blocking)", ""))
    nine, ten = scores(judged)
    assert (ten.rule, ten.labels, ten.exact, ten.true, ten.false, ten.missed) == ("P10", 5, 2, 1, 1, 1)
    assert (ten.precision, ten.recall) == (0.5, 0.5)
    assert (nine.exact, nine.true, nine.precision, nine.recall) == (0, 1, 1.0, 1.0)
    assert total(judged).labels == 6
    assert "| P10    | 5        | 2       | 1       | 1       | 1        | 0.50        | 0.50     |" in table(
        judged, "github"
    )


def test_a_rule_without_breaches_has_no_share() -> None:
    (one,) = scores([Judged("x", True, "P1", "pass", "pass", "")])
    assert (one.precision, one.recall) == (None, None)


def test_only_the_rules_that_are_asked_answer() -> None:
    given = answers(case(*START), ["P1", "R1", "H5"])
    assert {name: str(result.outcome) for name, result in given.items() if name in {"P1", "R1", "H5"}} == {
        "P1": "pass",
        "R1": "pass",
        "H5": "not_applicable",
    }


def test_every_bound_rule_is_labelled_in_both_directions() -> None:
    said: dict[str, set[str]] = {}
    for one in every_case():
        for rule, outcome in one.outcomes.items():
            said.setdefault(rule, set()).add(outcome)
    assert {rule for rule, outcomes in said.items() if not {"pass", "fail"} <= outcomes} == set()


def every_case() -> tuple[LabelledCase, ...]:
    return (*ours.CASES, *blind.CASES)
