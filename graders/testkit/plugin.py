"""The judge's pytest plug-in: fixtures for checks, and one framed record per check on a channel of its own.

Text that pytest prints is never read. A check counts as passed only when its set-up, call and tear-down all passed;
skipped and expected failures are no passes.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import pytest

from graders.testkit.client import Api
from graders.testkit.fakes import Peer
from graders.testkit.guise import PLAIN, guise
from graders.testkit.host import Faults, Host
from graders.testkit.idle import Idle
from graders.testkit.problems import ProtocolProblem

if TYPE_CHECKING:
    from graders.testkit.services import Cache, Database, Pool, Queries

MESSAGE_CAP = 600
SUITE_DEADLINE_S = 900.0
"""Generous: past it checks fail, and a machine that is busy with other trials is no fault of the delivery's."""
READY_S = 60.0
DOCUMENT_CAP = 800_000
"""Characters of the app's own document as a record spells it: a line of the channel is cut at 1 MiB."""


@dataclass(frozen=True)
class Setup:
    """What the host says about the stand."""

    ports: tuple[int, ...]
    """Loopback port of each replica."""
    health: str
    openapi: str
    services: tuple[str, ...]
    fakes: tuple[str, ...]
    seed: str
    checks: str
    first: tuple[str, ...] = ()
    """Ids of checks that run before the others, in this order."""
    stop: bool = False
    """End at the first check that fails."""


class Recorder:
    """Writes the records of one judge run and serves the fixtures; registered by `judge.main`."""

    def __init__(self, channel: IO[bytes], answers: IO[bytes], nonce: str, setup: Setup) -> None:
        self._channel = channel
        self._nonce = nonce
        self._setup = setup
        self._host = Host(self.write, answers)
        self._end = math.inf
        self._idle = [Idle() for _ in setup.ports]
        self._reasons: dict[str, tuple[str, str]] = {}
        self._failed: dict[str, bool] = {}

    def write(self, record: dict[str, Any]) -> None:
        """One line, with the run's nonce."""
        self._channel.write(json.dumps({**record, "nonce": self._nonce}).encode() + b"\n")
        self._channel.flush()

    # --- pytest's hooks

    def pytest_configure(self, config: pytest.Config) -> None:
        for mark in ("covers(*clauses)", "fail_to_pass", "pass_to_pass"):
            config.addinivalue_line("markers", mark)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        place = {check: number for number, check in enumerate(self._setup.first)}
        items.sort(key=lambda item: place.get(item.nodeid.split("[", 1)[0], len(place)))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.write({"type": "collected", "tests": [item.nodeid for item in session.items]})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Checks are collected while the app is still being started; they run once it is ready."""
        if session.testsfailed or not self._host.wait_for_go():
            return None if session.testsfailed else True
        ready, seen = self._ready()
        self.write({"type": "ready", "ready": ready, "seen": seen})
        if not ready:
            return True
        self._end = time.monotonic() + SUITE_DEADLINE_S
        self.write({"type": "served", **self._served()})
        return None

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
        for idle in self._idle:
            idle.close()
        self.write({"type": "done", "status": int(exitstatus)})

    # --- fixtures

    @pytest.fixture
    def api(self, request: pytest.FixtureRequest) -> Api:
        return self._replica(0, self._guise(request))

    @pytest.fixture
    def replicas(self, request: pytest.FixtureRequest) -> tuple[Api, ...]:
        return tuple(self._replica(number, self._guise(request)) for number in range(len(self._setup.ports)))

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> random.Random:
        return random.Random(f"{self._setup.seed}:{request.node.nodeid}")  # noqa: S311 - test data

    @pytest.fixture
    def faults(self, replicas: tuple[Api, ...]) -> Iterator[Faults]:
        faults = Faults(self._host, replicas, self._setup.health)
        yield faults
        faults.mend()

    @pytest.fixture
    def database(self) -> Database:
        from graders.testkit.services import PORTS, Database

        return Database(PORTS["postgres"])

    @pytest.fixture
    def cache(self) -> Cache:
        from graders.testkit.services import PORTS, Cache

        return Cache(PORTS["valkey"])

    @pytest.fixture
    def queries(self, database: Database) -> Queries:
        from graders.testkit.services import Queries

        return Queries(self._host, database)

    @pytest.fixture
    def pool(self, api: Api, database: Database) -> Pool:
        from graders.testkit.services import Pool

        return Pool(api, database)

    @pytest.fixture
    def llm(self) -> Iterator[Peer]:
        yield from self._peer("llm")

    @pytest.fixture
    def webhook(self) -> Iterator[Peer]:
        yield from self._peer("webhook")

    # --- helpers

    def _guise(self, request: pytest.FixtureRequest) -> Mapping[str, str]:
        return guise(f"{self._setup.seed}:{request.node.nodeid}:client")

    def _replica(self, number: int, headers: Mapping[str, str] = PLAIN) -> Api:
        return Api("127.0.0.1", self._setup.ports[number], end=self._end, idle=self._idle[number], guise=headers)

    def _peer(self, name: str) -> Iterator[Peer]:
        peer = Peer(self._host, name)
        peer.reset()
        yield peer
        peer.reset()

    def _ready(self) -> tuple[bool, str]:
        """Whether the health path of every replica answers 200 in time, and what was seen last."""
        end = time.monotonic() + READY_S
        seen = "nothing"
        for number in range(len(self._setup.ports)):
            seen = "nothing"
            api = self._replica(number)
            while seen != "200":
                if time.monotonic() > end:
                    return False, seen
                seen = _status(api, self._setup.health)
                if seen != "200":
                    time.sleep(0.03)
        return True, seen

    def _served(self) -> dict[str, Any]:
        """The app's own OpenAPI document, as text."""
        if not self._setup.openapi:
            return {"status": 0, "body": ""}
        try:
            reply = self._replica(0).get(self._setup.openapi)
        except ProtocolProblem:
            return {"status": 0, "body": ""}
        body = reply.body.decode("utf-8", "replace")
        return (
            {"status": reply.status, "body": body}
            if len(json.dumps(body)) <= DOCUMENT_CAP
            else {"status": 0, "body": ""}
        )


def _status(api: Api, path: str) -> str:
    try:
        return str(api.get(path).status)
    except ProtocolProblem as problem:
        return problem.reason


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
