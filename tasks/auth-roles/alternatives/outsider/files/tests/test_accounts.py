import asyncio
import json
import logging
from uuid import uuid4

import pytest
from sqlalchemy import select

from greffe.accounts.rules import ensure_admin
from greffe.accounts.tables import accounts
from greffe.platform.settings import Settings, get_settings
from tests.conftest import PASSWORD

FIELDS = {"id", "email", "name", "role", "active", "created_at"}
NEW = {"email": "jean.martin@etude.example.org", "name": "Jean Martin", "password": PASSWORD}


async def stored(app):
    async with app.state.engine.connect() as connection:
        return (await connection.execute(select(accounts).order_by(accounts.c.email))).all()


async def log_in(client, email, password):
    response = await client.post("/api/auth/login", json={"email": email, "password": password})
    return response.status_code


async def test_registering_answers_a_member(anonymous, app):
    body = NEW | {"email": " Jean.MARTIN@etude.example.org\n", "name": "  Jean Martin "}

    response = await anonymous.post("/api/accounts", json=body)

    assert response.status_code == 201
    account = response.json()
    assert set(account) == FIELDS
    assert (account["email"], account["name"]) == (NEW["email"], NEW["name"])
    assert (account["role"], account["active"]) == ("member", True)
    [row] = await stored(app)
    assert row.password_hash.startswith("$argon2id$")


async def test_an_address_is_taken_once_in_any_case(anonymous, app):
    others = [NEW | {"email": NEW["email"].upper()} for _ in range(2)]

    answers = await asyncio.gather(
        *(anonymous.post("/api/accounts", json=body) for body in [NEW, *others])
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    late = await anonymous.post("/api/accounts", json=NEW, headers={"Accept-Language": "fr"})
    assert late.json() == {
        "code": "email_taken",
        "message": "Cette adresse a déjà un compte.",
        "fields": [],
    }
    assert len(await stored(app)) == 1


async def test_two_accounts_with_one_password_do_not_show_it(anonymous, app):
    for email in ("a@greffe.example.org", "b@greffe.example.org"):
        await anonymous.post("/api/accounts", json=NEW | {"email": email})

    first, second = await stored(app)

    assert first.password_hash != second.password_hash
    assert PASSWORD not in first.password_hash


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *(
            ({"email": email}, "email")
            for email in (
                None,
                "",
                "jean",
                "@etude.example.org",
                "jean@etude",
                "jean@",
                "jean@.org",
                "jean@etude..org",
                "a@b@etude.example.org",
                "jean martin@etude.example.org",
                "jean@etude.exam\u00a0ple.org",
                "jean@etude.example\u0000.org",
                "jean\ud800@etude.example.org",
                "j" * 243 + "@example.org",
                "\u0130" * 240 + "@example.org",
            )
        ),
        *(({"name": name}, "name") for name in ("  ", "n" * 81, "a\u0007b", "a\u007fb", 7)),
        *(({"password": text}, "password") for text in ("p" * 11, "p" * 129, None, 123456789012)),
        ({"role": "admin"}, "role"),
        ({"active": True}, "active"),
        ({"id": str(uuid4())}, "id"),
    ],
)
async def test_an_invalid_account_names_the_field(anonymous, app, change, field):
    # ASCII, as a lone surrogate cannot be sent otherwise.
    content = json.dumps(NEW | change)
    headers = {"Content-Type": "application/json"}
    response = await anonymous.post("/api/accounts", content=content, headers=headers)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["fields"] == [field]
    assert PASSWORD not in response.text
    assert await stored(app) == []


async def test_the_longest_of_everything_and_an_untouched_password(anonymous):
    email = "j" * 242 + "@example.org"
    password = "  " + "é" * 124 + "\u0000 "
    body = {"email": f" {email} ", "name": "n" * 80, "password": password}

    assert (await anonymous.post("/api/accounts", json=body)).status_code == 201

    assert await log_in(anonymous, email, password.strip()) == 401
    assert await log_in(anonymous, email, password.upper()) == 401
    assert await log_in(anonymous, email, password) == 200


async def test_me_is_the_account_that_asks(member):
    response = await member.client.get("/api/accounts/me")

    assert (response.status_code, response.json()) == (200, member.account)


async def test_an_admin_lists_filters_and_pages(admin, member, make_person, app):
    for name in ("zoe", "b-c", "b_c", "bac", "été"):
        await make_person(name, "auditor" if name == "zoe" else "member")
    await admin.client.patch(f"/api/accounts/{member.id}", json={"active": False})

    async def emails(**params):
        page = (await admin.client.get("/api/accounts", params=params)).json()
        assert set(page) == {"items", "total", "limit", "offset"}
        assert all(set(item) == FIELDS for item in page["items"])
        return [item["email"].partition("@")[0] for item in page["items"]], page["total"]

    everybody = ["b-c", "b_c", "bac", "chief", "claire", "zoe", "été"]
    assert await emails() == (everybody, 7)
    assert await emails(limit=2, offset=1) == (everybody[1:3], 7)
    assert await emails(role="auditor") == (["zoe"], 1)
    assert await emails(active="false") == (["claire"], 1)
    assert await emails(role="member", active="true") == (["b-c", "b_c", "bac", "été"], 4)
    for params in ({"limit": 0}, {"limit": 101}, {"role": "boss"}, {"active": "1"}):
        refused = await admin.client.get("/api/accounts", params=params)
        assert (refused.status_code, refused.json()["fields"]) == (422, list(params))


