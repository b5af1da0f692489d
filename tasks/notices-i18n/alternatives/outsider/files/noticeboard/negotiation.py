"""Which language a request gets, and whether it accepts any: `lang`, then Accept-Language.

A range of the header counts for the language that its first subtag names; one whose weight cannot
be read is dropped.
"""

import re
from decimal import Decimal
from typing import NamedTuple

from noticeboard.i18n import DEFAULT, LANGUAGES

BLANKS = " \t"
DECIMAL = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")
FULL = Decimal(1)


class Choice(NamedTuple):
    language: str
    acceptable: bool = True
    """False when the header refuses every language that we speak."""


class Wish(NamedTuple):
    """A range of the header; of two wishes the greater one counts, or the earlier of equals."""

    weight: Decimal
    precedence: int
    tag: str

    @property
    def language(self) -> str:
        return self.tag.split("-")[0]


def weight_of(parameters: list[str]) -> Decimal | None:
    """The weight of a range; None when its `q` is no decimal number from 0 to 1."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.rstrip(BLANKS).lower() == "q":
            number = value.lstrip(BLANKS)
            weight = Decimal(number) if DECIMAL.fullmatch(number) else None
            return weight if weight is not None and weight <= FULL else None
    return FULL


def wishes(header: str) -> list[Wish]:
    found = []
    for position, part in enumerate(header.split(",")):
        tag, *parameters = (piece.strip(BLANKS) for piece in part.split(";"))
        weight = weight_of(parameters)
        if weight is not None:
            found.append(Wish(weight, -position, tag.lower()))
    return found


def from_header(header: str) -> Choice:
    stated = wishes(header)
    anything = [wish for wish in stated if wish.tag == "*"]
    best: dict[str, Wish] = {}
    for language in LANGUAGES:
        own = [wish for wish in stated if wish.language == language]
        if own or anything:
            best[language] = max(own or anything)
    wanted = [language for language in LANGUAGES if language in best and best[language].weight > 0]
    if wanted:
        # The same `*` for both is a tie, and max keeps the first: English.
        return Choice(max(wanted, key=best.__getitem__))
    unmentioned = [language for language in LANGUAGES if language not in best]
    return Choice(unmentioned[0]) if unmentioned else Choice(DEFAULT, acceptable=False)


def choose(lang: str | None, header: str) -> Choice:
    """`lang` goes before the header; one that we do not speak chooses nothing."""
    return Choice(lang) if lang in LANGUAGES else from_header(header)
