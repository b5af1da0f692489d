import pytest

from app.core.i18n import LOCALES, catalogue, negotiate, plural_form


def test_catalogues_have_the_same_keys():
    assert {frozenset(catalogue(locale)) for locale in LOCALES} == {frozenset(catalogue("en"))}


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("FR-ca", "fr"),
        ("en;q=0.4, fr;q=0.8", "fr"),
        ("fr;q=0, en;q=0.1", "en"),
        ("fr;q=high", "en"),
        ("de, nl", "en"),
    ],
)
def test_negotiate(header, locale):
    assert negotiate(header) == locale


@pytest.mark.parametrize(
    ("locale", "count", "form"),
    [
        ("en", 0, "other"),
        ("en", 1, "one"),
        ("en", 2, "other"),
        ("fr", 0, "one"),
        ("fr", 1, "one"),
        ("fr", 2, "other"),
    ],
)
def test_plural_form(locale, count, form):
    assert plural_form(locale, count) == form
