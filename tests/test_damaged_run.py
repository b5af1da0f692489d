"""A run whose plan is damaged, among others: every command that looks at several runs names it and reads the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stored_runs import arm, passes, run_of, tasks
from test_compare import A, B, harness

CREATED = '"created": "2026-01-09T00:00:00+00:00"'


@pytest.fixture(params=["{\n \n", f'{{\n {CREATED},\n "run": 7\n}}'])
def results(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Two whole runs, and a damaged one that is, or may be, the newest."""
    for day, run in enumerate(("first", "second"), 1):
        made = {"created": f"2026-01-0{day}T00:00:00+00:00"}
        run_of(tmp_path, {"control": passes(A, 3), "candidate": passes(B, 3)}, run=run, settings=made)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text(request.param)
    return tmp_path


def named(results: Path, err: str) -> bool:
    """Whether the damaged run is named as a warning, with file and line."""
    plan = results / "broken" / "run.json"
    return err.startswith("warning: ") and any(f"{plan}:{line}: damaged: " in err for line in (1, 3))


def test_the_history_of_all_runs_goes_without_it(results: Path) -> None:
    code, out, err = harness("history", "--results", results)
    assert (code, named(results, err)) == (0, True), err
    assert "first" in out
    assert "second" in out


@pytest.mark.parametrize("verb", ["table", "reliability", "front"])
def test_the_newest_run_is_the_newest_that_can_be_read(results: Path, verb: str) -> None:
    code, out, err = harness(verb, "--results", results)
    assert (code, named(results, err)) == (0, True), err
    assert out == harness(verb, "second", "--results", results)[1]


def test_one_trial_is_shown(results: Path) -> None:
    trial = json.loads((results / "second" / "run.json").read_bytes())["trials"][0]["trial"]
    code, out, err = harness("show", trial, "--results", results)
    assert (code, named(results, err)) == (0, True), err
    assert trial in out


def test_a_night_is_judged(results: Path) -> None:
    taken = ("nightly", "--take", "second", "--results", results, "--format", "json")
    code, out, err = harness(*taken)
    assert (code, err) == (0, ""), "no other run is looked at"
    assert json.loads(out)


def test_a_plan_takes_its_prices_from_the_others(results: Path) -> None:
    paid = {"oracle": passes([1], 1)}
    run_of(results, paid, run="paid", arms=[arm("oracle", model="reference/oracle")], planned=tasks(1))
    code, out, err = harness("plan", "--agents", "oracle", "--results", results)
    assert (code, named(results, err)) == (0, True), err
    assert "from 1 trials" in out


@pytest.mark.parametrize("verb", [("resume", "--dry-run"), ("resume",), ("grade",)])
def test_no_work_begins_on_another_run_than_the_newest(results: Path, verb: tuple[str, ...]) -> None:
    code, _, err = harness(*verb, "--results", results)
    assert code == 2
    assert f"{results / 'broken' / 'run.json'}:" in err
    assert "name another run" in err


def test_who_names_it_is_told(results: Path) -> None:
    for verb in (("table", "broken"), ("history", "first", "broken"), ("compare", "broken:control", "first:control")):
        code, _, err = harness(*verb, "--results", results)
        assert (code, f"{results / 'broken' / 'run.json'}:" in err, "mend:" in err) == (2, True, True), verb
