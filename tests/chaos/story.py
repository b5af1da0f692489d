"""One undisturbed run, one disturbed run of the same plan, and everything that has to be the same."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos import accounts
from chaos.containers import Containers
from chaos.disturb import Disturber
from chaos.done import Done, Explained, retried
from chaos.left import Machine, control_groups
from chaos.upstream import LANE, Provider
from chaos.world import KINDS, MODEL, World, build


@dataclass(frozen=True)
class Size:
    """How much of it."""

    repeats: int
    kinds: Sequence[str] = KINDS
    jobs: int = 4
    sandbox_rate: float = 0.25
    """Sandboxes killed a second; the first as soon as there is one."""
    harness_kills: int = 5
    harness_every: int = 60
    """Lines of the journal between two of them, at most."""
    sandbox: str = "bubblewrap"
    restarts: int = 0
    """Of the containers' daemon."""
    seed: int = 1


def tell(size: Size, root: Path) -> list[tuple[str, object]]:
    """Run both, hold everything that must hold, and return the figures in the order in which to print them."""
    containers = Containers.of_this_machine() if size.sandbox == "docker" else None
    machine, engine = Machine.now(), _of_engine(containers)
    calm_world, calm, calm_provider, calm_s = _play(size, root / "calm", containers, disturbed=False)
    world, disturber, provider, took_s = _play(size, root / "chaos", containers, disturbed=True)
    accounts.nothing_twice_nothing_lost(calm_world.run)
    accounts.nothing_twice_nothing_lost(world.run)
    before, after = accounts.verdicts(calm_world.run), accounts.verdicts(world.run)
    differ = {trial for trial in before.keys() | after.keys() if before.get(trial) != after.get(trial)}
    assert not differ, f"the disturbed run's verdict columns differ: {sorted(differ)}"
    assert _table(calm_world) == _table(world)
    done = Done(disturber.kills, disturber.down, disturber.killed, provider.wrong, provider.places)
    unexplained = Explained(world.run, done).unexplained()
    assert not unexplained, f"invalid, and nothing was done to it: {unexplained}"
    assert not retried(world.run, done), f"begun again without a fault: {retried(world.run, done)}"
    causes = accounts.causes(world.run)
    assert accounts.causes(calm_world.run) == Counter()
    books, beyond = _balanced(world, provider)
    calm_books, _ = _balanced(calm_world, calm_provider)
    assert calm_books.journal == calm_provider.total
    left = _left(machine, engine, containers, (calm_world, calm), (world, disturber))
    assert not any(left.values()), f"left: {left}"
    attempts = [line for line in accounts.journal(world.run) if line["type"] == "attempt"]
    return [
        ("planned trials", len(after)),
        ("valid at the end", sum(verdict[1] is None for verdict in after.values())),
        ("attempts", len(attempts)),
        ("lines invalid by cause", dict(sorted(causes.items()))),
        ("of them without a kill or a fault of their own", len(unexplained)),
        ("answers asked of the upstream", provider.answers),
        ("faults", f"{provider.faults.total()} ({100 * provider.faults.total() / provider.answers:.1f} %)"),
        ("faults by kind", dict(sorted(provider.faults.items()))),
        ("turns begun again, by what the gateway saw", dict(sorted(_whys(world).items()))),
        ("sandboxes", size.sandbox),
        ("sandboxes killed", len(disturber.kills)),
        ("daemon restarted", len(disturber.down)),
        ("harness killed with SIGKILL", len(disturber.killed)),
        ("harness processes", len(disturber.harnesses)),
        ("upstream's ledger, micro-USD", provider.total),
        ("gateway's settled calls, micro-USD", books.gateway),
        ("journal, micro-USD", books.journal),
        ("in flight at a kill, micro-USD", accounts.total(beyond.in_flight)),
        ("answered after a stall, unheard, micro-USD", accounts.total(beyond.unheard)),
        ("set aside for what broke, micro-USD", books.set_aside),
        ("charges unexplained", beyond.unexplained.total()),
        *((f"{what} left", len(found)) for what, found in left.items()),
        ("verdict columns that differ", len(differ)),
        ("undisturbed run, s", round(calm_s)),
        ("disturbed run, s", round(took_s)),
    ]


