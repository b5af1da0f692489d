from uuid import uuid4

import pytest


async def test_create_answers_the_dossier_and_where_it_is(client, make_dossier):
    dossier = await make_dossier(title="  Succession Dubois ", category="family")

    assert (dossier["title"], dossier["status"]) == ("Succession Dubois", "open")
    response = await client.get(f"/api/dossiers/{dossier['id']}")
    assert response.json() == dossier


async def test_numbers_grow(make_dossier):
    first, second = await make_dossier(), await make_dossier()

    assert second["number"] > first["number"]


async def test_list_filters_and_pages_newest_first(client, make_dossier):
    made = [await make_dossier(category=category) for category in ("land", "civil", "land")]
    await client.patch(f"/api/dossiers/{made[0]['id']}", json={"status": "closed"})

    async def titles(**params):
        page = (await client.get("/api/dossiers", params=params)).json()
        return [item["id"] for item in page["items"]], page["total"]

    ids = [dossier["id"] for dossier in reversed(made)]
    assert await titles() == (ids, 3)
    assert await titles(limit=1, offset=1) == (ids[1:2], 3)
    assert await titles(category="land") == ([ids[0], ids[2]], 2)
    assert await titles(status="closed") == ([ids[2]], 1)


async def test_change_touches_only_what_is_sent(client, make_dossier):
    dossier = await make_dossier()

    response = await client.patch(f"/api/dossiers/{dossier['id']}", json={"title": "Vente"})

    assert response.status_code == 200
    changed = response.json()
    assert changed.pop("updated_at") > dossier.pop("updated_at")
    assert changed == dossier | {"title": "Vente"}


async def test_remove_takes_the_notes_along(client, make_dossier):
    dossier = await make_dossier()
    path = f"/api/dossiers/{dossier['id']}"
    await client.post(f"{path}/notes", json={"text": "Reçu ce jour."})

    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"{path}/notes")).status_code == 404


async def test_unknown_dossier_is_not_found(client):
    path = f"/api/dossiers/{uuid4()}"

    for response in [
        await client.get(path),
        await client.patch(path, json={"title": "Vente"}),
        await client.delete(path),
    ]:
        assert (response.status_code, response.json()["code"]) == (404, "dossier_not_found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "a" * 161}, "title"),
        ({"title": "a\u0000b"}, "title"),
        ({"category": "piano"}, "category"),
        ({"id": str(uuid4())}, "id"),
    ],
)
async def test_invalid_dossier_names_the_field(client, change, field):
    body = {"title": "Vente", "category": "land"} | change

    response = await client.post("/api/dossiers", json=body)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["fields"] == [field]
