"""Log-in, tokens, refresh and log-out."""

import time
from collections.abc import Callable
from random import Random
from uuid import UUID

from support import (
    ACCESS_SECONDS,
    ACCOUNTS,
    DOSSIERS,
    LOGIN,
    LOGOUT,
    ME,
    REFRESH,
    SECRET,
    TOKEN_FIELDS,
    Session,
    address,
    attempt,
    chief,
    claims,
    invalid,
    is_signed,
    log_in,
    make_dossier,
    person,
    refused,
    registration,
    secret,
    signed,
    stranger,
    unknown_id,
    word,
)

from graders.testkit import Api, Reply, covers, fail_to_pass

IMPORTED = "jean.martin@etude.example.org"
PORTAL_KEY = "Kx4-greffier-91-Vilaine-b7d20e6f5ac8431d"
SAMPLES, TRIES = 7, 6
"""Log-ins of each kind whose shortest time is compared, and how often more are added while one kind looks quick."""
ROUNDS = 4
AT_ONCE = 6


def tokens_of(reply: Reply) -> None:
    """The answer of a log-in or a refresh."""
    tokens = reply.expect(200).json()
    assert set(tokens) == TOKEN_FIELDS
    assert isinstance(tokens["access_token"], str) and isinstance(tokens["refresh_token"], str)
    assert tokens["token_type"] == "bearer"
    assert type(tokens["expires_in"]) is int and tokens["expires_in"] == ACCESS_SECONDS
    assert "no-store" in reply.headers.get("cache-control", "")


@covers("C-16", "C-25")
@fail_to_pass
def test_log_in_answers_tokens(api: Api, rng: Random) -> None:
    someone = person(api, rng)
    for email in (someone.email, someone.email.upper(), f"  {someone.email.title()}\n"):
        tokens_of(attempt(api, email, someone.password))


@covers("C-16", "C-41")
@fail_to_pass
def test_a_log_in_has_its_two_fields_and_no_other(api: Api, rng: Random) -> None:
    someone = person(api, rng)
    body = {"email": someone.email, "password": someone.password}
    for field in body:
        invalid(api.post(LOGIN, {name: value for name, value in body.items() if name != field}), field)
        for wrong in (None, 7, [body[field]]):
            invalid(api.post(LOGIN, {**body, field: wrong}), field)
    for field in ("role", "name", word(rng)):
        invalid(api.post(LOGIN, {**body, field: "admin"}), field)
    refused(api.post(LOGIN, [body]), 422, "invalid_request")


@covers("C-17", "C-12", "C-38")
@fail_to_pass
def test_every_failed_log_in_answers_the_same(api: Api, rng: Random) -> None:
    known, off = person(api, rng), person(api, rng)
    chief(api).patch(off.path, {"active": False}).expect(200)
    replies = [
        attempt(api, known.email, secret(rng)),
        attempt(api, address(rng), secret(rng)),
        attempt(api, off.email, off.password),
        attempt(api, off.email, secret(rng)),
        attempt(api, IMPORTED, secret(rng)),
    ]
    for reply in replies:
        refused(reply, 401, "login_failed")
        assert reply.json() == replies[0].json()
        assert set(reply.headers) == set(replies[0].headers)


def seconds(call: Callable[[], Reply]) -> float:
    begun = time.perf_counter()
    call().expect(401)
    return time.perf_counter() - begun


@covers("C-17")
@fail_to_pass
def test_unknown_addresses_take_as_long_as_wrong_passwords(api: Api, rng: Random) -> None:
    # The quickest of each, and more of both while one looks quick: a busy machine slows single answers, not all.
    known, unknown = [], []
    attempt(api, address(rng), secret(rng)).expect(401)
    for _ in range(TRIES):
        people = [registration(rng) for _ in range(SAMPLES)]
        for body in people:
            api.post(ACCOUNTS, body).expect(201)
        for body in people:
            known.append(seconds(lambda email=body["email"]: attempt(api, email, secret(rng))))
            unknown.append(seconds(lambda: attempt(api, address(rng), secret(rng))))
        if min(unknown) > 0.5 * min(known):
            break
    told = f"unknown: {min(unknown):.4f} s, known: {min(known):.4f} s, the quickest of {len(known)}"
    assert min(unknown) > 0.5 * min(known), told


