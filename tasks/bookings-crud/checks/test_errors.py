"""Errors: their languages, and that nothing a client sends breaks the service."""

from random import Random

from support import BOOKINGS, after, body, book, day, listed, make_room, one, refused, text, unknown_id, word

from graders.testkit import Api, Reply, covers, fail_to_pass

FRENCH = {"Accept-Language": "fr"}


def says(reply: Reply, status: int, code: str, message: str, language: str) -> None:
    assert refused(reply, status, code)["message"] == message
    assert reply.headers.get("content-language") == language


@covers("C-34", "C-33")
@fail_to_pass
def test_simple_errors_speak_english_and_french(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    booking = book(api, room, rng, start)
    path, short = f"{BOOKINGS}/{unknown_id(rng)}", body(room, rng, start, 5)
    gone = "This booking does not exist.", "Cette réservation n'existe pas."
    period = "A booking lasts from 15 minutes to 12 hours.", "Une réservation dure de 15 minutes à 12 heures."
    window = "The window must end after it starts.", "La fenêtre doit finir après son début."
    cancelled = (
        "This booking is cancelled and cannot be changed.",
        "Cette réservation est annulée et ne peut plus être modifiée.",
    )
    bounds = {"from": text(start), "to": text(start)}
    api.delete(one(booking)).expect(204)
    for index, (language, headers) in enumerate((("en", None), ("fr", FRENCH))):
        says(api.get(path, headers=headers), 404, "booking_not_found", gone[index], language)
        says(api.post(BOOKINGS, short, headers), 422, "booking_period_invalid", period[index], language)
        says(api.get(BOOKINGS, bounds, headers), 422, "window_invalid", window[index], language)
        says(api.patch(one(booking), {}, headers), 409, "booking_cancelled", cancelled[index], language)


@covers("C-34")
@fail_to_pass
def test_conflict_messages_have_plurals_in_both_languages(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    count = rng.randint(2, 5)
    for number in range(count):
        book(api, room, rng, after(start, 45 * number), 30)
    single, several = body(room, rng, start, 30), body(room, rng, start, 45 * count)
    english = "This overlaps 1 other booking.", f"This overlaps {count} other bookings."
    french = "Ce créneau chevauche 1 autre réservation.", f"Ce créneau chevauche {count} autres réservations."
    for sent, plain, translated in ((single, english[0], french[0]), (several, english[1], french[1])):
        says(api.post(BOOKINGS, sent), 409, "booking_conflict", plain, "en")
        says(api.post(BOOKINGS, sent, FRENCH), 409, "booking_conflict", translated, "fr")


@covers("C-34", "C-12")
@fail_to_pass
def test_capacity_messages_have_plurals_in_both_languages(api: Api, rng: Random) -> None:
    seats, start = rng.randint(2, 90), day(rng)
    single, large = make_room(api, rng, capacity=1), make_room(api, rng, capacity=seats)
    book(api, single, rng, start)
    expected = [
        (single, 1, "This room seats at most 1 person.", "Cette salle accueille au plus 1 personne."),
        (large, seats, f"This room seats at most {seats} people.", f"Cette salle accueille au plus {seats} personnes."),
    ]
    for room, capacity, english, french in expected:
        sent = body(room, rng, after(start, 600), attendees=capacity + 1)
        says(api.post(BOOKINGS, sent), 422, "room_capacity_exceeded", english, "en")
        says(api.post(BOOKINGS, sent, FRENCH), 422, "room_capacity_exceeded", french, "fr")


@covers("C-34")
@fail_to_pass
def test_errors_that_rooms_had_keep_their_texts(api: Api, rng: Random) -> None:
    start = day(rng)
    book(api, make_room(api, rng), rng, start)
    nowhere = body({"id": unknown_id(rng)}, rng, start)
    says(api.post(BOOKINGS, nowhere), 404, "room_not_found", "This room does not exist.", "en")
    says(api.post(BOOKINGS, nowhere, FRENCH), 404, "room_not_found", "Cette salle n'existe pas.", "fr")
    says(api.post(BOOKINGS, {}), 422, "validation_error", "The request is not valid.", "en")
    says(api.post(BOOKINGS, {}, FRENCH), 422, "validation_error", "La requête n'est pas valide.", "fr")


@covers("C-34", "C-01")
@fail_to_pass
def test_the_language_is_negotiated_and_keys_stay_english(api: Api, rng: Random) -> None:
    booking = book(api, make_room(api, rng), rng, day(rng))
    path = f"{BOOKINGS}/{unknown_id(rng)}"
    for header, language in (
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en;q=0.3, fr;q=0.7", "fr"),
        ("en-GB, fr;q=0.3", "en"),
        ("de", "en"),
    ):
        reply = api.get(path, headers={"Accept-Language": header})
        refused(reply, 404, "booking_not_found")
        assert reply.headers.get("content-language") == language, header
    assert api.get(one(booking), headers=FRENCH).expect(200).json() == booking


@covers("C-35")
@fail_to_pass
def test_malformed_bodies_never_break_the_service(api: Api, rng: Random) -> None:
    room, start = make_room(api, rng), day(rng)
    booking = book(api, room, rng, start)
    later = after(start, 600)
    bodies = [
        body(room, rng, later, title=f"a\ud800{word(rng)}"),
        body(room, rng, later, notes="\udfff"),
        body(room, rng, later, **{"\ud800": 1}),
        body(room, rng, later, starts_at="2040-13-45T99:99:00Z"),
        body(room, rng, later, starts_at="2040-02-30T09:00:00Z"),
        body(room, rng, later, ends_at=f"2040-02-03T09:00:00+{99}:{99}"),
        body(room, rng, later, title={"a": [1]}, organiser=None, room_id=[]),
    ]
    for sent in bodies:
        refused(api.post(BOOKINGS, json=sent), 422, "validation_error")
    crowd = body(room, rng, later, attendees=10**30)
    refused(api.post(BOOKINGS, json=crowd), 422, "room_capacity_exceeded")
    json_type = {"content-type": "application/json"}
    for content in (b"", b"\xff\xfe", b"{", b'{"title": NaN}', b'{"attendees": 1e999}', b'"' + b"a" * 5000):
        for method, path in (("POST", BOOKINGS), ("PATCH", one(booking))):
            reply = api.request(method, path, content=content, headers=json_type)
            assert 400 <= reply.status < 500, f"{reply.request}: {reply.status} for {content[:20]!r}"
            assert set(reply.json()["error"]) == {"code", "message", "details"}
    assert listed(api, room_id=room["id"])["items"] == [booking]
