"""`harness proof`: shows that a task's checks are strong, and keeps what it found beside the task.

`harness check` plays whole agents; here most deliveries are put straight onto the stand, because all that is asked is
what the hidden checks say of them, and there are a hundred. What a record already holds for the digests of now is not
run again, down to the single mutant.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness import compose, verbs
from harness.core import plugins
from harness.core.delivery import Delivery
from harness.core.errors import Cause, Failure, UsageError, boundary
from harness.core.ports import Case, Grader, Lab
from harness.core.records import Evidence, Grade, Outcome, Transcript, Tree
from harness.core.scores import clause_score, clause_shares
from harness.load.prompts import Prompt
from harness.load.scaffold import scaffold
from harness.load.tasks import Bundle, Files, find_tasks
from harness.prove import mutants as mutating
from harness.prove.mutants import Mutant
from harness.prove.mutation import Answer, Mutation, Played, play
from harness.prove.record import (
    OPERATORS,
    RECORD,
    SAMPLE,
    Checked,
    Facts,
    Flakes,
    Partial,
    ProofRecord,
    Score,
    equivalents,
    read_record,
    record_bytes,
    stale,
)
from harness.prove.said import BEGIN, put_in, shortcomings, table, text
from harness.report.progress import Progress
from harness.run.check import rotation
from harness.store.layout import write_atomic

OK, OFF = 0, 1
REPEATS = 20
"""Grades of the reference, each with another seed."""
REFERENCES = 5
README = "README.md"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prover:
    """One task with what its deliveries are put on."""

    bundle: Bundle
    prompt: Prompt
    choice: compose.Choice
    lab: Lab
    keys: Mapping[str, str]
    mutants: int
    """Viable ones that the sample has."""
    progress: Progress
    heard: Say

    def case(self, delivery: Delivery, seed: str) -> Case:
        """A delivery as graders get it, without an agent's doings."""
        kept = {path: given for path, given in self.bundle.seed.items() if path not in delivery.deleted}
        final = _tree({**kept, **{path: (content, False) for path, content in delivery.files.items()}})
        evidence = Evidence(Transcript(), "", _tree(self.bundle.seed), final, None, None)
        return Case(self.bundle.task, evidence, lab=self.lab, seed=seed)

    def grade(self, delivery: Delivery, seed: str, grader: Grader) -> Grade:
        """What a grader that runs deliveries says of one; a sandbox that fails is tried once more."""
        try:
            return self._grade(delivery, seed, grader)
        except Failure as failure:
            if failure.cause is not Cause.SANDBOX:
                raise
            return self._grade(delivery, seed, grader)

    def _grade(self, delivery: Delivery, seed: str, grader: Grader) -> Grade:
        with boundary(Cause.GRADER, "proof"):
            return grader.grade(self.case(delivery, seed))

    def all_mutants(self, paths: Collection[str] | None = None) -> list[Mutant]:
        """Every mutant of the reference (of the files `paths`), in the order of the sample."""
        seed = {path: content for path, (content, _) in self.bundle.seed.items()}
        given = self.bundle.solution.files
        files = given if paths is None else {path: given[path] for path in paths if path in given}
        found = mutating.mutants(seed, files, self.bundle.task.file.app.package)
        return mutating.in_order(found, SAMPLE)

    def fate(self, mutant: Mutant, first: Sequence[str]) -> Answer:
        """What becomes of a mutant on the stand."""
        whole = self.bundle.solution
        delivery = replace(whole, files={**whole.files, mutant.path: mutant.content})
        answer = _answer(self.grade(delivery, mutant.id, compose.first_failure(first)))
        self.heard(f"{self.bundle.task.id}: {mutant.path}:{mutant.line} {answer.fate} {answer.by}")
        return answer


def proof(parsed: argparse.Namespace) -> int:
    """`harness proof`: 0, or 1 where a task is not proven strong."""
    for part in parsed.parts:
        if part not in PARTS:
            raise UsageError(plugins.unknown("part of a record", part, PARTS), where="--parts")
    choice = compose.Choice(tasks=(*((parsed.task,) if parsed.task else ()), *parsed.tasks), jobs=parsed.jobs)
    provers = _provers(choice, parsed, Progress(sys.stderr))
    if parsed.replay:
        proven = [replay(prover, parsed.replay) for prover in provers]
    else:
        proven = [_proven(prover, parsed.parts or tuple(PARTS)) for prover in provers]
        for folder in {prover.bundle.task.root.parent for prover in provers}:
            _retell(folder)
    return OK if all(proven) else OFF