def _play(
    size: Size, root: Path, containers: Containers | None, *, disturbed: bool
) -> tuple[World, Disturber, Provider, float]:
    root.mkdir(parents=True)
    world = build(root, size.kinds)
    provider = Provider(disturbed, size.seed)
    began = time.monotonic()
    with provider.server() as server:
        disturber = Disturber(world, server.add(LANE, provider.script), size.seed, containers=containers)
        if disturbed:
            disturber.restarts = size.restarts
            disturber.sandbox_rate = size.sandbox_rate
            disturber.harness_kills = size.harness_kills
            disturber.harness_every = size.harness_every
        where = ("--results", world.results, "--jobs", size.jobs)
        run = ("run", "--model", MODEL, "--tasks", ",".join(world.tasks), "--repeats", size.repeats, "--name", "run")
        kind = ("--sandbox", size.sandbox, "--prices", root / "prices.toml")
        disturber.finish((*run, *kind, *where), ("resume", "run", *where))
    ledger = [[request, micro_usd, times] for (request, micro_usd), times in provider.charges.items()]
    (root / "ledger.json").write_text(json.dumps(ledger))
    return world, disturber, provider, time.monotonic() - began


def _balanced(world: World, provider: Provider) -> tuple[accounts.Books, accounts.Beyond]:
    books = accounts.books(world.run)
    assert books.journal == books.gateway
    beyond = books.beyond(provider.charges)
    assert not beyond.unexplained, f"charged by the upstream and explained by nothing: {beyond.unexplained}"
    more = accounts.total(beyond.in_flight) + accounts.total(beyond.unheard)
    assert books.gateway + more == provider.total
    assert more <= books.set_aside, f"{more} were charged beyond what was settled, {books.set_aside} were set aside"
    return books, beyond


def _whys(world: World) -> Counter[str]:
    """Why the gateway began turns again."""
    lines = [line for line in accounts.journal(world.run) if line["type"] == "attempt"]
    return Counter(why for line in lines for _, why in accounts.turns_again(accounts.events(world.run, line)))


_Engine = tuple[set[str], set[int]]
"""Volumes that nothing uses, processes of containers that are gone."""


def _of_engine(containers: Containers | None) -> _Engine:
    return (containers.volumes(), set(containers.processes())) if containers is not None else (set(), set())


def _left(
    machine: Machine, engine: _Engine, containers: Containers | None, *played: tuple[World, Disturber]
) -> dict[str, Sequence[object]]:
    """What -> what there is of it now that was not there before."""
    orphans, mounts = machine.left()
    found: dict[str, Sequence[object]] = {
        "processes": [process for _, disturber in played for process in sorted(disturber.left)],
        "processes in mount namespaces that nobody holds": orphans,
        "mounts": mounts,
        "control groups": [group for _, each in played for group in control_groups(each.harnesses)],
        "temp files": [path for world, _ in played for path in world.temp.iterdir()],
    }
    if containers is not None:
        volumes, processes = _of_engine(containers)
        found["containers"] = containers.left()
        found["volumes"] = sorted(volumes - engine[0])
        found["processes of containers that are gone"] = sorted(processes - engine[1])
    return found


COLUMNS = ("accepted", "solved", "truthful", "obeyed", "clean", "clause_score", "obedience", "planned", "valid")


def _table(world: World) -> list[object]:
    done = subprocess.run(
        world.command("table", "run", "--results", world.results, "--format", "json"),
        cwd=world.tree,
        env=world.environ(""),
        capture_output=True,
        text=True,
        check=True,
    )
    return [[row[name] for name in COLUMNS] for row in json.loads(done.stdout)["rows"]]
