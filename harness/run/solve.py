"""One attempt at a trial: set the workspace up, let the agent work, kill everything, seal what is left.

Nothing that an agent can reach decides how its attempt ends: the deadline, the gateway and the runner do. A failure is
claimed by the boundary it crossed, and whatever was recorded by then stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from harness.core.deadline import Deadline
from harness.core.digest import digest
from harness.core.errors import Cause, Failure, LimitReached, boundary
from harness.core.ports import Address, Agent, Assignment, Lab, Metered, Sandbox, SandboxSpec, Snapshot, Solved
from harness.core.records import Cost, Ended, EndedKind, History, Limits, Tree, Usage, Validity, Witness
from harness.core.runs import Arm, AttemptLine, PlannedTrial
from harness.core.task import PEER_PORTS, Task
from harness.run import history
from harness.store.evidence import save_evidence
from harness.store.journal import EventLog
from harness.store.layout import RunFolder

WORKSPACE = "/workspace"
ORIGIN = "/srv/origin.git"
SET_UP_S = 120.0
COLLECT_S = 120.0
SEED_DATE = "2026-01-05T09:00:00+00:00"
KICKOFF = Path(__file__).with_name("kickoff.md")
COMMANDS = "`python`, `pytest`, `ruff`, `uv`, `alembic`, `git`, `make` and the usual shell tools"
SET_UP = f"""set -e
git init -q --template= -b main .
git add -A
git commit -q -m 'Import service'
git init -q --template= --bare -b main {ORIGIN}
git remote add origin {ORIGIN}
git push -q origin main
git rev-parse HEAD
"""
REFRESH = ["git", "update-index", "-q", "--refresh"]
"""An index that comes from another sandbox knows its files by other times than they have here."""

_Services = Mapping[str, tuple[Sandbox, Address]]


@dataclass(frozen=True)
class Door:
    """What the gateway hands out for one attempt."""

    base_url: str
    token: str
    close: Callable[[], Metered]
    problem: Callable[[], Failure | None]


@dataclass(frozen=True)
class _Repository:
    """The workspace after set-up."""

    base: Tree
    seed: str
    refs: dict[str, str]
    origin: dict[str, str]
    files: Mapping[str, tuple[bytes, bool]]
    """The seed with its repository, and the remote, from the root of a sandbox."""


@dataclass
class SetUp:
    """What the first attempt at a task made of its seed; every further one gets it as it is, without seven gits."""

    made: _Repository | None = None


class OpenDoor(Protocol):
    """Admits one attempt to the gateway."""

    def __call__(
        self,
        task: Task,
        arm: Arm,
        limits: Limits,
        deadline: Deadline,
        record: Callable[[str, Mapping[str, JsonValue]], None],
        exchanges: Path,
    ) -> Door: ...


@dataclass(frozen=True)
class Trial:
    """Everything one attempt needs, with names already turned into objects."""

    planned: PlannedTrial
    arm: Arm
    task: Task
    seed: Mapping[str, tuple[bytes, bool]]
    system: str
    """Body of the agent prompt."""
    agent: Agent
    lab: Lab
    open_door: OpenDoor
    set_up: SetUp = field(default_factory=SetUp)
    """Shared by all attempts at the task."""


def solve(trial: Trial, folder: RunFolder, attempt: int) -> AttemptLine:
    """Run one attempt and seal its evidence; never raises `Failure`, the line says what went wrong."""
    events = EventLog(folder.attempt_dir(trial.planned.trial, attempt) / "events.jsonl")
    with events:
        return _Attempt(trial, folder, attempt, events).run()


def kickoff(task: Task) -> str:
    """The first user message, without the line that holds its version; the template is part of an agent's key."""
    _, _, message = KICKOFF.read_text(encoding="utf-8").partition("\n")
    return message.format(
        sprint=task.file.sprint, contract=task.contract_path, specs=task.specs_path, commands=COMMANDS
    )


def kickoff_digest() -> str:
    """Digest of the kick-off template."""
    return digest(KICKOFF.read_text(encoding="utf-8") + COMMANDS)


