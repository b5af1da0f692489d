"""Where a text holds a report: headings by a CommonMark parser, so that a heading in a fence or a quote is none.

This answers only "is it here, and what stands around it"; the report's form is judged elsewhere. A report that an
agent put into one code fence is still found, because a fence around it is allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

REPORT = "BACKEND IMPLEMENTATION REPORT"
TITLES = ("CONFORMITY STATUS", "DEVIATIONS", "FILES CHANGED", "ISSUES FOUND")
MAX_TEXT = 100_000
"""Longest text that is read, in characters."""
MAX_LINES = 5_000
MAX_LINE = 5_000
_MARKS = re.compile(r"[*_`~\[\]#]+")
_PLACEHOLDER = re.compile(r"YES\s*/\s*NO", re.IGNORECASE)


@dataclass(frozen=True)
class Heading:
    """A heading at the top level of a text."""

    level: int
    title: str
    """Without inline marks, white space folded."""
    line: int
    """From 0."""
    end: int
    """First line after it."""


@dataclass(frozen=True)
class Report:
    """A report found in a text."""

    body: str
    """From its heading on, without an outer fence."""
    before: str
    after: str
    """Text behind an outer fence; without a fence the report goes on to the end."""
    headings: tuple[Heading, ...]
    """All headings of the body, the report's own first."""


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").disable(["inline", "text_join"])


@cache
def _inline_parser() -> MarkdownIt:
    return MarkdownIt("commonmark")


def fold(text: str) -> str:
    """White space of any kind folded to single blanks."""
    return " ".join(text.split())


def bounded(text: str) -> str:
    """The part of a text that is read: what an agent writes may be of any size."""
    lines = text[:MAX_TEXT].removeprefix("\ufeff").splitlines()[:MAX_LINES]
    return "\n".join(line[:MAX_LINE] for line in lines)


@lru_cache(maxsize=256)
def headings(text: str) -> tuple[Heading, ...]:
    """Headings of a text, outside of fences, quotes and lists."""
    if "#" not in text and "==" not in text and "--" not in text:
        return ()
    tokens = _parser().parse(bounded(text))
    found = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open" and opening.level == 0 and opening.map is not None:
            title = _plain(inline.content[:300])
            found.append(Heading(int(opening.tag[1:]), title, opening.map[0], opening.map[1]))
    return tuple(found)


def _plain(source: str) -> str:
    tokens = _inline_parser().parseInline(source)
    return fold(" ".join(_text(child) for token in tokens for child in token.children or []))


def _text(token: Token) -> str:
    return token.content if token.type in {"text", "code_inline"} else " "


def is_report_title(title: str) -> bool:
    """Whether a heading's title announces the report, whatever its case."""
    return fold(title).rstrip(":").strip().casefold() == REPORT.casefold()


def section_name(title: str) -> str | None:
    """The section of the report that a title begins, None for another title."""
    folded = fold(title).upper()
    return next((name for name in TITLES if re.match(rf"{name}\b", folded)), None)


@lru_cache(maxsize=256)
def find_report(text: str) -> Report | None:
    """The report in a text, None where there is none."""
    if "implementation" not in text.casefold():
        return None
    bare = _bare(text)
    return bare if bare is not None else _fenced(text)


def _bare(text: str) -> Report | None:
    found = headings(text)
    first = next((index for index, heading in enumerate(found) if is_report_title(heading.title)), None)
    if first is None:
        return None
    lines = bounded(text).split("\n")
    at = found[first].line
    return Report("\n".join(lines[at:]), "\n".join(lines[:at]).strip(), "", found[first:])


def _fenced(text: str) -> Report | None:
    """A report in a fence: filled in, not the empty form that a plan may quote."""
    lines = bounded(text).split("\n")
    for token in _parser().parse("\n".join(lines)):
        if token.type != "fence" or token.level or token.map is None:
            continue
        inner = _bare(token.content)
        if inner is not None and not inner.before and _is_filled(inner):
            before, after = lines[: token.map[0]], lines[token.map[1] :]
            return Report(inner.body, "\n".join(before).strip(), "\n".join(after).strip(), inner.headings)
    return None


def _is_filled(report: Report) -> bool:
    names = [section_name(heading.title) for heading in report.headings]
    return TITLES[0] in names and not _PLACEHOLDER.search(report.body)


def is_whole_report(text: str) -> bool:
    """Whether a text holds a report that somebody filled in: its heading and at least two of its sections."""
    report = find_report(text)
    if report is None or _PLACEHOLDER.search(report.body):
        return False
    return len({section_name(heading.title) for heading in report.headings} - {None}) >= 2


def section(report: Report, name: str) -> str:
    """Source of a section up to the next section of the report, empty where it is missing."""
    lines = report.body.split("\n")
    offset = report.headings[0].line
    starts = [(heading, section_name(heading.title)) for heading in report.headings[1:]]
    for index, (heading, found) in enumerate(starts):
        if found == name:
            following = (later.line for later, title in starts[index + 1 :] if title is not None)
            return "\n".join(lines[heading.end - offset : next(following, len(lines) + offset) - offset])
    return ""


def plain(text: str) -> str:
    """Text for comparing words: inline marks dropped, white space folded, case folded."""
    return fold(_MARKS.sub("", text)).casefold()
