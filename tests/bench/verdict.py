"""One grade of tests_passing as a ratio to its bare floor, and where the time goes.

Both are run in turn, so that a busy machine is busy for both.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bench.figures import Steps, machine, median, publish, rows, told
from bench.floor import floor
from graders.tests_passing import TestsPassing
from harness import compose
from harness.core.ports import Case, Lab
from harness.core.records import Evidence, Outcome, Transcript, Tree
from harness.core.task import Generated
from harness.load.tasks import Bundle, load_task

PARTS = ("open and close", "migrates", "ready", "checks", "all", "cpu")
AIM = 1.5

Parts = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both sides, write the figures, print the table."""
    parser = argparse.ArgumentParser(prog="bench.verdict")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--task", default="bookings-crud")
    parsed = parser.parse_args(arguments)
    facts = machine()
    steps = Steps("verdict", parsed.rounds, 16.0 * parsed.rounds)
    bundle = load_task(compose.ROOT / "tasks" / parsed.task)
    choice = compose.Choice()
    store = compose.make_store(choice, print)
    lab = compose.make_lab(choice, store, bundle.task.file.toolchain)
    files = {path: content for path, (content, _) in bundle.seed.items()} | dict(bundle.solution.files)
    found: dict[str, list[Parts]] = {"grade": [], "floor": []}
    for number in range(parsed.rounds):
        steps.next("a grade and its floor")
        found["grade"].append(_measured(lambda: grade(bundle, files, lab)))
        port = 21_000 + 10 * number
        found["floor"].append(_measured(lambda port=port: floor(bundle, files, store, port)))  # type: ignore[misc]
    text = f"Task {parsed.task}, {parsed.rounds} rounds. {told(facts)}\n\n{table(found)}"
    publish("verdict", {"machine": facts, "task": parsed.task, "rounds": found}, text)
    return 0


def grade(bundle: Bundle, files: Mapping[str, bytes], lab: Lab) -> Parts:
    """Seconds by part of one grade, generated checks left out as in the floor; `AssertionError` for a failed check."""
    tree = Tree.of(files)
    task = replace(bundle.task, file=bundle.task.file.model_copy(update={"generated": Generated()}))
    began = time.monotonic()
    given = TestsPassing().grade(Case(task, Evidence(Transcript(), "", tree, tree, None, None), lab=lab, seed="s"))
    total = time.monotonic() - began
    assert all(check.outcome is Outcome.PASS for check in given.checks)
    took = {check.id: float(str(check.facts["seconds"])) for check in given.advisory if "seconds" in check.facts}
    parts = {"migrates": took["stage:migrates"], "ready": took["stage:ready"], "checks": took["stage:behaves"]}
    return {"open and close": total - sum(parts.values()), **parts, "all": total}


def table(found: Mapping[str, Sequence[Parts]]) -> str:
    """Medians by part."""
    body: list[list[object]] = []
    for part in PARTS:
        mine, other = (median([parts[part] for parts in found[side]]) for side in ("grade", "floor"))
        body.append([part, mine, other, mine / other, AIM if part == "all" else ""])
    return rows(["part", "grade, s", "floor, s", "ratio", "target"], body)


def _measured(run: Callable[[], Parts]) -> Parts:
    before = _cpu()
    parts = run()
    return {**parts, "cpu": _cpu() - before}


def _cpu() -> float:
    """Seconds of processor time of this process and of all that ended under it."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    sys.exit(main())
