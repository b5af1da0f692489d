"""The result channel: every way a judge run can be incomplete or forged is a failure of the grader, never a score."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.channel import Records, Request, read_records
from harness.core.errors import Cause, Failure

NONCE = "n" * 32
MANIFEST = frozenset({"test_a.py::test_one", "test_a.py::test_two"})
READY = {"type": "ready", "ready": True, "seen": "200"}
COLLECTED = {"type": "collected", "tests": ["test_a.py::test_one", "test_a.py::test_two[1]", "test_a.py::test_two[2]"]}


def record(name: str, outcome: str = "pass") -> dict[str, object]:
    reason = "assertion" if outcome == "fail" else ""
    return {"type": "test", "id": name, "outcome": outcome, "reason": reason, "message": ""}


def failed(of: dict[str, object], reason: str) -> dict[str, object]:
    return {**of, "outcome": "fail", "reason": reason}


ONE, TWO_1, TWO_2 = (record(name) for name in COLLECTED["tests"])
SERVED = {"type": "served", "status": 200, "body": "{}"}
DONE = {"type": "done", "status": 0}
HEAD = [COLLECTED, READY, SERVED]
GOOD = [*HEAD, ONE, TWO_1, TWO_2, DONE]
NOT_READY = [COLLECTED, {"type": "ready", "ready": False, "seen": "connection"}, DONE]


def lines(records: list[dict[str, object]], nonce: str = NONCE) -> list[bytes]:
    return [json.dumps({**record, "nonce": nonce}).encode() for record in records]


def test_a_whole_run_is_believed() -> None:
    judged = read_records(lines(GOOD), NONCE, MANIFEST, 0)
    assert judged.ready
    assert {check: answer.passed for check, answer in judged.answers.items()} == dict.fromkeys(MANIFEST, True)


def test_one_failed_case_fails_its_check() -> None:
    records = [*HEAD, ONE, TWO_1, record("test_a.py::test_two[2]", "fail"), {"type": "done", "status": 1}]
    judged = read_records(lines(records), NONCE, MANIFEST, 1)
    assert judged.answers["test_a.py::test_one"].passed
    assert not judged.answers["test_a.py::test_two"].passed


def test_an_app_that_is_not_ready_is_an_answer() -> None:
    judged = read_records(lines(NOT_READY), NONCE, MANIFEST, 0)
    assert not judged.ready
    assert judged.seen == "connection"
    assert judged.answers == {}


@pytest.mark.parametrize(
    ("name", "records", "status"),
    [
        ("no record at all", [], 0),
        ("no end record", GOOD[:-1], 0),
        ("end record twice", [*GOOD, DONE], 0),
        ("end record before the last test", [*GOOD[:5], DONE, GOOD[5]], 0),
        ("a check is missing", [*HEAD, ONE, TWO_1, DONE], 0),
        ("a record comes twice", [*GOOD[:4], ONE, *GOOD[4:]], 0),
        ("a check that nobody asked for", [*GOOD[:6], record("test_a.py::test_three"), DONE], 0),
        ("fewer checks collected", [{**COLLECTED, "tests": ["test_a.py::test_one"]}, *HEAD[1:], ONE, DONE], 0),
        ("collected twice", [COLLECTED, *GOOD], 0),
        ("nothing collected", [READY, SERVED, ONE, TWO_1, TWO_2, DONE], 0),
        ("ready twice", [*HEAD[:2], READY, *GOOD[2:]], 0),
        ("no word whether it was ready", [COLLECTED, SERVED, *GOOD[3:]], 0),
        ("ready is a string", [COLLECTED, {**READY, "ready": "yes"}, *GOOD[2:]], 0),
        ("records after not ready", [COLLECTED, {**READY, "ready": False}, *GOOD[2:]], 0),
        ("no document of its own", [*GOOD[:2], *GOOD[3:]], 0),
        ("its document twice", [*HEAD, SERVED, *GOOD[3:]], 0),
        ("its document at the wrong place", [*GOOD[:2], ONE, SERVED, *GOOD[4:]], 0),
        ("exit status was not announced", GOOD, 1),
        ("exit status of a crash", [*GOOD[:-1], {"type": "done", "status": 3}], 3),
        ("the judge was killed", GOOD, None),
        ("killed by a signal", GOOD, -9),
        ("status and records disagree: a failed check with 0", [*GOOD[:5], record(TWO_2["id"], "fail"), DONE], 0),
        ("status and records disagree: all passed with 1", [*GOOD[:-1], {"type": "done", "status": 1}], 1),
        ("an unknown kind of record", [*GOOD[:6], {"type": "bonus"}, DONE], 0),
        ("a field too many", [*HEAD, {**ONE, "score": 1}, TWO_1, TWO_2, DONE], 0),
        ("a field too few", [*HEAD, {"type": "test", "id": ONE["id"], "outcome": "pass"}, TWO_1, TWO_2, DONE], 0),
        ("not ready, but the judge crashed", [*NOT_READY[:2], {"type": "done", "status": 139}], 139),
        ("not ready, and no end", NOT_READY[:2], 0),
        ("an outcome that there is not", [*GOOD[:5], record(TWO_2["id"], "maybe"), {"type": "done", "status": 1}], 1),
        ("an outcome of pytest's", [*GOOD[:5], record(TWO_2["id"], "xfailed"), {"type": "done", "status": 1}], 1),
        ("a case that was skipped", [*GOOD[:5], failed(TWO_2, "skipped"), {"type": "done", "status": 0}], 0),
        ("a case that was skipped, and a 1", [*GOOD[:5], failed(TWO_2, "skipped"), {"type": "done", "status": 1}], 1),
        ("a reason that there is not", [*GOOD[:5], failed(TWO_2, "bad luck"), {"type": "done", "status": 1}], 1),
        ("a failure without a reason", [*GOOD[:5], failed(TWO_2, ""), {"type": "done", "status": 1}], 1),
        ("a pass with a reason", [*GOOD[:5], {**TWO_2, "reason": "assertion"}, DONE], 0),
        ("an outcome that is no text", [*GOOD[:5], {**TWO_2, "outcome": True}, DONE], 0),
        ("a name that is no text", [*GOOD[:5], {**TWO_2, "id": 7}, DONE], 0),
        ("an exit status that is a truth", [*GOOD[:6], {"type": "done", "status": False}], 0),
        ("an exit status that is no number", [*GOOD[:6], {"type": "done", "status": float("nan")}], 0),
        ("a number that is none", [COLLECTED, READY, {**SERVED, "status": float("nan")}, *GOOD[3:]], 0),
        ("a record after the end", [*GOOD, ONE], 0),
        ("a request after the end", [*GOOD, {"type": "ask", "number": 1, "what": "log", "about": {}}], 0),
    ],
)
def test_every_other_run_is_refused(name: str, records: list[dict[str, object]], status: int | None) -> None:
    with pytest.raises(Failure) as caught:
        read_records(lines(records), NONCE, MANIFEST, status)
    assert caught.value.cause is Cause.GRADER, name


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not json",
        b"[" * 100_000,
        b"[]",
        b"null",
        b"NaN",
        b'{"type":"done","status":0}',
        b'{"type":"ready","ready":true,"seen":"200","nonce":null}',
        b"\xff\xfe",
        b'{"type":"ask","number":1,"what":"log","about":{"x":Infinity},"nonce":"' + NONCE.encode() + b'"}',
        b'{"type":"test","nonce":"x","nonce":"'
        + NONCE.encode()
        + b'","id":"a","outcome":"pass","reason":"","message":""}',
        lines([{**ONE, "message": "x" * 2_000_000}])[0][: 1024 * 1024],
    ],
    ids=range(12),
)
def test_a_line_that_is_no_record_is_refused(bad: bytes) -> None:
    """A line of more than a mebibyte comes cut, so a record that is too large is none."""
    with pytest.raises(Failure) as caught:
        read_records([*lines(GOOD)[:-1], bad, lines(GOOD)[-1]], NONCE, MANIFEST, 0)
    assert caught.value.cause is Cause.GRADER
    assert "record 7" in caught.value.message


def test_half_a_character_of_the_apps_does_not_break_the_verdict() -> None:
    broken = {**failed(ONE, "assertion"), "message": "said \ud800"}
    judged = read_records(lines([*HEAD, broken, TWO_1, TWO_2, {"type": "done", "status": 1}]), NONCE, MANIFEST, 1)
    assert judged.answers["test_a.py::test_one"].message == "said ?"


def ask(number: int, what: str = "log", about: object = None) -> dict[str, object]:
    return {"type": "ask", "number": number, "what": what, "about": {"replica": 0} if about is None else about}


def test_requests_among_the_records_are_handed_out_and_change_nothing() -> None:
    records = Records(NONCE)
    sent = [*GOOD[:4], ask(1), GOOD[4], ask(2, "kill_app"), *GOOD[5:]]
    found = [records.take(line) for line in lines(sent)]
    assert [request for request in found if request] == [
        Request(1, "log", {"replica": 0}),
        Request(2, "kill_app", {"replica": 0}),
    ]
    assert records.judged(MANIFEST, 0) == read_records(lines(GOOD), NONCE, MANIFEST, 0)


@pytest.mark.parametrize("sent", [[ask(2)], [ask(1), ask(1)], [ask(1), ask(3)], [ask(1, about=[])]])
def test_a_request_out_of_turn_is_refused(sent: list[dict[str, object]]) -> None:
    records = Records(NONCE)
    with pytest.raises(Failure) as caught:
        [records.take(line) for line in lines(sent)]
    assert caught.value.cause is Cause.GRADER


def test_a_request_with_another_nonce_is_refused() -> None:
    with pytest.raises(Failure, match="nonce"):
        Records(NONCE).take(lines([ask(1)], nonce="x" * 32)[0])


def test_the_apps_own_document_is_kept_only_when_it_was_served() -> None:
    assert read_records(lines(GOOD), NONCE, MANIFEST, 0).served == "{}"
    without = [*HEAD[:2], {"type": "served", "status": 404, "body": "no"}, *GOOD[3:]]
    assert read_records(lines(without), NONCE, MANIFEST, 0).served is None


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


def stopped(records: list[dict[str, object]], status: int) -> dict[str, bool]:
    taken = Records(NONCE)
    for line in lines(records):
        taken.take(line)
    judged = taken.judged(MANIFEST, status, stopped=True)
    return {check: answer.passed for check, answer in judged.answers.items()}


def test_a_judge_that_stops_at_the_first_failure_owes_no_record_of_the_rest() -> None:
    first = record("test_a.py::test_two[1]", "fail")
    assert stopped([*HEAD, ONE, first, {"type": "done", "status": 1}], 1) == {
        "test_a.py::test_one": True,
        "test_a.py::test_two": False,
    }
    assert stopped(GOOD, 0) == dict.fromkeys(MANIFEST, True)


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ([*HEAD, ONE, TWO_1, DONE], 0),
        ([*HEAD, ONE, {"type": "done", "status": 1}], 1),
        ([*HEAD, DONE], 0),
        ([*HEAD, record("test_a.py::test_one", "fail"), record("test_a.py::test_two[1]", "fail")], 1),
        ([*HEAD, record("test_a.py::test_one", "fail"), DONE], 0),
    ],
)
def test_a_judge_that_stops_without_a_failure_is_not_believed(records: list[dict[str, object]], status: int) -> None:
    ended = records if records[-1]["type"] == "done" else [*records, {"type": "done", "status": status}]
    with pytest.raises(Failure) as caught:
        stopped(ended, status)
    assert caught.value.cause is Cause.GRADER


def test_a_whole_run_is_owed_every_record() -> None:
    records = [*HEAD, ONE, record("test_a.py::test_two[1]", "fail"), {"type": "done", "status": 1}]
    with pytest.raises(Failure):
        read_records(lines(records), NONCE, MANIFEST, 1)
