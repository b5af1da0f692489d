import asyncio
import json
import logging
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import jwt
import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, update

from greffe.accounts.tables import accounts
from greffe.platform.settings import get_settings
from greffe.sessions.tables import refresh_tokens, sessions
from tests.conftest import PASSWORD, client_of

NOBODY = {"email": "nobody@etude.example.org", "password": PASSWORD}


def claims_of(tokens):
    return jwt.decode(
        tokens["access_token"], get_settings().token_secret.get_secret_value(), ["HS256"]
    )


async def refresh(client, tokens):
    body = {"refresh_token": tokens["refresh_token"]}
    return await client.post("/api/auth/refresh", json=body)


async def is_logged_in(app, tokens):
    async with client_of(app, tokens["access_token"]) as client:
        response = await client.get("/api/accounts/me")
    if response.status_code == 401:
        assert response.json()["code"] == "not_authenticated"
        assert response.headers["www-authenticate"].startswith("Bearer")
    return response.status_code == 200


async def test_log_in_answers_tokens_of_a_new_session(member, anonymous):
    credentials = member.credentials | {"email": f" {member.account['email'].upper()} "}

    response = await anonymous.post("/api/auth/login", json=credentials)

    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    tokens = response.json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    lifetime = get_settings().access_token_seconds
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", lifetime)
    claims = claims_of(tokens)
    assert (claims["sub"], claims["exp"] - claims["iat"]) == (member.id, lifetime)
    assert claims["sid"] != claims_of(member.tokens)["sid"]


async def test_every_failed_log_in_looks_the_same(admin, make_person, anonymous, app):
    off, empty, member = [await make_person(name) for name in ("off", "empty", "member")]
    await admin.client.patch(f"/api/accounts/{off.id}", json={"active": False})
    async with app.state.engine.begin() as connection:
        await connection.execute(
            update(accounts)
            .where(accounts.c.email == empty.account["email"])
            .values(password_hash=None)
        )

    answers = [
        await anonymous.post("/api/auth/login", json=body)
        for body in (
            NOBODY,
            {"email": "not an address", "password": ""},
            member.credentials | {"password": f"{PASSWORD} "},
            member.credentials | {"password": "p" * 5000},
            off.credentials,
            empty.credentials,
        )
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(answer.headers) for answer in answers}) == 1
    assert answers[0].json()["code"] == "login_failed"


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        ("login", {"email": "a@etude.example.org"}, ["password"]),
        ("login", NOBODY | {"password": None}, ["password"]),
        ("login", NOBODY | {"email": "a\u0000@etude.example.org"}, ["email"]),
        ("login", NOBODY | {"otp": "1"}, ["otp"]),
        ("refresh", {}, ["refresh_token"]),
        ("refresh", {"refresh_token": 7}, ["refresh_token"]),
        ("refresh", {"refresh_token": "a", "scope": "all"}, ["scope"]),
    ],
)
async def test_invalid_bodies_name_the_field(anonymous, path, body, fields):
    response = await anonymous.post(f"/api/auth/{path}", json=body)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["fields"] == fields


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "auth/login", NOBODY),
        ("POST", "auth/refresh", {"refresh_token": "unknown"}),
        ("POST", "accounts", NOBODY | {"name": "Nobody"}),
        ("PATCH", f"accounts/{uuid4()}", {"role": "member", "password": PASSWORD}),
        ("POST", "dossiers", {"title": "Vente", "category": "land"}),
        ("PATCH", f"dossiers/{uuid4()}", {"title": "Vente", "status": "open"}),
        ("POST", f"dossiers/{uuid4()}/notes", {"text": "Vu."}),
    ],
)
async def test_a_lone_surrogate_is_no_text(admin, method, path, body):
    headers = {"Content-Type": "application/json"}
    for field, text in body.items():
        for broken in ("\ud800", f"{text}\udfff", f"\ude00\ud83d{text}"):
            # ASCII, as a lone surrogate cannot be sent otherwise.
            content = json.dumps(body | {field: broken})
            response = await admin.client.request(
                method, f"/api/{path}", content=content, headers=headers
            )
            assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
            assert response.json()["fields"] == [field]
            assert PASSWORD not in response.text


