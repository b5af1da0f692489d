"""What the stages ask of each other's parts, as protocols: sandboxes, agents, graders.

One argument in, one frozen record out. The types are the information barrier: an `Assignment` holds no task, so no
agent can see a check; a `Case` holds no agent's name, so no grader can favour one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from pydantic import JsonValue

from harness.core.deadline import Deadline
from harness.core.records import Cost, Ended, Entry, Evidence, Grade, Limits, Usage, Witness
from harness.core.task import Task

# --- sandboxes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Executed:
    """A command that ended. Output past the cap is dropped and counted, never silently."""

    exit_code: int | None
    """None: killed at its deadline."""
    stdout: bytes
    stderr: bytes
    dropped: int = 0
    """Bytes of output past the cap."""
    seconds: float = 0.0

    @property
    def timed_out(self) -> bool:
        return self.exit_code is None


@dataclass(frozen=True)
class Address:
    """A loopback TCP port or a unix socket inside a sandbox."""

    port: int | None = None
    path: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """A tree read out of a sandbox after everything in it was killed."""

    entries: Mapping[str, Entry]
    blobs: Mapping[str, bytes]
    """Content by SHA-256."""
    flags: tuple[str, ...] = ()


class Process(Protocol):
    """A command that goes on in the sandbox while the host does other things."""

    def wait(self, deadline: Deadline) -> int | None:
        """Exit status, None when the deadline passes first."""

    def read_line(self, deadline: Deadline) -> bytes | None:
        """Next line of its standard output without the newline, None at its end; lines are capped at 1 MiB."""

    def write(self, data: bytes) -> None:
        """Send to its standard input."""

    def log(self) -> bytes:
        """All that it wrote to standard error before this call, and to standard output where `read_line` is not used.

        Head and tail are kept.
        """

    def kill(self) -> None:
        """Kill its process group at once."""


class Sandbox(Protocol):
    """One isolated place. Every command in it ends with it; nothing of it stays on the host."""

    kind: str

    def run(
        self,
        argv: list[str],
        *,
        deadline: Deadline,
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        cap: int = 1_000_000,
        step: int | None = None,
    ) -> Executed:
        """Run a command to its end or its deadline; at the deadline it and all it started are killed."""

    def start(
        self, argv: list[str], *, cwd: str = "/", env: Mapping[str, str] | None = None, log_cap: int = 1_000_000
    ) -> Process:
        """Start a command that goes on."""

    def put(self, root: str, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Write files (content, executable) below `root`, folders made as needed."""

    def snapshot(self, root: str, *, deadline: Deadline, max_bytes: int = 256_000_000) -> Snapshot:
        """Read every path below `root`: regular files with content, links as text, special files as flags.

        Version control folders (`.git`) and tools' caches are left out.
        """

    def raw_snapshot(self, root: str, *, deadline: Deadline, max_bytes: int = 64_000_000) -> Snapshot:
        """Read every path below `root` with nothing left out: for a repository's own objects."""

    def witness(self) -> Witness:
        """What was seen running and listening so far."""

    def kill_all(self) -> None:
        """Kill everything in the sandbox but the runner."""

    def close(self) -> None:
        """End the sandbox; may be called again."""


@dataclass(frozen=True)
class SandboxSpec:
    """What a sandbox is for. Names are neutral: they can be seen from inside."""

    role: Literal["agent", "services", "server", "judge"]
    toolchain: str
    env: Mapping[str, str] = field(default_factory=dict)
    relays: Mapping[int, Callable[[], tuple[Sandbox, Address]]] = field(default_factory=dict)
    """Loopback port inside -> where its connections go: an address inside another sandbox, looked up per connection."""
    template: Path | None = None
    """A file of the toolchain store that the sandbox can read at `/opt/template.tar`."""
    disk_bytes: int = 1_000_000_000
    memory_bytes: int = 2_000_000_000
    processes: int = 512
    trial: str = ""
    """Whose sandbox it is, for labels outside; it cannot be seen from inside."""


class SandboxProvider(Protocol):
    """Makes sandboxes of one kind."""

    kind: str

    def open(self, spec: SandboxSpec, deadline: Deadline) -> Sandbox:
        """A fresh sandbox; `Failure(SANDBOX)` when it cannot be had."""


CONTROL = "/srv/control"
"""Program in a sandbox of services: `start NAME` and `stop NAME`; `mark`, the size of the database's log, and
`log OFFSET`, what was logged since; `sql`, statements from standard input as the app's role, bare rows out."""


class Lab(Protocol):
    """Fresh sandboxes for graders that run a delivery; everything in it is closed when the grade is done."""

    def sandbox(self, spec: SandboxSpec) -> AbstractContextManager[Sandbox]:
        """A sandbox of the run's own kind."""

    def services(
        self, names: tuple[Literal["postgres", "valkey"], ...]
    ) -> AbstractContextManager[Mapping[str, tuple[Sandbox, Address]]]:
        """Started services by name, each with the address inside its sandbox."""

    def labelled(self, trial: str) -> Lab:
        """The same lab, whose sandboxes are labelled as this trial's."""


# --- agents ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assignment:
    """All that an agent gets. No task object, no check, no solution can be reached from here."""

    system: str
    """The body of the agent prompt."""
    kickoff: str
    """The first user message."""
    model: str
    base_url: str
    """The gateway's address for this attempt."""
    token: str
    """Names the attempt to the gateway; worthless elsewhere."""
    sandbox: Sandbox
    workspace: str
    """Absolute path of the repo inside the sandbox."""
    env: Mapping[str, str]
    limits: Limits
    deadline: Deadline
    record: Callable[[str, Mapping[str, JsonValue]], None]
    """Append an event (kind, data) to the attempt's record."""


@dataclass(frozen=True)
class Solved:
    """What an agent's driver reports; everything else is taken from the sandbox and the gateway."""

    ended: Ended
    reply: str


class Agent(Protocol):
    """Drives one client of a model through one assignment."""

    def solve(self, assignment: Assignment) -> Solved:
        """Work until the agent stops or a limit does; `Failure` only for what the agent cannot cause."""


@dataclass(frozen=True)
class Metered:
    """What the gateway counted for one attempt."""

    usage: Usage
    cost: Cost
    calls: int
    waited_s: float = 0.0
    start_s: float = 0.0
    """Seconds from the admission to the first call, in which the driver got ready."""
    unsettled_micro_usd: int = 0
    """The most that calls which broke or were cut off may have cost beyond `cost`."""


# --- graders -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One delivery to judge."""

    task: Task
    evidence: Evidence
    grades: Mapping[str, Grade] = field(default_factory=dict)
    """Grades of the graders named in `needs`."""
    lab: Lab | None = None
    """None: graders that only read evidence need no sandbox."""
    seed: str = ""
    """Random seed drawn after the snapshot was sealed; data of hidden checks come from it."""


class Grader(Protocol):
    """Evidence in, Grade out."""

    version: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    """Names of graders whose grades this one reads."""

    def grade(self, case: Case) -> Grade:
        """Judge; what an agent controls never raises here, it becomes a finding."""