class _Attempt:
    def __init__(self, trial: Trial, folder: RunFolder, attempt: int, events: EventLog) -> None:
        self._trial = trial
        self._folder = folder
        self._number = attempt
        self._events = events
        self._limits = trial.arm.limits or trial.task.file.budgets
        self._metered = Metered(usage=Usage(), cost=Cost(), calls=0)
        self._wall = 0.0

    def run(self) -> AttemptLine:
        solved: Solved | None = None
        sealed = ""
        validity = Validity()
        try:
            with boundary(Cause.HARNESS, "solve"), self._trial.lab.services(self._trial.task.file.services) as services:
                spec = self._spec(services)
                with self._trial.lab.sandbox(spec) as box:
                    repository = self._set_up(box)
                    try:
                        solved = self._work(box)
                        _still_there(services)
                        sealed = self._seal(box, repository, solved)
                    except LimitReached as reached:
                        solved = Solved(Ended(kind=EndedKind.LIMIT, detail=reached.limit), "")
                        sealed = self._seal_nothing(repository, solved)
        except Failure as failure:
            validity = Validity(cause=failure.cause, detail=failure.message[:1000])
            self._events.append("note", {"failure": str(failure)[:2000]})
        return AttemptLine(
            trial=self._trial.planned.trial,
            attempt=self._number,
            ended=solved.ended if solved is not None else None,
            validity=validity,
            usage=self._metered.usage,
            cost=self._metered.cost,
            unsettled_micro_usd=self._metered.unsettled_micro_usd,
            calls=self._metered.calls,
            wall_s=round(self._wall, 3),
            sealed=sealed,
        )

    def _spec(self, services: _Services) -> SandboxSpec:
        relays = {PEER_PORTS[name]: _constant(target) for name, target in services.items()}
        return SandboxSpec(role="agent", toolchain=self._trial.task.file.toolchain, relays=relays, env=self._env())

    def _env(self) -> dict[str, str]:
        return self._trial.task.file.app.environment()

    def _set_up(self, box: Sandbox) -> _Repository:
        deadline = Deadline(SET_UP_S)
        made = self._trial.set_up.made
        if made is None:
            made = self._trial.set_up.made = self._make(box, deadline)
        else:
            box.put("/", made.files)
            self._command(box, REFRESH, deadline)
        migrate = list(self._trial.task.file.app.migrate)
        if migrate:
            done = box.run(migrate, cwd=WORKSPACE, deadline=deadline)
            if done.exit_code != 0:
                said = done.stderr.decode("utf-8", "replace")[-500:]
                raise Failure(Cause.TASK, f"the seed's own migration ended with {done.exit_code}: {said}")
            made = replace(made, base=_tree(box.snapshot(WORKSPACE, deadline=deadline)))
        files, base = len(made.base.entries), made.base.digest()
        self._events.append("setup", {"seed_commit": made.seed, "files": files, "base": base})
        return made

    def _make(self, box: Sandbox, deadline: Deadline) -> _Repository:
        """Make the repository and its remote from the seed."""
        box.put(WORKSPACE, self._trial.seed)
        dates = {"GIT_AUTHOR_DATE": SEED_DATE, "GIT_COMMITTER_DATE": SEED_DATE}
        self._command(box, ["bash", "-c", SET_UP], deadline, dates)
        base = box.snapshot(WORKSPACE, deadline=deadline)
        git = box.raw_snapshot(f"{WORKSPACE}/.git", deadline=deadline)
        origin = box.raw_snapshot(ORIGIN, deadline=deadline)
        seed = history.head(git)
        if seed is None:
            raise Failure(Cause.SANDBOX, "the seed commit cannot be read")
        files = {
            **{f"{WORKSPACE[1:]}/{path}": given for path, given in self._trial.seed.items()},
            **_files(f"{WORKSPACE[1:]}/.git", git),
            **_files(ORIGIN[1:], origin),
        }
        return _Repository(_tree(base), seed, history.refs(git), history.refs(origin), files)

    def _command(self, box: Sandbox, argv: list[str], deadline: Deadline, env: Mapping[str, str] | None = None) -> None:
        done = box.run(argv, cwd=WORKSPACE, env=env, deadline=deadline)
        if done.exit_code != 0:
            raise Failure(Cause.SANDBOX, f"set up the repository: {done.stderr.decode('utf-8', 'replace')[-500:]}")

    def _work(self, box: Sandbox) -> Solved:
        trial = self._trial
        deadline = Deadline(self._limits.wall_s)
        exchanges = self._folder.attempt_dir(trial.planned.trial, self._number) / "exchanges"
        door = trial.open_door(trial.task, trial.arm, self._limits, deadline, self._record, exchanges)
        began = time.monotonic()
        try:
            with boundary(Cause.HARNESS, "drive the agent"):
                solved = trial.agent.solve(self._assignment(box, door, deadline))
        finally:
            self._metered = door.close()
            self._wall = time.monotonic() - began - self._metered.waited_s - self._metered.start_s
        problem = door.problem()
        if problem is not None:
            raise problem
        self._events.append("ended", {"ended": str(solved.ended), "how": solved.ended.model_dump(mode="json")})
        return solved

    def _assignment(self, box: Sandbox, door: Door, deadline: Deadline) -> Assignment:
        return Assignment(
            system=self._trial.system,
            kickoff=kickoff(self._trial.task),
            model=self._trial.arm.model,
            base_url=door.base_url,
            token=door.token,
            sandbox=box,
            workspace=WORKSPACE,
            env=self._env(),
            limits=self._limits,
            deadline=deadline,
            record=self._record,
        )

    def _record(self, kind: str, data: Mapping[str, JsonValue]) -> None:
        self._events.append(kind, data)  # type: ignore[arg-type]

    def _seal_nothing(self, repository: _Repository, solved: Solved) -> str:
        """The agent's work took its sandbox, or its services, down: what is lost with them is not delivered."""
        self._events.append("ended", {"ended": str(solved.ended)})
        base = repository.base
        blobs = {entry.sha256: base.blob(entry.sha256) for entry in base.entries.values() if entry.kind == "file"}
        unchanged = History(
            seed=repository.seed,
            head=repository.seed,
            commits=(),
            seed_reachable=True,
            refs_before=repository.refs,
            refs_after=repository.refs,
            origin_before=repository.origin,
            origin_after=repository.origin,
        )
        return self._save(repository, Snapshot(base.entries, blobs), unchanged, None, solved, ("workspace-lost",))

    def _seal(self, box: Sandbox, repository: _Repository, solved: Solved) -> str:
        deadline = Deadline(COLLECT_S)
        with boundary(Cause.SANDBOX, "seal the workspace"):
            box.kill_all()
            witness = box.witness()
            snapshot = box.snapshot(WORKSPACE, deadline=deadline)
            git = box.raw_snapshot(f"{WORKSPACE}/.git", deadline=deadline)
            origin = box.raw_snapshot(ORIGIN, deadline=deadline)
            more = history.unpack(box, git, deadline)
        found, flags = history.history(repository.refs, repository.seed, repository.origin, git, more, origin)
        return self._save(repository, snapshot, found, witness, solved, flags)

    def _save(
        self,
        repository: _Repository,
        snapshot: Snapshot,
        found: History,
        witness: Witness | None,
        solved: Solved,
        flags: tuple[str, ...],
    ) -> str:
        sealed = save_evidence(
            self._folder,
            self._trial.planned.trial,
            self._number,
            base=repository.base,
            snapshot=snapshot,
            history=found,
            witness=witness,
            reply=solved.reply,
            ended=solved.ended,
            flags=flags,
        )
        self._events.append("sealed", {"digest": sealed})
        return sealed


def _tree(snapshot: Snapshot) -> Tree:
    return Tree(snapshot.entries, snapshot.blobs.__getitem__)


def _files(root: str, snapshot: Snapshot) -> dict[str, tuple[bytes, bool]]:
    return {
        f"{root}/{path}": (snapshot.blobs[entry.sha256], entry.executable)
        for path, entry in snapshot.entries.items()
        if entry.kind == "file"
    }


def _still_there(services: _Services) -> None:
    """`Failure(SANDBOX)` for a service that went away while the agent worked: its answers were not the service's."""
    for service, _ in services.values():
        service.run(["true"], deadline=Deadline(COLLECT_S))


def _constant(target: tuple[Sandbox, Address]) -> Callable[[], tuple[Sandbox, Address]]:
    return lambda: target
