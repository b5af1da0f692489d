import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

URL = "/api/v1/bookings"
NINE = datetime(2032, 3, 1, 9, tzinfo=UTC)


class Desk:
    """Books one room; minutes are counted from nine o'clock."""

    def __init__(self, client, room):
        self.client = client
        self.room = room

    def payload(self, start, end, **fields):
        return {
            "room_id": self.room["id"],
            "title": "Stand-up",
            "organiser": "Chloé",
            "starts_at": (NINE + timedelta(minutes=start)).isoformat(),
            "ends_at": (NINE + timedelta(minutes=end)).isoformat(),
        } | fields

    async def ask(self, start, end, **fields):
        return await self.client.post(URL, json=self.payload(start, end, **fields))

    async def book(self, start, end, **fields):
        response = await self.ask(start, end, **fields)
        assert response.status_code == 201, response.text
        return response.json()

    async def ids(self, **params):
        body = (await self.client.get(URL, params=params)).json()
        assert body["total"] == len(body["items"])
        return [booking["id"] for booking in body["items"]]


@pytest.fixture
async def desk(client, make_room):
    return Desk(client, await make_room())


def assert_error(response, status, code):
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


async def test_booking_is_created_and_read(client, desk):
    response = await desk.ask(0, 30, notes=" two\nlines ")

    booking = response.json()
    assert booking["starts_at"] == "2032-03-01T09:00:00Z"
    assert (booking["notes"], booking["attendees"]) == ("two\nlines", 1)
    assert (await client.get(response.headers["location"])).json() == booking


async def test_bodies_out_of_contract_are_refused(desk):
    for change in [
        {"title": None},
        {"title": "x" * 121},
        {"organiser": "a\tb"},
        {"notes": "a\u0000"},
        {"attendees": 2.5},
        {"starts_at": 1_961_658_000},
        {"starts_at": "2032-03-01"},
        {"ends_at": "2032-03-01T10:00:00"},
        {"ends_at": "2032-03-01T10:00:01Z"},
        {"created_at": NINE.isoformat()},
    ]:
        response = await desk.ask(0, 30, **change)
        assert_error(response, 422, "validation_error")
        assert response.json()["error"]["details"][0]["field"] in change


async def test_rules_about_the_room_and_the_period(desk):
    assert_error(await desk.ask(0, 14), 422, "booking_period_invalid")
    assert_error(await desk.ask(0, 721), 422, "booking_period_invalid")
    assert_error(await desk.ask(0, 30, room_id=str(uuid4())), 404, "room_not_found")
    assert_error(await desk.ask(0, 30, attendees=9), 422, "room_capacity_exceeded")
    await desk.book(0, 720, attendees=8)


async def test_overlaps_conflict_and_neighbours_do_not(desk):
    first = await desk.book(0, 60)
    await desk.book(60, 90)
    await desk.book(-30, 0)

    response = await desk.ask(15, 45)

    assert_error(response, 409, "booking_conflict")
    told = response.json()["error"]["details"]
    assert told == [
        {"booking_id": first["id"], "starts_at": first["starts_at"], "ends_at": first["ends_at"]}
    ]


async def test_messages_have_plurals_in_french(client, desk):
    await desk.book(0, 60)
    await desk.book(60, 120)
    client.headers["Accept-Language"] = "fr"

    one, two = await desk.ask(0, 30), await desk.ask(30, 90)

    assert one.json()["error"]["message"] == "Ce créneau chevauche 1 autre réservation."
    assert two.json()["error"]["message"] == "Ce créneau chevauche 2 autres réservations."


async def test_only_one_writer_wins(client, desk):
    early = await desk.book(-120, -60)
    move = {key: value for key, value in desk.payload(0, 60).items() if key.endswith("_at")}

    responses = await asyncio.gather(
        *(desk.ask(0, 60) for _ in range(4)), client.patch(f"{URL}/{early['id']}", json=move)
    )

    assert sorted(response.status_code for response in responses)[1:] == [409] * 4


async def test_change_keeps_what_is_not_sent(client, desk):
    booking = await desk.book(0, 60, notes="bring cake")
    url = f"{URL}/{booking['id']}"

    assert (await client.patch(url, json={})).json() == booking
    changed = (await client.patch(url, json={"notes": None})).json()
    assert changed["updated_at"] > booking["updated_at"]
    assert changed == booking | {"notes": None, "updated_at": changed["updated_at"]}
    for body in [{"title": None}, {"room_id": str(uuid4())}, {"starts_at": None}]:
        assert_error(await client.patch(url, json=body), 422, "validation_error")


async def test_cancelled_bookings_stay_but_free_the_room(client, desk):
    booking = await desk.book(0, 60)
    url = f"{URL}/{booking['id']}"

    for _ in range(2):
        assert (await client.delete(url)).status_code == 204
    assert (await client.get(url)).json()["status"] == "cancelled"
    assert_error(await client.patch(url, json={}), 409, "booking_cancelled")
    await desk.book(0, 60)


async def test_unknown_bookings_are_not_found(client):
    url = f"{URL}/{uuid4()}"
    assert_error(await client.get(url), 404, "booking_not_found")
    assert_error(await client.patch(url, json={}), 404, "booking_not_found")
    assert_error(await client.delete(url), 404, "booking_not_found")


async def test_filters_and_orders(client, desk, make_room):
    other = await make_room(name="Meuse")
    late = (await desk.book(60, 120, organiser="Max_1"))["id"]
    soon = (await desk.book(0, 60, organiser="Max-1"))["id"]
    away = (await desk.book(0, 60, room_id=other["id"]))["id"]
    await client.delete(f"{URL}/{late}")

    assert await desk.ids(sort="created_at") == [late, soon, away]
    assert await desk.ids(sort="-created_at") == [away, soon, late]
    assert await desk.ids() == [*sorted([soon, away]), late]
    assert await desk.ids(sort="-starts_at") == [late, *sorted([soon, away])]
    assert await desk.ids(organiser="MAX_1") == [late]
    assert await desk.ids(status="cancelled") == [late]
    assert await desk.ids(room_id=desk.room["id"]) == [soon, late]
    assert await desk.ids(**{"from": "2032-03-01T10:00:00Z"}) == [late]
    assert await desk.ids(to="2032-03-01T11:00:00+01:00", room_id=other["id"]) == [away]


async def test_list_pages_and_refusals(client, desk):
    for hour in range(3):
        await desk.book(60 * hour, 60 * hour + 60)

    page = (await client.get(URL, params={"limit": 2, "offset": 2})).json()
    assert (len(page["items"]), page["total"], page["limit"], page["offset"]) == (1, 3, 2, 2)
    for params in [{"limit": 0}, {"sort": "title"}, {"status": "x"}, {"from": "2032-03-01"}]:
        assert_error(await client.get(URL, params=params), 422, "validation_error")
    window = {"from": "2032-03-01T10:00:00Z", "to": "2032-03-01T10:00:00Z"}
    assert_error(await client.get(URL, params=window), 422, "window_invalid")


async def test_room_in_use_cannot_be_deleted(client, desk):
    booking = await desk.book(0, 60)
    room_url = f"/api/v1/rooms/{desk.room['id']}"

    assert_error(await client.delete(room_url), 409, "room_in_use")
    await client.delete(f"{URL}/{booking['id']}")
    assert (await client.delete(room_url)).status_code == 204
    assert_error(await client.get(f"{URL}/{booking['id']}"), 404, "booking_not_found")
