"""Makes text that an agent wrote harmless: every character that could move a cursor or reorder a line is spelled out.

It stands in the core because tables and exports need it alike.
"""

from __future__ import annotations

import unicodedata


def inert(text: str) -> str:
    """Text of any number of lines in which every character is printable; only newlines and tabs stay as they are."""
    return "".join(char if char.isprintable() or char in "\n\t" else _spelled(char) for char in text)


def one_line(text: str, limit: int = 200) -> str:
    """One printable line of at most `limit` characters; what was cut is marked."""
    line = inert(" ".join(text[: 10 * limit].split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _spelled(char: str) -> str:
    return " " if unicodedata.category(char) == "Zs" else char.encode("unicode_escape").decode()
