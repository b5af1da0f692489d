"""S9: What differs from one deployment to the next belongs to its environment: addresses, credentials, switches.

Looked at are literals on added lines of application code: addresses of databases, of brokers, of this machine and of
private networks (major), the base address of a client and the debug switch (minor). The default of a setting is no
hard-coded value, since the environment replaces it: fields of a settings class and second arguments of `os.getenv` are
left out. Tunables (sizes, limits, time-outs) are not looked at, nor are addresses in documentation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import ClassVar

from graders.addedlines import Diff, diff_of
from graders.pycode import Scope, is_app
from graders.pycode import Source as Code
from graders.rulekit import Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Severity, Source

_STORE = re.compile(
    r"(?i)^(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|valkeys?|amqps?|kafka|nats|memcached|clickhouse)"
    r"(?:\+\w+)?(?:\+srv)?://[^\s{}/]*[\w\])]"
)
_PRIVATE = re.compile(
    r"(?i)^https?://(?:localhost|127\.\d+\.\d+\.\d+|10\.\d+\.\d+\.\d+|192\.168\.\d+\.\d+|172\.(?:1[6-9]|2\d|3[01])\.\d+\.\d+)"
    r"(?::\d+)?(?:/|$)"
)
_PUBLIC = re.compile(r"https?://[^/]*\.")
_ENVIRONMENT = frozenset({"os.getenv", "os.environ.get", "os.environ.setdefault"})
_DOCUMENTED = frozenset(
    {"description", "summary", "title", "example", "examples", "json_schema_extra", "servers", "responses"}
)
_APPS = frozenset({"fastapi.FastAPI", "starlette.applications.Starlette", "flask.Flask"})
_SETTINGS = (
    "from pydantic_settings import BaseSettings\n\n\nclass Settings(BaseSettings):\n"
    "    database_url: str = 'postgresql://app:app@localhost/app'\n"
)


def _app(line: str) -> Case:
    return case(files={"app/x.py": f"import os\n\nfrom fastapi import FastAPI\n\n{line}\n"})


class S9:
    """Addresses, credentials and switches come from the environment."""

    demand: ClassVar[str] = "Configuration comes from environment variables, not from literals in the code."
    section: ClassVar[str] = "Code Quality Standards"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("diff",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("from the environment", _app("URL = os.environ['DATABASE_URL']"), Outcome.PASS),
        Example("the address of a database", _app("URL = 'postgresql+asyncpg://app:app@db:5432/app'"), Outcome.FAIL, 1),
        Example(
            "the address of a broker", _app("def f() -> None:\n    connect('redis://cache:6379/0')"), Outcome.FAIL, 1
        ),
        Example("an address of this machine", _app("API = 'http://127.0.0.1:9000/rates'"), Outcome.FAIL, 1),
        Example(
            "one file of two",
            case(files={"app/x.py": "URL = 'redis://cache:6379/0'\n", "app/y.py": "Y = 1\n"}),
            Outcome.FAIL,
            1,
            opportunities=2,
        ),
        Example("the debug switch", _app("app = FastAPI(debug=True)"), Outcome.FAIL, severity=Severity.MINOR),
        Example(
            "the base address of a client",
            _app("client = AsyncClient(base_url='https://api.rates.io/v1')"),
            Outcome.FAIL,
            severity=Severity.MINOR,
        ),
        Example(
            "a base address of the app itself",
            _app("client = AsyncClient(base_url='http://app')"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "adds no application code", case(files={"tests/test_x.py": "X = 'redis://x:1'\n"}), Outcome.NOT_APPLICABLE
        ),
        Example("the default of a setting", case(files={"app/config.py": _SETTINGS}), Outcome.PASS, trap=True),
        Example(
            "the default of a variable",
            _app("URL = os.getenv('URL', 'redis://localhost:6379')"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an address built from settings", _app("URL = f'postgresql://{user}@{host}/app'"), Outcome.PASS, trap=True
        ),
        Example(
            "an address with a user, its host from settings",
            _app("URL = f'postgresql://app:{password}@{host}/app'"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an address with a value behind it", _app("URL = f'http://localhost:9000/rates/{day}'"), Outcome.FAIL, 1
        ),
        Example("a scheme to compare with", _app("ok = url.startswith('postgresql://')"), Outcome.PASS, trap=True),
        Example(
            "an address in a docstring",
            _app('"""postgresql://app@db/app is what it needs."""'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an address in the documentation",
            _app("app = FastAPI(servers=[{'url': 'http://localhost:8000'}])"),
            Outcome.PASS,
            trap=True,
        ),
        Example("a public identifier", _app("TYPE = 'https://example.org/problems/taken'"), Outcome.PASS, trap=True),
        Example("a tunable", _app("POOL_SIZE = 10\nTIMEOUT_S = 2.5"), Outcome.PASS, trap=True),
        Example(
            "a migration", case(files={"migrations/env.py": "X = 'redis://x:1'\n"}), Outcome.NOT_APPLICABLE, trap=True
        ),
        Example(
            "the team's old address",
            case(base={"app/x.py": "X = 'redis://x:1'\n"}, files={"app/x.py": "X = 'redis://x:1'\nY = 1\n"}),
            Outcome.PASS,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide over the literals on added lines."""
        diff = diff_of(case)
        paths = [path for path in diff.python if is_app(path) and diff.added.get(path)]
        if not paths:
            return not_applicable("no application code was added")
        findings = [finding for path in paths for finding in _findings(diff, path)]
        return decide(findings, opportunities=len(paths))


def _findings(diff: Diff, path: str) -> Iterator[Finding]:
    source = diff.source(path)
    if source is None:
        return
    replaced = source.kept(_replaced)
    for node, scope in source.of(ast.Constant, ast.Call):
        if id(node) in replaced or (scope is not None and _is_settings(scope)):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and diff.is_added(path, [node.lineno]):
            if _STORE.search(node.value) or _PRIVATE.search(node.value):
                yield diff.finding("an address is hard-coded", path, node.lineno)
        elif isinstance(node, ast.Call):
            yield from _arguments(diff, path, node, is_app=source.dotted(node.func) in _APPS)


def _arguments(diff: Diff, path: str, node: ast.Call, *, is_app: bool) -> Iterator[Finding]:
    """The debug switch of an application, and the base address of any client."""
    for item in node.keywords:
        value = item.value.value if isinstance(item.value, ast.Constant) else None
        if not diff.is_added(path, [item.value.lineno]):
            continue
        if is_app and item.arg == "debug" and value is True:
            yield diff.finding("debugging is switched on in the code", path, item.value.lineno, Severity.MINOR)
        elif item.arg == "base_url" and isinstance(value, str) and _PUBLIC.match(value):
            yield diff.finding("a base address is hard-coded", path, item.value.lineno, Severity.MINOR)


def _is_settings(scope: Scope) -> bool:
    """Directly inside a settings class: its fields are read from the environment."""
    bases = scope.node.bases if isinstance(scope.node, ast.ClassDef) else []
    names = [
        base.attr if isinstance(base, ast.Attribute) else base.id
        for base in bases
        if isinstance(base, (ast.Attribute, ast.Name))
    ]
    return any(name.endswith(("Settings", "Config")) for name in names)


def _replaced(source: Code) -> frozenset[int]:
    """Identities of literals that the environment replaces, that document, or that are parts of a text."""
    found: set[int] = set()
    for node, _ in source.of(ast.Call, ast.keyword, ast.JoinedStr, ast.Expr):
        if isinstance(node, ast.Call) and source.dotted(node.func) in _ENVIRONMENT:
            found.update(id(value) for value in node.args)
        elif isinstance(node, ast.keyword) and node.arg in _DOCUMENTED:
            found.update(id(inner) for inner in ast.walk(node.value))
        elif isinstance(node, ast.JoinedStr):
            found.update(id(value) for value in node.values if _is_open(node))
        elif isinstance(node, ast.Expr):
            found.add(id(node.value))
    return frozenset(found)


def _is_open(node: ast.JoinedStr) -> bool:
    """An f-string whose address is not complete before its first value."""
    first = node.values[0] if node.values else None
    return not (isinstance(first, ast.Constant) and _PRIVATE.search(str(first.value)))
