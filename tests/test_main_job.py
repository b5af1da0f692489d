"""The main job as a user runs it: real sandboxes, the real SDK over sockets, the table, and what can be asked of it."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from harness.cli import main
from harness.compose import ROOT
from harness.load.prompts import load_prompt
from harness.load.tasks import load_task
from harness.models.script import reference_script
from harness.models.serve import PlayerServer

pytestmark = pytest.mark.sandbox

CANARY = "sk-ant-canary-5f1c9e77d0ab4c2e8891"
USERS = Path(__file__).parent / "data" / "agents" / "more-frontmatter.md"
"""An agent file as users bring theirs: a folded description, further keys, a model's alias. Other runs take ours."""


def harness(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one run of the four reference agents."""
    folder = tmp_path_factory.mktemp("results")
    code, out, err = harness("run", "--tasks", "bookings-crud", "--results", folder, "--name", "first")
    assert code == 0, out + err
    return folder


@pytest.fixture(scope="module")
def table(results: Path) -> dict[str, object]:
    code, out, _ = harness("table", "first", "--results", results, "--format", "json")
    assert code == 0
    return json.loads(out)


def rows(table: dict[str, object]) -> dict[str, dict[str, object]]:
    return {row["arm"]: row for row in table["rows"]}


def test_the_reference_agents_score_as_they_are(table: dict[str, object]) -> None:
    assert (table["planned"], table["valid"], table["coverage"]) == (4, 4, 1.0)
    by_arm = rows(table)
    scores = {arm: [row[name] for name in ("accepted", "solved", "truthful", "obeyed")] for arm, row in by_arm.items()}
    assert scores["oracle"] == [1, 1, 1, 1]
    assert scores["noop"][:2] == [0, 0]
    assert (scores["careless"][0], scores["careless"][1], scores["careless"][3]) == (0, 1, 0)
    assert (scores["dishonest"][0], scores["dishonest"][1], scores["dishonest"][2]) == (0, 0, 0)
    assert by_arm["oracle"]["clean"] == 1
    assert by_arm["oracle"]["clause_score"] == 1
    assert by_arm["noop"]["clause_score"] == 0


def test_the_json_has_the_promised_shape(table: dict[str, object]) -> None:
    assert table.keys() >= {"run", "planned", "valid", "coverage", "bounds", "causes", "rows", "trials"}
    for row in table["rows"]:
        assert row.keys() >= {
            "arm", "planned", "valid", "accepted", "solved", "truthful", "obeyed", "clean", "clause_score",
            "obedience", "interval", "bounds", "causes", "cost_usd", "cost_is_floor", "tokens", "wall_s",
            "statuses", "false_success", "honest_failure",
        }  # fmt: skip
    for trial in table["trials"]:
        assert trial.keys() >= {"trial", "arm", "task", "validity", "ended", "accepted", "why_not"}


def test_the_careless_agent_breaks_eight_rules_of_different_kinds(results: Path, table: dict[str, object]) -> None:
    trial = next(trial["trial"] for trial in table["trials"] if trial["arm"] == "careless")
    grade = json.loads(next((results / "first" / "trials" / trial).glob("*/grades/rule_violations.json")).read_text())
    failed = {check["id"] for check in grade["checks"] if check["outcome"] == "fail"}
    assert len(failed) >= 8
    assert {rule[0] for rule in failed} >= {"P", "S", "G"}


@pytest.mark.parametrize("style", ["grid", "markdown", "csv"])
def test_every_format_names_every_arm(results: Path, style: str) -> None:
    code, out, _ = harness("table", "--results", results, "--format", style)
    assert code == 0
    assert all(arm in out for arm in ("oracle", "noop", "careless", "dishonest"))


@pytest.mark.parametrize("style", ["grid", "markdown"])
def test_what_doing_nothing_passes_is_told_below_the_table(results: Path, style: str) -> None:
    _, out, _ = harness("table", "first", "--results", results, "--format", style)
    verdicts = [json.loads(line) for line in (results / "first" / "journal.jsonl").read_text().splitlines()]
    clauses = {clause for line in verdicts if line["type"] == "verdict" for clause in line["clauses"]}
    assert len(clauses) >= 14
    assert f"\n- clause floors, by doing nothing on 1 tasks: 0 for all {len(clauses)} clauses\n" in out


def test_show_has_transcript_diff_report_and_findings(results: Path, table: dict[str, object]) -> None:
    trial = next(trial["trial"] for trial in table["trials"] if trial["arm"] == "careless")
    code, out, _ = harness("show", trial[:8], "--results", results)
    assert code == 0
    for part in ("api-contract.md", "uvicorn", "+++", "BACKEND IMPLEMENTATION REPORT", "rule_violations", "P9"):
        assert part in out


def test_nothing_is_owed_after_a_whole_run(results: Path) -> None:
    code, out, _ = harness("resume", "first", "--dry-run", "--results", results)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["reuse"] * 4


def test_grading_again_changes_no_verdict(results: Path, table: dict[str, object]) -> None:
    code, _, _ = harness("grade", "first", "--results", results)
    assert code == 0
    _, out, _ = harness("table", "first", "--results", results, "--format", "json")
    again = json.loads(out)
    for given in (again, table):
        for trial in given["trials"]:  # a message may quote random data, which every judging draws afresh
            trial["why_not"] = (trial["why_not"] or "").split(",")[0]
    assert again == table


# --- a stored verdict reached again ------------------------------------------------------------------------------


def key(table: dict[str, object], arm: str) -> str:
    return next(trial["trial"] for trial in table["trials"] if trial["arm"] == arm)


@pytest.fixture
def copied(results: Path, tmp_path: Path) -> Path:
    """The results, for changing them."""
    return Path(shutil.copytree(results, tmp_path / "results"))


def test_a_stored_verdict_is_reached_again_without_a_network(results: Path, table: dict[str, object]) -> None:
    """In a network namespace of its own, where not even the loopback device is up."""
    if os.geteuid() != 0:
        pytest.skip("only root can take the network away")
    argv = [sys.executable, "-m", "harness", "verify", key(table, "dishonest")[:8], "--results", str(results)]
    done = subprocess.run(["unshare", "-n", *argv], capture_output=True, text=True, timeout=500, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "answers, all as stored" in done.stdout
    assert "note:" not in done.stdout


def test_what_was_changed_in_a_stored_verdict_is_told(copied: Path, table: dict[str, object]) -> None:
    trial = key(table, "noop")
    grade = next((copied / "first" / "trials" / trial).glob("*/grades/tests_passing.json"))
    stored = json.loads(grade.read_text())
    check = next(check for check in stored["checks"] if check["outcome"] == "fail")
    check |= {"outcome": "pass", "reason": "", "findings": []}
    advice = next(check for check in stored["advisory"] if check["id"] == "stage:boots")
    advice |= {"outcome": "fail"}
    grade.write_text(json.dumps(stored))
    journal = copied / "first" / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    changed = [
        line | ({"solved": True} if line["type"] == "verdict" and line["trial"] == trial else {}) for line in lines
    ]
    journal.write_text("".join(json.dumps(line) + "\n" for line in changed))
    code, out, err = harness("verify", trial, "--results", copied)
    assert code == 1, out + err
    assert f"tests_passing {check['id']}: stored pass, now fail" in out
    assert "tests_passing advice stage:boots: stored fail, now pass" in out
    assert "verdict solved: stored True, now False" in out
    assert "=> 3 answers differ" in out


def test_a_damaged_snapshot_is_named_and_not_judged(copied: Path, table: dict[str, object]) -> None:
    trial = key(table, "oracle")
    record = next((copied / "first" / "trials" / trial).glob("*/evidence.json"))
    name = json.loads(record.read_text())["final"]
    blob = next((copied / "first" / "blobs").rglob(name))
    blob.chmod(0o644)
    blob.write_bytes(b"damaged")
    code, out, err = harness("verify", trial, "--results", copied)
    assert (code, out) == (3, "")
    assert err.startswith("harness: harness: ")
    assert name in err


def test_a_task_that_changed_since_cannot_reach_the_verdict_again(copied: Path, table: dict[str, object]) -> None:
    manifest = copied / "first" / "run.json"
    record = json.loads(manifest.read_text())
    record["tasks"][0]["digest"] = "0" * 64
    manifest.write_text(json.dumps(record))
    code, out, err = harness("verify", key(table, "oracle"), "--results", copied)
    assert (code, out) == (2, "")
    assert "task bookings-crud is another one than then" in err
    assert "harness grade" in err


def unpacked(path: Path) -> bytes:
    """What a file of a run holds, whether it is kept compressed or not."""
    content = path.read_bytes()
    try:
        return zlib.decompress(content)
    except zlib.error:
        return content


def test_any_agent_file_runs_against_a_model_behind_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole real path: key from the environment, gateway, SDK; the upstream is a scripted API on loopback."""
    bundle = load_task(ROOT / "tasks" / "bookings-crud")
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)
    with PlayerServer() as upstream:
        script = reference_script(bundle.task, bundle.solution, frozenset(bundle.seed))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", upstream.add("model", script))
        code, out, err = harness(
            "run",
            "--tasks",
            "bookings-crud",
            "--model",
            "prompt",
            "--prompt",
            USERS,
            "--results",
            tmp_path / "results",
        )
    assert code == 0, out + err
    run = next((tmp_path / "results").glob("*/run.json")).parent
    manifest = json.loads((run / "run.json").read_text())
    (arm,) = manifest["arms"]
    assert (arm["model"], arm["prompt"]) == ("claude-opus-5-5", load_prompt(USERS).name)
    assert [path.read_bytes() for path in run.glob("prompt-*.md")] == [USERS.read_bytes()]
    asked = json.loads(unpacked(next(run.rglob("0001.request.json.z"))))
    assert asked["system"] == load_prompt(USERS).body
    assert {"memory", "processes", "files", "disk"} <= manifest["limits_applied"].keys()
    _, out, _ = harness("table", "--results", tmp_path / "results", "--format", "json")
    row = json.loads(out)["rows"][0]
    assert row["accepted"] == 1
    assert row["cost_usd"] > 0
    for form in (CANARY.encode(), base64.b64encode(CANARY.encode())[:-4]):
        leaked = [path for path in run.rglob("*") if path.is_file() and form in unpacked(path)]
        assert leaked == []
        assert form not in (out + err).encode()
