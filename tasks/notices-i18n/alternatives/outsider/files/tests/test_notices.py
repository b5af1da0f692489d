import asyncio
import logging

import pytest

from noticeboard import notices
from tests.conftest import TEXTS

FRENCH = {"Accept-Language": "fr"}
REFUSED = {"Accept-Language": "*;q=0"}
DRAFT = {
    "kind": "announcement",
    "publish_from": "2024-12-01T09:00:00+01:00",
    "translations": TEXTS,
}
NOTICE = {
    "id": 1,
    "kind": "announcement",
    "status": "published",
    "label": "annonce publiée",
    "language": "fr",
    "languages": ["en", "fr"],
    "title": "Marché de Noël",
    "body": "Le marché ouvre samedi à 9 h.",
    "publish_from": "2024-12-01T08:00:00Z",
    "publish_until": None,
}


def refusal(response):
    """What an error says, and in which language it says it."""
    return response.status_code, response.json()["error"], response.headers["content-language"]


# Words


@pytest.mark.parametrize(
    ("kind", "status", "language", "count", "words"),
    [
        ("announcement", "published", "fr", 0, "0 annonce publiée"),
        ("tender", "scheduled", "fr", 2, "2 appels d'offres prévus"),
        ("closure", "expired", "fr", 2, "2 fermetures expirées"),
        ("bylaw", "expired", "fr", 1, "1 arrêté expiré"),
        (None, "all", "fr", 1, "1 avis"),
        (None, "published", "fr", 2, "2 avis publiés"),
        (None, "published", "en", 0, "0 published notices"),
        ("closure", "all", "en", 3, "3 closures"),
        ("bylaw", "scheduled", "en", 1, "1 scheduled bylaw"),
    ],
)
def test_words_agree(kind, status, language, count, words):
    assert notices.counted(kind, status, language, count) == words


# Write and read


async def test_a_notice_is_created_and_read_in_both_languages(client):
    created = await client.post("/api/notices", json=DRAFT, headers=FRENCH)

    assert (created.status_code, created.json()) == (201, NOTICE)
    assert created.headers["location"] == "/api/notices/1"
    assert created.headers["content-language"] == "fr"
    english = await client.get("/api/notices/1?lang=en", headers=FRENCH)
    assert english.headers["content-language"] == "en"
    assert english.headers["vary"] == "Accept-Language"
    changed = {"language": "en", "label": "published announcement"} | TEXTS["en"]
    assert (english.status_code, english.json()) == (200, NOTICE | changed)


async def test_a_missing_translation_falls_back(client, make_notice):
    await make_notice("fr")

    shown = await client.get("/api/notices/1?lang=en&fallback=true")
    assert (shown.json()["language"], shown.json()["label"]) == ("fr", "annonce publiée")
    assert shown.headers["content-language"] == "fr"
    hidden = await client.get("/api/notices/1?lang=en&fallback=false")
    assert refusal(hidden) == (404, "translation_not_found", "en")
    assert hidden.headers["vary"] == "Accept-Language"
    assert hidden.json()["fields"] == []


async def test_times_keep_microseconds(client, make_notice):
    notice = await make_notice(
        publish_from="2024-12-01t09:00:00.1234567z", publish_until="2100-01-01T00:00:00-00:00"
    )

    assert notice["publish_from"] == "2024-12-01T09:00:00.123456Z"
    assert notice["publish_until"] == "2100-01-01T00:00:00Z"


