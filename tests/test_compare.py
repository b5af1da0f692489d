"""Two arms held against each other: told apart where they differ, refused where conditions do, never ranked on luck."""

from __future__ import annotations

import contextlib
import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import GRADERS, arm, drawn, journal_lines, manifest, passes, run_of, stored, tasks

from harness.cli import main
from harness.core.errors import Cause
from harness.core.records import Limits
from harness.core.runs import PlannedTrial
from harness.core.transcript import EventKind
from harness.report.demands import demanded_differently
from harness.store.journal import EventLog

A, B = [3, 3, 2, 1, 3, 0, 2, 3], [3, 2, 2, 0, 1, 0, 2, 2]


def harness(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def compared(results: Path, a: str, b: str, *more: object) -> dict:
    code, out, err = harness("compare", a, b, "--results", results, "--format", "json", *more)
    assert code == 0, err
    return json.loads(out)


def test_the_d1_arms_by_hand(tmp_path: Path) -> None:
    run_of(tmp_path, {"a": passes(A, 3), "b": passes(B, 3)})
    found = compared(tmp_path, "a", "b")
    assert (found["verdict"], found["question"]) == ("worse", "population")
    assert found["difference"] == pytest.approx(-5 / 24)
    assert found["interval"] == pytest.approx([-0.4156731569, -0.0009935098])
    assert found["mde"] == pytest.approx(0.32, abs=0.02)
    assert found["informative"] == 6
    assert {change["task"]: change["verdict"] for change in found["tasks"]} == dict.fromkeys(
        ("task-01", "task-03", "task-04", "task-07"), "rerun"
    )
    assert found["clause_score"] == pytest.approx(-5 / 48)


def test_the_other_way_round_is_better(tmp_path: Path) -> None:
    run_of(tmp_path, {"a": passes(A, 3), "b": passes(B, 3)})
    assert compared(tmp_path, "b", "a")["verdict"] == "better"


def test_the_suite_question_is_asked_by_name(tmp_path: Path) -> None:
    run_of(tmp_path, {"a": passes(A, 3), "b": passes(B, 3)})
    found = compared(tmp_path, "a", "b", "--question", "suite")
    assert (found["question"], found["verdict"]) == ("suite", "no difference seen")
    assert found["p"] == pytest.approx(0.086)


def test_an_arm_against_itself_shows_no_difference(tmp_path: Path) -> None:
    run_of(tmp_path, {"a": passes(A, 3), "b": passes(A, 3)})
    found = compared(tmp_path, "a", "b")
    assert found["verdict"] == "no difference seen"
    low, high = found["interval"]
    assert low < 0 < high


@pytest.mark.parametrize(("trials", "verdict"), [(1, "rerun"), (2, "rerun"), (4, "worse")])
def test_few_trials_of_one_task_are_answered_with_rerun(tmp_path: Path, trials: int, verdict: str) -> None:
    run_of(tmp_path, {"a": passes([trials], trials), "b": passes([0], trials)})
    found = compared(tmp_path, "a", "b")
    assert (found["question"], found["verdict"]) == ("suite", verdict)


def test_a_task_with_enough_trials_gets_a_verdict(tmp_path: Path) -> None:
    run_of(tmp_path, {"a": passes([6, 3], 6), "b": passes([0, 3], 6)})
    (change,) = compared(tmp_path, "a", "b")["tasks"]
    assert (change["task"], change["verdict"]) == ("task-00", "worse")


# --- rules -------------------------------------------------------------------------------------------------------


def test_rules_that_moved_are_named_and_rare_ones_left_out(tmp_path: Path) -> None:
    def rules(planned: PlannedTrial) -> str:
        return f"P1={int(planned.arm == 'a')}/1 S6=5/5" + (" X1=1/1" if planned.task == "task-00" else "")

    run_of(tmp_path, {"a": passes([3] * 8, 3), "b": passes([3] * 8, 3)}, rules=rules)
    found = {change["rule"]: change["verdict"] for change in compared(tmp_path, "a", "b", "--rules")["rules"]}
    assert found == {"P1": "worse", "S6": "no difference seen"}
    _, out, _ = harness("compare", "a", "b", "--results", tmp_path)
    assert "1 had fewer than 10 opportunities" in out


def test_many_opportunities_of_one_trial_are_one_trial(tmp_path: Path) -> None:
    """A single careless trial with fifty broken opportunities is no evidence against an arm."""

    def rules(planned: PlannedTrial) -> str:
        broken = planned.arm == "b" and planned.task == "task-00" and planned.repeat == 1
        return f"S6={0 if broken else 50}/50"

    run_of(tmp_path, {"a": passes([3] * 4, 3), "b": passes([3] * 4, 3)}, rules=rules)
    (change,) = compared(tmp_path, "a", "b", "--rules")["rules"]
    assert change["verdict"] == "no difference seen"


def test_holm_covers_all_rules(tmp_path: Path) -> None:
    """A p of .02 alone is a finding; among twenty rules it is not."""

    def rules(planned: PlannedTrial) -> str:
        kept = planned.arm == "a" or planned.repeat > 5
        return f"P1={int(kept)}/1 " + " ".join(f"S{n}=1/1" for n in range(19))

    run_of(tmp_path, {"a": passes([12], 12), "b": passes([12], 12)}, rules=lambda planned: rules(planned))
    found = {change["rule"]: change for change in compared(tmp_path, "a", "b", "--rules")["rules"]}
    assert found["P1"]["verdict"] == "no difference seen"
    assert found["P1"]["p"] == pytest.approx(20 * 0.0186, abs=0.002)


# --- what differs ------------------------------------------------------------------------------------------------


KEPT = {"memory": "watched", "cpu": "cgroup v2"}
REBUILT = [task.model_copy(update={"toolchain_digest": "v" * 64}) for task in tasks(8)]


def two_runs(tmp_path: Path, **second: object) -> None:
    run_of(tmp_path, {"a": passes(A, 3)}, run="one")
    run_of(tmp_path, {"a": passes(B, 3)}, run="two", **second)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"settings": {"sandbox": "docker"}}, "sandbox: bubblewrap against docker"),
        ({"settings": {"runtime": "runsc"}}, "sandbox: bubblewrap against bubblewrap runsc"),
        ({"settings": {"base": "sha256:" + "b" * 64}}, "sandbox's base: none against bbbbbbbbbbbb"),
        ({"settings": {"limits_applied": KEPT}}, "sandbox's limits: none against cpu by cgroup v2, memory by watched"),
        ({"planned": REBUILT}, "sandbox's toolchain of task-07: wwwwwwwwwwww against vvvvvvvvvvvv"),
        ({"settings": {"kickoff_digest": "x" * 64}}, "kick-off"),
        ({"planned": tasks(8, version="2")}, "task task-00"),
        ({"graders": {**GRADERS, "rule_violations": "h" * 64}}, "graders and rulebook"),
        ({"arms": [arm("a", Limits(turns=3))]}, "limits: each task's own against turns=3"),
    ],
)
def test_other_conditions_are_refused_unless_told_to(tmp_path: Path, second: dict[str, object], said: str) -> None:
    two_runs(tmp_path, **second)
    code, out, err = harness("compare", "one:a", "two:a", "--results", tmp_path)
    assert (code, out) == (2, "")
    assert said in err
    assert "mend:" in err
    code, out, _ = harness("compare", "one:a", "two:a", "--results", tmp_path, "--anyway")
    assert code == 0
    assert "NOT UNDER THE SAME CONDITIONS" in out
    assert said in out


