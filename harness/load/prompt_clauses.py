"""What an agent prompt demands, sentence by sentence, held against a rulebook.

Sentences are told apart by Markdown and full stops. One states a demand where one of the demand's cues (key phrases of
the rulebook, as regular expressions) is found in it. That is deterministic and approximate: a demand in words
that no cue foresees is listed as one that no rule knows, for a person to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from markdown_it import MarkdownIt
from markdown_it.token import Token

from harness.core.demands import Demand, DemandBook
from harness.load.prompts import Prompt

_END = re.compile(r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<=[.!?])\s+(?=[A-Z`*\"(])")
_MARKS = re.compile(r"[`*_#]")


@dataclass(frozen=True)
class Sentence:
    """One sentence of a prompt, or one line of a form that it prints."""

    line: int
    """In the file, from 1."""
    section: str
    """Heading above it, empty before the first."""
    lead: str
    """Sentences that lead into the list it stands in (`You NEVER:`), outermost first."""
    text: str

    @property
    def searched(self) -> str:
        """What cues are looked for in: the sentence behind its lead, on one line, without marks."""
        return plain(f"{self.lead} {self.text}")


class Standing(StrEnum):
    """What becomes of a sentence."""

    RULED = "ruled"
    """A rule or another grader decides it."""
    UNSCORED = "unscored"
    """Nobody decides it, and the rulebook says why."""
    CONTEXT = "context"
    """It demands nothing by itself."""
    UNKNOWN = "unknown"
    """The rulebook does not know it."""


@dataclass(frozen=True)
class Clause:
    """A sentence with the demands it states, in the rulebook's order; none where no cue is found."""

    sentence: Sentence
    demands: tuple[Demand, ...]
    standing: Standing


def plain(text: str) -> str:
    """Text on one line in lower case, without the marks of Markdown."""
    return " ".join(_MARKS.sub("", text).split()).casefold()


def sentences(prompt: Prompt) -> tuple[Sentence, ...]:
    """The sentences of a prompt in order, its frontmatter left out."""
    text = prompt.path.read_text(encoding="utf-8-sig")
    offset = text[: text.index(prompt.body)].count("\n")
    return tuple(_Reader(offset).sentences(MarkdownIt("commonmark").parse(prompt.body)))


def clauses(prompt: Prompt, book: DemandBook) -> tuple[Clause, ...]:
    """Every sentence of a prompt with the demands it states."""
    cues = {demand.id: _patterns(demand.cues) for demand in book.demands}
    context = _patterns(book.context)
    return tuple(_clause(sentence, book, cues, context) for sentence in sentences(prompt))


def _patterns(cues: Iterable[str]) -> list[re.Pattern[str]]:
    return [re.compile(cue, re.IGNORECASE) for cue in cues]


def _clause(
    sentence: Sentence, book: DemandBook, cues: Mapping[str, list[re.Pattern[str]]], context: list[re.Pattern[str]]
) -> Clause:
    demands = tuple(item for item in book.demands if any(cue.search(sentence.searched) for cue in cues[item.id]))
    if demands:
        ruled = any(demand.grader for demand in demands)
        return Clause(sentence, demands, Standing.RULED if ruled else Standing.UNSCORED)
    idle = any(cue.search(plain(sentence.text)) for cue in context)
    return Clause(sentence, (), Standing.CONTEXT if idle else Standing.UNKNOWN)


def stated(found: Iterable[Clause]) -> dict[str, tuple[Sentence, ...]]:
    """Id of a demand -> the sentences that state it."""
    by_id: dict[str, tuple[Sentence, ...]] = {}
    for clause in found:
        for demand in clause.demands:
            by_id[demand.id] = (*by_id.get(demand.id, ()), clause.sentence)
    return by_id


class _Reader:
    """Walks the blocks of a document and remembers the heading and the lists around each."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._section = ""
        self._leads: list[str] = []
        self._last = ""

    def sentences(self, tokens: Sequence[Token]) -> Iterator[Sentence]:
        for before, token in zip((None, *tokens), tokens, strict=False):
            if token.type in {"bullet_list_open", "ordered_list_open"}:
                self._leads.append(self._last if self._last.endswith(":") else "")
            elif token.type in {"bullet_list_close", "ordered_list_close"}:
                self._leads.pop()
            elif token.type == "inline" and before is not None and before.type == "heading_open":
                self._section, self._last = token.content, ""
            elif token.type == "inline":
                yield from self._prose(token)
            elif token.type in {"fence", "code_block"}:
                yield from self._form(token)

    def _prose(self, token: Token) -> Iterator[Sentence]:
        start = 0
        for end in (*(match.end() for match in _END.finditer(token.content)), len(token.content)):
            text = token.content[start:end]
            if text.strip():
                self._last = text.strip()
                yield self._sentence(self._line(token) + token.content[:start].count("\n"), self._last)
            start = end

    def _form(self, token: Token) -> Iterator[Sentence]:
        for number, line in enumerate(token.content.splitlines(), self._line(token) + 1):
            if line.strip():
                yield self._sentence(number, line.strip())

    def _sentence(self, line: int, text: str) -> Sentence:
        lead = " ".join(lead for lead in self._leads if lead)
        return Sentence(line, self._section, lead, " ".join(text.split()))

    def _line(self, token: Token) -> int:
        return (token.map[0] if token.map else 0) + 1 + self._offset
