"""What is behind the app: its database and its cache, read by probes of our own, and the server's own count of queries.

Probes speak as the app's role and can only read the database. Statements of the probes themselves are told apart by the
server process that took them, which no app can forge.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import asyncpg  # type: ignore[import-not-found]
import redis  # type: ignore[import-not-found]

from graders.testkit.client import Api
from graders.testkit.host import Host
from graders.testkit.problems import ProtocolProblem

PORTS = {"postgres": 5432, "valkey": 6379}
PROBE_S = 15.0
SAMPLE_S = 0.01
COUNTED = re.compile(r"(?i)\s*(?:\(\s*)*(?:select|insert|update|delete|merge|with|values|copy|call|do|table|execute)\b")
DRIVERS = re.compile(r"\bpg_(?:catalog|type|range|enum)\b|^\s*SELECT pg_advisory_unlock_all\(\);")
"""What drivers ask for themselves: types on a fresh connection, a clean slate on a returned one."""
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"

Got = TypeVar("Got")


class Database:
    """The database as the app's role sees it; nothing can be written through it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.processes: set[int] = set()
        """Server processes that served this probe."""

    def rows(self, sql: str, *values: Any) -> list[Mapping[str, Any]]:
        """Rows of a query with `$1`-style values."""

        async def fetch(connection: asyncpg.Connection) -> list[Mapping[str, Any]]:
            return [dict(row) for row in await connection.fetch(sql, *values)]

        return self._with(fetch)

    def value(self, sql: str, *values: Any) -> Any:
        """First column of the first row, None without a row."""
        rows = self.rows(sql, *values)
        return next(iter(rows[0].values())) if rows else None

    @contextmanager
    def most_connections(self) -> Iterator[Peak]:
        """Watches how many connections others hold at once while the block runs; `peak.most` afterwards."""
        peak, over, started = Peak(), threading.Event(), threading.Event()
        problems: list[BaseException] = []

        async def watch(connection: asyncpg.Connection) -> None:
            while not over.is_set():
                peak.most = max(peak.most, await connection.fetchval(OTHERS))
                peak.samples += 1
                started.set()
                await asyncio.sleep(SAMPLE_S)

        def run() -> None:
            try:
                self._with(watch, 10 * PROBE_S)
            except BaseException as problem:
                problems.append(problem)
                started.set()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        started.wait(PROBE_S)
        try:
            yield peak
        finally:
            over.set()
            thread.join(PROBE_S)
        if problems:
            raise problems[0]

    def _with(self, use: Callable[[asyncpg.Connection], Awaitable[Got]], seconds: float = PROBE_S) -> Got:
        async def go() -> Got:
            async with asyncio.timeout(seconds):
                settings = {"default_transaction_read_only": "on"}
                connection = await asyncpg.connect(
                    host="127.0.0.1", port=self._port, user="app", password="app", database="app",  # noqa: S106
                    ssl=False, server_settings=settings,
                )  # fmt: skip
                try:
                    self.processes.add(connection.get_server_pid())
                    return await use(connection)
                finally:
                    connection.terminate()

        try:
            return asyncio.run(go())
        except TimeoutError as error:
            raise ProtocolProblem("deadline", f"the database gave no answer in {seconds:g} s") from error
        except (
            OSError,
            asyncpg.exceptions.ConnectionDoesNotExistError,
            asyncpg.exceptions.CannotConnectNowError,
        ) as error:
            raise ProtocolProblem("connection", f"the database: {type(error).__name__}: {error}") from error


@dataclass
class Peak:
    """What `most_connections` saw."""

    most: int = 0
    samples: int = 0


class Cache:
    """The cache as the app sees it."""

    def __init__(self, port: int) -> None:
        self._redis = redis.Redis(
            host="127.0.0.1", port=port, socket_timeout=PROBE_S, socket_connect_timeout=PROBE_S, decode_responses=False
        )

    def keys(self, pattern: str = "*") -> list[str]:
        """Names of the keys that match."""
        return sorted(key.decode("utf-8", "replace") for key in self._ask(lambda: list(self._redis.scan_iter(pattern))))

    def get(self, key: str) -> bytes | None:
        """A key's value as text or bytes, None where there is none; `AssertionError` for another kind of value."""
        try:
            return cast("bytes | None", self._ask(lambda: self._redis.get(key)))
        except redis.ResponseError as error:
            raise AssertionError(f"cache key {key!r}: {error}") from error

    def ttl(self, key: str) -> int | None:
        """Seconds that a key has left, None where it stays for good or is not there."""
        left = cast(int, self._ask(lambda: self._redis.ttl(key)))
        return left if left >= 0 else None

    def flush(self) -> None:
        """Forget everything, as a cache may at any time."""
        self._ask(lambda: self._redis.flushall())

    def _ask(self, call: Callable[[], Got]) -> Got:
        try:
            return call()
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            raise ProtocolProblem("connection", f"the cache: {type(error).__name__}") from error


@dataclass
class Counted:
    """Statements that the database took from the app while a block ran."""

    statements: Sequence[str] = ()

    @property
    def count(self) -> int:
        return len(self.statements)


class Queries:
    """Counts what the database was asked, from the server's own log."""

    def __init__(self, host: Host, database: Database) -> None:
        self._host = host
        self._database = database

    @contextmanager
    def counted(self) -> Iterator[Counted]:
        """Counts queries and changes while the block runs; transaction control and type look-ups are left out."""
        counted = Counted()
        mark = self._host.ask("mark")
        yield counted
        entries = cast(list[tuple[int, str, str]], self._host.ask("statements", since=mark))
        counted.statements = [
            sql
            for process, role, sql in entries
            if role == "app" and process not in self._database.processes and is_counted(sql)
        ]


def is_counted(sql: str) -> bool:
    """Whether a statement is a query or a change of the app's own."""
    return COUNTED.match(sql) is not None and DRIVERS.search(sql) is None


class Pool:
    """How many database connections N concurrent requests take."""

    def __init__(self, api: Api, database: Database) -> None:
        self._api = api
        self._database = database

    def used_by(self, calls: Sequence[Callable[[], Got]]) -> tuple[list[Got], int]:
        """Results of the calls run at once, and the most connections that the app held meanwhile."""
        with self._database.most_connections() as peak:
            results = self._api.together(calls)
        return results, peak.most
