from typing import Any

import pytest

from noticeboard.i18n import LANGUAGES, catalogue, gender_of, text

FORMS = {"one", "other", "feminine", "masculine", "neutral"}


def keys(table: dict[str, Any]) -> set[str]:
    """Paths of all texts; the forms of a text are one."""
    found: set[str] = set()
    for name, value in table.items():
        if isinstance(value, dict) and FORMS.isdisjoint(value):
            found |= {f"{name}.{key}" for key in keys(value)}
        else:
            found.add(name)
    return found


def test_catalogues_have_the_same_keys():
    assert len({frozenset(keys(catalogue(language))) for language in LANGUAGES}) == 1


def test_a_text_is_filled_in():
    assert text("subscribers.summary", "fr", count=3) == "3 abonnés"
    assert text("errors.not_found", "en") == "There is nothing here."


@pytest.mark.parametrize(
    ("language", "count", "summary"),
    [
        ("en", 0, "0 subscribers"),
        ("en", 1, "1 subscriber"),
        ("en", 2, "2 subscribers"),
        ("fr", 0, "0 abonné"),
        ("fr", 1, "1 abonné"),
        ("fr", 2, "2 abonnés"),
    ],
)
def test_languages_count_differently(language, count, summary):
    assert text("subscribers.summary", language, count=count) == summary


def test_nouns_have_a_gender_in_french_only():
    assert gender_of("notices.nouns.closure", "fr") == "feminine"
    assert gender_of("notices.nouns.any", "fr") == "masculine"
    assert gender_of("notices.nouns.closure", "en") == ""
