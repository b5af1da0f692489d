"""Writing a notice: what is answered, what is stored, what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from support import (
    BRIEF,
    FIELDS,
    FRENCH,
    KINDS,
    MICROSECOND,
    NOTICES,
    body,
    everything,
    hours,
    invalid,
    moment,
    now,
    one,
    publish,
    read,
    refused,
    says,
    some,
    sometime,
    text,
    translation,
    within,
    word,
)

from graders.testkit import Api, covers, fail_to_pass

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)


@covers("C-14", "C-01", "C-12")
@fail_to_pass
def test_a_notice_is_answered_and_stored(api: Api, rng: Random) -> None:
    start = sometime(rng)
    sent = body(rng, start, start + BRIEF, kind=rng.choice(KINDS))
    reply = api.post(NOTICES, json=sent).expect(201)
    notice = reply.json()
    assert set(notice) == FIELDS
    assert isinstance(notice["id"], int)
    assert reply.headers.get("location") == f"/api/notices/{notice['id']}"
    assert reply.headers.get("content-language") == "en"
    assert (notice["kind"], notice["status"]) == (sent["kind"], "scheduled")
    assert (notice["language"], notice["languages"]) == ("en", ["en", "fr"])
    assert {"title": notice["title"], "body": notice["body"]} == sent["translations"]["en"]
    assert (moment(notice["publish_from"]), moment(notice["publish_until"])) == (start, start + BRIEF)
    assert read(api, notice) == notice


@covers("C-14", "C-12", "C-04")
@fail_to_pass
def test_the_answer_is_in_the_chosen_language(api: Api, rng: Random) -> None:
    start = sometime(rng)
    sent = body(rng, start, start + BRIEF)
    reply = api.post(NOTICES, json=sent, headers=FRENCH).expect(201)
    notice = reply.json()
    assert (reply.headers.get("content-language"), notice["language"]) == ("fr", "fr")
    assert (notice["title"], notice["label"]) == (sent["translations"]["fr"]["title"], "annonce prévue")
    asked = api.request("POST", f"{NOTICES}?lang=en", json=sent, headers=FRENCH).expect(201)
    assert (asked.headers.get("content-language"), asked.json()["language"]) == ("en", "en")


@covers("C-14")
@fail_to_pass
def test_the_end_may_be_left_out_or_null(api: Api, rng: Random) -> None:
    start = datetime(2099, 12, 31, tzinfo=UTC) + timedelta(seconds=rng.randrange(80_000))
    for end in ("left out", None):
        sent = body(rng, start, None)
        if end:
            sent.pop("publish_until")
        notice = publish(api, sent)
        assert (notice["publish_until"], notice["status"]) == (None, "scheduled")
        assert read(api, notice) == notice


@covers("C-14", "C-18")
@fail_to_pass
def test_required_fields_are_required(api: Api, rng: Random) -> None:
    start = sometime(rng)
    sent = body(rng, start, start + BRIEF)
    for field in ("kind", "publish_from", "translations"):
        invalid(api.post(NOTICES, json={name: value for name, value in sent.items() if name != field}), field)
        invalid(api.post(NOTICES, json=sent | {field: None}), field)
    invalid(api.post(NOTICES, json={}), "kind", "publish_from", "translations")


@covers("C-01", "C-18")
@fail_to_pass
def test_there_are_four_kinds(api: Api, rng: Random) -> None:
    start = sometime(rng)
    for kind in KINDS:
        notice = publish(api, body(rng, start, start + BRIEF, kind=kind))
        assert notice["kind"] == kind
    for kind in ("notice", "any", "all", "Closure", "", 1, ["bylaw"], word(rng)):
        invalid(api.post(NOTICES, json=body(rng, start, start + BRIEF, kind=kind)), "kind")


@covers("C-15")
@fail_to_pass
def test_one_language_is_enough(api: Api, rng: Random) -> None:
    for language in ("en", "fr"):
        notice, sent = some(api, rng, (language,))
        assert (notice["language"], notice["languages"]) == (language, [language])
        assert notice["title"] == sent["translations"][language]["title"]
    for languages in (("fr", "en"), ("en", "fr")):
        assert some(api, rng, languages)[0]["languages"] == ["en", "fr"]


@covers("C-15", "C-18", "C-41")
@fail_to_pass
def test_translations_are_in_our_languages_and_whole(api: Api, rng: Random) -> None:
    start, before = sometime(rng), everything(api)
    whole = translation(rng)
    for wrong in (None, {}, [], [whole], "en", {"de": whole}, {"en": whole, "de": whole}, {"EN": whole}, {"": whole}):
        within(api.post(NOTICES, json=body(rng, start, start + BRIEF, translations=wrong)), "translations")
    for wrong in (None, [], "title", 1):
        within(
            api.post(NOTICES, json=body(rng, start, start + BRIEF, translations={"fr": whole, "en": wrong})),
            "translations.en",
        )
    for field in ("title", "body"):
        half = {name: value for name, value in whole.items() if name != field}
        for translations in ({"en": whole, "fr": half}, {"fr": whole | {field: None}}, {"fr": whole | {field: 5}}):
            sent = body(rng, start, start + BRIEF, translations=translations)
            invalid(api.post(NOTICES, json=sent), f"translations.fr.{field}")
    more = {"en": whole | {"author": word(rng)}}
    invalid(api.post(NOTICES, json=body(rng, start, start + BRIEF, translations=more)), "translations.en.author")
    assert everything(api) == before


def _taken(api: Api, rng: Random, field: str, value: str) -> str:
    """What is stored of a title or a body."""
    start = sometime(rng)
    sent = body(rng, start, start + BRIEF, ("en",))
    sent["translations"]["en"][field] = value
    return str(read(api, publish(api, sent))[field])


def _refused(api: Api, rng: Random, field: str, value: Any) -> None:
    start = sometime(rng)
    sent = body(rng, start, start + BRIEF, ("fr",))
    sent["translations"]["fr"][field] = value
    invalid(api.post(NOTICES, json=sent), f"translations.fr.{field}")


@covers("C-16")
@fail_to_pass
def test_a_title_has_1_to_120_characters(api: Api, rng: Random) -> None:
    for title in ("é", word(rng, 119) + "É", "界" * 120, "𝄞" * 120, "a b", "« L'été »", "<b>&amp;"):
        assert _taken(api, rng, "title", title) == title
    assert _taken(api, rng, "title", "  " + "t" * 120 + " \n\t") == "t" * 120
    for title in ("", " ", " \t\n ", "t" * 121, "é" * 121):
        _refused(api, rng, "title", title)


@covers("C-16")
@fail_to_pass
def test_a_title_has_no_control_character(api: Api, rng: Random) -> None:
    for character in "\x00\x01\t\n\r\x0b\x1b\x1f\x7f":
        _refused(api, rng, "title", f"a{character}b")
    for character in "\x20\x7e\x80\xa0":
        assert _taken(api, rng, "title", f"a{character}b") == f"a{character}b"


@covers("C-16")
@fail_to_pass
def test_a_body_has_1_to_4000_characters(api: Api, rng: Random) -> None:
    for value in ("b", "é" * 4000, "𝄞" * 4000):
        assert _taken(api, rng, "body", value) == value
    assert _taken(api, rng, "body", "\n " + "b" * 4000 + "\t \r\n") == "b" * 4000
    for value in ("", " \n ", "b" * 4001, "é" * 4001):
        _refused(api, rng, "body", value)


@covers("C-16")
@fail_to_pass
def test_a_body_has_lines_and_tabs_and_no_other_control_character(api: Api, rng: Random) -> None:
    assert _taken(api, rng, "body", "a\tb\nc\r\nd") == "a\tb\nc\r\nd"
    for character in "\x00\x01\x08\x0b\x0c\x0e\x1b\x1f\x7f":
        _refused(api, rng, "body", f"a{character}b")
    for character in "\x20\x7e\x80\xa0":
        assert _taken(api, rng, "body", f"a{character}b") == f"a{character}b"


@covers("C-02", "C-17")
@fail_to_pass
def test_times_are_answered_in_utc(api: Api, rng: Random) -> None:
    for minutes in (0, 60, 120, -210, 345):
        start = sometime(rng).astimezone(timezone(timedelta(minutes=minutes)))
        notice = publish(api, body(rng, start, start + BRIEF))
        stored = read(api, notice)
        assert moment(notice["publish_from"]) == moment(stored["publish_from"]) == start
        assert moment(notice["publish_until"]) == moment(stored["publish_until"]) == start + BRIEF
    odd = sometime(rng).replace(microsecond=rng.randrange(1, 1_000_000))
    notice = publish(api, body(rng, odd, odd + MICROSECOND))
    assert moment(read(api, notice)["publish_from"]) == odd
    assert moment(read(api, notice)["publish_until"]) == odd + MICROSECOND


@covers("C-17")
@fail_to_pass
def test_times_are_of_this_century(api: Api, rng: Random) -> None:
    zone = timezone(timedelta(hours=1))
    for start, end in ((FIRST, FIRST + MICROSECOND), (LAST - MICROSECOND, LAST), (LAST.astimezone(zone), None)):
        notice = publish(api, body(rng, start, end))
        assert moment(notice["publish_from"]) == start
        api.delete(one(notice)).expect(204)
    early, late = FIRST - MICROSECOND, LAST + MICROSECOND
    for wrong in (early, late, FIRST.replace(hour=0, minute=30, tzinfo=zone)):
        invalid(api.post(NOTICES, json=body(rng, wrong, wrong + BRIEF)), "publish_from")
    invalid(api.post(NOTICES, json=body(rng, sometime(rng), late)), "publish_until")
    invalid(api.post(NOTICES, json=body(rng, FIRST, early)), "publish_until")


@covers("C-17", "C-18")
@fail_to_pass
def test_times_have_a_date_a_time_and_an_offset(api: Api, rng: Random) -> None:
    start = sometime(rng)
    seconds = int(start.timestamp())
    wrong = [
        seconds, seconds + 0.5, str(seconds), str(seconds * 1000), f"{seconds}.5", start.date().isoformat(),
        start.replace(tzinfo=None).isoformat(), start.time().isoformat() + "Z", "", "tomorrow", True, [text(start)],
        "2040-02-30T09:00:00Z", "2040-01-01T25:00:00Z", "2040-01-01T09:61:00Z", f"{text(start)} or so",
    ]  # fmt: skip
    for value in wrong:
        invalid(api.post(NOTICES, json=body(rng, start, start + BRIEF, publish_from=value)), "publish_from")
        invalid(api.post(NOTICES, json=body(rng, start, start + BRIEF, publish_until=value)), "publish_until")


@covers("C-18", "C-41")
@fail_to_pass
def test_other_fields_are_refused_and_nothing_is_stored(api: Api, rng: Random) -> None:
    start, before = sometime(rng), everything(api)
    for field in ("id", "status", "label", "language", "languages", "title", "body", "created_at", word(rng)):
        invalid(api.post(NOTICES, json=body(rng, start, start + BRIEF) | {field: 1}), field)
    for whole in ([], [body(rng, start, start + BRIEF)], word(rng), 7, True):
        invalid(api.post(NOTICES, json=whole), "body")
    invalid(api.request("POST", NOTICES, content=b"", headers={"content-type": "application/json"}), "body")
    assert everything(api) == before


@covers("C-19", "C-41")
@fail_to_pass
def test_a_publication_ends_after_it_starts(api: Api, rng: Random) -> None:
    start, before = sometime(rng), everything(api)
    zone = timezone(timedelta(hours=2))
    for end in (start, start - MICROSECOND, start - hours(24), start.astimezone(zone)):
        sent = body(rng, start, end)
        says(api.post(NOTICES, json=sent), 422, "window_invalid", "The publication must end after it starts.", "en")
        french = "La publication doit finir après son début."
        says(api.post(NOTICES, json=sent, headers=FRENCH), 422, "window_invalid", french, "fr")
    assert everything(api) == before
    notice = publish(api, body(rng, start, start + MICROSECOND))
    assert moment(notice["publish_until"]) - moment(notice["publish_from"]) == MICROSECOND


@covers("C-42")
@fail_to_pass
def test_an_invalid_request_answers_before_its_window(api: Api, rng: Random) -> None:
    start = sometime(rng)
    reply = api.post(NOTICES, json=body(rng, start, start - hours(1), kind=word(rng)))
    assert refused(reply, 422, "invalid_request")["fields"] == ["kind"]


@covers("C-03", "C-20")
@fail_to_pass
def test_a_status_follows_the_clock(api: Api, rng: Random) -> None:
    moments = {
        "scheduled": (now() + hours(24), now() + hours(25)),
        "published": (now() - hours(1), now() + hours(1)),
        "expired": (now() - hours(25), now() - hours(24)),
    }
    labels = {"scheduled": "arrêté prévu", "published": "arrêté publié", "expired": "arrêté expiré"}
    for status, (start, end) in moments.items():
        notice = publish(api, body(rng, start, end, kind="bylaw"))
        assert (notice["status"], notice["label"]) == (status, f"{status} bylaw")
        assert read(api, notice) == notice
        assert read(api, notice, lang="fr")["label"] == labels[status]
