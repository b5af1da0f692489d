"""S13: A router that queries the database cannot be tested without one, and its logic cannot be used twice.

Only repos that have layers are looked at: a package of repositories, services or the like, and routers of the seed that
leave queries to it. Then added lines of router modules build and run no statement; ending a transaction is allowed.
"""

from __future__ import annotations

from typing import ClassVar

from graders.addedlines import diff_of, text_of
from graders.dbcode import queries
from graders.pycode import Source as Code
from graders.pycode import is_app, parse
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Outcome, Severity, Source, Tree

_LAYERS = frozenset({"repositories", "repository", "services", "service", "crud", "dal", "dao", "usecases", "domain"})
_ROUTERS = frozenset({"routers", "router", "routes", "endpoints", "views"})

_ROUTER = """from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

router = APIRouter()


@router.get("/items")
async def items(session: AsyncSession, service: object) -> object:
    {line}
"""
_CLEAN = _ROUTER.format(line="return await service.list()")
_QUERYING = _ROUTER.format(line="return await session.scalars(select(1))")
_LAYERED = {**BASE, "app/services/items.py": "X = 1\n", "app/routers/items.py": _CLEAN}
_FLAT = {**BASE, "app/routes.py": _QUERYING}


class S13:
    """Routers leave queries to the layer that the repo has for them."""

    demand: ClassVar[str] = "Logic stands apart from routers: they build and run no query where the repo has layers."
    section: ClassVar[str] = "Best Practices"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MINOR
    evidence: ClassVar[tuple[str, ...]] = ("static",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("asks a service", case(base=_LAYERED, files={"app/routers/rooms.py": _CLEAN}), Outcome.PASS),
        Example("queries in a router", case(base=_LAYERED, files={"app/routers/rooms.py": _QUERYING}), Outcome.FAIL, 1),
        Example(
            "one router of two",
            case(base=_LAYERED, files={"app/routers/rooms.py": _QUERYING, "app/routers/people.py": _CLEAN}),
            Outcome.FAIL,
            1,
            opportunities=2,
        ),
        Example(
            "runs SQL by hand",
            case(
                base=_LAYERED,
                files={"app/routers/rooms.py": _ROUTER.format(line="return await session.execute('SELECT 1')")},
            ),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "no router was changed",
            case(base=_LAYERED, files={"app/services/x.py": _QUERYING.replace("APIRouter", "x")}),
            Outcome.NOT_APPLICABLE,
        ),
        Example(
            "ends the transaction",
            case(base=_LAYERED, files={"app/routers/rooms.py": _ROUTER.format(line="await session.commit()")}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "asks something else that has a get",
            case(
                base=_LAYERED,
                files={"app/routers/rooms.py": _ROUTER.format(line="return {}.get('x') or service.get('x')")},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a repo without layers",
            case(base=_FLAT, files={"app/rooms.py": _QUERYING}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a repo whose routers query",
            case(base={**_LAYERED, "app/routers/items.py": _QUERYING}, files={"app/routers/rooms.py": _QUERYING}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide over the added lines of router modules."""
        diff = diff_of(case)
        changed = [path for path in diff.python if is_app(path) and _is_router(path, diff.source(path))]
        if not changed or not _has_layers(diff.base):
            return not_applicable("no router was changed, or the repo has no layers")
        findings = []
        for path in changed:
            source = diff.source(path)
            lines = dict(queries(source)) if source is not None else {}
            first = [(line, name) for line, name in sorted(lines.items()) if diff.is_added(path, [line])]
            findings += [diff.finding(f"a router runs `{name}`", path, line) for line, name in first]
        return decide(findings, opportunities=len(changed))


def _is_router(path: str, source: Code | None) -> bool:
    """A module in a folder of routers, or one that makes an `APIRouter`."""
    if source is None or path.endswith("__init__.py"):
        return False
    makes = any(name == "fastapi.APIRouter" for _, name, _ in source.calls)
    return makes or not _ROUTERS.isdisjoint(path.split("/")[:-1])


def _has_layers(base: Tree) -> bool:
    """The seed has a package for logic or data, and routers that run no query themselves."""
    paths = [path for path in base.files() if is_app(path)]
    layered = any(not _LAYERS.isdisjoint(path.split("/")[:-1]) for path in paths)
    return layered and not any(_queries_in_router(base, path) for path in paths)


def _queries_in_router(base: Tree, path: str) -> bool:
    text = text_of(base, path) or ""
    source = parse(text) if "APIRouter" in text else None
    return source is not None and _is_router(path, source) and any(queries(source))
