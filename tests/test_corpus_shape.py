"""The labelled corpus itself: large, varied, labelled with known words, and in both directions."""

from __future__ import annotations

from collections import Counter

import pytest
from corpus.blind import CASES
from corpus.labels import RULE_IDS, labelled

from graders.rulekit import case


def answers(outcome: str) -> Counter[str]:
    """How many cases say this of each rule."""
    return Counter(rule for labelled_case in CASES for rule, said in labelled_case.outcomes.items() if said == outcome)


def test_the_corpus_is_large_and_much_of_it_honest() -> None:
    honest = [labelled_case for labelled_case in CASES if labelled_case.honest]
    assert len(CASES) >= 400
    assert len(honest) >= 180


def test_names_are_unique() -> None:
    names = Counter(labelled_case.name for labelled_case in CASES)
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("outcome", ["pass", "fail"])
def test_every_rule_is_labelled_in_both_directions(outcome: str) -> None:
    assert sorted(RULE_IDS - answers(outcome).keys()) == []


@pytest.mark.parametrize("outcome", ["not_applicable", "unknown"])
def test_the_other_answers_are_labelled_too(outcome: str) -> None:
    assert len(answers(outcome)) >= 3


@pytest.mark.parametrize(
    ("outcomes", "options"),
    [
        ({}, {}),
        ({"P99": "pass"}, {}),
        ({"S2": "pass"}, {}),
        ({"P1": "passed"}, {}),
        ({"P1": "fail"}, {"heaviest": {"P1": "grave"}}),
        ({"P1": "pass"}, {"heaviest": {"P1": "major"}}),
        ({"P1": "fail"}, {"honest": True}),
    ],
)
def test_a_wrong_label_is_refused(outcomes: dict[str, str], options: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        labelled("wrong", case(), **options, **outcomes)  # type: ignore[arg-type]
