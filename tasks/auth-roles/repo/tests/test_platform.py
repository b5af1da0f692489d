from uuid import uuid4

import pytest

from greffe.platform.i18n import LOCALES, catalogue, plural_form, preferred_locale


async def test_health_and_readiness(client):
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ready"}


async def test_unknown_route_and_method_use_the_payload(client):
    missing = await client.get("/api/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    wrong = await client.put("/health", json={})
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


async def test_messages_follow_the_accepted_language(client):
    path = f"/api/dossiers/{uuid4()}"

    french = await client.get(path, headers={"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"})
    assert french.json()["message"] == "Ce dossier n'existe pas."
    assert french.headers["content-language"] == "fr"
    fallback = await client.get(path, headers={"Accept-Language": "de"})
    assert fallback.json()["message"] == "This dossier does not exist."


def test_catalogues_have_the_same_keys():
    assert {frozenset(catalogue(locale)) for locale in LOCALES} == {frozenset(catalogue("en"))}


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "en"),
        ("fr", "fr"),
        ("FR-ca", "fr"),
        ("en;q=0.4, fr;q=0.8", "fr"),
        ("fr;q=0, en;q=0.1", "en"),
        ("fr;q=high", "en"),
        ("de, nl", "en"),
    ],
)
def test_preferred_locale(header, locale):
    assert preferred_locale(header) == locale


@pytest.mark.parametrize(
    ("locale", "count", "form"),
    [("en", 0, "other"), ("en", 1, "one"), ("fr", 0, "one"), ("fr", 1, "one"), ("fr", 2, "other")],
)
def test_plural_form(locale, count, form):
    assert plural_form(locale, count) == form
