"""`make bench`: one grade of tests_passing as a ratio to its bare floor, and where the time goes.

Both are run in turn, so that a busy machine is busy for both. Figures go to `docs/benchmarks.json` and into the table
of `docs/benchmarks.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.floor import floor
from graders.tests_passing import TestsPassing
from harness import compose
from harness.core.ports import Case, Lab
from harness.core.records import Evidence, Outcome, Transcript, Tree
from harness.load.tasks import Bundle, load_task

PARTS = ("open and close", "migrates", "ready", "checks", "all", "cpu")
DOCS = compose.ROOT / "docs"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
AIM = 1.5

Parts = dict[str, float]


def main() -> int:
    """Run both sides, write the figures, print the table."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--task", default="bookings-crud")
    parsed = parser.parse_args()
    bundle = load_task(compose.ROOT / "tasks" / parsed.task)
    choice = compose.Choice()
    store = compose.make_store(choice, print)
    lab = compose.make_lab(choice, store, bundle.task.file.toolchain)
    files = {path: content for path, (content, _) in bundle.seed.items()} | dict(bundle.solution.files)
    found: dict[str, list[Parts]] = {"grade": [], "floor": []}
    for number in range(parsed.repeats):
        found["grade"].append(_measured(lambda: grade(bundle, files, lab)))
        port = 21_000 + 10 * number
        found["floor"].append(_measured(lambda port=port: floor(bundle, files, store, port)))  # type: ignore[misc]
        print({side: round(runs[-1]["all"], 2) for side, runs in found.items()}, file=sys.stderr, flush=True)
    figures = _figures(parsed.task, found)
    (DOCS / "benchmarks.json").write_text(json.dumps(figures, indent=2) + "\n")
    _put(DOCS / "benchmarks.md", table(figures))
    print(table(figures))
    return 0


def grade(bundle: Bundle, files: Mapping[str, bytes], lab: Lab) -> Parts:
    """Seconds by part of one grade; `AssertionError` unless every check passes."""
    tree = Tree.of(files)
    began = time.monotonic()
    given = TestsPassing().grade(
        Case(bundle.task, Evidence(Transcript(), "", tree, tree, None, None), lab=lab, seed="s")
    )
    total = time.monotonic() - began
    assert all(check.outcome is Outcome.PASS for check in given.checks)
    took = {check.id: float(str(check.facts["seconds"])) for check in given.advisory if "seconds" in check.facts}
    parts = {"migrates": took["stage:migrates"], "ready": took["stage:ready"], "checks": took["stage:behaves"]}
    return {"open and close": total - sum(parts.values()), **parts, "all": total}


def table(figures: Mapping[str, Any]) -> str:
    """The figures for people, in Markdown."""
    lines = ["| part | grade, s | floor, s | ratio |", "|---|---|---|---|"]
    for part in PARTS:
        mine, other = figures["grade"][part], figures["floor"][part]
        lines.append(f"| {part} | {mine:.2f} | {other:.2f} | {mine / other:.2f} |")
    head = (
        f"Task {figures['task']}, {figures['repeats']} repeats in turn, medians; {figures['cpus']} cores,"
        f" load {figures['load']:.1f} at the end, Python {figures['python']}, {figures['date']}. Aim: {AIM}."
    )
    return f"{head}\n\n" + "\n".join(lines)


def _measured(run: Callable[[], Parts]) -> Parts:
    before = _cpu()
    parts = run()
    return {**parts, "cpu": _cpu() - before}


def _cpu() -> float:
    """Seconds of processor time of this process and of all that ended under it."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def _figures(task: str, found: Mapping[str, list[Parts]]) -> dict[str, Any]:
    medians = {
        side: {part: round(statistics.median(run[part] for run in runs), 3) for part in PARTS}
        for side, runs in found.items()
    }
    return {
        "task": task,
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "repeats": len(found["grade"]),
        **medians,
        "ratio": round(medians["grade"]["all"] / medians["floor"]["all"], 2),
        "runs": found,
    }


def _put(path: Path, text: str) -> None:
    """Replace what stands between the marks."""
    old = path.read_text()
    head, _, rest = old.partition(BEGIN)
    _, _, tail = rest.partition(END)
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


if __name__ == "__main__":
    sys.exit(main())
