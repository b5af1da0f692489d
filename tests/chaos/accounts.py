"""What must hold when the dust has settled, read from the files alone and counted again without the harness's own sums.

Money: every charge of the upstream is either settled in some attempt's events, to the micro-dollar, or belongs to a
call that was under way when the harness was killed, whose reservation is on record. There is no third kind.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

Charge = tuple[str, int]
"""Digest of a request, micro-dollars."""

WAITED = ("hold", "limit")
"""Waits of the whole run, for which no turn of the call broke."""
VERDICT = ("validity", "solved", "truthful", "obeyed", "clean", "status", "failed")
"""What graders decided, and nothing that depends on time or money."""


def journal(run: Path) -> list[dict[str, Any]]:
    """All lines; a torn or damaged one is an error here."""
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


def events(run: Path, line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Events of an attempt; a last line cut by a kill is left out."""
    text = (run / "trials" / line["trial"] / str(line["attempt"]) / "events.jsonl").read_text()
    whole = text.rpartition("\n")[0]
    return [json.loads(each) for each in whole.splitlines()]


def turns_again(happened: Iterable[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """(number of the call, why) for each turn that was begun again."""
    found, n = [], 0
    for event in happened:
        if event["kind"] == "reserve":
            n = event["data"]["n"]
        elif event["kind"] == "wait" and event["data"]["why"] not in WAITED:
            found.append((n, event["data"]["why"]))
    return found


@dataclass(frozen=True)
class Beyond:
    """Charges of the upstream that no call settled."""

    in_flight: Counter[Charge]
    """Of calls under way when the harness was killed."""
    unheard: Counter[Charge]
    """Of answers that came after the gateway had given them up: what was set aside for them is on record."""
    unexplained: Counter[Charge]


def total(charges: Counter[Charge]) -> int:
    """Micro-dollars."""
    return sum(micro_usd * times for (_, micro_usd), times in charges.items())


@dataclass
class Books:
    """The money of a run, as its events tell it."""

    settled: Counter[Charge] = field(default_factory=Counter)
    under_way: Counter[str] = field(default_factory=Counter)
    """Request digest -> turns that were begun and never settled."""
    stalled: Counter[str] = field(default_factory=Counter)
    """Request digest -> turns that were given up in a silence before they had told anything of their cost."""
    reserved: dict[str, int] = field(default_factory=dict)
    journal: int = 0
    """Micro-dollars that the journal's lines add up to."""
    set_aside: int = 0
    """Micro-dollars that calls which broke may have cost beyond that, as the lines tell it."""

    @property
    def gateway(self) -> int:
        """Micro-dollars that were settled."""
        return total(self.settled)

    def add(self, line: Mapping[str, Any], happened: Iterable[Mapping[str, Any]]) -> None:
        """Take an attempt into the books; its line must tell what its events add up to."""
        before = self.gateway
        reserves: dict[int, list[dict[str, Any]]] = {}
        begun: dict[str, Any] = {}
        for event in happened:
            data = event["data"]
            if event["kind"] == "reserve":
                begun = dict(data)
                reserves.setdefault(data["n"], []).append(begun)
                self.reserved[data["request_sha256"]] = data["micro_usd"]
            elif event["kind"] == "wait":
                begun["stalled"] = begun.get("stalled") or data["why"] == "stall"
            elif event["kind"] == "exchange":
                self._settle([*reserves.pop(data["n"]), data], data["floor"])
                assert data["floor"] + data["lost"]["micro_usd"] <= data["reserved"] * (data["lost"]["turns"] + 1)
        for turns in reserves.values():
            self._settle(turns, 0)
            self.under_way[turns[-1]["request_sha256"]] += 1
        cost = line["cost"]["micro_usd"]
        assert cost == self.gateway - before, f"{line['trial']}/{line['attempt']}: {cost} in the journal"
        assert line["cost"]["complete"] or line["unsettled_micro_usd"] > 0
        assert not reserves or not line["cost"]["complete"], "money that may have been charged makes the sum a floor"
        self.journal += cost
        self.set_aside += line["unsettled_micro_usd"]

    def _settle(self, told: Sequence[Mapping[str, Any]], micro_usd: int) -> None:
        """One call: what its turns had lost by each event, and what the last turn cost."""
        request = told[0]["request_sha256"]
        lost = [data["lost"]["micro_usd"] for data in told]
        for amount in (*(after - before for before, after in pairwise(lost)), micro_usd):
            if amount:
                self.settled[request, amount] += 1
        silent = (before == after for before, after in pairwise(lost))
        gone = (data.get("stalled", False) for data in told[:-1])
        self.stalled[request] += sum(quiet and stalled for quiet, stalled in zip(silent, gone, strict=True))

    def beyond(self, charges: Counter[Charge]) -> Beyond:
        """Charges that are not settled: of a turn given up in a silence, of one under way at a kill, and all others."""
        assert not self.settled - charges, f"settled, and never charged: {self.settled - charges}"
        rest = charges - self.settled
        unheard = self._taken(rest, Counter(self.stalled))
        in_flight = self._taken(rest - unheard, Counter(self.under_way))
        return Beyond(in_flight, unheard, rest - unheard - in_flight)

    def _taken(self, charges: Counter[Charge], room: Counter[str]) -> Counter[Charge]:
        """As many of the charges as there are turns for, none of them larger than what was set aside for it."""
        found: Counter[Charge] = Counter()
        for (request, micro_usd), times in charges.items():
            taken = min(times, room[request]) if micro_usd <= self.reserved.get(request, 0) else 0
            room[request] -= taken
            found[request, micro_usd] = taken
        return +found


def books(run: Path) -> Books:
    """The books of a run."""
    found = Books()
    for line in journal(run):
        if line["type"] == "attempt":
            found.add(line, events(run, line))
    return found


def verdicts(run: Path) -> dict[str, tuple[Any, ...]]:
    """Trial -> how it ended and what the graders decided, from the last attempt and its last verdict."""
    plan = [planned["trial"] for planned in json.loads((run / "run.json").read_text())["trials"]]
    attempts: dict[str, dict[str, Any]] = {}
    judged: dict[tuple[str, int], dict[str, Any]] = {}
    for line in journal(run):
        if line["type"] == "attempt":
            if line["attempt"] > attempts.get(line["trial"], {"attempt": 0})["attempt"]:
                attempts[line["trial"]] = line
        else:
            judged[line["trial"], line["attempt"]] = line
    found = {}
    for trial in plan:
        last = attempts[trial]
        verdict = judged[trial, last["attempt"]]
        found[trial] = (last["ended"], last["validity"]["cause"], *(json.dumps(verdict[name]) for name in VERDICT))
    return found


def nothing_twice_nothing_lost(run: Path) -> None:
    """One line an attempt folder, one valid attempt a planned trial, no half-written file."""
    lines = [line for line in journal(run) if line["type"] == "attempt"]
    named = Counter((line["trial"], line["attempt"]) for line in lines)
    assert set(named.values()) <= {1}, "an attempt stands twice in the journal"
    folders = {(path.parent.name, int(path.name)) for path in (run / "trials").glob("*/*")}
    assert folders == set(named), "attempt folders and lines differ"
    planned = {planned["trial"] for planned in json.loads((run / "run.json").read_text())["trials"]}
    valid = Counter(line["trial"] for line in lines if line["validity"]["cause"] is None)
    assert valid == Counter(planned), "a trial was paid for twice, or is missing"
    assert list(run.rglob("*.part")) == []


def causes(run: Path) -> Counter[str]:
    """Cause -> lines of the journal that are invalid by it."""
    found = (line["validity"]["cause"] for line in journal(run))
    return Counter(cause for cause in found if cause is not None)
