"""Conflicts, one after the other and at once, and which of several errors answers."""

from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from threading import Barrier
from typing import Any

from support import BOOKINGS, after, body, book, day, listed, make_room, moment, one, read, refused, text, unknown_id

from graders.testkit import Api, Reply, covers, fail_to_pass

WRITERS = 8
ROUNDS = 8
MOVERS = 6
MOVES = 4


@covers("C-13")
@fail_to_pass
def test_every_kind_of_overlap_conflicts(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), after(day(rng), rng.randrange(600))
    book(api, room, rng, start, 120)
    for offset, minutes in ((0, 120), (30, 60), (-60, 300), (-60, 61), (119, 60), (0, 30), (90, 30)):
        reply = api.post(BOOKINGS, json=body(room, rng, after(start, offset), minutes))
        refused(reply, 409, "booking_conflict")
    assert listed(api, room_id=room["id"])["total"] == 1


@covers("C-13")
@fail_to_pass
def test_bookings_back_to_back_do_not_conflict(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), after(day(rng), rng.randrange(600))
    book(api, room, rng, start, 60)
    book(api, room, rng, after(start, 60), 30)
    book(api, room, rng, after(start, -45), 45)
    assert listed(api, room_id=room["id"])["total"] == 3


@covers("C-13")
@fail_to_pass
def test_overlap_is_decided_on_instants_not_on_texts(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), after(day(rng), 600)
    book(api, room, rng, start, 60)
    shifted = text(start).replace("Z", "+02:00"), text(after(start, 60)).replace("Z", "+02:00")
    free = api.post(BOOKINGS, json=body(room, rng, start, starts_at=shifted[0], ends_at=shifted[1])).expect(201).json()
    assert moment(free["starts_at"]) == after(start, -120)
    refused(api.post(BOOKINGS, json=body(room, rng, after(start, -120))), 409, "booking_conflict")


@covers("C-14")
@fail_to_pass
def test_other_rooms_and_cancelled_bookings_do_not_conflict(api: Api, rng: Random) -> None:
    room, other, start = make_room(api, rng), make_room(api, rng), day(rng)
    first = book(api, room, rng, start)
    book(api, other, rng, start)
    api.delete(one(first)).expect(204)
    second = book(api, room, rng, start)
    assert second["id"] != first["id"]