async def test_white_space_is_dropped_before_lengths_count(client, make_notice):
    texts = {"title": "\n" + "é" * 120 + " ", "body": " \r\n" + "a\tb\n" * 1000}
    notice = await make_notice(translations={"en": texts})

    assert notice["title"] == "é" * 120
    assert notice["body"] == ("a\tb\n" * 1000).strip()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "party"}, "kind"),
        ({"kind": None}, "kind"),
        ({"id": 1}, "id"),
        ({"publish_from": None}, "publish_from"),
        ({"publish_from": 1733040000}, "publish_from"),
        ({"publish_from": "1733040000"}, "publish_from"),
        ({"publish_from": "2024-12-01"}, "publish_from"),
        ({"publish_from": "2024-12-01T09:00:00"}, "publish_from"),
        ({"publish_from": "2024-12-01T09:00Z"}, "publish_from"),
        ({"publish_from": "2024-12-01 09:00:00Z"}, "publish_from"),
        ({"publish_from": "2024-12-01T09:00:00+0100"}, "publish_from"),
        ({"publish_from": "2024-02-30T09:00:00Z"}, "publish_from"),
        ({"publish_from": "1999-12-31T23:59:59Z"}, "publish_from"),
        ({"publish_from": "0001-01-01T00:00:00+23:59"}, "publish_from"),
        ({"publish_until": "2100-01-01T00:00:00.000001Z"}, "publish_until"),
        ({"publish_until": ""}, "publish_until"),
        ({"translations": {}}, "translations"),
        ({"translations": None}, "translations"),
        ({"translations": {"de": TEXTS["en"]}}, "translations.de"),
        ({"translations": {"en": TEXTS["en"], "fr": None}}, "translations.fr"),
        ({"translations": {"en": {"title": "a"}}}, "translations.en.body"),
        ({"translations": {"en": {"title": " ", "body": "b"}}}, "translations.en.title"),
        ({"translations": {"en": {"title": "a\tb", "body": "b"}}}, "translations.en.title"),
        ({"translations": {"en": {"title": "a" * 121, "body": "b"}}}, "translations.en.title"),
        ({"translations": {"en": {"title": "a", "body": "b" * 4001}}}, "translations.en.body"),
        ({"translations": {"en": {"title": "a", "body": "b\u000bb"}}}, "translations.en.body"),
        ({"translations": {"en": TEXTS["en"] | {"by": "me"}}}, "translations.en.by"),
    ],
)
async def test_an_invalid_notice_names_the_field_and_is_not_stored(client, change, field):
    response = await client.post("/api/notices", json=DRAFT | change, headers=FRENCH)

    assert refusal(response) == (422, "invalid_request", "fr")
    assert response.json()["fields"] == [field]
    assert (await client.get("/api/notices?status=all")).json()["total"] == 0


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe\xff", b"[" * 100_000, b"9" * 5000, b'"a"']
)
async def test_what_is_no_object_names_the_body_and_every_parameter(client, body):
    headers = FRENCH | {"Content-Type": "application/json"}
    path = "/api/notices/0/translations/de?lang=it"
    response = await client.put(path, content=body, headers=headers)

    assert refusal(response) == (422, "invalid_request", "fr")
    assert sorted(response.json()["fields"]) == ["body", "lang", "language", "notice_id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (r'{"title": "\ud800", "body": "b"}', "title"),
        (r'{"title": "a\u0000b", "body": "b"}', "title"),
        (r'{"title": "a", "body": "\u007f"}', "body"),
        (r'{"title": "a", "body": "b", "\udfff": 1}', "body"),
    ],
)
async def test_escapes_that_no_text_can_hold(client, body, field):
    headers = {"Content-Type": "application/json"}
    path = "/api/notices/1/translations/en"
    response = await client.put(path, content=body, headers=headers)

    assert refusal(response) == (422, "invalid_request", "en")
    assert response.json()["fields"] == [field]


@pytest.mark.parametrize("until", ["2024-12-01T08:00:00Z", "2024-11-30T08:00:00Z"])
async def test_a_window_ends_after_it_starts(client, until):
    response = await client.post("/api/notices", json=DRAFT | {"publish_until": until})

    assert refusal(response) == (422, "window_invalid", "en")
    assert response.json()["fields"] == []
    assert (await client.get("/api/notices?status=all")).json()["total"] == 0


@pytest.mark.parametrize("notice_id", ["0", "2147483648", "x", "1.0", "1_0", "+1", "-1", "%00"])
async def test_an_invalid_id_names_the_parameter(client, notice_id):
    for method in ("GET", "DELETE"):
        response = await client.request(method, f"/api/notices/{notice_id}")
        assert refusal(response) == (422, "invalid_request", "en")
        assert response.json()["fields"] == ["notice_id"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {}),
        ("PATCH", "", {"kind": "tender"}),
        ("DELETE", "", None),
        ("PUT", "/translations/fr", TEXTS["fr"]),
        ("DELETE", "/translations/fr", None),
    ],
)
async def test_a_notice_that_does_not_exist(client, method, path, body):
    path = f"/api/notices/2147483647{path}?lang=fr"
    response = await client.request(method, path, json=body)

    assert refusal(response) == (404, "notice_not_found", "fr")
    assert response.json()["message"] == "Cet avis n'existe pas."


