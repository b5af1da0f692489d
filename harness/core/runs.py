"""What a run has planned and what became of it: `run.json` and the lines of `journal.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from harness.core.records import SCHEMA_VERSION, Cost, Ended, Limits, Record, Usage, Validity, closed_object


class Arm(Record):
    """One agent inside a comparison: prompt x model x driver x limits."""

    name: str
    driver: str
    """Plug-in of `harness.agents`."""
    model: str
    """Exact model id, or `reference/<player>` for a reference player."""
    prompt: str
    """Name from the prompt's frontmatter."""
    prompt_digest: str
    limits: Limits | None = None
    """None: each task's own budgets."""
    digest: str
    """Over everything above plus the kick-off template and the player's or driver's code."""


class PlannedTask(Record):
    """A task of the run, pinned by content."""

    id: str
    digest: str
    toolchain: str
    toolchain_digest: str
    place: str = ""
    """Folder of a task that is kept elsewhere; empty for one of the harness's own."""


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """One agent on one task once. A run holds one for each trial from its begin to its end, so it is no `Record`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    trial: str
    """Key: first 16 hex digits of the digest of task, agent, toolchain and repeat."""
    arm: str
    task: str
    repeat: int


class RunManifest(Record):
    """`run.json`: written before anything starts, so every planned trial stays in every denominator."""

    schema_version: int = SCHEMA_VERSION
    run: str
    created: str
    """UTC, ISO 8601."""
    order_seed: int
    sandbox: str
    """Kind of sandbox that the run uses; never changed on the way."""
    runtime: str = ""
    """Runtime of its containers, where another than the engine's own was asked for (`runsc` is gVisor)."""
    base: str = ""
    """Id, by content, of the image that its containers are built on; empty where they are not containers."""
    limits_applied: Mapping[str, str] = {}
    """Limit of a sandbox -> how this machine keeps it (`cgroup v1`, `rlimit`, `watched`, ...)."""
    attempts: int = 2
    """Most attempts a trial gets when infrastructure fails."""
    budget_usd: float | None = None
    """Cap on the money of all attempts together; None: no cap."""
    price_date: str
    kickoff_digest: str
    arms: tuple[Arm, ...]
    tasks: tuple[PlannedTask, ...]
    trials: tuple[PlannedTrial, ...]
    """In the order in which they start."""
    superseded: tuple[PlannedTrial, ...] = ()
    """Trials of an earlier plan whose task, agent or toolchain changed since: in no rate, but their money counts."""


class AttemptLine(NamedTuple):
    """One try at a trial has ended; never deleted, its money always counts."""

    trial: str
    attempt: int
    """From 1."""
    ended: Ended | None
    """None: the attempt failed before its agent's turn was over."""
    validity: Validity
    schema_version: int = SCHEMA_VERSION
    type: Literal["attempt"] = "attempt"
    usage: Usage = Usage()
    cost: Cost = Cost()
    unsettled_micro_usd: int = 0
    """The most that calls which broke or were cut off may have cost beyond `cost`."""
    calls: int = 0
    """Model calls."""
    wall_s: float = 0.0
    """The agent's own time, from its first model call to its end: waiting for rate limits left out."""
    sealed: str = ""
    """Digest of the snapshot."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return closed_object(cls, handler)


class VerdictLine(NamedTuple):
    """What the graders decided about one attempt; a later line for the same attempt replaces an earlier one."""

    trial: str
    attempt: int
    validity: Validity
    """Invalid when a grader, the task or a sandbox failed while judging."""
    schema_version: int = SCHEMA_VERSION
    type: Literal["verdict"] = "verdict"
    solved: bool = False
    truthful: bool = False
    obeyed: bool = False
    clean: bool = False
    status: Literal["YES", "NO"] | None = None
    """What the report claims."""
    clauses: dict[str, float] = {}
    """Fail-to-pass clause -> share of its checks that pass."""
    obedience: tuple[int, int] = (0, 0)
    """Weighted opportunities kept, and all."""
    rules: str = ""
    """`P1=1/1 S6=3/5`: rule, opportunities kept, all of them. One string, because a run holds one for every trial."""
    failed: tuple[str, ...] = ()
    """Ids of failed checks and rules."""
    why_not: str = ""
    """One line for people: why it was not accepted."""
    graders: dict[str, str] = {}
    """Grader -> digest of the code and data it judged with."""
    rulebook: str = ""
    """Version of the rules with the name and version of their rulebook; empty in lines of older harnesses."""
    seed: str = ""
    """Drawn after the snapshot was sealed; with it the same verdict can be reached again."""
    wall_s: float = 0.0

    @property
    def accepted(self) -> bool:
        return self.validity.valid and self.solved and self.truthful and self.obeyed

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return closed_object(cls, handler)


JournalLine = AttemptLine | VerdictLine
