"""The WebSocket client of hidden checks: every wait has a deadline, every message a cap, nothing is compressed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, WebSocketException  # type: ignore[import-not-found]
from websockets.sync.client import ClientConnection, connect  # type: ignore[import-not-found]
from websockets.typing import Subprotocol  # type: ignore[import-not-found]

from graders.testkit import strictjson
from graders.testkit.problems import ProtocolProblem

MESSAGE_CAP = 256 * 1024
QUEUED = 16


class Closed(ProtocolProblem):
    """The app closed the conversation; `code` is the close code, 1006 where it just hung up."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__("connection", message)
        self.code = code


class Refused(ProtocolProblem):
    """The app answered the handshake with a status of its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__("protocol", message)
        self.status = status


class Socket:
    """One conversation; `deadline_s` bounds each wait, `end` (monotonic) the opening."""

    def __init__(
        self, url: str, headers: Mapping[str, str], subprotocols: Sequence[str], deadline_s: float, end: float
    ) -> None:
        self._url = url
        self._headers = headers
        self._subprotocols = [Subprotocol(name) for name in subprotocols]
        self._deadline_s = deadline_s
        self._end = end
        self._connection: ClientConnection | None = None

    def __enter__(self) -> Socket:
        try:
            with self._problems("open"):
                self._connection = connect(
                    self._url,
                    additional_headers=dict(self._headers),
                    subprotocols=self._subprotocols or None,
                    compression=None,
                    proxy=None,
                    open_timeout=max(0.0, self._end - time.monotonic()),
                    close_timeout=1.0,
                    ping_interval=None,
                    max_size=MESSAGE_CAP,
                    max_queue=QUEUED,
                )
        except InvalidStatus as error:
            status = error.response.status_code
            raise Refused(status, f"WEBSOCKET {self._url}: refused with {status}") from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the app chose."""
        chosen: str | None = self._open.subprotocol
        return chosen

    def send(self, message: str | bytes) -> None:
        """Send one text or binary message."""
        with self._problems("send"):
            self._open.send(message)

    def send_json(self, value: Any) -> None:
        """Send one text message that holds JSON."""
        self.send(json.dumps(value))

    def receive(self) -> str | bytes:
        """The next message; `Closed` with the code where the app closes instead."""
        with self._problems("receive"):
            message: str | bytes = self._open.recv(timeout=self._deadline_s)
            return message

    def receive_json(self) -> Any:
        """The next message as strict JSON."""
        message = self.receive()
        try:
            return strictjson.loads(message.encode() if isinstance(message, str) else message)
        except strictjson.NotStrictJson as error:
            raise ProtocolProblem("bad_json", f"WEBSOCKET {self._url}: {error}") from error

    def closed(self) -> int:
        """Wait until the app closes; the close code. A message that comes instead is a problem."""
        try:
            message = self.receive()
        except Closed as closed:
            return closed.code
        raise ProtocolProblem("protocol", f"WEBSOCKET {self._url}: expected a close, got {str(message)[:200]!r}")

    @property
    def _open(self) -> ClientConnection:
        if self._connection is None:
            raise RuntimeError("use the conversation in a `with` block")
        return self._connection

    @contextmanager
    def _problems(self, doing: str) -> Iterator[None]:
        label = f"WEBSOCKET {self._url}: {doing}"
        try:
            yield
        except InvalidStatus:
            raise
        except TimeoutError as error:
            raise ProtocolProblem("deadline", f"{label}: nothing in {self._deadline_s:g} s") from error
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else 1006
            if error.sent is not None and error.sent.code == 1009:
                raise ProtocolProblem("too_large", f"{label}: a message over {MESSAGE_CAP} bytes") from error
            raise Closed(code, f"{label}: closed with {code}") from error
        except (InvalidHandshake, InvalidMessage, WebSocketException, ValueError) as error:
            raise ProtocolProblem("protocol", f"{label}: {type(error).__name__}: {str(error)[:200]}") from error
        except (OSError, EOFError) as error:
            raise ProtocolProblem("connection", f"{label}: {str(error)[:200]}") from error
