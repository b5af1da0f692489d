"""The gateway's routes: who may come in, and how an answer goes out.

Two routes lead to a model; two more tell a client that somebody is there. A streaming client that has to wait hears a
ping every few seconds; until the first one is due the real status can still be sent.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from harness.gateway.answer import EVENT_STREAM, Reply, api_error
from harness.gateway.exchange import PROVIDER_ERROR, Admitted, Exchange, Past, Patience, Way
from harness.gateway.screen import Refused, screen
from harness.gateway.sse import PING, error_event

MAX_BODY = 32 * 1024 * 1024
MODEL_ROUTES = {"/v1/messages": False, "/v1/messages/count_tokens": True}
"""Path -> whether tokens are only counted."""
_GREETINGS = {("HEAD", "/"), ("GET", "/"), ("HEAD", "/api/hello"), ("GET", "/api/hello")}


@dataclass(frozen=True)
class App:
    """The ASGI application."""

    admitted: Callable[[str], Admitted | Past | None]
    """By token."""
    way: Callable[[Admitted], Way]
    patience: Patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._response(request)
            await response(scope, receive, send)
        except ClientDisconnect:
            return

    async def _response(self, request: Request) -> Response:
        if (request.method, request.url.path) in _GREETINGS:
            return Response(b"", media_type="application/json")
        admitted = self.admitted(_token(request))
        if admitted is None:
            return _sent(api_error(401, "authentication_error", "unknown token"))
        if isinstance(admitted, Past):
            return _sent(admitted.late_call(request.url.path))
        try:
            exchange = await self._exchange(request, admitted)
        except Refused as refused:
            await admitted.note(refused.message, refused.status, f"{request.method} {request.url.path}")
            return _sent(api_error(refused.status, refused.kind, refused.message))
        return await self._answer(exchange)

    async def _exchange(self, request: Request, admitted: Admitted) -> Exchange:
        """The call that a request asks for; `Refused` where it may not be made."""
        path = request.url.path
        if request.method != "POST" or path not in MODEL_ROUTES:
            raise Refused("there is nothing here", status=404, kind="not_found_error")
        body = await _body(request)
        if admitted.closed:
            raise Refused("this attempt is over", status=403, kind="permission_error")
        if admitted.problem is not None:
            raise Refused("the gateway gave this attempt up", kind=PROVIDER_ERROR)
        counting = MODEL_ROUTES[path]
        ask = screen(body, admitted.model, counting=counting)
        query = f"?{request.url.query}" if request.url.query else ""
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Exchange(admitted, ask, path + query, headers, self.way(admitted), self.patience, counting)

    async def _answer(self, exchange: Exchange) -> Response:
        running = exchange.admitted.running
        running.add(exchange)
        task = asyncio.create_task(exchange.run())
        task.add_done_callback(lambda _: running.discard(exchange))
        if exchange.ask.stream:
            await asyncio.wait({task}, timeout=self.patience.ping_s)
            if not task.done():
                return StreamingResponse(self._stream(task), media_type=EVENT_STREAM, headers=_request_id(""))
        return _sent(await task)

    async def _stream(self, task: asyncio.Task[Reply]) -> AsyncIterator[bytes]:
        while not task.done():
            yield PING
            await asyncio.wait({task}, timeout=self.patience.ping_s)
        reply = task.result()
        yield reply.body if reply.status == 200 else error_event(reply.body)


def _token(request: Request) -> str:
    bearer = request.headers.get("authorization", "")
    return bearer[7:].strip() if bearer[:7].lower() == "bearer " else request.headers.get("x-api-key", "")


async def _body(request: Request) -> bytes:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused("an encoded body is not read", status=415)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise Refused(f"a body has at most {MAX_BODY} bytes", status=413, kind="request_too_large")
    return bytes(body)


def _sent(reply: Reply) -> Response:
    return Response(reply.body, reply.status, _request_id(reply.request_id), reply.media_type)


def _request_id(given: str) -> dict[str, str]:
    return {"request-id": given or f"req_{secrets.token_hex(12)}"}
