"""Our own tool loop over the Messages API, with the anthropic SDK.

It runs on the host and everything it does happens in the sandbox, so the transcript is first hand: each assistant
message and each tool result is recorded as it passes. Nothing is retried here; waiting and retrying are the gateway's,
which counts them.
"""

from __future__ import annotations

import json
import math
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from harness.agents._tools import Answer, Toolbox, definitions
from harness.core.deadline import DeadlinePassed
from harness.core.digest import sha256
from harness.core.errors import Cause, Failure
from harness.core.ports import Assignment, Solved
from harness.core.records import Ended, EndedKind

if TYPE_CHECKING:
    import anthropic

_MAX_TOKENS = 32_000
"""Most output tokens of one message."""
_STORED = 100_000
"""Most bytes of a tool result that are recorded."""
_STOPS = {
    "refusal": Ended(kind=EndedKind.REFUSED),
    "max_tokens": Ended(kind=EndedKind.LIMIT, detail="output"),
    "model_context_window_exceeded": Ended(kind=EndedKind.LIMIT, detail="context"),
}
"""Stop reasons that end the agent's turn whatever else the message holds."""
_LIMIT_ERRORS = {
    "budget_exhausted": "money",
    "tokens_exhausted": "tokens",
    "time_exhausted": "wall",
}
"""Error type with which the gateway refuses a call -> the limit that the agent has used up."""
_FINISHED = Ended(kind=EndedKind.FINISHED)


class Messages:
    """Drives a model through one assignment with tools named and shaped as Claude Code's."""

    def __init__(self, quiet_s: float = 120.0) -> None:
        """`quiet_s`: a stream that is silent for longer is dead; the gateway sends pings while it waits."""
        self._quiet_s = quiet_s

    def solve(self, assignment: Assignment) -> Solved:
        """Loop until the model stops or a limit does; `Failure(PROVIDER)` when the API fails."""
        with _client(assignment, self._quiet_s) as client:
            work = _Work(assignment, client)
            try:
                ended = work.run()
            except _Limit as limit:
                ended = Ended(kind=EndedKind.LIMIT, detail=str(limit))
            except DeadlinePassed:
                ended = Ended(kind=EndedKind.LIMIT, detail="wall")
            return Solved(ended=ended, reply=work.reply)


class _Limit(Exception):
    """A limit of the agent's ended its turn; the text says which."""


class _NoJson(Exception):
    """The model sent a tool input that is no JSON."""


