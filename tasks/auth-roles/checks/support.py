"""What the checks share: people of their own with accounts, roles and tokens, and one way to read a refusal."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from graders.testkit import Api, Reply

ACCOUNTS = "/api/accounts"
ME = "/api/accounts/me"
LOGIN = "/api/auth/login"
REFRESH = "/api/auth/refresh"
LOGOUT = "/api/auth/logout"
DOSSIERS = "/api/dossiers"

# What the app's environment says; the time of access tokens is the default.
SECRET = "not-a-secret-but-for-a-sandbox-0"
CHIEF, CHIEFS_PASSWORD = "chief.clerk@greffe.example.org", "first day ok"
ACCESS_SECONDS, REFRESH_SECONDS = 900, 30
ATTEMPTS, WINDOW = 4, 20
AT_ONCE = 10

ACCOUNT_FIELDS = {"id", "email", "name", "role", "active", "created_at"}
TOKEN_FIELDS = {"access_token", "refresh_token", "token_type", "expires_in"}
DOSSIER_FIELDS = {
    "id", "number", "title", "category", "status", "owner_id", "owner_email", "created_at", "updated_at",
}  # fmt: skip
FRENCH = {"Accept-Language": "fr"}


def word(rng: Random, length: int = 12) -> str:
    """Lower-case ASCII letters, different for every draw."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))


def address(rng: Random) -> str:
    return f"{word(rng, 10)}@{word(rng, 8)}.example.org"


def secret(rng: Random) -> str:
    """A password with upper and lower case, digits and a space within."""
    return f"{word(rng, 8)} {word(rng, 6).upper()}{rng.randrange(1000)}"


