import asyncio
from uuid import uuid4

import pytest

BOOKINGS = "/api/v1/bookings"


def at(clock, day=5):
    return f"2031-05-{day:02}T{clock}:00Z"


@pytest.fixture
async def room(make_room):
    return await make_room()


@pytest.fixture
def book(client, room):
    async def send(start="09:00", end="10:00", **fields):
        body = {
            "room_id": room["id"],
            "title": "Budget",
            "organiser": "Inès Moreau",
            "starts_at": at(start),
            "ends_at": at(end),
        }
        return await client.post(BOOKINGS, json=body | fields)

    return send


def code(response):
    return response.json()["error"]["code"]


async def test_create_and_read(client, book, room):
    response = await book(title="  Budget ", starts_at="2031-05-05T11:00:00+02:00")

    assert response.status_code == 201
    booking = response.json()
    assert response.headers["location"] == f"{BOOKINGS}/{booking['id']}"
    assert (booking["title"], booking["starts_at"]) == ("Budget", at("09:00"))
    assert (booking["status"], booking["attendees"], booking["notes"]) == ("confirmed", 1, None)
    assert (await client.get(f"{BOOKINGS}/{booking['id']}")).json() == booking


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "a\u0000b"}, "title"),
        ({"organiser": "x"}, "organiser"),
        ({"notes": "a\u0007b"}, "notes"),
        ({"attendees": "3"}, "attendees"),
        ({"attendees": True}, "attendees"),
        ({"starts_at": 1935738000}, "starts_at"),
        ({"starts_at": "2031-05-05"}, "starts_at"),
        ({"starts_at": "2031-05-05T09:00:00"}, "starts_at"),
        ({"starts_at": "2031-05-05T09:00:30Z"}, "starts_at"),
        ({"ends_at": "9999-12-31T23:59:00-12:00"}, "ends_at"),
        ({"status": "cancelled"}, "status"),
    ],
)
async def test_invalid_booking_names_the_field(book, change, field):
    response = await book(**change)

    assert (response.status_code, code(response)) == (422, "validation_error")
    assert [detail["field"] for detail in response.json()["error"]["details"]] == [field]


@pytest.mark.parametrize("end", ["08:00", "09:00", "09:14", "21:01"])
async def test_period_out_of_limits_is_refused(book, end):
    response = await book("09:00", end)

    assert (response.status_code, code(response)) == (422, "booking_period_invalid")


async def test_unknown_room_is_refused(book):
    response = await book(room_id=str(uuid4()))

    assert (response.status_code, code(response)) == (404, "room_not_found")


@pytest.mark.parametrize(
    ("capacity", "message"),
    [
        (1, "Cette salle accueille au plus 1 personne."),
        (4, "Cette salle accueille au plus 4 personnes."),
    ],
)
async def test_capacity_message_has_a_plural(client, book, make_room, capacity, message):
    small = await make_room(name="Petite", capacity=capacity)
    client.headers["Accept-Language"] = "fr"

    response = await book(room_id=small["id"], attendees=capacity + 1)

    assert (response.status_code, code(response)) == (422, "room_capacity_exceeded")
    assert response.json()["error"]["message"] == message


async def test_conflict_names_what_is_overlapped(book):
    first = (await book("09:00", "10:00")).json()
    second = (await book("10:00", "11:00")).json()

    response = await book("09:30", "10:30")

    assert (response.status_code, code(response)) == (409, "booking_conflict")
    error = response.json()["error"]
    assert error["message"] == "This overlaps 2 other bookings."
    assert error["details"] == [
        {
            "booking_id": booking["id"],
            "starts_at": booking["starts_at"],
            "ends_at": booking["ends_at"],
        }
        for booking in (first, second)
    ]


async def test_back_to_back_is_no_conflict(book):
    assert (await book("09:00", "10:00")).status_code == 201
    assert (await book("10:00", "11:00")).status_code == 201
    assert (await book("08:00", "09:00")).status_code == 201


async def test_one_of_several_creations_at_once_wins(book):
    responses = await asyncio.gather(*(book("09:00", f"10:{minute}") for minute in range(10, 16)))

    assert sorted(response.status_code for response in responses) == [201] + [409] * 5


async def test_one_of_several_moves_at_once_wins(client, book):
    bookings = [(await book(f"{hour:02}:00", f"{hour:02}:30")).json() for hour in range(6, 10)]
    move = {"starts_at": at("15:00"), "ends_at": at("16:00")}

    responses = await asyncio.gather(
        *(client.patch(f"{BOOKINGS}/{booking['id']}", json=move) for booking in bookings)
    )

    assert sorted(response.status_code for response in responses) == [200] + [409] * 3


async def test_update_changes_only_what_is_sent(client, book):
    booking = (await book(notes="bring a pen")).json()

    response = await client.patch(f"{BOOKINGS}/{booking['id']}", json={"ends_at": at("11:00")})

    assert response.status_code == 200
    changed = response.json()
    assert changed.pop("updated_at") > booking.pop("updated_at")
    assert changed == booking | {"ends_at": at("11:00")}


