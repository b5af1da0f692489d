"""What the judge cannot do itself and asks of the host, over its own standard input and output.

Each request is a record on the channel, each answer a line that only the host can write. A request that the task's
stand cannot serve ends the judging as a fault of the task, never as a failed check.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Literal

from graders.testkit.client import Api
from graders.testkit.problems import ProtocolProblem
from graders.testkit.waiting import until

RESTART_S = 60.0

Service = Literal["postgres", "valkey"]


class Host:
    """The other end of the judge's standard input and output."""

    def __init__(self, write: Callable[[dict[str, Any]], None], answers: IO[bytes]) -> None:
        self._write = write
        self._answers = answers
        self._lock = threading.Lock()
        self._number = 0

    def wait_for_go(self) -> bool:
        """Whether the host says that the app was started; False when it has gone."""
        return self._answers.readline() == b"go\n"

    def ask(self, request: str, /, **about: Any) -> Any:
        """Ask for one thing and wait for what came of it."""
        with self._lock:
            self._number += 1
            self._write({"type": "ask", "number": self._number, "what": request, "about": about})
            line = self._answers.readline()
            answer = json.loads(line) if line else {}
            if answer.get("number") != self._number:
                raise SystemExit("the host does not answer")
            return answer["value"]


class Faults:
    """Breaks things under the app, and mends them; what a check leaves broken is mended when it ends."""

    def __init__(self, host: Host, replicas: Sequence[Api], health: str) -> None:
        self._host = host
        self._replicas = replicas
        self._health = health
        self._stopped: list[Service] = []
        self._down: set[int] = set()

    def restart(self, replica: int = 0) -> int | None:
        """End the app in good order and start it again; its exit status, None where it had to be killed."""
        status: int | None = self._host.ask("stop_app", replica=replica)
        self._down.add(replica)
        self.start(replica)
        return status

    def kill(self, replica: int = 0) -> None:
        """Kill the app at once; it stays down until it is started."""
        self._host.ask("kill_app", replica=replica)
        self._down.add(replica)

    def start(self, replica: int = 0) -> None:
        """Start the app again and wait until it is ready."""
        self._host.ask("start_app", replica=replica)
        self._down.discard(replica)
        self.wait_ready(replica)

    def wait_ready(self, replica: int = 0) -> None:
        """Wait until the health path answers 200."""
        api = self._replicas[replica]
        until(lambda: api.get(self._health).status == 200, f"replica {replica} is ready again", RESTART_S)

    def stop_service(self, name: Service) -> None:
        """Stop the database or the cache; connections to it end."""
        self._host.ask("stop_service", name=name)
        self._stopped.append(name)

    def start_service(self, name: Service) -> None:
        """Start it again; the database keeps its rows, the cache forgets."""
        self._host.ask("start_service", name=name)
        self._stopped.remove(name)

    @contextmanager
    def without(self, name: Service) -> Iterator[None]:
        """The database or the cache is stopped while the block runs."""
        self.stop_service(name)
        try:
            yield
        finally:
            if name in self._stopped:
                self.start_service(name)

    def log(self, replica: int = 0) -> str:
        """All that the app wrote to its standard output and error, over its restarts."""
        return str(self._host.ask("log", replica=replica))

    def mend(self) -> None:
        """Start whatever is down, and wait until every replica is ready."""
        touched = bool(self._stopped or self._down)
        for name in tuple(self._stopped):
            self.start_service(name)
        for replica in sorted(self._down):
            self.start(replica)
        if touched:
            for replica in range(len(self._replicas)):
                try:
                    self.wait_ready(replica)
                except ProtocolProblem:
                    # A dead app must not fail every check that follows for this one's fault.
                    self._host.ask("kill_app", replica=replica)
                    self.start(replica)
