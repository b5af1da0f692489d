"""Every vector that the project's statistics were specified with, against the code that tables and gates call."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.paired import Dirichlet, difference, paired_t, sign_flip, standard_error, suite_error, task_gaps
from harness.report.pareto import front
from harness.report.stats import clustered_se, g_pass_at_k, mde, pass_at_k, pass_hat_k, power
from harness.report.stratified import (
    benjamini_hochberg,
    e_value,
    exact,
    holm,
    shiryaev_roberts,
    smallest_p,
)

Pairs = list[tuple[tuple[int, int], tuple[int, int]]]
A, B = [3, 3, 2, 1, 3, 0, 2, 3], [3, 2, 2, 0, 1, 0, 2, 2]
D1: Pairs = [((a, 3), (b, 3)) for a, b in zip(A, B, strict=True)]
D2: Pairs = [((3, 3), (b, 3)) for b in [3] * 8 + [0, 0]]
D3: Pairs = [((a, 10), (b, 3)) for a, b in zip([10, 9, 5, 0], [3, 2, 0, 0], strict=True)]
GAPS = task_gaps(D1)


def test_difference_of_d1() -> None:
    found = difference(D1)
    assert found.mean == pytest.approx(-0.2083333333, abs=1e-10)
    assert found.interval == pytest.approx((-0.4156731569, -0.0009935098), abs=1e-9)
    assert found.p == pytest.approx(0.0491737142, abs=1e-9)
    assert found.p / 2 == pytest.approx(0.0245868571, abs=1e-9)
    assert "paired" in found.method


def test_standard_errors_of_d1() -> None:
    assert standard_error(GAPS) == pytest.approx(0.0876840468, abs=1e-10)
    assert standard_error(GAPS) * sqrt(7 / 8) == pytest.approx(0.0820209154, abs=1e-10)
    assert clustered_se([pair[0] for pair in D1]) == pytest.approx(0.1326993858, abs=1e-10)
    assert clustered_se([pair[0] for pair in D1]) * sqrt(7 / 8) == pytest.approx(0.1241289092, abs=1e-10)
    assert suite_error(D1) == pytest.approx(0.1178511302, abs=1e-10)


def test_students_critical_value() -> None:
    low, high = paired_t(GAPS).interval or (0, 0)
    assert (high - low) / 2 / standard_error(GAPS) == pytest.approx(2.3646242516, abs=1e-9)


def test_a_single_trial_has_no_suite_error() -> None:
    assert suite_error([((1, 1), (0, 1))]) is None


@pytest.mark.parametrize(
    ("pairs", "lower", "mid"), [(D1, 73 / 1000, 0.043), (D2, 1 / 400, 0.00125), (D3, 0.1016675632, 0.0545992469)]
)
def test_exact_stratified(pairs: Pairs, lower: float, mid: float) -> None:
    found = exact(pairs)
    assert found.lower == pytest.approx(lower, abs=1e-10)
    assert found.mid_lower == pytest.approx(mid, abs=1e-10)


def test_exact_stratified_point() -> None:
    assert exact(D1).point == pytest.approx(0.06, abs=1e-12)


def test_paired_t_sees_d2_later_than_the_exact_test() -> None:
    assert (paired_t(task_gaps(D2)).p or 0) / 2 == pytest.approx(0.0839, abs=5e-5)


def test_strata_all_passed_or_all_failed_drop_out() -> None:
    more = exact([*D1, ((3, 3), (3, 3)), ((0, 3), (0, 3))])
    assert (more.lower, more.point) == pytest.approx((exact(D1).lower, exact(D1).point), abs=1e-12)


def test_nothing_that_tells() -> None:
    found = exact([((3, 3), (3, 3))])
    assert (found.lower, found.point, found.mid_two_sided) == (1.0, 1.0, 1.0)


COUNTS = st.integers(1, 5).flatmap(lambda k: st.tuples(st.integers(0, k), st.just(k)))


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=4))
def test_exact_is_the_same_as_counting_every_split(pairs: Pairs) -> None:
    ways: dict[int, int] = {}
    tables = [
        [(y, comb(kb, y) * comb(ka, a + b - y)) for y in range(max(0, a + b - ka), min(kb, a + b) + 1)]
        for (a, ka), (b, kb) in pairs
    ]
    for choice in product(*tables):
        count = 1
        for _, many in choice:
            count *= many
        passes = sum(y for y, _ in choice)
        ways[passes] = ways.get(passes, 0) + count
    seen, total = sum(b for _, (b, _) in pairs), sum(ways.values())
    found = exact(pairs)
    assert found.lower == pytest.approx(sum(count for y, count in ways.items() if y <= seen) / total, abs=1e-9)
    assert found.point == pytest.approx(ways[seen] / total, abs=1e-9)


def test_sign_flips_of_d1() -> None:
    assert sign_flip(GAPS) == pytest.approx((1 / 16, 1 / 8))


def test_too_many_tasks_to_flip() -> None:
    with pytest.raises(ValueError, match="17 tasks"):
        sign_flip([0.1] * 17)


def test_mcnemar_is_the_exact_test_of_single_pairs() -> None:
    pairs: Pairs = [((1, 1), (0, 1))] * 6 + [((0, 1), (1, 1))]
    assert exact(pairs).two_sided == pytest.approx(0.125)
    assert exact(pairs).mid_two_sided == pytest.approx(0.0703125)


def test_dirichlet_on_d1() -> None:
    posterior = Dirichlet([value / 3 for value in range(-3, 4)], GAPS)
    assert posterior.mean == pytest.approx(-5 / 27, abs=1e-12)
    assert posterior.sd == pytest.approx(0.1007516334, abs=1e-10)
    assert posterior.interval() == pytest.approx((-0.3792, 0.0252), abs=5e-4)
    assert posterior.below(0.0) == pytest.approx(0.9643, abs=2e-4)


@pytest.mark.parametrize("passes", [(0, 0), (3, 3), (3, 0), (0, 3), (2, 2), (2, 1)])
@pytest.mark.parametrize("tasks", [2, 20])
def test_tasks_that_differ_alike_get_an_interval_with_width(passes: tuple[int, int], tasks: int) -> None:
    found = difference([((passes[0], 3), (passes[1], 3))] * tasks)
    assert found.interval is not None
    low, high = found.interval
    assert "Dirichlet" in found.method
    assert -1 <= low < high <= 1
    assert low - 1e-3 <= found.mean <= high + 1e-3


def test_one_task_says_nothing_about_others() -> None:
    assert difference([((3, 3), (0, 3))]).interval is None


def test_holm_and_benjamini_hochberg() -> None:
    chances = [0.001, 0.008, 0.012, 0.04, 0.2, 0.6]
    assert holm(chances) == pytest.approx([0.006, 0.04, 0.048, 0.12, 0.4, 0.6])
    assert benjamini_hochberg(chances) == pytest.approx([0.006, 0.024, 0.024, 0.06, 0.24, 0.6])
    assert holm(chances[::-1]) == pytest.approx(holm(chances)[::-1])
    assert benjamini_hochberg(chances[::-1]) == pytest.approx(benjamini_hochberg(chances)[::-1])
    assert holm([]) == benjamini_hochberg([]) == []


def test_power_and_smallest_detectable_difference() -> None:
    assert power(0.15, sqrt(1 / 9), 20) == pytest.approx(0.6160757908, abs=1e-9)
    found = [mde(tasks, trials) for tasks, trials in ((12, 3), (20, 3), (20, 5), (30, 5))]
    assert found == pytest.approx([0.255, 0.192, 0.149, 0.120], abs=6e-4)


@pytest.mark.parametrize(("pair", "expected"), [((3, 1), 20 / 11), ((2, 2), 10 / 11), ((3, 3), 1.0)])
def test_e_value_of_one_task(pair: tuple[int, int], expected: float) -> None:
    assert e_value([((pair[0], 3), (pair[1], 3))]) == pytest.approx(expected, abs=1e-12)


def test_e_value_and_detector_of_d1() -> None:
    # Exact fraction: 3.56178868576. The detector's vector below follows from it, not from 3.5617886758.
    assert e_value(D1) == pytest.approx(3.5617886858, abs=1e-9)
    assert shiryaev_roberts([e_value(D1)] * 3)[-1] == pytest.approx(61.4341847664, abs=1e-8)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=2), st.data())
def test_an_e_value_expects_one_while_nothing_changed(sizes: list[tuple[int, int]], data: st.DataObject) -> None:
    expected = 1.0
    for ka, kb in sizes:
        t = data.draw(st.integers(0, ka + kb))
        splits = range(max(0, t - ka), min(kb, t) + 1)
        expected *= sum(
            comb(kb, y) * comb(ka, t - y) / comb(ka + kb, t) * e_value([((t - y, ka), (y, kb))]) for y in splits
        )
    assert expected == pytest.approx(1.0, abs=1e-9)


def test_smallest_p_of_three_trials_is_one_in_twenty() -> None:
    assert smallest_p(3, 3) == 1 / 20


def test_pareto_front() -> None:
    points = {"a": (0.60, 1.0), "b": (0.70, 2.0), "c": (0.68, 3.0), "d": (0.80, 8.0), "e": (0.60, 0.9)}
    assert front(points) == ["e", "b", "d"]


def test_suite_reliability() -> None:
    cells = [(5, passes) for passes in (5, 3, 1, 0)]
    assert sum(pass_at_k(n, c, 1) for n, c in cells) / 4 == Fraction(9, 20)
    assert sum(pass_at_k(n, c, 3) for n, c in cells) / 4 == Fraction(13, 20)
    assert sum(pass_hat_k(n, c, 3) for n, c in cells) / 4 == Fraction(11, 40)
    assert g_pass_at_k(8, 5, 4, Fraction(3, 4)) == Fraction(1, 2)
