"""The judge's pytest plug-in: fixtures for checks, and one framed record per check on a channel of its own.

Text that pytest prints is never read. A check counts as passed only when its set-up, call and tear-down all passed;
skipped and expected failures are no passes.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from typing import IO, Any

import pytest

from graders.testkit.client import Api, ProtocolProblem, from_environment

MESSAGE_CAP = 600
SUITE_DEADLINE_S = 300.0


class Recorder:
    """Writes the records of one judge run; registered by `judge.main`."""

    def __init__(self, channel: IO[bytes], nonce: str) -> None:
        self._channel = channel
        self._nonce = nonce
        self._end = time.monotonic() + SUITE_DEADLINE_S
        self._reasons: dict[str, tuple[str, str]] = {}
        self._failed: dict[str, bool] = {}

    def write(self, record: dict[str, Any]) -> None:
        """One line, with the run's nonce."""
        self._channel.write(json.dumps({**record, "nonce": self._nonce}).encode() + b"\n")
        self._channel.flush()

    def pytest_configure(self, config: pytest.Config) -> None:
        for mark in ("covers(*clauses)", "fail_to_pass", "pass_to_pass"):
            config.addinivalue_line("markers", mark)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.write({"type": "collected", "tests": [item.nodeid for item in session.items]})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report: pytest.TestReport = yield  # type: ignore[assignment]
        if not report.passed and item.nodeid not in self._reasons:
            self._reasons[item.nodeid] = _reason(call, report)
        self._failed[item.nodeid] = self._failed.get(item.nodeid, False) or not report.passed
        if report.when == "teardown":
            reason, message = self._reasons.get(item.nodeid, ("", ""))
            outcome = "fail" if self._failed[item.nodeid] else "pass"
            self.write({"type": "test", "id": item.nodeid, "outcome": outcome, "reason": reason, "message": message})
        return report  # type: ignore[return-value]

    def pytest_runtest_setup(self) -> None:
        if time.monotonic() > self._end:
            raise ProtocolProblem("deadline", "the time for all checks together is over")

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.write({"type": "done", "status": int(exitstatus)})

    @pytest.fixture
    def api(self) -> Api:
        return from_environment()

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> random.Random:
        return random.Random(f"{os.environ['JUDGE_SEED']}:{request.node.nodeid}")  # noqa: S311 - test data


def _reason(call: pytest.CallInfo[None], report: pytest.TestReport) -> tuple[str, str]:
    """A reason from the closed list, and the first line of what went wrong."""
    if report.skipped:
        return "skipped", "skipped or expected to fail, which is no pass"
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, ProtocolProblem):
        reason: str = error.reason
    elif isinstance(error, AssertionError):
        reason = "assertion"
    else:
        reason = "error"
    first = f"{type(error).__name__}: {error}" if reason == "error" else str(error)
    return reason, first[:MESSAGE_CAP]
