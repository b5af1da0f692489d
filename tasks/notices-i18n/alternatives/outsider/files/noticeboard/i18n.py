"""Texts for people, from one JSON catalogue per language.

A key is a path with dots. Its value is a text, or an object of forms: by gender (`feminine`,
`masculine`, `neutral`), by number (`one`, `other`), or by gender and then by number. A language has
the forms that its grammar needs and no other: a noun stands under its own gender only. Values in
braces are filled in.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "fr")
DEFAULT = "en"
GENDERS = ("feminine", "masculine", "neutral")
LOCALES = Path(__file__).parent / "locales"


@lru_cache
def catalogue(language: str) -> dict[str, Any]:
    return json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))


def language_of(header: str | None) -> str:
    """The first language of an Accept-Language header that we speak; its weights are not read."""
    for part in (header or "").split(","):
        language = part.split(";")[0].split("-")[0].strip().lower()
        if language in LANGUAGES:
            return language
    return DEFAULT


def number_form(language: str, count: int) -> str:
    """The form that a count takes in a language: French counts nothing in the singular."""
    singular = (0, 1) if language == "fr" else (1,)
    return "one" if count in singular else "other"


def entry(key: str, language: str) -> str | dict[str, Any]:
    """What the catalogue has under `key`: a text, or its forms."""
    found: Any = catalogue(language)
    for part in key.split("."):
        found = found[part]
    return found


def gender_of(key: str, language: str) -> str:
    """The gender of the noun `key`; empty where the language's nouns have none."""
    forms = entry(key, language)
    return next((gender for gender in GENDERS if isinstance(forms, dict) and gender in forms), "")


def text(key: str, language: str, *, count: int = 1, gender: str = "", **values: object) -> str:
    """The text of `key` in the form for `gender` and `count`, with the values filled in."""
    found = entry(key, language)
    if isinstance(found, dict) and gender in found:
        found = found[gender]
    if isinstance(found, dict):
        found = found[number_form(language, count)]
    return str(found).format(count=count, **values)
