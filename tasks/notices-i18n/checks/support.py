"""What the checks share: notices in moments of their own, and one way to read a refusal.

The board is one for all checks. Notices are written into windows that end, at moments that no other check draws, so a
list or a digest that is asked for at such a moment holds this check's notices alone.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from graders.testkit import Api, Reply

NOTICES = "/api/notices"
SUBSCRIBERS = "/api/subscribers"
FIELDS = {
    "id", "kind", "status", "label", "language", "languages", "title", "body", "publish_from", "publish_until",
}  # fmt: skip
FRENCH = {"Accept-Language": "fr"}
KINDS = ("announcement", "bylaw", "closure", "tender")
MICROSECOND = timedelta(microseconds=1)
BRIEF = timedelta(seconds=1)
"""How long notices are published, so that few moments are taken."""


def word(rng: Random, length: int = 12) -> str:
    """Lower-case ASCII letters, different for every draw."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))


def sometime(rng: Random, first: int = 2040, years: int = 40) -> datetime:
    """A second that no clock reaches soon, and that no other check draws."""
    return datetime(first, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(years * 365 * 86_400))


def now() -> datetime:
    return datetime.now(UTC)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def text(moment: datetime) -> str:
    """RFC 3339 with the offset that the moment has."""
    return moment.isoformat().replace("+00:00", "Z")


def moment(answer: Any) -> datetime:
    """A time out of an answer: UTC, ending in `Z`."""
    assert isinstance(answer, str), f"not a text: {answer!r}"
    assert answer.endswith("Z"), f"not a UTC time ending in Z: {answer!r}"
    parsed = datetime.fromisoformat(answer)
    assert parsed.utcoffset() == timedelta(0)
    return parsed


def translation(rng: Random) -> dict[str, str]:
    return {"title": word(rng), "body": word(rng, 30)}


def body(
    rng: Random, start: datetime, end: datetime | None, languages: Sequence[str] = ("en", "fr"), **fields: Any
) -> Any:
    """A valid body of a new notice."""
    return {
        "kind": "announcement",
        "publish_from": text(start),
        "publish_until": text(end) if end else None,
        "translations": {language: translation(rng) for language in languages},
    } | fields


def publish(api: Api, sent: Mapping[str, Any]) -> dict[str, Any]:
    """A notice that must be taken, as the answer shows it in English where it can."""
    return dict(api.post(NOTICES, json=sent).expect(201).json())


def some(api: Api, rng: Random, languages: Sequence[str] = ("en", "fr"), **fields: Any) -> tuple[Any, Any]:
    """(a brief notice, what was sent for it)."""
    start = sometime(rng)
    sent = body(rng, start, start + BRIEF, languages, **fields)
    return publish(api, sent), sent


def one(notice: Mapping[str, Any]) -> str:
    return f"{NOTICES}/{notice['id']}"


def into(notice: Mapping[str, Any], language: str) -> str:
    """The path of a translation."""
    return f"{one(notice)}/translations/{language}"


def read(api: Api, notice: Mapping[str, Any], **params: str) -> dict[str, Any]:
    return dict(api.get(one(notice), params=params).expect(200).json())


def board(api: Api, at: datetime | None, headers: Mapping[str, str] | None = None, **params: Any) -> dict[str, Any]:
    """A page of the list."""
    asked = ({"at": text(at)} if at else {}) | params
    page = dict(api.get(NOTICES, params=asked, headers=headers).expect(200).json())
    assert set(page) == {"items", "total", "page", "size", "summary"}
    return page


def ids(page: Mapping[str, Any]) -> list[int]:
    return [item["id"] for item in page["items"]]


def everything(api: Api) -> int:
    """How many notices there are."""
    return int(board(api, None, status="all", size=1)["total"])


def refused(reply: Reply, status: int, code: str) -> dict[str, Any]:
    """The error of a refusal with this status and code; its payload has the form that all errors have."""
    error = reply.expect(status).json()
    assert isinstance(error, dict), f"not an error payload: {error!r}"
    assert set(error) == {"error", "message", "fields"}, f"not an error payload: {error!r}"
    assert error["error"] == code, f"expected code {code}, got {error!r}"
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["fields"], list)
    if code != "invalid_request":
        assert error["fields"] == [], f"fields of {code} are empty: {error['fields']!r}"
    return error


def invalid(reply: Reply, *fields: str) -> None:
    """An `invalid_request` that names every one of these fields."""
    named = refused(reply, 422, "invalid_request")["fields"]
    missing = set(fields) - set(named)
    assert not missing, f"fields do not name {sorted(missing)}: {named!r}"


def within(reply: Reply, field: str) -> None:
    """An `invalid_request` that names the field or something inside it."""
    named = refused(reply, 422, "invalid_request")["fields"]
    assert any(name == field or name.startswith(f"{field}.") for name in named), f"{field} is not among {named!r}"


def says(reply: Reply, status: int, code: str, message: str, language: str) -> None:
    """A refusal with this message in this language."""
    assert refused(reply, status, code)["message"] == message
    assert reply.headers.get("content-language") == language


def nobody(rng: Random) -> int:
    """An id that nothing has."""
    return rng.randrange(2_000_000_000, 2_147_483_647)


def subscribe(api: Api, rng: Random, **fields: Any) -> dict[str, Any]:
    """A subscriber of this check alone, French and neutral unless told."""
    sent = {"name": word(rng).capitalize(), "email": f"{word(rng, 16)}@rivemont.example", "language": "fr"} | fields
    return dict(api.post(SUBSCRIBERS, json=sent).expect(201).json())
