"""S4: A wait inside the event loop stops serving everybody else: one `time.sleep` stalls all requests.

Two witnesses: ruff's ASYNC codes (pinned in `graders/config/ruff.toml`) and our own list of blocking calls, which also
follows plain functions that an async one calls by name. Waits for the disk (`open`, `Path.exists`) and clients that
are merely made weigh minor: they may be harmless. A plain route handler runs in a worker thread: minor too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import ClassVar

from graders.addedlines import Diff, diff_of
from graders.asyncpath import BLOCKING, CLIENTS, AsyncPath, Blocked, calls, functions, is_route
from graders.pycode import is_app
from graders.rulekit import Example, Ruling, case, decide, not_applicable
from graders.static import StaticFinding, analysis_of
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Severity, Source

_FILE_CODES = frozenset({"ASYNC230", "ASYNC240"})

_ROUTE = """import asyncio
import time

import httpx
import requests
from fastapi import APIRouter

router = APIRouter()


@router.get("/rates")
async def rates() -> dict[str, str]:
{body}
"""


def _route(*lines: str, name: str = "app/rates.py", more: str = "") -> dict[str, str]:
    return {name: _ROUTE.format(body="\n".join(f"    {line}" for line in lines)) + more}


_SCRIPT = "import requests\n\n\ndef main() -> None:\n    requests.get('http://localhost:8000/health', timeout=5)\n"
_ENV = "from sqlalchemy import create_engine\n\n\nasync def run() -> None:\n    create_engine('x').connect()\n"
_OLD = {"app/old.py": "import time\n\n\nasync def wait() -> None:\n    time.sleep(1)\n"}
_SYNC_OLD = "import time\n\n\n{kind} wait() -> None:\n    time.sleep(1)\n"
_INDIRECT = {
    "app/fetch.py": "import requests\n\n\ndef fetch() -> str:\n    return requests.get('http://rates').text\n",
    "app/routes.py": "from app.fetch import fetch\n\n\nasync def rates() -> str:\n    return fetch()\n",
}
_HANDED = {
    **_INDIRECT,
    "app/routes.py": "import asyncio\n\nfrom app.fetch import fetch\n\n\nasync def rates() -> str:\n"
    "    return await asyncio.to_thread(fetch)\n",
}
_PLAIN_ROUTE = (
    "import requests\nfrom fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n@router.get('/rates')\n"
    "def rates() -> str:\n    return requests.get('http://rates', timeout=3).text\n"
)
_SQLITE = "    import sqlite3\n    sqlite3.connect('x')\n"


class S4:
    """Nothing blocks the event loop: no synchronous wait in or below an async function."""

    demand: ClassVar[str] = "Code on an async path makes no blocking call."
    section: ClassVar[str] = "Best Practices"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("static",)
    codes: ClassVar[tuple[str, ...]] = ("ASYNC",)
    """Beginnings of the pinned codes that it reads."""
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "awaits an async client",
            case(
                files=_route("async with httpx.AsyncClient() as client:", "    return (await client.get('x')).json()")
            ),
            Outcome.PASS,
        ),
        Example("adds no application code", case(files={"tests/test_x.py": "X = 1\n"}), Outcome.NOT_APPLICABLE),
        Example("sleeps in a route", case(files=_route("time.sleep(1)", "return {}")), Outcome.FAIL, findings=1),
        Example("a sync request in a route", case(files=_route("requests.get('x')", "return {}")), Outcome.FAIL, 1),
        Example(
            "a suppression hides nothing",
            case(files=_route("time.sleep(1)  # noqa: ASYNC251", "return {}")),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "an imported name is resolved",
            case(files={"app/x.py": "from time import sleep as nap\n\n\nasync def f() -> None:\n    nap(1)\n"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "a sync database driver",
            case(files={"app/x.py": f"async def f() -> None:\n{_SQLITE}"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example("a plain helper that an async route calls", case(files=_INDIRECT), Outcome.FAIL, findings=1, trap=True),
        Example(
            "an inner function that is called",
            case(files=_route("def fetch() -> None:", "    requests.get('x')", "fetch()", "return {}")),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "an inner function that is handed to a thread",
            case(
                files=_route("def fetch() -> None:", "    requests.get('x')", "return await asyncio.to_thread(fetch)")
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an old function made async keeps its sleep",
            case(
                base={"app/x.py": _SYNC_OLD.format(kind="def")}, files={"app/x.py": _SYNC_OLD.format(kind="async def")}
            ),
            Outcome.FAIL,
            findings=1,
            trap=True,
        ),
        Example(
            "opens a small file",
            case(files=_route("with open('x') as file:", "    return {'x': file.read()}")),
            Outcome.FAIL,
            severity=Severity.MINOR,
        ),
        Example(
            "makes a client that blocks",
            case(files={"app/x.py": "import redis\n\n\nasync def f() -> None:\n    redis.Redis()\n"}),
            Outcome.FAIL,
            severity=Severity.MINOR,
        ),
        Example(
            "makes a client that blocks from an address",
            case(
                files={
                    "app/x.py": "from redis import Redis\n\n\nasync def f(url: str) -> None:\n    Redis.from_url(url)\n"
                }
            ),
            Outcome.FAIL,
            severity=Severity.MINOR,
        ),
        Example("a plain route handler", case(files={"app/x.py": _PLAIN_ROUTE}), Outcome.FAIL, severity=Severity.MINOR),
        Example("the helper is handed to a thread", case(files=_HANDED), Outcome.PASS, trap=True, opportunities=2),
        Example(
            "a lambda for an executor",
            case(files=_route("return await asyncio.to_thread(lambda: requests.get('x').json())")),
            Outcome.PASS,
            trap=True,
        ),
        Example("asyncio.sleep", case(files=_route("await asyncio.sleep(1)", "return {}")), Outcome.PASS, trap=True),
        Example(
            "a method that is merely called sleep or get",
            case(files=_route("await clock.sleep(1)", "return cache.get('rates')")),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "blocking words in a string and a comment",
            case(files=_route('text = "time.sleep(1)"  # not requests.get', "return {'x': text}")),
            Outcome.PASS,
            trap=True,
        ),
        Example("a script", case(files={"scripts/smoke.py": _SCRIPT}), Outcome.NOT_APPLICABLE, trap=True),
        Example("a migration environment", case(files={"alembic/env.py": _ENV}), Outcome.NOT_APPLICABLE, trap=True),
        Example("a test", case(files={"tests/test_x.py": _ENV}), Outcome.NOT_APPLICABLE, trap=True),
        Example(
            "an old sin in a file that grew",
            case(base=_OLD, files={"app/old.py": _OLD["app/old.py"] + "\n\nX = 1\n"}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an old sin that moved with its function",
            case(base=_OLD, files={"app/old.py": None, "app/new.py": _OLD["app/old.py"] + "X = 1\n"}),
            Outcome.PASS,
            trap=True,
        ),
        Example("a file that cannot be parsed", case(files={"app/x.py": "async def f(:\n"}), Outcome.NOT_APPLICABLE),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide over the added lines of application code."""
        diff = diff_of(case)
        paths = tuple(path for path in diff.python if is_app(path) and diff.added.get(path))
        if not paths:
            return not_applicable("no application code was added")
        found: dict[tuple[str, int], Finding] = {}
        for path, line, finding in (
            *_by_ruff(diff, analysis_of(case).pinned),
            *_by_list(diff, paths),
            *_in_routes(diff, paths),
        ):
            found.setdefault((path, line), finding)
        return decide(list(found.values()), opportunities=len(paths))


