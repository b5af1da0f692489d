"""Takes a key out of whatever comes back from an upstream, in every form in which a key is commonly repeated."""

from __future__ import annotations

import base64
from urllib.parse import quote

SHORTEST = 12
"""Anything shorter ("fake", "none") is a placeholder for a local server, and may be a word of the answer."""
MARK = b"[key]"


class Scrub:
    """Replaces one key; without a key, or with a placeholder, it changes nothing."""

    def __init__(self, key: str | None) -> None:
        self._forms = forms(key) if key is not None and len(key) >= SHORTEST else ()

    def __call__(self, body: bytes) -> bytes:
        """`body` without the key."""
        for form in self._forms:
            body = body.replace(form, MARK)
        return body

    def text(self, text: str) -> str:
        """Like a call, for a header."""
        return self(text.encode("utf-8", "replace")).decode("utf-8", "replace") if self._forms else text


def forms(key: str) -> tuple[bytes, ...]:
    """The key as it is, escaped for JSON and for addresses, in hex and in base64 wherever it begins, longest first."""
    plain = key.encode()
    found = {plain, plain.replace(b"/", b"\\/"), quote(key, safe="").encode()}
    found |= {plain.hex().encode(), plain.hex().upper().encode()}
    for shift in range(3):
        # What stands before and after the key decides the characters at its ends: they are left out.
        spare = -(len(plain) + shift) % 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + plain + b"\0" * spare)
            found.add(text[(0, 2, 3)[shift] : len(text) - (0, 2, 3)[spare]])
    return tuple(sorted(found, key=lambda form: (-len(form), form)))
