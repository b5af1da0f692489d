from uuid import uuid4

import pytest

from greffe.platform.settings import get_settings

DOSSIER = {
    "id",
    "number",
    "title",
    "category",
    "status",
    "owner_id",
    "owner_email",
    "created_at",
    "updated_at",
}


def outcome(response):
    return response.status_code, response.json()["code"] if response.status_code > 299 else None


async def all_requests(client, dossier_id):
    """Reading, changing and deleting a dossier and its notes; deleting comes last."""
    path = f"/api/dossiers/{dossier_id}"
    return {
        "read": outcome(await client.get(path)),
        "notes": outcome(await client.get(f"{path}/notes")),
        "change": outcome(await client.patch(path, json={"title": "Bail"})),
        "nothing": outcome(await client.patch(path, json={})),
        "note": outcome(await client.post(f"{path}/notes", json={"text": "Vu."})),
        "delete": outcome(await client.delete(path)),
    }


async def test_dossiers_need_a_log_in(anonymous):
    path = f"/api/dossiers/{uuid4()}"
    for response in (
        await anonymous.get("/api/dossiers", params={"limit": 0}),
        await anonymous.post("/api/dossiers", json={}),
        await anonymous.get(path),
        await anonymous.patch(path, json={"id": 1}),
        await anonymous.delete("/api/dossiers/none"),
        await anonymous.get(f"{path}/notes"),
        await anonymous.post(f"{path}/notes", json={}),
        await anonymous.get(path, headers={"Authorization": "Basic YTpi"}),
        await anonymous.get(path, headers={"Authorization": "Bearer"}),
    ):
        assert outcome(response) == (401, "not_authenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")
    french = await anonymous.get(path, headers={"Accept-Language": "fr, en;q=0.8"})
    assert french.json()["message"] == "Veuillez vous connecter."
    assert french.headers["content-language"] == "fr"
    for path in ("/health", "/ready", "/openapi.json"):
        assert (await anonymous.get(path)).status_code == 200


async def test_a_dossier_belongs_to_who_made_it(member, make_dossier):
    dossier = await make_dossier()

    assert set(dossier) == DOSSIER
    owner = (dossier["owner_id"], dossier["owner_email"])
    assert owner == (member.id, member.account["email"])
    note = await member.client.post(f"/api/dossiers/{dossier['id']}/notes", json={"text": "Vu."})
    assert set(note.json()) == {"id", "text", "author_id", "created_at"}
    assert note.json()["author_id"] == member.id


@pytest.mark.parametrize("field", ["owner_id", "owner_email"])
async def test_nobody_sets_the_owner(admin, member, make_dossier, field):
    body = {"title": "Vente", "category": "land", field: member.account["email"]}
    path = f"/api/dossiers/{(await make_dossier())['id']}"

    for client in (admin.client, member.client):
        for response in (
            await client.post("/api/dossiers", json=body),
            await client.patch(path, json={field: None}),
        ):
            assert outcome(response) == (422, "invalid_request")
            assert response.json()["fields"] == [field]


async def test_another_member_sees_nothing(make_person, make_dossier, client):
    dossier = await make_dossier()
    stranger = await make_person("jean")

    answers = await all_requests(stranger.client, dossier["id"])

    assert set(answers.values()) == {(404, "dossier_not_found")}
    assert (await client.get(f"/api/dossiers/{dossier['id']}")).json() == dossier


async def test_an_auditor_sees_and_may_not(make_person, make_dossier, client):
    dossier = await make_dossier()
    auditor = await make_person("odile", "auditor")

    answers = await all_requests(auditor.client, dossier["id"])

    assert (answers.pop("read"), answers.pop("notes")) == ((200, None), (200, None))
    assert set(answers.values()) == {(403, "forbidden")}
    assert (await client.get(f"/api/dossiers/{dossier['id']}")).json() == dossier
    invalid = await auditor.client.patch(f"/api/dossiers/{dossier['id']}", json={"title": ""})
    assert outcome(invalid) == (422, "invalid_request")


@pytest.mark.parametrize("role", ["member", "auditor", "admin"])
async def test_everybody_does_all_with_their_own(make_person, role):
    person = await make_person("odile", role)
    body = {"title": "Vente", "category": "land"}
    dossier = (await person.client.post("/api/dossiers", json=body)).json()

    answers = await all_requests(person.client, dossier["id"])

    assert list(answers.values()) == [(200, None)] * 4 + [(201, None), (204, None)]


async def test_an_admin_does_all_with_all(admin, member, make_dossier):
    dossier = await make_dossier()
    path = f"/api/dossiers/{dossier['id']}"

    changed = (await admin.client.patch(path, json={"title": "Bail"})).json()

    assert (changed["title"], changed["owner_id"]) == ("Bail", member.id)
    note = await admin.client.post(f"{path}/notes", json={"text": "Vu."})
    assert note.json()["author_id"] == admin.id
    assert (await member.client.get(f"{path}/notes")).json()["items"] == [note.json()]
    assert (await admin.client.delete(path)).status_code == 204


async def test_lists_hold_what_one_sees(make_person):
    people = [
        await make_person(name, role)
        for name, role in (("claire", "member"), ("odile", "auditor"), ("chief", "admin"))
    ]
    made = []
    for person in people:
        for category in ("land", "civil"):
            body = {"title": "Vente", "category": category}
            made.append((await person.client.post("/api/dossiers", json=body)).json()["id"])
    member, auditor, admin = people

    async def ids(person, **params):
        page = (await person.client.get("/api/dossiers", params=params)).json()
        return [made.index(item["id"]) for item in page["items"]], page["total"]

    assert await ids(member) == ([1, 0], 2)
    assert await ids(member, category="land", limit=1) == ([0], 1)
    assert await ids(member, owner_id=member.id) == ([1, 0], 2)
    assert await ids(member, owner_id=admin.id) == ([], 0)
    for person in (auditor, admin):
        assert await ids(person) == ([5, 4, 3, 2, 1, 0], 6)
        assert await ids(person, owner_id=member.id, category="civil") == ([1], 1)
        assert await ids(person, limit=2, offset=1) == ([4, 3], 6)
        assert await ids(person, owner_id=uuid4()) == ([], 0)
    invalid = await member.client.get("/api/dossiers", params={"owner_id": "me"})
    assert invalid.json()["fields"] == ["owner_id"]


async def test_the_document_lists_the_operations(anonymous):
    paths = (await anonymous.get("/openapi.json")).json()["paths"]

    operations = {(path, method) for path, methods in paths.items() for method in methods}
    assert operations >= {
        ("/api/accounts", "post"),
        ("/api/accounts", "get"),
        ("/api/accounts/me", "get"),
        ("/api/accounts/{account_id}", "patch"),
        ("/api/auth/login", "post"),
        ("/api/auth/refresh", "post"),
        ("/api/auth/logout", "post"),
        ("/api/dossiers", "get"),
        ("/api/dossiers/{dossier_id}/notes", "post"),
    }


async def test_undecodable_bodies_are_refused(anonymous, member):
    headers = {"Content-Type": "application/json"}
    assert get_settings().token_secret.get_secret_value() not in repr(get_settings())
    for content in (b"\xff\xfe", b"{", b"", b"[" * 100_000, b"9" * 5000, b'"a"', b"null"):
        for path in ("/api/accounts", "/api/auth/login", "/api/auth/refresh", "/api/dossiers"):
            response = await member.client.post(path, content=content, headers=headers)
            assert response.status_code in (400, 422), (path, content[:9])
            assert response.json()["code"] in ("bad_request", "invalid_request")
