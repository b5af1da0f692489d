"""Subscribers: what notices change of them, and what stays."""

from random import Random

from support import FRENCH, SUBSCRIBERS, nobody, refused, subscribe, word

from graders.testkit import Api, covers, fail_to_pass, pass_to_pass


def _clear(api: Api) -> None:
    """Sentences about few subscribers need a list without those of other checks."""
    for person in api.get(SUBSCRIBERS).expect(200).json()["items"]:
        api.delete(f"{SUBSCRIBERS}/{person['id']}").expect(204)


@covers("C-44")
@fail_to_pass
def test_nobody_is_singular_in_french(api: Api) -> None:
    _clear(api)
    reply = api.get(SUBSCRIBERS, headers=FRENCH).expect(200)
    assert reply.json() == {"items": [], "summary": "0 abonné"}
    assert reply.headers.get("content-language") == "fr"


@covers("C-44", "C-45")
@pass_to_pass
def test_other_counts_stay(api: Api, rng: Random) -> None:
    _clear(api)
    assert api.get(SUBSCRIBERS).expect(200).json() == {"items": [], "summary": "0 subscribers"}
    sentences = (("1 subscriber", "1 abonné"), ("2 subscribers", "2 abonnés"), ("3 subscribers", "3 abonnés"))
    for english, french in sentences:
        subscribe(api, rng)
        assert api.get(SUBSCRIBERS).expect(200).json()["summary"] == english
        assert api.get(SUBSCRIBERS, headers=FRENCH).expect(200).json()["summary"] == french


@covers("C-45")
@pass_to_pass
def test_subscribers_are_added_read_and_removed(api: Api, rng: Random) -> None:
    name, email = word(rng), f"{word(rng, 16)}@rivemont.example"
    sent = {
        "name": f" {name} ",
        "email": email.upper().replace("RIVEMONT.EXAMPLE", "rivemont.example"),
        "language": "en",
    }
    reply = api.post(SUBSCRIBERS, json=sent).expect(201)
    person = reply.json()
    assert reply.headers.get("location") == f"/api/subscribers/{person['id']}"
    assert set(person) == {"id", "name", "email", "language", "gender", "created_at"}
    assert (person["name"], person["email"], person["language"], person["gender"]) == (name, email, "en", "neutral")
    path = f"{SUBSCRIBERS}/{person['id']}"
    assert api.get(path).expect(200).json() == person
    assert person in api.get(SUBSCRIBERS).expect(200).json()["items"]
    assert refused(api.post(SUBSCRIBERS, json=sent), 409, "email_taken")["fields"] == []
    api.delete(path).expect(204)
    refused(api.get(path), 404, "subscriber_not_found")
    refused(api.delete(path), 404, "subscriber_not_found")


@covers("C-45")
@pass_to_pass
def test_errors_of_subscribers_keep_their_texts(api: Api, rng: Random) -> None:
    path = f"{SUBSCRIBERS}/{nobody(rng)}"
    assert refused(api.get(path), 404, "subscriber_not_found")["message"] == "This subscriber does not exist."
    french = api.get(path, headers={"Accept-Language": "fr-CA, en;q=0.5"})
    assert refused(french, 404, "subscriber_not_found")["message"] == "Cette personne n'est pas abonnée."
    assert french.headers.get("content-language") == "fr"
    wrong = refused(api.post(SUBSCRIBERS, json={"name": "", "language": "de"}), 422, "invalid_request")
    assert {"name", "email", "language"} <= set(wrong["fields"])
    assert wrong["message"] == "The request is not valid."
    assert refused(api.get(f"{SUBSCRIBERS}/me"), 422, "invalid_request")["fields"] == ["subscriber_id"]
    refused(api.get("/api/nothing"), 404, "not_found")


@covers("C-45")
@pass_to_pass
def test_the_service_is_healthy(api: Api) -> None:
    assert api.get("/health").expect(200).json() == {"status": "ok"}
