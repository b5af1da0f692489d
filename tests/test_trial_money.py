"""A trial's cap on money holds over all its attempts: retried, resumed after a kill, broken by the provider or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import anthropic
import pytest
from chaos.accounts import journal as read_lines
from chaos.disturb import descendants
from chaos.upstream import play
from chaos.world import build
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gateway import FAST, Bench, ScriptedUpstream, Turn, bench, gateways, upstream
from test_resume import begin, done, gated, gone, options, resume

from harness.core.deadline import Deadline
from harness.core.errors import Cause
from harness.core.records import Limits, Usage
from harness.gateway import Gateway, PriceTable, Upstream
from harness.gateway.meter import Account, OverLimit, Purse, micro
from harness.models.serve import PlayerServer

__all__ = ["bench", "gateways", "upstream"]

HAIKU = "claude-haiku-5-5"


CALL = st.tuples(
    st.sampled_from([300, 300, 100, 7]),
    st.sampled_from([0, 0, 33, 100]),
    st.sampled_from([100, 100, 50, 0]),
    st.sampled_from(["broken", "broken", "broken", "broken", "whole", "harness killed"]),
)
"""Worst case; per cent of it that the answer tells; per cent of the rest that is charged beyond; how it ends."""
ATTEMPT = st.tuples(st.sampled_from("ab"), st.lists(CALL, min_size=1, max_size=6))


class Books:
    """Purses of one harness process after the other, and what the provider really charges."""

    def __init__(self, cap: int, run_cap: int) -> None:
        self.caps = cap, run_cap
        self.charged: dict[str, int] = {"a": 0, "b": 0}
        self.journal: dict[str, int] = {"a": 0, "b": 0}
        self._begin()

    def _begin(self) -> None:
        self.run = Purse(self.caps[1])
        self.run.spent = sum(self.journal.values())
        self.trials = {name: Purse(self.caps[0], self.run) for name in self.journal}
        for name, purse in self.trials.items():
            purse.spent = self.journal[name]

    def attempt(self, trial: str, calls: Sequence[tuple[int, int, int, str]]) -> None:
        own = Purse(self.caps[0], self.trials[trial])
        for worst, told_share, more_share, ends in calls:
            if own.reserve(worst) is not None:
                return
            told = worst * told_share // 100
            beyond = 0 if ends == "whole" else (worst - told) * more_share // 100
            self.charged[trial] += told + beyond
            if ends == "harness killed":
                self.journal[trial] += worst
                self._begin()
                return
            unsettled = worst - told if ends == "broken" else 0
            own.settle(worst, told, unsettled)
            self.journal[trial] += told + unsettled


@settings(deadline=None, max_examples=200)
@given(st.lists(ATTEMPT, min_size=1, max_size=10), st.sampled_from([300, 450, 900, 0]), st.integers(0, 1500))
def test_whatever_breaks_no_trial_and_no_run_is_charged_more_than_its_cap(
    attempts: list[tuple[str, list[tuple[int, int, int, str]]]], cap: int, run_cap: int
) -> None:
    books = Books(cap, run_cap)
    for trial, calls in attempts:
        books.attempt(trial, calls)
        assert max(books.charged.values()) <= cap
        assert sum(books.charged.values()) <= run_cap
        assert books.run.reserved == 0


def test_an_attempt_ends_by_its_own_money_and_is_refused_by_its_trials() -> None:
    run = Purse(None)
    trial = Purse(5000, run)
    first = Account(PriceTable.load(), HAIKU, Limits(usd=0.005), trial, run)
    first.settle(first.reserve(1000, 100), _usage(1000), exact=False)
    assert (trial.spent, trial.unsettled) == (1000, 1500)
    first.settle(first.reserve(1000, 100), _usage(1000))
    with pytest.raises(OverLimit) as caught:
        first.reserve(1000, 100)
    assert caught.value.owner == "trial", "what a broken call may have cost is no spending of the agent's"
    with pytest.raises(OverLimit) as caught:
        first.reserve(2000, 0)
    assert caught.value.owner == "attempt"
    second = Account(PriceTable.load(), HAIKU, Limits(usd=0.005), trial, run)
    with pytest.raises(OverLimit, match="of the trial's 5000, 2000 are spent and 1500 reserved"):
        second.reserve(1000, 100)


def _usage(tokens: int) -> Usage:
    return Usage(input=tokens)


def test_a_retried_trial_spends_from_the_same_cap(bench: Callable[..., Bench]) -> None:
    cap = 0.003
    with Gateway(PriceTable.load(), spent={"old": micro(cap)}, patience=FAST) as gateway:
        one = bench(gateway=gateway)
        one.upstream.script = [Turn(usage={"input_tokens": 2500, "output_tokens": 0})]
        first = _admit(gateway, one.upstream, "t", cap)
        first.create()
        assert gateway.close_admission(first.token).cost.micro_usd == 2500
        again = _admit(gateway, one.upstream, "t", cap)
        other = _admit(gateway, one.upstream, "u", cap)
        old = _admit(gateway, one.upstream, "old", cap)
        other.create()
        for refused in (again, old):
            with pytest.raises(anthropic.BadRequestError):
                refused.create()
            problem = gateway.problem(refused.token)
            assert problem is not None
            assert (problem.cause, "the trial's budget is spent" in problem.message) == (Cause.CANCELLED, True)
        assert len(one.upstream.seen) == 2
        assert not gateway.budget_spent()


def _admit(gateway: Gateway, to: ScriptedUpstream, trial: str, usd: float) -> Bench:
    deadline = Deadline(60.0)
    limits = Limits(usd=usd)
    admission = gateway.admit(
        upstream=Upstream(to.url, "sk-none"),
        model=HAIKU,
        limits=limits,
        deadline=deadline,
        record=lambda *_: None,
        name=trial,
    )
    return Bench(gateway, to, admission, deadline, [])


@pytest.mark.sandbox
@pytest.mark.slow
def test_what_a_killed_attempt_may_have_cost_counts_for_its_trial_after_resume(tmp_path: Path) -> None:
    world = build(tmp_path, ("right",))
    cap = 0.9
    asked = [*options(world), "--limits", f"usd={cap}"]
    with gated(2) as (url, gate), begin(world, url, asked) as process:
        assert gate.held.wait(120)
        family = {each.process for each in descendants(process.pid)}
        process.kill()
        process.communicate()
        gate.open()
        assert gone(family)
    with PlayerServer() as server:
        code, out, err = done(world, play(server), resume(world))
    assert code == 3, out + err
    lines = read_lines(world.run)
    assert [line["validity"]["cause"] for line in lines] == ["cancelled", "cancelled"]
    assert "the trial's budget is spent" in lines[1]["validity"]["detail"]
    assert lines[1]["cost"]["micro_usd"] == 0
    spent = sum(line["cost"]["micro_usd"] + line["unsettled_micro_usd"] for line in lines)
    assert 0 < spent <= micro(cap)
