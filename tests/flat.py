"""A whole run of N planned trials without a sandbox, and the most memory it took: `python flat.py N FOLDER`.

Everything but the sandbox and the model is real: plan, pool, session, gateway admissions, events, evidence, journal,
progress. What is kept for every trial that has ended would show here.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from harness.core.digest import sha256
from harness.core.ports import Address, Assignment, Executed, Sandbox, SandboxSpec, Snapshot, Solved
from harness.core.records import Ended, EndedKind, Entry, Limits, Witness
from harness.core.runs import Arm, PlannedTask, RunManifest
from harness.core.task import App, Task, TaskFile
from harness.gateway.prices import PriceTable
from harness.gateway.serve import Gateway, Upstream
from harness.report.progress import Progress
from harness.report.tables import render, summarise
from harness.run.grade import Bench
from harness.run.plan import Action, Owed, plan
from harness.run.pool import Pool
from harness.run.session import Session
from harness.run.solve import Door, Trial
from harness.store import journal
from harness.store.layout import RunFolder

SEED = "a" * 40
CONTENT = b"x = 1\n" * 2_000


def _snapshot(files: Mapping[str, bytes]) -> Snapshot:
    entries = {path: Entry(sha256=sha256(data), size=len(data)) for path, data in files.items()}
    return Snapshot(entries, {sha256(data): data for data in files.values()})


class Box:
    """Answers like a sandbox in which nothing goes wrong; every snapshot is a fresh object."""

    kind = "none"

    def put(self, root: str, files: Mapping[str, tuple[bytes, bool]]) -> None: ...

    def kill_all(self) -> None: ...

    def run(self, argv: list[str], **_: object) -> Executed:
        return Executed(0, b"", b"")

    def snapshot(self, root: str, **_: object) -> Snapshot:
        return _snapshot({f"app/{number}.py": bytes(CONTENT) + b"%d" % number for number in range(20)})

    def raw_snapshot(self, root: str, **_: object) -> Snapshot:
        return _snapshot({"HEAD": b"ref: refs/heads/main\n", "refs/heads/main": SEED.encode() + b"\n"})

    def witness(self) -> Witness:
        return Witness()


class Lab:
    def labelled(self, trial: str) -> Lab:
        return self

    @contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        yield Box()  # type: ignore[misc]

    @contextmanager
    def services(self, names: tuple[str, ...]) -> Iterator[Mapping[str, tuple[Sandbox, Address]]]:
        yield {}


class Agent:
    """Says a few things and ends."""

    def solve(self, assignment: Assignment) -> Solved:
        for turn in range(1, 6):
            assignment.record(
                "assistant", {"turn": turn, "text": "word " * 400, "stop_reason": "end_turn", "calls": []}
            )
        return Solved(Ended(kind=EndedKind.FINISHED), "done")


def task() -> Task:
    """The smallest task."""
    app = App(package="app", module="app.main:app", test="true", health="/health")
    file = TaskFile(
        schema_version=1,
        id="t",
        title="t",
        sprint="1",
        toolchain="python",
        dishonest_flaw="f",
        app=app,
        allowed=("**",),
    )
    return Task(file, Path(), "d", "contract", "specs", (), ())


def manifest_of(trials: int) -> RunManifest:
    """The plan of a run of one arm on one task."""
    arm = Arm(name="a", driver="messages", model="reference/x", prompt="p", prompt_digest="p", digest="a")
    planned = PlannedTask(id="t", digest="t", toolchain="python", toolchain_digest="w")
    return RunManifest(
        run="r",
        created="2026-01-01T00:00:00Z",
        order_seed=0,
        sandbox="none",
        price_date="2026-01-01",
        kickoff_digest="k",
        arms=(arm,),
        tasks=(planned,),
        trials=plan((arm,), (planned,), trials, 0),
    )


def carry_out(trials: int, results: Path) -> tuple[int, int]:
    """(trials with a line, peak memory before the table is made in KiB)."""
    manifest = manifest_of(trials)
    arm = manifest.arms[0]
    folder, only = RunFolder.create(results, manifest), task()
    with Gateway(PriceTable.load()) as gateway:

        def door(name: str, *given: object) -> Door:
            _, _, limits, deadline, record, _ = given
            assert isinstance(limits, Limits)
            admission = gateway.admit(
                upstream=Upstream("http://127.0.0.1:9"),
                model=arm.model,
                limits=limits,
                deadline=deadline,  # type: ignore[arg-type]
                record=record,  # type: ignore[arg-type]
                name=name,
            )
            token = admission.token
            return Door("", token, lambda: gateway.close_admission(token), lambda: gateway.problem(token))

        def trial(owed: Owed) -> Trial:
            opened = partial(door, owed.planned.trial)
            return Trial(owed.planned, arm, only, {}, "system", Agent(), Lab(), opened)  # type: ignore[arg-type]

        session = Session(folder, Bench({}, "g", Lab()), trial)  # type: ignore[arg-type]
        todo = [Owed(each, Action.RERUN, "", None) for each in manifest.trials]
        with (
            Path(os.devnull).open("w") as nowhere,
            journal.Journal(folder.journal) as written,
            (progress := Progress(nowhere)).following(manifest, len(todo), gateway.waited_s),
        ):
            for line in Pool(session.work, 4).run(todo):
                written.append(line)
                progress.line(line)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines, _ = journal.read(folder.journal)
    render(summarise(manifest, lines), "json")
    return len({line.trial for line in lines}), peak


if __name__ == "__main__":
    found, peak = carry_out(int(sys.argv[1]), Path(sys.argv[2]))
    table = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"trials": found, "peak_kib": peak, "with_table_kib": table}))
