"""What the checks share: rooms and bookings of their own, and one way to read a refusal."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from graders.testkit import Api, Reply

ROOMS = "/api/v1/rooms"
BOOKINGS = "/api/v1/bookings"
FIELDS = {
    "id", "room_id", "title", "organiser", "attendees", "notes",
    "starts_at", "ends_at", "status", "created_at", "updated_at",
}  # fmt: skip


def word(rng: Random, length: int = 12) -> str:
    """Lower-case ASCII letters, different for every draw."""
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=length))


def day(rng: Random) -> datetime:
    """Midnight UTC of some day that no clock reaches soon."""
    return datetime(2040, 1, 1, tzinfo=UTC) + timedelta(days=rng.randrange(15_000))


def after(start: datetime, minutes: int) -> datetime:
    return start + timedelta(minutes=minutes)


def text(moment: datetime) -> str:
    """RFC 3339 with the offset that the moment has."""
    return moment.isoformat().replace("+00:00", "Z")


def moment(answer: str) -> datetime:
    """A time out of an answer: UTC, ending in `Z`."""
    assert isinstance(answer, str) and answer.endswith("Z"), f"not a UTC time ending in Z: {answer!r}"
    parsed = datetime.fromisoformat(answer)
    assert parsed.utcoffset() == timedelta(0)
    return parsed


def make_room(api: Api, rng: Random, **fields: Any) -> dict[str, Any]:
    """A room of this check alone, eight seats unless told."""
    body = {"name": word(rng, 16), "building": "Nord", "floor": 1, "capacity": 8} | fields
    return dict(api.post(ROOMS, json=body).expect(201).json())


def body(room: Mapping[str, Any], rng: Random, start: datetime, minutes: int = 60, **fields: Any) -> dict[str, Any]:
    """A valid body of a new booking."""
    return {
        "room_id": room["id"],
        "title": word(rng),
        "organiser": word(rng),
        "starts_at": text(start),
        "ends_at": text(after(start, minutes)),
    } | fields


def book(
    api: Api, room: Mapping[str, Any], rng: Random, start: datetime, minutes: int = 60, **fields: Any
) -> dict[str, Any]:
    """A booking that must succeed."""
    return dict(api.post(BOOKINGS, json=body(room, rng, start, minutes, **fields)).expect(201).json())


def one(booking: Mapping[str, Any]) -> str:
    return f"{BOOKINGS}/{booking['id']}"


def read(api: Api, booking: Mapping[str, Any]) -> dict[str, Any]:
    return dict(api.get(one(booking)).expect(200).json())


def listed(api: Api, **params: Any) -> dict[str, Any]:
    """A page of the list; `from_` stands for `from`."""
    named = {name.rstrip("_"): value for name, value in params.items()}
    return dict(api.get(BOOKINGS, params=named).expect(200).json())


def ids(page: Mapping[str, Any]) -> list[str]:
    return [item["id"] for item in page["items"]]


def plain(booking: Mapping[str, Any]) -> dict[str, Any]:
    """A booking with instants for its times and without `updated_at`, to compare across changes."""
    times = {name: moment(booking[name]) for name in ("starts_at", "ends_at", "created_at")}
    return {name: value for name, value in (dict(booking) | times).items() if name != "updated_at"}


def refused(reply: Reply, status: int, code: str) -> dict[str, Any]:
    """The error of a refusal with this status and code; its payload has the form that all errors have."""
    payload = reply.expect(status).json()
    assert isinstance(payload, dict) and set(payload) == {"error"}, f"not an error payload: {payload!r}"
    error = payload["error"]
    assert isinstance(error, dict) and set(error) == {"code", "message", "details"}, f"not an error: {error!r}"
    assert error["code"] == code, f"expected code {code}, got {error!r}"
    assert isinstance(error["message"], str) and error["message"]
    assert isinstance(error["details"], list)
    if code not in ("validation_error", "booking_conflict"):
        assert error["details"] == [], f"details of {code} are empty: {error['details']!r}"
    return error


def invalid(reply: Reply, *fields: str) -> None:
    """A `validation_error` that names every one of these fields."""
    details = refused(reply, 422, "validation_error")["details"]
    named = {detail.get("field") for detail in details if isinstance(detail, dict)}
    missing = set(fields) - named
    assert not missing, f"details do not name {sorted(missing)}: {details!r}"


def unknown_id(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))
