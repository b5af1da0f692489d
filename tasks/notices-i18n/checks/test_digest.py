"""The digest: whose language, which notices, and sentences that fit the person."""

from datetime import timedelta
from random import Random
from typing import Any

from support import (
    BRIEF,
    FRENCH,
    KINDS,
    MICROSECOND,
    SUBSCRIBERS,
    body,
    hours,
    invalid,
    moment,
    nobody,
    now,
    publish,
    refused,
    says,
    sometime,
    subscribe,
    text,
    word,
)

from graders.testkit import Api, covers, fail_to_pass
from graders.testkit.services import Queries

WEEK = timedelta(days=7)


def path(person: dict[str, Any]) -> str:
    return f"{SUBSCRIBERS}/{person['id']}/digest"


def digest(api: Api, person: dict[str, Any], **params: str) -> dict[str, Any]:
    found = dict(api.get(path(person), params).expect(200).json())
    assert set(found) == {"subscriber_id", "language", "greeting", "summary", "items"}
    assert found["subscriber_id"] == person["id"]
    return found


@covers("C-36", "C-07")
@fail_to_pass
def test_a_digest_is_in_the_subscribers_language(api: Api, rng: Random) -> None:
    at = sometime(rng)
    publish(api, body(rng, at, at + BRIEF, kind="closure"))
    labels = {"en": "published closure", "fr": "fermeture publiée"}
    for own, other in (("en", "fr"), ("fr", "en")):
        person = subscribe(api, rng, language=own)
        for header in (own, other, f"{other}, {own};q=0", "*;q=0", "de"):
            reply = api.get(path(person), {"at": text(at)}, {"Accept-Language": header}).expect(200)
            found = reply.json()
            assert (reply.headers.get("content-language"), found["language"]) == (own, own)
            assert [item["label"] for item in found["items"]] == [labels[own]]
        for asked in (own, other):
            reply = api.get(path(person), {"at": text(at), "lang": asked}, {"Accept-Language": own}).expect(200)
            assert (reply.headers.get("content-language"), reply.json()["language"]) == (asked, asked)
            assert [item["label"] for item in reply.json()["items"]] == [labels[asked]]


@covers("C-39")
@fail_to_pass
def test_the_greeting_fits_the_person(api: Api, rng: Random) -> None:
    greetings = {
        "female": ("Dear Ms {},", "Bonjour Madame {},"),
        "male": ("Dear Mr {},", "Bonjour Monsieur {},"),
        "neutral": ("Dear {},", "Bonjour {},"),
    }
    for gender, sentences in greetings.items():
        for name in (f"Ève {word(rng)} d'Été", f"{{name}} {{count}} {{{word(rng)}}}", f"%s & <{word(rng)}>"):
            person = subscribe(api, rng, gender=gender, name=name)
            for language, sentence in zip(("en", "fr"), sentences, strict=True):
                wanted = sentence.replace("{}", name)
                assert digest(api, person, lang=language, at=text(sometime(rng)))["greeting"] == wanted


@covers("C-39", "C-06", "C-38")
@fail_to_pass
def test_the_summary_counts_and_agrees(api: Api, rng: Random) -> None:
    people = {gender: subscribe(api, rng, gender=gender) for gender in ("female", "male", "neutral")}
    starts = {"female": "Vous êtes abonnée : ", "male": "Vous êtes abonné : ", "neutral": "Votre abonnement : "}
    at = sometime(rng)
    french = ("0 avis publié", "1 avis publié", "2 avis publiés", "3 avis publiés")
    english = ("0 published notices", "1 published notice", "2 published notices", "3 published notices")
    for count in range(4):
        for gender, person in people.items():
            found = digest(api, person, at=text(at))
            assert found["summary"] == f"{starts[gender]}{french[count]} en 7 jours."
            assert len(found["items"]) == count
            summary = digest(api, person, at=text(at), lang="en")["summary"]
            assert summary == f"You are subscribed: {english[count]} in 7 days."
        publish(api, body(rng, at, at + BRIEF, kind=rng.choice(KINDS)))


@covers("C-37")
@fail_to_pass
def test_a_digest_tells_of_seven_days(api: Api, rng: Random) -> None:
    at = sometime(rng, 2082, 12)
    told = [at, at - MICROSECOND, at - hours(100), at - WEEK + MICROSECOND, at - WEEK]
    silent = [at + MICROSECOND, at - WEEK - MICROSECOND, at - WEEK - hours(1)]
    made = [publish(api, body(rng, start, max(start, at) + BRIEF)) for start in (*told, *silent)]
    found = digest(api, subscribe(api, rng), at=text(at))
    assert [item["id"] for item in found["items"]] == [notice["id"] for notice in made[: len(told)]]
    assert found["summary"] == f"Votre abonnement : {len(told)} avis publiés en 7 jours."


@covers("C-37", "C-03")
@fail_to_pass
def test_a_digest_leaves_out_what_is_over(api: Api, rng: Random) -> None:
    at = sometime(rng)
    ends = (at - BRIEF, at, at + MICROSECOND)
    made = [publish(api, body(rng, at - 2 * BRIEF, end)) for end in ends]
    found = digest(api, subscribe(api, rng, language="en"), at=text(at))
    assert [item["id"] for item in found["items"]] == [made[-1]["id"]]
    assert found["summary"] == "You are subscribed: 1 published notice in 7 days."


