"""Adding, replacing and deleting translations, also at once."""

from random import Random

from support import (
    FRENCH,
    NOTICES,
    into,
    invalid,
    moment,
    nobody,
    one,
    read,
    refused,
    says,
    some,
    translation,
    word,
)

from graders.testkit import Api, covers, fail_to_pass


@covers("C-32", "C-12", "C-04")
@fail_to_pass
def test_a_translation_is_added(api: Api, rng: Random) -> None:
    for has, lacks, label in (("en", "fr", "arrêté prévu"), ("fr", "en", "scheduled bylaw")):
        notice, sent = some(api, rng, (has,), kind="bylaw")
        text = translation(rng)
        reply = api.request("PUT", f"{into(notice, lacks)}?lang={has}", json=text, headers={"Accept-Language": has})
        added = reply.expect(201).json()
        assert (reply.headers.get("content-language"), added["language"]) == (lacks, lacks)
        assert added == notice | text | {"language": lacks, "languages": ["en", "fr"], "label": label}
        assert read(api, notice, lang=lacks) == added
        assert {"title": sent["translations"][has]["title"]}.items() <= read(api, notice, lang=has).items()


@covers("C-32", "C-12")
@fail_to_pass
def test_a_translation_is_replaced(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng)
    text = translation(rng)
    reply = api.put(into(notice, "fr"), text).expect(200)
    replaced = reply.json()
    assert (reply.headers.get("content-language"), replaced["language"]) == ("fr", "fr")
    assert replaced == notice | text | {"language": "fr", "label": "annonce prévue"}
    assert read(api, notice, lang="fr") == replaced
    assert read(api, notice) == notice
    again = api.put(into(notice, "fr"), text).expect(200)
    assert again.json() == replaced
    only, _ = some(api, rng, ("en",))
    assert api.put(into(only, "en"), text, FRENCH).expect(200).json()["languages"] == ["en"]
    assert read(api, only)["body"] == text["body"]


@covers("C-32", "C-16")
@fail_to_pass
def test_a_translation_obeys_the_rules_of_texts(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng)
    whole = translation(rng)
    for field, longest in (("title", 120), ("body", 4000)):
        for wrong in ("", "  ", "x" * (longest + 1), "a\x00b", "a\x7fb", "a\x1fb", None, 5, ["a"]):
            invalid(api.put(into(notice, "fr"), whole | {field: wrong}), field)
        invalid(api.put(into(notice, "fr"), {name: value for name, value in whole.items() if name != field}), field)
        stored = api.put(into(notice, "fr"), whole | {field: " " + "y" * longest + "\n"}).expect(200).json()
        assert stored[field] == "y" * longest
    invalid(api.put(into(notice, "fr"), whole | {"title": "a\nb"}), "title")
    for field in ("language", "id", "kind", word(rng)):
        invalid(api.put(into(notice, "fr"), whole | {field: "en"}), field)
    for wrong in ([], "text", 1):
        invalid(api.put(into(notice, "fr"), wrong), "body")
    assert api.put(into(notice, "fr"), whole | {"body": "a\n\tb"}).expect(200).json()["body"] == "a\n\tb"
    assert read(api, notice) == notice


@covers("C-33")
@fail_to_pass
def test_translations_are_in_our_two_languages(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng)
    for wrong in ("de", "FR", "fr-CA", "english", word(rng)):
        invalid(api.put(into(notice, wrong), translation(rng)), "language")
        invalid(api.delete(into(notice, wrong)), "language")
    for wrong in ("0", "2147483648", "-3", word(rng)):
        invalid(api.put(f"{NOTICES}/{wrong}/translations/fr", translation(rng)), "notice_id")
        invalid(api.delete(f"{NOTICES}/{wrong}/translations/fr"), "notice_id")
    assert read(api, notice) == notice


@covers("C-33", "C-42")
@fail_to_pass
def test_translations_of_unknown_notices_are_not_found(api: Api, rng: Random) -> None:
    path = f"{NOTICES}/{nobody(rng)}/translations/en"
    refused(api.put(path, translation(rng)), 404, "notice_not_found")
    refused(api.delete(path), 404, "notice_not_found")
    invalid(api.put(path, {"title": ""}), "title", "body")


@covers("C-34")
@fail_to_pass
def test_a_translation_is_deleted(api: Api, rng: Random) -> None:
    for goes, stays in (("en", "fr"), ("fr", "en")):
        notice, sent = some(api, rng)
        reply = api.delete(into(notice, goes)).expect(204)
        assert reply.body == b""
        left = read(api, notice, lang=goes)
        assert (left["language"], left["languages"]) == (stays, [stays])
        assert left["title"] == sent["translations"][stays]["title"]
        english = "This notice is not translated into that language."
        says(api.delete(into(notice, goes)), 404, "translation_not_found", english, "en")
        french = "Cet avis n'est pas traduit dans cette langue."
        says(api.delete(into(notice, goes), headers=FRENCH), 404, "translation_not_found", french, "fr")
        assert read(api, notice, lang=goes) == left
        api.put(into(notice, goes), translation(rng)).expect(201)


@covers("C-35", "C-42")
@fail_to_pass
def test_the_only_translation_stays(api: Api, rng: Random) -> None:
    for language, other in (("en", "fr"), ("fr", "en")):
        notice, _ = some(api, rng, (language,))
        english = "The only translation of a notice cannot be deleted."
        says(api.delete(into(notice, language)), 409, "last_translation", english, "en")
        french = "La seule traduction d'un avis ne peut pas être supprimée."
        says(api.delete(into(notice, language), headers=FRENCH), 409, "last_translation", french, "fr")
        refused(api.delete(into(notice, other)), 404, "translation_not_found")
        assert read(api, notice) == notice
        api.put(into(notice, other), translation(rng)).expect(201)
        api.delete(into(notice, language)).expect(204)
        refused(api.delete(into(notice, other)), 409, "last_translation")


@covers("C-35")
@fail_to_pass
def test_of_both_translations_at_once_one_stays(api: Api, rng: Random) -> None:
    for _ in range(8):
        notice, _ = some(api, rng)
        calls = [lambda language=language: api.delete(into(notice, language)) for language in ("en", "fr")]  # noqa: B023
        replies = api.together(calls)
        assert sorted(reply.status for reply in replies) == [204, 409]
        kept = "fr" if replies[0].status == 204 else "en"
        assert read(api, notice)["languages"] == [kept]


@covers("C-32")
@fail_to_pass
def test_of_several_translations_at_once_one_is_new(api: Api, rng: Random) -> None:
    for _ in range(5):
        notice, _ = some(api, rng, ("en",))
        texts = [translation(rng) for _ in range(6)]
        replies = api.together([lambda text=text: api.put(into(notice, "fr"), text) for text in texts])  # noqa: B023
        assert sorted(reply.status for reply in replies) == [200] * 5 + [201]
        left = read(api, notice, lang="fr")
        assert {"title": left["title"], "body": left["body"]} in texts
        assert left["languages"] == ["en", "fr"]


@covers("C-32", "C-03")
@fail_to_pass
def test_a_translation_leaves_the_rest_as_it_is(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng, ("fr",), kind="tender")
    api.put(into(notice, "en"), translation(rng)).expect(201)
    now = read(api, notice, lang="fr")
    assert now == notice | {"languages": ["en", "fr"]}
    assert moment(now["publish_from"]) == moment(notice["publish_from"])
    assert api.get(one(notice)).expect(200).json()["label"] == "scheduled tender"
