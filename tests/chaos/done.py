"""What was done to a run, and whether each of its invalid lines answers to something of that.

A line of cause `sandbox` answers to the kill of a sandbox of that very trial, in that attempt and on that side of its
seal, or to a daemon that was away meanwhile; `provider` to the faults of that trial's own calls; `cancelled` to the
kill of the harness process that had begun the attempt. Every kill and every answer of another model explains one line.
When an attempt began is taken from the run's log, which is no source of any table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from chaos import accounts

from harness.gateway.exchange import Patience

Span = tuple[float, float]
"""Seconds since the epoch."""
SIDES = {"agent": ("attempt",), "server": ("verdict",), "judge": ("verdict",), "services": ("attempt", "verdict")}
"""Role of a sandbox -> lines that its end can make invalid."""
WHYS = {
    "drop_before": ("drop",),
    "drop_in_stream": ("drop",),
    "error_event": ("sse error overloaded_error",),
    "stall_before": ("stall",),
    "stall_in_stream": ("stall",),
}
"""Name of a fault -> what the gateway says when it begins the turn again; a status is called by its number."""
SETTLES_S = 5.0
"""A daemon that is back may still have dropped what it was given before."""


@dataclass(frozen=True)
class Kill:
    """A sandbox that was killed."""

    trial: str
    role: str
    at: float


@dataclass
class Done:
    """Everything that was done to a run."""

    kills: Sequence[Kill] = ()
    down: Sequence[Span] = ()
    killed: set[int] = field(default_factory=set)
    """Harness processes."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Digest of a request -> answers in the name of another model."""
    places: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """(task, position of the answer, name of the fault) -> times."""


@dataclass(frozen=True)
class Began:
    """The log's word for the begin of an attempt."""

    attempt: int
    process: int
    at: float


class Explained:
    """Holds a run's invalid lines against what was done to it."""

    def __init__(self, run: Path, done: Done) -> None:
        self._run = run
        self._done = done
        self._log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        self._begun: dict[str, list[Began]] = {}
        for line in self._log:
            if line["event"] == "attempt begins":
                began = Began(line["data"]["attempt"], line["process"], _seconds(line))
                self._begun.setdefault(line["data"]["trial"], []).append(began)
        planned = json.loads((run / "run.json").read_text())["trials"]
        self._task = {trial["trial"]: trial["task"] for trial in planned}
        self._kills = [(kill.trial, self._attempt(kill), kill.role) for kill in done.kills]
        self._wrong = Counter(done.wrong)

    def unexplained(self) -> list[str]:
        """Invalid lines that answer to nothing."""
        answers = {"sandbox": self._sandbox, "provider": self._provider, "cancelled": self._cancelled}
        lines = [line for line in accounts.journal(self._run) if line["validity"]["cause"] is not None]
        return [_said(line) for line in lines if not answers.get(line["validity"]["cause"], _never)(line)]

    def _attempt(self, kill: Kill) -> int:
        """The attempt under way at the kill: the last one that had begun."""
        return max((began.attempt for began in self._begun.get(kill.trial, ()) if began.at <= kill.at), default=0)

    def _sandbox(self, line: Mapping[str, Any]) -> bool:
        for kill in self._kills:
            if kill[:2] == (line["trial"], line["attempt"]) and line["type"] in SIDES[kill[2]]:
                self._kills.remove(kill)
                return True
        return any(
            begin <= down[1] + SETTLES_S and down[0] <= end
            for begin, end in self._spans(line)
            for down in self._done.down
        )

    def _spans(self, line: Mapping[str, Any]) -> Iterator[Span]:
        """When whatever ended as this line says may have gone on."""
        ends = "attempt ended" if line["type"] == "attempt" else "judged"
        before = 0.0
        for told in self._log:
            data = told["data"]
            if data.get("trial") != line["trial"]:
                continue
            of_it = (told["event"], data.get("attempt")) == (ends, line["attempt"])
            if of_it and data["validity"] == f"invalid:{line['validity']['cause']}":
                yield before, _seconds(told)
            before = _seconds(told)

    def _provider(self, line: Mapping[str, Any]) -> bool:
        """Another model answered the last call, or none of the turns that the gateway had patience for was whole."""
        happened = accounts.events(self._run, line)
        last = [event["data"] for event in happened if event["kind"] == "exchange"][-1]
        if last["model_answered"] not in (None, last["model_asked"]):
            self._wrong[last["request_sha256"]] -= 1
            return self._wrong[last["request_sha256"]] >= 0
        return Patience().attempts <= int(last["retries"]) <= self._faults(line, last["n"])

    def _faults(self, line: Mapping[str, Any], n: int) -> int:
        """Faults of the answers in that place of that task's conversation."""
        places = self._done.places.items()
        return sum(times for (task, place, _), times in places if (task, place) == (self._task[line["trial"]], n))

    def _cancelled(self, line: Mapping[str, Any]) -> bool:
        begun = [began for began in self._begun.get(line["trial"], ()) if began.attempt == line["attempt"]]
        return line["type"] == "attempt" and any(began.process in self._done.killed for began in begun)


def _never(line: Mapping[str, Any]) -> bool:
    """Nothing that is done here makes a line invalid by any other cause."""
    return False


def _said(line: Mapping[str, Any]) -> str:
    return (
        f"{line['type']} {line['trial']}/{line['attempt']}: {line['validity']['cause']}: {line['validity']['detail']}"
    )


def _seconds(line: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(line["at"]).timestamp()


def retried(run: Path, done: Done) -> list[str]:
    """Turns that the gateway began again more often than the provider had a fault of that kind in that place.

    Silences are left out: a machine that is busy enough falls silent on its own.
    """
    task = {each["trial"]: each["task"] for each in json.loads((run / "run.json").read_text())["trials"]}
    had = Counter[tuple[str, int, str]]()
    for (name, place, fault), times in done.places.items():
        for why in WHYS.get(fault, (fault.removeprefix("status "),)):
            had[name, place, why] += times
    told = Counter[tuple[str, int, str]]()
    for line in accounts.journal(run):
        if line["type"] == "attempt":
            again = accounts.turns_again(accounts.events(run, line))
            told.update((task[line["trial"]], n, why) for n, why in again if why != "stall")
    return [f"{name}, answer {place}: {times} times {why}" for (name, place, why), times in (told - had).items()]
