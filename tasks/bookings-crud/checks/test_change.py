"""Reading, changing and cancelling one booking."""

from random import Random

from support import (
    BOOKINGS,
    ROOMS,
    after,
    body,
    book,
    day,
    invalid,
    listed,
    make_room,
    moment,
    one,
    plain,
    read,
    refused,
    text,
    unknown_id,
    word,
)

from graders.testkit import Api, covers, fail_to_pass


@covers("C-18")
@fail_to_pass
def test_a_booking_is_read_confirmed_and_cancelled(api: Api, rng: Random) -> None:
    booking = book(api, make_room(api, rng), rng, day(rng))
    assert read(api, booking) == booking
    api.delete(one(booking)).expect(204)
    assert read(api, booking)["status"] == "cancelled"


@covers("C-19")
@fail_to_pass
def test_a_booking_that_does_not_exist_is_not_found(api: Api, rng: Random) -> None:
    book(api, make_room(api, rng), rng, day(rng))
    path = f"{BOOKINGS}/{unknown_id(rng)}"
    refused(api.get(path), 404, "booking_not_found")
    refused(api.patch(path, json={"title": word(rng)}), 404, "booking_not_found")
    refused(api.patch(path, json={}), 404, "booking_not_found")
    refused(api.delete(path), 404, "booking_not_found")


@covers("C-19", "C-33")
@fail_to_pass
def test_an_id_that_is_no_uuid_is_refused(api: Api, rng: Random) -> None:
    book(api, make_room(api, rng), rng, day(rng))
    for path in (f"{BOOKINGS}/{rng.randrange(1000)}", f"{BOOKINGS}/{word(rng)}"):
        invalid(api.get(path), "booking_id")
        invalid(api.patch(path, json={}), "booking_id")
        invalid(api.delete(path), "booking_id")


