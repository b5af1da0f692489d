"""The plan: whole, fair in its order, the same everywhere; and what is owed of it afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import Cause, UsageError
from harness.core.records import Validity
from harness.core.runs import Arm, AttemptLine, JournalLine, PlannedTask, RunManifest, VerdictLine
from harness.run.plan import Action, Current, owed, plan, trial_key

NAMES = st.lists(st.text("abcdef", min_size=1, max_size=6), min_size=1, max_size=4, unique=True)


def arm(name: str) -> Arm:
    return Arm(name=name, driver="messages", model="m", prompt="p", prompt_digest="d", digest=f"arm {name}")


def task(name: str) -> PlannedTask:
    return PlannedTask(id=name, digest=f"task {name}", toolchain="python", toolchain_digest="wheels")


@given(arms=NAMES, tasks=NAMES, repeats=st.integers(1, 4), seed=st.integers())
def test_every_trial_once_and_arms_side_by_side(arms: list[str], tasks: list[str], repeats: int, seed: int) -> None:
    trials = plan([arm(name) for name in arms], [task(name) for name in tasks], repeats, seed)
    cells = Counter((trial.arm, trial.task, trial.repeat) for trial in trials)
    assert cells == Counter((a, t, r) for a in arms for t in tasks for r in range(1, repeats + 1))
    assert len({trial.trial for trial in trials}) == len(trials)
    for start in range(0, len(trials), len(arms)):
        block = trials[start : start + len(arms)]
        assert {trial.arm for trial in block} == set(arms)
        assert len({(trial.task, trial.repeat) for trial in block}) == 1


@given(arms=NAMES, tasks=NAMES, seed=st.integers(), data=st.data())
def test_the_order_depends_on_the_seed_alone(arms: list[str], tasks: list[str], seed: int, data: st.DataObject) -> None:
    first = plan([arm(name) for name in arms], [task(name) for name in tasks], 2, seed)
    shuffled_arms, shuffled_tasks = data.draw(st.permutations(arms)), data.draw(st.permutations(tasks))
    assert plan([arm(name) for name in shuffled_arms], [task(name) for name in shuffled_tasks], 2, seed) == first


def test_seeds_give_different_orders_and_no_arm_always_comes_first() -> None:
    arms, tasks = [arm("a"), arm("b")], [task(name) for name in "uvwxyz"]
    orders = [plan(arms, tasks, 3, seed) for seed in range(5)]
    assert len(set(orders)) == 5
    for order in orders:
        assert {trial.arm for trial in order[::2]} == {"a", "b"}


PARTS = st.tuples(st.text(max_size=3), st.text(max_size=3), st.text(max_size=3), st.integers(1, 3))


@given(one=PARTS, other=PARTS)
def test_a_key_changes_exactly_with_what_is_measured(
    one: tuple[str, str, str, int], other: tuple[str, str, str, int]
) -> None:
    assert (trial_key(*one) == trial_key(*other)) == (one == other)
    assert len(trial_key(*one)) == 16


def test_names_alone_do_not_change_a_key() -> None:
    (before,) = plan([arm("a")], [task("t")], 1, 1)
    (after,) = plan([arm("a").model_copy(update={"name": "b"})], [task("t")], 1, 2)
    assert before.trial == after.trial


@pytest.mark.parametrize(
    ("arms", "tasks", "repeats", "expected"),
    [
        (["a"], ["t"], 0, "0 repeats"),
        ([], ["t"], 1, "no arm to plan"),
        (["a"], [], 1, "no task to plan"),
        (["a", "a"], ["t"], 1, "arms with the same name: a, a"),
        (["a"], ["t", "t"], 1, "tasks with the same name: t, t"),
    ],
)
def test_a_plan_without_sense_is_refused(arms: list[str], tasks: list[str], repeats: int, expected: str) -> None:
    with pytest.raises(UsageError, match=expected) as caught:
        plan([arm(name) for name in arms], [task(name) for name in tasks], repeats, 1)
    assert caught.value.mend


def test_one_agent_under_two_names_is_refused() -> None:
    twin = arm("a").model_copy(update={"name": "b"})
    with pytest.raises(UsageError, match="arms with the same digest: a, b"):
        plan([arm("a"), twin], [task("t")], 1, 1)


# --- what is owed ------------------------------------------------------------------------------------------------

(TRIAL,) = plan([arm("a")], [task("t")], 1, 1)
MANIFEST = RunManifest(
    run="r",
    created="2026-01-01T00:00:00Z",
    order_seed=1,
    sandbox="docker",
    price_date="2026-01-01",
    kickoff_digest="k",
    arms=(arm("a"),),
    tasks=(task("t"),),
    trials=(TRIAL,),
)
CURRENT = Current(
    arms={"a": "arm a", "b": "other"},
    tasks={"t": "task t"},
    toolchains={"python": "wheels"},
    graders={"tests_passing": "1", "truthfulness": "2"},
)


def tried(attempt: int = 1, cause: Cause | None = None) -> AttemptLine:
    return AttemptLine(trial=TRIAL.trial, attempt=attempt, ended=None, validity=Validity(cause=cause))


def judged(attempt: int = 1, cause: Cause | None = None, **graders: str) -> VerdictLine:
    return VerdictLine(
        trial=TRIAL.trial,
        attempt=attempt,
        validity=Validity(cause=cause),
        graders=graders or dict(CURRENT.graders),
    )


@pytest.mark.parametrize(
    ("lines", "action", "why", "attempt"),
    [
        ([], "rerun", "not run yet", None),
        ([judged()], "rerun", "not run yet", None),
        ([tried(cause=Cause.SANDBOX)], "rerun", "attempt 1 was invalid:sandbox", None),
        ([tried(), tried(2, Cause.CANCELLED), judged()], "rerun", "attempt 2 was invalid:cancelled", None),
        ([tried()], "regrade", "not graded yet", 1),
        ([tried(cause=Cause.SANDBOX), tried(2), judged(1)], "regrade", "not graded yet", 2),
        ([tried(), judged(cause=Cause.GRADER)], "regrade", "its verdict was invalid:grader", 1),
        ([tried(), judged(tests_passing="0", truthfulness="2")], "regrade", "graders changed: tests_passing", 1),
        ([tried(), judged(tests_passing="1")], "regrade", "graders changed: truthfulness", 1),
        ([tried(), judged(cause=Cause.GRADER), judged()], "reuse", "unchanged", 1),
        ([tried(), judged()], "reuse", "unchanged", 1),
    ],
)
def test_what_is_owed_and_why(lines: list[JournalLine], action: str, why: str, attempt: int | None) -> None:
    (found,) = owed(MANIFEST, lines, CURRENT)
    assert (found.planned, found.action, found.why, found.attempt) == (TRIAL, Action(action), why, attempt)


@pytest.mark.parametrize(
    ("current", "why"),
    [
        (replace(CURRENT, arms={"a": "new"}), "arm a changed"),
        (replace(CURRENT, arms={}), "arm a changed"),
        (replace(CURRENT, tasks={"t": "new"}), "task t changed"),
        (replace(CURRENT, toolchains={"python": "new"}), "toolchain python changed"),
    ],
)
def test_what_changed_since_the_plan_is_run_again(current: Current, why: str) -> None:
    (found,) = owed(MANIFEST, [tried(), judged()], current)
    assert (found.action, found.why, found.attempt) == (Action.RERUN, why, None)


def test_a_valid_attempt_that_was_not_accepted_is_never_run_again() -> None:
    (found,) = owed(MANIFEST, [tried(), judged()], CURRENT)
    assert found.action is Action.REUSE
