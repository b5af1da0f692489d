"""Answers some operations by itself, and takes parameters and answers away from others, as the file beside it says."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Call = Callable[[Message, Receive, Send], Awaitable[None]]

MISSING: dict[str, Any] = {"status": 501, "headers": {}, "body": {"detail": "Not implemented"}}


class Partial:
    """ASGI middleware."""

    def __init__(self, app: Call) -> None:
        self._app = app
        operations = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
        # Of two routes that match, the one with fewer parameters is meant.
        operations.sort(key=lambda operation: operation["path"].count("{"))
        self._operations = [(_route(operation["path"]), operation) for operation in operations]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        operation = self._operation(scope)
        if operation is None:
            await self._app(scope, receive, send)
        elif operation["answer"] is None:
            taken = {**scope, "query_string": _query(scope, operation), "headers": _headers(scope, operation)}
            await self._app(taken, receive, _Refusing(send, operation["statuses"]) if operation["statuses"] else send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1011})
        else:
            await _answer(send, operation["answer"])

    def _operation(self, scope: Message) -> Any:
        if scope["type"] not in ("http", "websocket"):
            return None
        method = scope.get("method", "GET")
        for route, operation in self._operations:
            if operation["method"] == method and route.fullmatch(scope["path"]):
                return operation
        return None


class _Refusing:
    """Passes messages on, but for answers with a status that is not implemented."""

    def __init__(self, send: Send, statuses: list[int]) -> None:
        self._send = send
        self._statuses = statuses
        self._refused = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in self._statuses:
            self._refused = True
            await _answer(self._send, MISSING)
        elif not self._refused:
            await self._send(message)


async def _answer(send: Send, answer: Any) -> None:
    body = b"" if answer["body"] is None else json.dumps(answer["body"]).encode()
    headers = {**({"content-type": "application/json"} if body else {}), **answer["headers"]}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer["status"], "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _query(scope: Message, operation: Any) -> bytes:
    if not operation["query"]:
        return bytes(scope["query_string"])
    pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
    return urlencode([pair for pair in pairs if pair[0] not in operation["query"]]).encode()


def _headers(scope: Message, operation: Any) -> list[tuple[bytes, bytes]]:
    return [pair for pair in scope["headers"] if pair[0].decode("latin-1") not in operation["headers"]]


def _route(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in re.split(r"\{[^}]*\}", path)))
