"""Builds runs as they stand on disk after their last trial, without running anything."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.core.digest import digest
from harness.core.errors import Cause
from harness.core.records import Cost, Ended, EndedKind, Limits, Usage, Validity
from harness.core.runs import Arm, AttemptLine, JournalLine, PlannedTask, PlannedTrial, RunManifest, VerdictLine
from harness.store.layout import RunFolder, json_bytes

GRADERS = dict.fromkeys(("report_format", "rule_violations", "tests_passing", "truthfulness"), "g" * 64)
RULEBOOK = "1/a-prompt-7"
Outcomes = Mapping[str, Sequence[Sequence[bool | Cause]]]
"""Arm -> for each task -> for each trial: accepted, or the cause that made it invalid."""


def arm(name: str, limits: Limits | None = None, prompt_digest: str = "d" * 64, model: str = "model-x") -> Arm:
    key = digest([name, prompt_digest, model])
    return Arm(
        name=name,
        driver="messages",
        model=model,
        prompt="dev",
        prompt_digest=prompt_digest,
        limits=limits,
        digest=key,
    )


def tasks(count: int, version: str = "1") -> tuple[PlannedTask, ...]:
    return tuple(
        PlannedTask(id=f"task-{t:02}", digest=digest([t, version]), toolchain="python", toolchain_digest="w" * 64)
        for t in range(count)
    )


def manifest(
    arms: Sequence[Arm], planned: Sequence[PlannedTask], repeats: int, run: str = "r1", **fields: object
) -> RunManifest:
    return RunManifest.model_validate(
        {
            "run": run,
            "created": "2026-01-01T00:00:00+00:00",
            "order_seed": 7,
            "sandbox": "bubblewrap",
            "price_date": "2026-01-02",
            "kickoff_digest": "k" * 64,
            "arms": tuple(arms),
            "tasks": tuple(planned),
            "trials": tuple(
                PlannedTrial(trial=digest([run, a.name, t.id, r])[:16], arm=a.name, task=t.id, repeat=r)
                for r in range(1, repeats + 1)
                for t in planned
                for a in arms
            ),
            **fields,
        }
    )


def journal_lines(plan: RunManifest, outcomes: Outcomes, **fields: object) -> list[JournalLine]:
    """Lines for every planned trial; `fields` go into every verdict, those given as a function once they know it."""
    place = {task.id: number for number, task in enumerate(plan.tasks)}
    lines: list[JournalLine] = []
    for planned in plan.trials:
        answer = outcomes[planned.arm][place[planned.task]][planned.repeat - 1]
        lines.append(attempted(planned, answer if isinstance(answer, Cause) else None))
        if not isinstance(answer, Cause):
            known = {name: value(planned) if callable(value) else value for name, value in fields.items()}
            lines.append(judged(planned, answer, **known))
    return lines


def attempted(planned: PlannedTrial, cause: Cause | None = None) -> AttemptLine:
    return AttemptLine(
        trial=planned.trial,
        attempt=1,
        ended=None if cause else Ended(kind=EndedKind.FINISHED),
        validity=Validity(cause=cause, detail="boom" if cause else ""),
        usage=Usage(input=1000, output=100),
        cost=Cost(micro_usd=20_000),
        calls=5,
        wall_s=60.0,
    )


def judged(planned: PlannedTrial, accepted: bool, **fields: object) -> VerdictLine:
    return VerdictLine(
        **{
            "trial": planned.trial,
            "attempt": 1,
            "validity": Validity(),
            "solved": accepted,
            "truthful": True,
            "obeyed": True,
            "clean": accepted,
            "status": "YES",
            "clauses": {"C-01": 1.0, "C-02": 1.0 if accepted else 0.0},
            "why_not": "" if accepted else "not solved: 1 of 2 checks fail",
            "graders": GRADERS,
            "rulebook": RULEBOOK,
            **fields,
        }
    )


def stored(results: Path, plan: RunManifest, lines: Sequence[JournalLine]) -> RunFolder:
    folder = RunFolder.create(results, plan)
    folder.journal.write_bytes(b"".join(json_bytes(line) + b"\n" for line in lines))
    return folder


def run_of(
    results: Path,
    outcomes: Outcomes,
    run: str = "r1",
    arms: Sequence[Arm] | None = None,
    planned: Sequence[PlannedTask] | None = None,
    settings: Mapping[str, object] | None = None,
    **fields: object,
) -> RunFolder:
    """A stored run in which arms did as `outcomes` say."""
    first = next(iter(outcomes.values()))
    plan = manifest(
        arms or [arm(name) for name in outcomes], planned or tasks(len(first)), len(first[0]), run, **(settings or {})
    )
    return stored(results, plan, journal_lines(plan, outcomes, **fields))


def passes(counts: Sequence[int], trials: int) -> list[list[bool]]:
    """For each task the first `count` of `trials` trials accepted."""
    return [[number < count for number in range(trials)] for count in counts]


def drawn(chance: Sequence[float], trials: int, source: random.Random) -> list[list[bool]]:
    """Trials of tasks that are passed with these chances."""
    return [[source.random() < p for _ in range(trials)] for p in chance]
