"""The index of a journal: it never changes an answer, whatever became of it or of the journal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import arm as an_arm
from stored_runs import attempted, judged, manifest, tasks

from harness.core.errors import Cause
from harness.core.records import SCHEMA_VERSION, Cost, Ended, EndedKind, Usage, Validity
from harness.core.runs import AttemptLine, JournalLine, VerdictLine
from harness.store import journal
from harness.store.index import Columns
from harness.store.journal import Damage
from harness.store.layout import json_bytes

NEVER = 10**12
PLAN = manifest([an_arm("a")], tasks(2), 3)

texts = st.text(st.characters(codec="utf-8"), max_size=12)
counts = st.integers(0, 2**40)
seconds = st.floats(min_value=0, allow_nan=False) | st.just(-0.0)
attempts = st.builds(
    AttemptLine,
    schema_version=st.just(SCHEMA_VERSION),
    trial=texts,
    attempt=st.integers(1, 3),
    ended=st.none() | st.builds(Ended, kind=st.sampled_from(EndedKind), detail=texts),
    validity=st.builds(Validity, cause=st.none() | st.sampled_from(Cause), detail=texts),
    usage=st.builds(Usage, input=counts, cache_write_1h=counts),
    cost=st.builds(Cost, micro_usd=counts, complete=st.booleans()),
    wall_s=seconds,
    sealed=texts,
)
verdicts = st.builds(
    VerdictLine,
    schema_version=st.just(SCHEMA_VERSION),
    trial=texts,
    attempt=st.integers(1, 3),
    validity=st.builds(Validity, cause=st.none() | st.sampled_from(Cause), detail=texts),
    solved=st.booleans(),
    status=st.sampled_from(["YES", "NO", None]),
    clauses=st.dictionaries(texts, seconds, max_size=3),
    obedience=st.tuples(counts, counts),
    rules=texts,
    failed=st.lists(texts, max_size=3).map(tuple),
    why_not=texts,
    graders=st.dictionaries(texts, texts, max_size=2),
    wall_s=seconds,
)
damaged = st.sampled_from(
    [b"{", b"", b"null", b'{"type":"attempt"}', b'{"type":"x"}', b"\xff\xfe", b'{"schema_version":2}']
)
older = st.just(b'{"type":"verdict","trial":"t","attempt":1,"validity":{}}')
lines = st.lists(st.one_of(attempts.map(json_bytes), verdicts.map(json_bytes), damaged, older), max_size=12)
tails = st.sampled_from([b"", b'{"type":"att', json_bytes(attempted(PLAN.trials[0]))])


def plain(path: Path) -> tuple[list[JournalLine], list[Damage]]:
    """The answer that no index had a part in."""
    path.with_suffix(journal.INDEX).unlink(missing_ok=True)
    return journal.read(path, worth=NEVER)


def same(path: Path, index: bytes | None) -> None:
    """With this index the journal says what it says without one, and once more with what that reading left behind."""
    expected = plain(path)
    if index is not None:
        path.with_suffix(journal.INDEX).write_bytes(index)
    for worth in (0, NEVER):
        found = journal.read(path, worth=worth, piece=2)
        assert found == expected
        assert [json_bytes(line) for line in found[0]] == [json_bytes(line) for line in expected[0]]


def written(folder: Path, texts: list[bytes], tail: bytes = b"") -> Path:
    path = folder / "journal.jsonl"
    path.write_bytes(b"".join(text + b"\n" for text in texts) + tail)
    return path


def indexed(path: Path) -> bytes:
    """The index that a reading leaves behind."""
    path.with_suffix(journal.INDEX).unlink(missing_ok=True)
    journal.read(path, worth=0, piece=2)
    return path.with_suffix(journal.INDEX).read_bytes()


@settings(max_examples=60, deadline=None)
@given(first=lines, more=lines, tail=tails, place=st.integers(0, 10**6), edit=st.integers(0, 10**6))
def test_no_answer_changes(
    tmp_path_factory: pytest.TempPathFactory, first: list[bytes], more: list[bytes], tail: bytes, place: int, edit: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    path = written(folder, first, tail)
    index = indexed(path)
    same(path, None)
    same(path, index)
    same(written(folder, [*first, *more], tail), index)
    same(path, index[: place % (len(index) + 1)])
    if index:
        at = place % len(index)
        same(path, index[:at] + bytes([index[at] ^ 1]) + index[at + 1 :])
    content = path.read_bytes()
    if content:
        path.write_bytes(content[: edit % len(content)] + content[edit % len(content) + 1 :])
        same(path, index)


def run_of_six(folder: Path) -> Path:
    return written(folder, [json_bytes(attempted(planned)) for planned in PLAN.trials])


def log(folder: Path) -> list[dict]:
    return [json.loads(line)["data"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_an_index_is_believed_where_it_holds_and_not_made_again(tmp_path: Path) -> None:
    path = run_of_six(tmp_path)
    other = Columns()
    for planned, text in zip(PLAN.trials, path.read_bytes().splitlines(keepends=True), strict=True):
        other.add(text, judged(planned, accepted=True))
    path.with_suffix(journal.INDEX).write_bytes(other.data())
    assert journal.read(path, worth=1)[0] == [judged(planned, accepted=True) for planned in PLAN.trials]
    assert not (tmp_path / "log.jsonl").exists()


def test_a_longer_journal_extends_the_index_by_its_tail_alone(tmp_path: Path) -> None:
    path = run_of_six(tmp_path)
    before = indexed(path)
    with path.open("ab") as file:
        file.write(json_bytes(judged(PLAN.trials[0], accepted=True)) + b"\n")
    journal.read(path, worth=1, piece=2)
    after = path.with_suffix(journal.INDEX).read_bytes()
    assert after.startswith(before)
    assert len(after) > len(before)
    assert log(tmp_path)[-1] == {"journal": "journal.jsonl", "held": 6, "added": 1}


def test_a_damaged_index_is_made_again_from_where_it_broke_and_that_is_logged(tmp_path: Path) -> None:
    path = run_of_six(tmp_path)
    whole = indexed(path)
    path.with_suffix(journal.INDEX).write_bytes(whole[:-5])
    assert journal.read(path, worth=1, piece=2)[0] == plain(path)[0]
    assert log(tmp_path)[-1] == {"journal": "journal.jsonl", "held": 4, "added": 2}
    path.with_suffix(journal.INDEX).write_bytes(whole[:-5])
    journal.read(path, worth=1, piece=2)
    assert path.with_suffix(journal.INDEX).read_bytes() == whole


def test_damage_is_named_with_its_line_behind_an_index_too(tmp_path: Path) -> None:
    good = json_bytes(attempted(PLAN.trials[0]))
    path = written(tmp_path, [good, good, b"{", b"", good, b'{"type":"none"}'])
    expected = plain(path)[1]
    assert [damage.line_number for damage in expected] == [3, 6]
    indexed(path)
    assert journal.read(path, worth=NEVER)[1] == expected


def test_a_small_journal_gets_no_index(tmp_path: Path) -> None:
    path = run_of_six(tmp_path)
    journal.read(path)
    assert [file.name for file in tmp_path.iterdir()] == ["journal.jsonl"]


def test_whoever_may_not_write_beside_a_journal_may_read_it(tmp_path: Path) -> None:
    path = run_of_six(tmp_path)
    path.with_suffix(journal.INDEX).mkdir()
    assert journal.read(path, worth=0)[0] == [attempted(planned) for planned in PLAN.trials]
