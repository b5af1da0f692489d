"""Errors in two languages, secrets that stay secret, and that nothing a client sends breaks the service."""

from random import Random

from support import (
    ACCOUNTS,
    ATTEMPTS,
    CHIEFS_PASSWORD,
    DOSSIERS,
    FRENCH,
    LOGIN,
    ME,
    REFRESH,
    SECRET,
    attempt,
    chief,
    make_dossier,
    one,
    person,
    refused,
    register,
    registration,
    regular,
    secret,
    stranger,
    unknown_id,
    word,
)

from graders.testkit import Api, Faults, Reply, covers, fail_to_pass
from graders.testkit.services import Database

TEXTS = {
    "account_not_found": ("This account does not exist.", "Ce compte n'existe pas."),
    "dossier_not_found": ("This dossier does not exist.", "Ce dossier n'existe pas."),
    "email_taken": ("This address already has an account.", "Cette adresse a déjà un compte."),
    "forbidden": ("You may not do this.", "Vous n'avez pas le droit de faire cela."),
    "invalid_request": ("The request is not valid.", "La requête n'est pas valide."),
    "login_failed": ("The address or the password is wrong.", "L'adresse ou le mot de passe est incorrect."),
    "not_authenticated": ("Please log in.", "Veuillez vous connecter."),
    "own_account": (
        "Nobody changes the role or the state of their own account.",
        "Personne ne change le rôle ou l'état de son propre compte.",
    ),
    "token_invalid": (
        "This session is over, please log in again.",
        "Cette session est terminée, veuillez vous reconnecter.",
    ),
}


def says(reply: Reply, status: int, code: str, language: str) -> None:
    assert refused(reply, status, code)["message"] == TEXTS[code][language == "fr"]
    assert reply.headers.get("content-language") == language


@covers("C-40")
@fail_to_pass
def test_every_error_speaks_english_and_french(api: Api, rng: Random) -> None:
    admin, auditor, member = regular(api, rng, "admin"), regular(api, rng, "auditor"), regular(api, rng)
    dossier = make_dossier(member.session, rng)
    for language, headers in (("en", None), ("fr", FRENCH)):
        body = registration(rng)
        unknown = {"refresh_token": word(rng, 40)}
        says(api.get(ME, headers=headers), 401, "not_authenticated", language)
        says(api.get(DOSSIERS, headers=headers), 401, "not_authenticated", language)
        says(api.post(REFRESH, unknown, headers), 401, "token_invalid", language)
        says(attempt(api, body["email"], body["password"], headers), 401, "login_failed", language)
        says(api.post(ACCOUNTS, registration(rng, email=member.email), headers), 409, "email_taken", language)
        says(api.post(ACCOUNTS, {}, headers), 422, "invalid_request", language)
        says(member.session.get(ACCOUNTS, headers=headers), 403, "forbidden", language)
        says(auditor.session.delete(one(dossier), headers), 403, "forbidden", language)
        says(member.session.get(f"{DOSSIERS}/{unknown_id(rng)}", None, headers), 404, "dossier_not_found", language)
        says(admin.session.patch(admin.path, {"role": "member"}, headers), 409, "own_account", language)
        path = f"{ACCOUNTS}/{unknown_id(rng)}"
        says(admin.session.patch(path, {"role": "member"}, headers), 404, "account_not_found", language)


@covers("C-40", "C-01")
@fail_to_pass
def test_the_language_is_negotiated_and_keys_stay_english(api: Api, rng: Random) -> None:
    for header, language in (
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en;q=0.3, fr;q=0.7", "fr"),
        ("en-GB, fr;q=0.3", "en"),
        ("de", "en"),
    ):
        says(api.get(ME, headers={"Accept-Language": header}), 401, "not_authenticated", language)
    someone = regular(api, rng)
    assert someone.session.get(ME, headers=FRENCH).expect(200).json() == someone.account