@covers("C-18")
@fail_to_pass
def test_access_tokens_are_signed_and_say_who_and_how_long(replicas: tuple[Api, ...], rng: Random) -> None:
    someone = person(replicas[0], rng)
    again = log_in(replicas[1], someone.email, someone.password)
    seen = []
    for session in (someone.session, someone.session.refreshed(), again):
        header, body = claims(session.tokens["access_token"])
        assert header["alg"] == "HS256"
        assert is_signed(session.tokens["access_token"], SECRET)
        assert body["sub"] == someone.id
        assert body["exp"] - body["iat"] == ACCESS_SECONDS
        assert abs(body["iat"] - time.time()) < 60
        UUID(body["sid"])
        seen.append(body["sid"])
    assert seen[0] == seen[1] != seen[2]


@covers("C-19", "C-31")
@fail_to_pass
def test_tokens_that_are_not_good_are_refused(api: Api, rng: Random) -> None:
    someone, other = person(api, rng), person(api, rng)
    token = someone.session.tokens["access_token"]
    header, body = claims(token)
    text, _, signature = token.rpartition(".")
    past = {"iat": body["iat"] - 2 * ACCESS_SECONDS, "exp": body["iat"] - ACCESS_SECONDS}
    wrong = [
        "x", word(rng, 40), f"{text}.", text, f"{text}.{signature[::-1]}", f"{token}x{word(rng)}",
        f"{token}.{word(rng)}",
        someone.session.tokens["refresh_token"],
        signed({**header, "alg": "none"}, body, kind=""),
        signed({**header, "alg": "none"}, body),
        signed({**header, "alg": "HS384"}, body, kind="sha384"),
        signed({**header, "alg": "HS512"}, body, kind="sha512"),
        signed(header, body, key=PORTAL_KEY),
        signed(header, body, key=word(rng, 40)),
        signed(header, body, key=""),
        signed(header, body | past),
        signed(header, body | {"sid": unknown_id(rng)}),
        signed(header, body | {"sid": word(rng)}),
        signed(header, body | {"sid": None}),
        signed(header, {name: value for name, value in body.items() if name != "sid"}),
        f"{text.partition('.')[0]}.{other.session.tokens['access_token'].split('.')[1]}.{signature}",
    ]  # fmt: skip
    for bad in wrong:
        for path in (ME, DOSSIERS):
            stranger(api.get(path, headers={"Authorization": f"Bearer {bad}"}))
    stranger(api.get(ME))
    for value in (token, f"Basic {token}", "Bearer", f"Token {token}", f"Bearer: {token}"):
        stranger(api.get(ME, headers={"Authorization": value}))
    stranger(api.post(LOGOUT, headers={"Authorization": f"Bearer {wrong[-1]}"}))
    assert someone.session.alive() and other.session.alive()


@covers("C-19")
@fail_to_pass
def test_the_word_bearer_comes_in_any_case(api: Api, rng: Random) -> None:
    someone = person(api, rng)
    for name in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{name} {someone.session.tokens['access_token']}"}
        assert api.get(ME, headers=headers).expect(200).json() == someone.account


@covers("C-20", "C-25", "C-44")
@fail_to_pass
def test_refresh_answers_new_tokens_and_leaves_the_old_access(replicas: tuple[Api, ...], rng: Random) -> None:
    someone = person(replicas[0], rng)
    sessions = [someone.session]
    for number in range(3):
        reply = sessions[-1].on(replicas[number % 2]).refresh()
        tokens_of(reply)
        sessions.append(Session(replicas[0], reply.json()))
    assert len({session.tokens["refresh_token"] for session in sessions}) == 4
    for session in sessions:
        for api in replicas:
            assert session.on(api).get(ME).expect(200).json() == someone.account


