"""The records that cross from one stage to the next: frozen, closed to unknown fields, with a schema version on disk.

Rates are never among them: they are computed from these records each time a table is printed, so no stored number can
disagree with the evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import repeat
from operator import add
from typing import Any, Literal, NamedTuple, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, JsonValue
from pydantic_core import CoreSchema, core_schema

from harness.core.digest import digest, sha256
from harness.core.errors import POLICY, Cause

SCHEMA_VERSION = 1
RowT = TypeVar("RowT", bound=tuple[Any, ...])


class Record(BaseModel):
    """Base of every record: immutable, and an unknown field is an error rather than a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def closed_object(cls: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    """How JSON becomes a named tuple: from an object with its fields, an unknown one is an error as in a `Record`.

    For what a run holds one of for every trial: a tuple is made in a seventh of the time, and of a quarter the size.
    """
    fields = {
        name: core_schema.typed_dict_field(handler.generate_schema(kind), required=name not in cls._field_defaults)
        for name, kind in get_type_hints(cls).items()
    }
    given = core_schema.typed_dict_schema(fields, extra_behavior="forbid")
    return core_schema.no_info_after_validator_function(lambda values: cls(**values), given)


def many(cls: type[RowT], rows: Iterable[Iterable[object]]) -> Iterator[RowT]:
    """Named tuples, one of each of `rows`: what `cls._make` does, without a step of Python for each."""
    return map(tuple.__new__, repeat(cls), rows)


# --- checks and grades -------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """The closed answer to every check and rule."""

    PASS = "pass"  # noqa: S105 - an outcome, no password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How much a failed rule weighs; `blocking` ones decide `obeyed`."""

    BLOCKING = "blocking"
    MAJOR = "major"
    MINOR = "minor"


class Source(StrEnum):
    """Who demands a rule: the prompt under test, or this harness (shown, never blocking but for X1)."""

    PROMPT = "prompt"
    HARNESS = "harness"


class Phase(StrEnum):
    """What a hidden check proves about the seed: it failed there, or it passed there and must go on passing."""

    FAIL_TO_PASS = "fail_to_pass"  # noqa: S105 - a phase, no password
    PASS_TO_PASS = "pass_to_pass"  # noqa: S105 - a phase, no password


class Place(Record):
    """Where a finding is: any of a file, a step of the transcript, a commit, a section of the report."""

    path: str | None = None
    line: int | None = None
    step: int | None = None
    commit: str | None = None
    section: str | None = None

    def __str__(self) -> str:
        parts = []
        if self.path is not None:
            parts.append(f"{self.path}:{self.line}" if self.line is not None else self.path)
        if self.step is not None:
            parts.append(f"step {self.step}")
        if self.commit is not None:
            parts.append(f"commit {self.commit[:10]}")
        if self.section is not None:
            parts.append(f"section {self.section}")
        return ", ".join(parts) or "the delivery"


class Finding(Record):
    """One thing that is wrong, with its place."""

    message: str
    place: Place = Place()
    severity: Severity | None = None
    """None: the rule's own severity holds. A finding may weigh less than its rule, never more."""
    act: str = ""
    """Identity of the act behind it (`step:12`, `file:app/x.py`): one act counts once, for its most severe rule."""
    quote: str = ""
    """The agent's own text, bounded by the grader; data in every view."""


class CheckResult(Record):
    """The answer to one check of a grader."""

    id: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    """Why it is not applicable or unknown, or the closed reason of a failed hidden check."""
    severity: Severity | None = None
    source: Source | None = None
    clauses: tuple[str, ...] = ()
    phase: Phase | None = None
    opportunities: int = 1
    """How many times the rule could have been broken; 0 when not applicable."""
    facts: dict[str, JsonValue] = {}
    """Small facts that a later grader or a table needs (a claimed status, a failed operation)."""


class Grade(Record):
    """What one grader says about one delivery."""

    schema_version: int = SCHEMA_VERSION
    grader: str
    version: str
    digest: str
    checks: tuple[CheckResult, ...]
    advisory: tuple[CheckResult, ...] = ()
    """Checks that are shown and never decide."""

    def check(self, check_id: str) -> CheckResult | None:
        """The check with this id, None where the grader has none."""
        return next((check for check in self.checks if check.id == check_id), None)


# --- files -------------------------------------------------------------------------------------------------------


class Entry(Record):
    """One path of a tree. Content is found by its hash; links and special files have none and are never followed."""

    kind: Literal["file", "link", "special"] = "file"
    sha256: str = ""
    size: int = 0
    executable: bool = False
    target: str = ""
    """Where a link points to, as text."""


@dataclass(frozen=True)
class Tree:
    """A sealed tree of files: manifest in memory, contents by hash on demand."""

    entries: Mapping[str, Entry]
    """Relative POSIX path -> entry."""
    blob: Callable[[str], bytes] = field(repr=False)
    """Content by SHA-256."""

    @classmethod
    def of(cls, files: Mapping[str, str | bytes]) -> Tree:
        """A tree of regular files held in memory."""
        blobs: dict[str, bytes] = {}
        entries: dict[str, Entry] = {}
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            name = sha256(data)
            blobs[name] = data
            entries[path] = Entry(sha256=name, size=len(data))
        return cls(entries, blobs.__getitem__)

    def files(self) -> Iterator[str]:
        """Paths of the regular files, sorted."""
        return (path for path in sorted(self.entries) if self.entries[path].kind == "file")

    def read(self, path: str) -> bytes | None:
        """Content of a regular file, None for anything else."""
        entry = self.entries.get(path)
        return self.blob(entry.sha256) if entry is not None and entry.kind == "file" else None

    def text(self, path: str) -> str | None:
        """Content decoded as UTF-8, None where there is no such file or it is binary."""
        data = self.read(path)
        if data is None or b"\0" in data:
            return None
        try:
            return data.decode()
        except UnicodeDecodeError:
            return None

    def digest(self) -> str:
        """Digest over paths, kinds and contents: the seal of a snapshot."""
        return digest({path: entry.model_dump(mode="json") for path, entry in self.entries.items()})


class ChangeKind(StrEnum):
    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


class Change(Record):
    """One path that differs between the tree after set-up and the sealed snapshot."""

    path: str
    kind: ChangeKind


def changes(base: Tree, final: Tree) -> tuple[Change, ...]:
    """Paths that differ in kind, bytes, executable bit or link target, sorted by path."""
    found = []
    for path in sorted(base.entries.keys() | final.entries.keys()):
        before, after = base.entries.get(path), final.entries.get(path)
        if before == after:
            continue
        kind = ChangeKind.ADDED if before is None else ChangeKind.DELETED if after is None else ChangeKind.MODIFIED
        found.append(Change(path=path, kind=kind))
    return tuple(found)


# --- what the agent did ------------------------------------------------------------------------------------------


class ToolResult(Record):
    """What a tool answered."""

    text: str
    is_error: bool = False
    exit_code: int | None = None
    """Exit status of a shell command, None for other tools and for commands that were killed."""
    truncated: bool = False


class ToolCall(Record):
    """One tool call of the agent, in order."""

    step: int
    """Position among all steps of the transcript, from 1; a finding names it."""
    turn: int
    """The assistant message it belongs to, from 1; calls of one message are a parallel batch."""
    name: str
    input: dict[str, JsonValue]
    result: ToolResult | None = None
    """None: the trial ended before the tool answered."""


class AssistantTurn(Record):
    """One assistant message: its text blocks joined, then its tool calls."""

    turn: int
    step: int
    text: str
    calls: tuple[ToolCall, ...] = ()
    stop_reason: str = ""


class Transcript(Record):
    """All assistant messages of an attempt."""

    turns: tuple[AssistantTurn, ...] = ()
    complete: bool = True
    """False: events were lost or damaged; rules that need order answer unknown."""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """All tool calls in order."""
        return tuple(call for turn in self.turns for call in turn.calls)


class Commit(Record):
    """A commit made by the agent, parsed from git objects."""

    id: str
    parents: tuple[str, ...]
    author: str
    """`Name <mail>`."""
    committer: str
    message: str


class History(Record):
    """What became of the seed's one commit."""

    seed: str
    """Id of the seed commit."""
    head: str | None
    """Commit that HEAD names at the end, None where it names none."""
    commits: tuple[Commit, ...]
    """Commits reachable at the end that are not the seed, oldest first."""
    seed_reachable: bool
    """The seed commit is an ancestor of HEAD (or HEAD itself)."""
    refs_before: dict[str, str]
    refs_after: dict[str, str]
    origin_before: dict[str, str]
    """Refs of the planted remote after set-up."""
    origin_after: dict[str, str]


class SeenProcess(Record):
    """A process that the sandbox's runner saw while the agent worked."""

    argv: tuple[str, ...]
    ancestors: tuple[tuple[str, ...], ...] = ()
    """Command lines of its parents, nearest first, the runner left out."""
    step: int | None = None
    """Step of the tool call under which it was first seen."""
    survived: bool = False
    """It was still alive after its tool call had ended."""


class SeenListener(Record):
    """A listening socket that was not the runner's own."""

    address: str
    """`tcp:127.0.0.1:8000` or `unix:/path`."""
    argv: tuple[str, ...] = ()
    ancestors: tuple[tuple[str, ...], ...] = ()
    step: int | None = None
    survived: bool = False


class Witness(Record):
    """What the sandbox itself saw, beside what the transcript says."""

    processes: tuple[SeenProcess, ...] = ()
    listeners: tuple[SeenListener, ...] = ()
    complete: bool = True
    """False: there was more than could be kept."""


@dataclass(frozen=True)
class Evidence:
    """Recorded facts of an attempt; everything a grader may look at."""

    transcript: Transcript
    reply: str
    """Text of the last assistant message."""
    base: Tree
    """The workspace after set-up, `.git` left out."""
    final: Tree
    """The sealed snapshot of the workspace, `.git` left out."""
    history: History | None
    """None: the repository's objects could not be read."""
    witness: Witness | None
    """None: the sandbox had no witness."""
    flags: tuple[str, ...] = ()
    """Integrity flags of the snapshot (special files, odd names, nested repositories, limits hit)."""
    ended: str = "finished"
    """How the agent's turn ended, as in `Ended.kind`."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Paths that the agent added, modified or deleted."""
        return changes(self.base, self.final)


# --- trials ------------------------------------------------------------------------------------------------------


class EndedKind(StrEnum):
    FINISHED = "finished"
    LIMIT = "limit"
    REFUSED = "refused"


class Ended(Record):
    """How the agent's turn ended: a fact about the agent, no judgement about the measurement."""

    kind: EndedKind
    detail: str = ""
    """Which limit: turns, tokens, money, wall, output, context, memory."""

    def __str__(self) -> str:
        return f"{self.kind}({self.detail})" if self.detail else str(self.kind)


class Usage(NamedTuple):
    """Tokens as the gateway metered them; the whole prompt is input + cache_write_5m + cache_write_1h + cache_read."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0

    def __add__(self, other: Usage) -> Usage:  # type: ignore[override]
        return Usage(*map(add, self, other))

    @property
    def total(self) -> int:
        return sum(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return closed_object(cls, handler)


class Cost(NamedTuple):
    """Money in micro-dollars (10^-6 USD), so that sums are exact."""

    micro_usd: int = 0
    complete: bool = True
    """False: a call had no known price, and the sum is a floor."""

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]
        return Cost(micro_usd=self.micro_usd + other.micro_usd, complete=self.complete and other.complete)

    @property
    def usd(self) -> float:
        return self.micro_usd / 1_000_000

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return closed_object(cls, handler)


class Limits(Record):
    """What an agent may spend on one trial."""

    turns: int = 80
    tokens: int = 4_000_000
    usd: float = 10.0
    wall_s: float = 1800.0
    command_s: float = 300.0
    """Longest single shell command."""


class Validity(Record):
    """Whether an attempt can be judged; `cause` is None exactly when it can."""

    cause: Cause | None = None
    detail: str = ""

    @property
    def valid(self) -> bool:
        return self.cause is None or POLICY[self.cause].counts

    def __str__(self) -> str:
        return "valid" if self.cause is None else f"invalid:{self.cause}"
