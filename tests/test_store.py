"""The store: what was written comes back whole, and what was damaged is named instead of believed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from harness.core.digest import sha256
from harness.core.errors import Cause, Failure, UsageError
from harness.core.ports import Snapshot
from harness.core.records import (
    SCHEMA_VERSION,
    CheckResult,
    Commit,
    Cost,
    Ended,
    EndedKind,
    Entry,
    Finding,
    Grade,
    History,
    Outcome,
    SeenProcess,
    Tree,
    Usage,
    Validity,
    Witness,
)
from harness.core.runs import AttemptLine, JournalLine, RunManifest, VerdictLine
from harness.core.transcript import EventKind
from harness.store import layout
from harness.store.evidence import load_evidence, load_grade, load_grades, save_evidence, save_grade
from harness.store.journal import EventLog, Journal, read, read_events
from harness.store.layout import PART, RunFolder, hold, json_bytes, plain, resolve_run, runs, write_atomic
from harness.store.place import line_of

TRIAL = "00c0ffee00c0ffee"


def manifest(run: str = "run-1", created: str = "2026-01-01T00:00:00Z") -> RunManifest:
    return RunManifest(
        run=run,
        created=created,
        order_seed=1,
        sandbox="bubblewrap",
        price_date="2026-01-01",
        kickoff_digest="k",
        arms=(),
        tasks=(),
        trials=(),
    )


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, manifest())


# --- layout ------------------------------------------------------------------------------------------------------


def test_a_run_is_opened_as_it_was_created(tmp_path: Path) -> None:
    created = RunFolder.create(tmp_path, manifest())
    opened = RunFolder.open(created.root)
    assert opened.manifest == manifest()
    assert opened.attempt_dir(TRIAL, 2) == tmp_path / "run-1" / "trials" / TRIAL / "2"
    with pytest.raises(UsageError, match="this run exists already"):
        RunFolder.create(tmp_path, manifest())


def test_a_run_that_was_never_whole_is_not_there_and_is_swept(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        RunFolder.create(tmp_path, manifest(), {"one.md": b"1", "two.md": cast(bytes, None)})
    assert list(tmp_path.iterdir()) == []
    killed = tmp_path / f".run-1{PART}"
    killed.mkdir()
    (killed / "one.md").write_bytes(b"1")
    with hold(tmp_path):
        assert not killed.exists()
        assert RunFolder.create(tmp_path, manifest(), {"one.md": b"1"}).root == tmp_path / "run-1"


def test_a_results_folder_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written") as caught:
        RunFolder.create(tmp_path / "results", manifest())
    assert caught.value.mend


PLAN = json.dumps(json.loads(manifest().model_dump_json()), indent=1)


@pytest.mark.parametrize(
    ("content", "expected", "place"),
    [
        (None, "cannot be read", ""),
        ("{}", "damaged: run: Field required", ":1"),
        ("{", "damaged: Invalid JSON", ":1"),
        (manifest().model_dump_json().replace(":1,", ":9,", 1), "schema version 9", ":1"),
        (PLAN.replace('"schema_version": 1', '"schema_version": 9'), "schema version 9", ":2"),
        (PLAN.replace('"order_seed": 1', '"order_seed": "one"'), "damaged: order_seed: ", ":5"),
        (PLAN.replace('"order_seed": 1', '"order_seed": one'), "damaged: Invalid JSON", ":5"),
        ("\n\n" + PLAN.replace('"run": ', '"ran": '), "damaged: run: Field required", ":3"),
        (PLAN.replace("run-1", "\ud800"), "damaged: Invalid JSON", ":3"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named(
    tmp_path: Path, content: str | None, expected: str, place: str
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError, match=expected) as caught:
        RunFolder.open(tmp_path)
    assert caught.value.where == f"{tmp_path / 'run.json'}{place}"
    assert caught.value.mend


NESTED = b"""

