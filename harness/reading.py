"""What the commands do that read stored runs: compare, diff, gate, look, dispute, export. No agent is run here."""

from __future__ import annotations

import argparse
import getpass
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from harness.core.errors import UsageError
from harness.core.records import Grade
from harness.core.runs import Arm
from harness.core.scores import TrialResult
from harness.core.transcript import transcript
from harness.report import compare as comparing
from harness.report import comparetext, views
from harness.report import gate as gating
from harness.report.compare import Side
from harness.report.demands import Demand, demanded_differently
from harness.report.diff import diff as told_diff
from harness.report.text import code_span, one_line
from harness.store import journal, overrides
from harness.store.evidence import load_grade, load_grades
from harness.store.layout import json_bytes, named, write_atomic
from harness.store.overrides import Override
from harness.stored import RESULTS, Stored, of_every_run, results_folder, stored, warn

OK = 0
RULES = "rule_violations"


# --- compare -----------------------------------------------------------------------------------------------------


def compare(parsed: argparse.Namespace) -> int:
    """`harness compare A B`; 3 where too little could be judged to say anything."""
    open_runs: dict[str | None, Stored] = {}
    (run_a, arm_a), (run_b, arm_b) = (_named(parsed, name, open_runs) for name in (parsed.a, parsed.b))
    floors = {**run_a.floors, **run_b.floors}
    a, b = (replace(run.side(arm), floors=floors) for run, arm in ((run_a, arm_a), (run_b, arm_b)))
    found = comparing.compare(a, b, question=parsed.question, anyway=parsed.anyway)
    beside = comparetext.Beside(
        rules=parsed.rules,
        clauses=parsed.clauses,
        demands=_demands(run_a, arm_a, run_b, arm_b),
        told=_told(run_a, a.valid, {change.rule for change in found.rules}),
        overrides=tuple(dict.fromkeys((*run_a.used_by(a.results), *run_b.used_by(b.results)))),
    )
    print(comparetext.render(found, parsed.format, beside))
    return OK if a.covered and b.covered else gating.INVALID_RUN


def _named(parsed: argparse.Namespace, name: str, open_runs: dict[str | None, Stored]) -> tuple[Stored, Arm]:
    """`ARM` of the run that was asked for, `RUN:ARM`, or a `RUN` with one arm."""
    run, colon, arm = name.partition(":")
    known = named(results_folder(parsed))
    if colon and run in known:
        opened = _opened(parsed, run, open_runs)
        return opened, opened.arm(arm)
    default = _opened(parsed, parsed.run, open_runs)
    if name in known and name not in {arm.name for arm in default.folder.manifest.arms}:
        opened = _opened(parsed, name, open_runs)
        return opened, opened.arm(None)
    return default, default.arm(name)


def _opened(parsed: argparse.Namespace, name: str | None, open_runs: dict[str | None, Stored]) -> Stored:
    """Each run is read once, however often it is named."""
    if name not in open_runs:
        open_runs[name] = stored(parsed, name)
    return open_runs[name]


def _demands(run_a: Stored, a: Arm, run_b: Stored, b: Arm) -> tuple[tuple[Demand, ...], tuple[Demand, ...]]:
    if a.prompt_digest == b.prompt_digest:
        return (), ()
    from harness import compose
    from harness.load.prompts import load_prompt

    mine, theirs = compose.kept_prompt(run_a.folder, a), compose.kept_prompt(run_b.folder, b)
    if not mine.is_file() or not theirs.is_file():
        return (), ()
    return demanded_differently(load_prompt(mine).body, load_prompt(theirs).body)


def _told(run: Stored, valid: Iterable[TrialResult], rules: set[str]) -> Mapping[str, str]:
    """Rule -> where the prompt demands it, from one trial that was graded."""
    for result in valid:
        grade = load_grade(run.folder, result.planned.trial, result.attempts[-1].attempt, RULES)
        if grade is not None:
            checks = [check for check in grade.checks if check.id in rules]
            return {check.id: f"{check.facts.get('section', '')}: {check.facts.get('demand', '')}" for check in checks}
    return {}


def diff(parsed: argparse.Namespace) -> int:
    """`harness diff TRIAL TRIAL`."""
    found = [_trial(parsed, name) for name in parsed.trials]
    transcripts = []
    for run, result in found:
        last = result.attempt
        if last is None:
            raise UsageError(f"trial {result.planned.trial} has not been run yet", where=str(run.folder.root))
        path = run.folder.attempt_dir(result.planned.trial, last.attempt) / "events.jsonl"
        events, damages = journal.read_events(path)
        for damage in damages:
            warn(damage)
        transcripts.append(transcript(events, complete=not damages))
    names = [f"{result.planned.trial[:8]} {result.planned.arm} #{result.planned.repeat}" for _, result in found]
    print(told_diff([result for _, result in found], transcripts, names))
    for run, result in found:
        print("".join(f"override: {line}\n" for line in run.used_by([result])), end="")
    return OK


def _trial(parsed: argparse.Namespace, name: str) -> tuple[Stored, TrialResult]:
    run, colon, trial = name.rpartition(":")
    opened = stored(parsed, run if colon else parsed.run)
    return opened, opened.find(trial)


# --- gate --------------------------------------------------------------------------------------------------------


