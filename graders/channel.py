"""Reads the records of a judge run and believes them only when they agree with themselves and with the manifest.

Every other reading is a failure of the grader, never a score: a judge that died, a cut pipe, a record that came twice,
a check that nobody asked for. There is no pass by absence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.core.errors import Cause, Failure

PYTEST_STATUSES = frozenset({0, 1})


@dataclass(frozen=True)
class Answer:
    """What the judge says about one check."""

    passed: bool
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Judged:
    """A whole, consistent judge run."""

    ready: bool
    seen: str
    """Last thing the health path answered."""
    answers: dict[str, Answer]
    """Check id -> answer; empty when the app never became ready."""


def read_records(lines: Iterable[bytes], nonce: str, manifest: frozenset[str], status: int | None) -> Judged:
    """The judged run in `lines`; `status` is the judge's own exit status. `Failure(GRADER)` for any disagreement."""
    records = [_record(number, line, nonce) for number, line in enumerate(lines, start=1)]
    _require(bool(records) and records[0]["type"] == "ready", "the judge's first record is not `ready`")
    ready = records[0]
    if ready["ready"] is not True:
        _require(len(records) == 1 and status == 0, "records after an app that was not ready")
        return Judged(False, str(ready["seen"]), {})
    kinds = [record["type"] for record in records]
    _require(kinds[1:2] == ["collected"] and kinds.count("collected") == 1, "no single `collected` record")
    _require(kinds[-1] == "done" and kinds.count("done") == 1, "no single `done` record at the end")
    _require(status in PYTEST_STATUSES and records[-1]["status"] == status, f"exit status {status} was not announced")
    cases = [str(name) for name in records[1]["tests"]]
    _require({_check(name) for name in cases} == manifest, "the collected checks are not those of the task")
    tests = [record for record in records if record["type"] == "test"]
    _require(len(tests) == len(kinds) - 3, "a record of an unknown kind")
    _require(sorted(record["id"] for record in tests) == sorted(cases), "not exactly one record for each check")
    answers = _merge(tests)
    _require((status == 0) == all(answer.passed for answer in answers.values()), "exit status and records disagree")
    return Judged(True, str(ready["seen"]), answers)


def _record(number: int, line: bytes, nonce: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise Failure(Cause.GRADER, f"judge record {number} is not JSON") from error
    _require(isinstance(record, dict) and record.get("nonce") == nonce, f"judge record {number} has no valid nonce")
    fields = {
        "ready": {"ready", "seen"},
        "collected": {"tests"},
        "test": {"id", "outcome", "reason", "message"},
        "done": {"status"},
    }.get(str(record.get("type")))
    _require(fields is not None and record.keys() == fields | {"type", "nonce"}, f"judge record {number} is malformed")
    assert isinstance(record, dict)
    return record


def _merge(tests: list[dict[str, Any]]) -> dict[str, Answer]:
    """One answer a check: its parametrised cases must all pass, the first that failed gives the reason."""
    answers: dict[str, Answer] = {}
    for record in tests:
        check = _check(record["id"])
        passed = record["outcome"] == "pass"
        known = answers.get(check)
        if known is None or (known.passed and not passed):
            answers[check] = Answer(passed, record["reason"], record["message"])
    return answers


def _check(case: str) -> str:
    return case.split("[", 1)[0]


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failure(Cause.GRADER, f"result channel: {otherwise}")