@covers("C-20", "C-21")
@fail_to_pass
def test_a_change_touches_what_is_sent_and_nothing_else(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    before = book(api, room, rng, start, attendees=3, notes=word(rng))
    changes = [
        {"title": word(rng)},
        {"organiser": f" {word(rng)} "},
        {"attendees": rng.randint(4, 8)},
        {"notes": word(rng)},
        {"notes": None},
        {"starts_at": text(after(start, 15))},
        {"starts_at": text(after(start, 600)), "ends_at": text(after(start, 700)), "title": word(rng)},
    ]
    for change in changes:
        now = api.patch(one(before), json=change).expect(200).json()
        expected = {name: value.strip() if isinstance(value, str) else value for name, value in change.items()}
        assert plain(now) == plain(before | expected)
        assert moment(now["updated_at"]) > moment(before["updated_at"])
        assert read(api, now) == now
        before = now


@covers("C-21")
@fail_to_pass
def test_an_empty_change_leaves_the_booking_as_it_was(api: Api, rng: Random) -> None:
    booking = book(api, make_room(api, rng), rng, day(rng))
    assert api.patch(one(booking), json={}).expect(200).json() == booking
    assert read(api, booking) == booking


@covers("C-20")
@fail_to_pass
def test_fields_that_never_change_are_refused(api: Api, rng: Random) -> None:
    room, other = make_room(api, rng), make_room(api, rng)
    booking = book(api, room, rng, day(rng))
    foreign = {
        "room_id": other["id"], "id": unknown_id(rng), "status": "cancelled",
        "created_at": booking["starts_at"], "updated_at": booking["starts_at"], word(rng): None,
    }  # fmt: skip
    for field, value in foreign.items():
        invalid(api.patch(one(booking), json={"title": word(rng), field: value}), field)
    assert read(api, booking) == booking


@covers("C-20", "C-05", "C-06", "C-07", "C-08")
@fail_to_pass
def test_a_change_obeys_the_rules_of_creation(api: Api, rng: Random) -> None:
    start = day(rng)
    booking = book(api, make_room(api, rng), rng, start)
    wrong = [
        ("title", " "), ("title", "é" * 121), ("title", "a\x00b"), ("title", None),
        ("organiser", "x"), ("organiser", "é" * 81), ("organiser", "a\nb"), ("organiser", None),
        ("attendees", 0), ("attendees", "2"), ("attendees", True), ("attendees", None),
        ("notes", "é" * 1001), ("notes", "a\x00b"),
        ("starts_at", None), ("starts_at", int(start.timestamp()) - 900), ("starts_at", text(start).rstrip("Z")),
        ("ends_at", None), ("ends_at", text(after(start, 60)).replace(":00Z", ":30Z")),
        ("ends_at", "2100-01-01T00:01:00Z"),
    ]  # fmt: skip
    for field, value in wrong:
        invalid(api.patch(one(booking), json={field: value}), field)
    refused(api.patch(one(booking), json=[]), 422, "validation_error")
    assert read(api, booking) == booking


@covers("C-22", "C-10")
@fail_to_pass
def test_the_period_after_a_change_has_its_limits(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    booking = book(api, room, rng, start, 60)
    for change in (
        {"starts_at": text(after(start, 46))},
        {"starts_at": text(after(start, 60))},
        {"ends_at": text(after(start, 14))},
        {"ends_at": text(after(start, 721))},
        {"starts_at": text(after(start, 100)), "ends_at": text(after(start, 90))},
    ):
        refused(api.patch(one(booking), json=change), 422, "booking_period_invalid")
    assert read(api, booking) == booking
    api.patch(one(booking), json={"starts_at": text(after(start, 45))}).expect(200)
    api.patch(one(booking), json={"ends_at": text(after(start, 765))}).expect(200)


@covers("C-22", "C-15", "C-13")
@fail_to_pass
def test_a_move_onto_another_booking_conflicts(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    other = book(api, room, rng, start, 60)
    booking = book(api, room, rng, after(start, 120), 60)
    change = {"starts_at": text(after(start, 59)), "title": word(rng)}
    error = refused(api.patch(one(booking), json=change), 409, "booking_conflict")
    assert [detail["booking_id"] for detail in error["details"]] == [other["id"]]
    assert read(api, booking) == booking


@covers("C-22")
@fail_to_pass
def test_a_booking_does_not_conflict_with_itself(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    booking = book(api, room, rng, start, 60)
    moved = api.patch(one(booking), json={"starts_at": text(after(start, 15)), "ends_at": text(after(start, 75))})
    assert moment(moved.expect(200).json()["starts_at"]) == after(start, 15)
    refused(api.post(BOOKINGS, json=body(room, rng, after(start, 60))), 409, "booking_conflict")
    book(api, room, rng, after(start, -60), 70)


@covers("C-12", "C-23", "C-37")
@fail_to_pass
def test_capacity_counts_when_attendees_are_sent(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng, capacity=8), day(rng)
    booking = book(api, room, rng, start, attendees=6)
    refused(api.patch(one(booking), json={"attendees": 9}), 422, "room_capacity_exceeded")
    api.patch(f"{ROOMS}/{room['id']}", json={"capacity": 4}).expect(200)
    assert read(api, booking) == booking
    title, later = word(rng), text(after(start, 90))
    changed = api.patch(one(booking), json={"title": title, "ends_at": later}).expect(200).json()
    assert (changed["title"], changed["attendees"]) == (title, 6)
    refused(api.patch(one(booking), json={"attendees": 6}), 422, "room_capacity_exceeded")
    assert api.patch(one(booking), json={"attendees": 4}).expect(200).json()["attendees"] == 4


@covers("C-24", "C-21")
@fail_to_pass
def test_cancelling_keeps_the_booking(api: Api, rng: Random) -> None:
    room = make_room(api, rng)
    booking = book(api, room, rng, day(rng), attendees=2, notes=word(rng))
    assert api.delete(one(booking)).expect(204).body == b""
    cancelled = read(api, booking)
    assert moment(cancelled["updated_at"]) > moment(booking["updated_at"])
    assert cancelled == booking | {"status": "cancelled", "updated_at": cancelled["updated_at"]}
    assert listed(api, room_id=room["id"])["items"] == [cancelled]


@covers("C-24")
@fail_to_pass
def test_cancelling_twice_changes_nothing(api: Api, rng: Random) -> None:
    booking = book(api, make_room(api, rng), rng, day(rng))
    api.delete(one(booking)).expect(204)
    cancelled = read(api, booking)
    assert api.delete(one(booking)).expect(204).body == b""
    assert read(api, booking) == cancelled


@covers("C-25")
@fail_to_pass
def test_a_cancelled_booking_cannot_be_changed(api: Api, rng: Random) -> None:
    booking = book(api, make_room(api, rng), rng, day(rng))
    api.delete(one(booking)).expect(204)
    cancelled = read(api, booking)
    for change in ({}, {"title": word(rng)}, {"ends_at": booking["ends_at"]}):
        refused(api.patch(one(booking), json=change), 409, "booking_cancelled")
    assert read(api, booking) == cancelled
