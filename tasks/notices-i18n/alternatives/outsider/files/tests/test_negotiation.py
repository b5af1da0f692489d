import pytest

from noticeboard.negotiation import Choice, choose

NEITHER = Choice("en", acceptable=False)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("FR-ca", "fr"),
        ("fr-Latn-CA", "fr"),
        ("de, it", "en"),
        ("de, fr;q=0.1", "fr"),
        ("en;q=0.5, fr;q=0.8", "fr"),
        ("en;q=0.8, fr-CA;q=0.9, fr;q=0.1", "fr"),
        ("frr, en;q=0.1", "en"),
        ("fr_CA, en;q=0.1", "en"),
        (" \tfr\t; Q=0.4 , en ;q=0.3\t", "fr"),
        ("fr;level=1;q=0.4, en;q=0.5", "en"),
        (",,fr,", "fr"),
    ],
)
def test_the_greater_weight_chooses(header, language):
    assert choose(None, header) == Choice(language)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr, en", "fr"),
        ("en, fr", "en"),
        ("fr;q=0.5, en, fr", "en"),
        ("fr;q=0.5, en;q=0.50", "fr"),
        ("*, fr", "en"),
        ("fr, *", "fr"),
        ("*;q=0.5, fr;q=0.5", "en"),
        ("*", "en"),
        ("*;q=0.3, *;q=0.3", "en"),
    ],
)
def test_of_equals_the_first_is_chosen(header, language):
    assert choose(None, header) == Choice(language)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("en;q=0.5, *", "fr"),
        ("fr;q=0.5, *;q=0.4", "fr"),
        ("en;q=0, *;q=0.1", "fr"),
        ("fr;q=x, *", "en"),
        ("*-CH, fr;q=0.1", "fr"),
        ("en;q=0.2, fr;q=0.1, *", "en"),
    ],
)
def test_a_star_is_every_language_without_a_range(header, language):
    assert choose(None, header) == Choice(language)


@pytest.mark.parametrize(
    "weight",
    ["", "x", "2", "1.1", "1.00000000000000000000000000000001", "-0.5", "+0.5", "1e-1", "nan", "٠"],
)
def test_a_weight_that_is_none_drops_its_range(weight):
    assert choose(None, f"fr;q={weight}, en;q=0.1") == Choice("en")
    assert choose(None, f"en;q={weight}") == Choice("en")


@pytest.mark.parametrize("weight", ["0.3", "0.25", "1", "1.000", "0.20000000000000000000000001"])
def test_a_weight_is_read_exactly(weight):
    assert choose(None, f"en;q=0.2, fr;q={weight}") == Choice("fr")


@pytest.mark.parametrize(
    ("header", "choice"),
    [
        ("en;q=0", Choice("fr")),
        ("fr;q=0", Choice("en")),
        ("en-GB;q=0.0", Choice("fr")),
        ("en;q=0, en-GB;q=0.1", Choice("en")),
        ("en;q=0, de", Choice("fr")),
        ("*;q=0", NEITHER),
        ("*;q=0, de", NEITHER),
        ("en;q=0, fr;q=0", NEITHER),
        ("en;q=0, *;q=0", NEITHER),
        ("fr, *;q=0", Choice("fr")),
        ("fr;q=0, *", Choice("en")),
    ],
)
def test_refusals(header, choice):
    assert choose(None, header) == choice


def test_lang_goes_before_the_header():
    assert choose("fr", "en, fr;q=0") == Choice("fr")
    assert choose("en", "*;q=0") == Choice("en")
    assert choose("FR", "en") == Choice("en")
    assert choose("de", "fr") == Choice("fr")
