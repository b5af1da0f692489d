"""The gateway itself: a server thread on a loopback port, and who is admitted to it.

The keys of upstreams stay in this process. An agent's driver gets an address and a token that is worthless elsewhere
and after the attempt; usage and cost are metered here and never taken from an agent's own account of them. Libraries
are loaded when a gateway starts, so that a command that needs none does not pay for them.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from pydantic import JsonValue

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, UsageError
from harness.core.ports import Metered
from harness.core.records import Limits
from harness.gateway.exchange import Admitted, Log, Past, Patience, unheard
from harness.gateway.meter import Account, Purse, micro
from harness.gateway.prices import PriceTable
from harness.gateway.record import Recorder

if TYPE_CHECKING:
    import uvicorn

    from harness.gateway.wire import Wire

_START_S = 10.0
_STOP_S = 2
_TOLD = 256
"""Attempts that are over and whose count can still be asked for; a run has tens of thousands."""


@dataclass(frozen=True)
class Upstream:
    """Where calls are passed on to."""

    base_url: str
    """Without `/v1`."""
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Admission:
    """What a driver gets."""

    token: str
    base_url: str


class Gateway:
    """One door to a model for all attempts of a run; a context manager that starts and stops the server."""

    def __init__(
        self,
        prices: PriceTable,
        run_usd: float | None = None,
        *,
        spent: Mapping[str, int] | None = None,
        patience: Patience | None = None,
        log: Log = unheard,
    ) -> None:
        """`run_usd`: cap on the money of all attempts together, None for no cap.

        `spent`: trial -> micro-dollars that its earlier attempts cost, or may have cost; they count for both caps.
        `log` gets what concerns the run: a limit that moves, a call that comes too late.
        """
        self._prices = prices
        self._log = log
        self._patience = patience or Patience()
        self._run = Purse(None if run_usd is None else micro(run_usd))
        self._spent = dict(spent or {})
        self._run.spent = sum(self._spent.values())
        self._trials: dict[str, Purse] = {}
        self._admitted: dict[str, Admitted] = {}
        self._past: dict[str, Past] = {}
        self._told: deque[str] = deque()
        self._waited_s = 0.0
        """By attempts that are over."""
        self._wires: dict[tuple[str, str | None], Wire] = {}
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._base_url = ""

    def __enter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        # Accepted sockets inherit this; without it Nagle and delayed acknowledgements cost 40 ms a call.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="gateway", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise Failure(Cause.HARNESS, f"the gateway did not start within {_START_S} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for token in list(self._admitted):
            self.close_admission(token)
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()

    def admit(
        self,
        *,
        upstream: Upstream,
        model: str,
        limits: Limits,
        deadline: Deadline,
        record: Callable[[str, Mapping[str, JsonValue]], None],
        exchanges: Path | None = None,
        name: str = "",
    ) -> Admission:
        """Let one attempt in, to one model of one upstream.

        `record` gets every event and is called on other threads. `exchanges`: folder for the bodies of all exchanges.
        `name`: the attempt's trial, whose attempts share one cap on money; without it an attempt is a trial of its own.
        `UsageError` for an upstream that is no address.
        """
        parts = urlsplit(upstream.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("no http address", where=f"upstream {upstream.base_url!r}", mend="give scheme and host")
        token = secrets.token_urlsafe(24)
        trial = name or token
        self._admitted[token] = Admitted(
            base_url=upstream.base_url.rstrip("/"),
            wire_key=(f"{parts.scheme}://{parts.netloc}", upstream.api_key),
            model=model,
            account=Account(self._prices, model, limits, self._trial(trial, limits), self._run),
            trial=trial,
            deadline=deadline,
            record=record,
            recorder=Recorder(exchanges) if exchanges is not None else None,
            name=name,
            log=self._log,
        )
        return Admission(token, self._base_url)

    def _trial(self, name: str, limits: Limits) -> Purse:
        """What all attempts of a trial spend from."""
        purse = self._trials.get(name)
        if purse is None:
            purse = self._trials[name] = Purse(micro(limits.usd), self._run)
            purse.spent = self._spent.get(name, 0)
        return purse

    def close_admission(self, token: str) -> Metered:
        """End an attempt: what is under way is given up and booked, later calls are refused; the final count."""
        admitted = self._admitted.get(token)
        if admitted is not None and self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._close(token, admitted), self._loop).result()
        metered = self._past[token].metered
        assert metered is not None, "nobody asks so late what an attempt has cost"
        return metered

    def problem(self, token: str) -> Failure | None:
        """Why the attempt is invalid, None while it is not."""
        return self._either(token).problem

    def limit(self, token: str) -> str | None:
        """The limit a call was refused for first: tokens, money or wall."""
        return self._either(token).limit

    def late(self, token: str) -> int:
        """Calls that came after the attempt was over."""
        return self._past[token].late if token in self._past else 0

    def spent(self) -> int:
        """Micro-dollars that all attempts have cost so far; a floor where a model has no price."""
        return self._run.spent

    def budget_spent(self) -> bool:
        """Whether a call was refused because of the run's budget."""
        return self._run.refused

    def waited_s(self) -> float:
        """Seconds that attempts have waited for their upstreams so far, all added up."""
        return self._waited_s + sum(each.account.metered().waited_s for each in list(self._admitted.values()))

    def _serve(self, listener: socket.socket) -> None:
        import uvicorn
        import uvloop

        from harness.gateway.app import App

        app = App(self._known, self._wire, self._patience)
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=_STOP_S,
        )
        self._server = uvicorn.Server(config)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run_server(self._server, listener))

    async def _run_server(self, server: uvicorn.Server, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        try:
            await server.serve(sockets=[listener])
        finally:
            for wire in self._wires.values():
                await wire.close()

    def _known(self, token: str) -> Admitted | Past | None:
        return self._admitted.get(token) or self._past.get(token)

    def _either(self, token: str) -> Admitted | Past:
        return self._admitted.get(token) or self._past[token]

    async def _close(self, token: str, admitted: Admitted) -> None:
        """Give up what is under way, and keep little of an attempt that is over; whoever else closes it waits."""
        if admitted.closed:
            while token not in self._past:
                await asyncio.sleep(0.001)
            return
        admitted.closed = True
        for exchange in list(admitted.running):
            exchange.stop()
        while admitted.running:
            await asyncio.sleep(0.001)
        self._past[token] = admitted.end()
        self._waited_s += admitted.account.metered().waited_s
        self._told.append(token)
        if len(self._told) > _TOLD:
            self._past[self._told.popleft()].metered = None
        del self._admitted[token]
        if all(each.trial != admitted.trial for each in list(self._admitted.values())):
            purse = self._trials.pop(admitted.trial)
            self._spent[admitted.trial] = purse.spent + purse.unsettled

    def _wire(self, admitted: Admitted) -> Wire:
        """The wire to the attempt's upstream, opened at its first call."""
        from harness.gateway.wire import Wire

        wire = self._wires.get(admitted.wire_key)
        if wire is None:
            origin, key = admitted.wire_key
            wire = self._wires[admitted.wire_key] = Wire(origin, key, self._patience.stall_s)
        return wire
