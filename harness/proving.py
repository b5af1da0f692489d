"""`harness proof`: shows that a task's checks are strong, and keeps what it found beside the task.

`harness check` plays whole agents; here deliveries are put straight onto the stand, because all that is asked is what
the hidden checks say of them, and there are a hundred. What a record already holds for the digests of now is not run
again, down to the single mutant.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from harness import compose
from harness.core.delivery import Delivery
from harness.core.digest import folder_digest, sha256
from harness.core.errors import Cause, UsageError, boundary
from harness.core.ports import Case, Lab
from harness.core.records import Evidence, Grade, Outcome, Transcript, Tree
from harness.load.tasks import Bundle, Files
from harness.prove import mutants as mutating
from harness.prove.mutants import Mutant
from harness.prove.mutation import Answer, Mutation, Played, play
from harness.prove.record import RECORD, ProofRecord, equivalents, key, read_record, record_bytes
from harness.report.progress import Progress
from harness.run.check import rotation
from harness.store.layout import write_atomic

OK, OFF = 0, 1
SEED = "1"
"""Of the sample of mutants; another one is another sample."""
KILLED = 0.85
"""Share of the mutants that the checks have to kill."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prover:
    """One task with the lab that its deliveries are put on."""

    bundle: Bundle
    lab: Lab
    toolchain_digest: str
    say: Say

    @cached_property
    def subject(self) -> tuple[str, ...]:
        """Digests that every part of a record depends on."""
        task = self.bundle.task
        return task.digest, folder_digest(task.root / "solution"), compose.verdict_digest(), self.toolchain_digest

    def case(self, delivery: Delivery, seed: str) -> Case:
        """A delivery as graders get it, without an agent's doings."""
        kept = {path: given for path, given in self.bundle.seed.items() if path not in delivery.deleted}
        final = _tree({**kept, **{path: (content, False) for path, content in delivery.files.items()}})
        evidence = Evidence(Transcript(), "", _tree(self.bundle.seed), final, None, None)
        return Case(self.bundle.task, evidence, lab=self.lab, seed=seed)

    def mutants(self) -> list[Mutant]:
        """Every mutant of the reference, in the order of the sample."""
        seed = {path: content for path, (content, _) in self.bundle.seed.items()}
        found = mutating.mutants(seed, self.bundle.solution.files, self.bundle.task.file.app.package)
        return mutating.in_order(found, SEED)

    def fate(self, mutant: Mutant, first: Sequence[str]) -> Answer:
        """Put a mutant on the stand; `Failure` where judging went wrong."""
        whole = self.bundle.solution
        delivery = replace(whole, files={**whole.files, mutant.path: mutant.content})
        with boundary(Cause.GRADER, "first_failure"):
            grade = compose.first_failure(first).grade(self.case(delivery, mutant.id))
        answer = _answer(grade)
        self.say(f"{self.bundle.task.id}: {mutant.path}:{mutant.line} {answer.fate} {answer.by}")
        return answer


def proof(parsed: argparse.Namespace) -> int:
    """`harness proof`: 0, or 1 when something is off."""
    choice = compose.Choice(tasks=(*((parsed.task,) if parsed.task else ()), *parsed.tasks), jobs=parsed.jobs)
    _, bundles = compose.chosen(choice)
    progress = Progress(sys.stderr)
    store = compose.make_store(choice, progress.say)
    names = {bundle.task.file.toolchain for bundle in bundles}
    labs = {name: compose.make_lab(choice, store, name, progress.say) for name in names}
    heard = progress.say if parsed.verbose else _unheard
    results = []
    for bundle in bundles:
        toolchain = bundle.task.file.toolchain
        prover = Prover(bundle, labs[toolchain], store.digest(toolchain), heard)
        results.append(replay(prover, parsed.replay) if parsed.replay else _prove(prover, parsed, progress.say))
    return OK if all(results) else OFF


def _prove(prover: Prover, parsed: argparse.Namespace, say: Say) -> bool:
    root, task = prover.bundle.task.root, prover.bundle.task.id
    record = read_record(root, task)
    say(f"proof {task}: mutants")
    found = mutation(prover, record, parsed.mutants, parsed.jobs, lambda part: _keep(prover, record, part))
    listed = equivalents(root)
    print(_mutation_text(task, found, listed))
    score = found.score(listed)
    return score is not None and score >= KILLED