async def test_accounts_are_for_admins(make_person, anonymous):
    for person in (await make_person("claire"), await make_person("odile", "auditor")):
        for response in (
            await person.client.get("/api/accounts", params={"limit": 0}),
            await person.client.patch(f"/api/accounts/{person.id}", json={"role": "admin"}),
            await person.client.patch("/api/accounts/nobody", json={"role": "boss"}),
        ):
            assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    response = await anonymous.patch("/api/accounts/nobody", json={})
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


async def test_a_new_role_counts_for_tokens_that_are_out(admin, member):
    path = f"/api/accounts/{member.id}"

    response = await admin.client.patch(path, json={"role": "admin"})

    assert (response.status_code, response.json()) == (200, member.account | {"role": "admin"})
    assert (await member.client.get("/api/accounts")).status_code == 200
    await admin.client.patch(path, json={"role": "member"})
    assert (await member.client.get("/api/accounts")).status_code == 403


async def test_switching_off_ends_sessions_for_good(admin, member, anonymous):
    path = f"/api/accounts/{member.id}"
    refresh = {"refresh_token": member.tokens["refresh_token"]}

    off = await admin.client.patch(path, json={"active": False})

    assert off.json() == member.account | {"active": False}
    assert (await member.client.get("/api/accounts/me")).status_code == 401
    assert await log_in(anonymous, **member.credentials) == 401
    on = await admin.client.patch(path, json={"active": True})
    assert on.json() == member.account
    assert (await member.client.get("/api/accounts/me")).status_code == 401
    assert (await anonymous.post("/api/auth/refresh", json=refresh)).status_code == 401
    assert await log_in(anonymous, **member.credentials) == 200


async def test_a_new_password_ends_sessions_also_the_admins_own(admin, member, anonymous):
    password = "tout neuf, tout beau"
    for person in (member, admin):
        path = f"/api/accounts/{person.id}"
        changed = await admin.client.patch(path, json={"password": password})
        assert (changed.status_code, changed.json()) == (200, person.account)
        assert (await person.client.get("/api/accounts/me")).status_code == 401
        assert await log_in(anonymous, **person.credentials) == 401
        assert await log_in(anonymous, person.account["email"], password) == 200


async def test_nobody_changes_their_own_rights(admin, anonymous):
    path = f"/api/accounts/{admin.id}"

    for body in ({"role": "admin"}, {"active": True}, {"role": "member", "password": "n" * 12}):
        response = await admin.client.patch(path, json=body)
        assert (response.status_code, response.json()["code"]) == (409, "own_account")
    assert (await admin.client.patch(path, json={})).json() == admin.account
    assert await log_in(anonymous, **admin.credentials) == 200


async def test_two_admins_cannot_take_each_others_rights(admin, make_person, app):
    other = await make_person("adjoint", "admin")

    answers = await asyncio.gather(
        admin.client.patch(f"/api/accounts/{other.id}", json={"role": "member"}),
        other.client.patch(f"/api/accounts/{admin.id}", json={"role": "member"}),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 403]
    assert sorted(row.role for row in await stored(app)) == ["admin", "member"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"role": "boss"}, ["role"]),
        ({"role": None}, ["role"]),
        ({"active": "false"}, ["active"]),
        ({"active": 0}, ["active"]),
        ({"active": None}, ["active"]),
        ({"password": "p" * 11}, ["password"]),
        ({"password": None}, ["password"]),
        ({"name": "Jean", "email": "x"}, ["name", "email"]),
        ([], ["body"]),
    ],
)
async def test_an_invalid_change_names_the_field(admin, body, fields):
    for account_id in (admin.id, uuid4()):
        response = await admin.client.patch(f"/api/accounts/{account_id}", json=body)
        assert (response.status_code, response.json()["fields"]) == (422, fields)


async def test_an_unknown_account_is_not_found(admin):
    for body in ({}, {"role": "member"}):
        response = await admin.client.patch(f"/api/accounts/{uuid4()}", json=body)
        assert (response.status_code, response.json()["code"]) == (404, "account_not_found")


async def test_starts_at_once_make_one_admin(app, anonymous):
    settings = get_settings()

    await asyncio.gather(*(ensure_admin(app.state.engine, settings) for _ in range(3)))

    [row] = await stored(app)
    assert (row.email, row.role, row.active) == (settings.admin_email, "admin", True)
    assert row.name == row.email.partition("@")[0]
    assert await log_in(anonymous, row.email, settings.admin_password.get_secret_value()) == 200


async def test_a_start_leaves_an_account_that_is_there(app, anonymous):
    email = get_settings().admin_email
    await anonymous.post("/api/accounts", json=NEW | {"email": email})
    before = await stored(app)

    await ensure_admin(app.state.engine, get_settings())

    assert await stored(app) == before


async def test_the_log_names_accounts_and_nothing_else(admin, member, anonymous, caplog):
    with caplog.at_level(logging.INFO, logger="greffe"):
        created = (await anonymous.post("/api/accounts", json=NEW)).json()
        await admin.client.patch(f"/api/accounts/{member.id}", json={"password": "n" * 12})
        await admin.client.patch(f"/api/accounts/{member.id}", json={})
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("greffe")]
    assert lines == [
        f"account {created['id']} created",
        f"account {member.id} changed by account {admin.id}",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_secret", "s" * 31),
        ("admin_password", "p" * 11),
        ("admin_email", "nobody"),
        ("login_attempts", 0),
        ("refresh_token_seconds", -1),
    ],
)
def test_wrong_settings_are_refused_without_showing_them(name, value):
    with pytest.raises(ValueError, match=name) as refused:
        Settings(**{name: value})
    assert "input_value" not in str(refused.value)
