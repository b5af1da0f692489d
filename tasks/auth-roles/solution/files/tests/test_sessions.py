import asyncio

import jwt
import pytest

from greffe.platform.settings import get_settings
from tests.conftest import PASSWORD, authorize

EMAIL = "claire@greffe.example.org"


async def refresh(client, tokens):
    return await client.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})


async def test_log_in_answers_tokens(client, anonymous):
    body = {"email": f" {EMAIL.upper()} ", "password": PASSWORD}

    response = await anonymous.post("/api/auth/login", json=body)

    tokens = response.json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert response.headers["cache-control"] == "no-store"
    key = get_settings().token_secret.get_secret_value()
    claims = jwt.decode(tokens["access_token"], key, ["HS256"])
    assert claims["exp"] - claims["iat"] == tokens["expires_in"]


@pytest.mark.parametrize("email", [EMAIL, "nobody@greffe.example.org"])
async def test_log_in_fails_in_one_way(client, anonymous, email):
    body = {"email": email, "password": f" {PASSWORD} "}

    response = await anonymous.post("/api/auth/login", json=body)

    assert (response.status_code, response.json()["code"]) == (401, "login_failed")


async def test_refresh_rotates_and_reuse_ends_the_session(client, anonymous):
    first = await authorize(anonymous, EMAIL, PASSWORD)
    second = (await refresh(anonymous, first)).json()

    reused = await refresh(anonymous, first)

    assert (reused.status_code, reused.json()["code"]) == (401, "token_invalid")
    assert (await refresh(anonymous, second)).status_code == 401
    assert (await anonymous.get("/api/accounts/me")).status_code == 401
    assert (await client.get("/api/accounts/me")).status_code == 200


async def test_of_several_refreshes_one_succeeds(client, anonymous):
    tokens = await authorize(anonymous, EMAIL, PASSWORD)

    answers = await asyncio.gather(*[refresh(anonymous, tokens) for _ in range(4)])

    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_log_out_ends_this_session_only(client, anonymous):
    tokens = await authorize(anonymous, EMAIL, PASSWORD)

    assert (await anonymous.post("/api/auth/logout")).status_code == 204

    assert (await anonymous.get("/api/accounts/me")).status_code == 401
    assert (await refresh(anonymous, tokens)).status_code == 401
    assert (await client.get("/api/accounts/me")).status_code == 200


async def test_attempts_are_limited(anonymous):
    body = {"email": "nobody@greffe.example.org", "password": PASSWORD}
    settings = get_settings()
    for _ in range(settings.login_attempts):
        assert (await anonymous.post("/api/auth/login", json=body)).status_code == 401

    french = {"Accept-Language": "fr"}
    limited = await anonymous.post("/api/auth/login", json=body, headers=french)

    assert (limited.status_code, limited.json()["code"]) == (429, "too_many_attempts")
    seconds = int(limited.headers["retry-after"])
    assert 1 <= seconds <= settings.login_window_seconds
    assert f"dans {seconds} seconde" in limited.json()["message"]
