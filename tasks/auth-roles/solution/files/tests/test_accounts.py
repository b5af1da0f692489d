from uuid import uuid4

import pytest

from tests.conftest import PASSWORD, authorize

BODY = {"email": " Ines@Greffe.example.org ", "name": " Inès ", "password": PASSWORD}


async def test_registering_makes_a_member(anonymous):
    response = await anonymous.post("/api/accounts", json=BODY)

    assert response.status_code == 201
    account = response.json()
    assert set(account) == {"id", "email", "name", "role", "active", "created_at"}
    assert (account["email"], account["name"]) == ("ines@greffe.example.org", "Inès")
    assert (account["role"], account["active"]) == ("member", True)


async def test_an_address_has_one_account(anonymous):
    await anonymous.post("/api/accounts", json=BODY)

    taken = await anonymous.post("/api/accounts", json=BODY | {"email": "INES@greffe.example.org"})

    assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ines"}, "email"),
        ({"name": " "}, "name"),
        ({"password": "a" * 11}, "password"),
        ({"password": "a" * 129}, "password"),
        ({"role": "admin"}, "role"),
    ],
)
async def test_an_invalid_registration_names_the_field(anonymous, change, field):
    response = await anonymous.post("/api/accounts", json=BODY | change)

    assert (response.status_code, response.json()["fields"]) == (422, [field])


async def test_only_admins_list_and_change_accounts(admin, client):
    me = (await client.get("/api/accounts/me")).json()
    path = f"/api/accounts/{me['id']}"

    assert (await client.get("/api/accounts")).status_code == 403
    assert (await client.patch(path, json={"role": "admin"})).status_code == 403
    page = (await admin.get("/api/accounts", params={"role": "member"})).json()
    assert (page["items"], page["total"]) == ([me], 1)
    assert (await admin.patch(path, json={"role": "auditor"})).json()["role"] == "auditor"
    assert (await client.get("/api/accounts/me")).json()["role"] == "auditor"


async def test_an_unknown_account_is_not_found(admin):
    response = await admin.patch(f"/api/accounts/{uuid4()}", json={"role": "member"})

    assert (response.status_code, response.json()["code"]) == (404, "account_not_found")


async def test_switching_off_ends_sessions(admin, client, anonymous):
    path = f"/api/accounts/{(await client.get('/api/accounts/me')).json()['id']}"
    body = {"email": "claire@greffe.example.org", "password": PASSWORD}

    assert (await admin.patch(path, json={"active": False})).json()["active"] is False

    assert (await client.get("/api/accounts/me")).status_code == 401
    assert (await anonymous.post("/api/auth/login", json=body)).status_code == 401
    await admin.patch(path, json={"active": True})
    assert (await client.get("/api/accounts/me")).status_code == 401
    await authorize(anonymous, **body)


async def test_a_new_password_ends_sessions(admin, client, anonymous):
    path = f"/api/accounts/{(await client.get('/api/accounts/me')).json()['id']}"

    await admin.patch(path, json={"password": "quite another password"})

    assert (await client.get("/api/accounts/me")).status_code == 401
    await authorize(anonymous, "claire@greffe.example.org", "quite another password")


async def test_nobody_changes_their_own_role(admin):
    path = f"/api/accounts/{(await admin.get('/api/accounts/me')).json()['id']}"

    for change in ({"role": "admin"}, {"active": True}):
        response = await admin.patch(path, json=change)
        assert (response.status_code, response.json()["code"]) == (409, "own_account")