_Placed = tuple[str, int, Finding]


def _by_ruff(diff: Diff, pinned: tuple[StaticFinding, ...]) -> Iterator[_Placed]:
    for item in pinned:
        if not item.code.startswith(S4.codes) or not is_app(item.path):
            continue
        if _is_new(diff, item.path, item.line):
            severity = Severity.MINOR if item.code in _FILE_CODES else None
            yield item.path, item.line, diff.finding(f"{item.code}: {item.message}", item.path, item.line, severity)


def _by_list(diff: Diff, paths: tuple[str, ...]) -> Iterator[_Placed]:
    for blocked in AsyncPath(diff, paths).blocked:
        if _is_new(diff, blocked.path, blocked.line):
            severity = Severity.MINOR if blocked.name in CLIENTS else None
            yield blocked.path, blocked.line, diff.finding(_message(blocked), blocked.path, blocked.line, severity)


def _message(blocked: Blocked) -> str:
    what = "makes a client that blocks" if blocked.name in CLIENTS else "blocks"
    return f"`{blocked.name}` {what} on an async path (`{blocked.caller}`)"


def _in_routes(diff: Diff, paths: tuple[str, ...]) -> Iterator[_Placed]:
    """Blocking calls in plain route handlers, which hold a worker thread."""
    for path in paths:
        source = diff.source(path)
        if source is None:
            continue
        made = source.kept(calls)
        for name, node in functions(source).items():
            if isinstance(node, ast.AsyncFunctionDef) or not is_route(source, node):
                continue
            for call in made.get(name, []):
                if call.name in BLOCKING and diff.is_added(path, [call.line]):
                    message = f"`{call.name}` blocks a worker thread in the route `{name}`"
                    yield path, call.line, diff.finding(message, path, call.line, Severity.MINOR)


def _is_new(diff: Diff, path: str, line: int) -> bool:
    """Whether the line is added, or its function has only now become async."""
    source = diff.source(path)
    node = source.functions.get(source.function_at(line)) if source is not None else None
    made_async = isinstance(node, ast.AsyncFunctionDef) and diff.is_added(path, [node.lineno])
    return diff.is_added(path, [line]) or made_async
