"""Reference players on the wire: a loopback server that speaks the Messages API from scripts.

Which turn to play is read from the request alone (the number of assistant messages in it), so retries, replays and
concurrent trials need no state. It refuses what the real API refuses (a tool call left without its result), so that a
driver's mistake shows here and not with a real model. Faults are a function of the caller's: the chaos tests of the
gateway are played on this same server.
"""

from __future__ import annotations

import json
import math
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import Field, JsonValue

from harness.core.digest import sha256
from harness.core.records import Record
from harness.models.script import Turn

_PIECE = 4096
"""Characters of text or JSON in one delta."""
_OVER = Turn(text="There is nothing left to do.")
"""What is played past the end of a script."""


class Fault(Record):
    """One thing that goes wrong instead of, or within, an answer."""

    kind: Literal[
        "status",
        "drop_before",
        "drop_in_stream",
        "error_event",
        "stall_before",
        "stall_in_stream",
        "wrong_model",
        "refusal",
        "max_tokens",
        "empty",
    ]
    """`status`: an error answer; `error_event`: an `error` event within the stream (a plain answer gets status 529)."""
    status: int = 529
    headers: dict[str, str] = Field(default_factory=dict)
    """Further headers of an error answer, such as `retry-after`."""
    error: str = "overloaded_error"
    """`error.type` of an error answer or event."""
    seconds: float = 0.0
    """How long a stall lasts; the answer goes on after it."""
    model: str = "another-model"
    """Model that `wrong_model` answers with."""


Script = Sequence[Turn] | Callable[[str], Sequence[Turn]]
"""Turns, or how to choose them by the text of the first user message."""

Sent = Callable[[str, bytes, bytes], None]
"""(lane, request body, the part of an answer that is sent): a provider's own ledger."""

Faults = Callable[[str, int, int], Fault | None]
"""(lane, turn from 0, attempt at this turn from 1) -> what goes wrong, if anything."""


class PlayerServer:
    """A context manager: a server on a loopback port that plays one script a lane."""

    def __init__(self, faults: Faults | None = None, sent: Sent | None = None) -> None:
        self._faults = faults
        self._sent = sent
        self._scripts: dict[str, Script] = {}
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server = _Server(self._scripts, self._faults, self._sent)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="players", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.end()
            self._thread.join()

    def add(self, lane: str, script: Script) -> str:
        """Play `script` to whoever uses the base URL that is returned; the same lane again replaces its script."""
        if self._server is None:
            raise RuntimeError("the player server is used inside its `with` block")
        self._scripts[lane] = script
        return f"http://127.0.0.1:{self._server.server_port}/{quote(lane, safe='')}"