{ "a" : [1, {"b": "}\\n{\\"",
  "c": [ [],
    {"\\u0064":
      7}
  ]}],
  "e": 10"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ((), 3),
        (("a",), 3),
        (("a", 1, "b"), 3),
        (("a", 1, "c"), 4),
        (("a", 1, "c", 0), 4),
        (("a", 1, "c", 1), 5),
        (("a", 1, "c", 1, "d"), 6),
        (("a", 1, "c", 1, "none"), 5),
        (("a", 1, "c", 9), 4),
        (("a", 0, "deeper"), 3),
        (("none",), 3),
        (("e",), 8),
        (("e", 4), 8),
    ],
)
@pytest.mark.parametrize("end", [b"}", b"0" * 5000 + b"}"])
def test_the_line_of_a_place_in_json(place: tuple[str | int, ...], line: int, end: bytes) -> None:
    assert line_of(NESTED + end, place) == line


def test_runs_are_listed_newest_last_and_found_by_name(tmp_path: Path) -> None:
    for run, created in (("a", "2026-03-01T00:00:00Z"), ("b", "2026-01-01T00:00:00Z"), ("c", "2026-02-01T00:00:00Z")):
        RunFolder.create(tmp_path, manifest(run, created))
    (tmp_path / "baselines").mkdir()
    assert resolve_run(tmp_path, None).manifest.run == "a"
    assert resolve_run(tmp_path, "b").manifest.run == "b"
    write_atomic(tmp_path / "broken" / "run.json", b"{")
    assert [path.name for path in runs(tmp_path)] == ["broken", "b", "c", "a"]
    with pytest.raises(UsageError, match="unknown run 'brokem'; did you mean 'broken'"):
        resolve_run(tmp_path, "brokem")
    with pytest.raises(UsageError, match="no run here"):
        resolve_run(tmp_path / "none", None)


@pytest.mark.parametrize("damage", ["{", '{"created": "2026-09-01T00:00:00Z"}'])
def test_the_newest_run_is_the_newest_that_can_be_read_and_no_work_begins_on_it(tmp_path: Path, damage: str) -> None:
    RunFolder.create(tmp_path, manifest("old", "2026-01-01T00:00:00Z"))
    RunFolder.create(tmp_path, manifest("new", "2026-02-01T00:00:00Z"))
    write_atomic(tmp_path / "broken" / "run.json", damage.encode())
    told: list[UsageError] = []
    assert resolve_run(tmp_path, None, told.append).manifest.run == "new"
    assert [error.where for error in told] == [f"{tmp_path / 'broken' / 'run.json'}:1"]
    with pytest.raises(UsageError, match="damaged") as caught:
        resolve_run(tmp_path, None)
    assert caught.value.where == told[0].where
    assert resolve_run(tmp_path, "old").manifest.run == "old"
    for name in ("old", "new"):
        write_atomic(tmp_path / name / "run.json", b"")
    with pytest.raises(UsageError, match="no run here can be read"):
        resolve_run(tmp_path, None, told.append)
    assert len(told) == 4


