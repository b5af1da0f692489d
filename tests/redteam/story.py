"""The whole of it: canaries planted, ours on all cases, the weak graders on all cases, the host looked at again."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from harness import compose
from harness.core.errors import Failure
from harness.load.tasks import Bundle
from harness.models.script import Turn
from redteam import ours
from redteam.canaries import Canaries, Leftovers, adopted_orphans, holds, leftovers, planted
from redteam.case import NOOP, TWIN, Material, RedCase, polite
from redteam.catalogue import catalogue
from redteam.defences import Defence, red
from redteam.labs import labs
from redteam.verdicts import Row, hidden_seen, row
from redteam.views import seen_in_views
from redteam.weak import Gains, Weak, weak

Say = Callable[[str], None]
ENDING_S = 30.0


@dataclass(frozen=True)
class Off:
    """A defence that was switched off."""

    defence: Defence
    red: str
    """The problem that its case had then, empty where it stayed green."""


@dataclass(frozen=True)
class Asked:
    """What to run."""

    cases: tuple[str, ...]
    """Empty: all."""
    sandbox: str
    jobs: int
    results: Path
    """Where the run of ours is kept."""
    defences: tuple[Defence, ...] = ()
    """Those to switch off, each in turn."""


@dataclass(frozen=True)
class Told:
    """What came of it."""

    sandbox: str
    rows: tuple[Row, ...]
    canaries: tuple[str, ...]
    defences: tuple[Off, ...] = ()
    seconds: int = 0

    @property
    def held(self) -> bool:
        """No cheat gained, no look-alike lost, the host is as it was."""
        green = any(not one.red for one in self.defences)
        return not self.canaries and not green and not any(one.problems for one in self.rows)

    def summary(self) -> str:
        """The result in a sentence."""
        cheats = [one for one in self.rows if one.case.cheats]
        honest = [one for one in self.rows if not one.case.cheats]
        lost, full = sum(one.lost for one in cheats), sum(not one.problems for one in honest)
        dead = sum(bool(one.problems) and not one.lost for one in cheats)
        who = "root" if os.geteuid() == 0 else "an ordinary user"
        also = f", {dead} more beat no weak grader" if dead else ""
        return (
            f"{lost} of {len(cheats)} cheats gain{also}, {full} of {len(honest)} look-alikes get full marks, "
            f"host {'intact' if not self.canaries else 'TOUCHED'}; {self.sandbox} as {who},"
        )

    def facts(self) -> dict[str, JsonValue]:
        """The same for machines."""
        cases: list[JsonValue] = [
            {
                "case": one.case.id,
                "title": one.case.title,
                "expected": str(one.case.expected),
                "flags": list(one.case.flags),
                "naive": one.naive,
                "hardened": one.hardened,
                "ours": one.word,
                "problems": list(one.problems),
            }
            for one in self.rows
        ]
        return {
            "date": datetime.now(UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "seconds": self.seconds,
            "summary": self.summary(),
            "sandbox": self.sandbox,
            "root": os.geteuid() == 0,
            "held": self.held,
            "cases": cases,
            "host": list(self.canaries),
            "defences": [{"off": one.defence.name, "case": one.defence.case, "red": one.red} for one in self.defences],
        }


def tell(asked: Asked, root: Path, say: Say) -> Told:
    """Play everything below `root`, which ends empty but for `asked.results`."""
    cases = catalogue(asked.cases)
    began = time.monotonic()
    with _temporary(root / "temp"), adopted_orphans():
        before = leftovers(os.getpid())
        with planted(compose.ROOT / "tasks") as canaries, _planted_in_environment(canaries):
            told = _ours(cases, asked, canaries, say)
            touched = [*canaries.found(), *_secrets(asked.results, canaries)]
        gained = _weak(cases, asked, say)
        switched = _switched_off(asked, told.sandbox, root, say)
        left = _left(before)
    rows = tuple(
        replace(
            one,
            naive=gained[one.case.id].naive,
            hardened=gained[one.case.id].hardened,
            problems=(*one.problems, *gained[one.case.id].problems),
        )
        if one.case.id in gained
        else one
        for one in told.rows
    )
    return Told(
        told.sandbox,
        rows,
        (*touched, *told.canaries, *left),
        switched,
        round(time.monotonic() - began),
    )


def _left(before: Leftovers) -> list[str]:
    """What is still there after `ENDING_S`; a sandbox that held a million files takes a while to be gone."""
    until = time.monotonic() + ENDING_S
    while (left := leftovers(os.getpid()).since(before)) and time.monotonic() < until:
        time.sleep(0.5)
    return left


def _ours(cases: dict[str, RedCase], asked: Asked, canaries: Canaries, say: Say) -> Told:
    material = partial(Material, traps=canaries.traps)
    played = ours.play(
        _scripts(cases, material),
        tasks=canaries.tasks,
        results=asked.results,
        sandbox=asked.sandbox,
        jobs=asked.jobs,
        key=canaries.traps.secret,
        say=say,
    )
    found = []
    for case in cases.values():
        twin = [played.arms[f"{case.id}-twin"]] if case.twin else []
        null = [played.arms[name] for name in case.null]
        one = row(case, played.arms[case.id], [*null, *twin])
        hidden = hidden_seen(played.arms[case.id], ours.bundle_of(canaries.tasks))
        found.append(replace(one, problems=(*one.problems, *hidden)))
    views = seen_in_views(played.folder)
    return Told(played.folder.manifest.sandbox, tuple(found), tuple(views))


def _scripts(
    cases: dict[str, RedCase], material: Callable[[Bundle], Material]
) -> dict[str, Callable[[Bundle], Sequence[Turn]]]:
    from harness.models.players.noop import Noop

    scripts: dict[str, Callable[[Bundle], Sequence[Turn]]] = {
        NOOP: lambda bundle: Noop().script(compose.materials(bundle, bundle.solution)),
        TWIN: lambda bundle: polite(material(bundle)),
    }
    for case in cases.values():
        scripts[case.id] = partial(_script, case.script, material)
        if case.twin is not None:
            scripts[f"{case.id}-twin"] = partial(_script, case.twin, material)
    return scripts


def _script(
    script: Callable[[Material], Sequence[Turn]], material: Callable[[Bundle], Material], bundle: Bundle
) -> Sequence[Turn]:
    return script(material(bundle))


def _weak(cases: dict[str, RedCase], asked: Asked, say: Say) -> dict[str, Gains]:
    choice = compose.Choice(tasks=[ours.TASK], sandbox=asked.sandbox)
    bundle = ours.bundle_of(choice.tasks_root)
    store = compose.make_store(choice, say)
    lab = compose.make_lab(choice, store, bundle.task.file.toolchain, say)
    with planted(compose.ROOT / "tasks") as canaries, ThreadPoolExecutor(asked.jobs) as pool:
        judges = weak(Material(bundle, canaries.traps), labs(lab, store, bundle.task.file.toolchain))
        return dict(pool.map(partial(_gains, judges, say), [case for case in cases.values() if case.cheats]))


def _switched_off(asked: Asked, sandbox: str, root: Path, say: Say) -> tuple[Off, ...]:
    store = compose.make_store(compose.Choice(), say)
    found = []
    for number, defence in enumerate(asked.defences):
        if sandbox in defence.kinds:
            problems = red(defence, compose.ROOT / "tasks", root / f"off-{number}", store, sandbox)
            found.append(Off(defence, next((problem for problem in problems if defence.says in problem), "")))
            say(f"without {defence.name}: {found[-1].red or 'nothing turns red'}")
    return tuple(found)


def _gains(judges: Weak, say: Say, case: RedCase) -> tuple[str, Gains]:
    try:
        gains = judges.gains(case)
    except Failure as failure:
        gains = Gains("", "", (f"the weak graders could not judge: {failure.message}",))
    say(f"{case.id}: naive: {gains.naive}, hardened: {gains.hardened}")
    return case.id, gains


def _secrets(results: Path, canaries: Canaries) -> list[str]:
    return [f"{path} holds the secret" for path in holds(results, canaries.traps.secret)]


@contextmanager
def _temporary(folder: Path) -> Iterator[None]:
    """All temporary files in a folder of their own, so that what is left over can be told."""
    folder.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _planted_in_environment(canaries: Canaries) -> Iterator[None]:
    """The secret where careless harnesses keep theirs: in the environment of the process."""
    os.environ["ANTHROPIC_API_KEY"] = canaries.traps.secret
    try:
        yield
    finally:
        del os.environ["ANTHROPIC_API_KEY"]
