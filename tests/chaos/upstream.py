"""A provider with bad days and a ledger of its own: what it sent, it charges, whether or not anybody still listens.

A turn that breaks half-way is charged for what the sent part told; one that nobody waited for is charged whole. Nothing
here is taken from the harness's meter. Faults are dealt, not thrown: one answer of five is faulty at a place that is
drawn, and every kind has its share, so that no run is spared.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.launch import STALL_S
from chaos.world import INPUT, KINDS, OUTPUT, script, sprint

from harness.core.digest import sha256
from harness.models.script import Turn
from harness.models.serve import Fault, PlayerServer

EVERY = 5
"""One of so many answers is faulty."""
BROKEN = (
    Fault(kind="status", status=529),
    Fault(kind="status", status=500, error="api_error"),
    Fault(kind="status", status=429, error="rate_limit_error", headers={"retry-after-ms": "30"}),
    Fault(kind="drop_before"),
    Fault(kind="drop_in_stream"),
    Fault(kind="error_event"),
    Fault(kind="stall_before", seconds=2 * STALL_S),
    Fault(kind="stall_in_stream", seconds=2 * STALL_S),
)
WRONG = Fault(kind="wrong_model")
DECK = 20
"""Faults of a deck: one answer of another model, the others in equal shares."""
_IN, _OUT = re.compile(rb'"input_tokens": (\d+)'), re.compile(rb'"output_tokens": (\d+)')

Place = tuple[str, int, str]
"""Task, position of the answer in its conversation from 1, name of the fault."""


def name(fault: Fault) -> str:
    """What a fault is called in the figures."""
    return f"status {fault.status}" if fault.kind == "status" else fault.kind


class _Here(threading.local):
    """The answer that a thread is giving."""

    task = ""
    fault: Fault | None = None


@dataclass
class Provider:
    """Faults, where they fell, and every charge; threads share it."""

    faulty: bool
    seed: int
    charges: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(digest of the request, micro-dollars) -> times."""
    places: Counter[Place] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    """Digest of a request -> answers to it in the name of another model."""
    answers: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._dice = random.Random(self.seed)
        self._here = _Here()
        self._round: list[bool] = []
        self._deck: list[Fault] = []

    def server(self) -> PlayerServer:
        """The upstream, to be used in a `with` block."""
        return PlayerServer(self.fault, self.sent)

    def script(self, kickoff: str) -> Sequence[Turn]:
        """What is played to whoever was given this kick-off."""
        self._here.task = f"task-{KINDS[sprint(kickoff) - 1]}"
        return script(kickoff)

    def fault(self, lane: str, turn: int, attempt: int) -> Fault | None:
        with self._lock:
            self.answers += 1
            found = self._here.fault = self._drawn() if self.faulty else None
            if found is not None:
                self.places[self._here.task, turn + 1, name(found)] += 1
            return found

    def sent(self, lane: str, request: bytes, answer: bytes) -> None:
        fault = self._here.fault
        if fault is not None and fault.kind == "stall_in_stream":
            answer = answer[: len(answer) // 2]
        usage_in, usage_out = _IN.search(answer), _OUT.findall(answer)
        assert usage_in is not None, "every answer begins with its usage"
        micro_usd = INPUT * int(usage_in[1]) + OUTPUT * int(usage_out[-1])
        with self._lock:
            self.charges[sha256(request), micro_usd] += 1
            self.wrong[sha256(request)] += fault is WRONG

    @property
    def faults(self) -> Counter[str]:
        """Name of a fault -> times."""
        found: Counter[str] = Counter()
        for (_, _, kind), times in self.places.items():
            found[kind] += times
        return found

    @property
    def total(self) -> int:
        """Micro-dollars charged so far."""
        with self._lock:
            return sum(micro_usd * times for (_, micro_usd), times in self.charges.items())

    def _drawn(self) -> Fault | None:
        if not self._round:
            self._round = [number == 0 for number in range(EVERY)]
            self._dice.shuffle(self._round)
        return self._dealt() if self._round.pop() else None

    def _dealt(self) -> Fault:
        if not self._deck:
            times, rest = divmod(DECK - 1, len(BROKEN))
            self._deck = [WRONG, *BROKEN * times, *self._dice.sample(BROKEN, rest)]
            self._dice.shuffle(self._deck)
        return self._deck.pop()


LANE = "anyone"


def play(server: PlayerServer) -> str:
    """The address to call."""
    return server.add(LANE, script)
