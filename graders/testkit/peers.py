"""Fake peers of the app, in a sandbox of their own: an OpenAI-style provider that streams, and a receiver of webhooks.

They do what a script says, step by step and then their default, and remember every request. The script comes and what
was seen goes over this process's standard input and output, so the app can neither write the one nor read the other.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any, ClassVar

BODY_CAP = 512 * 1024
SEEN_CAP = 500
LONGEST_S = 120.0
CREATED = 1_767_225_600


class _Peer:
    """Script and memory of one fake peer."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.script: deque[dict[str, Any]] = deque()
        self.default: dict[str, Any] = {}
        self.seen: list[dict[str, Any]] = []

    def next(self, request: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            if len(self.seen) < SEEN_CAP:
                self.seen.append(request)
            return self.script.popleft() if self.script else self.default

    def obey(self, what: str, steps: list[dict[str, Any]]) -> object:
        with self.lock:
            if what == "seen":
                return list(self.seen)
            if what == "reset":
                self.script.clear()
                self.seen.clear()
                self.default = {}
            elif what == "default":
                self.default = steps[0]
            elif what == "script":
                self.script.extend(steps)
            return None


class _Handler(BaseHTTPRequestHandler):
    """What both peers share: HTTP/1.1, bounded bodies, silence on the console."""

    protocol_version = "HTTP/1.1"
    timeout = LONGEST_S
    peer: ClassVar[_Peer]

    def take(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The request and the step that answers it; None where the request is not one to answer."""
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_CAP:
            self.send_error(413)
            self.close_connection = True
            return None
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = {"method": self.command, "path": self.path, "headers": headers, "body": body, "at": time.monotonic()}
        step = self.peer.next(request)
        time.sleep(min(float(step.get("first_s", 0.0)), LONGEST_S))
        return request, step

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        """Hang up without another word."""
        self.close_connection = True
        self.connection.shutdown(2)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Webhook(_Handler):
    """Takes whatever is posted to it."""

    def do_POST(self) -> None:
        taken = self.take()
        if taken is None:
            return
        _, step = taken
        if step.get("cut_after") is not None:
            self.cut()
        else:
            self.answer(int(step.get("status", 200)), b"{}", {"content-type": "application/json"})

    do_PUT = do_PATCH = do_GET = do_POST


class _Llm(_Handler):
    """Chat completions, whole or as server-sent events."""

    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "fake-1", "object": "model"}]}).encode()
        self.answer(200, body, {"content-type": "application/json"})

    def do_POST(self) -> None:
        taken = self.take()
        if taken is None:
            return
        request, step = taken
        status = int(step.get("status", 200))
        if status != 200:
            self.refuse(status, step)
            return
        try:
            asked = json.loads(request["body"])
            stream = bool(asked.get("stream"))
        except (ValueError, AttributeError, RecursionError):
            self.refuse(400, {})
            return
        if stream:
            self.stream(step, str(asked.get("model")))
        else:
            self.whole(step, str(asked.get("model")))

    def refuse(self, status: int, step: Mapping[str, Any]) -> None:
        error = {"message": str(step.get("text", "refused")), "type": "fake_error", "param": None, "code": str(status)}
        headers = {"content-type": "application/json"}
        if step.get("retry_after") is not None:
            headers["retry-after"] = str(step["retry_after"])
        self.answer(status, json.dumps({"error": error}).encode(), headers)

    def whole(self, step: Mapping[str, Any], model: str) -> None:
        if step.get("cut_after") is not None:
            self.cut()
            return
        text = "".join(_pieces(step))
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": len(text.split()), "total_tokens": 10 + len(text.split())}
        body = json.dumps({**_head("chat.completion", model), "choices": [choice], "usage": usage}).encode()
        self.answer(200, body[: len(body) // 2] if step.get("garbage") else body, {"content-type": "application/json"})

    def stream(self, step: Mapping[str, Any], model: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        cut_after = step.get("cut_after")
        for number, piece in enumerate(_pieces(step)):
            if cut_after is not None and number >= int(cut_after):
                self.cut()
                return
            delta = {"content": piece} if number else {"role": "assistant", "content": piece}
            self.event(_chunk(model, delta, None))
            time.sleep(min(float(step.get("each_s", 0.0)), LONGEST_S))
        if step.get("garbage"):
            self.event("{not json")
        self.event(_chunk(model, {}, "stop"))
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, data: str) -> None:
        line = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.flush()


def _pieces(step: Mapping[str, Any]) -> list[str]:
    words = str(step.get("text", "All is well.")).split(" ")
    return [word if last else f"{word} " for word, last in zip(words, [False] * (len(words) - 1) + [True], strict=True)]


def _head(kind: str, model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-fake", "object": kind, "created": CREATED, "model": model}


def _chunk(model: str, delta: dict[str, str], finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({**_head("chat.completion.chunk", model), "choices": [choice]})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An app that hangs up is no news."""


HANDLERS: dict[str, type[_Handler]] = {"llm": _Llm, "webhook": _Webhook}


def serve(ports: Mapping[str, int], commands: IO[bytes], answers: IO[bytes]) -> None:
    """Play the peers on these loopback ports (0: any free one) until `commands` ends.

    First line out: `ready`; then one JSON answer for each JSON command `{"name", "what", "steps"}`.
    """
    peers = {name: _Peer() for name in ports}
    for name, port in ports.items():
        handler = type(f"{name}_handler", (HANDLERS[name],), {"peer": peers[name]})
        server = _Server(("127.0.0.1", port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        if port == 0:
            answers.write(f"{name} {server.server_address[1]}\n".encode())
    answers.write(b"ready\n")
    answers.flush()
    for line in commands:
        command = json.loads(line)
        found = peers[command["name"]].obey(command["what"], command.get("steps", []))
        answers.write(json.dumps(found).encode() + b"\n")
        answers.flush()


def main() -> int:
    """Serve on the ports in the last argument, a JSON object."""
    serve(json.loads(sys.argv[-1]), sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
