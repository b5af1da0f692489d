import asyncio

import pytest

EN = {"title": "Market", "body": "It opens at 9."}
FR = {"title": "Marché", "body": "Il ouvre à 9 h."}
FRENCH = {"Accept-Language": "fr-FR"}


@pytest.fixture
def make_notice(client):
    async def make(**fields):
        body = {
            "kind": "announcement",
            "publish_from": "2024-05-01T08:00:00+02:00",
            "translations": {"en": EN, "fr": FR},
        }
        response = await client.post("/api/notices", json=body | fields)
        assert response.status_code == 201, response.text
        assert response.headers["location"] == f"/api/notices/{response.json()['id']}"
        return response.json()

    return make


async def test_a_notice_is_created_and_read_in_both_languages(client, make_notice):
    notice = await make_notice()
    path = f"/api/notices/{notice['id']}"

    english = await client.get(path)
    assert english.json() == notice
    assert (notice["label"], notice["title"]) == ("published announcement", "Market")
    assert notice["publish_from"] == "2024-05-01T06:00:00Z"
    french = await client.get(path, headers=FRENCH)
    assert (french.json()["label"], french.json()["title"]) == ("annonce publiée", "Marché")
    assert french.headers["content-language"] == "fr"
    assert french.headers["vary"] == "Accept-Language"


async def test_a_missing_translation_falls_back(client, make_notice):
    notice = await make_notice(kind="tender", translations={"fr": FR})
    path = f"/api/notices/{notice['id']}"

    assert (notice["language"], notice["label"]) == ("fr", "appel d'offres publié")
    strict = await client.get(path, params={"fallback": "false"})
    assert (strict.status_code, strict.json()["error"]) == (404, "translation_not_found")


async def test_refused_languages_are_not_acceptable(client, make_notice):
    path = f"/api/notices/{(await make_notice())['id']}"

    refused = await client.get(path, headers={"Accept-Language": "*;q=0"})
    assert (refused.status_code, refused.headers["vary"]) == (406, "Accept-Language")
    assert (await client.get(path + "?lang=fr", headers={"Accept-Language": "*;q=0"})).is_success


async def test_the_window_ends_after_it_starts(client, make_notice):
    notice = await make_notice(publish_until="2024-05-02T08:00:00Z")
    path = f"/api/notices/{notice['id']}"

    assert notice["status"] == "expired"
    answer = await client.patch(path, json={"publish_until": "2024-05-01T06:00:00Z"})
    assert (answer.status_code, answer.json()["error"]) == (422, "window_invalid")
    assert (await client.patch(path, json={"kind": "bylaw"})).json()["kind"] == "bylaw"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "rumour"}, "kind"),
        ({"publish_from": 1_900_000_000}, "publish_from"),
        ({"publish_from": "2024-05-01T08:00:00"}, "publish_from"),
        ({"translations": {}}, "translations"),
        ({"translations": {"de": EN}}, "translations.de"),
        ({"translations": {"fr": FR | {"title": "a\nb"}}}, "translations.fr.title"),
    ],
)
async def test_an_invalid_notice_names_the_field(client, change, field):
    body = {"kind": "bylaw", "publish_from": "2024-05-01T08:00:00Z", "translations": {"en": EN}}
    answer = await client.post("/api/notices", json=body | change)

    assert (answer.status_code, answer.json()["fields"]) == (422, [field])


async def test_the_board_counts_in_french(client, make_notice):
    first = await make_notice(kind="closure")
    second = await make_notice(kind="closure")

    page = await client.get("/api/notices", params={"kind": "closure"}, headers=FRENCH)
    assert [item["id"] for item in page.json()["items"]] == [second["id"], first["id"]]
    assert page.json()["summary"] == "2 fermetures publiées"
    nothing = await client.get("/api/notices", params={"status": "expired"}, headers=FRENCH)
    assert nothing.json()["summary"] == "0 avis expiré"
    everything = await client.get("/api/notices", params={"status": "all"})
    assert everything.json()["summary"] == "2 notices"


async def test_a_translation_is_added_and_replaced(client, make_notice):
    path = f"/api/notices/{(await make_notice(translations={'en': EN}))['id']}/translations/fr"

    added = await client.put(path, json=FR)
    assert (added.status_code, added.json()["languages"]) == (201, ["en", "fr"])
    replaced = await client.put(path, json=FR | {"title": "Foire"})
    assert (replaced.status_code, replaced.json()["title"]) == (200, "Foire")


async def test_the_only_translation_stays(client, make_notice):
    path = f"/api/notices/{(await make_notice())['id']}"

    paths = f"{path}/translations/en", f"{path}/translations/fr"
    answers = await asyncio.gather(*map(client.delete, paths))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    assert len((await client.get(path)).json()["languages"]) == 1


async def test_a_notice_is_deleted(client, make_notice):
    path = f"/api/notices/{(await make_notice())['id']}"

    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json()["error"] == "notice_not_found"
    assert (await client.delete(path)).status_code == 404
