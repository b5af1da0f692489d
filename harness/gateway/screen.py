"""What a client may ask for: the admitted model, known fields, tools that run at the client, content it holds itself.

An allow-list, because the other side grows features: tools that search the web or run code at the provider, addresses
the provider would fetch, prompts it would keep or pass to another model. Each would be a way out of the sandbox or past
the meter. What was screened is what is sent: a body that two parsers could read differently is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FIELDS = frozenset(
    {
        "cache_control",
        "context_management",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "output_format",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
BLOCKS = frozenset(
    {
        "document",
        "image",
        "redacted_thinking",
        "search_result",
        "text",
        "thinking",
        "tool_addition",
        "tool_reference",
        "tool_removal",
        "tool_result",
        "tool_use",
    }
)
SOURCES = {"image": frozenset({"base64"}), "document": frozenset({"text", "content"})}
CLIENT_TOOLS = ("bash_", "memory_", "text_editor_")


class Refused(Exception):
    """A request that is not passed on: status and error of the answer."""

    def __init__(self, message: str, *, status: int = 400, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind


@dataclass(frozen=True)
class Ask:
    """A request that may be passed on."""

    body: bytes
    stream: bool
    max_tokens: int
    images: int
    image_bytes: int
    """How much of the body is the data of images."""
    named_tools: int
    """Tools that the provider describes to the model."""
    hour: bool
    """A cache may be asked for that is kept for an hour; without a word it is kept for five minutes."""


def screen(body: bytes, model: str, *, counting: bool = False) -> Ask:
    """The request in `body`, `Refused` where it asks for anything that is not allowed.

    `counting`: a request to count tokens, which has no `max_tokens`.
    """
    lifetimes: set[str] = set()
    data = _decode(body, lifetimes)
    unknown = sorted(data.keys() - FIELDS)
    if unknown:
        raise Refused(f"fields are not allowed here: {', '.join(unknown)[:200]}")
    if data.get("model") != model:
        raise Refused(f"this agent's model is {model}, not {str(data.get('model'))[:80]!r}")
    max_tokens = data.get("max_tokens", 1 if counting else None)
    if type(max_tokens) is not int or max_tokens < 1:
        raise Refused("max_tokens: a positive integer is required")
    stream = data.get("stream") or False
    if type(stream) is not bool:
        raise Refused("stream: true or false is required")
    named_tools = _screen_tools(data.get("tools"))
    _screen_edits(data.get("context_management"))
    images, image_bytes = _screen_content(data)
    return Ask(body, stream, max_tokens, images, image_bytes, named_tools, hour=bool(lifetimes - {"5m"}))


def _decode(body: bytes, lifetimes: set[str]) -> dict[str, Any]:
    """The request; `lifetimes` gets whatever any object in it calls a `ttl`."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = _unique(pairs)
        if "ttl" in found:
            lifetimes.add(str(found["ttl"]))
        return found

    try:
        data = json.loads(body, object_pairs_hook=unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the body is not one JSON document: {error}"[:300]) from error
    if not isinstance(data, dict):
        raise Refused("the body is not a JSON object")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _objects(value: object, what: str) -> list[dict[str, Any]]:
    """A list of objects; None is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refused(f"{what}: a list of objects is required")
    return value


def _screen_tools(tools: object) -> int:
    """How many tools are only named."""
    named = 0
    for tool in _objects(tools, "tools"):
        kind = tool.get("type") or "custom"
        if kind != "custom" and not str(kind).startswith(CLIENT_TOOLS):
            raise Refused(f"tools that run at the provider are not allowed: {str(kind)[:80]!r}")
        named += kind != "custom"
    return named


def _screen_edits(management: object) -> None:
    if management is None:
        return
    if not isinstance(management, dict) or management.keys() - {"edits"}:
        raise Refused("context_management: only edits are allowed")
    for edit in _objects(management.get("edits"), "context_management.edits"):
        if not str(edit.get("type")).startswith("clear_"):
            raise Refused("context_management: only edits that clear are allowed")


def _screen_content(data: dict[str, Any]) -> tuple[int, int]:
    """Number of images in the request, and bytes of their data."""
    contents = [data.get("system"), *(message.get("content") for message in _objects(data.get("messages"), "messages"))]
    images = image_bytes = 0
    for block in (block for content in contents for block in _blocks(content)):
        _screen_block(block)
        if block["type"] == "image":
            images += 1
            text = block["source"].get("data")
            image_bytes += len(text) if isinstance(text, str) else 0
    return images, image_bytes


def _blocks(content: object) -> Iterator[dict[str, Any]]:
    """Content blocks at any depth; a string is one text and needs no look."""
    if content is None or isinstance(content, str):
        return
    for block in _objects(content, "content"):
        yield block
        if block.get("type") in ("tool_result", "search_result"):
            yield from _blocks(block.get("content"))
        source = block.get("source")
        if isinstance(source, dict):
            yield from _blocks(source.get("content"))


def _screen_block(block: dict[str, Any]) -> None:
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in BLOCKS:
        raise Refused(f"content of type {str(kind)[:80]!r} is not allowed")
    if kind not in SOURCES:
        return
    source = block.get("source")
    found = source.get("type") if isinstance(source, dict) else None
    if found not in SOURCES[kind]:
        raise Refused(f"{kind}: a source of type {str(found)[:80]!r} is not allowed")
