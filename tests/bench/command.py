"""What the command itself costs: its start, what is fixed in a run, its memory, and what a run leaves on the disk.

What is fixed is told from what a trial costs by runs of one trial and of several: imports that a first trial waits for
are no cost of a trial.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import trivial
from bench.figures import Steps, machine, median, publish, rows, told

HARNESS = [sys.executable, "-m", "harness"]
JOBS, TRIALS = 4, 3
MANY = 10_000
TARGETS = {"`--help`, s": 0.25, "fixed in a run, s": 1.0, "peak memory, MB": 100, "on disk for a further trial, kB": 60}


def starts(count: int) -> list[float]:
    """Seconds to `--help`."""
    took = []
    for _ in range(count):
        began = time.monotonic()
        subprocess.run([*HARNESS, "--help"], check=True, capture_output=True)
        took.append(time.monotonic() - began)
    return took


def run(
    folder: Path, name: str, agent: str, repeats: int, task: str, *, jobs: int = 1, until: str = ""
) -> tuple[float, float]:
    """(seconds, peak megabytes) of one `harness run`; stopped by a signal once its log holds `until`."""
    where = ["--tasks", str(folder / "tasks" / task), "--results", str(folder / "results"), "--name", name]
    command = [*HARNESS, "run", *where, "--agents", agent, "--repeats", str(repeats), "--jobs", str(jobs)]
    began = time.monotonic()
    with (folder / f"{name}.txt").open("wb") as said:
        running = subprocess.Popen([*command, "--sandbox", "bubblewrap"], stdout=said, stderr=said)
        log = folder / "results" / name / "log.jsonl"
        while until and not (log.exists() and until in log.read_text()) and running.poll() is None:
            time.sleep(0.05)
        if until:
            running.send_signal(signal.SIGINT)
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != (130 if until else 0):
        raise SystemExit(f"{command} ended with {running.returncode}: {(folder / f'{name}.txt').read_text()[-2000:]}")
    return time.monotonic() - began, used.ru_maxrss / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, publish, print."""
    parser = argparse.ArgumentParser(prog="bench.command")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args(arguments).rounds
    facts = machine()
    steps = Steps("command", rounds + 3, 10.0 * rounds + 20)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        trivial.build(folder / "tasks")
        steps.next("--help")
        found: dict[str, object] = {"`--help`, s": median(starts(3 * rounds))}
        fixed = []
        for number in range(rounds):
            steps.next(f"a run of one graded trial and one of {TRIALS}")
            one, _ = run(folder, f"one{number}", "oracle", 1, "real")
            some, _ = run(folder, f"some{number}", "oracle", TRIALS, "real")
            fixed.append(one - (some - one) / (TRIALS - 1))
        found["fixed in a run, s"] = median(fixed)
        first, all_of_them = (_bytes(folder / "results" / name) for name in ("one0", "some0"))
        found["on disk for a run of one trial, kB"] = first / 1000
        found["on disk for a further trial, kB"] = (all_of_them - first) / (TRIALS - 1) / 1000
        steps.next(f"{2 * JOBS} graded trials, {JOBS} at once")
        _, found["peak memory, MB"] = run(folder, "many", "oracle", 2 * JOBS, "real", jobs=JOBS)
        steps.next(f"{MANY} planned, stopped after the first")
        for planned in (10, MANY):
            _, peak = run(folder, f"plan{planned}", "noop", planned, "overhead", until="attempt ended")
            found[f"peak memory with {planned} planned, MB"] = peak
    text = rows(
        ["command", "measured", "target"], [[name, value, TARGETS.get(name, "")] for name, value in found.items()]
    )
    publish("command", {"machine": facts, **found}, f"{told(facts)}\n\n{text}")
    return 0


def _bytes(root: Path) -> int:
    """What a folder takes on the disk, in whole blocks."""
    return sum(path.stat().st_blocks * 512 for path in root.rglob("*"))


if __name__ == "__main__":
    sys.exit(main())