@covers("C-21", "C-44")
@fail_to_pass
def test_reuse_ends_the_whole_session_and_no_other(replicas: tuple[Api, ...], rng: Random) -> None:
    api, other = replicas
    for generation in (0, 1):
        someone = person(api, rng)
        bystander = log_in(other, someone.email, someone.password)
        sessions = [someone.session]
        for _ in range(2):
            sessions.append(sessions[-1].refreshed())
        refused(sessions[generation].on(other).refresh(), 401, "token_invalid")
        refused(sessions[-1].refresh(), 401, "token_invalid")
        for session in sessions:
            stranger(session.get(ME))
            stranger(session.on(other).get(DOSSIERS))
        assert bystander.alive()
        assert bystander.refreshed().alive()
        assert log_in(api, someone.email, someone.password).alive()


@covers("C-22", "C-20")
@fail_to_pass
def test_an_unknown_refresh_token_ends_nothing(api: Api, rng: Random) -> None:
    someone = person(api, rng)
    own = someone.session.tokens["refresh_token"]
    for token in (
        "x",
        word(rng, 43),
        f"{own}{word(rng, 1)}",
        own[:-2],
        own.swapcase(),
        someone.session.tokens["access_token"],
    ):
        refused(api.post(REFRESH, {"refresh_token": token}), 401, "token_invalid")
    for wrong in (None, 7, [own], {"token": own}):
        invalid(api.post(REFRESH, {"refresh_token": wrong}), "refresh_token")
    invalid(api.post(REFRESH, {}), "refresh_token")
    name = word(rng)
    invalid(api.post(REFRESH, {"refresh_token": own, name: 1}), name)
    assert someone.session.alive()
    assert someone.session.refreshed().alive()


@covers("C-23", "C-21", "C-44")
@fail_to_pass
def test_of_several_refreshes_at_once_one_succeeds(replicas: tuple[Api, ...], rng: Random) -> None:
    for _ in range(ROUNDS):
        someone = person(replicas[0], rng)
        calls = [someone.session.on(replicas[number % 2]).refresh for number in range(AT_ONCE)]
        replies = replicas[0].together(calls)
        assert sorted(reply.status for reply in replies) == [200] + [401] * (AT_ONCE - 1)
        for reply in replies:
            if reply.status == 401:
                refused(reply, 401, "token_invalid")
        winner = Session(replicas[0], next(reply for reply in replies if reply.status == 200).json())
        refused(winner.refresh(), 401, "token_invalid")
        stranger(winner.get(ME))
        stranger(someone.session.on(replicas[1]).get(ME))


@covers("C-24", "C-22", "C-44")
@fail_to_pass
def test_log_out_ends_this_session_only(replicas: tuple[Api, ...], rng: Random) -> None:
    api, other = replicas
    someone = person(api, rng)
    second, newer = log_in(api, someone.email, someone.password), someone.session.refreshed()
    assert newer.on(other).post(LOGOUT).expect(204).body == b""
    for session in (someone.session, newer):
        for replica in replicas:
            stranger(session.on(replica).get(ME))
    refused(newer.refresh(), 401, "token_invalid")
    stranger(newer.post(LOGOUT))
    assert second.alive()
    assert second.refreshed().alive()
    stranger(api.post(LOGOUT))


@covers("C-44", "C-16")
@fail_to_pass
def test_what_one_process_accepts_holds_for_the_other(replicas: tuple[Api, ...], rng: Random) -> None:
    api, other = replicas
    body = registration(rng)
    account = api.post(ACCOUNTS, body).expect(201).json()
    session = log_in(other, body["email"], body["password"])
    assert session.on(api).get(ME).expect(200).json() == account
    dossier = make_dossier(session, rng)
    assert [item["id"] for item in session.on(api).get(DOSSIERS).expect(200).json()["items"]] == [dossier["id"]]
