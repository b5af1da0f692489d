"""Choosing the language: by parameter, by weights, by refusal."""

from datetime import timedelta
from random import Random

from support import (
    BRIEF,
    FRENCH,
    NOTICES,
    SUBSCRIBERS,
    board,
    body,
    into,
    invalid,
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

from graders.testkit import Api, Reply, covers, fail_to_pass

GONE = {"en": "This notice does not exist.", "fr": "Cet avis n'existe pas."}


def _language(api: Api, path: str, header: str) -> str:
    """The language of a notice that has both."""
    reply = api.get(path, headers={"Accept-Language": header}).expect(200)
    language = str(reply.json()["language"])
    assert reply.headers.get("content-language") == language, header
    return language


def _chooses(api: Api, rng: Random, *cases: tuple[str, str]) -> None:
    """Header and language, for a notice, for the list and for an error."""
    path = one(some(api, rng)[0])
    at = text(sometime(rng))
    for header, language in cases:
        headers = {"Accept-Language": header}
        assert _language(api, path, header) == language, header
        listed = api.get(NOTICES, {"at": at}, headers).expect(200)
        assert listed.headers.get("content-language") == language, header
        assert listed.json()["summary"] == {"en": "0 published notices", "fr": "0 avis publié"}[language], header
        says(api.get(f"{NOTICES}/{nobody(rng)}", headers=headers), 404, "notice_not_found", GONE[language], language)


@covers("C-08", "C-10", "C-12")
@fail_to_pass
def test_plain_headers(api: Api, rng: Random) -> None:
    _chooses(api, rng, ("fr", "fr"), ("en", "en"), ("", "en"), ("de", "en"), ("de, nl;q=0.4", "en"), ("de, fr", "fr"))
    path = one(some(api, rng)[0])
    assert api.get(path).expect(200).headers.get("content-language") == "en"


@covers("C-08", "C-12")
@fail_to_pass
def test_regions_and_case_mean_nothing(api: Api, rng: Random) -> None:
    _chooses(
        api, rng,
        ("FR", "fr"), ("fr-CA", "fr"), ("Fr-ch, en;q=0.9", "fr"), ("en-GB;q=0.3, fr-Latn-FR;q=0.4", "fr"),
        ("EN-us, fr;q=0.2", "en"), ("frr, en;q=0.1", "en"), ("enm, fr;q=0.1", "fr"), ("de-FR, en;q=0.5", "en"),
    )  # fmt: skip


@covers("C-08", "C-09", "C-12")
@fail_to_pass
def test_the_greater_weight_is_chosen(api: Api, rng: Random) -> None:
    low, high = sorted(rng.sample(range(1, 1000), 2))
    _chooses(
        api, rng,
        (f"en;q=0.{low:03}, fr;q=0.{high:03}", "fr"), (f"fr;q=0.{low:03}, en;q=0.{high:03}", "en"),
        (f"fr;q=0.{high:03}, en", "en"), (f"en;q=0.{high:03}, fr", "fr"), ("en;q=0.9, fr;q=1.0", "fr"),
        ("de, fr;q=0.1, en;q=0.09", "fr"), ("fr;q=1, en;q=0.999", "fr"), ("en;q=0.5, fr;q=0.10", "en"),
    )  # fmt: skip


@covers("C-08", "C-12")
@fail_to_pass
def test_spaces_and_capitals_of_weights_mean_nothing(api: Api, rng: Random) -> None:
    _chooses(
        api, rng,
        ("en;Q=0.2,fr;Q=0.3", "fr"), ("en ; q=0.2 , fr ; q=0.3", "fr"), ("en\t;\tq=0.2\t,\tfr;q=0.3", "fr"),
        ("fr;q=0.2,en;q=0.3", "en"), (", fr ,", "fr"), (",,en;q=0.1,fr;q=0.2", "fr"),
    )  # fmt: skip


@covers("C-08", "C-12")
@fail_to_pass
def test_weights_that_are_none_do_not_count(api: Api, rng: Random) -> None:
    for wrong in ("2", "-1", "1.001", "high", "nan", "inf", "-0.5", "0.5x", "1.5"):
        _chooses(
            api, rng, (f"fr;q={wrong}, en;q=0.1", "en"), (f"en;q={wrong}, fr;q=0.1", "fr"), (f"fr;q={wrong}", "en")
        )
    _chooses(api, rng, ("en;q=0, fr;q=2", "fr"), ("*;q=nan, fr;q=0.1", "fr"), ("fr;q=0.2, fr;q=9, en;q=0.1", "fr"))


@covers("C-08", "C-09", "C-12")
@fail_to_pass
def test_the_star_stands_for_languages_that_are_not_named(api: Api, rng: Random) -> None:
    _chooses(
        api, rng,
        ("*", "en"), ("*;q=0.1", "en"), ("en;q=0.5, *", "fr"), ("fr;q=0.5, *", "en"), ("en;q=0.5, *;q=0.4", "en"),
        ("fr;q=0.3, *;q=0.2", "fr"), ("*;q=0.2, fr;q=0.3", "fr"), ("en;q=0, *", "fr"), ("fr-CA;q=0, *;q=0.1", "en"),
        ("en;q=0.1, *;q=0.9", "fr"), ("de, *;q=0.1", "en"),
    )  # fmt: skip


@covers("C-09", "C-12")
@fail_to_pass
def test_the_greatest_range_of_a_language_counts(api: Api, rng: Random) -> None:
    _chooses(
        api, rng,
        ("fr;q=0.2, en;q=0.5, fr-CA;q=0.8", "fr"), ("fr-CA;q=0.8, fr;q=0.2, en;q=0.5", "fr"),
        ("en;q=0.1, fr;q=0.5, en-GB;q=0.6", "en"), ("fr;q=0, fr-CA;q=0.4, en;q=0.3", "fr"),
        ("en-GB;q=0.6, en;q=0, fr;q=0.5", "en"),
    )  # fmt: skip


@covers("C-09", "C-12")
@fail_to_pass
def test_of_equal_weights_the_first_range_counts(api: Api, rng: Random) -> None:
    _chooses(
        api, rng,
        ("fr, en", "fr"), ("en, fr", "en"), ("fr;q=1, en", "fr"), ("en;q=1.000, fr", "en"),
        ("fr;q=0.5, en;q=0.5", "fr"), ("en;q=0.5, fr;q=0.5", "en"),
        ("*;q=0.5, fr;q=0.5", "en"), ("fr;q=0.5, *;q=0.5", "fr"), ("*, en", "fr"), ("en, *", "en"),
        ("fr;q=0.4, en;q=0.5, fr;q=0.5", "en"), ("en;q=0.4, fr-CA;q=0.5, en;q=0.5", "fr"),
        ("fr;q=0.5, en;q=0.5, fr;q=0.5", "fr"), ("en;q=0.5, fr;q=0.5, en;q=0.5", "en"), ("de, fr, en", "fr"),
    )  # fmt: skip


@covers("C-10", "C-12")
@fail_to_pass
def test_a_refused_language_leaves_the_other(api: Api, rng: Random) -> None:
    _chooses(
        api, rng,
        ("en;q=0", "fr"), ("fr;q=0", "en"), ("en;q=0.000, de", "fr"), ("fr;q=0.0, de", "en"), ("fr, *;q=0", "fr"),
        ("en;q=0.1, *;q=0", "en"), ("en-GB;q=0", "fr"), ("fr;q=0, en", "en"), ("en;q=0, fr;q=0.001", "fr"),
    )  # fmt: skip


REFUSED = ("*;q=0", "en;q=0, fr;q=0", "fr-CA;q=0.0, en;q=0", "de, *;q=0", "en;q=0, *;q=0.000")


@covers("C-11", "C-12", "C-41")
@fail_to_pass
def test_who_refuses_both_reads_nothing(api: Api, rng: Random) -> None:
    path = one(some(api, rng)[0])
    message = "This notice board speaks English and French."
    for header in REFUSED:
        headers = {"Accept-Language": header}
        says(api.get(path, headers=headers), 406, "not_acceptable", message, "en")
        says(api.get(NOTICES, headers=headers), 406, "not_acceptable", message, "en")
        for language in ("en", "fr"):
            assert api.get(path, {"lang": language}, headers).expect(200).json()["language"] == language
            assert api.get(NOTICES, {"lang": language}, headers).expect(200).headers["content-language"] == language


@covers("C-42", "C-11")
@fail_to_pass
def test_a_refusal_stands_between_invalid_and_not_found(api: Api, rng: Random) -> None:
    nothing = f"{NOTICES}/{nobody(rng)}"
    only, _ = some(api, rng, ("fr",))
    for header in REFUSED:
        headers = {"Accept-Language": header}
        refused(api.get(nothing, headers=headers), 406, "not_acceptable")
        invalid(api.get(nothing, {"fallback": "maybe"}, headers), "fallback")
        invalid(api.get(f"{NOTICES}/nothing", headers=headers), "notice_id")
        invalid(api.get(NOTICES, {"size": 0}, headers), "size")
        refused(api.get(one(only), {"fallback": "false"}, headers), 406, "not_acceptable")


@covers("C-11", "C-12")
@fail_to_pass
def test_other_operations_are_in_english_for_who_refuses_both(api: Api, rng: Random) -> None:
    nothing = f"{NOTICES}/{nobody(rng)}"
    for header in REFUSED:
        headers = {"Accept-Language": header}
        start = sometime(rng)
        made = api.post(NOTICES, body(rng, start, start + BRIEF), headers).expect(201)
        assert (made.headers.get("content-language"), made.json()["language"]) == ("en", "en")
        changed = api.patch(one(made.json()), {"kind": "tender"}, headers).expect(200)
        assert (changed.headers.get("content-language"), changed.json()["label"]) == ("en", "scheduled tender")
        for reply in (
            api.patch(nothing, {}, headers),
            api.delete(nothing, headers=headers),
            api.put(f"{nothing}/translations/fr", translation(rng), headers),
            api.delete(f"{nothing}/translations/fr", headers=headers),
        ):
            says(reply, 404, "notice_not_found", GONE["en"], "en")


def _of(reply: Reply) -> tuple[str | None, object]:
    return reply.headers.get("content-language"), reply.json()["language"]


@covers("C-07")
@fail_to_pass
def test_the_parameter_goes_before_the_header(api: Api, rng: Random) -> None:
    path = one(some(api, rng)[0])
    for asked, header in (("fr", "en"), ("en", "fr"), ("fr", "*;q=0"), ("en", "en;q=0, fr"), ("fr", "de")):
        headers = {"Accept-Language": header}
        assert _of(api.get(path, {"lang": asked}, headers).expect(200)) == (asked, asked)
        changed = api.request("PATCH", f"{path}?lang={asked}", json={}, headers=headers).expect(200)
        assert _of(changed) == (asked, asked)
        listed = api.get(NOTICES, {"lang": asked, "at": text(sometime(rng))}, headers).expect(200)
        assert listed.json()["summary"] == {"en": "0 published notices", "fr": "0 avis publié"}[asked]
        nothing = api.get(f"{NOTICES}/{nobody(rng)}", {"lang": asked}, headers)
        says(nothing, 404, "notice_not_found", GONE[asked], asked)


@covers("C-07")
@fail_to_pass
def test_another_parameter_is_refused_by_every_operation(api: Api, rng: Random) -> None:
    notice, sent = some(api, rng)
    path, messages = one(notice), {"en": "The request is not valid.", "fr": "La requête n'est pas valide."}
    for wrong in ("de", "FR", "fr-CA", "", "*", word(rng, 2).upper()):
        for language, headers in (("en", None), ("fr", FRENCH)):
            for method, where, json in (
                ("GET", NOTICES, None),
                ("POST", NOTICES, sent),
                ("GET", path, None),
                ("PATCH", path, {"kind": "closure"}),
                ("DELETE", path, None),
                ("PUT", into(notice, "fr"), translation(rng)),
                ("DELETE", into(notice, "fr"), None),
            ):
                reply = api.request(method, f"{where}?lang={wrong}", json=json, headers=headers)
                invalid(reply, "lang")
                says(reply, 422, "invalid_request", messages[language], language)
    assert read(api, notice) == notice


@covers("C-13")
@fail_to_pass
def test_answers_vary_by_the_header(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng, ("fr",))
    path, star = one(notice), {"Accept-Language": "*;q=0"}
    for reply, status in (
        (api.get(path), 200),
        (api.get(path, {"lang": "fr"}, FRENCH), 200),
        (api.get(NOTICES), 200),
        (api.get(NOTICES, {"lang": "en"}), 200),
        (api.get(path, {"fallback": "false"}), 404),
        (api.get(f"{NOTICES}/{nobody(rng)}", headers=FRENCH), 404),
        (api.get(path, headers=star), 406),
        (api.get(NOTICES, headers=star), 406),
        (api.get(f"{NOTICES}/0"), 422),
        (api.get(NOTICES, {"page": 0}, FRENCH), 422),
    ):
        reply.expect(status)
        named = [name.strip().lower() for name in reply.headers.get("vary", "").split(",")]
        assert "accept-language" in named, f"{reply.request}: {status} varies by {named}"


@covers("C-04", "C-12")
@fail_to_pass
def test_a_notice_is_shown_in_the_language_it_has(api: Api, rng: Random) -> None:
    for has, other, label in (("fr", "en", "fermeture prévue"), ("en", "fr", "scheduled closure")):
        notice, sent = some(api, rng, (has,), kind="closure")
        assert notice["language"] == has
        for headers, params in (({"Accept-Language": f"{other}, {has};q=0"}, {}), (None, {"lang": other})):
            reply = api.get(one(notice), params, headers).expect(200)
            shown = reply.json()
            assert _of(reply) == (has, has)
            assert {"title": shown["title"], "body": shown["body"]} == sent["translations"][has]
            assert (shown["label"], shown["languages"]) == (label, [has])


@covers("C-04", "C-12", "C-22")
@fail_to_pass
def test_a_page_mixes_languages_and_names_the_chosen_one(api: Api, rng: Random) -> None:
    start = sometime(rng)
    made = [
        publish(api, body(rng, start - timedelta(seconds=index), start + BRIEF, languages, kind="bylaw"))
        for index, languages in enumerate((("en",), ("fr",), ("en", "fr")))
    ]
    for asked, last, label in (("en", "en", "published bylaw"), ("fr", "fr", "arrêté publié")):
        reply = api.get(NOTICES, {"at": text(start), "lang": asked}).expect(200)
        assert reply.headers.get("content-language") == asked
        items = reply.json()["items"]
        assert [item["id"] for item in items] == [notice["id"] for notice in made]
        assert [item["language"] for item in items] == ["en", "fr", last]
        assert [item["label"] for item in items] == ["published bylaw", "arrêté publié", label]
        assert [item["languages"] for item in items] == [["en"], ["fr"], ["en", "fr"]]


@covers("C-21", "C-12")
@fail_to_pass
def test_without_fallback_a_missing_translation_is_not_found(api: Api, rng: Random) -> None:
    only, _ = some(api, rng, ("fr",))
    both, _ = some(api, rng)
    message = "This notice is not translated into that language."
    says(api.get(one(only), {"fallback": "false"}), 404, "translation_not_found", message, "en")
    english, _ = some(api, rng, ("en",))
    message = "Cet avis n'est pas traduit dans cette langue."
    says(api.get(one(english), {"fallback": "false"}, FRENCH), 404, "translation_not_found", message, "fr")
    assert _of(api.get(one(only), {"fallback": "true"}).expect(200)) == ("fr", "fr")
    assert _of(api.get(one(only), {"fallback": "false"}, FRENCH).expect(200)) == ("fr", "fr")
    assert _of(api.get(one(only), {"fallback": "false", "lang": "fr"}).expect(200)) == ("fr", "fr")
    assert _of(api.get(one(both), {"fallback": "false"}).expect(200)) == ("en", "en")
    refused(api.get(f"{NOTICES}/{nobody(rng)}", {"fallback": "false"}), 404, "notice_not_found")


@covers("C-21", "C-29")
@fail_to_pass
def test_fallback_is_true_or_false(api: Api, rng: Random) -> None:
    path = one(some(api, rng)[0])
    for wrong in ("1", "0", "yes", "no", "True", "FALSE", "", word(rng)):
        invalid(api.get(path, {"fallback": wrong}), "fallback")
        invalid(api.get(NOTICES, {"fallback": wrong}), "fallback")


@covers("C-41", "C-12")
@fail_to_pass
def test_errors_of_every_operation_are_translated(api: Api, rng: Random) -> None:
    nothing = f"{NOTICES}/{nobody(rng)}"
    for language, header in (("en", "fr;q=0.1, en"), ("fr", "en;q=0.1, fr")):
        headers = {"Accept-Language": header}
        for reply in (
            api.get(nothing, headers=headers),
            api.patch(nothing, {"kind": "bylaw"}, headers),
            api.delete(nothing, headers=headers),
            api.put(f"{nothing}/translations/en", translation(rng), headers),
            api.delete(f"{nothing}/translations/en", headers=headers),
        ):
            says(reply, 404, "notice_not_found", GONE[language], language)
        person = {"en": "This subscriber does not exist.", "fr": "Cette personne n'est pas abonnée."}
        digest = api.get(f"{SUBSCRIBERS}/{nobody(rng)}/digest", headers=headers)
        says(digest, 404, "subscriber_not_found", person[language], language)
        wrong = {"en": "The request is not valid.", "fr": "La requête n'est pas valide."}
        says(api.post(NOTICES, {}, headers), 422, "invalid_request", wrong[language], language)
        broken = {"content-type": "application/json"} | headers
        reply = api.request("POST", NOTICES, content=b'{"kind": ', headers=broken)
        assert reply.headers.get("content-language") == language


@covers("C-06", "C-23")
@fail_to_pass
def test_a_board_of_the_past_is_read_in_both_languages(api: Api, rng: Random) -> None:
    start = sometime(rng)
    publish(api, body(rng, start, start + BRIEF, kind="tender"))
    assert board(api, start)["items"][0]["label"] == "published tender"
    assert board(api, start, FRENCH)["items"][0]["label"] == "appel d'offres publié"
