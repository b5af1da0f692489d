"""A session: what is tried again and what is not, how often, and what stops it from starting more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flat import Agent, Lab, task

from harness.core.errors import POLICY, Cause, Failure
from harness.core.ports import Address, Assignment, Case, Metered, Solved
from harness.core.records import Cost, Ended, EndedKind, Grade, Usage
from harness.core.runs import Arm, AttemptLine, JournalLine, PlannedTask, RunManifest, VerdictLine
from harness.run import session as sessions
from harness.run.grade import Bench
from harness.run.plan import Action, Owed, plan
from harness.run.session import IN_A_ROW, SANDBOXES, SANDBOXES_IN_A_ROW, Brake, Session
from harness.run.solve import Door, Trial
from harness.store.layout import RunFolder

ARM = Arm(name="a", driver="messages", model="m", prompt="p", prompt_digest="p", digest="a")
TASK = PlannedTask(id="t", digest="t", toolchain="python", toolchain_digest="w")


class Fails:
    """An agent that fails by a cause so many times, then works."""

    def __init__(self, cause: Cause | None, times: int = 99, ended: Ended | None = None) -> None:
        self.cause, self.times, self.calls = cause, times, 0
        self.ended = ended

    def solve(self, assignment: Assignment) -> Solved:
        self.calls += 1
        if self.cause is not None and self.calls <= self.times:
            raise Failure(self.cause, "as told")
        return Solved(self.ended, "") if self.ended is not None else Agent().solve(assignment)


class Grader:
    """A grader that fails by a cause so many times, then judges nothing."""

    version, needs = "1", ()

    def __init__(self, cause: Cause, times: int) -> None:
        self.cause, self.times, self.calls = cause, times, 0

    def grade(self, case: Case) -> Grade:
        self.calls += 1
        if self.calls <= self.times:
            raise Failure(self.cause, "as told")
        return Grade(grader="g", version="1", digest="", checks=())


class Clock(threading.Event):
    """A stop that nobody presses; notes how long it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.pauses.append(timeout)
        return self.is_set()


