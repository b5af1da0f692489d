"""What the rules cost over stored trials: `PYTHONPATH=tests:. python -m bench_rules [TRIALS]`, no sandbox.

Stores deliveries of the first task, loads each as a grading run would, and judges rules, report and truth in two
processes. Once with what reference agents leave behind (equal files), once with every changed file different.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from corpus.paper import on_paper

from graders.report_format import ReportFormat
from graders.rule_violations import RuleViolations
from graders.truthfulness import Truthfulness
from harness.cli import SWEEP_AFTER
from harness.core.digest import sha256
from harness.core.ports import Case, Snapshot
from harness.core.records import Ended, EndedKind, Entry, Evidence
from harness.core.runs import Arm, PlannedTask, PlannedTrial, RunManifest
from harness.core.task import Task
from harness.load.tasks import Bundle, find_tasks, load_task
from harness.store.evidence import load_evidence, save_evidence
from harness.store.journal import EventLog
from harness.store.layout import RunFolder

RULES = RuleViolations()
WARM = 4
"""Trials before the clock starts: each process imports what it needs."""


def stored(root: Path, bundle: Bundle, count: int, *, distinct: bool) -> RunFolder:
    """A run folder with the evidence of `count` trials."""
    planned = tuple(PlannedTrial(trial=f"{n:016x}", arm="a", task=bundle.task.id, repeat=n + 1) for n in range(count))
    manifest = RunManifest(
        run="bench",
        created="2026-01-01T00:00:00Z",
        order_seed=1,
        sandbox="none",
        price_date="2026-01-01",
        kickoff_digest="k",
        arms=(Arm(name="a", driver="messages", model="m", prompt="p", prompt_digest="d", digest="a"),),
        tasks=(PlannedTask(id=bundle.task.id, digest="d", toolchain="t", toolchain_digest="d"),),
        trials=planned,
    )
    folder = RunFolder.create(root, manifest)
    flaws = list(bundle.flaws)
    for number, trial in enumerate(planned):
        evidence = on_paper(bundle, bundle.flawed(flaws[number % len(flaws)])).evidence
        _save(folder, trial.trial, evidence, f"\n# {number}\n".encode() if distinct else b"")
    return folder


def _save(folder: RunFolder, trial: str, evidence: Evidence, mark: bytes) -> None:
    changed = {change.path for change in evidence.changes if change.path.endswith(".py")}
    files = {path: evidence.final.read(path) or b"" for path in evidence.final.files()}
    files = {path: content + mark if path in changed else content for path, content in files.items()}
    with EventLog(folder.attempt_dir(trial, 1) / "events.jsonl") as log:
        for turn in evidence.transcript.turns:
            calls = [{"id": f"c{call.step}", "name": call.name, "input": call.input} for call in turn.calls]
            log.append("assistant", {"turn": turn.turn, "text": turn.text, "calls": calls})
            for call in turn.calls:
                text = call.result.text if call.result else ""
                log.append("tool_result", {"id": f"c{call.step}", "text": text, "exit_code": 0})
    entries = {path: Entry(sha256=sha256(content), size=len(content)) for path, content in files.items()}
    save_evidence(
        folder,
        trial,
        1,
        base=evidence.base,
        snapshot=Snapshot(entries, {sha256(content): content for content in files.values()}),
        history=evidence.history,
        witness=evidence.witness,
        reply=evidence.reply,
        ended=Ended(kind=EndedKind.FINISHED),
    )


def judge(folder: RunFolder, task: Task, trial: str) -> tuple[float, float]:
    """Load one trial and judge it; CPU seconds of this process and of ruff."""
    before, ruff_before = time.process_time(), _children()
    case = Case(task=task, evidence=load_evidence(folder, trial, 1))
    RULES.grade(case)
    Truthfulness().grade(replace(case, grades={"report_format": ReportFormat().grade(case)}))
    return time.process_time() - before, _children() - ruff_before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(bundle: Bundle, count: int, *, distinct: bool) -> str:
    """One line of figures."""
    # Rule S2 takes a running database.
    task = replace(bundle.task, file=bundle.task.file.model_copy(update={"migrations": None}))
    with (
        tempfile.TemporaryDirectory() as root,
        ProcessPoolExecutor(2, get_context("spawn"), gc.set_threshold, (SWEEP_AFTER,)) as pool,
    ):
        folder = stored(Path(root), bundle, count + WARM, distinct=distinct)
        trials = [planned.trial for planned in folder.manifest.trials]
        one = partial(judge, folder, task)
        list(pool.map(one, trials[:WARM]))
        began = time.monotonic()
        used = list(pool.map(one, trials[WARM:]))
        wall = time.monotonic() - began
    own, ruff = (1000 * sum(seconds) / count for seconds in zip(*used, strict=True))
    kind = "all changed files differ" if distinct else "equal files"
    return (
        f"{count} trials, {kind}: {own:.0f} ms CPU and {ruff:.0f} ms of ruff a trial; "
        f"1,000 take {1000 * wall / count:.0f} s (load {os.getloadavg()[0]:.1f})"
    )


def main() -> None:
    """Print both figures."""
    bundle = load_task(next(iter(find_tasks(Path(__file__).parent.parent / "tasks").values())))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for distinct in (False, True):
        print(measured(bundle, count, distinct=distinct))


if __name__ == "__main__":
    main()
