"""Graders at once where their needs allow, and a stored verdict reached again."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import flat
import pytest
from small_disk import fill, small_disk
from stand_task import case, stand_task

from harness.core.errors import Cause, Failure, UsageError
from harness.core.ports import Case, Lab, Snapshot
from harness.core.records import CheckResult, Ended, EndedKind, Evidence, Grade, Outcome, Phase, Tree, Validity
from harness.core.runs import Arm, AttemptLine, PlannedTask, PlannedTrial, RunManifest, VerdictLine
from harness.run.grade import Bench, grade_attempt, judge
from harness.run.plan import Action, Current, owed
from harness.run.verify import differences, find, verify
from harness.store import journal
from harness.store.evidence import load_grades, save_evidence
from harness.store.journal import EventLog, Journal
from harness.store.layout import RunFolder

TRIAL = "a" * 16


class Timed:
    """A grader that notes when it ran; its answer depends on the seed and on what it needs."""

    version = "1"

    def __init__(self, name: str, spans: dict[str, tuple[float, float]], needs: tuple[str, ...] = ()) -> None:
        self.name = name
        self.needs = needs
        self.spans = spans
        self.alone = False
        self.meets: threading.Barrier | None = None
        self.problem: Exception | None = None
        self.answer = Outcome.PASS

    def grade(self, case: Case) -> Grade:
        began = time.monotonic()
        if self.meets is not None:
            self.meets.wait(5)
        if self.problem is not None:
            raise self.problem
        assert set(self.needs) <= set(case.grades)
        time.sleep(0.02)
        self.spans[self.name] = (began, time.monotonic())
        check = CheckResult(id=f"{self.name}:one", outcome=self.answer, reason=case.seed, phase=Phase.FAIL_TO_PASS)
        return Grade(grader=self.name, version="1", digest="", checks=(check,))


def bench(*graders: Timed) -> Bench:
    return Bench({grader.name: grader for grader in graders}, "the graders", cast(Lab, flat.Lab()))


def evidence() -> Evidence:
    return case(stand_task(), None).evidence


def test_graders_that_need_nothing_run_at_once() -> None:
    spans: dict[str, tuple[float, float]] = {}
    first, second = Timed("first", spans), Timed("second", spans)
    first.meets = second.meets = threading.Barrier(2)
    third = Timed("third", spans, ("first", "second"))
    grades = judge(stand_task(), evidence(), bench(third, first, second), "s")
    assert set(grades) == {"first", "second", "third"}
    assert spans["third"][0] >= max(spans["first"][1], spans["second"][1])
    assert {grade.digest for grade in grades.values()} == {"the graders"}


def test_a_grader_that_measures_time_runs_alone() -> None:
    spans: dict[str, tuple[float, float]] = {}
    graders = [Timed(name, spans) for name in ("a", "b", "c")]
    graders[1].alone = True
    judge(stand_task(), evidence(), bench(*graders), "s")
    began, ended = spans["b"]
    assert all(other[1] <= began or other[0] >= ended for name, other in spans.items() if name != "b")


@pytest.mark.parametrize(
    ("problem", "cause"), [(Failure(Cause.SANDBOX, "gone"), Cause.SANDBOX), (ValueError("ours"), Cause.GRADER)]
)
def test_a_grader_that_breaks_makes_the_judging_fail_by_its_cause(problem: Exception, cause: Cause) -> None:
    broken, fine = Timed("broken", {}), Timed("fine", {})
    broken.problem = problem
    with pytest.raises(Failure) as caught:
        judge(stand_task(), evidence(), bench(fine, broken, Timed("after", {}, ("broken",))), "s")
    assert caught.value.cause is cause


# --- a run on disk -----------------------------------------------------------------------------------------------


def run_folder(root: Path) -> RunFolder:
    arm = Arm(name="oracle", driver="messages", model="reference/oracle", prompt="p", prompt_digest="p", digest="a")
    manifest = RunManifest(
        run="one",
        created="2026-01-01T00:00:00Z",
        order_seed=0,
        sandbox="bubblewrap",
        price_date="2026-01-01",
        kickoff_digest="k",
        arms=(arm,),
        tasks=(PlannedTask(id="stand", digest="digest", toolchain="python-fastapi", toolchain_digest="t"),),
        trials=(PlannedTrial(trial=TRIAL, arm="oracle", task="stand", repeat=1),),
    )
    folder = RunFolder.create(root, manifest)
    with EventLog(folder.attempt_dir(TRIAL, 1) / "events.jsonl"):
        pass
    tree = Tree.of({"app/main.py": "X = 1\n"})
    snapshot = Snapshot(tree.entries, {entry.sha256: tree.blob(entry.sha256) for entry in tree.entries.values()})
    ended = Ended(kind=EndedKind.FINISHED)
    sealed = save_evidence(
        folder, TRIAL, 1, base=tree, snapshot=snapshot, history=None, witness=None, reply="", ended=ended
    )
    with Journal(folder.journal) as lines:
        lines.append(AttemptLine(trial=TRIAL, attempt=1, ended=ended, validity=Validity(), sealed=sealed))
    return folder


def judged(folder: RunFolder, on: Bench) -> VerdictLine:
    stored = grade_attempt(stand_task(), folder, TRIAL, 1, on)
    with Journal(folder.journal) as lines:
        lines.append(stored._replace(validity=Validity(), graders={"one": on.digest}))
    return stored


def test_a_stored_verdict_is_reached_again_with_its_seed(tmp_path: Path) -> None:
    folder, grader = run_folder(tmp_path), Timed("one", {})
    stored = judged(folder, bench(grader))
    assert len(stored.seed) == 32
    planned, line = find(folder, TRIAL[:4])
    found = verify(stand_task(), folder, line, bench(grader))
    assert found.same, found.differences
    assert (planned.trial, found.seed, found.checks, found.notes) == (TRIAL, stored.seed, 1, ())
    assert "all as stored" in found.text()


def test_another_answer_and_other_graders_are_told(tmp_path: Path) -> None:
    folder, grader = run_folder(tmp_path), Timed("one", {})
    judged(folder, bench(grader))
    _, line = find(folder, TRIAL)
    grader.answer = Outcome.FAIL
    other = bench(grader)
    found = verify(stand_task(), folder, line, Bench(other.graders, "new graders", other.lab))
    assert not found.same
    assert "one:one: stored pass" in found.differences[0]
    assert found.notes == ("the graders are other ones than then",)


def test_an_answer_that_is_only_advice_is_compared_too() -> None:
    def given(outcome: Outcome) -> dict[str, Grade]:
        advice = (CheckResult(id="stage:boots", outcome=outcome),)
        return {"g": Grade(grader="g", version="1", digest="", checks=(), advisory=advice)}

    assert list(differences(given(Outcome.PASS), given(Outcome.PASS))) == []
    said = "  g advice stage:boots: stored pass, now fail"
    assert list(differences(given(Outcome.PASS), given(Outcome.FAIL))) == [said]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("solved", True, "True, now False"),
        ("clauses", {"C-01": 1.0}, "{'C-01': 1.0}, now {}"),
        ("failed", ("one:one",), "('one:one',), now ()"),
        ("status", "YES", "YES, now None"),
        ("obedience", (2, 4), "1/2, now None"),
        ("rules", "P1=1/1", "P1=1/1, now "),
    ],
)
def test_a_verdict_that_its_grades_do_not_say_is_a_difference(
    tmp_path: Path, name: str, value: object, said: str
) -> None:
    folder, grader = run_folder(tmp_path), Timed("one", {})
    judged(folder, bench(grader))
    _, line = find(folder, TRIAL)
    found = verify(stand_task(), folder, line._replace(**{name: value}), bench(grader))
    assert found.differences == (f"  verdict {name}: stored {said}",)


def test_another_task_than_then_cannot_reach_the_verdict_again(tmp_path: Path) -> None:
    folder, grader = run_folder(tmp_path), Timed("one", {})
    judged(folder, bench(grader))
    _, line = find(folder, TRIAL)
    with pytest.raises(UsageError, match="another one than then"):
        verify(replace(stand_task(), digest="changed"), folder, line, bench(grader))


def test_a_trial_without_a_verdict_cannot_be_reached_again(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    for prefix in (TRIAL, "b"):
        with pytest.raises(UsageError):
            find(folder, prefix)


def test_a_check_that_only_one_side_has_is_a_difference() -> None:
    grade = Grade(grader="g", version="1", digest="", checks=(CheckResult(id="x", outcome=Outcome.PASS),))
    assert list(differences({"g": grade}, {})) == ["  g x: stored pass, now nothing"]


def damage_blob(folder: RunFolder) -> None:
    for path in (folder.root / "blobs").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"damaged")


def damage_seal(folder: RunFolder) -> None:
    path = folder.attempt_dir(TRIAL, 1) / "evidence.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "sealed": "0" * 64}))


def damage_events(folder: RunFolder) -> None:
    (folder.attempt_dir(TRIAL, 1) / "events.jsonl").write_text('{"seq": 1}\nnot json\n{"seq": 2}\n')


def lose_evidence(folder: RunFolder) -> None:
    (folder.attempt_dir(TRIAL, 1) / "evidence.json").unlink()


@pytest.mark.parametrize("damage", [damage_blob, damage_seal, damage_events, lose_evidence])
def test_damaged_evidence_is_invalid_and_no_score(tmp_path: Path, damage: object) -> None:
    folder = run_folder(tmp_path)
    damage(folder)  # type: ignore[operator]
    line = grade_attempt(stand_task(), folder, TRIAL, 1, bench(Timed("one", {})))
    assert line.validity.cause is Cause.HARNESS
    assert not line.accepted


def test_grades_that_cannot_be_kept_are_invalid_and_no_score(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    (folder.attempt_dir(TRIAL, 1) / "grades").write_text("in the way")
    line = grade_attempt(stand_task(), folder, TRIAL, 1, bench(Timed("one", {})))
    assert line.validity.cause is Cause.HARNESS


def left_to_do(folder: RunFolder) -> tuple[Action, int | None]:
    """What `harness resume` would do about the one trial."""
    now = Current({"oracle": "a"}, {"stand": "digest"}, {"python-fastapi": "t"}, {"one": "the graders"})
    [left] = owed(folder.manifest, journal.read(folder.journal)[0], now)
    return left.action, left.attempt


def test_grades_on_a_full_disk_end_the_command_and_are_kept_once_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "results") as results:
        folder, grader = run_folder(results), Timed("one", {})
        filler = fill(results)
        with pytest.raises(UsageError) as caught:
            grade_attempt(stand_task(), folder, TRIAL, 1, bench(grader))
        assert os.strerror(errno.ENOSPC) in caught.value.message
        assert "grades" in caught.value.where
        assert "harness resume" in caught.value.mend
        assert load_grades(folder, TRIAL, 1) == {}
        assert left_to_do(folder) == (Action.REGRADE, 1)
        filler.unlink()
        judged(folder, bench(grader))
        assert load_grades(folder, TRIAL, 1)["one"].checks[0].outcome is Outcome.PASS
        assert left_to_do(folder) == (Action.REUSE, 1)
