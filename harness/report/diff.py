"""Two trials of one task: where their transcripts part, and their verdicts side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from harness.core.errors import UsageError
from harness.core.records import AssistantTurn, ToolCall, Transcript
from harness.core.scores import TrialResult
from harness.report.text import bounded, one_line

LINES = 12
Step = AssistantTurn | ToolCall


def diff(results: Sequence[TrialResult], transcripts: Sequence[Transcript], names: Sequence[str]) -> str:
    """Two trials, without a newline at the end; `UsageError` where they are not of the same task.

    results, transcripts, names: two each, in the same order.
    """
    first, second = results
    if first.planned.task != second.planned.task:
        tasks = f"{first.planned.task} and {second.planned.task}"
        raise UsageError(f"trials of different tasks: {tasks}", where=" ".join(names), mend="name two of one task")
    lines = [one_line(f"Task {first.planned.task}: {names[0]} against {names[1]}"), ""]
    lines += _parting(*(list(_steps(transcript)) for transcript in transcripts))
    return "\n".join([*lines, "", *_verdicts(results, names)])


def _steps(transcript: Transcript) -> Iterator[Step]:
    for turn in transcript.turns:
        if turn.text:
            yield turn
        yield from turn.calls


def _parting(mine: Sequence[Step], theirs: Sequence[Step]) -> list[str]:
    """The first step at which what the agents did differs, or what the world answered them."""
    for number, (one, other) in enumerate(zip_longest(mine, theirs), 1):
        if one is None or other is None or _did(one) != _did(other):
            head = f"Alike for {number - 1} steps; then, at step {number}, they did different things:"
            return [head, *_side("A", one), *_side("B", other)]
        if _answered(one) != _answered(other):
            head = f"Alike for {number - 1} steps; then, at step {number}, the same act was answered differently:"
            return [head, *_side("A", one), *_side("B", other)]
    return [f"The transcripts are alike: {len(mine)} steps."]


def _did(step: Step) -> str:
    if isinstance(step, ToolCall):
        return f"{step.name} {json.dumps(step.input, sort_keys=True)}"
    return " ".join(step.text.split())


def _answered(step: Step) -> tuple[str, int | None]:
    result = step.result if isinstance(step, ToolCall) else None
    return (result.text, result.exit_code) if result is not None else ("", None)


def _side(name: str, step: Step | None) -> Iterator[str]:
    if step is None:
        yield f"{name}: ended"
    elif isinstance(step, ToolCall):
        yield f"{name}: " + one_line(f"{step.name} {json.dumps(step.input, ensure_ascii=False)}", 400)
        yield from (f"   {line}" for line in bounded(_answered(step)[0], lines=LINES))
    else:
        yield f"{name}: says"
        yield from (f"   {line}" for line in bounded(step.text, lines=LINES))


def _verdicts(results: Sequence[TrialResult], names: Sequence[str]) -> list[str]:
    from tabulate import tabulate

    facts = [_facts(result) for result in results]
    rows = [[one_line(name), *(one_line(fact[name], 60) for fact in facts)] for name in facts[0]]
    headers = ["", *(one_line(name) for name in names)]
    table = tabulate(rows, headers=headers, tablefmt="grid", disable_numparse=True).split("\n")
    return [*table, "", *_only(results[0], results[1], "A"), *_only(results[1], results[0], "B")]


def _only(one: TrialResult, other: TrialResult, name: str) -> list[str]:
    failed = sorted(_failed(one) - _failed(other))
    return [f"Fails only in {name}, {len(failed)}: " + (one_line(", ".join(failed), 600) or "nothing")]


def _failed(result: TrialResult) -> set[str]:
    return set(result.verdict.failed) if result.verdict else set()


def _facts(result: TrialResult) -> dict[str, str]:
    verdict, last = result.verdict, result.attempt
    answers = ("accepted", "solved", "truthful", "obeyed", "clean")
    facts = {"arm": result.planned.arm, "validity": str(result.validity), "ended": str(last.ended) if last else "-"}
    facts |= {name: "-" if verdict is None else "yes" if getattr(verdict, name) else "no" for name in answers}
    facts["report says"] = (verdict.status if verdict else None) or "-"
    facts["cost"] = f"${result.cost.usd:.4f}"
    facts["tokens"] = f"{result.usage.total:,}"
    facts["wall time"] = f"{sum(attempt.wall_s for attempt in result.attempts):.1f} s"
    return facts
