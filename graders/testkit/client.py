"""The HTTP client of hidden checks: one total deadline a request, size caps, no surprises.

Common clients time each read apart (a byte a second keeps them busy for good), decompress bombs and follow redirects.
This one sits on h11 and a socket: the deadline holds for the whole exchange, encodings are refused, redirects are
replies like any other, and every way a reply can be broken is one exception with a reason from a closed list.
"""

from __future__ import annotations

import json as jsonlib
import math
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import h11

from graders.testkit import strictjson
from graders.testkit.guise import PLAIN
from graders.testkit.idle import Idle
from graders.testkit.problems import ProtocolProblem

if TYPE_CHECKING:
    from graders.testkit.websocket import Socket

DEADLINE_S = 10.0
BODY_CAP = 1024 * 1024
HEADER_CAP = 64 * 1024
INFORMATIONAL_CAP = 8
SHOWN = 300

Result = TypeVar("Result")


@dataclass(frozen=True)
class Reply:
    """A whole reply."""

    request: str
    """`METHOD /path`, for messages."""
    status: int
    headers: Mapping[str, str]
    """Lower-case names; repeated headers are joined by `, `."""
    body: bytes

    def json(self) -> Any:
        """The body as strict JSON."""
        try:
            return strictjson.loads(self.body)
        except strictjson.NotStrictJson as error:
            raise ProtocolProblem("bad_json", f"{self.request}: {error}") from error

    def expect(self, *statuses: int) -> Reply:
        """Assert that the status is one of these, and return the reply."""
        wanted = " or ".join(str(status) for status in statuses)
        assert self.status in statuses, f"{self.request}: expected {wanted}, got {self.status}: {self.shown()}"
        return self

    def shown(self) -> str:
        """The start of the body, printable."""
        return repr(self.body[:SHOWN].decode("utf-8", "replace"))