# Language


async def test_an_unknown_lang_is_refused_in_the_language_of_the_header(client):
    for lang in ("de", "FR", ""):
        response = await client.delete(f"/api/notices/1?lang={lang}", headers=FRENCH)
        assert refusal(response) == (422, "invalid_request", "fr")
        assert response.json()["fields"] == ["lang"]


async def test_a_header_that_refuses_both_languages(client, make_notice):
    await make_notice()

    for path in ("/api/notices", "/api/notices/1", "/api/notices/9"):
        response = await client.get(path, headers=REFUSED)
        assert refusal(response) == (406, "not_acceptable", "en")
        assert response.headers["vary"] == "Accept-Language"
    invalid = await client.get("/api/notices?page=0", headers=REFUSED)
    assert refusal(invalid) == (422, "invalid_request", "en")
    chosen = await client.get("/api/notices/1?lang=fr", headers=REFUSED)
    assert (chosen.status_code, chosen.json()["language"]) == (200, "fr")
    changed = await client.patch("/api/notices/1", json={}, headers=REFUSED)
    assert (changed.status_code, changed.json()["language"]) == (200, "en")


async def test_header_lines_are_one_header(client, make_notice):
    await make_notice()

    lines = [("Accept-Language", "en;q=0.1"), ("Accept-Language", "fr;q=0.2")]
    assert (await client.get("/api/notices/1", headers=lines)).json()["language"] == "fr"
    wrong = await client.put("/api/notices", headers=lines)
    assert refusal(wrong) == (405, "method_not_allowed", "fr")


# List


async def test_the_board_in_french(client, make_notice):
    await make_notice("en")
    await make_notice(kind="tender")
    await make_notice(kind="tender", publish_from="2024-12-02T00:00:00Z")
    await make_notice(publish_from="2099-01-01T00:00:00Z")

    response = await client.get("/api/notices?size=2", headers=FRENCH)

    board = response.json()
    assert (response.headers["content-language"], response.headers["vary"]) == (
        "fr",
        "Accept-Language",
    )
    assert [notice["id"] for notice in board.pop("items")] == [3, 2]
    assert board == {"total": 3, "page": 1, "size": 2, "summary": "3 avis publiés"}
    second = (await client.get("/api/notices?size=2&page=2", headers=FRENCH)).json()
    assert [notice["language"] for notice in second["items"]] == ["en"]
    behind = (await client.get("/api/notices?page=100000&size=50", headers=FRENCH)).json()
    assert (behind["items"], behind["total"]) == ([], 3)
    strict = (await client.get("/api/notices?fallback=false", headers=FRENCH)).json()
    assert ([notice["id"] for notice in strict["items"]], strict["total"]) == ([3, 2], 2)
    tenders = (await client.get("/api/notices?kind=tender&status=all", headers=FRENCH)).json()
    assert tenders["summary"] == "2 appels d'offres"
    none = (await client.get("/api/notices?kind=closure", headers=FRENCH)).json()
    assert none["summary"] == "0 fermeture publiée"


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2024-12-01T07:59:59.999999Z", "scheduled"),
        ("2024-12-01T08:00:00Z", "published"),
        ("2024-12-24T17:59:59.999999Z", "published"),
        ("2024-12-24T19:00:00+01:00", "expired"),
    ],
)
async def test_a_moment_decides_the_status(client, make_notice, at, status):
    await make_notice(publish_until="2024-12-24T18:00:00Z")

    for asked in ("scheduled", "published", "expired", "all"):
        parameters = {"at": at, "status": asked}
        board = (await client.get("/api/notices", params=parameters)).json()
        assert board["total"] == (asked in (status, "all"))
        assert [notice["status"] for notice in board["items"]] == [status] * board["total"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at", "2024-12-01"),
        ("at", "1733040000"),
        ("at", ""),
        ("status", "draft"),
        ("status", ""),
        ("kind", "all"),
        ("fallback", "no"),
        ("fallback", "True"),
        ("page", "0"),
        ("page", "100001"),
        ("page", "1.0"),
        ("page", "1" * 5000),
        ("size", "51"),
        ("size", ""),
        ("lang", "de"),
    ],
)
async def test_an_invalid_parameter_is_named(client, name, value):
    response = await client.get("/api/notices", params={name: value})

    assert refusal(response) == (422, "invalid_request", "en")
    assert response.json()["fields"] == [name]
    assert response.headers["vary"] == "Accept-Language"


