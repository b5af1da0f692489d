"""Plays mutants until enough of them were viable, and says which the hidden checks kill.

A mutant is viable when the app still starts: one that does not start fails every check and says nothing about them. The
checks that killed a mutant near by are tried first, so that most are known after a single one; a survivor has passed
every check. What a busy machine could have caused (a deadline, a lost connection) counts only when it comes twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.core.errors import POLICY, Failure
from harness.core.records import Record

if TYPE_CHECKING:
    from harness.prove.mutants import Mutant

Fate = Literal["killed", "survived", "unviable"]
SHAKY = frozenset({"deadline", "connection"})
"""Reasons of a failed check that may be the machine's."""
HINTS = 12
BATCH = 12
FAR = 1_000_000


class Played(Record):
    """One mutant, and what became of it."""

    id: str
    path: str
    line: int
    operator: str
    before: str
    after: str
    fate: Fate
    by: str = ""
    """The check that killed it, or the stage that it did not pass."""


class Mutation(Record):
    """The mutants of one task."""

    digest: str
    """Over all that decides them: task, reference, checks, judge, operators, sample."""
    operators: str
    seed: str
    wanted: int
    """How many viable ones were asked for."""
    candidates: int
    played: tuple[Played, ...] = ()
    """In the order of the sample."""

    @property
    def viable(self) -> tuple[Played, ...]:
        return tuple(one for one in self.played if one.fate != "unviable")

    @property
    def complete(self) -> bool:
        return len(self.viable) >= self.wanted or len(self.played) >= self.candidates

    def survivors(self, equivalent: Mapping[str, str]) -> tuple[Played, ...]:
        """Viable mutants that no check kills, those that are listed as the same program left out."""
        return tuple(one for one in self.viable if one.fate == "survived" and one.id not in equivalent)

    def score(self, equivalent: Mapping[str, str]) -> float | None:
        """Killed among the viable ones that are other programs; None where there is none."""
        killed = sum(one.fate == "killed" for one in self.viable)
        left = killed + len(self.survivors(equivalent))
        return killed / left if left else None


@dataclass(frozen=True)
class Answer:
    """What became of one mutant."""

    fate: Fate
    by: str = ""
    reason: str = ""


Judge = Callable[["Mutant", Sequence[str]], Answer]
"""A mutant, the ids of checks to try first -> its fate; `Failure` where judging went wrong."""


def play(
    start: Mutation,
    ordered: Sequence[Mutant],
    judge: Judge,
    *,
    workers: int,
    hints: Sequence[Played] = (),
    kept: Callable[[Mutation], None] = lambda _: None,
) -> Mutation:
    """Play what `start` still lacks, in order; `kept` is told after every few. `hints`: fates of an earlier sample."""
    found = start
    ordered = ordered[len(start.played) :]
    pool = ThreadPoolExecutor(workers)
    try:
        while not found.complete:
            count = min(found.wanted - len(found.viable), BATCH)
            batch, ordered = ordered[:count], ordered[count:]
            before = (*hints, *found.played)
            fates = pool.map(_played, batch, [judge] * count, [likely(mutant, before) for mutant in batch])
            found = found.model_copy(update={"played": (*found.played, *fates)})
            kept(found)
    finally:
        # Whoever stops this waits for what is on the stand, and not for what is in the queue.
        pool.shutdown(cancel_futures=True)
    return found


def likely(mutant: Mutant, before: Sequence[Played]) -> list[str]:
    """Checks that killed other mutants: those of the same mutant, of near lines, of the same file, then the others."""
    killed = [one for one in before if one.fate == "killed"]
    often = Counter(one.by for one in killed)
    distance: dict[str, int] = {}
    for one in killed:
        away = 0 if one.id == mutant.id else 1 + abs(one.line - mutant.line) if one.path == mutant.path else FAR
        distance[one.by] = min(away, distance.get(one.by, FAR))
    return sorted(distance, key=lambda check: (distance[check], -often[check], check))[:HINTS]


def _played(mutant: Mutant, judge: Judge, first: Sequence[str]) -> Played:
    answer = _judged(mutant, judge, first)
    if answer.fate == "killed" and answer.reason in SHAKY:
        answer = _judged(mutant, judge, (answer.by, *first))
    return Played(
        id=mutant.id,
        path=mutant.path,
        line=mutant.line,
        operator=mutant.operator,
        before=mutant.before,
        after=mutant.after,
        fate=answer.fate,
        by=answer.by,
    )


def _judged(mutant: Mutant, judge: Judge, first: Sequence[str]) -> Answer:
    try:
        return judge(mutant, first)
    except Failure as failure:
        if not POLICY[failure.cause].retry:
            raise
        return judge(mutant, first)
