"""What a killed harness left behind: attempts without a line in the journal, and files that were being written.

An attempt's events are on disk before anything else is known of it, so its money is never lost: what was settled counts
as a floor, what was set aside for a call under way as the most that may come on top. An attempt that was sealed had
everything but its line; it is taken as it stands and need not be paid for twice.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from harness.core.errors import Cause, Failure
from harness.core.records import Cost, Ended, Record, Usage, Validity
from harness.core.runs import AttemptLine, JournalLine
from harness.core.transcript import Event
from harness.store.journal import read_events
from harness.store.layout import PART, RunFolder

KILLED = "the harness was killed while it was in flight"


class _Lost(Record):
    turns: int
    usage: Usage
    micro_usd: int


class _Reserve(Record):
    """The part of a `reserve` event that counts."""

    n: int
    micro_usd: int | None
    lost: _Lost
    request_sha256: str


class _Exchange(Record):
    """The part of an `exchange` event that counts."""

    n: int
    micro_usd: int | None
    floor: int
    reserved: int | None
    usage: Usage
    lost: _Lost


FormT = TypeVar("FormT", _Reserve, _Exchange)


def killed(folder: RunFolder, lines: Iterable[JournalLine]) -> list[AttemptLine]:
    """A line for every attempt that left a folder and no line, in the order of their names; nothing is written."""
    trials = folder.root / "trials"
    if not trials.is_dir():
        return []
    attempts = [line for line in lines if isinstance(line, AttemptLine)]
    alone = _alone(attempts)
    known = {(line.trial, line.attempt) for line in attempts if line.trial not in alone}
    return [_line(folder, *attempt) for attempt in _attempts(trials, alone) if attempt not in known]


def _alone(attempts: Sequence[AttemptLine]) -> set[str]:
    """Trials of which the first attempt could be judged: none followed it, and their folders need no look."""
    first = {line.trial: line.validity for line in attempts if line.attempt == 1}
    return {trial for trial, validity in first.items() if validity.valid}


def sweep(folder: RunFolder) -> int:
    """Remove files that a killed harness was writing; how many. Whoever does so holds the lock."""
    count = 0
    for path in folder.root.rglob(f".*{PART}"):
        path.unlink(missing_ok=True)
        count += 1
    return count


def _attempts(trials: Path, alone: set[str]) -> Iterator[tuple[str, int]]:
    """Every attempt that left a folder, but for those of the trials `alone`."""
    names = set(os.listdir(trials))  # noqa: PTH208 - a hundred thousand of them are not worth a path each
    for trial in sorted(names - alone):
        for path in sorted((trials / trial).glob("*")):
            if path.name.isdecimal() and path.is_dir():
                yield trial, int(path.name)


def _line(folder: RunFolder, trial: str, attempt: int) -> AttemptLine:
    events, damages = read_events(folder.attempt_dir(trial, attempt) / "events.jsonl")
    reserves = _read(events, "reserve", _Reserve)
    exchanges = _read(events, "exchange", _Exchange)
    usage, cost, unsettled = _money(reserves, exchanges)
    sealed = None if damages else _sealed(folder, trial, attempt, events)
    return AttemptLine(
        trial=trial,
        attempt=attempt,
        ended=sealed[0] if sealed else None,
        validity=Validity() if sealed else Validity(cause=Cause.CANCELLED, detail=KILLED),
        usage=usage,
        cost=Cost(micro_usd=cost.micro_usd, complete=cost.complete and not damages),
        unsettled_micro_usd=unsettled,
        calls=len({reserve.n for reserve in reserves} | {exchange.n for exchange in exchanges}),
        wall_s=_wall(events),
        sealed=sealed[1] if sealed else "",
    )


def _money(reserves: Sequence[_Reserve], exchanges: Sequence[_Exchange]) -> tuple[Usage, Cost, int]:
    """Usage and cost as far as they were settled, and the most that may have been charged beyond that."""
    usage, cost, unsettled = Usage(), Cost(), 0
    settled = {exchange.n for exchange in exchanges}
    for exchange in exchanges:
        usage += exchange.usage + exchange.lost.usage
        whole = exchange.micro_usd is not None and not exchange.lost.turns
        cost += Cost(micro_usd=exchange.floor + exchange.lost.micro_usd, complete=whole)
        turns = exchange.lost.turns + (exchange.micro_usd is None)
        told = exchange.lost.micro_usd + (exchange.floor if exchange.micro_usd is None else 0)
        unsettled += max(0, turns * (exchange.reserved or 0) - told)
    for reserve in {reserve.n: reserve for reserve in reserves if reserve.n not in settled}.values():
        usage += reserve.lost.usage
        cost += Cost(micro_usd=reserve.lost.micro_usd, complete=False)
        turns = reserve.lost.turns + 1
        unsettled += max(0, turns * (reserve.micro_usd or 0) - reserve.lost.micro_usd)
    return usage, cost, unsettled


def _sealed(folder: RunFolder, trial: str, attempt: int, events: Sequence[Event]) -> tuple[Ended, str] | None:
    """How a sealed attempt ended, and its seal; None where the evidence is not whole."""
    if not events or events[-1].kind != "sealed":
        return None
    from harness.store.evidence import load_evidence

    with contextlib.suppress(Failure, ValidationError):
        evidence = load_evidence(folder, trial, attempt)
        told = [event.data["how"] for event in events if event.kind == "ended" and "how" in event.data]
        if evidence.final.digest() == events[-1].data.get("digest") and told:
            return Ended.model_validate(told[-1]), evidence.final.digest()
    return None


def _wall(events: Sequence[Event]) -> float:
    """The agent's own seconds from its first model call up to the last event."""
    began = next((event.at for event in events if event.kind == "reserve"), None)
    if began is None:
        return 0.0
    ended = next((event.at for event in events if event.kind == "ended"), events[-1].at)
    waited = sum(_number(event.data.get("seconds")) for event in events if event.kind == "wait")
    return round(max(0.0, ended - began - waited), 3)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _read(events: Sequence[Event], kind: str, form: type[FormT]) -> list[FormT]:
    """The events of one kind that can be read; the others are counted for nothing, as damage is told elsewhere."""
    found = []
    for event in events:
        if event.kind != kind:
            continue
        with contextlib.suppress(ValidationError):
            named = {name: value for name, value in event.data.items() if name in form.model_fields}
            found.append(form.model_validate(named))
    return found
