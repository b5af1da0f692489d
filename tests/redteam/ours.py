"""The cases through the whole harness: players on the wire, the gateway with a key, sandboxes, graders, the store.

One run with an arm for each case, as `harness check` does it for a task's own deliveries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import compose
from harness.core.ports import Grader, Lab
from harness.core.records import Evidence, Grade, Outcome, Phase
from harness.core.runs import Arm, JournalLine
from harness.core.scores import TrialResult, clause_score, rule_counts, trial_results
from harness.gateway.serve import Upstream
from harness.load.tasks import Bundle, load_task
from harness.models.script import Turn
from harness.run.plan import Action, Owed
from harness.run.pool import Pool
from harness.run.session import Session
from harness.run.solve import Door, Trial, solve
from harness.sandboxes.lab import SandboxLab
from harness.store import journal
from harness.store.evidence import load_evidence, load_grades
from harness.store.layout import RunFolder

TASK = "bookings-crud"


@dataclass(frozen=True)
class Judged:
    """What ours made of one arm."""

    result: TrialResult
    evidence: Evidence | None
    grades: Mapping[str, Grade]

    @property
    def passed(self) -> int:
        """Fail-to-pass checks that passed."""
        return self._count(Phase.FAIL_TO_PASS, passed=True)

    @property
    def kept(self) -> int:
        """Pass-to-pass checks that passed."""
        return self._count(Phase.PASS_TO_PASS, passed=True)

    @property
    def all(self) -> int:
        """Hidden checks that there are."""
        return sum(self._count(phase, passed=False) for phase in Phase)

    def _count(self, phase: Phase, *, passed: bool) -> int:
        tests = self.grades.get("tests_passing")
        checks = [check for check in tests.checks if check.phase is phase] if tests else []
        return sum(check.outcome is Outcome.PASS for check in checks) if passed else len(checks)

    @property
    def stage(self) -> str:
        """The stage that failed, empty where all came to pass."""
        tests = self.grades.get("tests_passing")
        failed = [check for check in tests.advisory if check.id.startswith("stage:")] if tests else []
        return next((check.id.partition(":")[2] for check in failed if check.outcome is Outcome.FAIL), "")

    def components(self) -> dict[str, float]:
        """Everything that a score could gain in: answers, checks, the table's columns, and what these are means of.

        Of each clause the share of its fail-to-pass checks, of each rule that was decided the share of opportunities.
        """
        verdict = self.result.verdict
        answers = {
            name: float(getattr(verdict, name)) if verdict is not None else 0.0
            for name in ("accepted", "solved", "truthful", "obeyed", "clean")
        }
        rules = rule_counts(verdict.rules) if verdict is not None else {}
        clauses = verdict.clauses if verdict is not None else {}
        kept, weighed = verdict.obedience if verdict is not None else (0, 0)
        return {
            **answers,
            "clause_score": clause_score(clauses, {}) or 0.0,
            "obedience": kept / weighed if weighed else 0.0,
            **{f"clause {name}": share for name, share in clauses.items()},
            "fail-to-pass checks": self.passed,
            "pass-to-pass checks": self.kept,
            **{f"rule {name}": round(kept / every, 4) for name, (kept, every) in rules.items() if every},
        }

    @property
    def failed(self) -> frozenset[str]:
        """Ids of failed checks and rules, and the integrity flags of the evidence."""
        flags = self.evidence.flags if self.evidence is not None else ()
        verdict = self.result.verdict
        return frozenset((*(verdict.failed if verdict is not None else ()), *flags))


@dataclass(frozen=True)
class Played:
    """A finished run."""

    folder: RunFolder
    arms: Mapping[str, Judged]


def bundle_of(tasks: Path) -> Bundle:
    """The task that the red team plays on."""
    return load_task(tasks / TASK)


def play(
    scripts: Mapping[str, Callable[[Bundle], Sequence[Turn]]],
    *,
    tasks: Path,
    results: Path,
    sandbox: str = "auto",
    jobs: int = 2,
    key: str = "",
    say: Callable[[str], None] = lambda _: None,
    lab: Callable[[SandboxLab], Lab] = lambda lab: lab,
    graders: Callable[[Mapping[str, Grader]], Mapping[str, Grader]] = lambda graders: graders,
    judge: bool = True,
) -> Played:
    """Run every script as an arm of its own, and judge it where asked.

    `lab` and `graders` may put weakened ones in the place of the real ones.
    """
    choice = compose.Choice(tasks=[TASK], tasks_root=tasks, results=results, name="redteam", sandbox=sandbox, jobs=jobs)
    prompt, bundles = compose.chosen(choice)
    base = compose.player_arm("oracle", prompt, bundles)
    arms = [base.model_copy(update={"name": name, "digest": f"{base.digest}:{name}"}) for name in scripts]

    def script(bundle: Bundle, arm: Arm) -> Sequence[Turn]:
        return scripts[arm.name](bundle)

    with compose.workshop(choice, arms, bundles, prompt, say, script) as workshop:
        used = next(iter(workshop.labs.values()))
        workshop = replace(workshop, labs={name: lab(each) for name, each in workshop.labs.items()})  # type: ignore[misc]
        manifest = compose.manifest(choice, arms, bundles, compose.make_store(choice, say), used)
        folder = RunFolder.create(results, manifest)
        say(f"{len(arms)} trials in {used.provider.kind} sandboxes, {jobs} at a time")
        _carry_out(workshop, folder, key, say, judge, graders)
    return read(folder)


def _carry_out(
    workshop: compose.Workshop,
    folder: RunFolder,
    key: str,
    say: Callable[[str], None],
    judge: bool,
    graders: Callable[[Mapping[str, Grader]], Mapping[str, Grader]],
) -> None:
    stop = threading.Event()
    toolchain = folder.manifest.tasks[0].toolchain

    def trial(owed: Owed) -> Trial:
        return replace(workshop.trial(owed), open_door=_keyed(workshop, owed, key))

    bench = workshop.bench(toolchain)
    session = Session(folder, replace(bench, graders=graders(bench.graders)), trial, stop)

    def only_solve(owed: Owed, emit: Callable[[JournalLine], None]) -> None:
        emit(solve(trial(owed), folder, 1))

    pool: Pool[Owed, JournalLine] = Pool(session.work if judge else only_solve, workshop.choice.jobs, stop)
    names = {planned.trial: planned.arm for planned in folder.manifest.trials}
    owed = [Owed(planned, Action.RERUN, "red team", None) for planned in folder.manifest.trials]
    with folder.lock(), journal.Journal(folder.journal) as written:
        for line in pool.run(owed):
            written.append(line)
            if line.type == "verdict":
                say(f"{names[line.trial]}: {line.validity}, {line.wall_s:.0f} s")


def _keyed(workshop: compose.Workshop, owed: Owed, key: str) -> Callable[..., Door]:
    """A door to the players behind a gateway that holds a key, as for a real model."""
    arm = workshop.arms[owed.planned.arm]
    bundle = workshop.bundles[owed.planned.task]
    url = workshop.players.add(f"{arm.name}/{bundle.task.id}", workshop.script(bundle, arm))

    def open_door(task: object, arm: Arm, limits: object, deadline: object, record: object, exchanges: Path) -> Door:
        admission = workshop.gateway.admit(
            upstream=Upstream(url, key),
            model=arm.model,
            limits=limits,  # type: ignore[arg-type]
            deadline=deadline,  # type: ignore[arg-type]
            record=record,  # type: ignore[arg-type]
            exchanges=exchanges,
            name=owed.planned.trial,
        )
        return Door(
            admission.base_url,
            admission.token,
            lambda: workshop.gateway.close_admission(admission.token),
            lambda: workshop.gateway.problem(admission.token),
        )

    return open_door


def read(folder: RunFolder) -> Played:
    """A finished run from its folder."""
    lines, _ = journal.read(folder.journal)
    arms = {}
    for result in trial_results(folder.manifest, lines):
        attempt = result.attempt
        sealed = attempt is not None and bool(attempt.sealed)
        evidence = load_evidence(folder, result.planned.trial, attempt.attempt) if attempt and sealed else None
        grades = load_grades(folder, result.planned.trial, attempt.attempt) if attempt else {}
        arms[result.planned.arm] = Judged(result, evidence, grades)
    return Played(folder, arms)
