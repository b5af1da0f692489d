"""Which of our languages a request gets: by its own word, else by the weights of its header."""

import re
from typing import NamedTuple

from noticeboard.i18n import DEFAULT, LANGUAGES

ANY = "*"
DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]*)?")


class Choice(NamedTuple):
    language: str
    refused: bool
    """The header wants none of our languages; `language` is the default then."""


class Range(NamedTuple):
    """One wish of an Accept-Language header."""

    language: str
    weight: float
    place: int


def choose(header: str | None, asked: str | None = None) -> Choice:
    """The language of a request; `asked` is one of ours or None."""
    if asked is not None:
        return Choice(asked, refused=False)
    ranges = parse(header or "")
    best = {language: _best(ranges, language) for language in LANGUAGES}
    wanted = [language for language in LANGUAGES if (wish := best[language]) and wish.weight > 0]
    if wanted:
        return Choice(min(wanted, key=lambda language: _rank(best[language])), refused=False)
    allowed = [language for language in LANGUAGES if best[language] is None]
    return Choice([*allowed, DEFAULT][0], refused=not allowed)


def parse(header: str) -> list[Range]:
    """The ranges of a header in their order; those with a weight that is none are left out."""
    found = []
    for place, part in enumerate(header.split(",")):
        tag, *parameters = part.split(";")
        weight = _weight(parameters)
        if weight is not None:
            found.append(Range(tag.strip().lower().split("-")[0], weight, place))
    return found


def _weight(parameters: list[str]) -> float | None:
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "q":
            return float(value) if DECIMAL.fullmatch(value) and float(value) <= 1 else None
    return 1.0


def _best(ranges: list[Range], language: str) -> Range | None:
    """The greatest range of a language, the first of equals; `*` speaks where none names it."""
    own = [wish for wish in ranges if wish.language == language]
    own = own or [wish for wish in ranges if wish.language == ANY]
    return min(own, key=_rank, default=None)


def _rank(wish: Range) -> tuple[float, int]:
    return -wish.weight, wish.place
