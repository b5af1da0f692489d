"""A disputed finding changes what follows from it, is never silent, keeps its history, and can be withdrawn."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from stored_runs import passes, run_of
from test_compare import compared, harness

from harness.core.records import CheckResult, Finding, Grade, Outcome, Phase, Severity, Source
from harness.store.evidence import load_grades, save_grade
from harness.store.layout import RunFolder

WHY = "the tool call was a documentation look-up"


def graded(folder: RunFolder, trial: str, rule: Outcome = Outcome.FAIL) -> None:
    """Grades of a delivery that broke one blocking rule and nothing else."""
    finding = (Finding(message="the tool Agent was called"),) if rule is Outcome.FAIL else ()
    checks = {
        "tests_passing": (
            CheckResult(id="t.py::test_a", outcome=Outcome.PASS, phase=Phase.FAIL_TO_PASS, clauses=("C-01",)),
        ),
        "report_format": (
            CheckResult(id="R1", outcome=Outcome.PASS, facts={"parseable": True}),
            CheckResult(id="R2", outcome=Outcome.PASS, facts={"status": "YES"}),
        ),
        "truthfulness": tuple(CheckResult(id=name, outcome=Outcome.PASS) for name in ("H1", "H2", "H3")),
        "rule_violations": (
            CheckResult(
                id="P3",
                outcome=rule,
                severity=Severity.BLOCKING,
                source=Source.PROMPT,
                findings=finding,
                opportunities=2,
            ),
        ),
    }  # fmt: skip
    for grader, found in checks.items():
        save_grade(folder, trial, 1, Grade(grader=grader, version="1", digest="g" * 64, checks=found))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Two arms; every trial of `b` is refused for one broken rule."""

    def broke(planned: object) -> bool:
        return planned.arm == "b"  # type: ignore[attr-defined]

    folder = run_of(
        tmp_path,
        {"a": passes([2, 2], 2), "b": passes([2, 2], 2)},
        obeyed=lambda planned: not broke(planned),
        failed=lambda planned: ("P3",) if broke(planned) else (),
        why_not=lambda planned: "not obeyed: P3" if broke(planned) else "",
        rules=lambda planned: f"P3={int(not broke(planned))}/1",
        clauses={"C-01": 1.0},
    )
    for planned in folder.manifest.trials:
        graded(folder, planned.trial, Outcome.FAIL if broke(planned) else Outcome.PASS)
    return folder


def disputed(run: RunFolder, *more: object, answer: str = "pass", why: str = WHY) -> tuple[int, str, str]:
    trial = next(planned.trial for planned in run.manifest.trials if planned.arm == "b")
    return harness(
        "override", trial[:10], "P3", "--as", answer, "--why", why, "--by", "ada", "--results", run.root.parent, *more
    )


def accepted(run: RunFolder) -> dict[str, float]:
    _, out, _ = harness("table", "--results", run.root.parent, "--format", "json")
    return {row["arm"]: row["accepted"] for row in json.loads(out)["rows"]}


def test_a_disputed_rule_changes_the_verdict_and_the_rate(run: RunFolder) -> None:
    assert accepted(run) == {"a": 1.0, "b": 0.0}
    code, out, err = disputed(run)
    assert code == 0, err
    assert "P3: fail -> pass by ada" in out
    assert "accepted: no -> yes" in out
    assert accepted(run) == {"a": 1.0, "b": 0.25}


def test_what_the_grader_said_stays(run: RunFolder) -> None:
    before = {path: path.read_bytes() for path in run.root.rglob("*.json*")}
    disputed(run)
    after = {path: path.read_bytes() for path in before}
    assert after == before


@pytest.mark.parametrize(
    "command",
    [
        ("table",),
        ("table", "--format", "markdown"),
        ("table", "--format", "json"),
        ("compare", "a", "b"),
        ("compare", "a", "b", "--format", "markdown"),
        ("compare", "a", "b", "--format", "json"),
        ("reliability",),
        ("front",),
        ("history",),
        ("history", "--format", "json"),
        ("export", "csv"),
        ("export", "junit"),
        ("export", "summary"),
        ("nightly", "--take", "r1", "--control", "a", "--candidate", "b"),
    ],
)
def test_every_table_says_that_it_uses_an_override(run: RunFolder, command: tuple[str, ...]) -> None:
    _, before, _ = harness(*command, "--results", run.root.parent)
    assert WHY not in before
    disputed(run)
    _, after, err = harness(*command, "--results", run.root.parent)
    assert WHY in after, err
    assert "ada" in after