async def test_refresh_goes_on_with_the_session(member, anonymous, app):
    response = await refresh(anonymous, member.tokens)

    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    tokens = response.json()
    assert set(tokens) == set(member.tokens)
    assert tokens["refresh_token"] != member.tokens["refresh_token"]
    assert claims_of(tokens)["sid"] == claims_of(member.tokens)["sid"]
    assert await is_logged_in(app, tokens)
    assert await is_logged_in(app, member.tokens)
    async with app.state.engine.connect() as connection:
        rows = (await connection.execute(select(refresh_tokens))).all()
    used = {row.digest: row.used_at is not None for row in rows}
    assert used == {
        sha256(member.tokens["refresh_token"].encode()).hexdigest(): True,
        sha256(tokens["refresh_token"].encode()).hexdigest(): False,
    }
    lifetime = timedelta(seconds=get_settings().refresh_token_seconds)
    assert {row.expires_at - row.created_at for row in rows} == {lifetime}


async def test_a_used_token_ends_its_session_only(member, anonymous, app, caplog):
    other = (await anonymous.post("/api/auth/login", json=member.credentials)).json()
    newest = (await refresh(anonymous, member.tokens)).json()
    caplog.clear()

    with caplog.at_level(logging.INFO, logger="greffe"):
        again = await refresh(anonymous, member.tokens)

    assert (again.status_code, again.json()["code"]) == (401, "token_invalid")
    [line] = [entry.getMessage() for entry in caplog.records if entry.name.startswith("greffe")]
    assert member.id in line
    assert (await refresh(anonymous, newest)).status_code == 401
    assert not await is_logged_in(app, newest)
    assert not await is_logged_in(app, member.tokens)
    assert await is_logged_in(app, other)
    assert (await refresh(anonymous, other)).status_code == 200