@covers("C-37")
@fail_to_pass
def test_a_digest_is_that_of_now(api: Api, rng: Random) -> None:
    person = subscribe(api, rng, language="en")
    start = now() - timedelta(seconds=5)
    notice = publish(api, body(rng, start, start + hours(1)))
    publish(api, body(rng, start + hours(24), start + hours(25)))
    publish(api, body(rng, start - hours(25), start - hours(24)))
    old = publish(api, body(rng, start - WEEK - hours(1), start + hours(1)))
    shown = [item["id"] for item in digest(api, person)["items"]]
    assert shown[0] == notice["id"]
    assert old["id"] not in shown


@covers("C-38", "C-26")
@fail_to_pass
def test_a_digest_shows_the_first_five_and_counts_all(api: Api, rng: Random) -> None:
    at = sometime(rng)
    starts = [at - timedelta(seconds=rng.choice((0, 60, 120))) for _ in range(8)]
    made = [publish(api, body(rng, start, at + BRIEF, kind=rng.choice(KINDS))) for start in starts]
    wanted = sorted(made, key=lambda notice: (moment(notice["publish_from"]), notice["id"]), reverse=True)
    person = subscribe(api, rng, language="en")
    found = digest(api, person, at=text(at))
    labels = {kind: f"published {kind}" for kind in KINDS}
    for item, notice in zip(found["items"], wanted[:5], strict=True):
        assert set(item) == {"id", "label", "language", "title", "publish_from"}
        assert (item["id"], item["title"], item["language"]) == (notice["id"], notice["title"], "en")
        assert item["label"] == labels[notice["kind"]]
        assert moment(item["publish_from"]) == moment(notice["publish_from"])
    assert found["summary"] == "You are subscribed: 8 published notices in 7 days."


@covers("C-38", "C-04")
@fail_to_pass
def test_a_digest_shows_other_languages_where_one_is_missing(api: Api, rng: Random) -> None:
    at = sometime(rng)
    sent = [
        body(rng, at - timedelta(seconds=index), at + BRIEF, languages, kind="tender")
        for index, languages in enumerate((("en",), ("fr",), ("en", "fr")))
    ]
    for notice in sent:
        publish(api, notice)
    labels = {"en": "published tender", "fr": "appel d'offres publié"}
    for own in ("en", "fr"):
        found = digest(api, subscribe(api, rng, language=own), at=text(at))
        languages = ["en", "fr", own]
        assert [item["language"] for item in found["items"]] == languages
        assert [item["label"] for item in found["items"]] == [labels[language] for language in languages]
        titles = [notice["translations"][language]["title"] for notice, language in zip(sent, languages, strict=True)]
        assert [item["title"] for item in found["items"]] == titles
        assert "3 " in found["summary"]


@covers("C-40", "C-41")
@fail_to_pass
def test_a_digest_of_nobody_is_not_found(api: Api, rng: Random) -> None:
    for number in (nobody(rng), 2_147_483_647):
        nothing = f"{SUBSCRIBERS}/{number}/digest"
        says(api.get(nothing), 404, "subscriber_not_found", "This subscriber does not exist.", "en")
        says(api.get(nothing, headers=FRENCH), 404, "subscriber_not_found", "Cette personne n'est pas abonnée.", "fr")
        says(api.get(nothing, {"lang": "fr"}), 404, "subscriber_not_found", "Cette personne n'est pas abonnée.", "fr")
    gone = subscribe(api, rng)
    api.delete(f"{SUBSCRIBERS}/{gone['id']}").expect(204)
    refused(api.get(path(gone)), 404, "subscriber_not_found")


@covers("C-40", "C-07", "C-42")
@fail_to_pass
def test_a_digest_refuses_what_is_invalid(api: Api, rng: Random) -> None:
    for wrong in ("0", "-1", "2147483648", "me", "1.5"):
        invalid(api.get(f"{SUBSCRIBERS}/{wrong}/digest"), "subscriber_id")
    person = subscribe(api, rng)
    for where in (path(person), f"{SUBSCRIBERS}/{nobody(rng)}/digest"):
        for wrong in ("now", "", "2040-01-01", "2040-01-01T09:00:00", "2208988800", "1999-12-31T23:59:59Z"):
            invalid(api.get(where, {"at": wrong}), "at")
        for wrong in ("de", "FR", "fr-CA", ""):
            reply = api.get(where, {"lang": wrong}, FRENCH)
            invalid(reply, "lang")
            assert reply.headers.get("content-language") == "fr"
    for at in ("2000-01-01T00:00:00Z", "2100-01-01T01:00:00+01:00"):
        api.get(path(person), {"at": at}).expect(200)


@covers("S-11")
@fail_to_pass
def test_a_digest_takes_the_same_queries_whatever_its_size(api: Api, rng: Random, queries: Queries) -> None:
    person, at = subscribe(api, rng), sometime(rng)
    counts = []
    for count in (0, 1, 5):
        while len(digest(api, person, at=text(at))["items"]) < count:
            publish(api, body(rng, at, at + BRIEF))
        with queries.counted() as counted:
            digest(api, person, at=text(at))
        counts.append(counted.count)
    assert len(set(counts)) == 1, counts
