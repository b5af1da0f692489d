"""The events of a trial are its source of truth: replayed, they give the same evidence record, or say they cannot."""

from __future__ import annotations

import json
import subprocess

import pytest
from chaos.upstream import play
from chaos.world import MODEL, REPORT, World, build

from harness.core.errors import Cause, Failure
from harness.core.records import Evidence
from harness.core.runs import AttemptLine
from harness.core.transcript import Event, transcript
from harness.models.serve import PlayerServer
from harness.store import journal
from harness.store.evidence import load_evidence, load_grades
from harness.store.layout import RunFolder
from harness.store.recover import killed

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One trial, run for real."""
    place = build(tmp_path_factory.mktemp("world"), ("right",))
    with PlayerServer() as server:
        where = ("--results", place.results, "--name", "run", "--prices", place.root / "prices.toml")
        done = subprocess.run(
            place.command("run", "--model", MODEL, "--tasks", "task-right", "-v", *where),
            cwd=place.tree,
            env=place.environ(play(server)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    (place.root / "stderr.txt").write_text(done.stderr)
    return place


@pytest.fixture
def folder(world: World) -> RunFolder:
    return RunFolder.open(world.run)


def of(folder: RunFolder) -> tuple[str, list[Event], Evidence]:
    trial = folder.manifest.trials[0].trial
    events, damages = journal.read_events(folder.attempt_dir(trial, 1) / "events.jsonl")
    assert damages == []
    return trial, events, load_evidence(folder, trial, 1)


def test_the_events_replayed_give_the_same_evidence(folder: RunFolder) -> None:
    _, events, evidence = of(folder)
    replayed = transcript(events)
    assert replayed == evidence.transcript
    assert replayed.complete
    assert [call.name for call in replayed.calls] == ["Read", "Read", "Read", "Write", "Bash"]
    assert all(call.result is not None and not call.result.is_error for call in replayed.calls)
    assert replayed.turns[-1].text == evidence.reply == REPORT
    (ended,) = [event.data["how"] for event in events if event.kind == "ended"]
    assert isinstance(ended, dict)
    assert ended["kind"] == evidence.ended
    (sealed,) = [event.data["digest"] for event in events if event.kind == "sealed"]
    assert sealed == evidence.final.digest()
    (setup,) = [event.data for event in events if event.kind == "setup"]
    assert evidence.history is not None
    assert (setup["seed_commit"], setup["files"]) == (evidence.history.seed, len(evidence.base.entries))
    written = next(call.input for call in replayed.calls if call.name == "Write")
    assert evidence.final.text("app/main.py") == written["content"]


def test_the_events_replayed_give_the_same_journal_line(folder: RunFolder) -> None:
    """Money, tokens, end and seal of the attempt, counted from its events alone."""
    (line,) = [line for line in journal.read(folder.journal)[0] if isinstance(line, AttemptLine)]
    (replayed,) = killed(folder, [])
    assert replayed.wall_s == pytest.approx(line.wall_s, abs=0.5)
    assert replayed.model_copy(update={"wall_s": line.wall_s}) == line
    assert line.cost.micro_usd > 0


def test_a_lost_event_is_never_replayed_in_silence(folder: RunFolder) -> None:
    trial, events, evidence = of(folder)
    for gone in range(1, len(events) - 1):
        assert not transcript(events[:gone] + events[gone + 1 :]).complete
    path = folder.attempt_dir(trial, 1) / "events.jsonl"
    whole = path.read_bytes()
    try:
        path.write_bytes(whole.replace(b'"kind":"assistant"', b'"kind":"assistent"', 1))
        number = next(event.seq for event in events if event.kind == "assistant")
        with pytest.raises(Failure) as caught:
            load_evidence(folder, trial, 1)
        assert caught.value.cause is Cause.HARNESS
        assert f"{path}:{number}:" in caught.value.message
    finally:
        path.write_bytes(whole)
    assert load_evidence(folder, trial, 1).transcript == evidence.transcript


def test_every_record_on_disk_says_its_schema_version(folder: RunFolder) -> None:
    trial = folder.manifest.trials[0].trial
    root = folder.attempt_dir(trial, 1)
    records = [folder.root / "run.json", root / "evidence.json", *sorted((root / "grades").glob("*.json"))]
    assert len(records) >= 6
    for path in records:
        assert json.loads(path.read_text())["schema_version"] == 1, path
    for path in (folder.journal, folder.root / "log.jsonl", root / "events.jsonl"):
        versions = [json.loads(line)["schema_version"] for line in path.read_text().splitlines()]
        assert versions, path
        assert set(versions) == {1}, path


@pytest.mark.parametrize("name", ["evidence.json", "grades/report_format.json"])
def test_a_record_of_another_version_is_named_and_not_read(folder: RunFolder, name: str) -> None:
    trial = folder.manifest.trials[0].trial
    path = folder.attempt_dir(trial, 1) / name
    whole = path.read_text()
    try:
        path.write_text(whole.replace('"schema_version":1', '"schema_version":2', 1))
        with pytest.raises(Failure, match="schema version 2") as caught:
            load_evidence(folder, trial, 1) if name == "evidence.json" else load_grades(folder, trial, 1)
        assert f"{path}:1" in caught.value.message
    finally:
        path.write_text(whole)


def test_what_has_a_line_is_not_told_again(folder: RunFolder) -> None:
    lines, _ = journal.read(folder.journal)
    assert killed(folder, lines) == []


def test_the_log_tells_the_run_and_a_person_can_follow_it(world: World, folder: RunFolder) -> None:
    lines = [json.loads(line) for line in (folder.root / "log.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["begins", "attempt begins", "attempt ended", "judged", "ends"]
    ended = lines[2]["data"]
    assert (ended["validity"], ended["ended"], ended["calls"]) == ("valid", "finished", 4)
    assert ended["micro_usd"] > 0
    followed = (world.root / "stderr.txt").read_text()
    for line in lines:
        assert f"{line['at']} {line['event']}" in followed
