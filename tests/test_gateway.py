from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import anthropic
import httpx2
import pytest
from pydantic import JsonValue

from harness.core.deadline import Deadline
from harness.core.errors import Cause, UsageError
from harness.core.records import Limits, Usage
from harness.core.transcript import EventKind
from harness.gateway import Admission, Gateway, Patience, PriceTable, Upstream
from harness.gateway.meter import input_bound
from harness.gateway.record import Recorder
from harness.store.journal import EventLog

MODEL = "claude-haiku-5-5"
KEY = "sk-canary-4f1d9b"
USAGE = {
    "input_tokens": 11,
    "output_tokens": 7,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 50,
    "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 20},
}
METERED = Usage(input=11, output=7, cache_read=100, cache_write_5m=30, cache_write_1h=20)
MICRO = 134
"""METERED at 1, 5, 0.1, 1.25 and 2 micro-USD a token: 11 + 35 + 10 + 37.5 + 40 = 133.5, rounded up."""

FAST = Patience(first_s=0.01, cap_s=0.02, stall_s=0.4)


@dataclass(frozen=True)
class Turn:
    """What the scripted upstream does with one request; the last of a script is repeated."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = "hello"
    model: str | None = None
    stop_reason: str = "end_turn"
    usage: Mapping[str, Any] = field(default_factory=lambda: USAGE)
    delay_s: float = 0.0
    drop: bool = False
    """Before a byte is answered."""
    cut_after: int | None = None
    """Drop after this many events."""
    stall_after: int | None = None
    """Say nothing more after this many events."""
    error_after: int | None = None
    """SSE error event in place of the next."""
    body: bytes | None = None
    """Answered as it is."""


@dataclass
class Seen:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


class ScriptedUpstream(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: list[Turn] = [Turn()]
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        self.release = threading.Event()
        self.bears: int | None = None
        """Calls at once that are not refused, None: any number."""
        self.busy = 0
        self.crowd = 0
        """Most calls at once so far."""
        self.refused = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/lane"

    def take(self, seen: Seen) -> Turn:
        with self.lock:
            self.seen.append(seen)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedUpstream
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        with self.server.lock:
            self.server.busy += 1
            self.server.crowd = max(self.server.crowd, self.server.busy)
            too_many = self.server.bears is not None and self.server.busy > self.server.bears
            self.server.refused += too_many
        try:
            self._post(Turn(429) if too_many else None)
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def _post(self, instead: Turn | None) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        turn = instead or self.server.take(Seen(self.path, headers, body, time.monotonic()))
        self.server.release.wait(turn.delay_s)
        if turn.drop:
            self.close_connection = True
        elif self.path.startswith("/lane/v1/messages/count_tokens"):
            self._whole(200, b'{"input_tokens": 42}', turn)
        elif turn.body is not None or turn.status != 200:
            error = {"type": "error", "error": {"type": "api_error", "message": f"no: {KEY}"}}
            self._whole(turn.status, turn.body if turn.body is not None else json.dumps(error).encode(), turn)
        elif body.get("stream"):
            self._events(turn, body["model"])
        else:
            self._whole(200, json.dumps(_message(turn, body["model"])).encode(), turn)

    def _whole(self, status: int, body: bytes, turn: Turn) -> None:
        self.send_response(status)
        headers = {"content-type": "application/json", "request-id": "req_up", "content-length": str(len(body))}
        for name, value in (headers | dict(turn.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _events(self, turn: Turn, model: str) -> None:
        self.send_response(200)
        for name, value in {"content-type": "text/event-stream", "request-id": "req_up", "connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        for number, event in enumerate(_stream(turn, model)):
            if number == turn.cut_after:
                return
            if number == turn.stall_after:
                self.server.release.wait(5)
                return
            if number == turn.error_after:
                error = {"type": "overloaded_error", "message": f"busy {KEY}"}
                self._event({"type": "error", "error": error})
                return
            self._event(event)

    def _event(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()


def _message(turn: Turn, model: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": turn.model or model,
        "content": [{"type": "text", "text": turn.text}],
        "stop_reason": turn.stop_reason,
        "stop_sequence": None,
        "usage": dict(turn.usage),
    }


def _stream(turn: Turn, model: str) -> Iterator[dict[str, Any]]:
    started = _message(turn, model) | {"content": [], "stop_reason": None}
    yield {"type": "message_start", "message": started | {"usage": {**turn.usage, "output_tokens": 1}}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": turn.text}}
    yield {"type": "content_block_stop", "index": 0}
    delta = {"stop_reason": turn.stop_reason, "stop_sequence": None}
    usage = {"output_tokens": turn.usage["output_tokens"], "input_tokens": None}
    yield {"type": "message_delta", "delta": delta, "usage": usage}
    yield {"type": "message_stop"}


@dataclass
class Bench:
    """A gateway, the scripted upstream behind it, and one attempt admitted."""

    gateway: Gateway
    upstream: ScriptedUpstream
    admission: Admission
    deadline: Deadline
    events: list[tuple[str, Mapping[str, JsonValue]]]

    def client(self, **options: Any) -> anthropic.Anthropic:
        """The real SDK; no certificates are loaded, which would take longer than most tests."""
        return anthropic.Anthropic(
            base_url=self.admission.base_url,
            api_key=self.admission.token,
            max_retries=0,
            http_client=anthropic.DefaultHttpxClient(verify=False),
            **options,
        )

    def create(self, **fields: Any) -> anthropic.types.Message:
        with self.client() as client:
            message: anthropic.types.Message = client.messages.create(**_ask(**fields))
            return message

    def stream(self, **fields: Any) -> anthropic.types.Message:
        with self.client() as client, client.messages.stream(**_ask(**fields)) as stream:
            return stream.get_final_message()

    def post(self, body: object, path: str = "/v1/messages", **headers: str) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        own = {"x-api-key": self.admission.token, **{name.replace("_", "-"): text for name, text in headers.items()}}
        return httpx2.post(self.admission.base_url + path, content=content, headers=own, verify=False)

    def say(self, way: str = "create") -> str:
        """Text of an answer, asked for whole or as a stream."""
        block = (self.create if way == "create" else self.stream)().content[0]
        assert block.type == "text"
        return block.text

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [data for found, data in self.events if found == kind]

    @property
    def exchange(self) -> Mapping[str, Any]:
        return self.of("exchange")[-1]

    @property
    def token(self) -> str:
        return self.admission.token


def _kind(error: anthropic.APIStatusError) -> str | None:
    """`error.type`; the SDK's own annotation knows only the API's."""
    return error.type


def _ask(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **fields}


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def gateways() -> Iterator[Callable[[Patience], Gateway]]:
    """One gateway for every patience: a run has one for all its attempts, too."""
    with ExitStack() as stack:
        opened: dict[Patience, Gateway] = {}

        def find(patience: Patience) -> Gateway:
            if patience not in opened:
                opened[patience] = stack.enter_context(Gateway(PriceTable.load(), patience=patience))
            return opened[patience]

        yield find


@pytest.fixture
def bench(upstream: ScriptedUpstream, gateways: Callable[[Patience], Gateway]) -> Callable[..., Bench]:
    """Makes benches."""

    def make(
        *,
        gateway: Gateway | None = None,
        model: str = MODEL,
        limits: Limits | None = None,
        seconds: float = 60.0,
        patience: Patience = FAST,
        exchanges: Path | None = None,
        record: Callable[[str, Mapping[str, JsonValue]], None] | None = None,
    ) -> Bench:
        events: list[tuple[str, Mapping[str, JsonValue]]] = []
        deadline = Deadline(seconds)
        door = gateway or gateways(patience)
        admission = door.admit(
            upstream=Upstream(upstream.url, KEY),
            model=model,
            limits=limits or Limits(),
            deadline=deadline,
            record=record or (lambda kind, data: events.append((kind, data))),
            exchanges=exchanges,
        )
        return Bench(door, upstream, admission, deadline, events)

    return make


@pytest.fixture
def small_run() -> Iterator[Gateway]:
    with Gateway(PriceTable.load(), run_usd=0.006, patience=FAST) as gateway:
        yield gateway


@pytest.mark.parametrize("way", ["create", "stream"])
def test_a_call_is_passed_on_metered_and_recorded(bench: Callable[..., Bench], way: str) -> None:
    one = bench()
    assert one.say(way) == "hello"
    metered = one.gateway.close_admission(one.token)
    assert (metered.usage, metered.cost.micro_usd, metered.cost.complete) == (METERED, MICRO, True)
    assert (metered.calls, metered.waited_s) == (1, 0.0)
    assert one.exchange["model_asked"] == one.exchange["model_answered"] == MODEL
    assert one.exchange["usage"] == METERED._asdict()
    assert (one.exchange["n"], one.exchange["status"], one.exchange["stop_reason"]) == (1, 200, "end_turn")
    assert (one.exchange["micro_usd"], one.exchange["retries"]) == (MICRO, 0)
    seen = one.upstream.seen[0]
    assert seen.headers["x-api-key"] == KEY
    assert one.token not in json.dumps([seen.headers, seen.body])
    assert seen.path.startswith("/lane/v1/messages")
    assert one.gateway.problem(one.token) is None
    assert one.gateway.limit(one.token) is None


# --- who may ask what ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages?beta=true"])
def test_both_ways_to_show_a_token_and_any_query(bench: Callable[..., Bench], header: str, path: str) -> None:
    one = bench()
    value = one.token if header == "x-api-key" else f"Bearer {one.token}"
    headers = {header: value, "anthropic-version": "2023-06-01", "anthropic-beta": "a,b"}
    answer = httpx2.post(one.admission.base_url + path, json=_ask(), headers=headers, verify=False)
    assert (answer.status_code, answer.headers["request-id"]) == (200, "req_up")
    seen = one.upstream.seen[0]
    assert seen.path == "/lane" + path
    assert (seen.headers["anthropic-version"], seen.headers["anthropic-beta"]) == ("2023-06-01", "a,b")
    assert "authorization" not in seen.headers


def test_tokens_are_counted_without_being_metered(bench: Callable[..., Bench]) -> None:
    one = bench(limits=Limits(usd=0.0))
    with one.client() as client:
        counted = client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "hi"}])
    assert counted.input_tokens == 42
    assert one.gateway.close_admission(one.token).calls == 0
    assert one.of("exchange") == []


@pytest.mark.parametrize(("method", "path"), [("HEAD", "/"), ("GET", "/api/hello")])
def test_greetings_need_no_token(bench: Callable[..., Bench], method: str, path: str) -> None:
    assert httpx2.request(method, bench().admission.base_url + path, verify=False).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/models"), ("POST", "/v1/complete"), ("GET", "/v1/messages"), ("POST", "/v1/messages/batches")],
)
def test_everything_else_is_404_and_recorded(bench: Callable[..., Bench], method: str, path: str) -> None:
    one = bench()
    answer = httpx2.request(method, one.admission.base_url + path, headers={"x-api-key": one.token}, verify=False)
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")
    assert one.of("note") == [
        {"gateway": "refused", "status": 404, "path": f"{method} {path}", "why": "there is nothing here"}
    ]
    assert one.upstream.seen == []


def test_an_unknown_token_is_401(bench: Callable[..., Bench]) -> None:
    answer = httpx2.post(
        bench().admission.base_url + "/v1/messages", json=_ask(), headers={"x-api-key": "other"}, verify=False
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    assert "request-id" in answer.headers


def _content(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


REFUSED: dict[str, dict[str, Any]] = {
    "another model": {"model": "claude-opus-5-5"},
    "no model": {"model": None},
    "unknown field": {"mcp_servers": [{"type": "url", "url": "http://127.0.0.1:9", "name": "x"}]},
    "another model behind": {"fallbacks": [{"model": "claude-opus-5-5"}]},
    "a container": {"container": "c"},
    "threads": {"thread": {"type": "create"}},
    "fast mode": {"speed": "fast"},
    "web search": {"tools": [{"type": "web_search_20260318", "name": "web_search"}]},
    "web fetch": {"tools": [{"type": "web_fetch_20260318", "name": "web_fetch"}]},
    "code execution": {"tools": [{"type": "code_execution_20260521", "name": "code_execution"}]},
    "mcp toolset": {"tools": [{"type": "mcp_toolset", "mcp_server_name": "x"}]},
    "odd tool": {"tools": [{"type": 7}]},
    "tools no list": {"tools": {"type": "web_search_20260318"}},
    "compaction": {"context_management": {"edits": [{"type": "compact_20260112"}]}},
    "an image by address": _content({"type": "image", "source": {"type": "url", "url": "http://127.0.0.1:9/x"}}),
    "a kept file": _content({"type": "document", "source": {"type": "file", "file_id": "f"}}),
    "a pdf": _content({"type": "document", "source": {"type": "base64", "data": ""}}),
    "an address in a tool result": _content(
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [{"type": "image", "source": {"type": "url", "url": "http://127.0.0.1:9/x"}}],
        }
    ),
    "an address in a document": _content(
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "image", "source": {"type": "url"}}]},
        }
    ),
    "an upload": _content({"type": "container_upload", "file_id": "f"}),
    "no max_tokens": {"max_tokens": None},
    "max_tokens true": {"max_tokens": True},
    "stream 1": {"stream": 1},
    "messages no list": {"messages": 3},
    "content no blocks": {"messages": [{"role": "user", "content": [1]}]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_allowed_is_refused_and_recorded(bench: Callable[..., Bench], name: str) -> None:
    one = bench()
    answer = one.post(_ask() | REFUSED[name])
    assert (answer.status_code, answer.json()["type"]) == (400, "error")
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert [note["status"] for note in one.of("note")] == [400]
    assert one.upstream.seen == []
    assert one.gateway.close_admission(one.token).calls == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"model":"claude-opus-5-5","model":"%s","max_tokens":1,"messages":[]}' % MODEL.encode(),
        b'{"model":"%s","max_tokens":1,"messages":[],"temperature":NaN}' % MODEL.encode(),
        b'{"model":"%s","max_tokens":%s,"messages":[]}' % (MODEL.encode(), b"9" * 5000),
    ],
    ids=["empty", "list", "torn", "no utf-8", "deep", "a key twice", "nan", "huge number"],
)
def test_a_body_that_is_no_plain_json_is_refused(bench: Callable[..., Bench], body: bytes) -> None:
    one = bench()
    assert one.post(body).status_code == 400
    assert one.upstream.seen == []


def test_an_encoded_or_huge_body_is_refused(bench: Callable[..., Bench]) -> None:
    one = bench()
    assert one.post(_ask(), content_encoding="gzip").status_code == 415
    assert one.post(b" " * (32 * 1024 * 1024 + 1)).status_code == 413


def test_a_client_tool_with_any_input_is_passed_on(bench: Callable[..., Bench]) -> None:
    one = bench()
    schema = {"type": "object", "properties": {"type": {"const": "web_search"}}}
    call = {"type": "tool_use", "id": "t", "name": "Read", "input": {"type": "url", "source": {"type": "url"}}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "web_fetch"}]}
    answer = one.post(
        _ask(
            tools=[{"name": "Read", "input_schema": schema}, {"type": "bash_20250124", "name": "bash"}],
            messages=[
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [call]},
                {"role": "user", "content": [result]},
                {"role": "system", "content": "more"},
            ],
            context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            thinking={"type": "adaptive"},
        )
    )
    assert answer.status_code == 200


def test_refused_requests_do_not_fill_the_record(bench: Callable[..., Bench]) -> None:
    one = bench()
    with httpx2.Client(base_url=one.admission.base_url, headers={"x-api-key": one.token}) as client:
        for _ in range(105):
            client.get("/nowhere")
    assert len(one.of("note")) == 100


def test_a_closed_attempt_is_refused_and_counted(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.create()
    before = one.gateway.close_admission(one.token)
    with pytest.raises(anthropic.PermissionDeniedError):
        one.create()
    assert one.gateway.late(one.token) == 1
    assert one.gateway.close_admission(one.token) == before
    assert [kind for kind, _ in one.events] == ["reserve", "exchange"]


def test_whoever_closes_an_attempt_gets_its_final_count(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.upstream.script = [Turn(delay_s=1.0)]
    with ThreadPoolExecutor(5) as pool:
        call = pool.submit(one.post, _ask())
        while not one.upstream.seen:
            time.sleep(0.01)
        counts = list(pool.map(lambda _: one.gateway.close_admission(one.token), range(4)))
        assert call.result().status_code == 403
    assert counts == [counts[0]] * 4
    assert counts[0].calls == 1


def test_an_upstream_that_is_no_address_is_the_users_to_mend(bench: Callable[..., Bench]) -> None:
    with pytest.raises(UsageError, match="no http address"):
        bench().gateway.admit(
            upstream=Upstream("api.example"), model=MODEL, limits=Limits(), deadline=Deadline(1), record=lambda *_: None
        )


# --- faults of the provider ------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Turn, str]] = {
    "429": (Turn(429), "429"),
    "408": (Turn(408), "408"),
    "409": (Turn(409), "409"),
    "500": (Turn(500), "500"),
    "529": (Turn(529), "529"),
    "drop": (Turn(drop=True), "drop"),
    "garbled": (Turn(body=b'{"model": "x"}'), "garbled answer"),
}
STREAM_FAULTS = {
    "cut at once": (Turn(cut_after=0), "drop"),
    "cut in the middle": (Turn(cut_after=3), "drop"),
    "cut before the end": (Turn(cut_after=5), "drop"),
    "sse error": (Turn(error_after=3), "sse error overloaded_error"),
    "stall": (Turn(stall_after=2), "stall"),
}


@pytest.mark.parametrize("way", ["create", "stream"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_failed_turn_is_started_again_unseen(bench: Callable[..., Bench], name: str, way: str) -> None:
    fault, why = FAULTS[name]
    one = bench()
    one.upstream.script = [fault, fault, Turn(text="at last")]
    assert one.say(way) == "at last"
    assert [wait["why"] for wait in one.of("wait")] == [why, why]
    assert (one.exchange["retries"], len(one.upstream.seen)) == (2, 3)
    metered = one.gateway.close_admission(one.token)
    assert (metered.usage, metered.cost.micro_usd, metered.calls) == (METERED, MICRO, 1)
    assert metered.waited_s == pytest.approx(sum(wait["seconds"] for wait in one.of("wait")), abs=1e-4)
    assert one.gateway.problem(one.token) is None


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_a_stream_that_breaks_is_started_again_unseen(bench: Callable[..., Bench], name: str) -> None:
    fault, why = STREAM_FAULTS[name]
    one = bench()
    one.upstream.script = [fault, Turn(text="at last")]
    assert one.say("stream") == "at last"
    assert [wait["why"] for wait in one.of("wait")] == [why]
    assert one.exchange["usage"] == METERED._asdict()
    metered = one.gateway.close_admission(one.token)
    lost = one.exchange["lost"]
    assert metered.usage == METERED + Usage(**lost["usage"])
    assert metered.cost.micro_usd == one.exchange["micro_usd"] + lost["micro_usd"]
    assert not metered.cost.complete
    assert metered.calls == 1


@pytest.mark.parametrize(("events", "output"), [(3, 1), (5, 7)])
def test_what_a_broken_stream_told_of_its_usage_is_paid(bench: Callable[..., Bench], events: int, output: int) -> None:
    one = bench()
    one.upstream.script = [Turn(cut_after=events), Turn()]
    one.stream()
    assert one.exchange["lost"]["usage"] == METERED._replace(output=output)._asdict()


def test_the_agents_clock_stands_still_while_the_provider_is_at_fault(bench: Callable[..., Bench]) -> None:
    one = bench(seconds=2.0)
    begun = time.monotonic()
    for _ in range(2):
        one.upstream.script = [Turn(500, {"retry-after": "0.5"}), Turn(503, {"retry-after-ms": "600"}), Turn()]
        one.create()
    passed = time.monotonic() - begun
    waited = one.gateway.close_admission(one.token).waited_s
    assert 2.2 <= waited <= passed
    assert one.deadline.remaining() >= 2.0 - passed + waited - 0.1
    assert [wait["why"] for wait in one.of("wait")] == ["500", "503"] * 2


def test_the_agents_clock_begins_with_its_first_call(bench: Callable[..., Bench]) -> None:
    one = bench(seconds=2.0)
    time.sleep(0.6)
    one.post({})
    assert one.deadline.remaining() < 1.5, "what is refused unread is no call"
    begun = time.monotonic()
    one.create()
    time.sleep(0.3)
    one.create()
    metered = one.gateway.close_admission(one.token)
    assert 0.6 <= metered.start_s < 1.5
    assert metered.waited_s == 0
    left = one.deadline.remaining()
    assert 2.0 - (time.monotonic() - begun) <= left < 2.0 - 0.3


def test_overlapping_waits_are_given_back_once(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.upstream.script = [Turn(500, {"retry-after": "0.4"})] * 4 + [Turn()]
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: one.create(), range(4)))
    passed = time.monotonic() - begun
    metered = one.gateway.close_admission(one.token)
    assert metered.calls == 4
    assert 0.4 <= metered.waited_s <= passed
    assert metered.waited_s == pytest.approx(sum(wait["seconds"] for wait in one.of("wait")), abs=5e-3)


@pytest.mark.parametrize("status", [429, 529])
def test_a_rate_limit_holds_every_attempt(bench: Callable[..., Bench], status: int) -> None:
    one, two = bench(), bench()
    one.upstream.script = [Turn(status, {"retry-after": "1"}), Turn()]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one.create)
        while not one.upstream.seen:
            time.sleep(0.005)
        time.sleep(0.05)
        second = pool.submit(two.create)
        assert first.result() is not None
        assert second.result() is not None
    began = one.upstream.seen[0].at
    assert all(seen.at - began >= 1.0 for seen in one.upstream.seen[1:])
    assert len(one.upstream.seen) == 3
    first_why, *more = [wait["why"] for wait in two.of("wait")]
    assert first_why == "hold"
    assert set(more) <= {"limit"}, "while the first one's retry has the one place that is left"
    assert 0.0 < two.gateway.close_admission(two.token).waited_s < 2.0


def test_a_provider_that_never_recovers_makes_the_attempt_invalid(bench: Callable[..., Bench]) -> None:
    one = bench(patience=Patience(attempts=3, first_s=0.01, cap_s=0.01))
    one.upstream.script = [Turn(529)]
    with pytest.raises(anthropic.BadRequestError) as caught:
        one.create()
    assert _kind(caught.value) == "provider_failed"
    problem = one.gateway.problem(one.token)
    assert problem is not None
    assert (problem.cause, len(one.upstream.seen)) == (Cause.PROVIDER, 3)
    assert problem.message.startswith("529: 3 turns failed")
    with pytest.raises(anthropic.BadRequestError):
        one.create()
    assert len(one.upstream.seen) == 3
    assert one.gateway.limit(one.token) is None


def test_nobody_waits_longer_than_patience_allows(bench: Callable[..., Bench]) -> None:
    one = bench(patience=Patience(waiting_s=1.0))
    one.upstream.script = [Turn(429, {"retry-after": "3600"})]
    begun = time.monotonic()
    with pytest.raises(anthropic.BadRequestError):
        one.stream()
    assert time.monotonic() - begun < 5.0
    problem = one.gateway.problem(one.token)
    assert problem is not None
    assert problem.cause is Cause.PROVIDER


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_denied_key_is_the_providers_fault_and_the_client_is_told(bench: Callable[..., Bench], status: int) -> None:
    one = bench()
    one.upstream.script = [Turn(status)]
    with pytest.raises(anthropic.APIStatusError) as caught:
        one.create()
    assert caught.value.status_code == status
    problem = one.gateway.problem(one.token)
    assert problem is not None
    assert problem.cause is Cause.PROVIDER
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("way", ["create", "stream"])
@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("prompt is too long: 208310 tokens > 200000 maximum", 413),
        ("input length and `max_tokens` exceed context limit: 188240 + 32000 > 200000, decrease input length", 413),
        ("messages.3: `tool_use` without `tool_result` right after it", 400),
        ("Your credit balance is too low to access the Anthropic API", 400),
        (None, 400),
    ],
)
def test_a_prompt_that_outgrew_the_context_window_is_told_as_too_large(
    bench: Callable[..., Bench], way: str, said: str | None, status: int
) -> None:
    one = bench()
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
    one.upstream.script = [Turn(), Turn(400, body=json.dumps(error).encode() if said else b"<html>")]
    one.say(way)
    with pytest.raises(anthropic.APIStatusError) as caught:
        one.say(way)
    assert caught.value.status_code == status
    assert one.gateway.problem(one.token) is None
    assert len(one.upstream.seen) == 2, "nothing is tried again"


def test_a_first_prompt_that_does_not_fit_is_ours(bench: Callable[..., Bench]) -> None:
    one = bench()
    error = {"error": {"type": "invalid_request_error", "message": "prompt is too long: 2 tokens > 1 maximum"}}
    one.upstream.script = [Turn(400, body=json.dumps(error).encode())]
    with pytest.raises(anthropic.APIStatusError):
        one.create()
    problem = one.gateway.problem(one.token)
    assert problem is not None
    assert problem.cause is Cause.HARNESS


def test_a_bad_request_is_the_agents_own(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.upstream.script = [Turn(413)]
    with pytest.raises(anthropic.APIStatusError) as caught:
        one.stream()
    assert caught.value.status_code == 413
    assert one.gateway.problem(one.token) is None
    metered = one.gateway.close_admission(one.token)
    assert (metered.usage, metered.cost.micro_usd, metered.cost.complete, metered.calls) == (Usage(), 0, True, 1)
    assert one.exchange["status"] == 413


@pytest.mark.parametrize("way", ["create", "stream"])
def test_another_model_makes_the_attempt_invalid(bench: Callable[..., Bench], way: str) -> None:
    one = bench()
    one.upstream.script = [Turn(model="claude-tiny-1")]
    with pytest.raises(anthropic.BadRequestError):
        one.say(way)
    problem = one.gateway.problem(one.token)
    assert problem is not None
    assert (problem.cause, problem.message) == (Cause.PROVIDER, f"{MODEL} was asked and 'claude-tiny-1' answered")
    assert one.exchange["model_answered"] == "claude-tiny-1"
    metered = one.gateway.close_admission(one.token)
    assert (metered.usage, metered.cost.complete) == (METERED, False)


@pytest.mark.parametrize("answered", [f"{MODEL}-20260801", MODEL])
def test_the_dated_snapshot_of_a_model_is_that_model(bench: Callable[..., Bench], answered: str) -> None:
    one = bench()
    one.upstream.script = [Turn(model=answered)]
    one.create()
    assert one.gateway.problem(one.token) is None


@pytest.mark.parametrize("stop_reason", ["refusal", "max_tokens", "pause_turn", "model_context_window_exceeded"])
def test_any_stop_reason_is_an_answer(bench: Callable[..., Bench], stop_reason: str) -> None:
    one = bench()
    one.upstream.script = [Turn(stop_reason=stop_reason)]
    assert one.stream().stop_reason == stop_reason
    assert one.exchange["stop_reason"] == stop_reason


def test_no_connection_is_tried_again_and_charges_nothing(bench: Callable[..., Bench]) -> None:
    one = bench(patience=Patience(attempts=2, first_s=0.01))
    admission = one.gateway.admit(
        upstream=Upstream("http://127.0.0.1:9"),
        model=MODEL,
        limits=Limits(),
        deadline=Deadline(30),
        record=lambda *_: None,
    )
    answer = httpx2.post(
        admission.base_url + "/v1/messages", json=_ask(), headers={"x-api-key": admission.token}, verify=False
    )
    assert answer.json()["error"]["type"] == "provider_failed"
    problem = one.gateway.problem(admission.token)
    assert problem is not None
    assert problem.message.startswith("no connection")
    assert one.gateway.close_admission(admission.token).cost.complete


def test_a_streaming_client_is_kept_alive(bench: Callable[..., Bench]) -> None:
    one = bench(patience=Patience(ping_s=0.1))
    one.upstream.script = [Turn(delay_s=0.8, text="slow")]
    answer = one.post(_ask(stream=True))
    assert answer.text.startswith("event: ping\n")
    assert 2 <= answer.text.count("event: ping") <= 8
    assert answer.headers["content-type"].startswith("text/event-stream")
    with one.client(timeout=0.5) as client, client.messages.stream(**_ask()) as stream:
        assert stream.get_final_text() == "slow"


def test_an_error_after_the_first_ping_is_an_event(bench: Callable[..., Bench]) -> None:
    one = bench(patience=Patience(attempts=1, ping_s=0.05))
    one.upstream.script = [Turn(500, delay_s=0.2)]
    with pytest.raises(anthropic.APIStatusError) as caught:
        one.stream()
    assert _kind(caught.value) == "provider_failed"


# --- limits ----------------------------------------------------------------------------------------------------------


def _worst(one: Bench) -> int:
    """What the gateway reserved for the last call."""
    reserved = one.exchange["reserved"]
    assert type(reserved) is int
    return reserved


def test_money_is_reserved_at_its_worst(bench: Callable[..., Bench]) -> None:
    one = bench()
    body = json.dumps(_ask()).encode()
    one.post(body)
    assert _worst(one) == math.ceil(1.25 * input_bound(len(body)) + 5 * 100)


@pytest.mark.parametrize("ttl", ["1h", "\\u0031h", "2h"])
def test_a_cache_that_is_kept_for_an_hour_is_dearer(bench: Callable[..., Bench], ttl: str) -> None:
    one = bench()
    text = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "5m"}}
    body = json.dumps(_ask() | _content(text)).encode()
    one.post(body)
    assert _worst(one) == math.ceil(1.25 * input_bound(len(body)) + 5 * 100)
    body = body.replace(b"5m", ttl.encode())
    one.post(body)
    assert _worst(one) == 2 * input_bound(len(body)) + 5 * 100


def test_images_and_tools_that_are_only_named_cost_more_than_their_bytes(bench: Callable[..., Bench]) -> None:
    one = bench()
    pixels = {"type": "base64", "media_type": "image/png", "data": "A" * 4000}
    image = {"type": "image", "source": pixels}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
    named = [{"type": "bash_20250124", "name": "bash"}, {"name": "Read", "input_schema": {"type": "object"}}]
    body = json.dumps(_ask(tools=named) | _content(image, result)).encode()
    one.post(body)
    assert _worst(one) == math.ceil(1.25 * input_bound(len(body) - 8000, images=2, named_tools=1) + 5 * 100)


@pytest.mark.parametrize("way", ["create", "stream"])
def test_a_call_that_might_pass_the_budget_is_refused(bench: Callable[..., Bench], way: str) -> None:
    one = bench(limits=Limits(usd=0.0015))
    with pytest.raises(anthropic.BadRequestError) as caught:
        one.say(way)
    assert _kind(caught.value) == "budget_exhausted"
    assert one.gateway.limit(one.token) == "money"
    assert one.gateway.problem(one.token) is None
    assert one.upstream.seen == []
    assert [note["status"] for note in one.of("note")] == [400]


def test_the_runs_budget_is_not_the_agents_fault(bench: Callable[..., Bench], small_run: Gateway) -> None:
    one = bench(gateway=small_run)
    with pytest.raises(anthropic.BadRequestError):
        one.create(max_tokens=2000)
    assert one.gateway.limit(one.token) == "money"
    problem = one.gateway.problem(one.token)
    assert problem is not None
    assert problem.cause is Cause.CANCELLED


def test_caps_hold_with_many_calls_at_once(bench: Callable[..., Bench], small_run: Gateway) -> None:
    attempts = [bench(gateway=small_run, limits=Limits(usd=0.004)) for _ in range(3)]
    attempts[0].upstream.script = [Turn(usage={"input_tokens": 1000, "output_tokens": 100})]

    def call(number: int) -> bool:
        try:
            attempts[number % 3].create()
        except anthropic.BadRequestError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        passed = list(pool.map(call, range(18)))
    counted = [one.gateway.close_admission(one.token) for one in attempts]
    # A call may find room and be given up unsent, because another of its attempt met the run's cap meanwhile.
    assert sum(metered.calls for metered in counted) >= sum(passed) == len(attempts[0].upstream.seen) > 0
    assert not all(passed)
    assert all(metered.cost.micro_usd <= 4000 for metered in counted)
    assert attempts[0].gateway.spent() == sum(metered.cost.micro_usd for metered in counted) <= 6000
    assert attempts[0].gateway.spent() == sum(passed) * 1500


def test_used_tokens_end_an_attempt(bench: Callable[..., Bench]) -> None:
    one = bench(limits=Limits(tokens=METERED.total * 2))
    one.create()
    one.create()
    with pytest.raises(anthropic.BadRequestError) as caught:
        one.create()
    assert _kind(caught.value) == "tokens_exhausted"
    assert one.gateway.limit(one.token) == "tokens"


def test_a_model_without_a_price_is_shown_as_a_floor(bench: Callable[..., Bench]) -> None:
    one = bench(model="some-model", limits=Limits(usd=0.0))
    one.create(model="some-model")
    metered = one.gateway.close_admission(one.token)
    assert (metered.usage, metered.cost.micro_usd, metered.cost.complete) == (METERED, 0, False)
    assert (one.exchange["micro_usd"], one.exchange["reserved"]) == (None, None)


def test_a_reference_player_costs_nothing(bench: Callable[..., Bench]) -> None:
    one = bench(model="reference/oracle", limits=Limits(usd=0.0))
    one.create(model="reference/oracle")
    metered = one.gateway.close_admission(one.token)
    assert (metered.usage, metered.cost.micro_usd, metered.cost.complete) == (METERED, 0, True)


def test_the_deadline_cuts_a_call(bench: Callable[..., Bench]) -> None:
    one = bench(seconds=1.0, patience=Patience())
    one.upstream.script = [Turn(delay_s=5)]
    begun = time.monotonic()
    with pytest.raises(anthropic.BadRequestError) as caught:
        one.stream()
    assert time.monotonic() - begun < 4
    assert _kind(caught.value) == "time_exhausted"
    assert one.gateway.limit(one.token) == "wall"
    assert one.gateway.problem(one.token) is None
    assert not one.gateway.close_admission(one.token).cost.complete


def test_closing_gives_up_what_is_under_way(bench: Callable[..., Bench]) -> None:
    one = bench(patience=Patience())
    one.upstream.script = [Turn(stall_after=3)]
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(one.stream)
        while not one.upstream.seen:
            time.sleep(0.005)
        time.sleep(0.1)
        metered = one.gateway.close_admission(one.token)
        with pytest.raises(anthropic.PermissionDeniedError):
            call.result()
    assert (metered.calls, metered.cost.complete) == (1, False)
    assert metered.usage == METERED._replace(output=1)
    assert one.gateway.close_admission(one.token) == metered
    assert len(one.of("exchange")) == 1


def test_closing_takes_back_the_rest_of_a_wait(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.upstream.script = [Turn(503, {"retry-after": "30"})]
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(one.create)
        while not one.upstream.seen:
            time.sleep(0.005)
        time.sleep(0.1)
        metered = one.gateway.close_admission(one.token)
        with pytest.raises(anthropic.PermissionDeniedError):
            call.result()
    assert 0.05 < metered.waited_s < 10.0
    assert one.deadline.remaining() < 70.0


# --- the record ------------------------------------------------------------------------------------------------------


def test_the_key_is_nowhere(bench: Callable[..., Bench], tmp_path: Path) -> None:
    one = bench(exchanges=tmp_path, patience=Patience(attempts=2, first_s=0.01))
    told = ""
    for script in ([Turn(error_after=2), Turn()], [Turn(400)], [Turn(text=f"it is {KEY}")], [Turn(401)]):
        one.upstream.script = script
        try:
            told += repr(one.stream())
        except anthropic.APIError as error:
            told += f"{error!r} {error.body}"
    told += f"{one.events} {one.gateway.problem(one.token)!r} {one.admission!r} {Upstream(one.upstream.url, KEY)!r}"
    told += repr(vars(one.gateway)["_admitted"])
    for number in range(1, 5):
        request, response = Recorder(tmp_path).read(number)
        told += request.decode() + response.decode()
    assert "it is [key]" in told
    assert KEY not in told


def test_exchanges_are_kept_as_they_went_over_the_wire(bench: Callable[..., Bench], tmp_path: Path) -> None:
    one = bench(exchanges=tmp_path / "exchanges")
    body = json.dumps(_ask()).encode()
    answer = one.post(body)
    one.post(body)
    assert Recorder(tmp_path / "exchanges").read(1) == (body, answer.content)
    assert sorted(path.name for path in (tmp_path / "exchanges").iterdir()) == [
        "0001.request.json.z",
        "0001.response.z",
        "0002.request.json.z",
        "0002.response.z",
    ]


def test_a_record_that_cannot_be_written_is_the_harness_fault(bench: Callable[..., Bench]) -> None:
    one = bench()

    def broken(kind: str, data: Mapping[str, JsonValue]) -> None:
        raise OSError("no space left")

    admission = one.gateway.admit(
        upstream=Upstream(one.upstream.url), model=MODEL, limits=Limits(), deadline=Deadline(30), record=broken
    )
    httpx2.post(admission.base_url + "/v1/messages", json=_ask(), headers={"x-api-key": admission.token}, verify=False)
    problem = one.gateway.problem(admission.token)
    assert problem is not None
    assert (problem.cause, problem.message) == (
        Cause.HARNESS,
        "recording an event of kind reserve: OSError: no space left",
    )
    assert one.upstream.seen == []


def test_importing_the_gateway_loads_no_server() -> None:
    import subprocess
    import sys

    servers = ("uvicorn", "uvloop", "starlette", "httptools", "httpx2")
    program = f"import sys, harness.gateway; print([m for m in {servers} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- bad days -------------------------------------------------------------------------------------------------------


def test_money_is_on_record_before_a_turn_begins(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.upstream.script = [Turn(cut_after=3), Turn()]
    one.stream()
    first, second = one.of("reserve")
    assert [kind for kind, _ in one.events if kind != "wait"] == ["reserve", "reserve", "exchange"]
    assert first["micro_usd"] == second["micro_usd"] == one.exchange["reserved"]
    assert (first["lost"]["turns"], second["lost"]["turns"]) == (0, 1)
    assert second["lost"] == one.exchange["lost"]
    assert first["request_sha256"] == one.exchange["request_sha256"]


def test_money_is_on_the_disk_before_the_upstream_hears_of_the_turn(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """A power cut during any turn leaves its reservation, and what every turn before it lost."""
    path = tmp_path / "events.jsonl"
    synced: list[tuple[float, bytes]] = []

    def sync(descriptor: int) -> None:
        time.sleep(0.05)  # A slow disk.
        os.fsync(descriptor)
        synced.append((time.monotonic(), path.read_bytes()))

    with EventLog(path, sync) as log:
        one = bench(record=lambda kind, data: log.append(cast(EventKind, kind), data))
        one.upstream.script = [Turn(cut_after=3), Turn()]
        one.stream()
        one.create()
        whole = path.read_bytes().splitlines()
        for n, lost, seen in zip((1, 1, 2), (0, 1, 0), one.upstream.seen, strict=True):
            on_disk = [json.loads(line) for line in [found for at, found in synced if at < seen.at][-1].splitlines()]
            assert on_disk[-1]["kind"] == "reserve"
            assert (on_disk[-1]["data"]["n"], on_disk[-1]["data"]["lost"]["turns"]) == (n, lost)
        kinds = [json.loads(line)["kind"] for line in whole]
        assert len([found for _, found in synced if found]) == kinds.count("reserve") == 3 < len(kinds)


def test_what_a_broken_turn_may_have_cost_stays_set_aside_for_the_run(bench: Callable[..., Bench]) -> None:
    with Gateway(PriceTable.load(), run_usd=0.006, patience=FAST) as gateway:
        one = bench(gateway=gateway)
        one.upstream.script = [Turn(cut_after=3), Turn()]
        one.stream()
        metered = gateway.close_admission(one.token)
        lost = one.exchange["lost"]["micro_usd"]
        assert metered.unsettled_micro_usd == one.exchange["reserved"] - lost > 0
        assert metered.cost.micro_usd == lost + MICRO
        assert not metered.cost.complete
        room = (6000 - metered.cost.micro_usd - metered.unsettled_micro_usd - _worst(one)) // 5 + 100
        other = bench(gateway=gateway)
        with pytest.raises(anthropic.BadRequestError):
            other.create(max_tokens=room + 10)
        assert gateway.budget_spent()
        third = bench(gateway=gateway)
        third.create(max_tokens=room - 10)


def test_money_spent_before_counts_towards_the_runs_cap(bench: Callable[..., Bench]) -> None:
    with Gateway(PriceTable.load(), run_usd=0.006, spent={"t": 2000, "u": 3000}, patience=FAST) as gateway:
        one = bench(gateway=gateway)
        with pytest.raises(anthropic.BadRequestError):
            one.create()
        assert (gateway.budget_spent(), gateway.spent()) == (True, 5000)


def test_the_limit_of_the_run_follows_what_the_upstream_bears(bench: Callable[..., Bench]) -> None:
    said: list[tuple[str, Mapping[str, JsonValue]]] = []
    patience = Patience(attempts=50, first_s=0.01, cap_s=0.02)
    with Gateway(PriceTable.load(), patience=patience, log=lambda event, data: said.append((event, data))) as gateway:
        attempts = [bench(gateway=gateway, seconds=20.0) for _ in range(8)]
        upstream = attempts[0].upstream
        upstream.script = [Turn(delay_s=0.02)]
        upstream.bears = 2
        with ThreadPoolExecutor(8) as pool:
            texts = list(pool.map(lambda number: attempts[number % 8].say(), range(64)))
        assert texts == ["hello"] * 64
        limits = [(event, data["calls_at_once"]) for event, data in said]
        assert {event for event, _ in limits} == {"limit lowered", "limit raised"}
        assert min(number for _, number in limits if isinstance(number, int)) <= 2
        assert upstream.refused < 64, "a limit that does not hold is refused about as often as it asks"
        assert all(gateway.problem(one.token) is None for one in attempts)
        waits = [data for one in attempts for data in one.of("wait")]
        assert {data["why"] for data in waits} == {"429", "limit"}
        waited = sum(data["seconds"] for data in waits)
        assert gateway.waited_s() == pytest.approx(waited, abs=0.05)
        upstream.bears = None
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: attempts[number % 8].say(), range(64)))
        assert said[-1][0] == "limit raised"
        assert said[-1][1]["calls_at_once"] > 2


def test_waiting_below_the_runs_limit_is_not_the_agents_time(bench: Callable[..., Bench]) -> None:
    began, patience = time.monotonic(), replace(FAST, stall_s=5.0)
    one, two = bench(seconds=30.0, patience=patience), bench(seconds=30.0, patience=patience)
    one.upstream.script = [Turn(429), Turn(429), Turn(delay_s=0.4)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: each.say(), [one, two]))
    waited = sum(data["seconds"] for each in (one, two) for data in each.of("wait") if data["why"] == "limit")
    charged = 60.0 - one.deadline.remaining() - two.deadline.remaining()
    assert waited > 0.2
    assert charged <= 2 * (time.monotonic() - began) - waited


def test_a_late_call_is_logged(bench: Callable[..., Bench]) -> None:
    said: list[tuple[str, Mapping[str, JsonValue]]] = []
    with Gateway(PriceTable.load(), log=lambda event, data: said.append((event, data))) as gateway:
        one = bench(gateway=gateway)
        gateway.close_admission(one.token)
        assert one.post(_ask()).status_code == 403
    assert said == [("late call refused", {"trial": "", "path": "/v1/messages", "late": 1})]
