"""Creation: what is accepted, what is answered, what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from uuid import UUID

from support import (
    BOOKINGS,
    FIELDS,
    after,
    body,
    book,
    day,
    invalid,
    listed,
    make_room,
    moment,
    read,
    refused,
    text,
    unknown_id,
    word,
)

from graders.testkit import Api, covers, fail_to_pass

REQUIRED = ("room_id", "title", "organiser", "starts_at", "ends_at")


@covers("C-01", "C-03", "C-18")
@fail_to_pass
def test_create_answers_the_booking_and_its_location(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    sent = body(room, rng, start, 90, attendees=rng.randint(2, 8), notes=word(rng))
    reply = api.post(BOOKINGS, json=sent).expect(201)
    booking = reply.json()
    assert set(booking) == FIELDS
    assert {field: booking[field] for field in ("room_id", "title", "organiser", "attendees", "notes")} == {
        field: sent[field] for field in ("room_id", "title", "organiser", "attendees", "notes")
    }
    assert type(booking["attendees"]) is int
    assert booking["status"] == "confirmed"
    assert str(UUID(booking["id"])) == booking["id"]
    location = reply.headers.get("location", "")
    assert location.endswith(f"{BOOKINGS}/{booking['id']}"), f"Location is {location!r}"
    assert read(api, booking) == booking


@covers("C-02")
@fail_to_pass
def test_times_are_answered_in_utc(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), after(day(rng), 15 * rng.randrange(96))
    zone = timezone(timedelta(minutes=30 * rng.choice([-19, -10, 4, 11, 25])))
    local = start.astimezone(zone)
    created = book(api, room, rng, local, 45)
    for booking in (created, read(api, created), listed(api, room_id=room["id"])["items"][0]):
        assert (moment(booking["starts_at"]), moment(booking["ends_at"])) == (start, after(start, 45))
        assert moment(booking["updated_at"]) >= moment(booking["created_at"])
    moved = api.patch(f"{BOOKINGS}/{created['id']}", json={"ends_at": text(after(local, 60))}).expect(200).json()
    assert moment(moved["ends_at"]) == after(start, 60)


@covers("C-04")
@fail_to_pass
def test_fields_left_out_have_their_defaults(api: Api, rng: Random) -> None:
    booking = book(api, make_room(api, rng), rng, day(rng))
    assert (booking["attendees"], booking["notes"]) == (1, None)
    assert type(booking["attendees"]) is int


@covers("C-04", "C-09", "C-33")
@fail_to_pass
def test_required_fields_are_named_when_missing(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, start)
    complete = body(room, rng, after(start, 600))
    for field in REQUIRED:
        invalid(api.post(BOOKINGS, json={name: value for name, value in complete.items() if name != field}), field)
        invalid(api.post(BOOKINGS, json=complete | {field: None}), field)
    invalid(api.post(BOOKINGS, json={}), *REQUIRED)
    assert listed(api, room_id=room["id"])["total"] == 1


@covers("C-05")
@fail_to_pass
def test_white_space_around_texts_is_dropped(api: Api, rng: Random) -> None:
    title, organiser, notes = word(rng), word(rng), word(rng)
    booking = book(
        api, make_room(api, rng), rng, day(rng), title=f"  {title} ", organiser=f" {organiser}  ", notes=f"  {notes} "
    )
    assert (booking["title"], booking["organiser"], booking["notes"]) == (title, organiser, notes)
    assert read(api, booking)["title"] == title


@covers("C-05", "C-06")
@fail_to_pass
def test_texts_of_the_longest_and_shortest_length_are_kept(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    letter = rng.choice("éœß中😀")
    longest = {"title": letter * 120, "organiser": letter * 80, "notes": letter * 1000}
    shortest = {"title": letter, "organiser": letter * 2, "notes": "a"}
    for number, texts in enumerate((longest, shortest)):
        booking = read(api, book(api, room, rng, after(start, 90 * number), **texts))
        assert {field: booking[field] for field in texts} == texts
    padded = book(api, room, rng, after(start, 300), title=f"  {longest['title']}  ")
    assert padded["title"] == longest["title"]


@covers("C-05", "C-09")
@fail_to_pass
def test_texts_of_a_wrong_length_or_kind_are_refused(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, start)
    wrong = [
        ("title", ""), ("title", "   "), ("title", "é" * 121), ("title", 7),
        ("organiser", ""), ("organiser", " x "), ("organiser", "é" * 81), ("organiser", ["Ann"]),
    ]  # fmt: skip
    for field, value in wrong:
        invalid(api.post(BOOKINGS, json=body(room, rng, after(start, 600), **{field: value})), field)
    assert listed(api, room_id=room["id"])["total"] == 1


@covers("C-05", "C-09", "C-35")
@fail_to_pass
def test_control_characters_in_titles_and_organisers_are_refused(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, start)
    for character in ("\x00", "\n", "\t", "\x1b", "\x7f", chr(rng.randrange(1, 32))):
        for field in ("title", "organiser"):
            value = f"{word(rng, 3)}{character}{word(rng, 3)}"
            invalid(api.post(BOOKINGS, json=body(room, rng, after(start, 600), **{field: value})), field)


@covers("C-06", "C-09", "C-35")
@fail_to_pass
def test_notes_hold_line_breaks_but_no_other_control_character(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    notes = f"{word(rng)}\r\n\t{word(rng)}\n{word(rng)}"
    assert book(api, room, rng, start, notes=notes)["notes"] == notes
    assert book(api, room, rng, after(start, 120), notes=None)["notes"] is None
    for value in ("a\x00b", "a\x0bb", "a\x1fb", "a\x7fb", "é" * 1001, 5):
        invalid(api.post(BOOKINGS, json=body(room, rng, after(start, 600), notes=value)), "notes")


@covers("C-07", "C-09")
@fail_to_pass
def test_attendees_are_a_positive_integer(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    assert book(api, room, rng, start, attendees=1)["attendees"] == 1
    for value in (0, -rng.randint(1, 99), 1.5, "3", True, None, [2]):
        invalid(api.post(BOOKINGS, json=body(room, rng, after(start, 600), attendees=value)), "attendees")


@covers("C-08", "C-09")
@fail_to_pass
def test_times_that_are_no_date_times_with_offset_are_refused(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, start)
    later = after(start, 600)
    plain = later.replace(tzinfo=None).isoformat()
    for value in (int(later.timestamp()), plain, plain[:10], "soon", "", True, plain.replace("-", "/") + "Z"):
        invalid(api.post(BOOKINGS, json=body(room, rng, later, starts_at=value)), "starts_at")
        invalid(api.post(BOOKINGS, json=body(room, rng, later, ends_at=value)), "ends_at")
    assert listed(api, room_id=room["id"])["total"] == 1


@covers("C-08", "C-09")
@fail_to_pass
def test_times_off_the_minute_are_refused(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), after(day(rng), rng.randrange(60))
    book(api, room, rng, start, 61)
    for off in (timedelta(seconds=rng.randint(1, 59)), timedelta(microseconds=500_000)):
        later = after(start, 600)
        invalid(api.post(BOOKINGS, json=body(room, rng, later, starts_at=text(later + off))), "starts_at")
        invalid(api.post(BOOKINGS, json=body(room, rng, later, ends_at=text(after(later, 60) + off))), "ends_at")


@covers("C-08", "C-35")
@fail_to_pass
def test_times_have_bounds_and_both_bounds_are_allowed(api: Api, rng: Random) -> None:
    room = make_room(api, rng)
    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    assert moment(book(api, room, rng, first)["starts_at"]) == first
    assert moment(book(api, room, rng, after(last, -60))["ends_at"]) == last
    invalid(api.post(BOOKINGS, json=body(room, rng, after(first, -1))), "starts_at")
    invalid(api.post(BOOKINGS, json=body(room, rng, after(last, -59))), "ends_at")
    for extreme in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-12:00"):
        invalid(api.post(BOOKINGS, json=body(room, rng, day(rng), starts_at=extreme)), "starts_at")


@covers("C-09", "C-33")
@fail_to_pass
def test_fields_that_a_client_may_not_set_are_refused(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, start)
    foreign = {
        "id": unknown_id(rng), "status": "cancelled", "created_at": text(start), "updated_at": text(start),
        word(rng): 1,
    }  # fmt: skip
    for field, value in foreign.items():
        invalid(api.post(BOOKINGS, json=body(room, rng, after(start, 600), **{field: value})), field)
    assert listed(api, room_id=room["id"])["total"] == 1


@covers("C-09", "C-33")
@fail_to_pass
def test_bodies_that_are_no_objects_are_refused(api: Api, rng: Random) -> None:
    book(api, make_room(api, rng), rng, day(rng))
    for value in ([], "text", 5):
        refused(api.post(BOOKINGS, json=value), 422, "validation_error")
    broken = api.request("POST", BOOKINGS, content=b'{"title": ', headers={"content-type": "application/json"})
    invalid(broken, "body")
    invalid(api.post(BOOKINGS, json=[]), "body")


@covers("C-09")
@fail_to_pass
def test_a_room_id_that_is_no_uuid_is_refused(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, start)
    for value in ("7", "", 7, word(rng)):
        invalid(api.post(BOOKINGS, json=body(room, rng, start, room_id=value)), "room_id")


@covers("C-10")
@fail_to_pass
def test_the_shortest_and_longest_period_are_allowed(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, start, 15)
    book(api, room, rng, after(start, 60), 12 * 60)


@covers("C-10")
@fail_to_pass
def test_periods_too_short_too_long_or_reversed_are_refused(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, after(start, -2000))
    for minutes in (14, 1, 0, -60, 12 * 60 + 1, 3 * 24 * 60):
        reply = api.post(BOOKINGS, json=body(room, rng, start, minutes))
        refused(reply, 422, "booking_period_invalid")
    assert listed(api, room_id=room["id"])["total"] == 1


@covers("C-11")
@fail_to_pass
def test_a_room_that_does_not_exist_is_not_found(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    book(api, room, rng, start)
    refused(api.post(BOOKINGS, json=body({"id": unknown_id(rng)}, rng, start)), 404, "room_not_found")


@covers("C-12")
@fail_to_pass
def test_attendees_fill_the_room_but_not_more(api: Api, rng: Random) -> None:
    capacity, start = rng.randint(2, 40), day(rng)
    room = make_room(api, rng, capacity=capacity)
    assert book(api, room, rng, start, attendees=capacity)["attendees"] == capacity
    for attendees in (capacity + 1, 10**6, 10**12):
        reply = api.post(BOOKINGS, json=body(room, rng, after(start, 600), attendees=attendees))
        refused(reply, 422, "room_capacity_exceeded")
