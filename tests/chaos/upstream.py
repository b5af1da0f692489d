"""A provider with bad days and a ledger of its own: what it sent, it charges, whether or not anybody still listens.

A turn that breaks half-way is charged for what the sent part told; nothing here is taken from the harness's meter.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from dataclasses import dataclass, field

from chaos.world import INPUT, OUTPUT, script

from harness.core.digest import sha256
from harness.models.serve import Fault, PlayerServer

BROKEN = (
    Fault(kind="status", status=529),
    Fault(kind="status", status=500, error="api_error"),
    Fault(kind="status", status=429, error="rate_limit_error", headers={"retry-after-ms": "30"}),
    Fault(kind="drop_before"),
    Fault(kind="drop_in_stream"),
    Fault(kind="error_event"),
    Fault(kind="stall_before", seconds=0.2),
    Fault(kind="stall_in_stream", seconds=0.2),
)
WRONG = Fault(kind="wrong_model")
_IN, _OUT = re.compile(rb'"input_tokens": (\d+)'), re.compile(rb'"output_tokens": (\d+)')


@dataclass
class Provider:
    """Faults at a rate, and every charge; threads share it."""

    rate: float
    wrong_rate: float
    seed: int
    charges: Counter[tuple[str, int]] = field(default_factory=Counter)
    """(digest of the request, micro-dollars) -> times."""
    faults: Counter[str] = field(default_factory=Counter)
    answers: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._dice = random.Random(self.seed)

    def server(self) -> PlayerServer:
        """The upstream, to be used in a `with` block."""
        return PlayerServer(self.fault, self.sent)

    def fault(self, lane: str, turn: int, attempt: int) -> Fault | None:
        with self._lock:
            self.answers += 1
            drawn = self._dice.random()
            if drawn < self.wrong_rate:
                found: Fault | None = WRONG
            elif drawn < self.rate:
                found = self._dice.choice(BROKEN)
            else:
                return None
            assert found is not None
            self.faults[f"{found.kind} {found.status}" if found.kind == "status" else found.kind] += 1
            return found

    def sent(self, lane: str, request: bytes, answer: bytes) -> None:
        usage_in, usage_out = _IN.search(answer), _OUT.findall(answer)
        assert usage_in is not None, "every answer begins with its usage"
        micro_usd = INPUT * int(usage_in[1]) + OUTPUT * int(usage_out[-1])
        with self._lock:
            self.charges[sha256(request), micro_usd] += 1

    @property
    def total(self) -> int:
        """Micro-dollars charged so far."""
        with self._lock:
            return sum(micro_usd * times for (_, micro_usd), times in self.charges.items())


LANE = "anyone"


def play(server: PlayerServer) -> str:
    """The address to call."""
    return server.add(LANE, script)
