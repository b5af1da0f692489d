"""Our side of the trivial trial: the harness's own path, from the plan to the journal, in this process.

Phases are timed from outside, by a lab, a sandbox and an agent that pass everything on.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import trivial
from harness import compose
from harness.core.ports import Agent, Assignment, Lab, Sandbox, SandboxSpec, Solved
from harness.core.runs import AttemptLine, JournalLine
from harness.load.prompts import load_prompt
from harness.load.tasks import load_task
from harness.models.script import Turn
from harness.run.grade import grade_attempt
from harness.run.plan import Action, Owed
from harness.run.pool import Pool
from harness.run.solve import Trial, solve
from harness.store.journal import Journal
from harness.store.layout import RunFolder

PHASES = ("open", "files in", "set up", "look before", "ask", "tools", "look after", "close", "keep")
"""Parts of a trial: the sandbox, the repository with its first commit, the tree before, the model's turns through the
gateway, the tools, the tree after with all that was seen, the end, and what is left: sealing, hashing, the disk."""


class Ours:
    """The harness on one kind of sandbox, alive."""

    def __init__(self, kind: str, root: Path) -> None:
        trivial.build(root / "tasks")
        self._choice = compose.Choice(sandbox=kind, results=root / "results", tasks_root=root / "tasks")
        prompt = load_prompt(self._choice.prompt)
        self._bundles = {work: load_task(root / "tasks" / work) for work in trivial.WORKS}
        bundles = list(self._bundles.values())
        self._arms = [compose.player_arm("oracle", prompt, bundles)]
        self._numbers = itertools.count(1)
        self._exits = contextlib.ExitStack()
        workshop = compose.workshop(self._choice, self._arms, bundles, prompt, print, _script)
        self._workshop = self._exits.enter_context(workshop)
        self._lab = next(iter(self._workshop.labs.values()))
        self._store = compose.make_store(self._choice, print)

    def batch(self, work: str, concurrency: int, trials: int, *, graded: bool) -> dict[str, Any]:
        """Run trials as a run of their own; seconds by phase of a trial, and bytes on disk."""
        bundle = self._bundles[work]
        name = f"{work}-{next(self._numbers)}"
        choice = replace(self._choice, repeats=trials, name=name)
        manifest = compose.manifest(choice, self._arms, [bundle], self._store, self._lab)
        folder = RunFolder.create(choice.results, manifest)
        bench = self._workshop.bench(bundle.task.file.toolchain)
        watch = Watch()

        def one(owed: Owed, emit: Callable[[JournalLine], None]) -> None:
            trial = watch.timed(self._workshop.trial(owed))
            line: AttemptLine = watch.whole(lambda: solve(trial, folder, 1))
            emit(line)
            if graded:
                emit(grade_attempt(trial.task, folder, line.trial, 1, bench))

        todo = [Owed(planned, Action.RERUN, "", None) for planned in manifest.trials]
        with Journal(folder.journal) as journal:
            for line in Pool[Owed, JournalLine](one, concurrency).run(todo):
                journal.append(line)
                if not line.validity.valid or (line.type == "verdict" and not line.accepted):
                    raise RuntimeError(f"a trial went wrong: {line}")
        return {"phases": {phase: watch.seconds[phase] / trials for phase in PHASES}, "bytes": _bytes(folder.root)}

    def close(self) -> None:
        """End the gateway and the players."""
        self._exits.close()


class Watch:
    """Adds up seconds by phase; each trial's thread adds its own."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def timed(self, trial: Trial) -> Trial:
        """The trial with everything timed."""
        return replace(trial, lab=_Lab(trial.lab, self), agent=_Agent(trial.agent, self))

    def whole(self, solve: Callable[[], AttemptLine]) -> AttemptLine:
        """What no other phase has is what it takes to keep things."""
        with self.within("keep"):
            return solve()

    @contextmanager
    def within(self, phase: str, outer: str = "keep") -> Iterator[None]:
        """Time a phase; it does not count for the one around it."""
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            self.seconds[phase] += took
            if phase != outer:
                self.seconds[outer] -= took


@dataclass(frozen=True)
class _Lab:
    lab: Lab
    watch: Watch

    @contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        with contextlib.ExitStack() as exits:
            with self.watch.within("open"):
                box = exits.enter_context(self.lab.sandbox(spec))
            yield _Box(box, self.watch)
            with self.watch.within("close"):
                exits.close()

    def services(self, names: Any) -> Any:
        return self.lab.services(names)

    def labelled(self, trial: str) -> _Lab:
        return self


class _Box:
    """A sandbox that is timed."""

    def __init__(self, box: Sandbox, watch: Watch) -> None:
        self._box = box
        self._watch = watch
        self._worked = False

    def __getattr__(self, name: str) -> Any:
        given = getattr(self._box, name)
        if not callable(given):
            return given

        def timed(*arguments: Any, **named: Any) -> Any:
            phase, outer = self._phase(name, named)
            with self._watch.within(phase, outer):
                return given(*arguments, **named)

        return timed

    def _phase(self, name: str, named: Mapping[str, Any]) -> tuple[str, str]:
        if named.get("step") is not None:
            self._worked = True
            return "tools", "ask"
        if self._worked:
            return "look after", "keep"
        return {"put": "files in", "run": "set up"}.get(name, "look before"), "keep"


@dataclass(frozen=True)
class _Agent:
    agent: Agent
    watch: Watch

    def solve(self, assignment: Assignment) -> Solved:
        with self.watch.within("ask"):
            return self.agent.solve(assignment)


def _script(bundle: Any, arm: Any) -> Sequence[Turn]:
    return trivial.script(bundle.task)


def _bytes(root: Path) -> int:
    """What a folder takes on the disk, in whole blocks."""
    return sum(path.stat().st_blocks * 512 for path in root.rglob("*"))
