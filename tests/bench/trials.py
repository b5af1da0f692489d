"""The trivial trial on every side, in turn, round after round: how many trials a minute, and what each one costs.

All sides are measured in the same minutes of the same machine, so that what else it does falls on all of them; a figure
is a median over rounds, a ratio the median of ratios within a round.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.figures import Steps, machine, median, publish, ratio, rows, told
from bench.side import SIDES, Side

AT_ONCE = (1, 2, 4, 8)
TRIALS = {"real": 8, "overhead": 24, "graded": 8}
"""How many trials a batch has, by work; `graded` is real work and every grader."""
ROUNDS = {"real": 2, "overhead": 3, "graded": 1}
TARGETS = {("real", "bubblewrap"): 0.85, ("real", "docker"): 1.2, ("overhead", "docker"): 2.0}
"""What our rate is to be of the bare one's."""
CPU_TARGET_S, DISK_TARGET = 0.1, 60_000
AIMED_AT = 2
"""At which concurrency the targets are looked at: as many as the machine that they were set on has cores."""

Key = tuple[str, str, int]
"""(side, work, concurrency)."""
Batches = dict[Key, list[dict[str, Any]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, publish, print."""
    parser = argparse.ArgumentParser(prog="bench.trials")
    parser.add_argument("--rounds", type=int, help="rounds of every kind of work (default: 2, 3 of overhead, 1 graded)")
    parser.add_argument("--at-once", type=int, nargs="+", default=AT_ONCE)
    parser.add_argument("--sides", nargs="+", default=sides(), choices=SIDES)
    parsed = parser.parse_args(arguments)
    rounds = {work: parsed.rounds or count for work, count in ROUNDS.items()}
    facts = machine()
    batches = measure(parsed.sides, parsed.at_once, rounds)
    figures = {
        "machine": facts,
        "trials": TRIALS,
        "batches": {" ".join(map(str, key)): b for key, b in batches.items()},
    }
    publish("trials", figures, f"{told(facts)}\n\n{table(batches)}")
    return 0


def sides() -> list[str]:
    """Docker's only where a daemon is named."""
    if "DOCKER_HOST" in os.environ:
        return list(SIDES)
    print("trials: no DOCKER_HOST, so nothing on docker", flush=True)
    return [side for side in SIDES if "docker" not in side]


def measure(names: Sequence[str], at_once: Sequence[int], rounds: Mapping[str, int]) -> Batches:
    """Every side in turn at each concurrency, round by round."""
    plan = [
        (work, count, name)
        for work in TRIALS
        for _ in range(rounds[work])
        for count in at_once
        for name in names
        if work != "graded" or name.startswith("ours")
    ]
    expected = {"real": 6.0, "overhead": 3.0, "graded": 14.0}
    steps = Steps("trials", len(plan), sum(expected[work] for work, _, _ in plan))
    batches: Batches = defaultdict(list)
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    root.chmod(0o755)
    with ExitStack() as exits:
        exits.callback(shutil.rmtree, root, ignore_errors=True)
        open_sides = {name: Side.of(name, root / name) for name in names}
        for side in open_sides.values():
            exits.callback(side.close)
            side.batch("overhead", 1, 1)
        for work, count, name in plan:
            steps.next(f"{name}, {work}, {count} at once")
            trials, graded = TRIALS[work], work == "graded"
            found = open_sides[name].batch("real" if graded else work, count, trials, graded=graded)
            batches[name, work, count].append({**found, "trials": trials})
    return dict(batches)


def table(batches: Batches) -> str:
    """Rates and ratios, costs, and where the time goes."""
    return "\n\n".join([_rates(batches), _costs(batches), _phases(batches)])


def _rates(batches: Batches) -> str:
    counts = sorted({count for _, _, count in batches})
    body: list[list[object]] = []
    for work in TRIALS:
        for kind in ("bubblewrap", "docker"):
            for whose in ("ours", "bare"):
                found = [_rate(batches.get((f"{whose}-{kind}", work, count), ())) for count in counts]
                if any(found):
                    body.append([f"{whose}, {work}", kind, *(median(rates) if rates else "-" for rates in found), ""])
            ratios = [_ratio(batches, kind, work, count) for count in counts]
            if any(ratios):
                aim = TARGETS.get((work, kind))
                body.append([f"**ratio, {work}**", kind, *(one or "-" for one in ratios), aim or ""])
    head = ["trials a minute", "sandbox", *(f"{count} at once" for count in counts), "target ratio"]
    return rows(head, body)


def _rate(found: Sequence[Mapping[str, Any]]) -> list[float]:
    return [60 * batch["trials"] / batch["seconds"] for batch in found]


def _ratio(batches: Batches, kind: str, work: str, count: int) -> float | None:
    ours, bare = (_rate(batches.get((f"{whose}-{kind}", work, count), ())) for whose in ("ours", "bare"))
    return ratio(ours, bare) if ours and bare else None


def _costs(batches: Batches) -> str:
    body: list[list[object]] = []
    for (name, work, count), found in batches.items():
        if count == AIMED_AT:
            cpu, children = (median([batch[part] / batch["trials"] for batch in found]) for part in ("cpu", "children"))
            outside = cpu + children if name == "ours-docker" else cpu
            disk = median([batch["bytes"] / batch["trials"] / 1000 for batch in found]) if "bytes" in found[0] else "-"
            body.append([name, work, outside, found[-1]["peak_mb"], disk])
    head = [f"a trial, {AIMED_AT} at once", "work", "CPU outside sandboxes, s", "peak memory so far, MB", "on disk, kB"]
    note = (
        f"Targets: {CPU_TARGET_S} s of CPU where nothing is graded, {DISK_TARGET // 1000} kB. CPU is the harness's"
        " own process, which here plays the model too; on docker with the processes that it started."
    )
    return f"{rows(head, body)}\n\n{note}"


def _phases(batches: Batches) -> str:
    ours = {key: found for key, found in batches.items() if "phases" in found[0] and key[2] in (1, AIMED_AT)}
    ours = {key: found for key, found in ours.items() if key[1] != "graded"}
    if not ours:
        return ""
    names = list(next(iter(ours.values()))[0]["phases"])
    body = [
        [f"{name}, {work}, {count} at once", *(1000 * median([b["phases"][phase] for b in found]) for phase in names)]
        for (name, work, count), found in ours.items()
    ]
    return rows(["milliseconds of a trial", *names], body)


if __name__ == "__main__":
    sys.exit(main())