def gate(parsed: argparse.Namespace) -> int:
    """`harness gate`: 0, 1 for a regression, 3 for an invalid run."""
    baseline = gating.load_baseline(parsed.baseline)
    run = stored(parsed, parsed.against)
    names = {arm.name for arm in run.folder.manifest.arms}
    side = run.side(run.arm(parsed.arm or (baseline.arm.name if baseline.arm.name in names else None)))
    found = gating.gate(baseline, side, rules=parsed.rules, anyway=parsed.anyway)
    used = run.used_by(side.results)
    if parsed.format == "json":
        print(json.dumps(gating.as_json(found, used), indent=2, ensure_ascii=False))
    else:
        print(gating.text(found, used))
    return found.code


def baseline(parsed: argparse.Namespace) -> int:
    """`harness baseline save`."""
    run = stored(parsed, parsed.run)
    side = run.side(run.arm(parsed.arm))
    made = gating.baseline_of(side, run.used_by(side.results))
    path = parsed.out or RESULTS / "baselines" / f"{side.arm.name}.json"
    write_atomic(path, json.dumps(json.loads(json_bytes(made)), indent=1, ensure_ascii=False).encode() + b"\n")
    print(f"{path}: {len(side.valid)} trials of {side.arm.name} on {len(made.tasks)} tasks; commit it")
    return OK


# --- views -------------------------------------------------------------------------------------------------------


def reliability(parsed: argparse.Namespace) -> int:
    """`harness reliability`."""
    sides, used = _sides(parsed, every=False)
    print(views.render(views.reliability(sides, used), parsed.format))
    return OK


def front(parsed: argparse.Namespace) -> int:
    """`harness front`."""
    sides, used = _sides(parsed, every=False)
    print(views.render(views.worth(sides, used), parsed.format))
    return OK


def history(parsed: argparse.Namespace) -> int:
    """`harness history`."""
    sides, used = _sides(parsed, every=True)
    print(views.render(views.history(sides, used), parsed.format))
    return OK


def _sides(parsed: argparse.Namespace, *, every: bool) -> tuple[list[Side], list[str]]:
    """All arms of the runs that were named, or of the newest one, or of every one."""
    if every and not parsed.runs:
        found = of_every_run(parsed, _sides_of)
    else:
        found = [_sides_of(stored(parsed, name)) for name in parsed.runs or [None]]
    return [side for sides, _ in found for side in sides], [line for _, used in found for line in used]


def _sides_of(run: Stored) -> tuple[list[Side], tuple[str, ...]]:
    return [run.side(arm) for arm in run.folder.manifest.arms], run.used_by(run.results)


# --- overrides ---------------------------------------------------------------------------------------------------


def override(parsed: argparse.Namespace) -> int:
    """`harness override`: dispute a finding, or tell what was disputed."""
    run = stored(parsed, parsed.run)
    if parsed.trial is None:
        for made in overrides.read(run.folder):
            print(one_line(str(made), 500))
        return OK
    if parsed.check is None or parsed.answer is None:
        raise UsageError("say which check and what holds", mend="harness override TRIAL CHECK --as pass --why '...'")
    result = run.find(parsed.trial)
    if not result.validity.valid or result.attempt is None:
        raise UsageError(f"trial {result.planned.trial} is {result.validity}: nothing was judged")
    trial, attempt = result.planned.trial, result.attempt.attempt
    made = Override(
        trial=trial,
        attempt=attempt,
        check=parsed.check,
        before=overrides.outcome(run.folder, trial, attempt, parsed.check),
        answer=None if parsed.answer == "withdrawn" else parsed.answer,
        why=parsed.why,
        who=parsed.by or _whoever(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    overrides.add(run.folder, made)
    print(one_line(str(made), 500))
    after = Stored(run.folder).find(trial)
    print(f"accepted: {'yes' if result.accepted else 'no'} -> {'yes' if after.accepted else 'no'}")
    return OK


def _whoever() -> str:
    """The name of the person, or their number: in a container a user often has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


# --- export ------------------------------------------------------------------------------------------------------


def export(parsed: argparse.Namespace) -> int:
    """`harness export`: the form that was asked for, to a file or to standard output."""
    run = stored(parsed, parsed.run)
    forms = {"junit": _junit, "csv": _csv, "summary": _summary}
    made = forms[parsed.form](run)
    if parsed.out:
        write_atomic(parsed.out, made.encode())
    else:
        print(made, end="")
    return OK


def _disputes(run: Stored) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for made in run.disputed:
        found.setdefault(made.trial, []).append(str(made))
    return found


def _junit(run: Stored) -> str:
    from harness.export.junit import junit

    def grades(result: TrialResult) -> dict[str, Grade]:
        attempt = result.attempts[-1].attempt
        found = load_grades(run.folder, result.planned.trial, attempt)
        return overrides.disputed(found, result.planned.trial, attempt, run.disputed)

    return junit(run.folder.manifest, run.results, grades, _disputes(run))


def _csv(run: Stored) -> str:
    from harness.export.csv import tidy

    return tidy(run.folder.manifest, run.results, _disputes(run))


def _summary(run: Stored) -> str:
    from harness.export.summary import summary
    from harness.report import tables

    table = tables.summarise(run.folder.manifest, run.lines, overrides=run.disputed)
    return summary(f"Run {code_span(run.folder.manifest.run)}", [tables.render(table, "markdown")])
