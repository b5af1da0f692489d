"""Tries a delivery's migrations on a real database and reads what came of them from the database's own catalogue.

The database does not care which tool made it, so the same trial serves Alembic and raw SQL: the task says which
commands bring it up and back. Seed and delivery stand side by side in one server; nothing of either is believed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graders.stand import WORKSPACE, regular_files
from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import CONTROL, Case, Lab, Sandbox, SandboxSpec
from harness.core.task import PEER_PORTS, Migrations, Table

SEED = "/srv/seed"
COMMAND_S = 120.0
SQL_S = 60.0
SAID = 300
BOOKKEEPING = re.compile(r"(?i)version|migration")
"""Tables in which tools keep what they have done."""
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
COLUMNS = """
SELECT json_build_array('column', c.relname, a.attname,
    format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum;
SELECT json_build_array(CASE WHEN i.indisprimary THEN 'primary' ELSE 'unique' END, c.relname,
    (SELECT json_agg(a.attname ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum))
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL;
SELECT json_build_array('foreign', c.relname, a.attname, f.relname || '.' || b.attname)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = k.confkey[1]
WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace AND cardinality(k.conkey) = 1;
"""

Rows = Mapping[str, Counter[str]]
"""Table -> its rows as text, with how often each stands there."""


@dataclass
class Catalogue:
    """What the database says it holds."""

    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    """Table -> column -> type, with `not null`."""
    primary: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unique: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    foreign: dict[str, dict[str, str]] = field(default_factory=dict)

    def own(self) -> dict[str, dict[str, str]]:
        """Columns of the app's own tables."""
        return {table: found for table, found in self.columns.items() if not BOOKKEEPING.search(table)}


@dataclass
class Tried:
    """What became of a delivery's migrations; None for what could not be tried, which an empty database is not."""

    failed: str = ""
    """The first command of the delivery that failed, with what it said."""
    heads: int | None = None
    from_empty: Catalogue | None = None
    from_seed: Catalogue | None = None
    lost: list[str] = field(default_factory=list)
    """Rows or columns of the seed revision that are gone, one sentence each."""


def try_migrations(case: Case, lab: Lab, wanted: Migrations) -> Tried:
    """Up from empty; up from the seed's revision with rows; and back and up again where the tool can.

    `Failure(TASK)` where the seed's own migration or the task's rows fail.
    """
    file = case.task.file
    with lab.services(("postgres",)) as services:
        target = services["postgres"]
        relays = {PEER_PORTS["postgres"]: lambda: target}
        with lab.sandbox(SandboxSpec(role="server", toolchain=file.toolchain, relays=relays)) as server:
            server.put(WORKSPACE, regular_files(case.evidence.final))
            server.put(SEED, regular_files(case.evidence.base))
            return _Trial(server, target[0], file.app.migrate, file.app.environment(), wanted).run()


def differences(wanted: Mapping[str, Table], found: Catalogue) -> tuple[list[str], list[str]]:
    """(what is missing or different from the expected schema, what stands beside it)."""
    wrong, extra = [], []
    own = found.own()
    for name, table in wanted.items():
        columns = own.get(name)
        if columns is None:
            wrong.append(f"table {name} is missing")
            continue
        wrong += [
            f"{name}.{column} is {columns.get(column, 'missing')}, not {kind}"
            for column, kind in table.columns.items()
            if columns.get(column) != kind
        ]
        wrong += _keys(name, table, found)
        extra += [f"{name}.{column} is in no specification" for column in columns if column not in table.columns]
    return wrong, extra


def _keys(name: str, table: Table, found: Catalogue) -> list[str]:
    wrong = []
    if table.primary_key and found.primary.get(name) != table.primary_key:
        wrong.append(f"{name} has not the primary key {', '.join(table.primary_key)}")
    for column, goal in table.foreign_keys.items():
        if found.foreign.get(name, {}).get(column) != goal:
            wrong.append(f"{name}.{column} does not refer to {goal}")
    for columns in table.unique:
        if set(columns) not in [set(key) for key in found.unique.get(name, set())]:
            wrong.append(f"{name} is not unique over {', '.join(columns)}")
    return wrong


class _Trial:
    """One database, brought up and back."""

    def __init__(
        self, server: Sandbox, database: Sandbox, migrate: Sequence[str], env: Mapping[str, str], wanted: Migrations
    ) -> None:
        self._server = server
        self._database = database
        self._migrate = migrate
        self._env = env
        self._wanted = wanted

    def run(self) -> Tried:
        tried = Tried()
        try:
            self._up(tried)
        except LimitReached as reached:
            tried.failed = f"a migration took more {reached.limit} than the sandbox has"
        return tried

    def _up(self, tried: Tried) -> None:
        tried.heads = self._heads()
        tried.failed = self._command(self._migrate)
        if tried.failed:
            return
        tried.from_empty = self._catalogue()
        self._sql(EMPTY)
        seed, rows = self._seed()
        tried.failed = self._command(self._migrate)
        if tried.failed:
            return
        tried.from_seed = self._catalogue()
        tried.lost = self._lost(seed, rows, "the upgrade")
        if self._wanted.downgrade and not tried.lost:
            self._back_and_up(tried, seed, rows)

    def _back_and_up(self, tried: Tried, seed: Catalogue, rows: Rows) -> None:
        for argv, doing in ((self._wanted.downgrade, "the downgrade"), (self._migrate, "the upgrade after it")):
            tried.failed = self._command(argv)
            if tried.failed:
                return
            tried.lost = self._lost(seed, rows, doing)
            if tried.lost:
                return

    def _seed(self) -> tuple[Catalogue, Rows]:
        """The seed's revision with the task's rows in it."""
        said = self._command(self._migrate, SEED)
        if said:
            raise Failure(Cause.TASK, f"the seed's own migration: {said}")
        if self._wanted.rows:
            self._sql(self._wanted.rows)
        seed = self._catalogue()
        return seed, self._rows(seed)

    def _heads(self) -> int | None:
        if not self._wanted.heads:
            return None
        done = self._server.run(list(self._wanted.heads), cwd=WORKSPACE, env=self._env, deadline=Deadline(COMMAND_S))
        return sum(1 for line in done.stdout.splitlines() if line.strip()) if done.exit_code == 0 else 0

    def _command(self, argv: Sequence[str], folder: str = WORKSPACE) -> str:
        """What the command said when it failed, empty when it went well."""
        done = self._server.run(list(argv), cwd=folder, env=self._env, deadline=Deadline(COMMAND_S))
        if done.exit_code == 0:
            return ""
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-SAID:]
        return f"{' '.join(argv)} ended with {done.exit_code}: {said}"

    def _sql(self, statements: str) -> list[str]:
        done = self._database.run([CONTROL, "sql"], stdin=statements.encode(), deadline=Deadline(SQL_S), cap=8_000_000)
        if done.exit_code != 0:
            said = done.stderr.decode("utf-8", "replace").strip()[-SAID:]
            raise Failure(Cause.TASK, f"SQL on the database of rule S2: {said}")
        return done.stdout.decode("utf-8", "replace").splitlines()

    def _catalogue(self) -> Catalogue:
        found = Catalogue()
        for line in self._sql(COLUMNS):
            kind, table, *rest = json.loads(line)
            if kind == "column":
                found.columns.setdefault(table, {})[rest[0]] = rest[1]
            elif kind == "foreign":
                found.foreign.setdefault(table, {})[rest[0]] = rest[1]
            else:
                key = tuple(rest[0] or ())
                found.unique.setdefault(table, set()).add(key)
                if kind == "primary":
                    found.primary[table] = key
        return found

    def _rows(self, catalogue: Catalogue, now: Catalogue | None = None) -> Rows:
        """Rows of the tables and columns of `catalogue`, as far as they are still there `now`."""
        statements = []
        for table, columns in catalogue.own().items():
            there = columns if now is None else now.columns.get(table)
            if there is not None and all(column in there for column in columns):
                listed = ", ".join(f"{_quoted(column)}::text" for column in columns)
                name = table.replace("'", "''")
                row = f"json_build_array('{name}', json_build_array({listed}))"
                statements.append(f"SELECT {row} FROM {_quoted(table)};")  # noqa: S608 - names are quoted
        found: dict[str, Counter[str]] = {}
        for line in self._sql("\n".join(statements)):
            table, row = json.loads(line)
            found.setdefault(table, Counter())[json.dumps(row)] += 1
        return found

    def _lost(self, seed: Catalogue, rows: Rows, doing: str) -> list[str]:
        now = self._catalogue()
        lost = []
        for table, columns in seed.own().items():
            left = now.columns.get(table)
            if left is None:
                lost.append(f"{doing} loses table {table}")
                continue
            lost += [f"{doing} loses column {table}.{column}" for column in columns if column not in left]
        kept = self._rows(seed, now)
        for table, before in rows.items():
            missing = before - kept.get(table, Counter())
            if missing and not any(f" {table}" in sentence for sentence in lost):
                lost.append(f"{doing} loses or changes {missing.total()} of {before.total()} rows of {table}")
        return lost


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