def _retell(tasks: Path) -> None:
    """Renew the table in the README of a folder of tasks, where it has one."""
    path = tasks / README
    if path.is_file() and BEGIN in (said := path.read_text(encoding="utf-8")):
        write_atomic(path, put_in(said, table_of(tasks)).encode())


def table_of(tasks: Path) -> str:
    """The table of all tasks in a folder, from their records."""
    roots = find_tasks(tasks)
    return table((read_record(roots[name], name), equivalents(roots[name])) for name in sorted(roots))


def _facts(bundle: Bundle) -> Facts:
    texts = {path: content.decode("utf-8", "replace") for path, content in bundle.solution.files.items()}
    seed = {path: content.decode("utf-8", "replace") for path, (content, _) in bundle.seed.items()}
    return Facts(
        tags=bundle.task.file.tags,
        seed_files=sum(not path.startswith(".claude/") for path in bundle.seed),
        reference_lines=sum(len(mutating.added_lines(seed.get(path, ""), text)) for path, text in texts.items()),
        clauses=len(bundle.task.clauses),
        checks=len(bundle.tests),
    )


def new_task(parsed: argparse.Namespace) -> int:
    """`harness new task`."""
    root = scaffold(parsed.tasks or compose.TASKS, parsed.name)
    named = root if parsed.tasks else parsed.name
    print(f"wrote {root}\n  next: `harness check {named}` names what is left to fill in, and then proves it")
    return OK


def _provers(choice: compose.Choice, parsed: argparse.Namespace, progress: Progress) -> list[Prover]:
    prompt, bundles = compose.chosen(choice)
    store = compose.make_store(choice, progress.say)
    keys = {each.task.id: compose.proof_keys(each, store.digest(each.task.file.toolchain)) for each in bundles}
    left = {each.task.id: stale(read_record(each.task.root, each.task.id), keys[each.task.id]) for each in bundles}
    bundles = verbs.due(bundles, left, parsed.due, datetime.now(UTC).toordinal())
    names = {bundle.task.file.toolchain for bundle in bundles}
    labs = {name: compose.make_lab(choice, store, name, progress.say) for name in names}
    heard = progress.say if parsed.verbose else _unheard
    return [
        Prover(
            bundle,
            prompt,
            choice,
            labs[bundle.task.file.toolchain],
            keys[bundle.task.id],
            parsed.mutants,
            progress,
            heard,
        )
        for bundle in bundles
    ]


def _proven(prover: Prover, parts: Sequence[str]) -> bool:
    root, task = prover.bundle.task.root, prover.bundle.task.id
    record = read_record(root, task).model_copy(update={"facts": _facts(prover.bundle)})
    for part in parts:
        prover.progress.say(f"proof {task}: {part}")
        record = PARTS[part](prover, record)
        _keep(prover, record)
    listed = equivalents(root)
    off = shortcomings(record, listed, prover.keys)
    print(text(record, listed, off))
    return not off


def _keep(prover: Prover, record: ProofRecord) -> None:
    write_atomic(prover.bundle.task.root / RECORD, record_bytes(record))


# --- parts -------------------------------------------------------------------------------------------------------


def _checked(prover: Prover, record: ProofRecord) -> ProofRecord:
    digest = prover.keys["checked"]
    if record.checked is not None and record.checked.digest == digest:
        return record
    bundle = prover.bundle
    found = verbs.check_one(prover.choice, prover.prompt, bundle, sorted(bundle.flaws), REFERENCES, prover.progress)
    if not found.ok:
        print(found.text())
    part = Checked(
        digest=digest,
        ok=found.ok,
        checks=found.checks,
        clauses=found.clauses,
        floor=round(found.floor, 4),
        deliveries=len(found.lines),
    )
    return record.model_copy(update={"checked": part})


def _mutation(prover: Prover, record: ProofRecord) -> ProofRecord:
    """The mutants of the record where they are those of now, else played, from where an earlier run stopped."""
    before, digest = record.mutation, prover.keys["mutation"]
    same = before is not None and before.digest == digest
    wanted = max(prover.mutants, before.wanted if before is not None and same else 0)
    if before is not None and same and before.model_copy(update={"wanted": wanted}).complete:
        return record
    ordered = prover.all_mutants()
    empty = Mutation(digest=digest, operators=OPERATORS, seed=SAMPLE, wanted=wanted, candidates=len(ordered))
    start = empty.model_copy(update={"played": before.played}) if before is not None and same else empty

    def keep(part: Mutation) -> None:
        _keep(prover, record.model_copy(update={"mutation": part}))

    hints = before.played if before is not None else ()
    found = play(start, ordered, prover.fate, workers=prover.choice.jobs, hints=hints, kept=keep)
    return record.model_copy(update={"mutation": found})


