"""A night as a CI plays it, `make nightly` and all, with reference agents on tiny tasks; and what compare makes of it.

The candidate breaks rules of every kind, the control does everything right, and a third arm is the control once more:
two that differ are told apart by real trials, two that are equal are not.
"""

from __future__ import annotations

import csv
import json
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from chaos.world import build
from conftest import ROOT
from test_compare import compared, harness

TASKS, REPEATS = ("right", "wrong", "refuses"), 2
"""Tasks of the tiny world; they differ in their sprint alone."""
MATRIX = """repeats = {repeats}
tasks = {tasks}
[arms.control]
model = "reference/oracle"
[arms.candidate]
model = "reference/careless"
[arms.again]
model = "reference/oracle"
"""


def make_nightly(matrix: Path, results: Path) -> subprocess.CompletedProcess[str]:
    """The target; what it would set up is there already, or these tests would not run."""
    given = {"MATRIX": matrix, "RESULTS": results, "SANDBOX": "bubblewrap", "BUDGET": 1}
    command = ["make", "--no-print-directory", "--old-file=.venv/.ready", "nightly"]
    variables = [f"{name}={value}" for name, value in given.items()]
    return subprocess.run([*command, *variables], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The results folder after a night of three arms, and what the target said."""
    root = tmp_path_factory.mktemp("night")
    world = build(root / "world", TASKS)
    folders = [str(world.tree / "tasks" / name) for name in world.tasks]
    matrix = root / "nightly.toml"
    matrix.write_text(MATRIX.format(repeats=REPEATS, tasks=json.dumps(folders)))
    return root / "results", make_nightly(matrix, root / "results")


Night = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_night_is_run_recorded_plotted_and_exported(night: Night) -> None:
    results, done = night
    assert done.returncode == 0, done.stdout + done.stderr
    planned = 3 * len(TASKS) * REPEATS
    code, out, _ = harness("nightly", "--take", run_of(results), "--results", results, "--format", "json")
    (point,) = json.loads(out)
    # Of each task the candidate's 0 of 2 against the control's 2 of 2: psi^0 C(4,2) / (1 + 4/2 + 1/4).
    assert (code, point["evidence"]) == (0, pytest.approx((6 / 3.25) ** 3))
    assert point["level"] == point["evidence"]
    assert point["invalid"] == {}
    assert "candidate" in (results / "nightly.md").read_text()
    assert ElementTree.fromstring((results / "nightly.svg").read_text()).tag.endswith("svg")
    cases = ElementTree.fromstring((results / "nightly.xml").read_text()).iter("testcase")
    assert {case.get("name") for case in cases} >= {"test_answer.py::test_the_answer_is_given"}
    with (results / "nightly.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == planned
    assert (results / "nightly-run.md").read_text().startswith("## Run")


@pytest.mark.sandbox
@pytest.mark.slow
def test_the_arms_of_a_night_are_interleaved_and_named_as_in_the_file(night: Night) -> None:
    results, _ = night
    manifest = json.loads((results / run_of(results) / "run.json").read_text())
    order = [trial["arm"] for trial in manifest["trials"]]
    assert sorted(set(order)) == ["again", "candidate", "control"]
    assert order != sorted(order)
    assert manifest["budget_usd"] == 1.0
    assert manifest["sandbox"] == "bubblewrap"


@pytest.mark.sandbox
@pytest.mark.slow
@pytest.mark.parametrize("question", ["population", "suite"])
def test_reference_arms_that_differ_are_told_apart_and_equal_ones_are_not(night: Night, question: str) -> None:
    results, _ = night
    asked = ("--run", run_of(results), "--question", question)
    worse, alike = (compared(results, "control", name, *asked) for name in ("candidate", "again"))
    assert (worse["verdict"], worse["difference"], worse["question"]) == ("worse", -1.0, question)
    assert worse["interval"][1] < 0
    assert (alike["verdict"], alike["difference"]) == ("no difference seen", 0.0)
    assert alike["interval"][0] < 0 < alike["interval"][1]
    assert compared(results, "candidate", "control", *asked)["verdict"] == "better"


def run_of(results: Path) -> str:
    """The one run that is there."""
    (found,) = (path.parent.name for path in results.glob("*/run.json"))
    return found


# --- its flags ---------------------------------------------------------------------------------------------------


def test_a_night_takes_what_it_does_not_say_from_the_parser_of_run(tmp_path: Path) -> None:
    from harness.cli import _parser
    from harness.nightly import _as_run

    flags = ["--matrix", "m.toml", "--results", str(tmp_path), "--budget", "2.5", "--rulebook", "rules.toml"]
    night, run = (_parser().parse_args([verb, *flags]) for verb in ("nightly", "run"))
    assert vars(_as_run(night)) == vars(run)


@pytest.mark.parametrize("flags", [["--jobs", "0"], ["--jobs", "many"], ["--budget", "much"]])
def test_a_nights_flags_are_refused_as_those_of_run(tmp_path: Path, flags: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        harness("nightly", "--matrix", tmp_path / "none.toml", "--results", tmp_path, *flags)
    assert ended.value.code == 2


def test_a_matrix_that_is_not_there_ends_the_target_before_anything_is_exported(tmp_path: Path) -> None:
    done = make_nightly(tmp_path / "none.toml", tmp_path / "results")
    assert done.returncode == 2
    assert "none.toml" in done.stderr
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["nightly.md"]
