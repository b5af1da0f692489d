"""What an agent's own doing takes down is scored; what infrastructure takes down is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flat import Lab, task

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import Assignment, Metered, Solved
from harness.core.records import Cost, Ended, EndedKind, Usage
from harness.core.runs import Arm, AttemptLine, PlannedTask, PlannedTrial, RunManifest
from harness.run.plan import plan
from harness.run.solve import Door, SetUp, Trial, solve
from harness.sandboxes.lab import SandboxLab
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


def folder_of(root: Path) -> tuple[RunFolder, PlannedTrial]:
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
    return RunFolder.create(root, manifest), manifest.trials[0]


def attempt(tmp_path: Path, failure: Failure) -> tuple[RunFolder, AttemptLine]:
    folder, planned = folder_of(tmp_path)
    door = Door("", "", lambda: Metered(Usage(), Cost(), 0), lambda: None)
    trial = Trial(planned, ARM, task(), {}, "", Raises(failure), Lab(), lambda *_: door)  # type: ignore[arg-type]
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


class Asks:
    """An agent that only looks: what the repository says of itself is its reply."""

    LOOK = (
        "git fsck --strict && git diff-index --quiet HEAD && git status --porcelain"
        " && git log --all --format=%H,%an,%cI && git push --porcelain origin main"
        " && git -C /srv/origin.git rev-parse main && git remote -v && ls -A .git"
    )

    def solve(self, assignment: Assignment) -> Solved:
        done = assignment.sandbox.run(["bash", "-c", self.LOOK], cwd="/workspace", deadline=Deadline(30.0))
        return Solved(Ended(kind=EndedKind.FINISHED), f"{done.exit_code} {(done.stdout + done.stderr).decode()}")


@pytest.mark.sandbox
def test_further_attempts_get_the_repository_that_the_first_one_made(
    lab: SandboxLab, toolchain: str, tmp_path: Path
) -> None:
    known = task()
    known = replace(known, file=known.file.model_copy(update={"toolchain": toolchain}))
    seed = {"app/main.py": (b"x = 1\n", False), "run.sh": (b"#!/bin/sh\n", True), ".gitignore": (b"*.pyc\n", False)}
    found, set_up = [], SetUp()
    for number in range(2):
        folder, planned = folder_of(tmp_path / str(number))
        door = Door("", "", lambda: Metered(Usage(), Cost(), 0), lambda: None)
        trial = Trial(planned, ARM, known, seed, "", Asks(), lab, lambda *_, door=door, **__: door, set_up)
        line = solve(trial, folder, 1)
        assert line.validity.valid, line
        evidence = load_evidence(folder, line.trial, 1)
        assert evidence.changes == ()
        assert evidence.history is not None
        assert evidence.history.seed_reachable
        assert evidence.history.commits == ()
        found.append((evidence.reply, evidence.base.entries, evidence.final.digest(), evidence.history))
    assert found[0] == found[1]
    assert found[0][0].startswith("0 "), found[0][0]
