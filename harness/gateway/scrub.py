"""Takes a key out of whatever comes back from an upstream, in every form in which a key is commonly repeated.

A form may be escaped once more, character by character, for JSON or for addresses, so it is looked for in what is left
when such escapes are undone, and cut out of what was sent. In a stream a key may also stand in pieces: whoever reads
the answer joins them, so what they join is what is searched.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

SHORTEST = 12
"""Anything shorter ("fake", "none") is a placeholder for a local server, and may be a word of the answer."""
MARK = b"[key]"
_ESCAPED = re.compile(rb"\\{1,8}(?:u00|x)([0-9a-fA-F]{2})|%(?:25)*([0-9a-fA-F]{2})|\\{1,8}(?=/)")
"""One character in JSON, in a literal of a program or in an address, escaped a few times over."""


class Scrub:
    """Replaces one key; without a key, or with a placeholder, it changes nothing."""

    def __init__(self, key: str | None) -> None:
        self._forms = forms(key) if key is not None and len(key) >= SHORTEST else ()
        self._hex = key.encode().hex().encode() if self._forms and key is not None else b""
        self._sent = re.compile(b"|".join([*map(_as_sent, self._forms), b"(?i:%b)" % _as_sent(self._hex)]))

    def __call__(self, body: bytes) -> bytes:
        """`body` without the key."""
        return self._sent.sub(MARK, body) if self._forms and self._in(body) else body

    def text(self, text: str) -> str:
        """Like a call, for a header or a text that was joined."""
        clean = self(text.encode("utf-8", "surrogatepass")) if self._forms else b""
        return clean.decode("utf-8", "surrogatepass") if self._forms else text

    def stream(self, body: bytes) -> bytes:
        """Like a call, for server-sent events; where deltas add up to the key, the first of them says it all."""
        body = self(body)
        if not self._forms:
            return body
        blocks = body.replace(b"\r\n", b"\n").split(b"\n\n")
        try:
            changed = self._joined([(number, _data(block)) for number, block in enumerate(blocks[:-1])])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return body  # A garbled answer, which is passed on to nobody.
        for number, event in changed.items():
            blocks[number] = b"event: %b\ndata: %b" % (event["type"].encode(), json.dumps(event).encode())
        return b"\n\n".join(blocks) if changed else body

    def _joined(self, events: Iterable[tuple[int, dict[str, Any]]]) -> dict[int, dict[str, Any]]:
        """Number -> event, with their parts changed, of those events that together say the key."""
        found: dict[tuple[int, str], list[tuple[int, dict[str, Any], dict[str, Any]]]] = {}
        for number, event in events:
            part = event.get("delta") or event.get("content_block") or {}
            for name, value in part.items() if "index" in event else ():
                if isinstance(value, str) and name != "type":
                    found.setdefault((event["index"], name), []).append((number, event, part))
        changed: dict[int, dict[str, Any]] = {}
        for (_, name), parts in found.items():
            whole = "".join(part[name] for _, _, part in parts)
            clean = self.text(whole)
            if clean != whole:
                for place, (number, event, part) in enumerate(parts):
                    part[name] = "" if place else clean
                    changed[number] = event
        return changed

    def _in(self, body: bytes) -> bool:
        readings = (body, _ESCAPED.sub(_character, body))
        return any(self._hex in text.lower() or any(form in text for form in self._forms) for text in readings)


def forms(key: str) -> tuple[bytes, ...]:
    """The key as it is, in hex and in base64 wherever it begins, longest first."""
    plain = key.encode()
    found = {plain, plain.hex().encode()}
    for shift in range(3):
        # What stands before and after the key decides the characters at its ends: they are left out.
        spare = -(len(plain) + shift) % 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + plain + b"\0" * spare)
            found.add(text[(0, 2, 3)[shift] : len(text) - (0, 2, 3)[spare]])
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def _character(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex((match[1] or match[2] or b"").decode())


def _as_sent(form: bytes) -> bytes:
    """A pattern for `form` with any of its characters escaped."""
    return b"".join(
        rb"(?:%b|\\{1,8}(?:u00|x)(?i:%02x)|%%(?:25)*(?i:%02x))" % (_bare(code), code, code) for code in form
    )


def _bare(code: int) -> bytes:
    return rb"\\{0,8}/" if code == ord("/") else re.escape(bytes([code]))


def _data(block: bytes) -> dict[str, Any]:
    """The data of one event; empty where it has none."""
    fields = (line.partition(b":") for line in block.split(b"\n"))
    data = b"\n".join(value.removeprefix(b" ") for key, _, value in fields if key == b"data")
    event: dict[str, Any] = json.loads(data) if data else {}
    return event
