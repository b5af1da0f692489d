"""Texts for users, from the catalogues in `greffe/locales/<language>/<domain>.json`.

A key is an error code. A value is a text, or an object with the plural forms `one` and `other`;
`{count}` is filled in.
"""

import json
from functools import lru_cache
from pathlib import Path

from greffe.platform.settings import get_settings

LOCALES = ("en", "fr")
CATALOGUES = Path(__file__).parent.parent / "locales"


@lru_cache
def catalogue(locale: str) -> dict[str, str | dict[str, str]]:
    """The texts of all domains in one language."""
    texts: dict[str, str | dict[str, str]] = {}
    for path in sorted((CATALOGUES / locale).glob("*.json")):
        texts |= json.loads(path.read_text(encoding="utf-8"))
    return texts


def preferred_locale(header: str | None) -> str:
    """The supported language that an Accept-Language header likes best."""
    wishes = [wish for part in (header or "").split(",") if (wish := _wish(part)) is not None]
    best = max(wishes, key=lambda wish: wish[1], default=None)
    return best[0] if best is not None else get_settings().default_locale


def _wish(part: str) -> tuple[str, float] | None:
    tag, _, parameter = part.strip().partition(";")
    language = tag.strip().split("-")[0].lower()
    if language not in LOCALES:
        return None
    try:
        quality = float(parameter.strip().removeprefix("q=") or "1")
    except ValueError:
        return None
    return (language, quality) if quality > 0 else None


def message(code: str, locale: str, *, count: int | None = None) -> str:
    """The text for an error code; `count` picks the plural form where the catalogue has forms."""
    text = catalogue(locale)[code]
    if isinstance(text, dict):
        text = text[plural_form(locale, count or 0)]
    return text.format(count=count)


def plural_form(locale: str, count: int) -> str:
    """French counts zero as singular, English does not."""
    singular = count < 2 if locale == "fr" else count == 1
    return "one" if singular else "other"
