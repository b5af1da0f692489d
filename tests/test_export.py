"""Exports say what happened in the words of other tools, and what an agent wrote is text in all of them."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import arm, attempted, judged, manifest, passes, run_of, stored, tasks
from test_compare import harness

from harness.core.errors import Cause
from harness.core.records import (
    AssistantTurn,
    CheckResult,
    Finding,
    Grade,
    Outcome,
    Place,
    ToolCall,
    ToolResult,
    Transcript,
    Validity,
)
from harness.core.runs import AttemptLine, RunManifest, VerdictLine
from harness.core.scores import TrialResult, trial_results
from harness.export.csv import FORMULA, tidy
from harness.export.junit import junit
from harness.export.summary import LARGEST, summary
from harness.report import comparetext, views
from harness.report.compare import Side, compare
from harness.report.diff import diff
from harness.report.tables import render, summarise
from harness.report.text import code_span

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
HOSTILE = [
    "=HYPERLINK(\"http://127.0.0.1\",\"x\")", "+1+1", "-1+1|cmd' /C calc'!A0", "@SUM(1)", "\t=1+1", "\r=1+1", "\n=1",
    "＝1+1", "\x1b[2J\x1b]0;title\x07", "\x9b31m", f"ab{BIDI}cd", "]]></failure><error/>", "<script>alert(1)</script>",
    "&amp;&lt;", "\x00\x01\ufffe\uffff", "\ud800", "![x](http://127.0.0.1/x.png)", "`` ` ``` [a](b) @team #1",
    "| a | b |\n|---|", "<!--", "::error::x\n::set-output name=a::b",
    "%0A::error::x", "\u2028\u2029\u0085\x0b\x0c", "'=1", "a" * 5000,
]  # fmt: skip
MARKS = st.text("=+-@\t\r\n',;|`<>&[]()\x1b\u202e" + '"', max_size=20)
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40), MARKS)


def results_of(text: str) -> tuple[RunManifest, tuple[TrialResult, ...]]:
    """Three trials: refused with this reason, invalid with this detail, accepted; what agents wrote is `text`."""
    plan = manifest([arm("a"), arm("b")], tasks(2), 2)
    lines: list[AttemptLine | VerdictLine] = []
    for number, planned in enumerate(plan.trials):
        if number % 3 == 1:
            lines.append(attempted(planned)._replace(validity=Validity(cause=Cause.PROVIDER, detail=text)))
            continue
        lines += [attempted(planned), judged(planned, number % 3 == 0, why_not=text, failed=(text,))]
    return plan, trial_results(plan, lines)


def grades_of(text: str) -> dict[str, Grade]:
    finding = Finding(message=text, quote=text, place=Place(path=text, line=1))
    checks = (
        CheckResult(id=text, outcome=Outcome.FAIL, findings=(finding,), reason=text),
        CheckResult(id="C2", outcome=Outcome.NOT_APPLICABLE, reason=text),
        CheckResult(id="C3", outcome=Outcome.PASS),
        CheckResult(id="C4", outcome=Outcome.UNKNOWN, reason=text),
    )
    return {"rule_violations": Grade(grader="rule_violations", version="1", digest="d", checks=checks)}


def harmless(page: str) -> None:
    """Nothing that moves a cursor, reorders a line or ends a record."""
    for char in page:
        assert char in "\n\t" or char.isprintable() or unicodedata.category(char) == "Zs", repr(char)
    page.encode()


# --- JUnit -------------------------------------------------------------------------------------------------------


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_junit_is_well_formed_whatever_an_agent_wrote(text: str) -> None:
    plan, results = results_of(text)
    page = junit(plan, results, lambda result: grades_of(text), {results[0].planned.trial: [text]})
    harmless(page)
    root = ElementTree.fromstring(page.encode())
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out",
    }  # fmt: skip
    valid = sum(result.validity.valid for result in results)
    assert len(root.findall("testsuite")) == len(results)
    assert len(root.findall(".//failure")) == valid
    assert len(root.findall(".//error")) == len(results) - valid
    assert len(root.findall(".//skipped")) == 2 * valid


def test_junit_counts_are_those_of_its_cases() -> None:
    plan, results = results_of("x")
    root = ElementTree.fromstring(junit(plan, results, lambda result: grades_of("x"), {}).encode())
    valid = sum(result.validity.valid for result in results)
    told = {name: int(root.get(name) or -1) for name in ("tests", "failures", "errors", "skipped")}
    assert told == {
        "tests": 4 * valid + len(results) - valid,
        "failures": valid,
        "errors": len(results) - valid,
        "skipped": 2 * valid,
    }
    first = root.findall("testsuite")[0]
    assert [case.get("name") for case in first.findall("testcase")] == ["x", "C2", "C3", "C4"]
    assert first.findall("testcase")[3][0].get("message") == "unknown: x"


def test_an_invalid_trial_is_an_error_with_its_cause() -> None:
    plan, results = results_of("the provider hung up")
    root = ElementTree.fromstring(junit(plan, results, lambda result: grades_of("x"), {}).encode())
    error = root.find(".//error")
    assert error is not None
    assert (error.get("message"), error.text) == ("invalid:provider", "the provider hung up")


# --- CSV ---------------------------------------------------------------------------------------------------------


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_no_cell_of_the_csv_is_a_formula(text: str) -> None:
    plan, results = results_of(text)
    page = tidy(plan, results, {results[0].planned.trial: [text]})
    harmless(page)
    rows = list(csv.DictReader(io.StringIO(page)))
    assert len(rows) == len(results)
    for row in rows:
        assert None not in row
        for cell in row.values():
            assert not cell or cell[0] == "'" or cell[0] not in FORMULA, cell


def test_the_csv_has_a_row_for_each_planned_trial_and_leaves_the_undecided_empty() -> None:
    plan, results = results_of("why")
    rows = list(csv.DictReader(io.StringIO(tidy(plan, results, {}))))
    assert [row["trial"] for row in rows] == [planned.trial for planned in plan.trials]
    assert [row["accepted"] for row in rows[:3]] == ["1", "", "0"]
    assert rows[1]["validity"] == "invalid:provider"
    assert (rows[0]["cost_usd"], rows[0]["tokens_input"], rows[0]["wall_s"]) == ("0.02", "1000", "60.0")
    assert rows[2]["why_not"] == "why"


def test_an_apostrophe_of_the_agents_own_can_be_told_from_ours() -> None:
    plan, results = results_of("'=1")
    rows = list(csv.DictReader(io.StringIO(tidy(plan, results, {}))))
    assert rows[2]["why_not"] == "''=1"


# --- pages -------------------------------------------------------------------------------------------------------


def inline(page: str) -> str:
    """Markdown without its code spans: what is left is read as markup."""
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", page)


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_code_span_holds_whatever_an_agent_wrote(text: str) -> None:
    span = code_span(text)
    harmless(span)
    assert inline(span) == ""
    assert "|" not in span
    assert "\n" not in span


@given(TEXTS)
@settings(max_examples=30, deadline=None)
def test_every_page_is_inert(text: str) -> None:
    plan, results = results_of(text)
    lines = [line for result in results for line in (*result.attempts, result.verdict) if line is not None]
    for form in ("grid", "markdown", "csv"):
        harmless(render(summarise(plan, lines), form))
    sides = [Side(plan, one, tuple(r for r in results if r.planned.arm == one.name), {}) for one in plan.arms]
    found = compare(*sides, anyway=True)
    beside = comparetext.Beside(rules=True, clauses=True, overrides=(text,), told={"P1": text})
    for form in ("grid", "markdown"):
        harmless(comparetext.render(found, form, beside))
        for view in (views.reliability, views.worth, views.history):
            page = views.render(view(sides, [text]), form)
            harmless(page)
            if form == "markdown":
                assert "<" not in inline(page)
                assert "](" not in inline(page)


@given(TEXTS)
@settings(max_examples=30, deadline=None)
def test_two_transcripts_side_by_side_are_inert(text: str) -> None:
    _, results = results_of(text)
    call = ToolCall(step=1, turn=1, name=text, input={"command": text}, result=ToolResult(text=text))
    one = Transcript(turns=(AssistantTurn(turn=1, step=1, text=text, calls=(call,)),))
    same_task = [result for result in results if result.planned.task == "task-00"][:2]
    for other in (Transcript(), one):
        page = diff(same_task, [one, other], [text, text])
        harmless(page)


def test_a_summary_is_never_too_large_for_a_ci() -> None:
    page = summary("Run", ["é" * LARGEST])
    assert len(page.encode()) <= LARGEST
    assert page.endswith("in the run's results\n")
    assert summary("Run", ["short"]) == "## Run\n\nshort\n"


# --- through the command -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["junit", "csv", "summary"])
def test_an_export_goes_to_a_file_or_to_standard_output(tmp_path: Path, form: str) -> None:
    run_of(tmp_path, {"a": passes([1, 0], 1)})
    code, out, _ = harness("export", form, "--results", tmp_path)
    assert code == 0
    path = tmp_path / "sub" / "out"
    assert harness("export", form, "--out", path, "--results", tmp_path)[0] == 0
    assert path.read_text() == out
    assert "r1" in out


def test_a_run_of_nothing_but_plans_exports_too(tmp_path: Path) -> None:
    stored(tmp_path, manifest([arm("a")], tasks(1), 1), [])
    for form in ("junit", "csv", "summary"):
        code, out, err = harness("export", form, "--results", tmp_path)
        assert code == 0, err
        assert "not run yet" in out
