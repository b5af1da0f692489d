"""Tidy CSV: a row for each planned trial, a column for each fact, nothing summed.

A spreadsheet runs what begins like a formula, so text that does is marked with an apostrophe. What was never decided is
empty, not 0.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from harness.core.runs import Arm, PlannedTask, RunManifest
from harness.core.scores import TrialResult
from harness.core.text import one_line

FORMULA = frozenset("=+-@|%＝＋－＠'")
"""First characters after which a spreadsheet may compute; the apostrophe, so that marked text is told from its own."""

Value = str | int | float | None


def tidy(manifest: RunManifest, results: tuple[TrialResult, ...], overrides: Mapping[str, list[str]]) -> str:
    """The run as CSV. overrides: trial -> its disputed findings."""
    arms, tasks = {arm.name: arm for arm in manifest.arms}, {task.id: task for task in manifest.tasks}
    rows = [
        {
            "run": manifest.run,
            **_plan(result, arms[result.planned.arm], tasks[result.planned.task]),
            **_outcome(result),
            "overrides": "; ".join(overrides.get(result.planned.trial, [])),
        }
        for result in results
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["run"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _safe(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _plan(result: TrialResult, arm: Arm, task: PlannedTask) -> dict[str, Value]:
    return {
        "trial": result.planned.trial,
        "arm": arm.name,
        "model": arm.model,
        "prompt": arm.prompt,
        "prompt_digest": arm.prompt_digest,
        "task": task.id,
        "task_digest": task.digest,
        "repeat": result.planned.repeat,
    }


def _outcome(result: TrialResult) -> dict[str, Value]:
    verdict = result.verdict if result.validity.valid else None
    last, usage = result.attempt, result.usage
    answers = ("accepted", "solved", "truthful", "obeyed", "clean")
    return {
        "validity": str(result.validity),
        "detail": result.validity.detail,
        "ended": str(last.ended) if last is not None and last.ended is not None else None,
        **{name: None if verdict is None else int(getattr(verdict, name)) for name in answers},
        "report_says": verdict.status if verdict else None,
        "obedience_kept": verdict.obedience[0] if verdict else None,
        "obedience_all": verdict.obedience[1] if verdict else None,
        "failed": " ".join(verdict.failed) if verdict else None,
        "why_not": verdict.why_not if verdict else None,
        "rulebook": verdict.rulebook if verdict else None,
        "attempts": len(result.attempts),
        "tokens_input": usage.input,
        "tokens_output": usage.output,
        "tokens_cache_read": usage.cache_read,
        "tokens_cache_write": usage.cache_write_5m + usage.cache_write_1h,
        "cost_usd": result.cost.usd,
        "cost_complete": int(result.cost.complete),
        "wall_s": round(sum(attempt.wall_s for attempt in result.attempts), 3),
    }


def _safe(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    line = one_line(value, 1000)
    return f"'{line}" if line[:1] in FORMULA and line else line