@covers("C-42", "C-41")
@fail_to_pass
def test_malformed_requests_never_break_the_service(api: Api, rng: Random) -> None:
    someone, admin = regular(api, rng), chief(api)
    dossier = make_dossier(someone.session, rng)
    targets = [
        ("POST", ACCOUNTS, {}), ("POST", LOGIN, {}), ("POST", REFRESH, {}),
        ("PATCH", someone.path, admin.headers()), ("POST", DOSSIERS, someone.session.headers()),
        ("PATCH", one(dossier), someone.session.headers()),
        ("POST", f"{one(dossier)}/notes", someone.session.headers()),
    ]  # fmt: skip
    contents = [
        b"",
        b"\xff\xfe",
        b"{",
        b"null",
        b'{"email": NaN}',
        b'"' + b"a" * 5000,
        b"[[[[]]]]",
        b'{"a": "\\ud800"}',
    ]
    for method, path, headers in targets:
        for content in contents:
            reply = api.request(method, path, content=content, headers={**headers, "content-type": "application/json"})
            assert reply.status in (400, 422), f"{reply.request}: {reply.status} for {content[:20]!r}"
            assert set(reply.json()) == {"code", "message", "fields"}
    for field, value in {"email": f"{word(rng)}\ud800@x.example.org", "name": "\udfff"}.items():
        api.post(ACCOUNTS, registration(rng, **{field: value})).expect(400, 422)
    lone = f"\ud800{word(rng, 20)}"
    api.post(ACCOUNTS, registration(rng, password=lone)).expect(201, 400, 422)
    attempt(api, someone.email, lone).expect(400, 401, 422)
    attempt(api, f"{word(rng)}\ud800@x.example.org", someone.password).expect(400, 401, 422)
    api.post(REFRESH, {"refresh_token": lone}).expect(400, 401, 422)
    for value in ("Bearer \xff\xfe", "Bearer " + "a" * 5000, "Bearer a.b.c", "Bearer é.é.é", "\xe9"):
        stranger(api.get(ME, headers={"Authorization": value}))
    assert someone.session.get(one(dossier)).expect(200).json() == dossier


@covers("C-43", "S-02", "S-11")
@fail_to_pass
def test_passwords_are_stored_salted_and_slow(api: Api, rng: Random, database: Database) -> None:
    password = secret(rng)
    stored = [
        database.value(
            "SELECT password_hash FROM accounts WHERE email = $1", register(api, rng, password=password)[0]["email"]
        )
        for _ in range(2)
    ]
    assert stored[0] != stored[1]
    assert all(isinstance(text, str) and len(text) >= 32 and password not in text for text in stored)


@covers("C-43", "S-04")
@fail_to_pass
def test_of_refresh_tokens_only_a_digest_is_stored(api: Api, rng: Random, database: Database) -> None:
    someone = person(api, rng)
    sessions = [someone.session, someone.session.refreshed()]
    rows = [row["row"] for row in database.rows("SELECT refresh_tokens::text AS row FROM refresh_tokens")]
    rows += [row["row"] for row in database.rows("SELECT sessions::text AS row FROM sessions")]
    assert len(rows) >= 3
    for session in sessions:
        assert not any(session.tokens["refresh_token"] in row for row in rows)


@covers("C-43", "S-17")
@fail_to_pass
def test_nothing_secret_is_logged_or_answered(replicas: tuple[Api, ...], faults: Faults, rng: Random) -> None:
    api = replicas[0]
    someone, wrong, short = person(api, rng), secret(rng), word(rng, 11)
    new = secret(rng)
    chief(api).patch(someone.path, {"role": "auditor"}).expect(200)
    newest = someone.session.refreshed()
    replies = [
        attempt(api, someone.email, wrong),
        someone.session.refresh(),
        api.post(ACCOUNTS, registration(rng, email=someone.email, password=wrong)),
        api.post(ACCOUNTS, registration(rng, password=short)),
        api.post(LOGIN, {"email": someone.email, "password": wrong, word(rng): 1}),
        chief(api).patch(someone.path, {"password": short}),
        *(attempt(api, someone.email, wrong) for _ in range(ATTEMPTS)),
    ]
    chief(api).patch(someone.path, {"password": new}).expect(200)
    tokens = [
        session.tokens[name] for session in (someone.session, newest) for name in ("access_token", "refresh_token")
    ]
    secrets = [someone.password, wrong, short, new, SECRET, CHIEFS_PASSWORD, *tokens]
    logs = "".join(faults.log(replica) for replica in range(len(replicas)))
    assert someone.id in logs, "changes are logged with the account's id"
    for text in secrets:
        assert text not in logs
        assert not any(text in reply.body.decode() for reply in replies)
    for text in (someone.email, someone.account["name"]):
        assert text not in logs


@covers("C-45")
@fail_to_pass
def test_the_served_document_lists_the_operations(api: Api) -> None:
    paths = api.get("/openapi.json").expect(200).json()["paths"]
    wanted = {
        "/api/accounts": {"get", "post"}, "/api/accounts/me": {"get"}, "/api/accounts/{account_id}": {"patch"},
        "/api/auth/login": {"post"}, "/api/auth/refresh": {"post"}, "/api/auth/logout": {"post"},
        "/api/dossiers": {"get", "post"}, "/api/dossiers/{dossier_id}": {"get", "patch", "delete"},
        "/api/dossiers/{dossier_id}/notes": {"get", "post"},
    }  # fmt: skip
    for path, methods in wanted.items():
        assert methods <= set(paths.get(path, {})), path
