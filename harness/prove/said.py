"""What a record says: for people, what falls short of a proof, and the row of a task in the table of all tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from harness.prove.mutation import Mutation, Played
from harness.prove.record import Facts, Partial, ProofRecord, stale

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


BEGIN, END = "<!-- proof: begin -->", "<!-- proof: end -->"
COLUMNS = (
    *("task", "what it covers", "seed", "reference", "clauses", "checks", "mutants killed", "no-op", "mock"),
    *("juniors 30, 60, 90", "flakes"),
)


def table(records: Iterable[tuple[ProofRecord, Mapping[str, str]]]) -> str:
    """One row for each task on record (beside it: its equivalents), in Markdown, between the two marks."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    for record, equivalent in records:
        if record.facts is not None:
            lines.append(f"| {' | '.join(_cells(record.facts, record, equivalent))} |")
    return "\n".join([BEGIN, *lines, END])


def put_in(text: str, made: str) -> str:
    """`text` with the table between the marks replaced."""
    before, _, rest = text.partition(BEGIN)
    return before + made + rest.partition(END)[2]


def _cells(facts: Facts, record: ProofRecord, equivalent: Mapping[str, str]) -> list[str]:
    scores = {} if record.partial is None else record.partial.scores
    mean = {agent: f"{score.mean:.2f}" for agent, score in scores.items()}
    juniors = [mean.get(f"junior-{share}", "-") for share in (30, 60, 90)]
    flakes = record.flakes
    return [
        f"`{record.task}`",
        ", ".join(facts.tags),
        f"{facts.seed_files} files",
        f"{facts.reference_lines} lines",
        str(facts.clauses),
        str(facts.checks),
        _killed(record.mutation, equivalent),
        "-" if record.checked is None else f"{record.checked.floor:.2f}",
        mean.get("mock", "-"),
        ", ".join(juniors),
        "-" if flakes is None else f"{len(flakes.flakes)} in {flakes.answers} ({flakes.repeats} repeats)",
    ]


def _killed(part: Mutation | None, equivalent: Mapping[str, str]) -> str:
    score = None if part is None else part.score(equivalent)
    if part is None or score is None:
        return "-"
    killed = sum(one.fate == "killed" for one in part.viable)
    return f"{killed} of {killed + len(part.survivors(equivalent))} ({100 * score:.0f} %)"
