"""What an upstream's answer means: pass it on, start the turn again, or give the attempt up.

The decision is made on the whole answer, before the client sees a byte of it. A turn that broke half-way can then be
started again as if it had never begun, which no client can do for itself.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.records import Usage
from harness.gateway.sse import NO_USAGE, Message, read_json, read_stream

EVENT_STREAM = "text/event-stream"
HOLDING = frozenset({429, 529})
"""Statuses whose `retry-after` speaks to every caller of the upstream, not only to this one."""

_AGAIN = frozenset({408, 409, 429})
_DENIED = frozenset({401, 402, 403, 404})
_SNAPSHOT = re.compile(r"-\d{8}")
_TOO_LONG = re.compile(r"prompt is too long|exceeds? (?:the )?context (?:limit|window)")


@dataclass(frozen=True)
class Reply:
    """An answer as the client gets it."""

    status: int
    body: bytes
    media_type: str = "application/json"
    request_id: str = ""
    message: Message | None = None
    """None: no answer of a model."""


@dataclass(frozen=True)
class Broken:
    """A turn that has to be started again."""

    why: str
    status: int | None = None
    retry_after: float | None = None
    """Seconds."""
    usage: Usage = NO_USAGE
    """What the answer told of its usage before it broke."""
    charged: bool = False
    """The provider may ask money for it, and for more than it told."""


def api_error(status: int, kind: str, message: str) -> Reply:
    """An error in the API's own shape."""
    error = {"type": "error", "error": {"type": kind, "message": message}}
    return Reply(status, json.dumps(error).encode())


def judge(status: int, headers: Mapping[str, str], body: bytes, *, stream: bool | None, now: float) -> Reply | Broken:
    """The meaning of a whole answer.

    `stream`: whether a stream was asked for, None where no model answers. `now`: seconds since the epoch, for dates in
    `retry-after`.
    """
    if status in _AGAIN or status >= 500:
        return Broken(str(status), status, retry_after(headers, now))
    media_type = headers.get("content-type", "application/json")
    reply = Reply(status, body, media_type, headers.get("request-id", ""))
    if status != 200 or stream is None:
        return reply
    if stream != media_type.startswith(EVENT_STREAM):
        return Broken("garbled answer", status, charged=True)
    message = read_stream(body) if stream else read_json(body)
    if message.fault is not None:
        return Broken(message.fault, status, usage=message.usage, charged=True)
    return Reply(status, body, media_type, reply.request_id, message)


def denied(status: int) -> bool:
    """Whether a status is the provider's or the account's doing: the gateway has seen to everything else."""
    return status in _DENIED or 300 <= status < 400


def too_long(reply: Reply) -> bool:
    """Whether the upstream refused a prompt because it does not fit the model's context window.

    The API has no type of its own for that, so its words decide: "prompt is too long: 208310 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit". They are the provider's; no agent has a part in them.
    """
    if reply.status != 400:
        return False
    try:
        return bool(_TOO_LONG.search(str(json.loads(reply.body)["error"]["message"])))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def same_model(asked: str, answered: str) -> bool:
    """Whether `answered` is the model asked for, or the dated snapshot that its name stands for."""
    return answered == asked or (answered.startswith(asked) and bool(_SNAPSHOT.fullmatch(answered[len(asked) :])))


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as a server asks for them: in milliseconds, in seconds, or as a date."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return seconds * scale
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - now)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
