"""Makes text that an agent wrote harmless to look at.

A delivery may carry escape codes that repaint a terminal, bidirectional marks that reorder a line, or markup that a job
summary would follow. Such characters are spelled out instead of sent, so that a reader sees that they were there.
"""

from __future__ import annotations

import re

from harness.core.text import inert, one_line

__all__ = ["bounded", "clipped", "code_span", "inert", "one_line"]


def bounded(text: str, *, lines: int, width: int = 200) -> list[str]:
    """The first `lines` lines of `text`, each printable and at most `width` wide, and a mark for what was left out."""
    given = text.split("\n")
    shown = [clipped(line, width) for line in given[:lines]]
    left = len(given) - len(shown)
    return [*shown, f"[{left} more lines]"] if left else shown


def clipped(line: str, width: int) -> str:
    """A line with its white space kept, printable and at most `width` wide."""
    shown = inert(line[: width + 1]).replace("\n", " ")
    return shown if len(shown) <= width else shown[: width - 1] + "…"


def code_span(text: str) -> str:
    """A Markdown code span, in which no link, mention or markup is followed; safe in a table's cell too."""
    line = one_line(text).replace("|", "¦")
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if line else ""