Make = Callable[..., tuple[Session, tuple[Owed, ...]]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def session(
        agent: Any,
        trials: int = 1,
        graders: dict[str, Any] | None = None,
        lab: Any = None,
        attempts: int = 2,
        **more: Any,
    ) -> Any:
        manifest = RunManifest(
            run="r",
            created="2026-01-01T00:00:00Z",
            order_seed=0,
            sandbox="none",
            price_date="2026-01-01",
            kickoff_digest="k",
            arms=(ARM,),
            tasks=(TASK,),
            trials=plan((ARM,), (TASK,), trials, 0),
            attempts=attempts,
        )
        door = Door("", "", lambda: Metered(Usage(), Cost(), 0), lambda: None)

        def trial(owed: Owed) -> Trial:
            return Trial(owed.planned, ARM, task(), {}, "", agent, lab or Lab(), lambda *_: door)  # type: ignore[arg-type]

        folder = RunFolder.create(tmp_path, manifest)
        made = Session(folder, Bench(graders or {}, "d", Lab()), trial, **{"stop": Clock(), **more})  # type: ignore[arg-type]
        return made, tuple(Owed(each, Action.RERUN, "", None) for each in manifest.trials)

    return session


def lines_of(made: Session, owed: tuple[Owed, ...]) -> list[JournalLine]:
    lines: list[JournalLine] = []
    for each in owed:
        made.work(each, lines.append)
    return lines


@pytest.mark.parametrize("cause", list(Cause))
def test_only_infrastructure_is_tried_again_and_every_attempt_is_kept(make: Make, cause: Cause) -> None:
    made, owed = make(agent := Fails(cause))
    lines = lines_of(made, owed)
    expected = made.folder.manifest.attempts if POLICY[cause].retry else 1
    assert agent.calls == expected
    assert [line.attempt for line in lines] == list(range(1, expected + 1))
    assert {line.validity.cause for line in lines} == {cause}
    assert made.stop.pauses == list(sessions.BACK_OFF_S[: expected - 1])  # type: ignore[attr-defined]
    kept = sorted(path.name for path in (made.folder.root / "trials" / owed[0].planned.trial).iterdir())
    assert kept == [str(number) for number in range(1, expected + 1)]


@pytest.mark.parametrize("cause", [cause for cause in Cause if POLICY[cause].retry])
def test_pauses_grow_to_half_a_minute_and_stay_there(make: Make, cause: Cause) -> None:
    made, owed = make(agent := Fails(cause), attempts=6)
    assert len(lines_of(made, owed)) == agent.calls == 6
    assert made.stop.pauses == [2.0, 10.0, 30.0, 30.0, 30.0]  # type: ignore[attr-defined]


def test_a_retry_that_works_is_the_trial(make: Make) -> None:
    made, owed = make(Fails(Cause.SANDBOX, times=1))
    first, second, verdict = lines_of(made, owed)
    assert (first.validity.cause, second.validity.cause) == (Cause.SANDBOX, None)
    assert isinstance(verdict, VerdictLine)
    assert verdict.attempt == 2


@pytest.mark.parametrize("kind", list(EndedKind))
def test_what_the_agent_caused_is_valid_and_never_tried_again(make: Make, kind: EndedKind) -> None:
    made, owed = make(agent := Fails(None, ended=Ended(kind=kind, detail="as told")))
    attempt, verdict = lines_of(made, owed)
    assert isinstance(attempt, AttemptLine)
    assert attempt.ended == Ended(kind=kind, detail="as told")
    assert (attempt.validity.valid, agent.calls) == (True, 1)
    assert isinstance(verdict, VerdictLine)


@pytest.mark.parametrize("cause", list(Cause))
def test_a_judgement_that_infrastructure_broke_is_made_again_without_an_agent(make: Make, cause: Cause) -> None:
    made, owed = make(agent := Fails(None), graders={"g": (grader := Grader(cause, times=1))})
    lines = lines_of(made, owed)
    again = POLICY[cause].retry
    assert (agent.calls, grader.calls) == (1, 2 if again else 1)
    assert [line.type for line in lines] == ["attempt", "verdict", "verdict"][: 3 if again else 2]
    assert lines[1].validity.cause is cause


def test_a_stop_ends_a_pause_and_starts_no_further_attempt(make: Make) -> None:
    stop = threading.Event()
    made, owed = make(agent := Fails(Cause.SANDBOX), stop=stop)
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    lines_of(made, owed)
    assert (agent.calls, time.monotonic() - began < sessions.BACK_OFF_S[0]) == (1, True)


@pytest.mark.parametrize(("cause", "most"), [(Cause.PROVIDER, IN_A_ROW), (Cause.SANDBOX, SANDBOXES_IN_A_ROW)])
def test_what_fails_in_a_row_is_given_up_and_the_trials_stay_owed(make: Make, cause: Cause, most: int) -> None:
    said: list[str] = []
    made, owed = make(agent := Fails(cause), trials=10, log=lambda event, data: said.append(event))
    lines = lines_of(made, owed)
    assert agent.calls == most * made.folder.manifest.attempts
    assert {line.trial for line in lines} == {each.planned.trial for each in owed[:most]}
    assert (said.count("given up"), said.count("not started")) == (1, 10 - most)


def test_the_brake_counts_by_model_and_forgets_after_a_success() -> None:
    brake = Brake(2)
    assert not brake.note("m", Cause.PROVIDER)
    assert not brake.note("m", None)
    assert not brake.note("m", Cause.PROVIDER)
    assert not brake.note("m", Cause.SANDBOX)
    assert not brake.note("m", Cause.TASK)
    assert not brake.on("m")
    assert brake.note("m", Cause.PROVIDER)
    assert (brake.on("m"), brake.on("another")) == ("m", None)
    assert not brake.note("m", Cause.PROVIDER), "said once"


def test_the_brake_counts_sandboxes_over_all_models() -> None:
    brake = Brake(2, 3)
    assert [brake.note(model, Cause.SANDBOX) for model in ("m", "n", "o")] == [False, False, True]
    assert brake.on("any") == SANDBOXES


def test_nothing_is_started_once_the_budget_is_spent(make: Make) -> None:
    made, owed = make(agent := Fails(None), trials=3, budget_spent=lambda: agent.calls >= 1)
    assert {line.trial for line in lines_of(made, owed)} == {owed[0].planned.trial}


class Gone:
    """A service that went away while the agent worked."""

    def run(self, argv: list[str], **_: object) -> Any:
        raise Failure(Cause.SANDBOX, "the sandbox has ended")


class LabWithService(Lab):
    @contextmanager
    def services(self, names: tuple[str, ...]) -> Iterator[Any]:
        yield {"postgres": (Gone(), Address(port=5432))}


def test_a_service_that_went_away_is_not_the_agents_fault(make: Make) -> None:
    made, owed = make(agent := Fails(None), lab=LabWithService())
    first, second = lines_of(made, owed)
    assert [line.validity.cause for line in (first, second)] == [Cause.SANDBOX] * 2
    assert agent.calls == 2
    assert isinstance(first, AttemptLine)
    assert first.sealed == ""
