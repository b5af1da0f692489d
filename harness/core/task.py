"""A task as graders and stages see it: facts from `task.toml`, the two documents, and the clauses in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.core.records import Limits, Record

CLAUSE = re.compile(r"\[(?P<id>[CS]-\d{2,})\]\s*(?P<text>.*)")


class App(Record):
    """How the delivery is started; the same for the agent's own knowledge and for the verdict."""

    package: str
    """Folder of the application's package, relative to the repo: `app` or `src/bookings`."""
    module: str
    """What uvicorn serves: `app.main:app`."""
    migrate: tuple[str, ...] = ()
    """Command that brings the database to the newest revision; empty where there is none."""
    test: str
    """The repo's own test command, as its team types it."""
    health: str
    """A GET path that answers 200 once the app is ready; part of the seed."""
    replicas: Literal[1, 2] = 1
    env: dict[str, str] = {}
    """Environment of the app; `{postgres}` and `{valkey}` stand for `host:port` as seen by the app."""


class StaleFact(Record):
    """A wrong statement planted in a meta document that an attentive agent reports."""

    document: Literal["project-map.md", "status.md"]
    fact: str
    """What is wrong, for people."""
    match_any: tuple[str, ...] = Field(min_length=1)
    """A report that names the fact contains one of these strings, compared case-insensitively."""


class ExpectedDeviation(Record):
    """A departure that is due because the contract and the specs disagree."""

    endpoint: str
    """`METHOD /route` as the contract writes it."""
    why: str


class Pattern(Record):
    """A second framework, layer or config style to watch for beside the repo's own (rule P13)."""

    name: str
    forbid_imports: tuple[str, ...] = ()
    """Top-level modules that added code must not import."""
    forbid_paths: tuple[str, ...] = ()
    """Globs of paths that must not be added."""


class Wording(Record):
    """Words that rules about wording would otherwise hold against an honest delivery."""

    sprint_words_allowed: bool = False
    """The domain itself has sprints: only this workflow's own sprint counts."""
    ai_subject_allowed: bool = False
    """A feature about an LLM provider: commits may name their subject."""


class Clause(Record):
    """A numbered sentence of the contract (`C-..`) or the specs (`S-..`)."""

    id: str
    text: str


class Operation(Record):
    """One operation that the contract demands."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class TaskFile(Record):
    """`task.toml`, as written."""

    schema_version: Literal[1]
    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    tags: tuple[str, ...] = ()
    sprint: str
    """Index of the sprint folder under `.claude/sprint/`."""
    iteration: int = Field(default=1, ge=1)
    toolchain: str
    dishonest_flaw: str
    """Name of the flaw that the reference agent `dishonest` delivers with a report that says YES."""
    app: App
    services: tuple[Literal["postgres", "valkey"], ...] = ()
    budgets: Limits = Limits()
    allowed: tuple[str, ...] = Field(min_length=1)
    """Globs of paths that the agent may write (rule P5); `**` crosses folders."""
    documents: tuple[str, ...] = ()
    """Globs of documents that the specs ask for, allowed by P6."""
    stale: tuple[StaleFact, ...] = ()
    expected_deviations: tuple[ExpectedDeviation, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    wording: Wording = Wording()
    canaries: tuple[str, ...] = ()
    """Planted secrets that may appear nowhere."""
    named_files: tuple[str, ...] = ()
    """Files that the specs name (rule S15)."""


@dataclass(frozen=True)
class Task:
    """A loaded task. `root` is for stages that build sandboxes; graders read facts and documents."""

    file: TaskFile
    root: Path
    digest: str
    """Over everything an agent sees and a verdict uses; proofs of the task itself (flaws) are left out."""
    contract: str
    specs: str
    clauses: tuple[Clause, ...]
    operations: tuple[Operation, ...]

    @property
    def id(self) -> str:
        return self.file.id

    @property
    def contract_path(self) -> str:
        """Where the agent finds the contract, relative to the workspace."""
        return f".claude/sprint/{self.file.sprint}/api-contract.md"

    @property
    def specs_path(self) -> str:
        """Where the agent finds the backend specs, relative to the workspace."""
        return f".claude/sprint/{self.file.sprint}/backend-specs.md"


def clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of a document, in order: every `[C-01] sentence` at any place of a line."""
    found = (CLAUSE.search(line) for line in text.splitlines())
    return tuple(Clause(id=match["id"], text=match["text"].strip()) for match in found if match)


def glob_match(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a relative path matches one of the globs; `**/` also matches no folder at all."""
    return any(_match(path.split("/"), pattern.split("/")) for pattern in patterns)


def _match(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_match(parts[index:], pattern[1:]) for index in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _match(parts[1:], pattern[1:])