async def test_empty_update_changes_nothing(client, book):
    booking = (await book()).json()

    response = await client.patch(f"{BOOKINGS}/{booking['id']}", json={})

    assert (response.status_code, response.json()) == (200, booking)


@pytest.mark.parametrize("field", ["room_id", "status", "title", "starts_at"])
async def test_update_refuses_protected_fields_and_nulls(client, book, field):
    booking = (await book()).json()

    response = await client.patch(f"{BOOKINGS}/{booking['id']}", json={field: None})

    assert (response.status_code, code(response)) == (422, "validation_error")


async def test_update_asks_for_capacity_only_with_attendees(client, book, room):
    path = f"{BOOKINGS}/{(await book(attendees=8)).json()['id']}"
    await client.patch(f"/api/v1/rooms/{room['id']}", json={"capacity": 2})

    assert (await client.patch(path, json={"title": "Moved"})).status_code == 200
    refused = await client.patch(path, json={"attendees": 3})
    assert (refused.status_code, code(refused)) == (422, "room_capacity_exceeded")


async def test_cancel_frees_the_time_and_keeps_the_booking(client, book):
    booking = (await book()).json()
    path = f"{BOOKINGS}/{booking['id']}"

    assert (await client.delete(path)).status_code == 204
    cancelled = (await client.get(path)).json()
    assert cancelled["status"] == "cancelled"
    assert (await book()).status_code == 201
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).json() == cancelled
    refused = await client.patch(path, json={})
    assert (refused.status_code, code(refused)) == (409, "booking_cancelled")


async def test_unknown_booking_is_not_found(client):
    path = f"{BOOKINGS}/{uuid4()}"

    for response in [
        await client.get(path),
        await client.patch(path, json={}),
        await client.delete(path),
    ]:
        assert (response.status_code, code(response)) == (404, "booking_not_found")


@pytest.fixture
async def three(client, book, make_room):
    """Two bookings in one room, the second cancelled, and one elsewhere: A, B, C by time."""
    other = await make_room(name="Oise")
    bookings = [
        await book("09:00", "10:00", title="A", organiser="Élise_M"),
        await book("10:00", "11:00", title="B", organiser="Élise-M"),
        await book("11:00", "12:00", title="C", organiser="Paul", room_id=other["id"]),
    ]
    await client.delete(f"{BOOKINGS}/{bookings[1].json()['id']}")
    return other


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({}, "ABC"),
        ({"sort": "-starts_at"}, "CBA"),
        ({"sort": "created_at"}, "ABC"),
        ({"sort": "-created_at"}, "CBA"),
        ({"status": "cancelled"}, "B"),
        ({"status": "confirmed"}, "AC"),
        ({"organiser": "ÉLISE_m"}, "A"),
        ({"from": at("10:00")}, "BC"),
        ({"to": at("10:00")}, "A"),
        ({"from": "2031-05-05T11:30:00+02:00", "to": at("11:00")}, "AB"),
        ({"from": at("10:00"), "status": "confirmed"}, "C"),
        ({"room_id": str(uuid4())}, ""),
    ],
)
async def test_list_filters_and_sorts(client, three, query, titles):
    page = (await client.get(BOOKINGS, params=query)).json()

    assert "".join(booking["title"] for booking in page["items"]) == titles
    assert (page["total"], page["limit"], page["offset"]) == (len(titles), 20, 0)


async def test_list_filters_by_room_and_pages(client, three):
    elsewhere = (await client.get(BOOKINGS, params={"room_id": three["id"]})).json()
    assert [booking["title"] for booking in elsewhere["items"]] == ["C"]
    page = (await client.get(BOOKINGS, params={"limit": 1, "offset": 1})).json()
    assert [booking["title"] for booking in page["items"]] == ["B"]
    assert (page["total"], page["limit"], page["offset"]) == (3, 1, 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"limit": 101}, "validation_error"),
        ({"offset": -1}, "validation_error"),
        ({"sort": "title"}, "validation_error"),
        ({"status": "open"}, "validation_error"),
        ({"organiser": "a\u0000b"}, "validation_error"),
        ({"from": "2031-05-05"}, "validation_error"),
        ({"from": at("10:00"), "to": at("10:00")}, "window_invalid"),
    ],
)
async def test_list_refuses_what_it_cannot_read(client, query, expected):
    response = await client.get(BOOKINGS, params=query)

    assert (response.status_code, code(response)) == (422, expected)


async def test_room_in_use_is_kept(client, book, room):
    booking = (await book()).json()
    path = f"/api/v1/rooms/{room['id']}"

    refused = await client.delete(path)
    assert (refused.status_code, code(refused)) == (409, "room_in_use")
    await client.delete(f"{BOOKINGS}/{booking['id']}")
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(f"{BOOKINGS}/{booking['id']}")).status_code == 404
