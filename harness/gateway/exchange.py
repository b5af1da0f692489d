"""One call of a client, from the reservation of its money to its record.

The agent's clock begins with its first call: how long a client takes to start says nothing about an agent. It stands
still while the provider is at fault: failed turns and the waits between them are given back to the attempt's deadline
before they are slept through, so that nobody kills the agent meanwhile. What cannot be helped ends as the attempt's
problem (the provider's fault) or as a limit (the agent's own); the client gets an error that it does not try again.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pydantic import JsonValue

from harness.core.deadline import Deadline
from harness.core.digest import sha256
from harness.core.errors import Cause, Failure
from harness.core.ports import Metered
from harness.core.records import Cost, Usage
from harness.gateway.answer import HOLDING, Broken, Reply, api_error, denied, same_model, too_long
from harness.gateway.meter import Account, Limit, OverLimit, Reservation, input_bound
from harness.gateway.record import Recorder
from harness.gateway.screen import Ask
from harness.gateway.sse import NO_USAGE, Message, read_stream
from harness.gateway.throttle import Throttle

LIMIT_ERRORS: dict[Limit, str] = {"money": "budget_exhausted", "tokens": "tokens_exhausted", "wall": "time_exhausted"}
"""`error.type` of a refusal by limit; the status is 400, which no client tries again."""
PROVIDER_ERROR = "provider_failed"
MOST_NOTES = 100
"""Refused requests that are recorded one by one; an agent must not fill the disk with them."""

Log = Callable[[str, Mapping[str, JsonValue]], None]
"""Takes what belongs to the run rather than to an attempt: (event, data)."""

_ROOM_S = 0.05
"""How often a call looks for room below the run-wide limit."""
_SHORTEST_WAIT_S = 0.0005
_NO_COST = Cost()
_NOTHING = Reservation(0)


def unheard(event: str, data: Mapping[str, JsonValue]) -> None:
    """Nobody keeps a log of the run, or the attempt's record is closed."""


@dataclass(frozen=True)
class Patience:
    """How long the gateway puts up with an upstream; times in seconds."""

    attempts: int = 10
    """Most turns started for one call."""
    waiting_s: float = 900.0
    """Most time that one call may lose to failed turns and waits; never more than the deadline's own length."""
    first_s: float = 0.5
    cap_s: float = 30.0
    """Waits without `retry-after` double from the first to the cap, less up to a quarter at random."""
    stall_s: float = 120.0
    """Longest silence within an answer."""
    ping_s: float = 5.0
    """A streaming client hears something this often."""

    def back_off(self, retries: int) -> float:
        """Seconds to wait after so many failed turns."""
        return min(self.cap_s, self.first_s * 2.0 ** min(retries, 30)) * secrets.SystemRandom().uniform(0.75, 1.0)


class Way(Protocol):
    """What an exchange asks of a wire to an upstream."""

    throttle: Throttle

    def hold(self, seconds: float) -> None: ...

    def held(self) -> float: ...

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, stream: bool | None, read: bytearray
    ) -> Reply | Broken: ...


@dataclass(slots=True)
class Past:
    """What is still known of an attempt that is over; a run has thousands of them."""

    name: str
    log: Log
    metered: Metered | None
    """None: it was over long ago."""
    problem: Failure | None = None
    limit: Limit | None = None
    late: int = 0

    def late_call(self, path: str) -> Reply:
        """Count, log and refuse a call that came after the attempt was over."""
        self.late += 1
        if self.late <= MOST_NOTES:
            self.log("late call refused", {"trial": self.name, "path": path[:200], "late": self.late})
        return _over()


