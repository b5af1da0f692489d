"""Changing and deleting a notice."""

from random import Random

from support import (
    BRIEF,
    FRENCH,
    KINDS,
    MICROSECOND,
    NOTICES,
    board,
    body,
    ids,
    into,
    invalid,
    moment,
    nobody,
    one,
    publish,
    read,
    refused,
    says,
    some,
    sometime,
    text,
    translation,
    word,
)

from graders.testkit import Api, covers, fail_to_pass

WRONG_IDS = ("0", "-1", "2147483648", "99999999999999999999999", "one", "1.5", "1e3", "%20", "4f1c")


@covers("C-30", "C-12")
@fail_to_pass
def test_what_is_sent_changes_and_nothing_else(api: Api, rng: Random) -> None:
    for language, headers in (("en", None), ("fr", FRENCH)):
        notice, _ = some(api, rng, kind="announcement")
        notice = dict(api.get(one(notice), headers=headers).expect(200).json())
        start, end = moment(notice["publish_from"]), moment(notice["publish_until"])
        for change in (
            {"kind": "tender"},
            {"publish_from": text(start - BRIEF)},
            {"publish_until": text(end + BRIEF)},
            {"publish_until": None},
            {"kind": "closure", "publish_from": text(start), "publish_until": text(end)},
        ):
            reply = api.patch(one(notice), change, headers).expect(200)
            changed = reply.json()
            assert (reply.headers.get("content-language"), changed["language"]) == (language, language)
            label = {
                "tender": ("scheduled tender", "appel d'offres prévu"),
                "closure": ("scheduled closure", "fermeture prévue"),
            }
            notice = notice | change | {"label": label[changed["kind"]][language == "fr"]}
            assert changed == notice
            assert api.get(one(notice), headers=headers).expect(200).json() == notice


@covers("C-30")
@fail_to_pass
def test_an_empty_object_changes_nothing(api: Api, rng: Random) -> None:
    for end in (True, False):
        start = sometime(rng)
        notice = publish(api, body(rng, start, start + BRIEF if end else None, kind=rng.choice(KINDS)))
        assert api.patch(one(notice), {}).expect(200).json() == notice
        assert read(api, notice) == notice
        if not end:
            api.delete(one(notice)).expect(204)


@covers("C-30", "C-03")
@fail_to_pass
def test_a_change_shows_on_the_board_at_once(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng, kind="bylaw")
    later = sometime(rng)
    api.patch(one(notice), {"publish_until": None}).expect(200)
    api.patch(one(notice), {"publish_from": text(later)}).expect(200)
    api.patch(one(notice), {"publish_until": text(later + MICROSECOND)}).expect(200)
    assert ids(board(api, later)) == [notice["id"]]
    assert ids(board(api, later + MICROSECOND)) == []
    assert ids(board(api, moment(notice["publish_from"]))) == []


@covers("C-30", "C-41")
@fail_to_pass
def test_other_fields_and_nulls_are_refused(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng)
    for field in ("id", "status", "label", "language", "translations", "title", "created_at", "updated_at", word(rng)):
        invalid(api.patch(one(notice), {field: {}, "kind": "tender"}), field)
    invalid(api.patch(one(notice), {"kind": None}), "kind")
    invalid(api.patch(one(notice), {"publish_from": None}), "publish_from")
    for wrong in ("any", "", 3, ["bylaw"]):
        invalid(api.patch(one(notice), {"kind": wrong}), "kind")
    start = moment(notice["publish_from"])
    seconds, naive = int(start.timestamp()), start.replace(tzinfo=None)
    wrong_times = (seconds, str(seconds), naive.date().isoformat(), naive.isoformat(), "2100-01-01T00:00:00.000001Z")
    for wrong in wrong_times:
        invalid(api.patch(one(notice), {"publish_from": wrong}), "publish_from")
        invalid(api.patch(one(notice), {"publish_until": wrong}), "publish_until")
    for whole in ([], "kind", 1):
        invalid(api.patch(one(notice), whole), "body")
    assert read(api, notice) == notice


@covers("C-30", "C-19", "C-42")
@fail_to_pass
def test_the_window_that_results_must_be_one(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng)
    start, end = moment(notice["publish_from"]), moment(notice["publish_until"])
    for change in (
        {"publish_from": text(end)},
        {"publish_from": text(end + MICROSECOND)},
        {"publish_until": text(start)},
        {"publish_until": text(start - MICROSECOND), "kind": "closure"},
        {"publish_from": text(end + 2 * BRIEF), "publish_until": text(end + BRIEF)},
    ):
        message = "The publication must end after it starts."
        says(api.patch(one(notice), change), 422, "window_invalid", message, "en")
        refused(api.patch(f"{NOTICES}/{nobody(rng)}", change), 404, "notice_not_found")
        assert read(api, notice) == notice
    french = api.patch(one(notice), {"publish_from": text(end)}, FRENCH)
    says(french, 422, "window_invalid", "La publication doit finir après son début.", "fr")
    invalid(api.patch(one(notice), {"publish_from": text(end), "kind": "x"}), "kind")
    api.patch(one(notice), {"publish_from": text(end - MICROSECOND)}).expect(200)
    api.patch(one(notice), {"publish_from": text(end + BRIEF), "publish_until": text(end + 2 * BRIEF)}).expect(200)
    assert moment(read(api, notice)["publish_from"]) == end + BRIEF


@covers("C-30", "C-43")
@fail_to_pass
def test_two_changes_at_once_leave_a_window(api: Api, rng: Random) -> None:
    for _ in range(6):
        notice, _ = some(api, rng)
        start, end = moment(notice["publish_from"]), moment(notice["publish_until"])
        middle = start + BRIEF / 2
        late = {"publish_from": text(middle + MICROSECOND)}
        early = {"publish_until": text(middle)}
        replies = api.together([lambda: api.patch(one(notice), late), lambda: api.patch(one(notice), early)])  # noqa: B023
        assert sorted(reply.status for reply in replies) == [200, 422]
        left = read(api, notice)
        assert moment(left["publish_from"]) < moment(left["publish_until"]) <= end


@covers("C-31", "C-20")
@fail_to_pass
def test_a_deleted_notice_is_gone(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng)
    kept, _ = some(api, rng)
    at = moment(notice["publish_from"])
    assert ids(board(api, at)) == [notice["id"]]
    reply = api.delete(one(notice)).expect(204)
    assert reply.body == b""
    for answer in (
        api.get(one(notice)),
        api.patch(one(notice), {}),
        api.delete(one(notice)),
        api.put(into(notice, "en"), translation(rng)),
        api.delete(into(notice, "en")),
    ):
        refused(answer, 404, "notice_not_found")
    assert ids(board(api, at)) == []
    assert read(api, kept) == kept


@covers("C-20", "C-41")
@fail_to_pass
def test_unknown_notices_are_not_found(api: Api, rng: Random) -> None:
    for number in (nobody(rng), 2_147_483_647):
        path = f"{NOTICES}/{number}"
        for reply in (api.get(path), api.patch(path, {"kind": "bylaw"}), api.delete(path)):
            says(reply, 404, "notice_not_found", "This notice does not exist.", "en")


@covers("C-20")
@fail_to_pass
def test_what_is_no_id_is_refused(api: Api, rng: Random) -> None:
    for wrong in (*WRONG_IDS, word(rng)):
        path = f"{NOTICES}/{wrong}"
        for reply in (api.get(path), api.patch(path, {"kind": "bylaw"}), api.delete(path)):
            invalid(reply, "notice_id")
