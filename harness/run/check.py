"""Proves a task: that its graders accept what is right and name what is wrong, before any agent is believed.

The proof runs through the same wire, sandboxes and graders as a model's trial: the reference delivery several times
with identical outcomes, the no-op rejected, every alternative accepted, every flaw caught by exactly what it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.core.delivery import FlawFile
from harness.core.records import Grade, Outcome, Phase, Record
from harness.core.runs import RunManifest
from harness.core.scores import TrialResult, trial_results
from harness.core.task import Task
from harness.store import journal
from harness.store.evidence import load_grades
from harness.store.layout import RunFolder

Outcomes = Mapping[str, Outcome]


class ProofLine(Record):
    """One delivery, and what is off about its grades."""

    delivery: str
    expected: str
    found: str
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems


class TaskProof(Record):
    """What `harness check` says about a task."""

    task: str
    task_digest: str
    graders_digest: str
    checks: int
    clauses: int
    floor: float
    """Share of the hidden checks that pass without any work."""
    lines: tuple[ProofLine, ...]
    problems: tuple[str, ...] = ()
    """What is off about the task itself: clauses without a check, leaks."""

    @property
    def ok(self) -> bool:
        return not self.problems and all(line.ok for line in self.lines)

    def text(self) -> str:
        """For people."""
        head = f"task {self.task}: {self.checks} hidden checks, {self.clauses} clauses, no-op floor {self.floor:.2f}"
        rows = [
            f"  {'ok ' if line.ok else 'OFF'}  {line.delivery:32} expected {line.expected}; found {line.found}"
            + "".join(f"\n         {problem}" for problem in line.problems)
            for line in self.lines
        ]
        rows += [f"  OFF  {problem}" for problem in self.problems]
        return "\n".join([head, *rows, f"  => {'proven' if self.ok else 'NOT proven'}"])


def rotation(names: Iterable[str], number: int | None, day: int) -> list[str]:
    """`number` of the names, going round by day, so that every one has its turn; all of them without a number."""
    ordered = sorted(names)
    if number is None or number >= len(ordered):
        return ordered
    start = day * number % len(ordered)
    return sorted((ordered + ordered)[start : start + number])


def variants(flaws: Iterable[str], alternatives: Iterable[str], repeats: int) -> list[str]:
    """Names of the deliveries that a proof plays."""
    names = [f"reference:{number}" for number in range(1, repeats + 1)]
    names += ["no-op:", *(f"alternative:{name}" for name in sorted(alternatives))]
    return names + [f"flaw:{name}" for name in sorted(flaws)]


def prove(
    task: Task,
    flaws: Mapping[str, FlawFile],
    seed: Mapping[str, tuple[bytes, bool]],
    hidden: Mapping[str, tuple[bytes, bool]],
    folder: RunFolder,
    graders_digest: str,
) -> TaskProof:
    """The proof in a finished run whose arms are `variants`."""
    results = _results(folder)
    grades = {arm: load_grades(folder, r.planned.trial, r.attempt.attempt) for arm, r in results.items() if r.attempt}
    outcomes = {arm: _outcomes(given) for arm, given in grades.items()}
    judged = [arm for arm, result in results.items() if result.validity.valid and arm.startswith("reference:")]
    first = outcomes[judged[0]] if judged else {}
    lines = [
        _line(arm, result, outcomes.get(arm, {}), grades.get(arm, {}), first, flaws) for arm, result in results.items()
    ]
    tests = list(grades.get("no-op:", {}).get("tests_passing", _none()).checks)
    passed = sum(check.outcome is Outcome.PASS for check in tests)
    return TaskProof(
        task=task.id,
        task_digest=task.digest,
        graders_digest=graders_digest,
        checks=len(tests),
        clauses=len(task.clauses),
        floor=passed / len(tests) if tests else 0.0,
        lines=tuple(lines),
        problems=(*_uncovered(task, tests), *leaks(seed, hidden)),
    )


def leaks(seed: Mapping[str, tuple[bytes, bool]], hidden: Mapping[str, tuple[bytes, bool]]) -> list[str]:
    """Hidden files, or names of hidden checks, that an agent could read in its workspace."""
    contents = {content for content, _ in seed.values()}
    found = [
        f"hidden file {path} stands in the seed"
        for path, (content, _) in sorted(hidden.items())
        if len(content) > 40 and content in contents
    ]
    everything = b"\n".join(sorted(contents))
    for path, (content, _) in sorted(hidden.items()):
        for line in content.splitlines():
            if line.startswith((b"def test_", b"async def test_")):
                name = line.split(b"def ", 1)[1].split(b"(", 1)[0]
                if name in everything:
                    found.append(f"hidden check {path}::{name.decode()} is named in the seed")
    return found


def _results(folder: RunFolder) -> dict[str, TrialResult]:
    manifest: RunManifest = folder.manifest
    lines, _ = journal.read(folder.journal)
    by_arm = {result.planned.arm: result for result in trial_results(manifest, lines)}
    return {arm.name: by_arm[arm.name] for arm in manifest.arms}


def _outcomes(grades: Mapping[str, Grade]) -> Outcomes:
    return {check.id: check.outcome for grade in grades.values() for check in grade.checks}


def _none() -> Grade:
    return Grade(grader="none", version="0", digest="", checks=())


def _line(
    arm: str,
    result: TrialResult,
    outcomes: Outcomes,
    grades: Mapping[str, Grade],
    reference: Outcomes,
    flaws: Mapping[str, FlawFile],
) -> ProofLine:
    kind, _, name = arm.partition(":")
    if not result.validity.valid:
        detail = f"{result.validity}: {result.validity.detail}"
        return ProofLine(delivery=arm, expected="a valid trial", found=str(result.validity), problems=(detail,))
    failed = {check for check, outcome in outcomes.items() if outcome is Outcome.FAIL}
    if kind == "no-op":
        return _no_op(arm, result, grades)
    if kind == "flaw":
        return _flaw(arm, flaws[name], failed, _unknown(outcomes))
    problems = [_told(grades, check) for check in sorted(failed)] + _unknown(outcomes)
    if kind == "reference" and outcomes != reference:
        differ = sorted(
            check for check in outcomes.keys() | reference.keys() if outcomes.get(check) != reference.get(check)
        )
        problems.append(f"not the same as in the first run: {', '.join(differ)}")
    found = "accepted" if result.accepted else "rejected"
    if not result.accepted:
        problems.insert(0, result.verdict.why_not if result.verdict else "no verdict")
    return ProofLine(delivery=arm, expected="accepted", found=found, problems=tuple(problems))


def _no_op(arm: str, result: TrialResult, grades: Mapping[str, Grade]) -> ProofLine:
    problems = ["accepted"] if result.accepted else []
    for check in grades.get("tests_passing", _none()).checks:
        if check.phase is Phase.FAIL_TO_PASS and check.outcome is Outcome.PASS:
            problems.append(f"{check.id} passes on the seed, it is no fail-to-pass check")
        if check.phase is Phase.PASS_TO_PASS and check.outcome is Outcome.FAIL:
            problems.append(f"{check.id} fails on the seed, it is no pass-to-pass check")
    found = "accepted" if result.accepted else "rejected"
    return ProofLine(delivery=arm, expected="rejected", found=found, problems=tuple(problems))


def _flaw(arm: str, flaw: FlawFile, failed: set[str], unknown: list[str]) -> ProofLine:
    named = {*flaw.checks, *flaw.rules}
    missing = sorted(named - failed)
    surplus = sorted(failed - named - set(flaw.consequences))
    problems = [f"not caught by {', '.join(missing)}"] if missing else []
    if surplus:
        problems.append(f"also failed: {', '.join(surplus)}")
    return ProofLine(
        delivery=arm,
        expected=", ".join(sorted(named)),
        found=", ".join(sorted(failed & named)) or "nothing",
        problems=(*problems, *unknown),
    )


def _unknown(outcomes: Outcomes) -> list[str]:
    names = sorted(check for check, outcome in outcomes.items() if outcome is Outcome.UNKNOWN)
    return [f"unknown: {', '.join(names)}"] if names else []


def _told(grades: Mapping[str, Grade], check_id: str) -> str:
    for grade in grades.values():
        check = grade.check(check_id)
        if check is not None and check.findings:
            finding = check.findings[0]
            return f"{check_id} failed: {finding.message} ({finding.place}) {finding.quote}"[:400]
    return f"{check_id} failed"


def _uncovered(task: Task, tests: Iterable[object]) -> list[str]:
    covered = {clause for check in tests for clause in getattr(check, "clauses", ())}
    wanted = [clause.id for clause in task.clauses if clause.id.startswith("C-")]
    return [f"clause {clause} has no hidden check" for clause in wanted if clause not in covered]
