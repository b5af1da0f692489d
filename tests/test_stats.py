"""Statistics against published and computed vectors, and laws that hold for all inputs."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import nctdtr, stdtrit
from stored_runs import passes, run_of

from harness.report.stats import (
    clopper_pearson,
    clustered_se,
    estimate,
    g_pass_at_k,
    mde,
    noncentral_below,
    pass_at_k,
    pass_hat_k,
    power,
    student,
    wilson,
)

D1_A = [(passes, 3) for passes in (3, 3, 2, 1, 3, 0, 2, 3)]
T_975_7 = 2.3646242516


@pytest.mark.parametrize(
    ("passes", "trials", "low", "high"),
    [(45, 60, 0.6276792993, 0.8422347747), (0, 20, 0, 0.1611251581), (20, 20, 0.8388748420, 1)],
)
def test_wilson(passes: int, trials: int, low: float, high: float) -> None:
    assert wilson(passes, trials) == pytest.approx((low, high), abs=1e-9)


def test_clopper_pearson() -> None:
    assert clopper_pearson(45, 60) == pytest.approx((0.6214036445, 0.8528139262), abs=1e-9)
    assert clopper_pearson(0, 20) == pytest.approx((0, 1 - 0.025 ** (1 / 20)), abs=1e-9)
    assert clopper_pearson(20, 20) == pytest.approx((0.025 ** (1 / 20), 1), abs=1e-9)


def test_clustered_standard_error() -> None:
    assert clustered_se(D1_A) == pytest.approx(0.1326993858, abs=1e-9)


def test_an_arm_of_many_tasks() -> None:
    found = estimate(D1_A)
    assert found is not None
    assert found.mean == pytest.approx(17 / 24)
    assert found.deff == pytest.approx((0.1326993858 / 0.0927804807) ** 2, rel=1e-8)
    assert found.n_eff == pytest.approx(24 / found.deff)
    square = T_975_7**2 / found.n_eff
    centre = (17 / 24 + square / 2) / (1 + square)
    half = sqrt(square * (17 / 24 * 7 / 24 + square / 4)) / (1 + square)
    assert found.interval == pytest.approx((centre - half, centre + half), abs=1e-9)
    assert found.question == "population"


@pytest.mark.parametrize(("passes", "mean"), [(0, 0.0), (3, 1.0)])
def test_at_floor_and_ceiling_only_the_tasks_count(passes: int, mean: float) -> None:
    found = estimate([(passes, 3)] * 8)
    assert found is not None
    assert (found.mean, found.n_eff) == (mean, 8)
    width = T_975_7**2 / 8
    assert found.interval[1] - found.interval[0] == pytest.approx(width / (1 + width), abs=1e-9)


def test_tasks_that_agree_by_luck_do_not_narrow_the_interval() -> None:
    found = estimate([(2, 3)] * 8)
    assert found is not None
    assert (found.deff, found.n_eff) == (1.0, 24.0)


def test_one_task_answers_the_suite_question_only() -> None:
    found = estimate([(45, 60), (0, 0)])
    assert found is not None
    assert found.question == "suite"
    assert found.interval == wilson(45, 60)


def test_nothing_is_estimated_from_nothing() -> None:
    assert estimate([]) is None
    assert estimate([(0, 0)]) is None


CELLS = st.lists(st.integers(1, 6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=12)


@given(CELLS)
def test_an_interval_holds_its_mean_and_stays_in_range(cells: list[tuple[int, int]]) -> None:
    found = estimate(cells)
    assert found is not None
    low, high = found.interval
    assert 0 <= low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= high <= 1
    assert high - low > 0
    assert found.deff >= 1


@pytest.mark.parametrize(
    ("trials", "passes", "k", "expected"),
    [
        (5, 2, 1, Fraction(2, 5)),
        (5, 2, 2, Fraction(7, 10)),
        (5, 2, 3, Fraction(9, 10)),
        (5, 4, 3, Fraction(1)),
        (3, 1, 2, Fraction(2, 3)),
        (10, 3, 5, Fraction(11, 12)),
    ],
)
def test_pass_at_k(trials: int, passes: int, k: int, expected: Fraction) -> None:
    assert pass_at_k(trials, passes, k) == expected


@pytest.mark.parametrize(
    ("trials", "passes", "k", "expected"),
    [
        (5, 2, 2, Fraction(1, 10)),
        (5, 4, 3, Fraction(2, 5)),
        (5, 3, 3, Fraction(1, 10)),
        (3, 1, 2, Fraction(0)),
    ],
)
def test_pass_hat_k(trials: int, passes: int, k: int, expected: Fraction) -> None:
    assert pass_hat_k(trials, passes, k) == expected


def test_reliability_of_a_suite() -> None:
    suite = (5, 3, 1, 0)
    assert sum((pass_at_k(5, passes, 1) for passes in suite), Fraction()) / 4 == Fraction(9, 20)
    assert sum((pass_at_k(5, passes, 3) for passes in suite), Fraction()) / 4 == Fraction(13, 20)
    assert sum((pass_hat_k(5, passes, 3) for passes in suite), Fraction()) / 4 == Fraction(11, 40)


@pytest.mark.parametrize(
    ("trials", "passes", "k", "share", "expected"),
    [
        (5, 3, 3, Fraction(1, 2), Fraction(7, 10)),
        (5, 3, 3, Fraction(2, 3), Fraction(7, 10)),
        (5, 3, 3, Fraction(1), Fraction(1, 10)),
        (8, 5, 4, Fraction(3, 4), Fraction(1, 2)),
    ],
)
def test_g_pass_at_k(trials: int, passes: int, k: int, share: Fraction, expected: Fraction) -> None:
    assert g_pass_at_k(trials, passes, k, share) == expected


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_reliability_is_ordered(drawn: tuple[int, int, int]) -> None:
    assert 0 <= pass_hat_k(*drawn) <= Fraction(drawn[1], drawn[0]) <= pass_at_k(*drawn) <= 1
    assert g_pass_at_k(*drawn, Fraction(1)) == pass_hat_k(*drawn)
    assert g_pass_at_k(*drawn, Fraction(1, drawn[2])) == pass_at_k(*drawn)


@pytest.mark.parametrize(("trials", "passes", "k"), [(3, 1, 4), (3, 4, 2), (3, -1, 2), (3, 1, 0)])
def test_what_cannot_be_drawn_is_an_error(trials: int, passes: int, k: int) -> None:
    for function in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match="cannot draw"):
            function(trials, passes, k)
    with pytest.raises(ValueError, match="cannot draw"):
        g_pass_at_k(trials, passes, k, Fraction(1))


def test_power() -> None:
    assert power(0.15, sqrt(1 / 9), 20) == pytest.approx(0.6160757908, abs=1e-9)


@pytest.mark.parametrize(
    ("tasks", "trials", "expected"), [(12, 3, 0.255), (20, 3, 0.192), (20, 5, 0.149), (30, 5, 0.120)]
)
def test_minimum_detectable_effect(tasks: int, trials: int, expected: float) -> None:
    assert mde(tasks, trials) == pytest.approx(expected, abs=5e-4)


def test_a_run_that_can_detect_nothing_says_so() -> None:
    assert mde(1, 100) is None
    assert mde(2, 1) is None


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 10, 19, 50, 99, 400])
def test_distributions_are_those_of_scipy(freedom: int) -> None:
    for quantile in (0.5, 0.6, 0.9, 0.95, 0.975, 0.995):
        assert student(quantile, freedom) == pytest.approx(stdtrit(freedom, quantile), rel=1e-12, abs=1e-12)
    for shift in (0.0, 0.5, 2.0, 4.0, 8.0):
        for t in (0.5, 1.65, 2.9, 6.31):
            assert noncentral_below(t, freedom, shift) == pytest.approx(nctdtr(freedom, shift, t), abs=1e-9)


def test_a_table_is_printed_without_scipy(tmp_path: Path) -> None:
    run_of(tmp_path, {"a": passes([1, 2], 2), "b": passes([1, 0], 2)})
    code = (
        "import sys; from harness.cli import main; main(['table', '--results', sys.argv[1]]);"
        "sys.exit(any(m in sys.modules for m in sys.argv[2:]))"
    )
    argv = [sys.executable, "-c", code, str(tmp_path), "scipy", "numpy", "pandas", "docker", "harness.compose"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert (done.returncode, "2 tasks" in done.stdout) == (0, True)
