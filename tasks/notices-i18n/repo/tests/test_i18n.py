from typing import Any

from noticeboard.i18n import LANGUAGES, catalogue, text

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
