"""The run-wide limit: never passed, halved once a burst, raised a round at a time, never below one."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from harness.gateway.throttle import Throttle


def fill(throttle: Throttle, most: int = 100) -> int:
    """Enter until there is no room; how many went in."""
    return next((count for count in range(most) if not throttle.enter()), most)


def test_without_a_refusal_there_is_no_limit() -> None:
    throttle = Throttle()
    assert fill(throttle) == 100
    assert not throttle.answered()
    assert throttle.limit is None


def test_a_burst_of_refusals_halves_once() -> None:
    throttle = Throttle()
    begun = time.monotonic()
    for _ in range(8):
        throttle.enter()
    assert throttle.refused(begun)
    assert not any(throttle.refused(begun) for _ in range(7))
    assert throttle.limit == 4
    for _ in range(8):
        throttle.leave()
    assert fill(throttle) == 4
    assert throttle.refused(time.monotonic())
    assert throttle.limit == 2


def test_a_round_of_answers_lets_one_more_in() -> None:
    throttle = Throttle()
    throttle.limit = 3
    assert [throttle.answered() for _ in range(7)] == [False, False, True, False, False, False, True]
    assert throttle.limit == 5


@given(st.lists(st.sampled_from(["enter", "leave", "refused", "answered"]), max_size=80))
def test_nobody_enters_past_the_limit_and_one_call_always_may(steps: list[str]) -> None:
    throttle, under_way = Throttle(), 0
    for step in steps:
        if step == "enter":
            limit = throttle.limit
            if throttle.enter():
                assert limit is None or under_way < limit
                under_way += 1
        elif step == "leave" and under_way:
            throttle.leave()
            under_way -= 1
        elif step == "refused":
            throttle.refused(time.monotonic())
        elif step == "answered":
            throttle.answered()
        assert throttle.limit is None or throttle.limit >= 1
    for _ in range(under_way):
        throttle.leave()
    assert throttle.enter()
