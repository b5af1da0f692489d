"""What two versions of a prompt demand differently, sentence by sentence and section by section.

A prompt is Markdown: its headings say what a demand is about, its list items and sentences are the demands. Moving a
sentence, wrapping a line or changing marks is no other demand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*")
ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*])")
MARKS = re.compile(r"[*_`]+")


@dataclass(frozen=True)
class Demand:
    """One sentence or list item of a prompt."""

    section: str
    text: str

    @property
    def meaning(self) -> str:
        """The words alone."""
        return " ".join(MARKS.sub("", self.text).casefold().split()).rstrip(".:;")


def demands(prompt: str) -> tuple[Demand, ...]:
    """All demands of a prompt's body, in order."""
    return tuple(
        Demand(section, part.strip())
        for section, block in _blocks(prompt)
        for part in SENTENCE_END.split(block)
        if part.strip()
    )


def demanded_differently(a: str, b: str) -> tuple[tuple[Demand, ...], tuple[Demand, ...]]:
    """Demands that only A makes, and those that only B makes."""
    mine, theirs = demands(a), demands(b)
    known_a, known_b = ({demand.meaning for demand in both} for both in (mine, theirs))
    return (
        tuple(demand for demand in mine if demand.meaning not in known_b),
        tuple(demand for demand in theirs if demand.meaning not in known_a),
    )


def _blocks(prompt: str) -> Iterator[tuple[str, str]]:
    """Paragraphs and list items with the heading they stand under, each on one line."""
    section, block = "", ""
    for line in prompt.splitlines():
        heading = HEADING.fullmatch(line.strip())
        if heading or not line.strip() or ITEM.match(line):
            yield section, block
            block = "" if heading or not line.strip() else ITEM.sub("", line, count=1)
            section = heading[1] if heading else section
        else:
            block = f"{block} {line.strip()}"
    yield section, block
