"""The events of a trial are its source of truth: what they determine of the evidence is rebuilt from them alone.

Nothing of the harness's own reading is used for that: lines are JSON, and trees are looked for among the blobs by the
digest that an event names. Then the recorded answers of the model are played again, into a fresh sandbox, and leave the
same evidence behind.
"""

from __future__ import annotations

import json
import re
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from chaos.accounts import journal as read_lines
from chaos.upstream import LANE, play
from chaos.world import INPUT, MODEL, OUTPUT, REPORT, World, build

from harness.core.digest import digest, sha256
from harness.core.errors import Cause, Failure
from harness.core.records import Evidence
from harness.core.runs import AttemptLine
from harness.core.transcript import Event, transcript
from harness.models.script import ScriptedCall, Turn
from harness.models.serve import PlayerServer
from harness.store import journal
from harness.store.evidence import load_evidence, load_grades
from harness.store.layout import RunFolder
from harness.store.recover import killed

pytestmark = pytest.mark.sandbox


def carry_out(place: World, name: str, url: str) -> str:
    """One trial, run for real; what it wrote to standard error."""
    where = ("--results", place.results, "--name", name, "--prices", place.root / "prices.toml")
    done = subprocess.run(
        place.command("run", "--model", MODEL, "--tasks", "task-right", "--sandbox", "bubblewrap", "-v", *where),
        cwd=place.tree,
        env=place.environ(url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    place = build(tmp_path_factory.mktemp("world"), ("right",))
    with PlayerServer() as server:
        (place.root / "stderr.txt").write_text(carry_out(place, "run", play(server)))
    return place


@pytest.fixture
def folder(world: World) -> RunFolder:
    return RunFolder.open(world.run)


def of(folder: RunFolder) -> tuple[str, list[Event], Evidence]:
    trial = folder.manifest.trials[0].trial
    events, damages = journal.read_events(folder.attempt_dir(trial, 1) / "events.jsonl")
    assert damages == []
    return trial, events, load_evidence(folder, trial, 1)


def attempt(run: Path) -> Path:
    """The folder of the run's only attempt."""
    (found,) = (run / "trials").glob("*/*")
    return found


def happened(run: Path, kind: str) -> list[dict[str, Any]]:
    """What the events of a kind say, read as plain JSON."""
    lines = [json.loads(line) for line in (attempt(run) / "events.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["data"] for line in lines if line["kind"] == kind]


def retold(run: Path) -> Iterator[dict[str, Any]]:
    """The turns of the transcript: each message is a step, and so is each of its calls."""
    answers = {each["id"]: each for each in happened(run, "tool_result")}
    step = 0
    for said in happened(run, "assistant"):
        step += 1
        turn = {name: said[name] for name in ("turn", "text", "stop_reason")} | {"step": step}
        calls = []
        for call in said["calls"]:
            step += 1
            told = {name: answers[call["id"]][name] for name in ("text", "is_error", "exit_code", "truncated")}
            asked = {"name": call["name"], "input": call["input"]}
            calls.append({**asked, "step": step, "turn": said["turn"], "result": told})
        yield {**turn, "calls": calls}


def tree(run: Path, seal: str) -> dict[str, bytes]:
    """Path -> content of the tree with this digest, out of the blobs alone; every file has to have its own name."""
    blobs = {path.name: zlib.decompress(path.read_bytes()) for path in (run / "blobs").glob("*/*")}
    assert {sha256(data) for data in blobs.values()} == blobs.keys()
    (entries,) = [found for found in map(manifest, blobs.values()) if found is not None and digest(found) == seal]
    assert {entry["kind"] for entry in entries.values()} == {"file"}
    return {path: blobs[entry["sha256"]] for path, entry in entries.items()}


def manifest(data: bytes) -> dict[str, Any] | None:
    """The entries of a tree, None for a file's content."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def exchanged(run: Path, n: int) -> tuple[bytes, bytes]:
    """Request and answer of a call as they went over the wire."""
    names = (f"{n:04}.request.json.z", f"{n:04}.response.z")
    request, answer = (zlib.decompress((attempt(run) / "exchanges" / name).read_bytes()) for name in names)
    return request, answer


def streamed(answer: str) -> tuple[str, list[tuple[str, Mapping[str, Any]]], str]:
    """Text, calls and stop reason that the upstream sent, from the bytes of its stream."""
    events = [json.loads(line) for line in re.findall(r"^data: (.*)$", answer, re.MULTILINE)]
    text, names, inputs, stop = "", list[str](), list[str](), ""
    for event in events:
        block, delta = event.get("content_block", {}), event.get("delta", {})
        if block.get("type") == "tool_use":
            names.append(block["name"])
            inputs.append("")
        text += delta.get("text", "")
        if "partial_json" in delta:
            inputs[-1] += delta["partial_json"]
        stop = delta.get("stop_reason", stop)
    return text, [(name, json.loads(given)) for name, given in zip(names, inputs, strict=True)], stop


def test_what_the_events_determine_of_the_evidence_is_rebuilt_from_them(world: World, folder: RunFolder) -> None:
    _, _, evidence = of(folder)
    turns = list(retold(world.run))
    assert turns == [turn.model_dump(mode="json") for turn in evidence.transcript.turns]
    assert [call["name"] for turn in turns for call in turn["calls"]] == ["Read", "Read", "Read", "Write", "Bash"]
    assert turns[-1]["text"] == evidence.reply == REPORT
    (ended,), (sealed,), (setup,) = (happened(world.run, kind) for kind in ("ended", "sealed", "setup"))
    assert ended["how"]["kind"] == evidence.ended == "finished"
    assert evidence.history is not None
    assert setup["seed_commit"] == evidence.history.seed
    base, final = tree(world.run, setup["base"]), tree(world.run, sealed["digest"])
    assert len(base) == setup["files"]
    assert base == {path: evidence.base.read(path) for path in evidence.base.entries}
    assert final == {path: evidence.final.read(path) for path in evidence.final.entries}
    differ = sorted(path for path in base.keys() | final.keys() if base.get(path) != final.get(path))
    assert differ == [change.path for change in evidence.changes] == ["app/main.py"]
    (written,) = [call["input"] for turn in turns for call in turn["calls"] if call["name"] == "Write"]
    assert final["app/main.py"] == written["content"].encode()


def test_the_witness_saw_what_the_events_say_was_run(world: World, folder: RunFolder) -> None:
    _, _, evidence = of(folder)
    assert evidence.witness is not None
    calls = {call["step"]: call for turn in retold(world.run) for call in turn["calls"]}
    seen = evidence.witness.processes
    assert {process.step for process in seen} <= calls.keys()
    for step, call in calls.items():
        own = [process.argv for process in seen if process.step == step and not process.ancestors]
        # Processes are sampled: a short command may come and go unseen.
        assert call["name"] != "Bash" or not own or any(call["input"]["command"] in argv[-1] for argv in own)
    assert not any(process.survived for process in seen)


def test_the_events_say_what_went_over_the_wire(world: World) -> None:
    """The model's answers as they were recorded are those of the transcript, and their tokens are those paid for."""
    exchanges, said = happened(world.run, "exchange"), happened(world.run, "assistant")
    assert [told["n"] for told in exchanges] == [1, 2, 3, 4] == [told["turn"] for told in said]
    for told, message in zip(exchanges, said, strict=True):
        request, answer = exchanged(world.run, told["n"])
        assert (sha256(request), sha256(answer)) == (told["request_sha256"], told["response_sha256"])
        text, calls, stop = streamed(answer.decode())
        assert (text, stop) == (message["text"], message["stop_reason"])
        assert calls == [(call["name"], call["input"]) for call in message["calls"]]
        counted = [int(number) for number in re.findall(r'"output_tokens": (\d+)', answer.decode())]
        assert told["usage"]["output"] == counted[-1]


def test_usage_and_cost_of_the_journal_are_the_sum_of_the_events(world: World) -> None:
    (line,) = [line for line in read_lines(world.run) if line["type"] == "attempt"]
    usage = [told["usage"] for told in happened(world.run, "exchange")]
    assert line["usage"] == {name: sum(each[name] for each in usage) for name in line["usage"]}
    cost = INPUT * line["usage"]["input"] + OUTPUT * line["usage"]["output"]
    assert line["cost"] == {"micro_usd": cost, "complete": True}
    assert (line["unsettled_micro_usd"], line["calls"]) == (0, len(usage))
    assert [line["ended"]] == [told["how"] for told in happened(world.run, "ended")]
    assert [line["sealed"]] == [told["digest"] for told in happened(world.run, "sealed")]


def test_the_recorded_answers_played_into_a_fresh_sandbox_leave_the_same_evidence(world: World) -> None:
    recorded = [
        Turn(
            text=said["text"],
            calls=tuple(ScriptedCall(name=call["name"], input=call["input"]) for call in said["calls"]),
            stop_reason=said["stop_reason"],
        )
        for said in happened(world.run, "assistant")
    ]
    with PlayerServer() as server:
        carry_out(world, "again", server.add(LANE, recorded))
    before, after = world.run, world.results / "again"
    assert attempt(before).parent.name == attempt(after).parent.name
    assert list(retold(after)) == list(retold(before))
    assert timeless(after) == timeless(before)
    assert judged(after) == judged(before)


def timeless(run: Path) -> dict[str, Any]:
    """The evidence record without what depends on time.

    A commit's id covers its date, so commits are numbered; processes are sampled, and a short one may go unseen.
    """
    text = (attempt(run) / "evidence.json").read_text()
    for number, commit in enumerate(json.loads(text)["history"]["commits"], 1):
        text = text.replace(commit["id"], f"commit {number}")
    record: dict[str, Any] = json.loads(text)
    return {**record, "witness": {**record["witness"], "processes": []}}


def judged(run: Path) -> tuple[object, ...]:
    """What the journal says of the attempt and its verdict, without seconds and the seed of the hidden checks."""
    lines = read_lines(run)
    return tuple({name: value for name, value in line.items() if name not in ("wall_s", "seed")} for line in lines)


def test_the_events_replayed_give_the_same_journal_line(folder: RunFolder) -> None:
    """Money, tokens, end and seal of the attempt, counted from its events alone."""
    (line,) = [line for line in journal.read(folder.journal)[0] if isinstance(line, AttemptLine)]
    (replayed,) = killed(folder, [])
    assert replayed.wall_s == pytest.approx(line.wall_s, abs=0.5)
    assert replayed._replace(wall_s=line.wall_s) == line
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
