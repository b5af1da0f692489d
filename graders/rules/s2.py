"""S2: Migrations are the one change that cannot be taken back by deploying the version before.

They are tried on a real database: up from empty, up from the seed's revision with rows in it, and back and up again
where the tool can go back. The database's catalogue is compared with what the specs ask for. Lost data blocks; a wrong
schema, two heads or a broken way back is major; what no specification asks for is minor.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, cast

from graders.catalogue import COLUMNS, EMPTY, Tried, differences, try_migrations
from graders.rulekit import Example, Ruling, case, decide, not_applicable, task, unknown
from harness.core.deadline import Deadline
from harness.core.errors import LimitReached
from harness.core.ports import Address, Case, Executed, Lab, Sandbox, SandboxSpec
from harness.core.records import Finding, Outcome, Place, Severity, Source
from harness.core.task import Migrations

_TABLE = {"columns": {"id": "integer not null", "name": "text not null"}, "primary_key": ["id"]}
_FACTS = {
    "rows": "INSERT INTO items VALUES (1);",
    "downgrade": ["tool", "down"],
    "heads": ["tool", "heads"],
    "tables": {"items": _TABLE},
}
_APP = {"package": "app", "module": "app.main:app", "test": "pytest", "health": "/health", "migrate": ["tool", "up"]}
_TASK = task(app=_APP, migrations=_FACTS)


@dataclass
class _Database:
    """A database and a migration tool played for the examples: what each step makes of the one table."""

    seed: tuple[str, ...] = ("id",)
    up: tuple[str, ...] = ("id", "name")
    down: tuple[str, ...] = ("id",)
    kept: bool = True
    heads: bytes = b"0003 (head)\n"
    broken: str = ""
    hungry: str = ""
    idle: bool = False
    """The delivery's tool ends well and does nothing."""
    columns: tuple[str, ...] = ()
    rows: int = 0
    kind = "played"

    def run(self, argv: list[str], *, deadline: Deadline, cwd: str = "/", stdin: bytes = b"", **_: object) -> Executed:
        if argv[-1] == self.hungry:
            raise LimitReached("memory", "the sandbox ended")
        said = self.answer(stdin.decode()) if argv[0] != "tool" else self.tool(argv[1], cwd)
        return Executed(1 if argv[-1] == self.broken and cwd == "/workspace" else 0, said, b"")

    def tool(self, verb: str, cwd: str) -> bytes:
        if verb == "heads":
            return self.heads
        if self.idle and cwd == "/workspace":
            return b""
        self.columns = self.down if verb == "down" else self.up if cwd == "/workspace" else self.seed
        self.rows = self.rows if self.kept or cwd != "/workspace" else 0
        return b""

    def answer(self, statements: str) -> bytes:
        lines: list[object] = []
        if statements == EMPTY:
            self.columns, self.rows = (), 0
        elif statements == _FACTS["rows"]:
            self.rows = 1
        elif statements == COLUMNS:
            lines = [["column", "items", name, _TABLE["columns"].get(name, "text")] for name in self.columns]  # type: ignore[attr-defined]
            lines += [["primary", "items", ["id"]]] if self.columns else []
        else:
            lines = [["items", ["1"]]] * self.rows
        return "".join(json.dumps(line) + "\n" for line in lines).encode()

    def put(self, root: str, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Files say nothing to a played tool."""

    @contextlib.contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        yield cast(Sandbox, self)

    @contextlib.contextmanager
    def services(self, names: object) -> Iterator[Mapping[str, tuple[Sandbox, Address]]]:
        yield {"postgres": (cast(Sandbox, self), Address(path="/run/played"))}


def _played(**facts: object) -> Case:
    return replace(case(on=_TASK), lab=cast(Lab, _Database(**facts)))  # type: ignore[arg-type]


class S2:
    """The delivery's migrations, tried on a database."""

    demand: ClassVar[str] = "Migrations by the project's existing tool, which lose no data and can be taken back."
    section: ClassVar[str] = "Core Technical Stack"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.BLOCKING
    evidence: ClassVar[tuple[str, ...]] = ("run",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("up, back and up again", _played(), Outcome.PASS),
        Example("rows are lost", _played(kept=False), Outcome.FAIL, findings=1),
        Example("a column of the seed is dropped", _played(seed=("id", "note")), Outcome.FAIL, findings=1),
        Example("the way back loses a column", _played(seed=("id", "old"), up=("id", "old", "name")), Outcome.FAIL),
        Example(
            "the specified column is missing",
            _played(up=("id",)),
            Outcome.FAIL,
            findings=1,
            severity=Severity.MAJOR,
        ),
        Example(
            "the upgrade takes all memory", _played(hungry="up"), Outcome.FAIL, findings=1, severity=Severity.MAJOR
        ),
        Example(
            "an upgrade that ends well and does nothing",
            _played(idle=True),
            Outcome.FAIL,
            findings=2,
            severity=Severity.MAJOR,
            trap=True,
        ),
        Example("two heads", _played(heads=b"0003\n0004\n"), Outcome.FAIL, findings=1, severity=Severity.MAJOR),
        Example("no way back", _played(broken="down"), Outcome.FAIL, findings=1, severity=Severity.MAJOR),
        Example("the upgrade fails", _played(broken="up"), Outcome.FAIL, findings=1, severity=Severity.MAJOR),
        Example(
            "a column that nobody asked for",
            _played(up=("id", "name", "extra")),
            Outcome.FAIL,
            findings=1,
            severity=Severity.MINOR,
        ),
        Example(
            "a tool that cannot go back",
            replace(_played(broken="down"), task=task(app=_APP, migrations={**_FACTS, "downgrade": []})),
            Outcome.PASS,
            trap=True,
        ),
        Example("no migration to make", case(), Outcome.NOT_APPLICABLE),
        Example("nowhere to try it", case(on=_TASK), Outcome.UNKNOWN),
    )

    def judge(self, case: Case) -> Ruling:
        """Try the migrations and compare; `Failure` where the stand or the task is at fault."""
        wanted = case.task.file.migrations
        if wanted is None:
            return not_applicable("there is no migration to make")
        if case.lab is None:
            return unknown("no sandbox to try migrations in")
        return decide(list(_findings(wanted, try_migrations(case, case.lab, wanted))), opportunities=1)


def _findings(wanted: Migrations, tried: Tried) -> Iterator[Finding]:
    for sentence in tried.lost:
        yield _finding(sentence, None)
    if tried.failed:
        yield _finding(tried.failed, Severity.MAJOR)
    if tried.heads is not None and tried.heads != 1:
        yield _finding(f"the migrations have {tried.heads} heads", Severity.MAJOR)
    if tried.from_empty is None:
        return
    wrong, extra = differences(wanted.tables, tried.from_empty)
    for sentence in wrong:
        yield _finding(f"from empty: {sentence}", Severity.MAJOR)
    for sentence in extra:
        yield _finding(sentence, Severity.MINOR)
    if tried.from_seed is not None and tried.from_seed.own() != tried.from_empty.own():
        yield _finding("from the seed's revision another schema comes out than from empty", Severity.MAJOR)


def _finding(message: str, severity: Severity | None) -> Finding:
    return Finding(message=message, place=Place(section="migrations"), severity=severity, act="migrations")
