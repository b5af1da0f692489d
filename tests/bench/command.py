"""What the command itself costs: its start, what is fixed in a run, its memory, and what a run leaves on the disk."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bench import trivial
from bench.figures import Steps, machine, median, publish, rows, told

HARNESS = [sys.executable, "-m", "harness"]
JOBS, TRIALS = 4, 4
MANY = 10_000
TARGETS = {"`--help`, s": 0.25, "fixed in a run, s": 1.0, "peak memory, MB": 100, "on disk, kB": 60}


def starts(count: int) -> list[float]:
    """Seconds to `--help`."""
    took = []
    for _ in range(count):
        began = time.monotonic()
        subprocess.run([*HARNESS, "--help"], check=True, capture_output=True)
        took.append(time.monotonic() - began)
    return took


def run(folder: Path, name: str, agent: str, repeats: int, task: str, *, until: str = "") -> tuple[float, float]:
    """(seconds, peak megabytes) of one `harness run`; stopped by a signal once its log holds `until`."""
    where = ["--tasks", str(folder / "tasks" / task), "--results", str(folder / "results"), "--name", name]
    command = [*HARNESS, "run", *where, "--agents", agent, "--repeats", str(repeats), "--jobs", str(JOBS)]
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


def carried_out(folder: Path, name: str) -> float:
    """Seconds of a run that were the trials' own, from its log."""
    lines = [json.loads(line) for line in (folder / "results" / name / "log.jsonl").read_text().splitlines()]
    at = {line["event"]: datetime.fromisoformat(line["at"]) for line in lines}
    return (at["ends"] - at["begins"]).total_seconds()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, publish, print."""
    parser = argparse.ArgumentParser(prog="bench.command")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args(arguments).rounds
    facts = machine()
    steps = Steps("command", rounds + 3, 6.0 * rounds + 25)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        trivial.build(folder / "tasks")
        steps.next("--help")
        found: dict[str, object] = {"`--help`, s": median(starts(3 * rounds))}
        fixed = []
        for number in range(rounds):
            steps.next("one trial")
            seconds, _ = run(folder, f"one{number}", "oracle", 1, "real")
            fixed.append(seconds - carried_out(folder, f"one{number}"))
        found["fixed in a run, s"] = median(fixed)
        steps.next(f"{TRIALS} trials, {JOBS} at once, all graded")
        _, found["peak memory, MB"] = run(folder, "some", "oracle", TRIALS, "real")
        found["on disk, kB"] = _bytes(folder / "results" / "some") / TRIALS / 1000
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
