"""What a record says: for people, what falls short of a proof, and the row of a task in the table of all tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from harness.prove.mutation import Mutation, Played
from harness.prove.record import Partial, ProofRecord, stale

KILLED = 0.85
"""Least share of the mutants that the checks kill."""
VIABLE = 80
"""Least number of viable mutants; a reference that has fewer has to have them all played."""
MOCK = 0.40
"""Most that a contract's own examples may reach."""


def shortcomings(record: ProofRecord, equivalent: Mapping[str, str], keys: Mapping[str, str]) -> list[str]:
    """What keeps a record from being a proof; empty where nothing does."""
    found = [f"{part}: missing or not of now" for part in stale(record, keys)]
    if record.mutation is not None:
        found += _of_mutants(record.mutation, equivalent)
    if record.partial is not None:
        found += _of_partial(record.partial)
    if record.flakes is not None and record.flakes.flakes:
        found.append(f"flakes: {len(record.flakes.flakes)} answers, first {record.flakes.flakes[0]}")
    if record.checked is not None and not record.checked.ok:
        found.append("checked: `harness check` finds faults")
    return found


def _of_mutants(part: Mutation, equivalent: Mapping[str, str]) -> Iterator[str]:
    score = part.score(equivalent)
    if score is None or score < KILLED:
        yield f"mutation: {score or 0:.2f} killed, {KILLED:.2f} are asked for"
    if len(part.viable) < VIABLE and len(part.played) < part.candidates:
        yield f"mutation: {len(part.viable)} viable, {VIABLE} are asked for"
    for one in part.viable:
        if one.id in equivalent and one.fate == "killed":
            yield f"mutation: {one.id} is listed as the same program and {one.by} kills it"


def _of_partial(part: Partial) -> Iterator[str]:
    mock = part.scores["mock"].mean
    if mock > MOCK:
        yield f"partial: the mock reaches {mock:.2f}, at most {MOCK:.2f} is right"
    rising = [part.scores[name].mean for name in ("noop", "junior-30", "junior-60", "junior-90")]
    if not all(low < high for low, high in pairwise(rising)):
        yield f"partial: who does more must score more: {', '.join(f'{score:.2f}' for score in rising)}"


def text(record: ProofRecord, equivalent: Mapping[str, str], off: list[str]) -> str:
    """For people."""
    lines = [f"task {record.task}"]
    if record.mutation is not None:
        lines += _mutants(record.mutation, equivalent)
    if record.partial is not None:
        lines.append("  " + ", ".join(f"{name} {score.mean:.2f}" for name, score in record.partial.scores.items()))
    if record.flakes is not None:
        part = record.flakes
        lines.append(f"  {len(part.flakes)} flakes in {part.answers} answers over {part.repeats} repeats")
    if record.checked is not None:
        part_checked = record.checked
        lines.append(f"  {part_checked.deliveries} deliveries checked, no-op floor {part_checked.floor:.2f}")
    lines += [f"  OFF  {line}" for line in off]
    return "\n".join([*lines, f"  => {'proven' if not off else 'NOT proven'}"])


def _mutants(part: Mutation, equivalent: Mapping[str, str]) -> list[str]:
    killed = sum(one.fate == "killed" for one in part.viable)
    left = part.survivors(equivalent)
    same = len(part.viable) - killed - len(left)
    head = f"  {len(part.viable)} viable mutants of {len(part.played)} played, {killed} killed, "
    head += f"{same} the same program, {len(left)} survive: {part.score(equivalent) or 0:.2f}"
    return [head, *(f"    survives {change(one)}" for one in left)]


def change(one: Played) -> str:
    """A mutant on one line."""
    return f"{one.id} {one.path}:{one.line} {one.before}  =>  {one.after}"
