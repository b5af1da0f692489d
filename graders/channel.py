"""Reads the records of a judge run and believes them only when they agree with themselves and with the manifest.

Every other reading is a failure of the grader, never a score: a judge that died, a cut pipe, a record that came twice,
a check that nobody asked for. There is no pass by absence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import JsonValue

from graders.testkit.problems import Problem
from graders.testkit.strictjson import NotStrictJson, loads
from harness.core.errors import Cause, Failure

PYTEST_STATUSES = frozenset({0, 1})
SKIPPED = "skipped"
REASONS = {"pass": {""}, "fail": {"assertion", "error", SKIPPED, *get_args(Problem)}}
"""Outcome -> why it may be so."""
FIELDS: dict[str, dict[str, type]] = {
    "collected": {"tests": list},
    "ready": {"ready": bool, "seen": str},
    "served": {"status": int, "body": str},
    "test": {"id": str, "outcome": str, "reason": str, "message": str},
    "ask": {"number": int, "what": str, "about": dict},
    "done": {"status": int},
}


@dataclass(frozen=True)
class Answer:
    """What the judge says about one check."""

    passed: bool
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Request:
    """Something that the judge cannot do itself: a fault, a log, a word to a fake peer."""

    number: int
    what: str
    about: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Judged:
    """A whole, consistent judge run."""

    ready: bool
    seen: str
    """Last thing the health path answered."""
    answers: dict[str, Answer]
    """Check id -> answer; empty when the app never became ready."""
    served: str | None = None
    """The app's own OpenAPI document as it sent it, None where there was no answer 200."""


class Records:
    """The records of one judge run, taken line by line as they come."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self._kept: list[dict[str, Any]] = []
        self._lines = 0
        self._asked = 0
        self.ready = False
        """The judge has said whether the app is ready."""

    def take(self, line: bytes) -> Request | None:
        """Keep a record; a request to act on is returned. `Failure(GRADER)` for what is no record of this run."""
        self._lines += 1
        _require(not self._kept or self._kept[-1]["type"] != "done", "a record after the end")
        record = _record(self._lines, line, self._nonce)
        if record["type"] != "ask":
            self._kept.append(record)
            self.ready = self.ready or record["type"] == "ready"
            return None
        self._asked += 1
        _require(record["number"] == self._asked, f"judge record {self._lines} is not request {self._asked}")
        return Request(self._asked, record["what"], record["about"])

    def judged(self, manifest: frozenset[str], status: int | None, *, stopped: bool = False) -> Judged:
        """The whole run; `status` is the judge's own exit status. `Failure(GRADER)` for any disagreement.

        `stopped`: the judge was told to stop at the first check that fails, so what would follow has no record.
        """
        records = self._kept
        kinds = [record["type"] for record in records]
        _require(kinds[:2] == ["collected", "ready"], "the judge's first records are not `collected` and `ready`")
        _require(kinds.count("collected") == kinds.count("ready") == 1, "a first record comes again")
        _require(kinds[-1] == "done" and kinds.count("done") == 1, "no single `done` record at the end")
        _require(
            status in PYTEST_STATUSES and records[-1]["status"] == status, f"exit status {status} was not announced"
        )
        cases = [str(name) for name in records[0]["tests"]]
        _require({_check(name) for name in cases} == manifest, "the collected checks are not those of the task")
        if not records[1]["ready"]:
            _require(len(records) == 3 and status == 0, "records after an app that was not ready")
            return Judged(False, records[1]["seen"], {})
        _require(kinds.count("served") == 1 and kinds[2] == "served", "no single `served` record after `ready`")
        tests = records[3:-1]
        _require(all(record["type"] == "test" for record in tests), "a record of a kind that has no place here")
        if stopped and tests and tests[-1]["outcome"] != "pass":
            _require(sum(record["outcome"] != "pass" for record in tests) == 1, "records after the first that failed")
            cases = [name for name in cases if name in {str(record["id"]) for record in tests}]
        answers = _answers(tests, cases)
        _require((status == 0) == all(answer.passed for answer in answers.values()), "exit status and records disagree")
        served = records[2]
        return Judged(True, records[1]["seen"], answers, served["body"] if served["status"] == 200 else None)


def read_records(lines: Iterable[bytes], nonce: str, manifest: frozenset[str], status: int | None) -> Judged:
    """The judged run in `lines`, requests among them left out."""
    records = Records(nonce)
    for line in lines:
        records.take(line)
    return records.judged(manifest, status)


def _record(number: int, line: bytes, nonce: str) -> dict[str, Any]:
    try:
        record = loads(line)
    except NotStrictJson as error:
        raise Failure(Cause.GRADER, f"result channel: judge record {number} is not JSON: {error}") from error
    _require(isinstance(record, dict) and record.get("nonce") == nonce, f"judge record {number} has no valid nonce")
    kind = str(record.get("type"))
    fields = FIELDS.get(kind, {})
    whole = record.keys() == fields.keys() | {"type", "nonce"} and kind in FIELDS
    # An exact type: True would pass for a number, and there is nothing to convert.
    _require(
        whole and all(type(record[name]) is of for name, of in fields.items()), f"judge record {number} is malformed"
    )
    assert isinstance(record, dict)
    return record


def _answers(tests: list[dict[str, Any]], cases: list[str]) -> dict[str, Answer]:
    """One answer a check: its parametrised cases must all pass, the first that failed gives the reason."""
    _require(sorted(record["id"] for record in tests) == sorted(cases), "not exactly one record for each check")
    answers: dict[str, Answer] = {}
    for record in tests:
        check = _check(record["id"])
        outcome, reason = record["outcome"], record["reason"]
        _require(reason in REASONS.get(outcome, ()), f"{check} ended as {outcome} ({reason}), which is no answer")
        _require(reason != SKIPPED, f"{check} skips or expects to fail, which says nothing about the delivery")
        known = answers.get(check)
        if known is None or (known.passed and outcome != "pass"):
            answers[check] = Answer(outcome == "pass", reason, _text(record["message"]))
    return answers


def _text(message: str) -> str:
    """The message as text that can be kept: half a surrogate pair, which an app may send, is none."""
    return message.encode("utf-8", "replace").decode()


def _check(case: str) -> str:
    return case.split("[", 1)[0]


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failure(Cause.GRADER, f"result channel: {otherwise}")
