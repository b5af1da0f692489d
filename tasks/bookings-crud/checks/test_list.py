"""The list: pages, filters, window, order."""

from random import Random
from typing import Any

from support import (
    BOOKINGS,
    FIELDS,
    after,
    book,
    day,
    ids,
    invalid,
    listed,
    make_room,
    one,
    refused,
    text,
    unknown_id,
    word,
)

from graders.testkit import Api, covers, fail_to_pass


@covers("C-26", "C-01", "C-18")
@fail_to_pass
def test_a_page_holds_bookings_of_every_status(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    first, second = book(api, room, rng, start), book(api, room, rng, after(start, 120))
    api.delete(one(first)).expect(204)
    page = listed(api, room_id=room["id"])
    assert set(page) == {"items", "total", "limit", "offset"}
    assert all(set(item) == FIELDS for item in page["items"])
    assert [(item["id"], item["status"]) for item in page["items"]] == [
        (first["id"], "cancelled"), (second["id"], "confirmed"),
    ]  # fmt: skip
    assert page["items"][1] == second
    whole = api.get(BOOKINGS).expect(200).json()
    assert whole["total"] >= 2


@covers("C-26", "C-27")
@fail_to_pass
def test_pages_cover_all_matches_once(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    made = [book(api, room, rng, after(start, 90 * number)) for number in range(22)]
    page = listed(api, room_id=room["id"])
    assert (page["total"], page["limit"], page["offset"], len(page["items"])) == (22, 20, 0, 20)
    limit = rng.randint(3, 9)
    collected: list[str] = []
    for offset in range(0, 22, limit):
        page = listed(api, room_id=room["id"], limit=limit, offset=offset)
        assert (page["total"], page["limit"], page["offset"]) == (22, limit, offset)
        assert len(page["items"]) == min(limit, 22 - offset)
        collected += ids(page)
    assert collected == [booking["id"] for booking in made]
    beyond = listed(api, room_id=room["id"], limit=100, offset=1_000_000)
    assert (beyond["items"], beyond["total"]) == ([], 22)


@covers("C-28")
@fail_to_pass
def test_the_list_filters_by_room(api: Api, rng: Random) -> None:
    room, other, start = make_room(api, rng), make_room(api, rng), day(rng)
    mine = book(api, room, rng, start)
    book(api, other, rng, start)
    page = listed(api, room_id=room["id"])
    assert (ids(page), page["total"]) == ([mine["id"]], 1)
    nowhere = listed(api, room_id=unknown_id(rng))
    assert (nowhere["items"], nowhere["total"]) == ([], 0)


@covers("C-28")
@fail_to_pass
def test_the_list_filters_by_status(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    made = [book(api, room, rng, after(start, 90 * number)) for number in range(3)]
    gone = rng.choice(made)
    api.delete(one(gone)).expect(204)
    cancelled = listed(api, room_id=room["id"], status="cancelled")
    confirmed = listed(api, room_id=room["id"], status="confirmed")
    assert (ids(cancelled), cancelled["total"]) == ([gone["id"]], 1)
    assert (ids(confirmed), confirmed["total"]) == ([b["id"] for b in made if b != gone], 2)


@covers("C-28")
@fail_to_pass
def test_the_list_filters_by_organiser_as_a_whole(api: Api, rng: Random) -> None:
    room, start, name = make_room(api, rng), day(rng), word(rng)
    organisers = [f"É{name}_a", f"É{name}xa", f"É{name}_ab", f"É{name.upper()}_A", f"É{name}%"]
    made = [
        book(api, room, rng, after(start, 90 * number), organiser=organiser)
        for number, organiser in enumerate(organisers)
    ]
    same = [made[0]["id"], made[3]["id"]]
    for asked in (organisers[0], organisers[3], f"É{name.upper()}_a"):
        page = listed(api, organiser=asked)
        assert (ids(page), page["total"]) == (same, 2)
    assert ids(listed(api, organiser=organisers[4])) == [made[4]["id"]]
    assert ids(listed(api, organiser=f"É{name}")) == []


@covers("C-28")
@fail_to_pass
def test_filters_given_together_must_all_match(api: Api, rng: Random) -> None:
    room, other, start, organiser = make_room(api, rng), make_room(api, rng), day(rng), word(rng)
    wanted = book(api, room, rng, start, organiser=organiser)
    book(api, room, rng, after(start, 120))
    book(api, other, rng, start, organiser=organiser)
    late = book(api, room, rng, after(start, 600), organiser=organiser)
    gone = book(api, room, rng, after(start, 240), organiser=organiser)
    api.delete(one(gone)).expect(204)
    filters: dict[str, Any] = {"room_id": room["id"], "organiser": organiser, "status": "confirmed"}
    assert ids(listed(api, **filters)) == [wanted["id"], late["id"]]
    page = listed(api, **filters, to=text(after(start, 600)))
    assert (ids(page), page["total"]) == ([wanted["id"]], 1)


@covers("C-29")
@fail_to_pass
def test_the_window_keeps_what_overlaps_it(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    made = [book(api, room, rng, after(start, 90 * number))["id"] for number in range(5)]

    def window(**bounds: int) -> list[str]:
        return ids(listed(api, room_id=room["id"], **{name: text(after(start, at)) for name, at in bounds.items()}))

    assert window(from_=150) == made[2:]
    assert window(from_=149) == made[1:]
    assert window(to=180) == made[:2]
    assert window(to=181) == made[:3]
    assert window(from_=100, to=101) == made[1:2]
    assert window(from_=60, to=270) == made[1:3]
    assert window(from_=-600, to=6000) == made
    assert window(from_=420) == []


@covers("C-29")
@fail_to_pass
def test_the_window_takes_any_offset(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), after(day(rng), 720)
    made = [book(api, room, rng, after(start, 90 * number))["id"] for number in range(3)]
    east = text(after(start, 60 + 120)).replace("Z", "+02:00")
    west = text(after(start, 180 - 300)).replace("Z", "-05:00")
    page = listed(api, room_id=room["id"], from_=east, to=west)
    assert (ids(page), page["total"]) == (made[1:2], 1)


@covers("C-30")
@fail_to_pass
def test_a_window_that_ends_before_it_starts_is_refused(api: Api, rng: Random) -> None:
    start = day(rng)
    book(api, make_room(api, rng), rng, start)
    for minutes in (0, -1, -6000):
        bounds = {"from": text(start), "to": text(after(start, minutes))}
        refused(api.get(BOOKINGS, params=bounds), 422, "window_invalid")
    api.get(BOOKINGS, params={"from": text(start), "to": text(after(start, 1))}).expect(200)


@covers("C-31")
@fail_to_pass
def test_the_list_sorts_both_ways(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    offsets = [0, 90, 180, 270, 360]
    rng.shuffle(offsets)
    if offsets == sorted(offsets) or offsets == sorted(offsets, reverse=True):
        offsets[1], offsets[3], offsets[4] = offsets[3], offsets[4], offsets[1]
    made = [book(api, room, rng, after(start, offset))["id"] for offset in offsets]
    by_start = [booking for _, booking in sorted(zip(offsets, made, strict=True))]
    expected = {"starts_at": by_start, "-starts_at": by_start[::-1], "created_at": made, "-created_at": made[::-1]}
    for sort, order in expected.items():
        assert ids(listed(api, room_id=room["id"], sort=sort)) == order, f"sort={sort}"
    assert ids(listed(api, room_id=room["id"])) == by_start
    assert ids(listed(api, room_id=room["id"], sort="-starts_at", limit=2, offset=1)) == by_start[::-1][1:3]


@covers("C-31")
@fail_to_pass
def test_ties_are_ordered_by_id_under_every_sort(api: Api, rng: Random) -> None:
    start, organiser = day(rng), word(rng)
    tied = sorted(book(api, make_room(api, rng), rng, start, organiser=organiser)["id"] for _ in range(6))
    for sort in ("starts_at", "-starts_at"):
        assert ids(listed(api, organiser=organiser, sort=sort)) == tied, f"sort={sort}"
        pages = [ids(listed(api, organiser=organiser, sort=sort, limit=2, offset=at)) for at in (0, 2, 4)]
        assert [booking for page in pages for booking in page] == tied


@covers("C-32", "C-27", "C-28", "C-29", "C-31", "C-33")
@fail_to_pass
def test_parameters_out_of_their_range_are_named(api: Api, rng: Random) -> None:
    start = day(rng)
    book(api, make_room(api, rng), rng, start)
    wrong = [
        ("limit", "0"), ("limit", "101"), ("limit", "many"), ("limit", "1.5"),
        ("offset", "-1"), ("offset", "1000001"), ("offset", "x"),
        ("room_id", "7"), ("status", "open"), ("status", "CONFIRMED"),
        ("organiser", "x"), ("organiser", "é" * 81), ("organiser", "a\x00b"), ("organiser", "a\nb"),
        ("sort", "title"), ("sort", "+starts_at"), ("sort", "starts_at,created_at"),
        ("from", text(start)[:10]), ("from", text(start).rstrip("Z")), ("from", str(int(start.timestamp()))),
        ("to", "soon"), ("to", "9999-12-31T23:59:00-12:00"), ("to", text(start).replace(":00Z", ":30Z")),
    ]  # fmt: skip
    for name, value in wrong:
        invalid(api.get(BOOKINGS, params={name: value}), name)
    api.get(BOOKINGS, params={"limit": "100", "offset": "1000000"}).expect(200)