@dataclass
class Admitted:
    """One attempt at the gateway."""

    base_url: str
    wire_key: tuple[str, str | None] = field(repr=False)
    model: str
    account: Account
    deadline: Deadline
    record: Callable[[str, Mapping[str, JsonValue]], None]
    recorder: Recorder | None = None
    name: str = ""
    """What the run calls this attempt's trial."""
    trial: str = ""
    """Names the purse that its trial's attempts share."""
    log: Log = unheard
    problem: Failure | None = None
    limit: Limit | None = None
    closed: bool = False
    calls: int = 0
    notes: int = 0
    running: set[Exchange] = field(default_factory=set)
    length_s: float = 0.0
    """What the deadline had left when the attempt was admitted."""
    given_back_until: float = 0.0
    begun: bool = False
    """There was a call."""

    def __post_init__(self) -> None:
        self.length_s = self.deadline.remaining()
        self._admitted_at = time.monotonic()

    def begin(self) -> None:
        """A call comes in; with the first of them the agent's clock begins."""
        if not self.begun:
            self.begun = True
            seconds = time.monotonic() - self._admitted_at
            self.deadline.extend(seconds)
            self.account.started(seconds)

    def end(self) -> Past:
        """What stays of the attempt when nothing of it is under way any more."""
        return Past(self.name, self.log, self.account.metered(), self.problem, self.limit)

    def give_back(self, since: float, until: float) -> float:
        """Stop the agent's clock between two monotonic moments; the seconds that were not given back already."""
        seconds = max(0.0, until - max(since, self.given_back_until))
        self.given_back_until = max(self.given_back_until, until)
        self.deadline.extend(seconds)
        self.account.waited(seconds)
        return seconds

    def take_back(self, seconds: float) -> None:
        """A wait ended early."""
        self.given_back_until -= seconds
        self.deadline.extend(-seconds)
        self.account.waited(-seconds)

    def fail(self, cause: Cause, message: str) -> Reply:
        """Make the attempt invalid; the first problem stays."""
        self.problem = self.problem or Failure(cause, message)
        return api_error(400, PROVIDER_ERROR, "the gateway gave this attempt up")

    def over(self, limit: Limit, message: str) -> Reply:
        """Refuse for a limit; the first one stays."""
        self.limit = self.limit or limit
        return api_error(400, LIMIT_ERRORS[limit], message)

    async def write(self, kind: str, data: Mapping[str, JsonValue]) -> None:
        """Append an event without holding up other calls."""
        await self._apart(f"recording an event of kind {kind}", self.record, kind, data)

    async def keep(self, n: int, request: bytes, response: bytes) -> None:
        """Keep the bodies of an exchange where that was asked for."""
        if self.recorder is not None:
            await self._apart("keeping an exchange", self.recorder.write, n, request, response)

    async def _apart(self, doing: str, write: Callable[..., None], *args: object) -> None:
        """Write on another thread; an attempt whose record has a gap is invalid."""
        try:
            await asyncio.to_thread(write, *args)
        except Exception as error:
            self.fail(Cause.HARNESS, f"{doing}: {type(error).__name__}: {error}")

    async def note(self, refused: str, status: int, path: str) -> None:
        """Record a request that was not passed on, while there still is a record."""
        self.notes += 1
        if self.notes <= MOST_NOTES and not self.closed:
            await self.write("note", {"gateway": "refused", "status": status, "path": path[:200], "why": refused[:300]})