class Api:
    """Speaks HTTP/1.1 to the delivered app; with `idle`, requests use connections that earlier ones left."""

    def __init__(
        self,
        host: str,
        port: int,
        deadline_s: float = DEADLINE_S,
        end: float = math.inf,
        idle: Idle | None = None,
        guise: Mapping[str, str] = PLAIN,
    ) -> None:
        self.host = host
        self.port = port
        self.deadline_s = deadline_s
        self.end = end
        """Moment on the monotonic clock past which no request goes on, whatever its own deadline."""
        self.idle = idle
        self.guise = guise
        """Headers with which it introduces itself; a check's own headers go before them."""

    def websocket(
        self, path: str, headers: Mapping[str, str] | None = None, subprotocols: Sequence[str] = ()
    ) -> Socket:
        """A WebSocket conversation, to be used in a `with` block."""
        from graders.testkit.websocket import Socket

        end = min(self.end, time.monotonic() + self.deadline_s)
        return Socket(
            f"ws://{self.host}:{self.port}{path}", dict(headers or {}), tuple(subprotocols), self.deadline_s, end
        )

    def within(self, seconds: float) -> Api:
        """The same app, with this deadline for every request."""
        return Api(self.host, self.port, seconds, self.end, self.idle, self.guise)

    def get(self, path: str, params: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """GET with query parameters (a mapping or a list of pairs)."""
        return self.request("GET", path, params=params, headers=headers)

    def delete(self, path: str, params: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """DELETE."""
        return self.request("DELETE", path, params=params, headers=headers)

    def post(self, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """POST a JSON body."""
        return self.request("POST", path, json=json, headers=headers)

    def put(self, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """PUT a JSON body."""
        return self.request("PUT", path, json=json, headers=headers)

    def patch(self, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """PATCH with a JSON body."""
        return self.request("PATCH", path, json=json, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: object = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """Any request; `content` is sent as it is, `json` is encoded."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        own = {"Host": f"{self.host}:{self.port}", **self.guise}
        fields = {name: value for name, value in own.items() if name.lower() not in given}
        if self.idle is None:
            fields["connection"] = "close"
        body = content
        if content is None and json is not None:
            body = jsonlib.dumps(json).encode()
            fields["content-type"] = "application/json"
        fields = {name: value for name, value in fields.items() if name not in given} | given
        if body is not None:
            fields["content-length"] = str(len(body))
        target = f"{path}?{urlencode(params, doseq=True)}" if params else path  # type: ignore[arg-type]
        return _Exchange(self, method, target, fields, body or b"").run()

    def together(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """Run calls at once, each in a thread of its own; results in the order of the calls."""
        with ThreadPoolExecutor(max_workers=max(1, len(calls))) as pool:
            return [future.result() for future in [pool.submit(call) for call in calls]]


class _Exchange:
    """One request and its reply on one connection."""

    def __init__(self, api: Api, method: str, target: str, fields: Mapping[str, str], body: bytes) -> None:
        self.label = f"{method} {target[:200]}"
        self._api = api
        self._end = min(time.monotonic() + api.deadline_s, api.end)
        self._connection = _connection()
        self._heard = False
        headers = [(name.encode(), value.encode("utf-8")) for name, value in fields.items()]
        self._request = h11.Request(method=method.encode(), target=target.encode(), headers=headers)
        self._body = body

    def run(self) -> Reply:
        try:
            return self._run()
        except TimeoutError as error:
            raise ProtocolProblem("deadline", f"{self.label}: no whole reply in {self._api.deadline_s:g} s") from error
        except OSError as error:
            raise ProtocolProblem("connection", f"{self.label}: {error.strerror or 'connection failed'}") from error
        except h11.RemoteProtocolError as error:
            raise ProtocolProblem("protocol", f"{self.label}: broken HTTP: {error}") from error

    def _run(self) -> Reply:
        left = self._api.idle.take() if self._api.idle is not None else None
        if left is not None:
            try:
                return self._on(left)
            except (ConnectionError, h11.RemoteProtocolError):
                if self._heard:
                    raise
                # The app hung up while the connection was idle: nobody has seen this request yet.
                self._connection = _connection()
        return self._on(socket.create_connection((self._api.host, self._api.port), timeout=self._left()))

    def _on(self, sock: socket.socket) -> Reply:
        kept = False
        try:
            self._send(sock)
            reply = self._receive(sock)
            kept = self._api.idle is not None and self._reusable()
            return reply
        finally:
            if kept and self._api.idle is not None:
                self._api.idle.keep(sock)
            else:
                sock.close()

    def _reusable(self) -> bool:
        done = self._connection.our_state is h11.DONE and self._connection.their_state is h11.DONE
        return done and not self._connection.trailing_data[0]

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _send(self, sock: socket.socket) -> None:
        data = self._connection.send(self._request) or b""
        if self._body:
            data += self._connection.send(h11.Data(data=self._body)) or b""
        data += self._connection.send(h11.EndOfMessage()) or b""
        sock.settimeout(self._left())
        sock.sendall(data)

    def _receive(self, sock: socket.socket) -> Reply:
        response: h11.Response | None = None
        body = bytearray()
        informational = 0
        while True:
            event = self._connection.next_event()
            if event is h11.NEED_DATA:
                sock.settimeout(self._left())
                data = sock.recv(65536)
                self._heard = self._heard or bool(data)
                self._connection.receive_data(data)
            elif isinstance(event, h11.InformationalResponse):
                informational += 1
                if informational > INFORMATIONAL_CAP:
                    raise ProtocolProblem("protocol", f"{self.label}: too many informational responses")
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_CAP:
                    raise ProtocolProblem("too_large", f"{self.label}: body over {BODY_CAP} bytes")
            else:
                return self._reply(response, bytes(body))

    def _reply(self, response: h11.Response | None, body: bytes) -> Reply:
        if response is None:
            raise ProtocolProblem("connection", f"{self.label}: the connection closed without a reply")
        headers: dict[str, str] = {}
        for raw, value in response.headers:
            name = raw.decode("ascii", "replace")
            text = value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        if headers.get("content-encoding", "identity") != "identity":
            raise ProtocolProblem("protocol", f"{self.label}: a content encoding nobody asked for")
        return Reply(self.label, response.status_code, headers, body)


def _connection() -> h11.Connection:
    return h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=HEADER_CAP)
