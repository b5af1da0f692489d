"""What an agent's own doing takes down is scored; what infrastructure takes down is not."""

from __future__ import annotations

from pathlib import Path

from flat import Lab, task

from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import Assignment, Metered, Solved
from harness.core.records import Cost, Usage
from harness.core.runs import Arm, AttemptLine, PlannedTask, RunManifest
from harness.run.plan import plan
from harness.run.solve import Door, Trial, solve
from harness.store.evidence import load_evidence
from harness.store.layout import RunFolder

ARM = Arm(name="a", driver="messages", model="m", prompt="p", prompt_digest="p", digest="a")
TASK = PlannedTask(id="t", digest="t", toolchain="python", toolchain_digest="w")


class Raises:
    """An agent in whose sandbox something gives way."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure

    def solve(self, assignment: Assignment) -> Solved:
        raise self.failure


def attempt(tmp_path: Path, failure: Failure) -> tuple[RunFolder, AttemptLine]:
    manifest = RunManifest(
        run="r",
        created="2026-01-01T00:00:00Z",
        order_seed=0,
        sandbox="none",
        price_date="2026-01-01",
        kickoff_digest="k",
        arms=(ARM,),
        tasks=(TASK,),
        trials=plan((ARM,), (TASK,), 1, 0),
    )
    folder = RunFolder.create(tmp_path, manifest)
    door = Door("", "", lambda: Metered(Usage(), Cost(), 0), lambda: None)
    trial = Trial(manifest.trials[0], ARM, task(), {}, "", Raises(failure), Lab(), lambda *_: door)  # type: ignore[arg-type]
    return folder, solve(trial, folder, 1)


def test_memory_that_the_agent_took_is_its_limit(tmp_path: Path) -> None:
    folder, line = attempt(tmp_path, LimitReached("memory", "went over 2000 MB"))
    assert line.validity.valid
    assert str(line.ended) == "limit(memory)"
    evidence = load_evidence(folder, line.trial, 1)
    assert evidence.changes == ()
    assert evidence.flags == ("workspace-lost",)
    assert evidence.history is not None
    assert evidence.history.commits == ()
    assert evidence.witness is None


def test_a_sandbox_that_broke_by_itself_is_no_score(tmp_path: Path) -> None:
    _, line = attempt(tmp_path, Failure(Cause.SANDBOX, "the sandbox has ended"))
    assert line.validity.cause is Cause.SANDBOX
    assert line.sealed == ""
