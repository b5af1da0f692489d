"""Which blocking calls an event loop meets: in an async function, or in plain functions that one calls directly.

A function that is only handed to a thread (`asyncio.to_thread(fetch)`, a lambda for an executor) is not called by the
loop, and calls that cannot be resolved by name are not followed: what is reported is certain.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from graders.addedlines import Diff
from graders.pycode import FunctionNode, Scope, Source

_HTTP_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
BLOCKING = frozenset(
    {
        "time.sleep",
        "urllib.request.urlopen",
        "urllib.request.urlretrieve",
        "socket.create_connection",
        "os.system",
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.getoutput",
        "psycopg2.connect",
        "psycopg.connect",
        "pymysql.connect",
        "MySQLdb.connect",
        "sqlite3.connect",
        *(f"{client}.{verb}" for client in ("requests", "httpx") for verb in _HTTP_VERBS),
    }
)
"""Calls that wait for a network, a disk, a process or a clock."""

CLIENTS = frozenset(
    {
        "requests.Session",
        "httpx.Client",
        "urllib3.PoolManager",
        "pymongo.MongoClient",
        "redis.Redis",
        "redis.Redis.from_url",
        "redis.StrictRedis",
        "redis.from_url",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "sqlalchemy.create_engine",
        "openai.OpenAI",
        "anthropic.Anthropic",
        "boto3.client",
        "boto3.resource",
    }
)
"""Makers of clients whose methods block; making one need not."""

ROUTE_VERBS = frozenset({*_HTTP_VERBS, "websocket", "api_route", "route"})
_MAX_FUNCTIONS = 2_000


@dataclass(frozen=True)
class Call:
    """A call by a resolvable name."""

    name: str
    line: int
    scope: Scope


@dataclass(frozen=True)
class Blocked:
    """A blocking call and the async function that runs it."""

    path: str
    line: int
    name: str
    caller: str


@dataclass(frozen=True)
class _Function:
    path: str
    qualname: str


class AsyncPath:
    """The calls that the changed application code makes on the event loop."""

    def __init__(self, diff: Diff, paths: tuple[str, ...]) -> None:
        self._diff = diff
        self._paths = paths
        self._calls: dict[str, dict[str, list[Call]]] = {}

    @cached_property
    def blocked(self) -> tuple[Blocked, ...]:
        """Calls of `BLOCKING` and `CLIENTS` that run on the event loop, direct ones first."""
        found = [
            Blocked(path, call.line, call.name, name)
            for path, name in self._async_functions()
            for call in self._in(path).get(name, [])
            if call.name in BLOCKING or call.name in CLIENTS
        ]
        return (*found, *self._indirect())

    def _async_functions(self) -> Iterator[tuple[str, str]]:
        for path in self._paths:
            for name, node in functions(self._diff.source(path)).items():
                if isinstance(node, ast.AsyncFunctionDef):
                    yield path, name

    def _indirect(self) -> Iterator[Blocked]:
        """Blocking calls in plain functions that an async one reaches."""
        for start_path, start in self._async_functions():
            todo = [_Function(start_path, start)]
            seen = set(todo)
            while todo and len(seen) < _MAX_FUNCTIONS:
                function = todo.pop()
                for call in self._in(function.path).get(function.qualname, []):
                    called = self._resolve(function.path, call)
                    if called is None or called in seen:
                        continue
                    seen.add(called)
                    todo.append(called)
                    yield from self._blocked_in(called, f"{start_path}: {start}")

    def _blocked_in(self, function: _Function, caller: str) -> Iterator[Blocked]:
        for call in self._in(function.path).get(function.qualname, []):
            if call.name in BLOCKING:
                yield Blocked(function.path, call.line, call.name, caller)

    def _in(self, path: str) -> dict[str, list[Call]]:
        if path not in self._calls:
            source = self._diff.source(path)
            self._calls[path] = source.kept(calls) if source is not None else {}
        return self._calls[path]

    def _resolve(self, path: str, call: Call) -> _Function | None:
        """The plain function of the repo that a call names, None for async ones and for what is not known."""
        for target, name in self._candidates(path, call):
            node = functions(self._diff.source(target)).get(name)
            if isinstance(node, ast.FunctionDef):
                return _Function(target, name)
        return None

    def _candidates(self, path: str, call: Call) -> Iterator[tuple[str, str]]:
        own, _, method = call.name.rpartition(".")
        if own in ("self", "cls"):
            owner = next((at for at in call.scope.chain() if isinstance(at.node, ast.ClassDef)), None)
            if owner is not None:
                yield path, f"{owner.qualname}.{method}"
        elif not own:
            yield from ((path, f"{at.qualname}.{method}") for at in call.scope.chain())
            yield path, method
        else:
            for module in self._modules(path, own):
                yield module, method

    def _modules(self, path: str, dotted: str) -> Iterator[str]:
        """Paths that a dotted module may have in the final tree."""
        level = len(dotted) - len(dotted.lstrip("."))
        folder = path.split("/")[:-level] if level else []
        parts = [*folder, *(part for part in dotted.split(".") if part)]
        for root in ([], ["src"]):
            stem = "/".join([*root, *parts])
            for candidate in (f"{stem}.py", f"{stem}/__init__.py"):
                if candidate in self._diff.final.entries:
                    yield candidate


def functions(source: Source | None) -> dict[str, FunctionNode]:
    """Functions of a file by qualified name, none where it could not be parsed."""
    return source.functions if source is not None else {}


def calls(source: Source) -> dict[str, list[Call]]:
    """Qualified function -> the calls it makes itself; a lambda's or inner function's calls are not its own."""
    found: dict[str, list[Call]] = {}
    for node, name, scope in source.calls:
        if name and scope is not None and isinstance(scope.node, FunctionNode):
            found.setdefault(scope.qualname, []).append(Call(name, node.lineno, scope))
    return found


def is_route(source: Source, node: FunctionNode) -> bool:
    """Whether a function is decorated as a route: `@router.get(...)`."""
    called = (decorator.func for decorator in node.decorator_list if isinstance(decorator, ast.Call))
    return any(isinstance(func, ast.Attribute) and func.attr in ROUTE_VERBS for func in called)