def unknown_id(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def moment(answer: object) -> datetime:
    """A date-time out of an answer, with an offset."""
    assert isinstance(answer, str), f"not a time: {answer!r}"
    parsed = datetime.fromisoformat(answer)
    assert parsed.utcoffset() is not None, f"a time without offset: {answer!r}"
    return parsed


@dataclass(frozen=True)
class Session:
    """A log-in: speaks to a replica with its access token."""

    api: Api
    tokens: Mapping[str, Any]

    def on(self, api: Api) -> "Session":
        """The same log-in, at another replica."""
        return Session(api, self.tokens)

    def headers(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}", **(more or {})}

    def get(self, path: str, params: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        return self.api.get(path, params, self.headers(headers))

    def post(self, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        return self.api.post(path, json, self.headers(headers))

    def patch(self, path: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        return self.api.patch(path, json, self.headers(headers))

    def delete(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.api.delete(path, headers=self.headers(headers))

    def refresh(self) -> Reply:
        return self.api.post(REFRESH, {"refresh_token": self.tokens["refresh_token"]})

    def refreshed(self) -> "Session":
        """The session after a refresh that must succeed."""
        return Session(self.api, self.refresh().expect(200).json())

    def alive(self) -> bool:
        """Whether the access token is good."""
        return self.get(ME).expect(200, 401).status == 200


@dataclass(frozen=True)
class Person:
    """An account with its password, logged in once."""

    account: Mapping[str, Any]
    password: str
    session: Session

    @property
    def id(self) -> str:
        return str(self.account["id"])

    @property
    def email(self) -> str:
        return str(self.account["email"])

    @property
    def path(self) -> str:
        return f"{ACCOUNTS}/{self.id}"


def attempt(api: Api, email: str, password: str, headers: Mapping[str, str] | None = None) -> Reply:
    return api.post(LOGIN, {"email": email, "password": password}, headers)


def log_in(api: Api, email: str, password: str) -> Session:
    """A log-in that must succeed."""
    return Session(api, attempt(api, email, password).expect(200).json())


def registration(rng: Random, **fields: Any) -> dict[str, Any]:
    return {"email": address(rng), "name": word(rng), "password": secret(rng)} | fields


_TOKENS: dict[str, Mapping[str, Any]] = {}
_PEOPLE: dict[tuple[str, str], Person] = {}


def chief(api: Api) -> Session:
    """The first admin, logged in once; again where that session is over."""
    if CHIEF in _TOKENS and (session := Session(api, _TOKENS[CHIEF])).get(ME).status == 200:
        return session
    session = log_in(api, CHIEF, CHIEFS_PASSWORD)
    _TOKENS[CHIEF] = session.tokens
    return session


def register(api: Api, rng: Random, role: str = "member", **fields: Any) -> tuple[dict[str, Any], str]:
    """A new account with this role, and its password."""
    body = registration(rng, **fields)
    account = api.post(ACCOUNTS, body).expect(201).json()
    if role != "member":
        account = chief(api).patch(f"{ACCOUNTS}/{account['id']}", {"role": role}).expect(200).json()
    return account, body["password"]


def person(api: Api, rng: Random, role: str = "member", **fields: Any) -> Person:
    """A new account with this role, logged in."""
    account, password = register(api, rng, role, **fields)
    return Person(account, password, log_in(api, account["email"], password))


def regular(api: Api, rng: Random, role: str = "member", desk: str = "") -> Person:
    """Somebody with this role whom checks share, for what leaves the account as it is; another one at another `desk`.

    Passwords are slow on purpose, so not every check makes people of its own. Whoever was spoilt by an earlier check is
    replaced, so that no check fails for another's reason.
    """
    known = _PEOPLE.get((role, desk))
    if known is not None:
        reply = known.session.on(api).get(ME)
        if reply.status == 200 and reply.json() == known.account:
            return Person(known.account, known.password, known.session.on(api))
    _PEOPLE[role, desk] = person(api, rng, role)
    return _PEOPLE[role, desk]


def everything(session: Session, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a list, page by page; their number must be the total."""
    items: list[dict[str, Any]] = []
    while True:
        page = session.get(path, {**params, "limit": 100, "offset": len(items)}).expect(200).json()
        items += page["items"]
        if not page["items"] or len(items) >= page["total"]:
            assert len(items) == page["total"], f"{path}: {len(items)} items, a total of {page['total']}"
            return items


def make_dossier(session: Session, rng: Random, **fields: Any) -> dict[str, Any]:
    body = {"title": word(rng, 20), "category": "land"} | fields
    return dict(session.post(DOSSIERS, body).expect(201).json())


def one(dossier: Mapping[str, Any]) -> str:
    return f"{DOSSIERS}/{dossier['id']}"


def refused(reply: Reply, status: int, code: str) -> dict[str, Any]:
    """The error of a refusal with this status and code; its payload has the form that all errors have."""
    error = reply.expect(status).json()
    assert isinstance(error, dict) and set(error) == {"code", "message", "fields"}, f"not an error: {error!r}"
    assert error["code"] == code, f"{reply.request}: expected code {code}, got {error!r}"
    assert isinstance(error["message"], str) and error["message"]
    assert isinstance(error["fields"], list)
    if code != "invalid_request":
        assert error["fields"] == [], f"fields of {code} are empty: {error['fields']!r}"
    return error


def invalid(reply: Reply, *fields: str) -> None:
    """An `invalid_request` that names every one of these fields."""
    named = refused(reply, 422, "invalid_request")["fields"]
    missing = set(fields) - {name for name in named if isinstance(name, str)}
    assert not missing, f"{reply.request}: fields do not name {sorted(missing)}: {named!r}"


def stranger(reply: Reply) -> None:
    """Refused for want of a log-in."""
    refused(reply, 401, "not_authenticated")
    assert reply.headers.get("www-authenticate", "").startswith("Bearer"), "WWW-Authenticate: Bearer"


def limited(reply: Reply) -> int:
    """The seconds after which the window is over."""
    refused(reply, 429, "too_many_attempts")
    said = reply.headers.get("retry-after", "")
    assert said.isascii() and said.isdigit(), f"Retry-After: {said!r}"
    assert 1 <= int(said) <= WINDOW, f"Retry-After: {said}"
    return int(said)


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a JWT, unproven."""
    parts = token.split(".")
    assert len(parts) == 3, f"not a JWT: {len(parts)} parts"
    return json.loads(_bytes(parts[0])), json.loads(_bytes(parts[1]))


def signed(header: Mapping[str, Any], body: Mapping[str, Any], key: str = SECRET, kind: str = "sha256") -> str:
    """A JWT; an empty `kind` leaves it without a signature."""
    text = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(body).encode())}"
    return f"{text}.{_part(hmac.digest(key.encode(), text.encode(), kind)) if kind else ''}"


def is_signed(token: str, key: str) -> bool:
    text, _, signature = token.rpartition(".")
    return hmac.compare_digest(_bytes(signature), hmac.digest(key.encode(), text.encode(), hashlib.sha256))
