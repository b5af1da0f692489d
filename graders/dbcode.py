"""How a repo reaches its database: async or sync engines, sessions and drivers, and calls that are queries."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from graders.pycode import Source

SYNC_DRIVERS = frozenset({"psycopg2", "pymysql", "MySQLdb", "sqlite3", "pg8000", "mysql", "pyodbc", "cx_Oracle"})
SYNC_MAKERS = frozenset(
    {
        "sqlalchemy.create_engine",
        "sqlalchemy.engine.create_engine",
        "sqlmodel.create_engine",
        "sqlalchemy.orm.Session",
        "sqlmodel.Session",
        "psycopg.connect",
        "pymongo.MongoClient",
    }
)
_ASYNC = re.compile(
    r"create_async_engine|async_sessionmaker|AsyncSession|asyncpg|aiosqlite|aiomysql|AsyncConnection|motor"
)
_QUERY_METHODS = frozenset(
    {
        "execute",
        "executemany",
        "scalar",
        "scalars",
        "stream",
        "stream_scalars",
        "fetch",
        "fetchrow",
        "fetchval",
        "query",
        "get",
        "get_one",
        "add",
        "add_all",
        "delete",
        "merge",
    }
)
_OWNERS = re.compile(r"(?i)^(?:self\.)?_?(?:\w*session|db|database|conn|connection|cursor|pool|\w*_session)$")
_BUILDERS = frozenset({"select", "insert", "update", "delete", "text"})


def is_async(text: str) -> bool:
    """Whether a file speaks of an async database layer."""
    return _ASYNC.search(text) is not None


def sync_access(source: Source) -> Iterator[tuple[int, str]]:
    """(line, what) of sync drivers imported and of sync engines, sessions and connections made."""
    for node, _ in source.nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] in SYNC_DRIVERS)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if (node.module or "").split(".")[0] in SYNC_DRIVERS:
                yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call):
            name = source.dotted(node.func)
            if name in SYNC_MAKERS or (name == "sqlalchemy.orm.sessionmaker" and not _makes_async(node)):
                yield node.lineno, name


def _makes_async(node: ast.Call) -> bool:
    """`sessionmaker(engine, class_=AsyncSession)` is the older way to an async session."""
    return any(item.arg == "class_" for item in node.keywords)


def touches(source: Source) -> bool:
    """Whether a file has to do with a database at all."""
    tops = {name.split(".")[0] for name in source.imports.values()}
    return not tops.isdisjoint(
        {"sqlalchemy", "sqlmodel", "asyncpg", "psycopg", "aiosqlite", "motor", "pymongo"} | SYNC_DRIVERS
    )


def queries(source: Source) -> Iterator[tuple[int, str]]:
    """(line, what) of statements that are built or run; ending a transaction is none."""
    for node, name, _ in source.calls:
        owner, _, method = name.rpartition(".")
        builds = owner.startswith(("sqlalchemy", "sqlmodel")) and method in _BUILDERS
        runs = method in _QUERY_METHODS and _OWNERS.match(owner) is not None
        if builds or runs:
            yield node.lineno, name