@dataclass(eq=False)
class Exchange:
    """One call on its way; `run` never raises."""

    admitted: Admitted
    ask: Ask
    path: str
    """Path and query below the upstream's base URL."""
    headers: Mapping[str, str]
    way: Way
    patience: Patience
    counting: bool = False
    """Tokens are only counted: nothing to meter."""
    _n: int = 0
    """Number of this call within the attempt, from 1."""
    _retries: int = 0
    _lost_turns: int = 0
    _lost_s: float = 0.0
    _lost_usage: Usage = NO_USAGE
    _lost_cost: Cost = _NO_COST
    _reservation: Reservation = _NOTHING
    _reserved: int | None = 0
    """What the call as a whole was thought to cost at most."""
    _read: bytearray | None = None
    """What has come in of the turn under way, None between turns."""
    _work: asyncio.Future[Reply] | None = None
    _stopped: bool = False

    def stop(self) -> None:
        """The attempt is over: give up whatever is under way."""
        self._stopped = True
        if self._work is not None:
            self._work.cancel()

    async def run(self) -> Reply:
        """The answer for the client; metered and recorded when it returns."""
        if self._stopped:
            return _over()
        self.admitted.begin()
        begun = time.monotonic()
        try:
            self._reserve()
        except OverLimit as over:
            return await self._refuse(over)
        self._reserved = self._reservation.micro_usd
        self.admitted.calls += not self.counting
        self._n = self.admitted.calls
        self._work = asyncio.ensure_future(self._turns())
        reply = await self._supervised(self._work)
        if not self.counting:
            cost = self._settle(reply.message)
            await self._keep(reply, cost, time.monotonic() - begun)
        return reply

    def _reserve(self) -> None:
        if not self.counting:
            ask = self.ask
            tokens = input_bound(len(ask.body) - ask.image_bytes, ask.images, ask.named_tools)
            self._reservation = self.admitted.account.reserve(tokens, ask.max_tokens, hour=ask.hour)

    async def _refuse(self, over: OverLimit) -> Reply:
        reply = self.admitted.over(over.limit, over.message)
        if over.owner != "attempt":
            self.admitted.fail(Cause.CANCELLED, f"the {over.owner}'s budget is spent: {over.message}")
        await self.admitted.note(f"limit {over.limit}: {over.message}", reply.status, self.path)
        return reply

    async def _supervised(self, work: asyncio.Future[Reply]) -> Reply:
        """The work's answer, or an error once the deadline has passed or the attempt is over."""
        deadline = self.admitted.deadline
        while not work.done():
            await asyncio.wait({work}, timeout=deadline.remaining())
            if deadline.passed() and not work.done():
                work.cancel()
                await asyncio.wait({work})
        if not work.cancelled():
            error = work.exception()
            doing = "" if error is None else f"passing a call on: {type(error).__name__}: {error}"
            return self.admitted.fail(Cause.HARNESS, doing) if doing else work.result()
        if self._read is not None:
            self._lose(read_stream(bytes(self._read)).usage if self.ask.stream else NO_USAGE)
        return _over() if self._stopped else self.admitted.over("wall", "the time of this trial is over")

    async def _turns(self) -> Reply:
        """Start turns until one is whole, the provider has had its chances, or money is short."""
        while True:
            while held := self.way.held():
                if not await self._wait(time.monotonic(), held, "hold"):
                    return self._give_up("hold")
            if not await self._room():
                return self._give_up("limit")
            begun = time.monotonic()
            try:
                outcome = await self._turn()
                self._weigh(outcome, begun)
            finally:
                self.way.throttle.leave()
            if isinstance(outcome, Reply):
                return self._judged(outcome)
            try:
                if not await self._again(outcome, begun):
                    return self._give_up(outcome.why)
            except OverLimit as over:
                return await self._refuse(over)

    async def _room(self) -> bool:
        """Enter below the run-wide limit, outside the agent's clock; False when that takes too long."""
        given = 0.0
        try:
            while not self.way.throttle.enter():
                if not self._bearable(_ROOM_S):
                    return False
                now = time.monotonic()
                given += self.admitted.give_back(now, now + _ROOM_S)
                await asyncio.sleep(_ROOM_S)
            return True
        finally:
            if given > _SHORTEST_WAIT_S:
                await self.admitted.write("wait", {"seconds": round(given, 6), "why": "limit"})

    async def _turn(self) -> Reply | Broken:
        """One turn at the upstream, its reservation on record before it begins."""
        if not self.counting:
            event: dict[str, JsonValue] = {"n": self._n, "micro_usd": self._reservation.micro_usd, "lost": self._lost()}
            await self.admitted.write("reserve", {**event, "request_sha256": sha256(self.ask.body)})
            if self.admitted.problem is not None:
                return self.admitted.fail(Cause.HARNESS, "the reservation could not be recorded")
        stream = None if self.counting else self.ask.stream
        url = self.admitted.base_url + self.path
        self._read = bytearray()
        outcome = await self.way.post(url, self.ask.body, self.headers, stream=stream, read=self._read)
        self._read = None
        return outcome

    def _weigh(self, outcome: Reply | Broken, begun: float) -> None:
        """Let the run-wide limit follow what the upstream says it can bear."""
        throttle = self.way.throttle
        refused = isinstance(outcome, Broken) and outcome.status in HOLDING
        if throttle.refused(begun) if refused else isinstance(outcome, Reply) and throttle.answered():
            self.admitted.log("limit lowered" if refused else "limit raised", {"calls_at_once": throttle.limit})

    async def _again(self, broken: Broken, begun: float) -> bool:
        """Book a broken turn and wait for the next; False when there is to be none."""
        if broken.charged:
            self._lose(broken.usage)
            self._reserve()
        self._retries += 1
        seconds = broken.retry_after or self.patience.back_off(self._retries - 1)
        if broken.status in HOLDING and broken.retry_after:
            self.way.hold(broken.retry_after)
        if self._retries >= self.patience.attempts:
            await self._wait(begun, 0.0, broken.why)
            return False
        return await self._wait(begun, seconds, broken.why)

    async def _wait(self, since: float, seconds: float, why: str) -> bool:
        """Give back the time since a moment and the seconds to come, and sleep through them; False: too long."""
        until = time.monotonic() + seconds
        bearable = self._bearable(until - since)
        if not bearable:
            until -= seconds
        given = self.admitted.give_back(since, until)
        try:
            await asyncio.sleep(until - time.monotonic())
        except asyncio.CancelledError:
            unused = min(given, max(0.0, until - time.monotonic()))
            self.admitted.take_back(unused)
            given -= unused
            raise
        finally:
            if given > _SHORTEST_WAIT_S:
                await self.admitted.write("wait", {"seconds": round(given, 6), "why": why})
        return bearable

    def _bearable(self, seconds: float) -> bool:
        """Count time that this call loses to the provider; False where it is too much."""
        self._lost_s += seconds
        return self._lost_s <= min(self.patience.waiting_s, self.admitted.length_s)

    def _give_up(self, why: str) -> Reply:
        lost = f"{self._retries} turns failed and {self._lost_s:.1f} s were lost or would be"
        return self.admitted.fail(Cause.PROVIDER, f"{why}: {lost}")

    def _judged(self, reply: Reply) -> Reply:
        """The reply, or an error in its place where the attempt is invalid because of it."""
        if too_long(reply) and not self.counting:
            if self._n == 1:
                self.admitted.fail(Cause.HARNESS, "the first prompt, which is ours, does not fit the model's context")
            return api_error(413, "request_too_large", "the prompt does not fit the model's context window")
        if denied(reply.status) and not self.counting:
            self.admitted.fail(Cause.PROVIDER, f"the upstream answered {reply.status}")
        if reply.message is None or same_model(self.admitted.model, reply.message.model):
            return reply
        why = f"{self.admitted.model} was asked and {reply.message.model[:80]!r} answered"
        return replace(self.admitted.fail(Cause.PROVIDER, why), message=reply.message)

    def _lose(self, usage: Usage) -> None:
        """Book a turn that broke: what it told of its usage is a floor."""
        cost = self.admitted.account.settle(self._reservation, usage, exact=False, call=False)
        self._reservation = _NOTHING
        self._lost_turns += 1
        self._lost_usage += usage
        self._lost_cost += cost

    def _lost(self) -> dict[str, JsonValue]:
        """Turns of this call that broke, and what they told of their usage."""
        usage, micro_usd = self._lost_usage._asdict(), self._lost_cost.micro_usd
        return {"turns": self._lost_turns, "usage": usage, "micro_usd": micro_usd}

    def _settle(self, message: Message | None) -> Cost:
        usage = message.usage if message else NO_USAGE
        exact = message is None or same_model(self.admitted.model, message.model)
        return self.admitted.account.settle(self._reservation, usage, exact=exact)

    async def _keep(self, reply: Reply, cost: Cost, seconds: float) -> None:
        """Record the exchange, and its bodies where that was asked for."""
        message = reply.message or Message()
        event: dict[str, JsonValue] = {
            "n": self._n,
            "model_asked": self.admitted.model,
            "model_answered": message.model or None,
            "status": reply.status,
            "stop_reason": message.stop_reason,
            "usage": message.usage._asdict(),
            "micro_usd": cost.micro_usd if cost.complete else None,
            "floor": cost.micro_usd,
            "reserved": self._reserved,
            "seconds": round(seconds, 6),
            "retries": self._retries,
            "lost": self._lost(),
            "agent_id": self.headers.get("x-claude-code-agent-id", "")[:100] or None,
            "request_sha256": sha256(self.ask.body),
            "response_sha256": sha256(reply.body),
        }
        await self.admitted.keep(self._n, self.ask.body, reply.body)
        await self.admitted.write("exchange", event)


def _over() -> Reply:
    return api_error(403, "permission_error", "this attempt is over")
