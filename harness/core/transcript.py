"""Events of an attempt, and the transcript that graders read from them.

`events.jsonl` is append-only and the source of truth; a transcript is a pure function of it, so the same events always
give the same evidence. An event that cannot be read marks the transcript incomplete instead of being skipped in
silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import JsonValue

from harness.core.records import SCHEMA_VERSION, AssistantTurn, Record, ToolCall, ToolResult, Transcript

EventKind = Literal[
    "setup", "kickoff", "assistant", "tool_result", "reserve", "exchange", "wait", "note", "ended", "sealed"
]


class Event(Record):
    """One line of `events.jsonl`.

    Kinds and their `data`:
    `kickoff` {system_digest, text} - what the agent was given;
    `assistant` {turn, text, stop_reason, calls: [{id, name, input}]} - one assistant message;
    `tool_result` {id, text, is_error, exit_code, truncated, seconds} - the answer to one call;
    `reserve` - money set aside for a turn that is about to be asked for; `exchange` - one metered call at the gateway,
    which settles every reserve of the same `n`; `wait` - time that was not the agent's;
    `setup`, `note`, `ended`, `sealed` - facts of the harness.
    """

    schema_version: int = SCHEMA_VERSION
    seq: int
    """Position in the file, from 1, without gaps."""
    at: float
    """Seconds since the attempt began."""
    kind: EventKind
    data: dict[str, JsonValue] = {}


class _Call(Record):
    id: str
    name: str
    input: dict[str, JsonValue]


class _Assistant(Record):
    turn: int
    text: str
    stop_reason: str = ""
    calls: tuple[_Call, ...] = ()


class _Result(Record):
    id: str
    text: str
    is_error: bool = False
    exit_code: int | None = None
    truncated: bool = False
    seconds: float = 0.0


def transcript(events: Iterable[Event], *, complete: bool = True) -> Transcript:
    """The transcript in `events`; `complete` is False when the reader lost lines.

    Steps are numbered through: an assistant message with text is a step, and each of its calls is one.
    """
    messages: list[_Assistant] = []
    results: dict[str, ToolResult] = {}
    expected = 1
    for event in events:
        complete = complete and event.seq == expected
        expected = event.seq + 1
        if event.kind == "assistant":
            messages.append(_Assistant.model_validate(event.data))
        elif event.kind == "tool_result":
            result = _Result.model_validate(event.data)
            results[result.id] = ToolResult(
                text=result.text, is_error=result.is_error, exit_code=result.exit_code, truncated=result.truncated
            )
    turns = []
    step = 0
    for message in messages:
        step += 1
        first = step
        calls = []
        for call in message.calls:
            step += 1
            calls.append(
                ToolCall(step=step, turn=message.turn, name=call.name, input=call.input, result=results.get(call.id))
            )
        turns.append(
            AssistantTurn(
                turn=message.turn, step=first, text=message.text, calls=tuple(calls), stop_reason=message.stop_reason
            )
        )
    return Transcript(turns=tuple(turns), complete=complete)