class _Server(ThreadingHTTPServer):
    """Threads are joined at the end, and idle connections are shut, so nothing outlives the `with` block."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, scripts: Mapping[str, Script], faults: Faults | None, sent: Sent | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scripts = scripts
        self.sent = sent
        self.ended = threading.Event()
        self._faults = faults
        self._lock = threading.Lock()
        self._attempts: Counter[tuple[str, int]] = Counter()
        self._open: set[socket] = set()

    def fault(self, lane: str, turn: int) -> Fault | None:
        """What goes wrong with this request."""
        if self._faults is None:
            return None
        with self._lock:
            self._attempts[lane, turn] += 1
            attempt = self._attempts[lane, turn]
        return self._faults(lane, turn, attempt)

    def server_bind(self) -> None:
        # Without the base class's look-up of a host name, which may wait for a resolver.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """Stop accepting, wake whoever stalls or waits for a next request, and wait for all threads."""
        self.ended.set()
        self.shutdown()
        with self._lock:
            for connection in self._open:
                _shut(connection)
        self.server_close()


def _shut(connection: socket) -> None:
    try:
        connection.shutdown(SHUT_RDWR)
    except OSError:
        return  # The client was faster.


class _Handler(BaseHTTPRequestHandler):
    """One connection. Answers are built whole and sent at once; a fault cuts or delays the bytes."""

    server: _Server
    _sent: Callable[[bytes], None] | None = None
    """Tells the ledger of an answer's bytes."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Players do not log."""

    def do_HEAD(self) -> None:
        """Some clients ask whether the server is there."""
        self._send(200, b"")

    def do_GET(self) -> None:
        """There is nothing to get."""
        self._error(404, "not_found_error", f"no such route: GET {self.path}")

    def do_POST(self) -> None:
        """Play a turn, or count tokens."""
        data = self.rfile.read(int(self.headers.get("content-length", "0")))
        lane, _, route = urlsplit(self.path).path.removeprefix("/").partition("/")
        script = self.server.scripts.get(unquote(lane))
        if script is None or route not in {"v1/messages", "v1/messages/count_tokens"}:
            self._error(404, "not_found_error", f"no such route: POST {self.path}")
            return
        try:
            body = json.loads(data)
            messages = body["messages"]
            problem = _problem(messages)
        except (ValueError, TypeError, KeyError, AttributeError):
            self._error(400, "invalid_request_error", "the body is not a Messages request")
            return
        if problem:
            self._error(400, "invalid_request_error", problem)
        elif route == "v1/messages":
            self._play(unquote(lane), script, body, data)
        else:
            self._send(200, _json({"input_tokens": _tokens(len(data))}))

    def _play(self, lane: str, script: Script, body: Mapping[str, Any], data: bytes) -> None:
        if callable(script):
            script = script(_text(body["messages"][0]))
        index = sum(message["role"] == "assistant" for message in body["messages"])
        turn = script[index] if index < len(script) else _OVER
        fault = self.server.fault(lane, index)
        if fault is not None and self._before(fault):
            return
        message = _message(_changed(turn, fault), index, str(body.get("model", "")), len(data))
        if fault is not None and fault.kind == "wrong_model":
            message["model"] = fault.model
        request_id = f"req_{sha256(data)[:24]}"
        self._sent = partial(self.server.sent, lane, data) if self.server.sent is not None else None
        if body.get("stream"):
            self._stream(message, request_id, fault)
        else:
            self._whole(message, request_id, fault)

    def _before(self, fault: Fault) -> bool:
        """Play a fault that comes before any answer; True where there is no answer any more."""
        if fault.kind == "drop_before":
            self.close_connection = True
        elif fault.kind == "status":
            self._error(fault.status, fault.error, "a scripted fault", fault.headers)
        elif fault.kind == "stall_before":
            self.server.ended.wait(fault.seconds)
        return fault.kind in {"drop_before", "status"}

    def _whole(self, message: dict[str, Any], request_id: str, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "error_event":
            self._error(fault.status, fault.error, "a scripted fault")
            return
        self._head(200, {"request-id": request_id, "content-type": "application/json"}, len(_json(message)))
        self._body(_json(message), fault)

    def _stream(self, message: dict[str, Any], request_id: str, fault: Fault | None) -> None:
        events = [_event(event) for event in _events(message)]
        if fault is not None and fault.kind == "error_event":
            events[len(events) // 2 :] = [_event(_api_error(fault.error, "a scripted fault"))]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in events)
        self._head(200, {"request-id": request_id, "content-type": "text/event-stream; charset=utf-8"}, None)
        self._body(chunks + b"0\r\n\r\n", fault)

    def _body(self, data: bytes, fault: Fault | None) -> None:
        half = len(data) // 2
        if self._sent is not None:
            self._sent(data[:half] if fault is not None and fault.kind == "drop_in_stream" else data)
        if fault is None or fault.kind not in {"drop_in_stream", "stall_in_stream"}:
            self.wfile.write(data)
            return
        self.wfile.write(data[:half])
        if fault.kind == "drop_in_stream":
            self.close_connection = True
            return
        self.server.ended.wait(fault.seconds)
        self.wfile.write(data[half:])

    def _error(self, status: int, kind: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, _json(_api_error(kind, text)), headers)

    def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._head(status, {"content-type": "application/json", "request-id": "req_none", **(headers or {})}, len(data))
        self.wfile.write(data)

    def _head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("transfer-encoding", "chunked")
        else:
            self.send_header("content-length", str(length))
        self.end_headers()


def _problem(messages: Sequence[Mapping[str, Any]]) -> str:
    """Why the real API would refuse these messages, empty where it would not."""
    if not messages or messages[0]["role"] == "assistant":
        return "messages: the first message comes from the user"
    for number, message in enumerate(messages):
        following = messages[number + 1] if number + 1 < len(messages) else {}
        unanswered = _ids(message, "tool_use", "id") - _ids(following, "tool_result", "tool_use_id")
        if unanswered:
            return (
                f"messages.{number}: `tool_use` without `tool_result` right after it: {', '.join(sorted(unanswered))}"
            )
    return ""


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content", "")
    return content if isinstance(content, str) else "\n".join(block.get("text", "") for block in content)


def _ids(message: Mapping[str, Any], kind: str, key: str) -> set[str]:
    content = message.get("content", "")
    return {block[key] for block in content if block["type"] == kind} if isinstance(content, list) else set()


def _changed(turn: Turn, fault: Fault | None) -> Turn:
    """The turn as a fault in what the model says leaves it."""
    if fault is None:
        return turn
    if fault.kind == "empty":
        return Turn(stop_reason="end_turn")
    if fault.kind in {"refusal", "max_tokens"}:
        return Turn(text=turn.text[: len(turn.text) // 2], stop_reason=fault.kind)
    return turn


def _message(turn: Turn, index: int, model: str, request_bytes: int) -> dict[str, Any]:
    """A whole message as the API answers it; tool ids are unique within a conversation."""
    content: list[dict[str, JsonValue]] = [{"type": "text", "text": turn.text}] if turn.text else []
    for number, call in enumerate(turn.calls):
        content.append({"type": "tool_use", "id": f"toolu_{index}_{number}", "name": call.name, "input": call.input})
    said = len(turn.text) + sum(len(_json(call.input)) for call in turn.calls)
    return {
        "id": f"msg_{index}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": turn.stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": _tokens(request_bytes),
            "output_tokens": _tokens(said),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _tokens(characters: int) -> int:
    return math.ceil(characters / 4)


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a stream that adds up to `message`."""
    usage = message["usage"]
    start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        yield from _block(index, block)
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


def _block(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    text = block["type"] == "text"
    empty = {**block, "text": ""} if text else {**block, "input": {}}
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    whole = block["text"] if text else json.dumps(block["input"])
    for start in range(0, len(whole), _PIECE):
        piece = whole[start : start + _PIECE]
        delta = {"type": "text_delta", "text": piece} if text else {"type": "input_json_delta", "partial_json": piece}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _event(event: Mapping[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), _json(event))


def _api_error(kind: str, text: str) -> dict[str, JsonValue]:
    return {"type": "error", "error": {"type": kind, "message": text}}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
