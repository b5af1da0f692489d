"""What a proof plays, and what it calls off: every way in which a task or a grader can be wrong has to be named."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from stand_task import stand_task
from stored_runs import arm, attempted, judged, manifest, stored, tasks
from test_new_task import filled

from harness.cli import main
from harness.core.delivery import FlawFile
from harness.core.errors import Cause
from harness.core.records import CheckResult, Finding, Grade, Outcome, Phase, Place
from harness.core.runs import JournalLine
from harness.core.task import clauses
from harness.load.scaffold import scaffold
from harness.run.check import ProofLine, TaskProof, leaks, prove, rotation, variants
from harness.store.evidence import save_grade

MAKES, LISTS, KEEPS = "test_a.py::test_makes", "test_a.py::test_lists", "test_b.py::test_keeps"
CHECKS = {MAKES: (Phase.FAIL_TO_PASS, "C-01"), LISTS: (Phase.FAIL_TO_PASS, "C-02"), KEEPS: (Phase.PASS_TO_PASS, "C-02")}
RULES = ("S4", "H2")
FLAWS = {"half": FlawFile(title="Half", kind="contract", checks=(LISTS,), rules=("H2",), consequences=("S4",))}
AS_IT_SHOULD_BE = {"no-op:": (MAKES, LISTS), "flaw:half": (LISTS, "H2")}
"""Delivery -> checks and rules that it fails; the others fail none."""
TASK = replace(stand_task(), clauses=clauses("[C-01] Makes.\n[C-02] Lists.\n[S-01] Needs no hidden check.\n"))

Answers = Mapping[str, Outcome]
Prove = Callable[..., TaskProof]


def failing(*names: str) -> Answers:
    return dict.fromkeys(names, Outcome.FAIL)


def unknown(*names: str) -> Answers:
    return dict.fromkeys(names, Outcome.UNKNOWN)


def grades(answers: Answers, without: tuple[str, ...]) -> list[Grade]:
    """What the graders say of a delivery that passes all but `answers`; checks `without` were never run."""
    tests = [
        CheckResult(id=name, outcome=answers.get(name, Outcome.PASS), phase=phase, clauses=(clause,))
        for name, (phase, clause) in CHECKS.items()
        if name not in without
    ]
    finding = Finding(message="it blocks", place=Place(path="app.py", line=3), quote="time.sleep(1)")
    rules = []
    for name in RULES:
        outcome = answers.get(name, Outcome.PASS)
        found = (finding,) if outcome is Outcome.FAIL else ()
        rules.append(CheckResult(id=name, outcome=outcome, findings=found))
    given = {"tests_passing": tests, "rule_violations": rules}
    return [Grade(grader=name, version="1", digest="g", checks=tuple(checks)) for name, checks in given.items()]


@pytest.fixture
def proven(tmp_path: Path) -> Prove:
    """Proves the task from a run on disk in which all went as it should, but for the deliveries that are named."""

    def proof(
        odd: Mapping[str, Answers] | None = None,
        *,
        lost: Mapping[str, Cause] | None = None,
        accepted: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
        seed: Mapping[str, bytes] | None = None,
    ) -> TaskProof:
        plan = manifest([arm(name) for name in variants(FLAWS, ["other"], 2)], tasks(1), 1)
        answers = {planned.arm: failing(*AS_IT_SHOULD_BE.get(planned.arm, ())) for planned in plan.trials}
        answers |= odd or {}
        lines: list[JournalLine] = []
        for planned in plan.trials:
            cause = (lost or {}).get(planned.arm)
            if cause is Cause.CANCELLED:
                continue
            lines.append(attempted(planned, cause))
            if cause is None:
                lines.append(judged(planned, planned.arm in accepted or not answers[planned.arm]))
        folder = stored(tmp_path, plan, lines)
        for planned in plan.trials:
            for grade in grades(answers[planned.arm], without) if planned.arm not in (lost or {}) else ():
                save_grade(folder, planned.trial, 1, grade)
        files = {path: (content, False) for path, content in (seed or {"app.py": b"x = 1\n"}).items()}
        hidden = {"test_a.py": (b"def test_makes(api):\n    assert api.post('/items').status == 201\n", False)}
        return prove(TASK, FLAWS, files, hidden, folder, "graders")

    return proof


def line_of(found: TaskProof, delivery: str) -> ProofLine:
    return next(line for line in found.lines if line.delivery == delivery)


def off(found: TaskProof) -> dict[str, tuple[str, ...]]:
    """Delivery -> what is off about it; the proof has to say so to programs and to people."""
    problems = {line.delivery: line.problems for line in found.lines if not line.ok}
    assert found.ok is not bool(problems or found.problems)
    told = found.text()
    assert ("=> NOT proven" in told) is not found.ok
    for delivery, named in problems.items():
        assert f"  OFF  {delivery} " in told
        assert all(f"\n         {problem}" in told for problem in named)
    assert all(f"\n  OFF  {problem}" in told for problem in found.problems)
    return problems


# --- deliveries --------------------------------------------------------------------------------------------------


def test_a_task_on_which_all_is_as_named_is_proven(proven: Prove) -> None:
    found = proven()
    assert (off(found), found.problems, found.ok) == ({}, (), True)
    assert (found.checks, found.clauses, found.floor) == (3, 3, 1 / 3)
    assert [line.delivery for line in found.lines] == variants(FLAWS, ["other"], 2)
    half = line_of(found, "flaw:half")
    assert (half.expected, half.found) == (f"H2, {LISTS}", f"H2, {LISTS}")
    assert {line.expected for line in found.lines} == {"accepted", "rejected", half.expected}


@pytest.mark.parametrize(
    ("answers", "problems", "caught"),
    [
        (failing(LISTS), ("not caught by H2",), LISTS),
        (failing("H2"), (f"not caught by {LISTS}",), "H2"),
        (failing(), (f"not caught by H2, {LISTS}",), "nothing"),
        (failing(LISTS, "H2", MAKES, KEEPS), (f"also failed: {MAKES}, {KEEPS}",), f"H2, {LISTS}"),
        (failing(LISTS, MAKES), ("not caught by H2", f"also failed: {MAKES}"), LISTS),
        ({**failing(LISTS), **unknown("H2")}, ("not caught by H2", "unknown: H2"), LISTS),
        (failing(LISTS, "H2", "S4"), (), f"H2, {LISTS}"),
    ],
    ids=["a rule", "a check", "nothing", "more than named", "another one", "no answer", "a declared consequence"],
)
def test_a_flaw_is_caught_by_exactly_what_it_names(
    proven: Prove, answers: Answers, problems: tuple[str, ...], caught: str
) -> None:
    found = proven({"flaw:half": answers})
    assert off(found) == ({"flaw:half": problems} if problems else {})
    assert line_of(found, "flaw:half").found == caught


def test_a_no_op_that_is_accepted_is_off(proven: Prove) -> None:
    found = proven(accepted=("no-op:",))
    assert off(found) == {"no-op:": ("accepted",)}
    assert (line_of(found, "no-op:").expected, line_of(found, "no-op:").found) == ("rejected", "accepted")


@pytest.mark.parametrize(
    ("answers", "problem", "floor"),
    [
        (failing(LISTS), f"{MAKES} passes on the seed, it is no fail-to-pass check", 2 / 3),
        (failing(MAKES, LISTS, KEEPS), f"{KEEPS} fails on the seed, it is no pass-to-pass check", 0.0),
    ],
)
def test_a_check_that_proves_something_else_about_the_seed_is_off(
    proven: Prove, answers: Answers, problem: str, floor: float
) -> None:
    found = proven({"no-op:": answers})
    assert off(found) == {"no-op:": (problem,)}
    assert found.floor == floor


@pytest.mark.parametrize("delivery", ["reference:1", "alternative:other"])
def test_a_right_delivery_that_is_rejected_is_off_with_the_finding(proven: Prove, delivery: str) -> None:
    found = proven({delivery: failing("S4")})
    told = off(found)[delivery]
    assert told == ("not solved: 1 of 2 checks fail", "S4 failed: it blocks (app.py:3) time.sleep(1)")
    assert (line_of(found, delivery).expected, line_of(found, delivery).found) == ("accepted", "rejected")


def test_a_right_delivery_is_off_for_a_rule_that_does_not_decide(proven: Prove) -> None:
    found = proven({"alternative:other": failing(MAKES)}, accepted=("alternative:other",))
    assert off(found) == {"alternative:other": (f"{MAKES} failed",)}


def test_an_answer_that_nobody_knows_is_off(proven: Prove) -> None:
    assert off(proven({"alternative:other": unknown("S4")}, accepted=("alternative:other",))) == {
        "alternative:other": ("unknown: S4",)
    }


def test_a_reference_with_another_outcome_than_the_first_time_is_off(proven: Prove) -> None:
    found = proven({"reference:2": dict.fromkeys(["S4"], Outcome.NOT_APPLICABLE)}, accepted=("reference:2",))
    assert off(found) == {"reference:2": ("not the same as in the first run: S4",)}


def test_a_delivery_that_could_not_be_judged_is_off_and_no_rejection(proven: Prove) -> None:
    lost = dict.fromkeys(("reference:2", "no-op:", "flaw:half"), Cause.SANDBOX)
    found = proven(lost=lost)
    assert off(found) == dict.fromkeys(lost, ("invalid:sandbox: boom",))
    assert {(line_of(found, name).expected, line_of(found, name).found) for name in lost} == {
        ("a valid trial", "invalid:sandbox")
    }


@pytest.mark.parametrize(
    ("cause", "told"),
    [(Cause.SANDBOX, "invalid:sandbox: boom"), (Cause.CANCELLED, "invalid:cancelled: not run yet")],
)
def test_references_are_held_against_the_first_that_was_judged(proven: Prove, cause: Cause, told: str) -> None:
    assert off(proven(lost={"reference:1": cause})) == {"reference:1": (told,)}


# --- the task itself ---------------------------------------------------------------------------------------------


def test_a_clause_of_the_contract_without_a_check_is_off(proven: Prove) -> None:
    found = proven({"no-op:": failing(LISTS)}, without=(MAKES,))
    assert off(found) == {}
    assert found.problems == ("clause C-01 has no hidden check",)


def test_a_hidden_name_in_the_seed_is_off(proven: Prove) -> None:
    found = proven(seed={"README.md": b"see test_makes\n"})
    assert off(found) == {}
    assert found.problems == ("hidden check test_a.py::test_makes is named in the seed",)


def test_hidden_files_and_names_in_the_seed_are_leaks() -> None:
    hidden = {"test_a.py": (b"def test_a_booking_is_made(api):\n    assert api.get('/x').status == 200\n", False)}
    clean = {"app.py": (b"x = 1\n", False)}
    assert leaks(clean, hidden) == []
    assert leaks({**clean, "README.md": (b"see test_a_booking_is_made", False)}, hidden) == [
        "hidden check test_a.py::test_a_booking_is_made is named in the seed"
    ]
    assert "hidden file test_a.py stands in the seed" in leaks({"copy.py": hidden["test_a.py"]}, hidden)


# --- what is played ----------------------------------------------------------------------------------------------


def test_a_proof_plays_reference_no_op_alternatives_and_flaws() -> None:
    names = variants(["b", "a"], ["other"], 2)
    assert names == ["reference:1", "reference:2", "no-op:", "alternative:other", "flaw:a", "flaw:b"]


@given(st.sets(st.text(min_size=1, max_size=3), min_size=1, max_size=12), st.integers(1, 12))
def test_every_flaw_has_its_turn(names: set[str], number: int) -> None:
    days = [rotation(names, number, day) for day in range(len(names) + 1)]
    assert set().union(*days) == names
    assert {len(day) for day in days} == {min(number, len(names))}
    assert rotation(names, None, 3) == sorted(names)


# --- the command -------------------------------------------------------------------------------------------------


@pytest.mark.sandbox
@pytest.mark.slow
def test_the_command_ends_with_1_where_a_flaw_is_not_caught_as_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = filled(scaffold(tmp_path, "my-task"))
    flaw = root / "flaws" / "answers-200.toml"
    flaw.write_text(flaw.read_text().replace('rules = ["H2", "H3"]', 'rules = ["H2", "H1"]'))
    (root / "flaws" / "file-is-not-told.toml").unlink()
    code = main(["check", str(root), "--repeats", "1", "--format", "json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert code == 1
    assert {line["delivery"]: line["problems"] for line in found["lines"] if line["problems"]} == {
        "flaw:answers-200": ["not caught by H1", "also failed: H3"]
    }


@pytest.mark.sandbox
def test_a_check_that_was_stopped_proves_nothing(tmp_path: Path) -> None:
    root = filled(scaffold(tmp_path, "my-task"))
    command = [sys.executable, "-m", "harness", "check", str(root), "--repeats", "9"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = ""
        while "finished" not in said and (line := process.stderr.readline()):
            said += line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120.0)
    assert (process.returncode, out) == (130, ""), said + err
    assert "harness: interrupted" in err
    assert "resume" not in err, "there is no run to go on with"
