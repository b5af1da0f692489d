from uuid import uuid4


async def test_notes_are_listed_oldest_first(client, make_dossier):
    path = f"/api/dossiers/{(await make_dossier())['id']}/notes"
    made = [(await client.post(path, json={"text": text})).json() for text in ("un", "deux\n")]

    page = (await client.get(path)).json()

    assert page["items"] == made
    assert [note["text"] for note in made] == ["un", "deux"]
    assert (page["total"], page["limit"], page["offset"]) == (2, 20, 0)


async def test_notes_of_an_unknown_dossier_are_not_found(client):
    path = f"/api/dossiers/{uuid4()}/notes"

    for response in [await client.get(path), await client.post(path, json={"text": "un"})]:
        assert (response.status_code, response.json()["code"]) == (404, "dossier_not_found")


async def test_an_empty_note_is_refused(client, make_dossier):
    path = f"/api/dossiers/{(await make_dossier())['id']}/notes"

    response = await client.post(path, json={"text": " "})

    assert (response.status_code, response.json()["fields"]) == (422, ["text"])