# Change and delete


async def test_a_change_changes_what_is_sent(client, make_notice):
    before = await make_notice(publish_until="2024-12-24T18:00:00Z")

    assert (await client.patch("/api/notices/1", json={})).json() == before
    kind = await client.patch("/api/notices/1", json={"kind": "bylaw"}, headers=FRENCH)
    assert (kind.status_code, kind.json()["label"]) == (200, "arrêté expiré")
    assert kind.json()["publish_until"] == before["publish_until"]
    endless = await client.patch("/api/notices/1", json={"publish_until": None})
    assert endless.json()["publish_until"] is None
    assert endless.json()["publish_from"] == before["publish_from"]


async def test_a_refused_change_changes_nothing(client, make_notice):
    before = await make_notice(publish_until="2024-12-24T18:00:00Z")

    late = {"kind": "bylaw", "publish_from": "2024-12-24T18:00:00Z"}
    assert refusal(await client.patch("/api/notices/1", json=late)) == (422, "window_invalid", "en")
    for body in ({"kind": None}, {"publish_from": None}, {"translations": TEXTS}):
        response = await client.patch("/api/notices/1", json=body)
        assert (response.status_code, response.json()["fields"]) == (422, list(body))
    assert (await client.get("/api/notices/1")).json() == before


async def test_a_notice_is_deleted(client, make_notice):
    await make_notice()

    deleted = await client.delete("/api/notices/1")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await client.delete("/api/notices/1")).status_code == 404


# Translations


async def test_a_translation_is_added_and_replaced(client, make_notice):
    await make_notice("en")
    path = "/api/notices/1/translations/fr?lang=en"

    added = await client.put(path, json=TEXTS["fr"])
    assert (added.status_code, added.json()) == (201, NOTICE)
    assert added.headers["content-language"] == "fr"
    replaced = await client.put(path, json={"title": " Autre ", "body": "Texte"})
    assert (replaced.status_code, replaced.json()["title"]) == (200, "Autre")
    assert (await client.get("/api/notices/1")).json()["title"] == TEXTS["en"]["title"]
    invalid = await client.put(path, json={"title": "Autre"})
    assert (invalid.status_code, invalid.json()["fields"]) == (422, ["body"])


async def test_the_only_translation_stays(client, make_notice):
    await make_notice()
    path = "/api/notices/1/translations"

    assert (await client.delete(f"{path}/fr")).status_code == 204
    assert refusal(await client.delete(f"{path}/fr")) == (404, "translation_not_found", "en")
    assert refusal(await client.delete(f"{path}/en")) == (409, "last_translation", "en")
    assert (await client.get("/api/notices/1")).json()["languages"] == ["en"]


async def test_of_translations_at_once_one_is_the_first(client, make_notice):
    for notice_id in range(1, 6):
        await make_notice("en")
        path = f"/api/notices/{notice_id}/translations/fr"
        puts = [client.put(path, json=TEXTS["fr"]) for _ in range(6)]
        statuses = [response.status_code for response in await asyncio.gather(*puts)]
        assert sorted(statuses) == [200] * 5 + [201]


async def test_of_deletions_at_once_one_translation_stays(client, make_notice):
    for notice_id in range(1, 11):
        await make_notice()
        path = f"/api/notices/{notice_id}/translations"
        deletions = [client.delete(f"{path}/{language}") for language in ("en", "fr")]
        statuses = [response.status_code for response in await asyncio.gather(*deletions)]
        assert sorted(statuses) == [204, 409]
        left = (await client.get(f"/api/notices/{notice_id}")).json()
        assert len(left["languages"]) == 1


async def test_logs_have_ids_and_no_texts(client, make_notice, caplog):
    caplog.set_level(logging.INFO, "noticeboard")
    await make_notice("en")
    await client.patch("/api/notices/1", json={"kind": "bylaw"})
    await client.put("/api/notices/1/translations/fr", json=TEXTS["fr"])
    await client.delete("/api/notices/1/translations/en")
    await client.delete("/api/notices/1/translations/fr")
    await client.delete("/api/notices/1")

    lines = [record.getMessage() for record in caplog.records if record.name.startswith("notice")]
    verbs = ["created", "changed", "translated", "untranslated", "deleted"]
    assert lines == [f"notice 1 {verb}" for verb in verbs]
