"""Who may spend what: money is reserved at its worst case before a call and settled at its real price after it.

Reserving first is what keeps a cap when many calls are under way at once: a call starts only while everything spent
and everything still reserved fits below every cap above it. An attempt's purse lies inside its trial's and that inside
the run's, so one check covers all three. The trial's and the run's also hold what earlier attempts spent and what
broken calls may have cost; an attempt's own does not, because what others broke must not end an agent's turn.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from harness.core.ports import Metered
from harness.core.records import Cost, Limits, Usage
from harness.gateway.prices import PriceTable

Limit = Literal["tokens", "money", "wall"]
Owner = Literal["attempt", "trial", "run"]

PREAMBLE_TOKENS = 1_000
"""What the provider itself may put before a prompt (how to use tools)."""
IMAGE_TOKENS = 5_000
"""More than any one image costs, however few bytes it has."""
TOOL_TOKENS = 1_000
"""More than the provider's own description of a tool that a request only names."""


def input_bound(text_bytes: int, images: int = 0, named_tools: int = 0) -> int:
    """The most input tokens that a request can have; `text_bytes`: its body without the data of images.

    One token for each byte: a tokenizer that has no better piece falls back to bytes, JSON writes no text in fewer
    bytes than UTF-8 does, and what surrounds a message in JSON is longer than what marks it for the model. Prose takes
    a quarter of that, hexadecimal digits, rare scripts and emoji come near it, and the agent chooses what it reads: any
    share below one could be passed. The price: the last call that a cap lets through is one whose fourfold, at the
    rate of writing a cache, still fits below it. So money is left over at the end of a trial, but none is owed.
    """
    return text_bytes + PREAMBLE_TOKENS + images * IMAGE_TOKENS + named_tools * TOOL_TOKENS


def micro(usd: float) -> int:
    """Dollars as whole micro-dollars, rounded down: a cap is never rounded up."""
    return int(Decimal(str(usd)) * 1_000_000)


class Purse:
    """Micro-dollars spent and reserved below a cap; safe to share between threads."""

    def __init__(self, cap: int | None, outer: Purse | None = None) -> None:
        """`cap` None: counts only. Whatever is reserved or spent here also is in `outer`."""
        self.cap = cap
        self.spent = 0
        self.reserved = 0
        self.unsettled = 0
        """What broken calls may have cost beyond what they told."""
        self.refused = False
        """A call found no room here."""
        self._chain: tuple[Purse, ...] = (self, *outer._chain) if outer else (self,)
        self._lock: threading.Lock = outer._lock if outer else threading.Lock()

    def reserve(self, amount: int) -> Purse | None:
        """Set `amount` aside in every purse; the purse that has no room for it, None when all have."""
        with self._lock:
            for purse in self._chain:
                if not purse._fits(amount):
                    purse.refused = True
                    return purse
            for purse in self._chain:
                purse.reserved += amount
            return None

    def settle(self, reserved: int, spent: int, unsettled: int = 0) -> None:
        """Give a reservation back and book what the call really cost.

        `unsettled`, what it may have cost beyond that, is set aside in the purses around this one.
        """
        with self._lock:
            for purse in self._chain:
                purse.reserved -= reserved
                purse.spent += spent
            for purse in self._chain[1:] or self._chain:
                purse.unsettled += unsettled

    def _fits(self, amount: int) -> bool:
        return self.cap is None or self.spent + self.unsettled + self.reserved + amount <= self.cap


class OverLimit(Exception):
    """A call may not start: `limit` says what is used up."""

    def __init__(self, limit: Limit, message: str, *, owner: Owner = "attempt") -> None:
        super().__init__(message)
        self.limit: Limit = limit
        self.message = message
        self.owner: Owner = owner
        """Whose limit it is: only the attempt's own is the agent's doing."""


@dataclass(frozen=True)
class Reservation:
    """Money set aside for one call; None where the model has no known price."""

    micro_usd: int | None


class Account:
    """What one attempt has used of its limits; safe to share between threads."""

    def __init__(self, prices: PriceTable, model: str, limits: Limits, trial: Purse, run: Purse) -> None:
        """`trial` is shared by all attempts of a trial and lies inside `run`."""
        self._prices = prices
        self._model = model
        self._limits = limits
        self._purse = Purse(micro(limits.usd), trial)
        self._owners: dict[Purse, Owner] = {self._purse: "attempt", trial: "trial", run: "run"}
        self._lock = threading.Lock()
        self._metered = Metered(usage=Usage(), cost=Cost(), calls=0)

    def reserve(self, input_tokens: int, max_tokens: int, *, hour: bool = True) -> Reservation:
        """Room for one call in the worst case; `OverLimit` where there is none.

        `hour` False: it writes no cache that is kept for an hour.
        """
        used = self.metered().usage.total
        if used >= self._limits.tokens:
            raise OverLimit("tokens", f"{used} of {self._limits.tokens} tokens are used")
        worst = self._prices.worst(self._model, input_tokens, max_tokens, hour=hour)
        full = self._purse.reserve(worst) if worst is not None else None
        if full is not None:
            owner = self._owners[full]
            raise OverLimit(
                "money",
                f"this call may cost {worst} micro-USD; of the {owner}'s {full.cap}, {full.spent} are spent and "
                f"{full.reserved + full.unsettled} reserved",
                owner=owner,
            )
        return Reservation(worst)

    def settle(self, reservation: Reservation, usage: Usage, *, exact: bool = True, call: bool = True) -> Cost:
        """Book real usage in place of a reservation.

        `exact` False: the provider may have charged for more than it told, so the sum becomes a floor.
        `call` False: a turn that broke and was started again is no further call.
        """
        priced = self._prices.cost(self._model, usage)
        cost = Cost(micro_usd=priced.micro_usd, complete=priced.complete and exact)
        reserved = reservation.micro_usd or 0
        unsettled = 0 if exact else max(0, reserved - cost.micro_usd)
        self._purse.settle(reserved, cost.micro_usd, unsettled)
        with self._lock:
            now = self._metered
            self._metered = replace(
                now,
                usage=now.usage + usage,
                cost=now.cost + cost,
                calls=now.calls + call,
                unsettled_micro_usd=now.unsettled_micro_usd + unsettled,
            )
        return cost

    def waited(self, seconds: float) -> None:
        """Count time that was not the agent's."""
        with self._lock:
            now = self._metered
            self._metered = replace(now, waited_s=now.waited_s + seconds)

    def started(self, seconds: float) -> None:
        """Note how long it took to the first call."""
        with self._lock:
            self._metered = replace(self._metered, start_s=seconds)

    def metered(self) -> Metered:
        """Everything counted so far."""
        with self._lock:
            return self._metered
