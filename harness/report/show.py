"""One trial for a person: what the agent said and did, what it changed, what it reported, what the graders found.

Everything here was chosen by an agent, so every line passes through `text` and every part is bounded. An attempt that
could not be judged is shown as far as it was recorded.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping

from harness.core.errors import Cause, Failure, UsageError, boundary
from harness.core.plugins import unknown
from harness.core.records import Change, Evidence, Finding, Grade, Outcome, ToolCall, Transcript, Tree, Validity
from harness.core.scores import TrialResult, heaviest, trial_results
from harness.core.transcript import transcript
from harness.report.text import bounded, inert, one_line
from harness.store import journal
from harness.store.evidence import load_evidence, load_grades
from harness.store.layout import RunFolder
from harness.store.overrides import Override, applied

RULES = ("rule_violations", "report_format", "truthfulness")
"""Graders whose checks are rules."""
MESSAGE_LINES = 40
RESULT_LINES = 12
REPORT_LINES = 400
DIFF_LINES = 300
LARGEST_DIFF = 100_000
MOST_LINES = 3_000
"""Bytes and lines of a file beyond which it is not compared: hostile ones would take longer than anyone waits."""
MOST_TURNS = 300
MOST_CHANGES = 200


def show(folder: RunFolder, trial_prefix: str, rules: bool) -> str:
    """The last attempt of the trial whose key begins with `trial_prefix`.

    `rules`: only the rules that were broken or could not be decided, each with its sentence and every finding with the
    command behind it. `UsageError` where no trial, or more than one, has that key, or it has not been run.
    """
    result, disputed = _find(folder, trial_prefix)
    last = result.attempt
    if last is None:
        mend = "resume the run, or name another trial"
        raise UsageError(f"trial {result.planned.trial} has not been run yet", where=str(folder.root), mend=mend)
    lines = [*_summary(result)]
    lines += [_indented(2, f"override: {override}", 500) for override in disputed]
    if not rules:
        lines += _story(folder, result.planned.trial, last.attempt)
    lines += _graded(folder, result.planned.trial, last.attempt, rules)
    return "\n".join(lines)


def _find(folder: RunFolder, prefix: str) -> tuple[TrialResult, list[Override]]:
    lines, used = applied(folder, journal.read(folder.journal)[0])
    results = {result.planned.trial: result for result in trial_results(folder.manifest, lines)}
    found = [trial for trial in results if trial.startswith(prefix)]
    if not found:
        raise UsageError(unknown("trial", prefix, results), where=str(folder.root))
    if len(found) > 1:
        mend = "give more digits"
        raise UsageError(
            f"'{prefix}' begins {len(found)} trials: {', '.join(found)}", where=str(folder.root), mend=mend
        )
    return results[found[0]], [override for override in used if override.trial == found[0]]


def _summary(result: TrialResult) -> Iterator[str]:
    planned, verdict = result.planned, result.verdict
    yield one_line(f"Trial {planned.trial}: arm {planned.arm}, task {planned.task}, repeat {planned.repeat}")
    for attempt in result.attempts:
        cost = ("" if attempt.cost.complete else "at least ") + f"${attempt.cost.usd:.4f}"
        ended = attempt.ended or "not ended"
        yield _indented(
            2,
            f"attempt {attempt.attempt}: {ended}, {_told(attempt.validity)}, "
            f"{attempt.calls} calls, {attempt.usage.total} tokens, {cost}, {attempt.wall_s:.1f} s",
        )
    yield _indented(2, f"validity: {_told(result.validity)}")
    if verdict is None or not result.validity.valid:
        return
    answers = {
        "accepted": verdict.accepted,
        "solved": verdict.solved,
        "truthful": verdict.truthful,
        "obeyed": verdict.obeyed,
        "clean": verdict.clean,
    }
    yield "  " + ", ".join(f"{name} {'yes' if answer else 'no'}" for name, answer in answers.items())
    if verdict.why_not:
        yield _indented(2, f"why not: {verdict.why_not}", 1000)


def _told(validity: Validity) -> str:
    return f"{validity} ({validity.detail})" if validity.detail else str(validity)


# --- what happened -----------------------------------------------------------------------------------------------


def _story(folder: RunFolder, trial: str, attempt: int) -> Iterator[str]:
    try:
        evidence = load_evidence(folder, trial, attempt)
    except Failure as failure:
        yield from _heading("Evidence")
        yield _indented(2, str(failure), 500)
        yield from _recorded(folder, trial, attempt)
        return
    yield from _heading("Transcript")
    yield from _transcript(evidence.transcript)
    yield from _heading("Changes")
    yield from _changes(evidence)
    yield from _heading("Report")
    yield from bounded(evidence.reply, lines=REPORT_LINES)


def _recorded(folder: RunFolder, trial: str, attempt: int) -> Iterator[str]:
    """The transcript of an attempt that was never sealed, as far as its events go."""
    events, damages = journal.read_events(folder.attempt_dir(trial, attempt) / "events.jsonl")
    yield from (_indented(2, str(damage), 500) for damage in damages[:5])
    try:
        with boundary(Cause.HARNESS, "events.jsonl"):
            steps = transcript(events, complete=False)
    except Failure as failure:
        yield _indented(2, str(failure), 500)
        return
    yield from _heading("Transcript")
    yield from _transcript(steps)


def _transcript(steps: Transcript) -> Iterator[str]:
    if not steps.complete:
        yield "  [events are missing]"
    for turn in steps.turns[:MOST_TURNS]:
        yield one_line(f"[turn {turn.turn}, step {turn.step}] {turn.stop_reason}")
        if turn.text:
            yield from (f"  {line}" for line in bounded(turn.text, lines=MESSAGE_LINES))
        for call in turn.calls:
            yield from _call(call)
    if len(steps.turns) > MOST_TURNS:
        yield f"  [{len(steps.turns) - MOST_TURNS} more turns]"


def _call(call: ToolCall) -> Iterator[str]:
    yield _indented(2, f"step {call.step}: {call.name} {json.dumps(call.input, ensure_ascii=False)}", 240)
    if call.result is None:
        yield "    [no answer]"
        return
    marks = []
    if call.result.exit_code is not None:
        marks.append(f"exit {call.result.exit_code}")
    if call.result.is_error:
        marks.append("error")
    if call.result.truncated:
        marks.append("truncated")
    if marks:
        yield f"    [{', '.join(marks)}]"
    if call.result.text:
        yield from (f"    {line}" for line in bounded(call.result.text, lines=RESULT_LINES))


# --- what changed ------------------------------------------------------------------------------------------------


def _changes(evidence: Evidence) -> Iterator[str]:
    changes = evidence.changes
    if not changes:
        yield "  none"
    for change in changes[:MOST_CHANGES]:
        yield one_line(f"{change.kind} {change.path}")
        yield from _difference(evidence.base, evidence.final, change)
    if len(changes) > MOST_CHANGES:
        yield f"  [{len(changes) - MOST_CHANGES} more changes]"
    yield from (one_line(f"flag: {flag}") for flag in evidence.flags)


def _difference(base: Tree, final: Tree, change: Change) -> Iterator[str]:
    sides = [_side(tree, change.path) for tree in (base, final)]
    problem = next((side for side in sides if isinstance(side, str)), None)
    if problem is not None:
        yield f"  [{problem}]"
        return
    before, after = ([inert(line) for line in side] for side in sides)
    difference = "\n".join(difflib.unified_diff(before, after, "before", "after", lineterm=""))
    yield from (f"  {line}" for line in bounded(difference or "[no line differs]", lines=DIFF_LINES))


def _side(tree: Tree, path: str) -> list[str] | str:
    """Lines of a text file, none where it is absent, or why they are not compared."""
    entry = tree.entries.get(path)
    if entry is None:
        return []
    if entry.kind != "file":
        return one_line(f"{entry.kind} {entry.target}".rstrip())
    if entry.size > LARGEST_DIFF:
        return f"{entry.size} bytes, too large to compare"
    try:
        text = tree.text(path)
    except Failure as failure:
        return one_line(str(failure), 500)
    if text is None:
        return f"{entry.size} bytes, not text"
    lines = text.removesuffix("\n").split("\n")
    return lines if len(lines) <= MOST_LINES else f"{len(lines)} lines, too many to compare"


# --- what the graders found --------------------------------------------------------------------------------------


def _graded(folder: RunFolder, trial: str, attempt: int, rules: bool) -> Iterator[str]:
    try:
        grades = load_grades(folder, trial, attempt)
    except Failure as failure:
        yield from _heading("Grades")
        yield _indented(2, str(failure), 500)
        return
    calls = _calls(folder, trial, attempt) if rules else {}
    for grade in grades.values():
        if not rules or grade.grader in RULES:
            yield from _heading(f"{grade.grader} (version {grade.version})")
            yield from _grade(grade, rules, calls)


def _calls(folder: RunFolder, trial: str, attempt: int) -> dict[int, ToolCall]:
    """Tool calls by step, as far as the events can be read."""
    events, _ = journal.read_events(folder.attempt_dir(trial, attempt) / "events.jsonl")
    try:
        with boundary(Cause.HARNESS, "events.jsonl"):
            return {call.step: call for call in transcript(events, complete=False).calls}
    except Failure:
        return {}


def _grade(grade: Grade, sentences: bool, calls: Mapping[int, ToolCall]) -> Iterator[str]:
    counts = Counter(str(check.outcome) for check in grade.checks)
    yield "  " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    for check in grade.checks:
        if check.outcome not in (Outcome.FAIL, Outcome.UNKNOWN):
            continue
        severity = heaviest(check)
        weight = f" ({severity})" if severity is not None and check.outcome is Outcome.FAIL else ""
        yield _indented(2, f"{check.outcome} {check.id}{weight} {check.reason}", 400)
        if sentences:
            yield _indented(4, f"demand: {check.facts.get('demand') or check.facts.get('section') or 'not told'}", 400)
        for finding in check.findings:
            yield _finding(finding)
            call = calls.get(finding.place.step or 0)
            if call is not None:
                yield _indented(6, f"call: {_command(call)}", 400)


def _finding(finding: Finding) -> str:
    quote = f" | {finding.quote}" if finding.quote else ""
    return _indented(4, f"{finding.place}: {finding.message}{quote}", 400)


def _command(call: ToolCall) -> str:
    """What was called: a shell line as it was typed, anything else by its input."""
    command = call.input.get("command")
    told = command if isinstance(command, str) else json.dumps(call.input, ensure_ascii=False)
    return f"{call.name} {told}"


def _indented(columns: int, text: str, limit: int = 200) -> str:
    return " " * columns + one_line(text, limit)


def _heading(title: str) -> Iterator[str]:
    yield ""
    yield one_line(f"== {title} ==")
