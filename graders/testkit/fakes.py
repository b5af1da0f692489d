"""The check's side of the fake peers: say what they answer, and read what the app sent them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from graders.testkit import strictjson
from graders.testkit.waiting import until


class Asks(Protocol):
    """Whoever passes a word on to the peers."""

    def ask(self, request: str, /, **about: Any) -> Any: ...


@dataclass(frozen=True)
class Step:
    """How a peer answers one request."""

    text: str = "All is well."
    """What the provider says, streamed word by word where the app asks for a stream; the message of a refusal."""
    status: int = 200
    """Anything but 200 refuses."""
    first_s: float = 0.0
    """Seconds before the first byte."""
    each_s: float = 0.0
    """Seconds between two pieces of a stream."""
    cut_after: int | None = None
    """Hang up after this many pieces; 0: without an answer."""
    garbage: bool = False
    """Break the JSON."""
    retry_after: int | None = None
    """Seconds in the header of a refusal."""


@dataclass(frozen=True)
class Seen:
    """A request that a peer got."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Lower-case names."""
    body: str
    at: float
    """Moment on the peer's monotonic clock."""

    def json(self) -> Any:
        """The body as strict JSON."""
        return strictjson.loads(self.body.encode())


class Peer:
    """One fake peer; scripts and memory are empty when a check begins."""

    def __init__(self, host: Asks, name: str) -> None:
        self._host = host
        self._name = name

    def then(self, *steps: Step) -> None:
        """Answer the next requests so, one step each; afterwards as `always` says."""
        self._tell("script", steps)

    def always(self, step: Step) -> None:
        """Answer so whatever no step is left for."""
        self._tell("default", (step,))

    def seen(self) -> list[Seen]:
        """Every request so far, oldest first."""
        return [Seen(**request) for request in self._host.ask("peer", name=self._name, what="seen")]

    def wait_for(self, count: int, seconds: float = 10.0) -> list[Seen]:
        """Wait until so many requests have come."""

        def enough() -> list[Seen]:
            found = self.seen()
            return found if len(found) >= count else []

        return until(enough, f"{count} requests at the {self._name}", seconds)

    def reset(self) -> None:
        """Forget script and requests."""
        self._tell("reset", ())

    def _tell(self, what: str, steps: tuple[Step, ...]) -> None:
        self._host.ask("peer", name=self._name, what=what, steps=[asdict(step) for step in steps])
