import pytest

from noticeboard.negotiation import Choice, choose


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("FR-ca", "fr"),
        ("de, nl", "en"),
        ("en;q=0.4, fr;q=0.8", "fr"),
        ("fr, en", "fr"),
        ("en;q=0.5, *", "fr"),
        ("*", "en"),
        ("*;q=0.5, fr;q=0.5", "en"),
        ("en;q=0", "fr"),
        ("fr;q=0, de", "en"),
        ("fr, *;q=0", "fr"),
        ("fr;q=0, fr-CA;q=0.1, en;q=0", "fr"),
        ("fr;q=2, en;q=0.1", "en"),
        ("fr;q=nan, en;q=0.1", "en"),
        ("en ; q=0.2 ,\tfr ; Q=0.3", "fr"),
    ],
)
def test_the_header_chooses(header, language):
    assert choose(header) == Choice(language, refused=False)


@pytest.mark.parametrize("header", ["*;q=0", "fr;q=0, en-GB;q=0.0", "de, *;q=0"])
def test_the_header_refuses_both(header):
    assert choose(header) == Choice("en", refused=True)


def test_the_parameter_goes_before_the_header():
    assert choose("en, *;q=0", "fr") == Choice("fr", refused=False)
