"""Reading a model's answer, whole or broken: who answered, why it stopped, what it used.

Nothing is taken from an answer but what the meter and the judge need; the bytes themselves go to the client unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.core.records import Usage

_READ = frozenset({b"message_start", b"message_delta", b"message_stop", b"error"})

NO_USAGE = Usage()

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


@dataclass(frozen=True)
class Message:
    """What an answer says about itself."""

    model: str = ""
    stop_reason: str | None = None
    usage: Usage = NO_USAGE
    fault: str | None = "drop"
    """Why it is no whole answer, None when it is one."""


def read_stream(body: bytes) -> Message:
    """The message in a stream of server-sent events, as far as it goes."""
    model, stop_reason, fault = "", None, "drop"
    told: dict[str, Any] = {}
    try:
        for event in _events(body):
            match event.get("type"):
                case "message_start":
                    model = str(event["message"]["model"])
                    told |= _known(event["message"]["usage"])
                case "message_delta":
                    stop_reason = event["delta"].get("stop_reason") or stop_reason
                    told |= _known(event.get("usage") or {})
                case "message_stop":
                    fault = ""
                case "error":
                    fault = f"sse error {_error_type(event)}"
                    break
        usage = usage_of(told) if told else NO_USAGE
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Message(model=model, fault="garbled answer")
    if not fault and (not told or stop_reason is None):
        fault = "garbled answer"
    return Message(model, stop_reason, usage, fault or None)


def read_json(body: bytes) -> Message:
    """The message in a JSON answer."""
    try:
        data = json.loads(body)
        return Message(str(data["model"]), data["stop_reason"], usage_of(data["usage"]), None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Message(fault="garbled answer")


def usage_of(data: dict[str, Any]) -> Usage:
    """Usage as the API tells it; `ValueError` or `KeyError` where it makes no sense.

    Cache writes without a breakdown are of five minutes, the API's default.
    """
    written = data.get("cache_creation_input_tokens") or 0
    parts = data.get("cache_creation") or {}
    hour = parts.get("ephemeral_1h_input_tokens") or 0
    five = max(parts.get("ephemeral_5m_input_tokens") or 0, written - hour)
    counts = {
        "input": data["input_tokens"],
        "output": data["output_tokens"],
        "cache_read": data.get("cache_read_input_tokens") or 0,
        "cache_write_5m": five,
        "cache_write_1h": hour,
    }
    if any(type(count) is not int or count < 0 for count in counts.values()):
        raise ValueError(f"usage is not made of counts: {counts}")
    return Usage(**counts)


def error_event(error: bytes) -> bytes:
    """An API error as the last event of a stream that has already begun."""
    return b"event: error\ndata: " + error.replace(b"\n", b" ") + b"\n\n"


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    """Decoded data of the events that matter; a last event without its blank line is not whole and left out."""
    text = body.replace(b"\r\n", b"\n")
    for block in text.split(b"\n\n")[:-1]:
        first = block.partition(b"\n")[0]
        if first.startswith(b"event:") and first[6:].strip() not in _READ:
            continue
        fields = (line.partition(b":") for line in block.split(b"\n"))
        data = b"\n".join(value.removeprefix(b" ") for key, _, value in fields if key == b"data")
        if data:
            yield json.loads(data)


def _known(usage: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in usage.items() if value is not None}


def _error_type(event: dict[str, Any]) -> str:
    return str((event.get("error") or {}).get("type", "unknown"))[:60]