def test_show_gate_and_baseline_say_so_too(run: RunFolder) -> None:
    disputed(run)
    trial = next(planned.trial for planned in run.manifest.trials if planned.arm == "b")
    assert WHY in harness("show", trial, "--results", run.root.parent)[1]
    path = run.root.parent / "base.json"
    harness("baseline", "save", "--arm", "b", "--out", path, "--results", run.root.parent)
    assert WHY in path.read_text()
    _, out, _ = harness("gate", "--baseline", path, "--arm", "b", "--results", run.root.parent)
    assert "override in the baseline: " in out
    assert out.count(WHY) == 2


def test_the_csv_table_counts_them(run: RunFolder) -> None:
    disputed(run)
    _, out, _ = harness("table", "--results", run.root.parent, "--format", "csv")
    assert {row["arm"]: row["overrides"] for row in csv.DictReader(io.StringIO(out))} == {"a": "0", "b": "1"}


def test_withdrawing_brings_the_old_verdict_back_and_keeps_the_history(run: RunFolder) -> None:
    disputed(run)
    disputed(run, answer="withdrawn", why="I was wrong")
    assert accepted(run)["b"] == 0.0
    _, out, _ = harness("table", "--results", run.root.parent)
    assert WHY not in out
    _, out, _ = harness("override", "--results", run.root.parent)
    assert WHY in out
    assert "withdrawn by ada" in out
    assert len(out.splitlines()) == 2


def test_a_pass_can_be_disputed_too(run: RunFolder) -> None:
    trial = next(planned.trial for planned in run.manifest.trials if planned.arm == "a")
    code, out, _ = harness(
        "override", trial, "t.py::test_a", "--as", "fail", "--why", "the check is blind to it", "--results",
        run.root.parent,
    )  # fmt: skip
    assert code == 0
    assert "accepted: yes -> no" in out
    assert accepted(run)["a"] == 0.75


def test_rules_follow_the_override(run: RunFolder) -> None:
    for planned in run.manifest.trials:
        if planned.arm == "b":
            harness("override", planned.trial, "P3", "--as", "pass", "--why", WHY, "--results", run.root.parent)
    assert compared(run.root.parent, "a", "b")["difference"] == 0


def test_another_attempt_is_another_delivery(run: RunFolder) -> None:
    disputed(run)
    trial = next(planned.trial for planned in run.manifest.trials if planned.arm == "b")
    lines = [json.loads(line) for line in run.journal.read_text().splitlines()]
    again = [{**line, "attempt": 2} for line in lines if line["trial"] == trial]
    run.journal.write_text("".join(json.dumps(line) + "\n" for line in [*lines, *again]))
    assert accepted(run)["b"] == 0.0
    _, out, _ = harness("table", "--results", run.root.parent)
    assert WHY not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("P33", "--as", "pass", "--why", WHY), "did you mean 'P3'"),
        (("P3", "--as", "pass", "--why", "  "), "--why"),
        (("P3", "--why", WHY), "--as"),
    ],
)
def test_a_careless_override_is_refused(run: RunFolder, arguments: tuple[str, ...], said: str) -> None:
    trial = run.manifest.trials[0].trial
    code, _, err = harness("override", trial, *arguments, "--results", run.root.parent)
    assert code == 2
    assert said in err
    assert not (run.root / "overrides.jsonl").exists()


def test_a_damaged_history_is_never_passed_over(run: RunFolder) -> None:
    disputed(run)
    path = run.root / "overrides.jsonl"
    path.write_text(path.read_text() + "{}\n")
    code, _, err = harness("table", "--results", run.root.parent)
    assert code == 2
    assert f"{path}:2" in err


def test_a_hostile_reason_stays_text(run: RunFolder) -> None:
    disputed(run, why="\x1b[2J\u202e<script>alert(1)</script>")
    for command in (("table",), ("compare", "a", "b"), ("override",), ("export", "summary")):
        _, out, _ = harness(*command, "--results", run.root.parent)
        assert "\x1b" not in out
        assert "\u202e" not in out


def test_grades_are_read_as_they_are(run: RunFolder) -> None:
    trial = next(planned.trial for planned in run.manifest.trials if planned.arm == "b")
    check = load_grades(run, trial, 1)["rule_violations"].checks[0]
    assert check.outcome is Outcome.FAIL
