"""What it takes to read large runs: `table` over 100,000 stored trials, `compare` of two arms of 10,000 each."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from stored_runs import drawn, run_of

TARGETS = {"table": (2.0, 500), "compare": (3.0, None)}
"""Command -> most seconds, most megabytes."""
RULES = " ".join(f"P{number}=1/1" for number in range(45))
CLAUSES = {f"C-{number:02}": 1.0 for number in range(20)}


def large(results: Path, run: str, repeats: int) -> None:
    """A run of two arms on fifty tasks, whose lines are as long as real ones."""
    source = random.Random(1)
    outcomes = {name: drawn([0.5] * 50, repeats, source) for name in ("a", "b")}
    why = "not obeyed: P3 the tool Agent was called, which starts another agent (step 8)"
    run_of(results, outcomes, run, rules=RULES, clauses=CLAUSES, obedience=(100, 120), failed=("P1", "S6"), why_not=why)


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
    """Print one line for each command."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        for run, repeats in (("large", 1000), ("pair", 200)):
            # In a process of its own: a command's peak memory would begin at what its parent holds.
            builder = get_context("spawn").Process(target=large, args=(results, run, repeats))
            builder.start()
            builder.join()
        for command, arguments in (("table", ("table", "large")), ("compare", ("compare", "a", "b", "--run", "pair"))):
            wall, cpu, megabytes = measured(results, *arguments)
            most_s, most_mb = TARGETS[command]
            memory = f" (target {most_mb})" if most_mb else ""
            print(f"{command}: {wall:.1f} s wall, {cpu:.1f} s CPU (target {most_s:.0f}), {megabytes:.0f} MB{memory}")


if __name__ == "__main__":
    main()
