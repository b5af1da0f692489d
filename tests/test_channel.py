"""The result channel: every way a judge run can be incomplete or forged is a failure of the grader, never a score."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.channel import read_records
from harness.core.errors import Cause, Failure

NONCE = "n" * 32
MANIFEST = frozenset({"test_a.py::test_one", "test_a.py::test_two"})
READY = {"type": "ready", "ready": True, "seen": "200"}
COLLECTED = {"type": "collected", "tests": ["test_a.py::test_one", "test_a.py::test_two[1]", "test_a.py::test_two[2]"]}


def record(name: str, outcome: str = "pass") -> dict[str, object]:
    return {"type": "test", "id": name, "outcome": outcome, "reason": "", "message": ""}


ONE, TWO_1, TWO_2 = (record(name) for name in COLLECTED["tests"])
GOOD = [READY, COLLECTED, ONE, TWO_1, TWO_2, {"type": "done", "status": 0}]


def lines(records: list[dict[str, object]], nonce: str = NONCE) -> list[bytes]:
    return [json.dumps({**record, "nonce": nonce}).encode() for record in records]


def test_a_whole_run_is_believed() -> None:
    judged = read_records(lines(GOOD), NONCE, MANIFEST, 0)
    assert judged.ready
    assert {check: answer.passed for check, answer in judged.answers.items()} == dict.fromkeys(MANIFEST, True)


def test_one_failed_case_fails_its_check() -> None:
    records = [READY, COLLECTED, ONE, TWO_1, record("test_a.py::test_two[2]", "fail"), {"type": "done", "status": 1}]
    judged = read_records(lines(records), NONCE, MANIFEST, 1)
    assert judged.answers["test_a.py::test_one"].passed
    assert not judged.answers["test_a.py::test_two"].passed


def test_an_app_that_is_not_ready_is_an_answer() -> None:
    judged = read_records(lines([{"type": "ready", "ready": False, "seen": "connection"}]), NONCE, MANIFEST, 0)
    assert not judged.ready
    assert judged.seen == "connection"
    assert judged.answers == {}


@pytest.mark.parametrize(
    ("name", "records", "status"),
    [
        ("no record at all", [], 0),
        ("no end record", GOOD[:-1], 0),
        ("end record twice", [*GOOD, GOOD[-1]], 0),
        ("end record before the last test", [*GOOD[:4], GOOD[-1], GOOD[4]], 0),
        ("a check is missing", [READY, COLLECTED, ONE, TWO_1, GOOD[-1]], 0),
        ("a record comes twice", [*GOOD[:3], ONE, *GOOD[3:]], 0),
        ("a check that nobody asked for", [*GOOD[:5], record("test_a.py::test_three"), GOOD[-1]], 0),
        ("fewer checks collected", [READY, {**COLLECTED, "tests": ["test_a.py::test_one"]}, ONE, GOOD[-1]], 0),
        ("collected twice", [READY, COLLECTED, COLLECTED, *GOOD[2:]], 0),
        ("nothing collected", [READY, ONE, TWO_1, TWO_2, GOOD[-1]], 0),
        ("not ready first", GOOD[1:], 0),
        ("ready is a string", [{**READY, "ready": "yes"}, *GOOD[1:]], 0),
        ("records after not ready", [{**READY, "ready": False}, *GOOD[1:]], 0),
        ("exit status was not announced", GOOD, 1),
        ("exit status of a crash", [*GOOD[:-1], {"type": "done", "status": 3}], 3),
        ("the judge was killed", GOOD, None),
        ("status and records disagree: a failed check with 0", [*GOOD[:4], record(TWO_2["id"], "fail"), GOOD[-1]], 0),
        ("status and records disagree: all passed with 1", [*GOOD[:-1], {"type": "done", "status": 1}], 1),
        ("an unknown kind of record", [*GOOD[:5], {"type": "bonus"}, GOOD[-1]], 0),
        ("a field too many", [READY, COLLECTED, {**ONE, "score": 1}, TWO_1, TWO_2, GOOD[-1]], 0),
        ("not ready, but the judge crashed", [{**READY, "ready": False}], 139),
    ],
)
def test_every_other_run_is_refused(name: str, records: list[dict[str, object]], status: int | None) -> None:
    with pytest.raises(Failure) as caught:
        read_records(lines(records), NONCE, MANIFEST, status)
    assert caught.value.cause is Cause.GRADER, name


@pytest.mark.parametrize("bad", [b"", b"not json", b"[]", b"null", b'{"type":"done","status":0}', b"\xff\xfe"])
def test_a_line_that_is_no_record_is_refused(bad: bytes) -> None:
    with pytest.raises(Failure):
        read_records([*lines(GOOD)[:-1], bad, lines(GOOD)[-1]], NONCE, MANIFEST, 0)


def test_a_wrong_nonce_is_refused() -> None:
    with pytest.raises(Failure):
        read_records(lines(GOOD, nonce="x" * 32), NONCE, MANIFEST, 0)


@given(st.sets(st.integers(0, len(GOOD) - 1), min_size=1))
def test_no_run_with_a_line_missing_is_believed(dropped: set[int]) -> None:
    kept = [line for number, line in enumerate(lines(GOOD)) if number not in dropped]
    with pytest.raises(Failure):
        read_records(kept, NONCE, MANIFEST, 0)


@given(st.permutations(range(len(GOOD))), st.integers(0, 1))
def test_what_is_believed_always_has_every_check(order: list[int], status: int) -> None:
    shuffled = lines([GOOD[number] for number in order])
    with contextlib.suppress(Failure):
        assert read_records(shuffled, NONCE, MANIFEST, status).answers.keys() == MANIFEST