HOLD = """
import sys
from pathlib import Path
from harness.store.layout import RunFolder
with RunFolder.open(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_a_dead_one_holds_nothing(folder: RunFolder) -> None:
    argv = [sys.executable, "-c", HOLD, str(folder.root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match="another harness process"), folder.lock():
            pass
        holder.kill()
        holder.wait()
        with folder.lock():
            pass


def test_attempts_are_numbered_past_every_folder_that_is_there(folder: RunFolder) -> None:
    assert folder.next_attempt(TRIAL) == 1
    folder.attempt_dir(TRIAL, 10).mkdir(parents=True)
    folder.attempt_dir(TRIAL, 9).mkdir(parents=True)
    assert folder.next_attempt(TRIAL) == 11


class Disk:
    """Keeps what was brought to the disk, in order: the path of the descriptor, and what could be seen then."""

    def __init__(self, watched: Path) -> None:
        self.synced: list[tuple[Path, bool | bytes]] = []
        self._watched = watched

    def __call__(self, descriptor: int) -> None:
        os.fsync(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        self.synced.append((path, path.read_bytes() if path.is_file() else self._watched.exists()))


def test_a_file_is_on_the_disk_before_its_name_and_the_name_before_anybody_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "trials" / "t" / "evidence.json"
    disk = Disk(path)
    write_atomic(path, b"whole", disk)
    above, around, file, name = disk.synced
    assert (above, around) == ((tmp_path, False), (tmp_path / "trials", False))
    assert (file[0].suffix, file[1]) == (PART, b"whole")
    assert name == (path.parent, True)
    write_atomic(path, b"again", disk)
    assert [place for place, _ in disk.synced[5:]] == [path.parent]


def test_reserved_money_is_on_the_disk_and_other_events_wait_for_it(tmp_path: Path) -> None:
    path = tmp_path / "t" / "1" / "events.jsonl"
    disk = Disk(path)
    with EventLog(path, disk) as log:
        assert [place for place, _ in disk.synced] == [tmp_path, tmp_path / "t", path.parent]
        assert disk.synced[-1][1], "the file's name is on the disk"
        kinds: tuple[EventKind, ...] = ("kickoff", "reserve", "wait", "exchange", "assistant", "tool_result", "note")
        for kind in kinds:
            log.append(kind, {})
        (place, found), *more = disk.synced[3:]
        assert (place, more) == (path, [])
        assert isinstance(found, bytes)
        assert [json.loads(line)["kind"] for line in found.splitlines()] == ["kickoff", "reserve"]
    assert len(disk.synced) == 5


@given(data=st.binary(max_size=2000))
@settings(max_examples=30, deadline=None)
def test_blobs_come_back(data: bytes) -> None:
    with TemporaryDirectory() as root:
        blobs = RunFolder(Path(root), manifest()).blobs
        name = blobs.put(data)
        assert name == sha256(data)
        assert blobs.put(data) == name
        assert blobs.get(name) == data
        assert [path.name for path in Path(root).rglob("*") if path.is_file()] == [name]


def test_damaged_and_missing_blobs_are_the_harness_s_fault(folder: RunFolder) -> None:
    name, other = folder.blobs.put(b"one"), folder.blobs.put(b"two")
    path = folder.root / "blobs" / name[:2] / name
    path.write_bytes((folder.root / "blobs" / other[:2] / other).read_bytes())
    for asked in (name, "0" * 64, "../../run.json"):
        with pytest.raises(Failure) as caught:
            folder.blobs.get(asked)
        assert caught.value.cause is Cause.HARNESS
    path.write_bytes(b"no zlib")
    with pytest.raises(Failure, match=name):
        folder.blobs.get(name)


def test_small_blobs_are_read_from_the_disk_once_and_little_of_them_is_kept(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "KEPT_BLOBS", 1000)
    names = [folder.blobs.put(b"%04d" % number * 100) for number in range(20)]
    large = folder.blobs.put(bytes(layout.SMALL_BLOB + 1))
    assert folder.blobs.get(names[0]) == b"0000" * 100
    assert len(folder.blobs.get(large)) == layout.SMALL_BLOB + 1
    shutil.rmtree(folder.root / "blobs")
    assert folder.blobs.get(names[0]) == b"0000" * 100
    with pytest.raises(Failure, match=large):
        folder.blobs.get(large)
    names = [folder.blobs.put(b"%04d" % number * 100) for number in range(20)]
    for name in names:
        folder.blobs.get(name)
    shutil.rmtree(folder.root / "blobs")
    kept = 0
    for name in names:
        with contextlib.suppress(Failure):
            kept += len(folder.blobs.get(name))
    assert 400 <= kept <= 1400


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_atomic(tmp_path / "taken", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner)))
@settings(max_examples=60)
def test_plain_values_are_json_and_stay_as_they_are_when_they_can(value: object) -> None:
    kept = plain(value)
    text = json.dumps(kept, allow_nan=False)
    assert json.loads(text) == kept
    assert plain(kept) == kept


def test_plain_takes_what_json_cannot_say() -> None:
    deep: object = "end"
    for _ in range(100_000):
        deep = [deep]
    assert "[nested too deep]" in json.dumps(plain(deep))
    assert plain({"a\ud800": float("nan"), "b": "\ud83d\ude00"}) == {"a\ufffd": "nan", "b": "\U0001f600"}
    with pytest.raises(TypeError):
        plain(object())


# --- journal -----------------------------------------------------------------------------------------------------

TEXT = st.text(max_size=20)
ATTEMPTS = st.builds(
    AttemptLine,
    schema_version=st.just(SCHEMA_VERSION),
    trial=TEXT,
    attempt=st.integers(1, 5),
    ended=st.none() | st.builds(Ended, kind=st.sampled_from(EndedKind), detail=TEXT),
    validity=st.builds(Validity, cause=st.none() | st.sampled_from(Cause), detail=TEXT),
    usage=st.builds(Usage, input=st.integers(0, 10**9)),
    cost=st.builds(Cost, micro_usd=st.integers(0, 10**12), complete=st.booleans()),
    wall_s=st.floats(0, 1e6),
)
VERDICTS = st.builds(
    VerdictLine,
    schema_version=st.just(SCHEMA_VERSION),
    trial=TEXT,
    attempt=st.integers(1, 5),
    validity=st.just(Validity()),
    solved=st.booleans(),
    clauses=st.dictionaries(TEXT, st.floats(0, 1), max_size=3),
    failed=st.lists(TEXT, max_size=3).map(tuple),
    why_not=TEXT,
    wall_s=st.floats(0, 1e6),
)
LINES = st.lists(ATTEMPTS | VERDICTS, min_size=1, max_size=6)


def written(path: Path, lines: list[JournalLine]) -> bytes:
    with Journal(path) as journal:
        for line in lines:
            journal.append(line)
    return path.read_bytes()


@given(lines=LINES)
@settings(max_examples=50, deadline=None)
def test_a_journal_is_read_as_it_was_written(lines: list[JournalLine]) -> None:
    with TemporaryDirectory() as root:
        path = Path(root) / "journal.jsonl"
        written(path, lines)
        assert read(path) == (lines, [])


@given(lines=LINES, data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_journal_cut_anywhere_loses_the_last_line_at_most_and_goes_on(
    lines: list[JournalLine], data: st.DataObject
) -> None:
    with TemporaryDirectory() as root:
        path = Path(root) / "journal.jsonl"
        whole = written(path, lines)
        end = whole.rstrip(b"\n").rfind(b"\n") + 1
        cut = data.draw(st.integers(end, len(whole)))
        path.write_bytes(whole[:cut])
        kept, damages = read(path)
        assert damages == []
        assert kept == (lines if cut >= len(whole) - 1 else lines[:-1])
        written(path, [lines[0]])
        assert read(path) == ([*kept, lines[0]], [])


def test_a_journal_not_yet_written_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path / "journal.jsonl") == ([], [])


LINE = AttemptLine(trial=TRIAL, attempt=1, ended=None, validity=Validity(cause=Cause.SANDBOX))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (b"\0\0\0\0", "Invalid JSON"),
        (b'{"type":"attempt","trial":', "Invalid JSON"),
        (b'{"type":"rumour"}', "does not match any of the expected tags"),
        (b'{"trial":"a"}', "Unable to extract tag"),
        (b'{"type":"attempt","trial":"a"}', "attempt.attempt: Field required"),
        (json_bytes({**LINE._asdict(), "score": 1}), "Extra inputs are not permitted"),
        (json_bytes({**LINE._asdict(), "schema_version": 2}), "schema version 2"),
        (b"\xff", "Invalid JSON"),
    ],
)
def test_a_damaged_line_is_named_and_the_rest_is_read(tmp_path: Path, damage: bytes, reason: str) -> None:
    path = tmp_path / "journal.jsonl"
    whole = written(path, [LINE])
    path.write_bytes(whole + damage + b"\n" + whole)
    lines, damages = read(path)
    assert lines == [LINE, LINE]
    assert [(found.file, found.line_number) for found in damages] == [(path, 2)]
    assert reason in str(damages[0])
    assert str(damages[0]).startswith(f"{path}:2: ")


def test_hostile_text_does_not_stop_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path, [VerdictLine(trial=TRIAL, attempt=1, validity=Validity(), why_not="\ud800\n\x00\x1b[2J")])
    lines, damages = read(path)
    assert damages == []
    assert isinstance(lines[0], VerdictLine)
    assert lines[0].why_not == "\ufffd\n\x00\x1b[2J"


# --- events ------------------------------------------------------------------------------------------------------


def test_events_of_many_threads_are_numbered_without_gaps(tmp_path: Path) -> None:
    path = tmp_path / "a" / "events.jsonl"
    with EventLog(path) as log:

        def write() -> None:
            for number in range(50):
                log.append("note", {"number": number})

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    events, damages = read_events(path)
    assert damages == []
    assert [event.seq for event in events] == list(range(1, 201))
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_an_event_log_is_never_written_twice(tmp_path: Path) -> None:
    EventLog(tmp_path / "events.jsonl").close()
    with pytest.raises(FileExistsError):
        EventLog(tmp_path / "events.jsonl")


def test_an_agents_strangest_input_is_an_event_like_any_other(tmp_path: Path) -> None:
    deep: list[JsonValue] = []
    for _ in range(500):
        deep = [deep]
    with EventLog(tmp_path / "events.jsonl") as log:
        log.append(
            "assistant", {"turn": 1, "text": "\udfff", "calls": [{"id": "1", "name": "x", "input": {"d": deep}}]}
        )
        log.append("note", {"number": float("inf"), "big": 10**400})
    events, damages = read_events(tmp_path / "events.jsonl")
    assert damages == []
    assert events[0].data["text"] == "\ufffd"
    assert events[1].data == {"number": "inf", "big": 10**400}


def test_torn_and_missing_events_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert str(read_events(path)[1][0]) == f"{path}:0: missing"
    with EventLog(path) as log:
        log.append("note", {})
        log.append("note", {})
    path.write_bytes(path.read_bytes()[:-5])
    events, damages = read_events(path)
    assert len(events) == 1
    assert [damage.line_number for damage in damages] == [2]


# --- evidence ----------------------------------------------------------------------------------------------------


def snapshot(files: dict[str, bytes], **further: Entry) -> Snapshot:
    entries = {path: Entry(sha256=sha256(data), size=len(data)) for path, data in files.items()}
    return Snapshot({**entries, **further}, {sha256(data): data for data in files.values()}, ("limit hit",))


HISTORY = History(
    seed="5" * 40,
    head="6" * 40,
    commits=(Commit(id="6" * 40, parents=("5" * 40,), author="\ud800 <a@b>", committer="b", message="m"),),
    seed_reachable=True,
    refs_before={},
    refs_after={"refs/heads/\udcff": "6" * 40},
    origin_before={},
    origin_after={},
)
WITNESS = Witness(processes=(SeenProcess(argv=("sh", "-c", "\udcff")),))


def save(folder: RunFolder, final: Snapshot, reply: str = "## REPORT\n") -> str:
    with EventLog(folder.attempt_dir(TRIAL, 1) / "events.jsonl") as log:
        log.append("assistant", {"turn": 1, "text": reply, "calls": []})
    return save_evidence(
        folder,
        TRIAL,
        1,
        base=Tree.of({"app/a.py": "old", "app/b.py": "same"}),
        snapshot=final,
        history=HISTORY,
        witness=WITNESS,
        reply=reply,
        ended=Ended(kind=EndedKind.LIMIT, detail="turns"),
        flags=("nested repository", "limit hit"),
    )


def test_evidence_comes_back(folder: RunFolder) -> None:
    sealed = save(folder, snapshot({"app/a.py": b"new", "app/b.py": b"same", ".git/HEAD": b"ref"}))
    evidence = load_evidence(folder, TRIAL, 1)
    assert evidence.final.digest() == sealed
    assert [change.path for change in evidence.changes] == ["app/a.py"]
    assert evidence.base.text("app/a.py") == "old"
    assert evidence.final.text("app/a.py") == "new"
    assert ".git/HEAD" not in evidence.final.entries
    assert evidence.flags == ("limit hit", "nested repository")
    assert evidence.ended == "limit"
    assert evidence.reply == "## REPORT\n"
    assert [turn.text for turn in evidence.transcript.turns] == ["## REPORT\n"]
    assert evidence.witness == Witness(processes=(SeenProcess(argv=("sh", "-c", "\ufffd")),))
    assert evidence.history is not None
    assert evidence.history.commits[0].author == "\ufffd <a@b>"


def test_a_tree_full_of_traps_is_sealed_and_flagged(folder: RunFolder) -> None:
    save(
        folder,
        snapshot(
            {"odd\udcff.py": b"1", "ok.py": b"2", "sub/.git": b"3"},
            huge=Entry(sha256="a" * 64, size=10**9),
            link=Entry(kind="link", target="/etc/\udcff"),
            pipe=Entry(kind="special"),
        ),
        reply="\ud800",
    )
    evidence = load_evidence(folder, TRIAL, 1)
    assert sorted(evidence.final.entries) == ["huge", "link", "odd\\udcff.py", "ok.py", "pipe", "sub/.git"]
    assert evidence.final.text("odd\\udcff.py") == "1"
    assert evidence.final.read("huge") is None
    assert evidence.final.entries["link"].target == "/etc/\\udcff"
    assert {"odd name: odd\\udcff.py", "content not taken: huge"} <= set(evidence.flags)


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("events.jsonl", b'{"seq":1}\n', "events.jsonl:1: "),
        ("events.jsonl", None, "events.jsonl:0: missing"),
        ("evidence.json", b"{}", "evidence.json:1: Field required"),
        ("evidence.json", None, "evidence.json: No such file"),
    ],
)
def test_damaged_evidence_is_the_harness_s_fault(
    folder: RunFolder, name: str, content: bytes | None, place: str
) -> None:
    save(folder, snapshot({"a.py": b"1"}))
    path = folder.attempt_dir(TRIAL, 1) / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(Failure) as caught:
        load_evidence(folder, TRIAL, 1)
    assert caught.value.cause is Cause.HARNESS
    assert place in str(caught.value)


def test_an_event_that_is_no_message_is_the_harness_s_fault(folder: RunFolder) -> None:
    save(folder, snapshot({"a.py": b"1"}))
    path = folder.attempt_dir(TRIAL, 1) / "events.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"turn"', b'"turm"'))
    with pytest.raises(Failure, match=r"events\.jsonl"):
        load_evidence(folder, TRIAL, 1)


def test_an_exchanged_tree_does_not_pass_for_the_sealed_one(folder: RunFolder) -> None:
    save(folder, snapshot({"a.py": b"1"}))
    path = folder.attempt_dir(TRIAL, 1) / "evidence.json"
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps({**record, "final": record["base"]}))
    with pytest.raises(Failure, match="differs from its digest"):
        load_evidence(folder, TRIAL, 1)


def test_grades_come_back_and_give_way_to_later_ones(folder: RunFolder) -> None:
    finding = Finding(message="m", quote="\ud800")
    check = CheckResult(id="P1", outcome=Outcome.FAIL, findings=(finding,))
    first = Grade(grader="rule_violations", version="1", digest="a", checks=(check,))
    second = first.model_copy(update={"digest": "b"})
    assert load_grade(folder, TRIAL, 1, "rule_violations") is None
    for grade in (first, second):
        save_grade(folder, TRIAL, 1, grade)
    loaded = load_grade(folder, TRIAL, 1, "rule_violations")
    assert loaded is not None
    assert (loaded.digest, loaded.checks[0].findings[0].quote) == ("b", "\ufffd")
    assert load_grades(folder, TRIAL, 1) == {"rule_violations": loaded}
    (folder.attempt_dir(TRIAL, 1) / "grades" / "rule_violations.json").write_text("{")
    with pytest.raises(Failure, match=r"rule_violations\.json"):
        load_grades(folder, TRIAL, 1)