class _Work:
    """The conversation so far."""

    def __init__(self, assignment: Assignment, client: anthropic.Anthropic) -> None:
        self.reply = ""
        self._given = assignment
        self._client = client
        self._tools = Toolbox(assignment)
        self._definitions = definitions()
        self._messages: list[dict[str, Any]] = [{"role": "user", "content": assignment.kickoff}]
        self._turn = 0
        self._step = 0

    def run(self) -> Ended:
        """Turns until one of them is the last."""
        kickoff = {"system_digest": sha256(self._given.system.encode()), "text": self._given.kickoff}
        self._given.record("kickoff", kickoff)
        while True:
            self._given.deadline.check("asking the model")
            if self._turn >= self._given.limits.turns:
                raise _Limit("turns")
            self._turn += 1
            try:
                content, stop = self._ask()
            except _NoJson:
                self._given.record("note", {"text": "a message was lost: a tool input was no JSON", "turn": self._turn})
                continue
            ended = self._answer(content, stop)
            if ended is not None:
                return ended

    def _ask(self) -> tuple[list[dict[str, Any]], str]:
        """One message of the model: its content blocks as plain data, and its stop reason."""
        with _provider(), self._stream() as stream:
            try:
                message = stream.get_final_message()
            except json.JSONDecodeError:
                raise  # An event that is no JSON is the provider's.
            except ValueError as error:
                raise _NoJson from error
        blocks = [_plain(block.to_dict(mode="json")) for block in message.content]
        return [block for block in blocks if block.get("text") != ""], message.stop_reason or ""

    def _stream(self) -> Any:
        return self._client.messages.stream(
            model=self._given.model,
            max_tokens=_MAX_TOKENS,
            system=self._given.system,
            tools=self._definitions,  # type: ignore[arg-type]
            messages=self._messages,  # type: ignore[arg-type]
            cache_control={"type": "ephemeral"},
        )

    def _answer(self, content: list[dict[str, Any]], stop: str) -> Ended | None:
        """Record the message and answer its calls; how the turn ended, None where it goes on."""
        self.reply = "\n".join(block["text"] for block in content if block["type"] == "text")
        uses = [block for block in content if block["type"] == "tool_use"]
        calls = [{"id": use["id"], "name": use["name"], "input": use["input"]} for use in uses]
        self._given.record(
            "assistant", {"turn": self._turn, "text": self.reply, "stop_reason": stop, "calls": [*calls]}
        )
        self._step += 1
        if stop in _STOPS:
            return _STOPS[stop]
        if not uses and stop != "pause_turn":
            return _FINISHED
        if content:
            self._messages.append({"role": "assistant", "content": content})
        if uses:
            self._messages.append({"role": "user", "content": [self._result(use) for use in uses]})
        return None

    def _result(self, use: dict[str, Any]) -> dict[str, Any]:
        self._step += 1
        self._given.deadline.check(use["name"])
        answer = self._tools.call(use["name"], use["input"], self._step)
        self._given.record("tool_result", _event(use["id"], answer))
        result = {"type": "tool_result", "tool_use_id": use["id"], "content": answer.text}
        return {**result, "is_error": True} if answer.is_error else result


def _client(assignment: Assignment, quiet_s: float) -> anthropic.Anthropic:
    import anthropic  # Half a second, which no other command should pay.
    import httpx2

    return anthropic.Anthropic(
        base_url=assignment.base_url,
        api_key=assignment.token,
        max_retries=0,
        # The SDK's own client would send a loopback address through the environment's proxies. The gateway speaks
        # plain HTTP; reading the authorities' certificates would take 20 ms and 2 MB a trial.
        http_client=httpx2.Client(trust_env=False, timeout=quiet_s, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
    )


@contextmanager
def _provider() -> Iterator[None]:
    """Errors of the API, told apart by status and type: the agent's own limits, and failures of the provider."""
    import anthropic
    import httpx2

    try:
        yield
    except anthropic.APIStatusError as error:
        limit = _LIMIT_ERRORS.get(str(error.type)) or ("context" if error.status_code == 413 else None)
        if limit is not None:
            raise _Limit(limit) from error
        raise Failure(Cause.PROVIDER, f"status {error.status_code}, {error.type}: {error.message}") from error
    except (anthropic.APIError, httpx2.TransportError, json.JSONDecodeError, AssertionError, RuntimeError) as error:
        # The SDK asserts that a stream begins and ends as it should.
        raise Failure(Cause.PROVIDER, f"{type(error).__name__}: {error}") from error


def _event(use_id: str, answer: Answer) -> dict[str, JsonValue]:
    data = answer.text.encode()
    cut = len(data) > _STORED
    return {
        "id": use_id,
        "text": data[:_STORED].decode("utf-8", "ignore") if cut else answer.text,
        "is_error": answer.is_error,
        "exit_code": answer.exit_code,
        "truncated": answer.truncated or cut,
        "seconds": answer.seconds,
    }


def _plain(block: dict[str, Any]) -> dict[str, Any]:
    """A content block as it is recorded and sent back; a tool input is an object there, whatever the model made it."""
    cleaned: dict[str, Any] = _clean(block)
    if cleaned["type"] == "tool_use" and not isinstance(cleaned.get("input"), dict):
        cleaned["input"] = {"": cleaned.get("input")}
    return cleaned


def _clean(value: Any) -> Any:
    """Plain data that every JSON writer takes: no lone surrogate, no NaN, no endless integer."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and value.bit_length() > 64:
        return hex(value)
    return value