def test_alike_runs_are_ranked_with_a_warning_of_the_time_between(tmp_path: Path) -> None:
    two_runs(tmp_path)
    found = compared(tmp_path, "one", "two")
    assert (found["verdict"], found["differs"]) == ("worse", [])
    assert any("different times" in note for note in found["notes"])


def test_prompt_and_model_at_once_are_told(tmp_path: Path) -> None:
    arms = [arm("a"), arm("b", prompt_digest="e" * 64, model="model-y")]
    run_of(tmp_path, {"a": passes(A, 3), "b": passes(B, 3)}, arms=arms)
    assert any("cannot be given to one" in note for note in compared(tmp_path, "a", "b")["notes"])


def test_several_grader_versions_in_one_run_are_refused(tmp_path: Path) -> None:
    versions = {1: GRADERS, 2: {**GRADERS, "tests_passing": "h" * 64}}
    run_of(tmp_path, {"a": passes([1, 1], 2), "b": passes([1, 1], 2)}, graders=lambda planned: versions[planned.repeat])
    code, _, err = harness("compare", "a", "b", "--results", tmp_path)
    assert code == 2
    assert "several versions" in err


# --- validity ----------------------------------------------------------------------------------------------------


def test_an_invalid_run_has_no_verdict(tmp_path: Path) -> None:
    half: list[bool | Cause] = [True, Cause.SANDBOX, True]
    run_of(tmp_path, {"a": passes([3] * 6, 3), "b": [half] * 6})
    code, out, _ = harness("compare", "a", "b", "--results", tmp_path, "--format", "json")
    found = json.loads(out)
    assert code == 3
    assert found["verdict"] == "no verdict: invalid run"
    assert found["b"]["invalid"] == {"sandbox": 6}
    assert found["b"]["bounds"] == [pytest.approx(2 / 3), 1.0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=6), st.data())
