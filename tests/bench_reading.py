"""What it takes to read large runs: `table` over 100,000 stored trials, `compare` of two arms of 10,000 each.

Each command once where no index is there yet, and once more; a process of its own each time. Targets are told beside
the figures and not asserted: a busy machine is no defect.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench.figures import machine, publish, rows, told
from stored_runs import arm, drawn, journal_lines, manifest, stored, tasks

from harness.core.records import Cost, Usage
from harness.core.runs import JournalLine


@dataclass(frozen=True)
class Row:
    """A command over a stored run, and what it should not take more than: CPU seconds, megabytes."""

    what: str
    arguments: tuple[str, ...]
    seconds: float
    megabytes: float | None = None


ROWS = (
    Row("first `table` of 100,000 trials", ("table", "large"), 12.0, 500),
    Row("`table` of 100,000", ("table", "large"), 2.0, 500),
    Row("first `table` of 10,000", ("table", "small"), 1.5),
    Row("`table` of 10,000", ("table", "small"), 0.5),
    Row("first `compare` of two arms of 10,000 each", ("compare", "a", "b", "--run", "pair"), 6.0, 500),
    Row("`compare` of two arms of 10,000 each", ("compare", "a", "b", "--run", "pair"), 3.0, 500),
)
"""In this order: the first command that reads a run makes its index."""


def large(results: Path, run: str, repeats: int) -> None:
    """A run of two arms on fifty tasks, whose lines are as long as real ones and differ as they do.

    Each attempt has its folder, in which a reader may have to look for what a killed harness left.
    """
    source = random.Random(1)
    outcomes = {name: drawn([0.5] * 50, repeats, source) for name in ("a", "b")}
    plan = manifest([arm("a"), arm("b")], tasks(50), repeats, run)
    lines = [differing(line, source) for line in journal_lines(plan, outcomes, obedience=(100, 120))]
    folder = stored(results, plan, lines)
    for planned in plan.trials:
        folder.attempt_dir(planned.trial, 1).mkdir(parents=True)


def differing(line: JournalLine, source: random.Random) -> JournalLine:
    """The line with what no two trials have alike, and with rules and clauses of which a few are broken."""
    wall_s = round(source.uniform(100, 900), 3)
    if line.type == "attempt":
        usage = Usage(input=source.randrange(10**5), output=source.randrange(10**4), cache_read=source.randrange(10**6))
        cost = Cost(micro_usd=source.randrange(10**6))
        return line._replace(usage=usage, cost=cost, wall_s=wall_s, sealed=line.trial * 4)
    broken = sorted(source.sample(range(45), source.choice((0, 0, 1, 2))))
    clauses = {f"C-{number:02}": 1.0 for number in range(20)} | {
        f"C-{source.randrange(20):02}": source.choice((0, 0.5))
    }
    changed = {
        "rules": " ".join(f"P{number}={0 if number in broken else 1}/1" for number in range(45)),
        "clauses": {name: float(share) for name, share in clauses.items()},
        "failed": tuple(f"P{number}" for number in broken),
        "why_not": f"not obeyed: P3 the tool Agent was called, which starts an agent (step {source.randrange(99)})",
        "seed": line.trial * 2,
        "wall_s": wall_s,
    }
    return line._replace(**changed)


def measured(results: Path, *arguments: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of one command in a process of its own."""
    began = time.monotonic()
    null = os.open(os.devnull, os.O_WRONLY)
    command = [sys.executable, "-m", "harness", *arguments, "--results", str(results)]
    child = os.posix_spawn(sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status, used = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed")
    return time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Measure every row, and put the table where the documentation has its place for it."""
    facts = machine()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        for run, repeats in (("large", 1000), ("small", 100), ("pair", 200)):
            # In a process of its own: a command's peak memory would begin at what its parent holds.
            builder = get_context("spawn").Process(target=large, args=(results, run, repeats))
            builder.start()
            builder.join()
        taken = [(row, *measured(results, *row.arguments)) for row in ROWS]
    figures = {
        row.what: {"wall_s": wall, "cpu_s": cpu, "megabytes": megabytes, "target_cpu_s": row.seconds}
        for row, wall, cpu, megabytes in taken
    }
    publish("reading", {"machine": facts, "figures": figures}, page(facts, taken))


def page(facts: Mapping[str, Any], taken: Sequence[tuple[Row, float, float, float]]) -> str:
    """The section: the machine in a sentence, and the table."""
    body = [
        (
            row.what,
            wall,
            cpu,
            f"{row.seconds:g}",
            f"{megabytes:.0f}",
            "-" if row.megabytes is None else f"{row.megabytes:g}",
        )
        for row, wall, cpu, megabytes in taken
    ]
    head = ("command", "s wall", "s CPU", "target", "MB at most", "target")
    return f"{told(facts)}\n\n{rows(head, body)}"


if __name__ == "__main__":
    main()
