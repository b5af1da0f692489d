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
from chaos.upstream import Provider, play
from chaos.world import KINDS, MODEL, World, build

from harness.run.session import SANDBOXES_IN_A_ROW


@dataclass(frozen=True)
class Size:
    """How much of it."""

    repeats: int
    kinds: Sequence[str] = KINDS
    jobs: int = 4
    fault_rate: float = 0.2
    wrong_rate: float = 0.01
    sandbox_rate: float = 0.25
    """Sandboxes killed a second."""
    harness_kills: int = 5
    harness_every_s: float = 25.0
    sandbox: str = "bubblewrap"
    restarts: int = 0
    """Of the containers' daemon."""
    seed: int = 1


def tell(size: Size, root: Path) -> list[tuple[str, object]]:
    """Run both, hold everything that must hold, and return the figures in the order in which to print them."""
    calm_world, calm, calm_provider, calm_s = _play(size, root / "calm", disturbed=False)
    world, disturber, provider, took_s = _play(size, root / "chaos", disturbed=True)
    accounts.nothing_twice_nothing_lost(calm_world.run)
    accounts.nothing_twice_nothing_lost(world.run)
    before, after = accounts.verdicts(calm_world.run), accounts.verdicts(world.run)
    assert before == after, "the disturbed run's verdict columns differ"
    assert _table(calm_world) == _table(world)
    causes = accounts.causes(world.run)
    _right_causes(causes, disturber, provider, size)
    assert accounts.causes(calm_world.run) == Counter()
    books = _balanced(world, provider)
    assert _balanced(calm_world, calm_provider).journal == calm_provider.total
    for each in (calm, disturber):
        assert not each.left, f"processes left: {each.left}"
    if disturber.containers is not None:
        assert disturber.containers.left() == [], "containers left"
    for place in (calm_world, world):
        assert list(place.temp.iterdir()) == [], "temp files left"
    assert _mounts(root) == [], "mounts left"
    attempts = [line for line in accounts.journal(world.run) if line["type"] == "attempt"]
    in_flight = provider.total - books.gateway
    return [
        ("planned trials", len(after)),
        ("valid at the end", sum(verdict[1] is None for verdict in after.values())),
        ("attempts", len(attempts)),
        ("lines invalid by cause", dict(sorted(causes.items()))),
        ("answers asked of the upstream", provider.answers),
        ("faults", f"{provider.faults.total()} ({100 * provider.faults.total() / provider.answers:.1f} %)"),
        ("faults by kind", dict(sorted(provider.faults.items()))),
        ("sandboxes", size.sandbox),
        ("sandboxes killed", disturber.killed_sandboxes),
        ("daemon restarted", disturber.restarted),
        ("harness killed with SIGKILL", disturber.killed_harness),
        ("harness processes", disturber.processes),
        ("upstream's ledger, micro-USD", provider.total),
        ("gateway's settled calls, micro-USD", books.gateway),
        ("journal, micro-USD", books.journal),
        ("in flight at a kill, micro-USD", in_flight),
        ("charges unexplained", 0),
        ("processes, mounts, containers, temp files left", 0),
        ("verdict columns that differ", 0),
        ("undisturbed run, s", round(calm_s)),
        ("disturbed run, s", round(took_s)),
    ]


def _play(size: Size, root: Path, *, disturbed: bool) -> tuple[World, Disturber, Provider, float]:
    root.mkdir(parents=True)
    world = build(root, size.kinds)
    provider = Provider(size.fault_rate if disturbed else 0.0, size.wrong_rate if disturbed else 0.0, size.seed)
    began = time.monotonic()
    with provider.server() as server:
        disturber = Disturber(world, play(server), size.seed)
        if size.sandbox == "docker":
            disturber.containers = Containers.of_this_machine()
        if disturbed:
            disturber.restarts = size.restarts
            disturber.sandbox_rate = size.sandbox_rate
            disturber.harness_kills = size.harness_kills
            disturber.harness_every_s = size.harness_every_s
        where = ("--results", world.results, "--jobs", size.jobs)
        run = ("run", "--model", MODEL, "--tasks", ",".join(world.tasks), "--repeats", size.repeats, "--name", "run")
        kind = ("--sandbox", size.sandbox, "--prices", root / "prices.toml")
        disturber.finish((*run, *kind, *where), ("resume", "run", *where))
    ledger = [[request, micro_usd, times] for (request, micro_usd), times in provider.charges.items()]
    (root / "ledger.json").write_text(json.dumps(ledger))
    return world, disturber, provider, time.monotonic() - began


def _right_causes(causes: Counter[str], disturber: Disturber, provider: Provider, size: Size) -> None:
    """Every invalid line answers to something that was done to the run."""
    told = f"{dict(causes)}, sandboxes killed {disturber.killed_sandboxes}, faults {dict(provider.faults)}"
    assert set(causes) <= {"sandbox", "provider", "cancelled"}, told
    down = 2 * (size.jobs + SANDBOXES_IN_A_ROW) * disturber.restarted
    assert causes["sandbox"] <= disturber.killed_sandboxes + down, told
    assert causes["provider"] <= provider.faults["wrong_model"], told
    assert causes["cancelled"] <= disturber.killed_harness * size.jobs, told


def _balanced(world: World, provider: Provider) -> accounts.Books:
    books = accounts.books(world.run)
    assert books.journal == books.gateway
    left = books.unexplained(provider.charges)
    assert not left, f"charged by the upstream and explained by nothing: {left}"
    return books


def _mounts(root: Path) -> list[str]:
    """Mounts of the host that belong to these runs: anything below their folder, anything that bubblewrap makes."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line for line in lines if str(root) in line or "newroot" in line or "oldroot" in line]


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