@settings(max_examples=25, deadline=None)
def test_swapping_the_arms_swaps_the_verdict(
    tmp_path_factory: pytest.TempPathFactory, counts: list[tuple[int, int]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("r")
    run_of(folder, {"a": passes([a for a, _ in counts], 3), "b": passes([b for _, b in counts], 3)})
    question = data.draw(st.sampled_from(["suite", "population"]))
    there, back = (compared(folder, *order, "--question", question) for order in (("a", "b"), ("b", "a")))
    assert there["difference"] == pytest.approx(-back["difference"])
    swapped = {"better": "worse", "worse": "better"}
    assert there["verdict"] == swapped.get(back["verdict"], back["verdict"])
    low, high = there["interval"]
    assert (low, high) == pytest.approx((-back["interval"][1], -back["interval"][0]), abs=1e-4)
    assert low - 1e-9 <= there["difference"] <= high + 1e-9


# --- naming, prompts, diff ---------------------------------------------------------------------------------------


def test_unknown_arms_are_answered_with_the_nearest(tmp_path: Path) -> None:
    run_of(tmp_path, {"oracle": passes([1], 1), "noop": passes([0], 1)})
    code, _, err = harness("compare", "orcale", "noop", "--results", tmp_path)
    assert code == 2
    assert "did you mean 'oracle'" in err


HEAD = "---\nname: dev\ndescription: d\n---\n"
OLD = f"{HEAD}# Testing\n- Write tests. Keep them small.\n\n## Git\nCommit often.\n"
NEW = f"{HEAD}# Testing\n- Keep them\n  **small**.\n- Run the linters.\n\n## Git\nCommit often.\n"


def test_what_prompts_demand_differently() -> None:
    mine, theirs = demanded_differently(OLD, NEW)
    assert [(demand.section, demand.text) for demand in mine] == [("Testing", "Write tests.")]
    assert [(demand.section, demand.text) for demand in theirs] == [("Testing", "Run the linters.")]


def test_prompts_are_compared_beside_the_rules(tmp_path: Path) -> None:
    arms = [arm("a", prompt_digest="a" * 64), arm("b", prompt_digest="b" * 64)]
    folder = run_of(tmp_path, {"a": passes(A, 3), "b": passes(B, 3)}, arms=arms)
    (folder.root / f"prompt-{'a' * 16}.md").write_text(OLD)
    (folder.root / f"prompt-{'b' * 16}.md").write_text(NEW)
    _, out, _ = harness("compare", "a", "b", "--results", tmp_path)
    assert "- [Testing] Write tests." in out
    assert "+ [Testing] Run the linters." in out
    assert "Commit often" not in out


@pytest.mark.parametrize("form", ["grid", "markdown"])
def test_every_page_says_what_a_reader_must_know(tmp_path: Path, form: str) -> None:
    run_of(tmp_path, {"a": passes(A, 3), "b": passes(B, 3)})
    _, out, _ = harness("compare", "a", "b", "--results", tmp_path, "--format", form, "--clauses")
    for part in (
        "question: population", "T = 8 tasks, k = 3 and 3", "order seed 7", "invalid trials: none", "bounds", "95 %",
        "smallest difference", "comparisons made", "model-x", "dddddddddddd", "suite ", "sandbox bubblewrap",
        "prices of 2026-01-02", "cost a trial", "tokens a trial", "wall time a trial", "informative tasks 6/8", "C-02",
    ):  # fmt: skip
        assert part in out, part


def told(folder: Path, texts: list[str], last: str) -> None:
    log = EventLog(folder / "events.jsonl")
    events: list[tuple[EventKind, dict]] = []
    for number, text in enumerate(texts, 1):
        call = {"id": f"c{number}", "name": "Bash", "input": {"command": text}}
        events += [("assistant", {"turn": number, "text": "", "calls": [call]})]
        events += [("tool_result", {"id": f"c{number}", "text": f"did {text}", "exit_code": 0})]
    events.append(("assistant", {"turn": len(texts) + 1, "text": last}))
    for kind, data in events:
        log.append(kind, data)
    log.close()


def test_diff_shows_the_first_step_that_differs(tmp_path: Path) -> None:
    folder = run_of(tmp_path, {"a": passes([1], 1), "b": passes([0], 1)})
    first, second = folder.manifest.trials
    told(folder.attempt_dir(first.trial, 1), ["ls", "cat x"], "done")
    told(folder.attempt_dir(second.trial, 1), ["ls", "rm x\x1b[2J"], "done")
    code, out, _ = harness("diff", first.trial[:8], second.trial[:8], "--results", tmp_path)
    assert code == 0
    assert "Alike for 1 steps; then, at step 2" in out
    assert "cat x" in out
    assert "rm x" in out
    assert "\x1b" not in out
    assert "accepted" in out


def test_diff_of_two_tasks_is_refused(tmp_path: Path) -> None:
    folder = run_of(tmp_path, {"a": passes([1, 1], 1)})
    for planned in folder.manifest.trials:
        told(folder.attempt_dir(planned.trial, 1), ["ls"], "done")
    keys = [planned.trial for planned in folder.manifest.trials]
    code, _, err = harness("diff", *keys, "--results", tmp_path)
    assert code == 2
    assert "different tasks" in err


# --- through the real command, many times ------------------------------------------------------------------------


@pytest.mark.slow
def test_equal_arms_are_seldom_told_apart_and_different_ones_are(tmp_path: Path) -> None:
    """200 comparisons each of two equal arms and of two that differ by 30 points, 20 tasks x 3."""
    source = random.Random(20260101)
    counts = {"equal": 0, "different": 0}
    for number in range(200):
        chances = [source.betavariate(1.2, 1.2) for _ in range(20)]
        lower = [max(0.0, chance - 0.3) for chance in chances]
        plan = manifest([arm("a"), arm("b"), arm("c")], tasks(20), 3, f"r{number}")
        outcomes = {"a": drawn(chances, 3, source), "b": drawn(chances, 3, source), "c": drawn(lower, 3, source)}
        stored(tmp_path, plan, journal_lines(plan, outcomes))
        run = ("--run", plan.run)
        counts["equal"] += compared(tmp_path, "a", "b", *run)["verdict"] != "no difference seen"
        counts["different"] += compared(tmp_path, "a", "c", *run)["verdict"] == "worse"
    print(counts)
    assert counts["equal"] <= 20  # 5 % of 200, and three standard errors
    assert counts["different"] >= 150


def idle_run(results: Path) -> None:
    """Two arms beside one that does nothing, and passes half of C-02 all the same."""

    def clauses(planned: PlannedTrial) -> dict[str, float]:
        return {"C-01": 0.0 if planned.arm == "idle" else 1.0, "C-02": 0.5 if planned.arm == "idle" else 0.75}

    arms = [arm("a"), arm("b"), arm("idle", model="reference/noop")]
    outcomes = {"a": passes(A, 3), "b": passes(B, 3), "idle": passes([0] * 8, 3)}
    run_of(results, outcomes, arms=arms, clauses=clauses)


def test_clause_floors_are_those_of_the_arm_that_does_nothing(tmp_path: Path) -> None:
    idle_run(tmp_path)
    found = compared(tmp_path, "a", "b")
    assert found["clause_floors"]["task-00"] == {"C-01": 0.0, "C-02": 0.5}
    _, table, _ = harness("table", "--results", tmp_path, "--format", "json")
    assert [row["clause_score"] for row in json.loads(table)["rows"]] == [0.75, 0.75, 0.0]
    for command in (["compare", "a", "b"], ["table"]):
        told = ", ".join(f"task-{number:02} C-02 0.50" for number in range(8))
        page = harness(*command, "--results", tmp_path)[1]
        assert f"\n- clause floors, by doing nothing on 8 tasks: {told}\n" in page
    _, page, _ = harness("compare", "a", "b", "--clauses", "--results", tmp_path, "--format", "markdown")
    assert "| 0.50 " in page


def test_without_an_arm_that_does_nothing_the_floors_are_told_to_be_unknown(tmp_path: Path) -> None:
    run_of(tmp_path, {"a": passes(A, 3), "b": passes(B, 3)})
    for command in (["compare", "a", "b"], ["table"]):
        assert "clause floors: not measured" in harness(*command, "--results", tmp_path)[1]
