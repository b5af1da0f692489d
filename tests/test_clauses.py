"""Which clause each arm keeps: shares over valid trials, and what is missing told in every form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import RULEBOOK, arm, attempted, journal_lines, judged, manifest, run_of, tasks

from harness.cli import main
from harness.core.errors import Cause, UsageError
from harness.core.records import CheckResult, Grade, Outcome, Phase
from harness.core.runs import JournalLine, PlannedTrial
from harness.report.clauses import COLUMNS, as_json, matrix, render
from harness.report.tables import Table, summarise
from harness.store.evidence import save_grade

HALF = {"C-01": 1.0, "C-02": 0.5}
UNJUDGED = "none without a valid trial"
FORMS = ("grid", "markdown", "csv", "json")


def table(outcomes: Mapping[str, list[list[bool | Cause]]], **fields: object) -> Table:
    """A run of these arms on tasks whose valid trials kept as `fields` say."""
    plan = manifest([arm(name) for name in outcomes], tasks(len(next(iter(outcomes.values())))), 2)
    return summarise(plan, journal_lines(plan, outcomes, **fields))


def kept(planned: PlannedTrial) -> dict[str, float]:
    return HALF if planned.repeat == 1 else {"C-02": 0.0, "C-01": 1.0}


@pytest.fixture
def lossy() -> Table:
    """`a` lost one of its trials on the first task, `b` both; the second task was never judged."""
    lost: list[list[bool | Cause]] = [[True, Cause.SANDBOX], [Cause.PROVIDER, Cause.PROVIDER]]
    return table({"a": lost, "b": [[Cause.TASK] * 2] * 2}, clauses=HALF)


def test_a_cell_is_the_mean_share_over_the_valid_trials() -> None:
    found = matrix(table({"a": [[True, False]]}, clauses=kept))
    assert [(row.task, row.clause) for row in found] == [("task-00", "C-01"), ("task-00", "C-02")]
    assert [row.groups["a"].mean(row.clause) for row in found] == [1.0, 0.25]
    assert [row.groups["a"].bounds(row.clause) for row in found] == [(1.0, 1.0), (0.25, 0.25)]


def test_an_invalid_trial_is_in_no_share_but_in_coverage_bounds_and_causes(lossy: Table) -> None:
    row = matrix(lossy)[1]
    a, b = row.groups["a"], row.groups["b"]
    assert (row.clause, a.mean("C-02"), a.bounds("C-02")) == ("C-02", 0.5, (0.25, 0.75))
    assert (a.valid, a.planned, a.causes) == (1, 2, {"sandbox": 1})
    assert (b.mean("C-02"), b.bounds("C-02"), b.causes) == (None, (0.0, 1.0), {"task": 2})


def test_a_task_of_which_nothing_was_judged_has_its_place(lossy: Table) -> None:
    last = matrix(lossy)[-1]
    assert (last.task, last.clause) == ("task-01", "")
    assert {name: group.causes for name, group in last.groups.items()} == {"a": {"provider": 2}, "b": {"task": 2}}


@pytest.mark.parametrize("form", ["grid", "markdown"])
def test_a_page_tells_coverage_bounds_and_causes(lossy: Table, form: str) -> None:
    said = render(lossy, form)
    assert said.startswith("INVALID RUN r1: 1 of 8 planned trials are valid (12 %); under 95 %")
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in said.splitlines() if line[:3] == "| t"]
    assert lines == [
        ["task", "clause", "a", "b"],
        ["task-00", "coverage", "1/2 (50 %)", "0/2 (0 %)"],
        ["task-00", "C-01", "1.00 (0.50 to 1.00)", "-"],
        ["task-00", "C-02", "0.50 (0.25 to 0.75)", "-"],
        ["task-01", "coverage", "0/2 (0 %)", "0/2 (0 %)"],
    ]
    footer = said[said.index("How to read this:") :]
    assert "in brackets: if all invalid trials were 0 or 1" in footer
    assert "\n- invalid trials: provider 2, sandbox 1, task 4\n" in footer
    assert "\n- a: invalid trials: provider 2, sandbox 1\n- b: invalid trials: task 4" in footer


def test_a_whole_run_says_so_and_needs_no_bounds() -> None:
    said = render(table({"a": [[True, True]]}, clauses=HALF), "grid")
    assert said.startswith("Run r1: 2 of 2 planned trials are valid (100 %).\n")
    assert [line.split("|")[3].strip() for line in said.splitlines() if "| C-0" in line] == ["1.00", "0.50"]
    assert "- invalid trials: none" in said
    assert "- a: invalid trials" not in said


def test_csv_has_a_line_for_each_clause_and_arm(lossy: Table) -> None:
    lines = list(csv.DictReader(io.StringIO(render(lossy, "csv"))))
    assert list(lines[0]) == list(COLUMNS)
    assert [list(line.values()) for line in lines[2:]] == [
        ["task-00", "C-02", "a", "0.5", "0.25", "0.75", "2", "1", "0.5", "sandbox 1", RULEBOOK],
        ["task-00", "C-02", "b", "", "0.0", "1.0", "2", "0", "0.0", "task 2", UNJUDGED],
        ["task-01", "", "a", "", "0.0", "1.0", "2", "0", "0.0", "provider 2", UNJUDGED],
        ["task-01", "", "b", "", "0.0", "1.0", "2", "0", "0.0", "task 2", UNJUDGED],
    ]


def test_json_has_the_run_s_coverage_and_causes_and_each_cell_s_own(lossy: Table) -> None:
    document = json.loads(render(lossy, "json"))
    assert list(document) == ["run", "planned", "valid", "coverage", "causes", "rulebook", "rows"]
    assert (document["planned"], document["valid"], document["coverage"]) == (8, 1, 0.125)
    assert document["causes"] == {"provider": 2, "sandbox": 1, "task": 4}
    assert document["rows"][1] == {
        "task": "task-00",
        "clause": "C-02",
        "arms": [
            {"arm": "a", "share": 0.5, "bounds": [0.25, 0.75], "planned": 2, "valid": 1, "causes": {"sandbox": 1}},
            {"arm": "b", "share": None, "bounds": [0.0, 1.0], "planned": 2, "valid": 0, "causes": {"task": 2}},
        ],
    }
    assert document["rows"][-1]["clause"] is None


@pytest.mark.parametrize("form", FORMS)
def test_every_form_names_the_rulebook_that_judged(lossy: Table, form: str) -> None:
    assert RULEBOOK in render(lossy, form)


def test_an_unknown_form_is_refused(lossy: Table) -> None:
    with pytest.raises(UsageError, match="did you mean 'grid'"):
        render(lossy, "gird")


@pytest.mark.parametrize("form", FORMS)
def test_the_command_ends_with_3_for_an_invalid_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    run_of(tmp_path, {"a": [[True, Cause.SANDBOX]]}, clauses=HALF)
    assert main(["table", "--clauses", "--format", form, "--results", str(tmp_path)]) == 3
    assert "sandbox" in capsys.readouterr().out
    run_of(tmp_path, {"a": [[True, True]]}, run="r2", clauses=HALF)
    assert main(["table", "r2", "--clauses", "--format", form, "--results", str(tmp_path)]) == 0


def test_a_disputed_check_counts_as_it_holds_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_of(tmp_path, {"a": [[False]]}, clauses={"C-01": 0.0})
    trial = folder.manifest.trials[0].trial
    test = CheckResult(id="t", outcome=Outcome.FAIL, phase=Phase.FAIL_TO_PASS, clauses=("C-01",))
    checks = {
        "tests_passing": test,
        "report_format": CheckResult(id="R1", outcome=Outcome.PASS, facts={"parseable": False}),
        "rule_violations": CheckResult(id="P1", outcome=Outcome.PASS),
        "truthfulness": CheckResult(id="H1", outcome=Outcome.PASS),
    }
    for name, check in checks.items():
        save_grade(folder, trial, 1, Grade(grader=name, version="1", digest="g", checks=(check,)))
    results = ["--results", str(tmp_path)]
    assert main(["override", trial, "t", "--as", "pass", "--why", "the clause allows it", *results]) == 0
    capsys.readouterr()
    assert main(["table", "--clauses", *results]) == 0
    said = capsys.readouterr().out
    assert "| C-01     | 1.00" in said
    assert f"- override: {trial[:8]} t: fail -> pass by " in said
    main(["table", "--clauses", "--format", "json", *results])
    assert "the clause allows it" in json.loads(capsys.readouterr().out)["overrides"][0]


SHARES = st.dictionaries(st.sampled_from(["C-01", "C-02"]), st.floats(0, 1))


@given(st.lists(st.sampled_from(Cause) | SHARES, min_size=1, max_size=5))
def test_a_share_stays_within_its_bounds_and_every_planned_trial_is_counted(
    answers: list[Cause | dict[str, float]],
) -> None:
    plan = manifest([arm("a")], tasks(1), len(answers))
    lines: list[JournalLine] = []
    for planned, answer in zip(plan.trials, answers, strict=True):
        lines.append(attempted(planned, answer if isinstance(answer, Cause) else None))
        if not isinstance(answer, Cause):
            lines.append(judged(planned, True, clauses=answer))
    found = summarise(plan, lines)
    for row in matrix(found):
        group = row.groups["a"]
        low, high = group.bounds(row.clause)
        mean = group.mean(row.clause)
        assert group.planned == group.valid + sum(group.causes.values()) == len(answers)
        assert 0 <= low <= high <= 1 + 1e-9
        assert mean is None or low - 1e-9 <= mean <= high + 1e-9
    assert as_json(found)["planned"] == len(answers)
    assert all(render(found, form) for form in FORMS)