def _keep(prover: Prover, record: ProofRecord, part: Mutation) -> None:
    kept = record.model_copy(update={"mutation": part})
    write_atomic(prover.bundle.task.root / RECORD, record_bytes(kept))


def mutation_key(prover: Prover, wanted: int) -> str:
    """Digest of all that decides the mutants' fates."""
    code = sha256((compose.ROOT / "harness" / "prove" / "mutants.py").read_bytes())
    return key("mutation", *prover.subject, mutating.OPERATORS, code, SEED, wanted)


def mutation(prover: Prover, record: ProofRecord, wanted: int, jobs: int, keep: Callable[[Mutation], None]) -> Mutation:
    """The mutants of the record where they are those of now, else played, from where an earlier run stopped."""
    before, digest = record.mutation, mutation_key(prover, wanted)
    same = before is not None and before.digest == digest
    if before is not None and same and before.complete:
        return before
    ordered = prover.mutants()
    empty = Mutation(digest=digest, operators=mutating.OPERATORS, seed=SEED, wanted=wanted, candidates=len(ordered))
    hints = before.played if before is not None else ()
    start = before if before is not None and same else empty
    return play(start, ordered, prover.fate, workers=jobs, hints=hints, kept=keep)


def replay(prover: Prover, count: int) -> bool:
    """Whether `count` mutants that the record calls killed still are; others each day."""
    task = prover.bundle.task
    record = read_record(task.root, task.id)
    if record.mutation is None:
        raise UsageError("no mutants on record", where=str(task.root / RECORD), mend=f"run `harness proof {task.id}`")
    killed = {one.id: one for one in record.mutation.played if one.fate == "killed"}
    chosen = rotation(killed, count, datetime.now(UTC).toordinal())
    now = {mutant.id: mutant for mutant in prover.mutants()}
    off = [said for name in chosen if (said := _replayed(prover, killed[name], now.get(name)))]
    print("\n".join([f"task {task.id}: {len(chosen)} killed mutants of the record replayed", *off]))
    return not off


def _replayed(prover: Prover, before: Played, mutant: Mutant | None) -> str:
    """What is off, empty where nothing is; a mutant of code that is no longer there tells nothing."""
    if mutant is None:
        return ""
    answer = prover.fate(mutant, (before.by,))
    return (
        ""
        if answer.fate == "killed"
        else f"  OFF  {_mutant_text(before)}: was killed by {before.by}, now {answer.fate}"
    )


def _answer(grade: Grade) -> Answer:
    if not grade.checks:
        stage = next((check.id for check in grade.advisory if check.outcome is Outcome.FAIL), "nothing ran")
        return Answer("unviable", stage)
    failed = next((check for check in grade.checks if check.outcome is not Outcome.PASS), None)
    return Answer("killed", failed.id, failed.reason) if failed is not None else Answer("survived")


def _mutation_text(task: str, found: Mutation, listed: dict[str, str]) -> str:
    viable = len(found.viable)
    killed = sum(one.fate == "killed" for one in found.viable)
    left = found.survivors(listed)
    same = viable - killed - len(left)
    score = found.score(listed)
    head = f"task {task}: {viable} viable mutants of {len(found.played)} played ({found.candidates} there are), "
    head += f"{killed} killed, {same} the same program, {len(left)} survive: score {score or 0:.2f}"
    return "\n".join([head, *(f"  survives  {_mutant_text(one)}" for one in left)])


def _mutant_text(one: Played) -> str:
    return f"{one.id} {one.path}:{one.line} {one.before}  =>  {one.after}"


def _tree(files: Files) -> Tree:
    plain = Tree.of({path: content for path, (content, _) in files.items()})
    entries = {path: entry.model_copy(update={"executable": files[path][1]}) for path, entry in plain.entries.items()}
    return Tree(entries, plain.blob)


def _unheard(text: str) -> None:
    """Nobody follows."""
