"""JSON as the standard has it: no NaN, no infinities, no duplicate keys, bounded depth and numbers.

`json.loads` takes all of these, and a server under test may send any of them to break or to fool a comparison.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64
MAX_DIGITS = 400


class NotStrictJson(ValueError):
    """The text is no strict JSON; the message says why."""


def loads(body: bytes) -> Any:
    """Parse UTF-8 JSON strictly; `NotStrictJson` for anything else."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except NotStrictJson:
        raise
    except RecursionError as error:
        raise NotStrictJson("nested too deeply") from error
    except ValueError as error:
        raise NotStrictJson(f"not JSON: {error}") from error
    _depth(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJson("a key stands twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise NotStrictJson(f"{name} is no JSON number")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise NotStrictJson("a number with too many digits")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotStrictJson("a number that overflows")
    return value


def _depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
        if not level:
            return
    raise NotStrictJson("nested too deeply")