@covers("C-15")
@fail_to_pass
def test_a_conflict_lists_what_is_overlapped(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    offsets = [0, 90, 180, 270, 360]
    made: dict[int, dict[str, Any]] = {}
    for offset in rng.sample(offsets, len(offsets)):
        made[offset] = book(api, room, rng, after(start, offset))
    api.delete(one(made[180])).expect(204)
    error = refused(api.post(BOOKINGS, json=body(room, rng, after(start, 30), 270)), 409, "booking_conflict")
    assert [set(detail) for detail in error["details"]] == [{"booking_id", "starts_at", "ends_at"}] * 3
    assert [detail["booking_id"] for detail in error["details"]] == [made[offset]["id"] for offset in (0, 90, 270)]
    for detail, offset in zip(error["details"], (0, 90, 270), strict=True):
        assert moment(detail["starts_at"]) == after(start, offset)
        assert moment(detail["ends_at"]) == after(start, offset + 60)


def posting(api: Api, sent: object) -> Callable[[], Reply]:
    return lambda: api.post(BOOKINGS, json=sent)


def patching(api: Api, booking: Mapping[str, Any], sent: object) -> Callable[[], Reply]:
    return lambda: api.patch(one(booking), json=sent)


def at_once(api: Api, calls: list[Callable[[], Reply]]) -> list[Reply]:
    """All calls, let go at the same moment: threads that merely start one after the other rarely meet."""
    gate = Barrier(len(calls))

    def through(call: Callable[[], Reply]) -> Reply:
        gate.wait(10)
        return call()

    return api.together([partial(through, call) for call in calls])


def one_wins(api: Api, calls: list[Callable[[], Reply]], success: int) -> None:
    replies = at_once(api, calls)
    assert sorted(reply.status for reply in replies) == sorted([success] + [409] * (len(calls) - 1))
    for reply in replies:
        if reply.status == 409:
            refused(reply, 409, "booking_conflict")


@covers("C-16")
@fail_to_pass
def test_of_many_creations_at_once_exactly_one_wins(api: Api, rng: Random) -> None:
    for _ in range(ROUNDS):
        room, start = make_room(api, rng), day(rng)
        bodies = [body(room, rng, after(start, number), 60) for number in range(WRITERS)]
        one_wins(api, [posting(api, sent) for sent in bodies], 201)
        assert listed(api, room_id=room["id"])["total"] == 1


@covers("C-16", "C-22")
@fail_to_pass
def test_of_many_moves_at_once_exactly_one_wins(api: Api, rng: Random) -> None:
    for _ in range(MOVES):
        room, start = make_room(api, rng), day(rng)
        made = [book(api, room, rng, after(start, 90 * number)) for number in range(MOVERS)]
        goal = after(start, 3000)
        sent = {"starts_at": text(goal), "ends_at": text(after(goal, 60))}
        one_wins(api, [patching(api, booking, sent) for booking in made], 200)
        moved = [booking for booking in made if moment(read(api, booking)["starts_at"]) == goal]
        assert len(moved) == 1


@covers("C-16", "C-22")
@fail_to_pass
def test_of_creations_and_moves_at_once_exactly_one_wins(api: Api, rng: Random) -> None:
    for _ in range(MOVES):
        room, start = make_room(api, rng), day(rng)
        made = [book(api, room, rng, after(start, 90 * number)) for number in range(MOVERS // 2)]
        goal = after(start, 3000)
        sent = {"starts_at": text(goal), "ends_at": text(after(goal, 60))}
        calls = [patching(api, booking, sent) for booking in made]
        calls += [posting(api, body(room, rng, after(goal, 15))) for _ in made]
        statuses = [reply.status for reply in at_once(api, calls)]
        assert len([status for status in statuses if status in (200, 201)]) == 1, f"statuses: {statuses}"
        assert statuses.count(409) == len(calls) - 1, f"statuses: {statuses}"
        window = listed(api, room_id=room["id"], from_=text(goal), to=text(after(goal, 75)))
        assert window["total"] == 1


@covers("C-16")
@fail_to_pass
def test_creations_at_once_that_do_not_overlap_all_win(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    bodies = [body(room, rng, after(start, 90 * number)) for number in range(WRITERS)]
    replies = at_once(api, [posting(api, sent) for sent in bodies])
    assert [reply.status for reply in replies] == [201] * WRITERS


@covers("C-17")
@fail_to_pass
def test_the_first_broken_rule_of_a_creation_answers(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng, capacity=4), day(rng)
    nowhere = {"id": unknown_id(rng)}
    book(api, room, rng, start)
    refused(api.post(BOOKINGS, json=body(nowhere, rng, start, -60, title="")), 422, "validation_error")
    refused(api.post(BOOKINGS, json=body(nowhere, rng, start, -60, attendees=9)), 422, "booking_period_invalid")
    refused(api.post(BOOKINGS, json=body(room, rng, start, 5, attendees=9)), 422, "booking_period_invalid")
    refused(api.post(BOOKINGS, json=body(nowhere, rng, start, attendees=9)), 404, "room_not_found")
    refused(api.post(BOOKINGS, json=body(room, rng, start, attendees=9)), 422, "room_capacity_exceeded")


@covers("C-17", "C-25")
@fail_to_pass
def test_the_first_broken_rule_of_a_change_answers(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng, capacity=4), day(rng)
    book(api, room, rng, start)
    booking = book(api, room, rng, after(start, 120))
    short = {"ends_at": booking["starts_at"]}
    nothing = f"{BOOKINGS}/{unknown_id(rng)}"
    refused(api.patch(nothing, json={"title": ""}), 422, "validation_error")
    refused(api.patch(nothing, json={"attendees": 9}), 404, "booking_not_found")
    refused(api.patch(one(booking), json=short | {"attendees": 9}), 422, "booking_period_invalid")
    overlap = {"starts_at": text(start), "attendees": 9}
    refused(api.patch(one(booking), json=overlap), 422, "room_capacity_exceeded")
    api.delete(one(booking)).expect(204)
    refused(api.patch(one(booking), json={"status": "confirmed"}), 422, "validation_error")
    refused(api.patch(one(booking), json=short), 409, "booking_cancelled")