async def test_one_token_at_once_is_used_once_and_ends_the_session(member, anonymous, app):
    answers = await asyncio.gather(*(refresh(anonymous, member.tokens) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    [newest] = [answer.json() for answer in answers if answer.status_code == 200]
    assert not await is_logged_in(app, newest)
    assert (await refresh(anonymous, newest)).status_code == 401


async def test_unknown_and_expired_tokens_end_nothing(member, anonymous, app):
    async with app.state.engine.begin() as connection:
        await connection.execute(update(refresh_tokens).values(expires_at=func.now()))

    for tokens in ({"refresh_token": "unknown"}, {"refresh_token": ""}, member.tokens):
        response = await refresh(anonymous, tokens)
        assert (response.status_code, response.json()["code"]) == (401, "token_invalid")
    assert await is_logged_in(app, member.tokens)


async def test_log_out_ends_this_session_only(member, anonymous, app):
    other = (await anonymous.post("/api/auth/login", json=member.credentials)).json()

    response = await member.client.post("/api/auth/logout")

    assert (response.status_code, response.content) == (204, b"")
    assert not await is_logged_in(app, member.tokens)
    assert (await refresh(anonymous, member.tokens)).json()["code"] == "token_invalid"
    assert await is_logged_in(app, other)
    assert (await member.client.post("/api/auth/logout")).status_code == 401


async def test_the_limit_is_one_address_and_holds_at_once(member, make_person, anonymous):
    limit, window = get_settings().login_attempts, get_settings().login_window_seconds
    wrong = member.credentials | {"password": "wrong"}

    answers = await asyncio.gather(
        *(anonymous.post("/api/auth/login", json=wrong) for _ in range(limit + 3))
    )

    codes = [answer.status_code for answer in answers]
    assert (codes.count(401), codes.count(429)) == (limit, 3)
    upper = member.credentials | {"email": member.account["email"].upper()}
    refused = await anonymous.post("/api/auth/login", json=upper, headers={"Accept-Language": "fr"})
    seconds = int(refused.headers["retry-after"])
    assert 1 <= seconds <= window
    unit = "seconde" if seconds == 1 else "secondes"
    assert refused.json() == {
        "code": "too_many_attempts",
        "message": f"Trop de tentatives, réessayez dans {seconds} {unit}.",
        "fields": [],
    }
    await make_person("someone-else")


async def test_the_window_stays_where_it_began(member, anonymous, app):
    wrong = member.credentials | {"password": "wrong"}

    async def attempt(body):
        return (await anonymous.post("/api/auth/login", json=body)).status_code

    invalid = wrong | {"otp": "1"}
    assert [await attempt(invalid) for _ in range(2)] == [422, 422]
    assert await app.state.valkey.keys() == []
    for _ in range(get_settings().login_attempts):
        assert await attempt(wrong) == 401
    [key] = await app.state.valkey.keys()
    assert member.account["email"] not in key
    await app.state.valkey.pexpire(key, 700)
    refused = await anonymous.post("/api/auth/login", json=wrong)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["message"] == "Too many attempts, try again in 1 second."
    assert await app.state.valkey.pttl(key) <= 700
    await app.state.valkey.delete(key)
    assert await attempt(member.credentials) == 200
    assert await app.state.valkey.keys() == []


async def test_a_success_ends_the_window(member, anonymous):
    wrong = member.credentials | {"password": "wrong"}
    for _ in range(2):
        for _ in range(get_settings().login_attempts - 1):
            assert (await anonymous.post("/api/auth/login", json=wrong)).status_code == 401
        response = await anonymous.post("/api/auth/login", json=member.credentials)
        assert response.status_code == 200


async def test_only_log_in_needs_valkey(member, anonymous, app):
    working = app.state.valkey
    app.state.valkey = Redis(port=1)
    try:
        response = await anonymous.post("/api/auth/login", json=member.credentials)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert (await refresh(anonymous, member.tokens)).status_code == 200
        assert (await member.client.get("/api/dossiers")).status_code == 200
        assert (await member.client.post("/api/auth/logout")).status_code == 204
    finally:
        app.state.valkey = working


async def test_a_log_in_that_cannot_end_its_window_begins_no_session(
    member, anonymous, app, monkeypatch
):
    async def lost(*_):
        raise ConnectionError

    monkeypatch.setattr(app.state.valkey, "delete", lost)
    response = await anonymous.post("/api/auth/login", json=member.credentials)

    assert response.status_code == 503
    async with app.state.engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(sessions)) == 1


async def test_tokens_that_are_not_ours_are_refused(member, make_person, anonymous, app):
    claims = claims_of(member.tokens)
    secret = get_settings().token_secret.get_secret_value()
    other = await make_person("jean")
    parts = member.tokens["access_token"].split(".")
    deep = jwt.utils.base64url_encode(b"[" * 30_000).decode()

    def forged(key=secret, algorithm="HS256", **changes):
        changed = {name: value for name, value in (claims | changes).items() if value is not None}
        return jwt.encode(changed, key, algorithm)

    for token in (
        "nonsense",
        "a.b.c",
        f"{deep}.{parts[1]}.{parts[2]}",
        f"{parts[0]}.{parts[1]}.",
        forged("k" * 64),
        forged(algorithm="HS512"),
        forged(None, "none"),
        forged(iat=claims["iat"] - 600, exp=claims["iat"]),
        forged(sub=other.id),
        forged(sid=str(uuid4())),
        forged(sid="session"),
        *(forged(**{name: None}) for name in ("sub", "sid", "iat", "exp")),
        forged(exp=float("inf")),
        member.tokens["refresh_token"],
    ):
        assert not await is_logged_in(app, {"access_token": token}), token
    assert await is_logged_in(app, {"access_token": forged(exp=claims["exp"] + 1)})


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
async def test_the_word_bearer_is_read_in_any_case(member, anonymous, scheme):
    headers = {"Authorization": f"{scheme} {member.tokens['access_token']}"}

    assert (await anonymous.get("/api/accounts/me", headers=headers)).status_code == 200


async def test_the_log_never_shows_secrets(member, anonymous, caplog):
    with caplog.at_level(logging.DEBUG):
        tokens = (await anonymous.post("/api/auth/login", json=member.credentials)).json()
        newest = (await refresh(anonymous, tokens)).json()
        await refresh(anonymous, tokens)
        await member.client.post("/api/auth/logout")

    own = [entry.getMessage() for entry in caplog.records if entry.name.startswith("greffe")]
    assert len(own) == 3
    assert all(member.id in line for line in own)
    secrets = [PASSWORD, member.account["email"], *member.tokens.values(), *newest.values()]
    for secret in [secret for secret in secrets if len(str(secret)) > 10]:
        assert str(secret) not in caplog.text
