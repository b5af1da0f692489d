"""Whether a verdict ever changes: the reference and every alternative graded again and again, alone and at once.

`python -m bench.repeats --repeats 20 --concurrency 1 6` writes its figures into `docs/repeats.json` and the table in
`docs/benchmarks.md`. A flake is a check whose outcome differs from the first run's; any is a fault of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from graders.tests_passing import TestsPassing
from harness import compose
from harness.core.errors import Failure
from harness.core.ports import Case, Lab
from harness.core.records import Evidence, Transcript, Tree
from harness.load.tasks import Bundle, load_task

BEGIN, END = "<!-- repeats: begin -->", "<!-- repeats: end -->"
DOCS = compose.ROOT / "docs"

Outcomes = Mapping[str, str]


@dataclass(frozen=True)
class Series:
    """One delivery, graded many times at one concurrency."""

    delivery: str
    concurrency: int
    repeats: int
    invalid: int
    checks: int
    failed: int
    """Answers other than pass, over all repeats: false rejections."""
    flakes: int
    """Answers other than the first run's, over all repeats."""
    seconds: float


def main() -> int:
    """Run every series, write the figures, print the table; 1 when any answer changed."""
    parser = argparse.ArgumentParser(prog="bench.repeats")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 6])
    parser.add_argument("--task", default="bookings-crud")
    parsed = parser.parse_args()
    bundle = load_task(compose.ROOT / "tasks" / parsed.task)
    choice = compose.Choice()
    lab = compose.make_lab(choice, compose.make_store(choice, print), bundle.task.file.toolchain)
    found = _earlier(parsed.task)
    for concurrency in parsed.concurrency:
        for name, files in deliveries(bundle).items():
            one = series(bundle, name, files, lab, concurrency, parsed.repeats)
            found[name, concurrency] = one
            print(one, file=sys.stderr, flush=True)
            _write(parsed.task, list(found.values()))
    print(table(found.values()))
    return 1 if any(one.flakes or one.invalid for one in found.values()) else 0


def deliveries(bundle: Bundle) -> dict[str, dict[str, bytes]]:
    """The reference and the alternatives, as whole trees."""
    seed = {path: content for path, (content, _) in bundle.seed.items()}
    found = {}
    for name, delivery in {"reference": bundle.solution, **bundle.alternatives}.items():
        tree = {**seed, **delivery.files}
        found[name] = {path: content for path, content in tree.items() if path not in delivery.deleted}
    return found


def series(bundle: Bundle, name: str, files: dict[str, bytes], lab: Lab, concurrency: int, repeats: int) -> Series:
    """Grade one delivery again and again, each time with another seed."""
    tree = Tree.of(files)

    def once(number: int) -> Outcomes | None:
        evidence = Evidence(Transcript(), "", tree, tree, None, None)
        try:
            given = TestsPassing().grade(Case(bundle.task, evidence, lab=lab, seed=f"{name} {number}"))
        except Failure as failure:
            print(f"{name} {number}: {failure}", file=sys.stderr, flush=True)
            return None
        for check in given.checks:
            if check.findings:
                print(f"{name} {number}: {check.id} {check.findings[0].message[:300]}", file=sys.stderr, flush=True)
        return {check.id: check.outcome.value for check in given.checks}

    began = time.monotonic()
    with ThreadPoolExecutor(concurrency) as pool:
        results = list(pool.map(once, range(repeats)))
    valid = [outcomes for outcomes in results if outcomes is not None]
    return Series(
        delivery=name,
        concurrency=concurrency,
        repeats=repeats,
        invalid=repeats - len(valid),
        checks=sum(len(outcomes) for outcomes in valid),
        failed=sum(outcome != "pass" for outcomes in valid for outcome in outcomes.values()),
        flakes=sum(_differ(valid[0], outcomes) for outcomes in valid) if valid else 0,
        seconds=round(time.monotonic() - began, 1),
    )


def table(found: Iterable[Series]) -> str:
    """The series for people, in Markdown."""
    lines = [
        "| delivery | at once | repeats | invalid | answers | not passed | flakes | time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        counts = (one.concurrency, one.repeats, one.invalid, one.checks, one.failed, one.flakes)
        lines.append(f"| {one.delivery} | " + " | ".join(map(str, counts)) + f" | {one.seconds:.0f} s |")
    return "\n".join(lines)


def _differ(first: Outcomes, other: Outcomes) -> int:
    return sum(first.get(check) != other.get(check) for check in first.keys() | other.keys())


def _earlier(task: str) -> dict[tuple[str, int], Series]:
    """Series of earlier runs; one that is run again replaces its own."""
    path = DOCS / "repeats.json"
    facts = json.loads(path.read_text()) if path.is_file() else {"task": task, "series": []}
    if facts["task"] != task:
        return {}
    series = [Series(**one) for one in facts["series"]]
    return {(one.delivery, one.concurrency): one for one in series}


def _write(task: str, found: list[Series]) -> None:
    facts = {"task": task, "load": os.getloadavg()[0], "series": [vars(one) for one in found]}
    (DOCS / "repeats.json").write_text(json.dumps(facts, indent=2) + "\n")
    path = Path(DOCS / "benchmarks.md")
    head, _, rest = path.read_text().partition(BEGIN)
    path.write_text(f"{head}{BEGIN}\n{table(found)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    sys.exit(main())
