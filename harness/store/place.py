"""Where in a JSON text a value stands: whoever has to mend a file by hand is told the line, not only the field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_SAID = re.compile(r" at line (\d+) column \d+$")


def line_of_first(data: bytes, error: ValidationError) -> int:
    """Line, from 1, of the first error in the text `data`: where it stops to be JSON, or where the field stands."""
    first = error.errors(include_url=False)[0]
    said = _SAID.search(first["msg"])
    return int(said[1]) if said and first["type"] == "json_invalid" else line_of(data, first["loc"])


def line_of(data: bytes, place: Sequence[str | int]) -> int:
    """Line, from 1, at which the value at `place` begins; where there is none, that of the nearest one around it."""
    text = data.decode("utf-8", "replace")
    at = _skip(text, 0)
    for step in place:
        inner = _inner(text, at, step)
        if inner is None:
            break
        at = inner
    return text.count("\n", 0, at) + 1


def _inner(text: str, at: int, step: str | int) -> int | None:
    """Where the value of that key or number begins in the object or array at `at`."""
    try:
        return next((start for key, start in _values(text, at) if key == step), None)
    except (ValueError, RecursionError):
        return None  # JSON that another parser takes: a number of ten thousand digits.


def _values(text: str, at: int) -> Iterator[tuple[str | int, int]]:
    """Key or number of each value in the object or array at `at`, and where it begins."""
    keyed = text.startswith("{", at)
    if not keyed and not text.startswith("[", at):
        return
    at, number = _skip(text, at + 1), 0
    while not text.startswith(("}", "]"), at):
        key: str | int = number
        if keyed:
            key, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + len(":"))
        yield key, at
        at = _skip(text, _DECODER.raw_decode(text, at)[1])
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        number += 1


def _skip(text: str, at: int) -> int:
    """The place behind white space."""
    found = _SPACE.match(text, at)
    return found.end() if found else at
