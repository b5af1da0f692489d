"""Rooms: what bookings add to them, and what stays."""

from random import Random

from support import BOOKINGS, ROOMS, after, book, day, invalid, make_room, moment, one, read, refused, unknown_id, word

from graders.testkit import Api, covers, fail_to_pass, pass_to_pass


@covers("C-36", "C-34")
@fail_to_pass
def test_a_room_with_a_confirmed_booking_is_kept(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    booking = book(api, room, rng, start)
    cancelled = book(api, room, rng, after(start, 120))
    api.delete(one(cancelled)).expect(204)
    error = refused(api.delete(f"{ROOMS}/{room['id']}"), 409, "room_in_use")
    assert error["message"] == "This room still has confirmed bookings."
    french = api.delete(f"{ROOMS}/{room['id']}", headers={"Accept-Language": "fr"})
    assert refused(french, 409, "room_in_use")["message"] == "Cette salle a encore des réservations confirmées."
    assert api.get(f"{ROOMS}/{room['id']}").expect(200).json() == room
    assert read(api, booking) == booking
    assert read(api, cancelled)["status"] == "cancelled"


@covers("C-36")
@fail_to_pass
def test_a_booking_of_the_past_keeps_its_room_too(api: Api, rng: Random) -> None:
    room = make_room(api, rng)
    book(api, room, rng, day(rng).replace(year=2001, day=1))
    refused(api.delete(f"{ROOMS}/{room['id']}"), 409, "room_in_use")


@covers("C-36")
@fail_to_pass
def test_a_room_with_cancelled_bookings_is_deleted_with_them(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    made = [book(api, room, rng, after(start, 120 * number)) for number in range(2)]
    for booking in made:
        api.delete(one(booking)).expect(204)
    api.delete(f"{ROOMS}/{room['id']}").expect(204)
    refused(api.get(f"{ROOMS}/{room['id']}"), 404, "room_not_found")
    for booking in made:
        refused(api.get(one(booking)), 404, "booking_not_found")


@covers("C-37")
@fail_to_pass
def test_a_smaller_capacity_leaves_bookings_alone(api: Api, rng: Random) -> None:
    room = make_room(api, rng, capacity=10)
    booking = book(api, room, rng, day(rng), attendees=10)
    assert api.patch(f"{ROOMS}/{room['id']}", json={"capacity": 1}).expect(200).json()["capacity"] == 1
    assert read(api, booking) == booking


@covers("C-38")
@fail_to_pass
def test_the_served_document_lists_the_operations(api: Api) -> None:
    paths = api.get("/openapi.json").expect(200).json()["paths"]
    assert {"get", "post"} <= set(paths.get(BOOKINGS, {}))
    assert {"get", "patch", "delete"} <= set(paths.get(f"{BOOKINGS}/{{booking_id}}", {}))


@covers("C-39")
@pass_to_pass
def test_health_answers(api: Api) -> None:
    assert api.get("/health").expect(200).json() == {"status": "ok"}


@covers("C-39")
@pass_to_pass
def test_rooms_are_created_and_read(api: Api, rng: Random) -> None:
    name = word(rng)
    reply = api.post(ROOMS, json={"name": f" {name} ", "building": "Sud", "floor": 3, "capacity": 12})
    room = reply.expect(201).json()
    assert set(room) == {"id", "name", "building", "floor", "capacity", "equipment", "created_at", "updated_at"}
    assert (room["name"], room["capacity"], room["equipment"]) == (name, 12, [])
    assert reply.headers["location"] == f"{ROOMS}/{room['id']}"
    assert api.get(f"{ROOMS}/{room['id']}").expect(200).json() == room


@covers("C-39")
@pass_to_pass
def test_rooms_change_and_go(api: Api, rng: Random) -> None:
    room = make_room(api, rng)
    changed = api.patch(f"{ROOMS}/{room['id']}", json={"floor": 7, "equipment": ["screen"]}).expect(200).json()
    assert moment(changed["updated_at"]) > moment(room["updated_at"])
    assert changed == room | {"floor": 7, "equipment": ["screen"], "updated_at": changed["updated_at"]}
    assert api.delete(f"{ROOMS}/{room['id']}").expect(204).body == b""
    refused(api.get(f"{ROOMS}/{room['id']}"), 404, "room_not_found")


@covers("C-39")
@pass_to_pass
def test_rooms_are_listed_by_name_in_pages(api: Api, rng: Random) -> None:
    building = word(rng)
    names = sorted(word(rng) for _ in range(3))
    for name in rng.sample(names, 3):
        make_room(api, rng, name=name, building=building)
    page = api.get(ROOMS, params={"building": building, "limit": 2, "offset": 1}).expect(200).json()
    assert [room["name"] for room in page["items"]] == names[1:]
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 1)


@covers("C-39")
@pass_to_pass
def test_rooms_refuse_what_they_refused(api: Api, rng: Random) -> None:
    room = make_room(api, rng)
    again = {"name": room["name"], "building": "Sud", "floor": 0, "capacity": 2}
    refused(api.post(ROOMS, json=again), 409, "room_name_taken")
    invalid(api.post(ROOMS, json=again | {"capacity": 0}), "capacity")
    invalid(api.post(ROOMS, json=again | {"id": unknown_id(rng)}), "id")
    invalid(api.patch(f"{ROOMS}/{room['id']}", json={"name": "a\x00b"}), "name")
    nothing = f"{ROOMS}/{unknown_id(rng)}"
    french = api.delete(nothing, headers={"Accept-Language": "fr"})
    assert refused(french, 404, "room_not_found")["message"] == "Cette salle n'existe pas."
    refused(api.get("/api/v1/nothing"), 404, "not_found")