def _partial(prover: Prover, record: ProofRecord) -> ProofRecord:
    digest = prover.keys["partial"]
    if record.partial is not None and record.partial.digest == digest:
        return record
    clauses = [clause.id for clause in prover.bundle.task.clauses]
    grader = compose.graders()["tests_passing"]

    def shares(delivery: Delivery) -> dict[str, float]:
        return clause_shares(clauses, prover.grade(delivery, "partial", grader))

    deliveries = compose.partly(prover.bundle)
    with ThreadPoolExecutor(prover.choice.jobs) as pool:
        found = dict(zip(deliveries, pool.map(shares, deliveries.values()), strict=True))
    scores = {name: _score(given, found["noop"]) for name, given in found.items()}
    return record.model_copy(update={"partial": Partial(digest=digest, scores=scores)})


def _score(shares: Mapping[str, float], floors: Mapping[str, float]) -> Score:
    whole = sum(share == 1 for share in shares.values()) / len(shares)
    rounded = {clause: round(share, 4) for clause, share in shares.items()}
    return Score(clauses=rounded, mean=round(clause_score(shares, floors) or 0.0, 4), whole=round(whole, 4))


def _flakes(prover: Prover, record: ProofRecord) -> ProofRecord:
    digest = prover.keys["flakes"]
    if record.flakes is not None and record.flakes.digest == digest:
        return record
    grader = compose.graders()["tests_passing"]

    def outcomes(number: int) -> dict[str, str]:
        grade = prover.grade(prover.bundle.solution, f"repeat {number}", grader)
        return {check.id: check.outcome.value for check in grade.checks}

    with ThreadPoolExecutor(prover.choice.jobs) as pool:
        found = list(pool.map(outcomes, range(1, REPEATS + 1)))
    flakes = [
        f"{number} {check} {outcome}"
        for number, given in enumerate(found, 1)
        for check, outcome in sorted(given.items())
        if outcome != Outcome.PASS
    ]
    answers = sum(len(given) for given in found)
    part = Flakes(digest=digest, repeats=REPEATS, answers=answers, flakes=tuple(flakes))
    return record.model_copy(update={"flakes": part})


PARTS: Mapping[str, Callable[[Prover, ProofRecord], ProofRecord]] = {
    "mutation": _mutation,
    "partial": _partial,
    "flakes": _flakes,
    "checked": _checked,
}
"""In the order in which they are made: the longest part last."""


# --- replay ------------------------------------------------------------------------------------------------------


def replay(prover: Prover, count: int) -> bool:
    """Whether `count` mutants that the record calls killed still are; others each day."""
    task = prover.bundle.task
    part = read_record(task.root, task.id).mutation
    if part is None:
        print(f"task {task.id}: no mutants on record yet, `harness proof {task.id}` makes one")
        return True
    killed = {one.id: one for one in part.played if one.fate == "killed"}
    chosen = rotation(killed, count, datetime.now(UTC).toordinal())
    now = {mutant.id: mutant for mutant in prover.all_mutants(frozenset(killed[name].path for name in chosen))}
    left = [name for name in chosen if name in now]
    with ThreadPoolExecutor(prover.choice.jobs) as pool:
        answers = list(pool.map(lambda name: prover.fate(now[name], (killed[name].by,)), left))
    pairs = zip(left, answers, strict=True)
    off = [_escaped(killed[name], answer) for name, answer in pairs if answer.fate != "killed"]
    off += [] if left else ["  OFF  none of the killed mutants on record is one of now"]
    print("\n".join([f"task {task.id}: {len(left)} killed mutants of the record played again", *off]))
    return not off


def _escaped(before: Played, now: Answer) -> str:
    change = f"{before.path}:{before.line} {before.before}  =>  {before.after}"
    return f"  OFF  {before.id} {change}: was killed by {before.by}, now {now.fate} {now.by}".rstrip()


def _answer(grade: Grade) -> Answer:
    if not grade.checks:
        stage = next((check.id for check in grade.advisory if check.outcome is Outcome.FAIL), "nothing ran")
        return Answer("unviable", stage)
    failed = next((check for check in grade.checks if check.outcome is not Outcome.PASS), None)
    return Answer("killed", failed.id, failed.reason) if failed is not None else Answer("survived")


def _tree(files: Files) -> Tree:
    plain = Tree.of({path: content for path, (content, _) in files.items()})
    entries = {path: entry.model_copy(update={"executable": files[path][1]}) for path, entry in plain.entries.items()}
    return Tree(entries, plain.blob)


def _unheard(text: str) -> None:
    """Nobody follows."""
