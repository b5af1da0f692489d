"""Validity is not score: every cause and every end, in every table and every exit code."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from itertools import product

import pytest

from harness.core.errors import POLICY, Cause, Failure, UsageError, boundary
from harness.core.records import Cost, Ended, EndedKind, Usage, Validity
from harness.core.runs import Arm, AttemptLine, JournalLine, PlannedTask, PlannedTrial, RunManifest, VerdictLine
from harness.core.scores import trial_results
from harness.report import tables
from harness.run.plan import plan

RETRIED = {Cause.SANDBOX, Cause.PROVIDER}


def manifest(repeats: int = 20) -> RunManifest:
    arms = (Arm(name="a", driver="messages", model="m", prompt="p", prompt_digest="p", digest="a"),)
    tasks = (PlannedTask(id="t", digest="t", toolchain="python", toolchain_digest="w"),)
    return RunManifest(
        run="r",
        created="2026-01-01T00:00:00Z",
        order_seed=0,
        sandbox="bubblewrap",
        price_date="2026-01-01",
        kickoff_digest="k",
        arms=arms,
        tasks=tasks,
        trials=plan(arms, tasks, repeats, 0),
    )


def tried(
    planned: PlannedTrial, cause: Cause | None = None, ended: EndedKind | None = EndedKind.FINISHED, attempt: int = 1
) -> AttemptLine:
    return AttemptLine(
        trial=planned.trial,
        attempt=attempt,
        ended=None if ended is None else Ended(kind=ended),
        validity=Validity(cause=cause),
        usage=Usage(input=10),
        cost=Cost(micro_usd=1_000_000),
    )


def judged(planned: PlannedTrial, cause: Cause | None = None, *, good: bool = True, attempt: int = 1) -> VerdictLine:
    return VerdictLine(
        trial=planned.trial,
        attempt=attempt,
        validity=Validity(cause=cause),
        solved=good,
        truthful=good,
        obeyed=good,
    )


def test_every_cause_has_a_policy_and_no_failure_is_a_score() -> None:
    assert set(POLICY) == set(Cause)
    assert {cause for cause, policy in POLICY.items() if policy.retry} == RETRIED
    assert not any(policy.counts for policy in POLICY.values())
    assert all(policy.owed for policy in POLICY.values())


@pytest.mark.parametrize(("cause", "ended"), list(product([None, *Cause], [None, *EndedKind])))
def test_how_it_ended_never_decides_whether_it_is_valid(cause: Cause | None, ended: EndedKind | None) -> None:
    (planned, *_) = (run := manifest(1)).trials
    (result,) = trial_results(run, [tried(planned, cause, ended), judged(planned)])
    assert result.validity.valid == (cause is None)
    table = tables.summarise(run, [tried(planned, cause, ended), judged(planned)])
    assert (table.valid, table.rows[0].accepted) == ((1, 1) if cause is None else (0, 0))
    assert table.causes == ({} if cause is None else {str(cause): 1})


@pytest.mark.parametrize("place", ["attempt", "verdict"])
@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("form", ["grid", "markdown", "csv", "json"])
def test_every_table_tells_coverage_bounds_and_causes(form: str, cause: Cause, place: str) -> None:
    run = manifest(20)
    lines: list[JournalLine] = [line for planned in run.trials[2:] for line in (tried(planned), judged(planned))]
    for planned in run.trials[:2]:
        lines += [tried(planned, cause if place == "attempt" else None), judged(planned, cause)]
    table = tables.summarise(run, lines)
    text = tables.render(table, form)
    if form == "json":
        data = json.loads(text)
        assert (data["coverage"], data["bounds"], data["causes"]) == (0.9, [0.9, 1.0], {str(cause): 2})
        assert data["rows"][0]["causes"] == {str(cause): 2}
    elif form == "csv":
        (row,) = csv.DictReader(io.StringIO(text))
        told = [row[name] for name in ("coverage", "bounds_low", "bounds_high", "causes")]
        assert told == ["0.9", "0.9", "1.0", f"{cause} 2"]
    else:
        assert "INVALID RUN" in text
        assert "18/20 (90 %)" in text
        assert "90 to 100 %" in text
        assert f"invalid trials: {cause} 2;" in text
    assert tables.exit_code(table) == 3


@pytest.mark.parametrize(("invalid", "code"), [(0, 0), (1, 0), (2, 3), (20, 3)])
def test_a_run_under_95_percent_coverage_is_invalid(invalid: int, code: int) -> None:
    run = manifest(20)
    lines: list[JournalLine] = []
    for index, planned in enumerate(run.trials):
        lines += [tried(planned, Cause.SANDBOX if index < invalid else None), judged(planned)]
    assert tables.exit_code(tables.summarise(run, lines)) == code


def test_every_attempt_is_kept_and_paid_for() -> None:
    (planned, *_) = (run := manifest(1)).trials
    lines: list[JournalLine] = [tried(planned, Cause.PROVIDER), tried(planned, attempt=2), judged(planned, attempt=2)]
    table = tables.summarise(run, lines)
    assert (table.rows[0].cost.usd, table.valid) == (2.0, 1)
    assert "gave way to another one: provider 1; they cost $1.00" in tables.render(table, "grid")


def test_the_money_of_a_superseded_trial_counts_and_its_score_does_not() -> None:
    run = manifest(2)
    old = replace(run.trials[0], trial="0" * 16)
    run = run.model_copy(update={"superseded": (old,)})
    lines: list[JournalLine] = [tried(old), judged(old, good=False)]
    lines += [line for planned in run.trials for line in (tried(planned), judged(planned))]
    table = tables.summarise(run, lines)
    assert (table.rows[0].cost.usd, table.rows[0].accepted, table.planned) == (3.0, 2, 2)
    assert "1 attempts were made before a task" in tables.render(table, "grid")


@pytest.mark.parametrize("cause", list(Cause))
def test_the_boundary_that_raised_decides_and_deeper_ones_win(cause: Cause) -> None:
    with pytest.raises(Failure) as outer, boundary(cause, "doing"):
        raise OSError("provider sandbox grader")
    assert outer.value.cause is cause
    with pytest.raises(Failure) as inner, boundary(Cause.HARNESS, "outside"), boundary(cause, "inside"):
        raise ValueError
    assert inner.value.cause is cause
    with pytest.raises(UsageError), boundary(cause, "doing"):
        raise UsageError("the user's")
