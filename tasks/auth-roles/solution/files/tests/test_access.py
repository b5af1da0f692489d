import pytest


async def test_dossiers_need_a_log_in(anonymous):
    response = await anonymous.get("/api/dossiers", headers={"Accept-Language": "fr"})

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.json()["message"] == "Veuillez vous connecter."
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_dossier_belongs_to_who_made_it(client, make_dossier):
    me = (await client.get("/api/accounts/me")).json()

    dossier = await make_dossier()

    assert (dossier["owner_id"], dossier["owner_email"]) == (me["id"], me["email"])
    body = {"title": "Vente", "category": "land", "owner_email": me["email"]}
    assert (await client.post("/api/dossiers", json=body)).json()["fields"] == ["owner_email"]


@pytest.mark.parametrize(
    ("role", "reads", "changes"), [("member", 404, 404), ("auditor", 200, 403), ("admin", 200, 200)]
)
async def test_somebody_elses_dossier(log_in, make_dossier, role, reads, changes):
    path = f"/api/dossiers/{(await make_dossier())['id']}"
    other = await log_in("jean", role)

    total = (await other.get("/api/dossiers")).json()["total"]

    assert total == (0 if role == "member" else 1)
    assert (await other.get(path)).status_code == reads
    assert (await other.get(f"{path}/notes")).status_code == reads
    assert (await other.patch(path, json={"title": "Bail"})).status_code == changes
    note = await other.post(f"{path}/notes", json={"text": "Lu."})
    assert note.status_code == (201 if changes == 200 else changes)
    assert (await other.delete(path)).status_code == (204 if changes == 200 else changes)


async def test_an_auditor_keeps_their_own_dossiers(log_in):
    auditor = await log_in("jean", "auditor")
    body = {"title": "Bail", "category": "civil"}
    dossier = (await auditor.post("/api/dossiers", json=body)).json()
    path = f"/api/dossiers/{dossier['id']}"

    note = (await auditor.post(f"{path}/notes", json={"text": "Lu."})).json()

    assert note["author_id"] == dossier["owner_id"]
    assert (await auditor.delete(path)).status_code == 204
