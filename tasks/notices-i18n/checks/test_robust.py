"""Nothing a client sends breaks the service, and nothing private reaches its log."""

from random import Random

from support import (
    BRIEF,
    NOTICES,
    SUBSCRIBERS,
    body,
    into,
    one,
    publish,
    read,
    refused,
    some,
    sometime,
    subscribe,
    text,
    translation,
    word,
)

from graders.testkit import Api, Faults, covers, fail_to_pass

JSON = {"content-type": "application/json"}


@covers("C-43", "C-41")
@fail_to_pass
def test_malformed_bodies_never_break_the_service(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng)
    start = sometime(rng)
    whole = translation(rng)
    bodies = [
        body(rng, start, start + BRIEF, kind="\ud800"),
        body(rng, start, start + BRIEF, **{"\ud800": 1}),
        body(rng, start, start + BRIEF, translations={"fr": whole | {"title": f"a\ud800{word(rng)}"}}),
        body(rng, start, start + BRIEF, translations={"fr": whole | {"body": "\udfff"}}),
        body(rng, start, start + BRIEF, translations={"\udfff": whole}),
        body(rng, start, start + BRIEF, publish_from="2040-13-45T99:99:00Z"),
        body(rng, start, start + BRIEF, publish_from="0001-01-01T00:00:00+23:59"),
        body(rng, start, start + BRIEF, publish_until="9999-12-31T23:59:59-23:59"),
        body(rng, start, start + BRIEF, publish_until="2040-02-03T09:00:00+99:99"),
        body(rng, start, start + BRIEF, publish_from="²040-01-01T09:00:00Z"),
        body(rng, start, start + BRIEF, publish_from=10**400),
        body(rng, start, start + BRIEF, translations=[[["fr"]]], kind={"a": 1}),
    ]
    for sent in bodies:
        reply = api.post(NOTICES, json=sent)
        refused(reply, reply.status, "bad_request" if reply.status == 400 else "invalid_request")
        assert reply.status in (400, 422)
    for content in (b"", b"\xff\xfe", b"{", b'{"kind": NaN}', b'{"publish_from": 1e999}', b'"' + b"a" * 5000, b"null"):
        for method, path in (("POST", NOTICES), ("PATCH", one(notice)), ("PUT", into(notice, "fr"))):
            reply = api.request(method, path, content=content, headers=JSON)
            assert 400 <= reply.status < 500, f"{reply.request}: {reply.status} for {content[:20]!r}"
            assert set(reply.json()) == {"error", "message", "fields"}
    assert read(api, notice) == notice


@covers("C-43", "C-08")
@fail_to_pass
def test_malformed_headers_and_parameters_never_break_the_service(api: Api, rng: Random) -> None:
    notice, _ = some(api, rng)
    person = subscribe(api, rng)
    headers = (";", ",", ";q=", "fr;q", "fr;q=;q=", "=", "q=1", "fr;;q=1", "*;q=", "-", "-fr", "fr;q=0.1.2", "f" * 5000)
    for header in headers:
        reply = api.get(one(notice), headers={"Accept-Language": header})
        assert reply.status in (200, 406), f"{header[:20]!r}: {reply.status}"
        assert api.get(f"{SUBSCRIBERS}/{person['id']}/digest", headers={"Accept-Language": header}).status == 200
    many = ", ".join(f"x{index};q=0.{index % 10}" for index in range(400)) + ", fr;q=0.1"
    assert api.get(one(notice), headers={"Accept-Language": many}).expect(200).json()["language"] == "fr"
    for params in (
        {"at": "2040-01-01T00:00:00+99:99"}, {"at": "0001-01-01T00:00:00+23:59"}, {"page": "9" * 400}, {"size": "\x00"},
        {"kind": "\x00"}, {"status": "é\x00"}, {"at": "\x00"}, {"lang": "\x00"}, {"fallback": "\x00"},
    ):  # fmt: skip
        refused(api.get(NOTICES, params), 422, "invalid_request")
    refused(api.get(f"{NOTICES}/%00"), 422, "invalid_request")
    refused(api.delete(f"{one(notice)}/translations/%00"), 422, "invalid_request")


@covers("S-12")
@fail_to_pass
def test_titles_bodies_and_names_are_not_logged(api: Api, rng: Random, faults: Faults) -> None:
    start = sometime(rng)
    sent = body(rng, start, start + BRIEF)
    notice = publish(api, sent)
    person = subscribe(api, rng, name=word(rng))
    api.get(f"{SUBSCRIBERS}/{person['id']}/digest", {"at": text(start)}).expect(200)
    new = translation(rng)
    api.put(into(notice, "fr"), new).expect(200)
    api.patch(one(notice), {"kind": "tender"}).expect(200)
    api.delete(into(notice, "fr")).expect(204)
    api.delete(one(notice)).expect(204)
    api.post(NOTICES, json=sent | {"kind": "x"}).expect(422)
    log = faults.log()
    private = [
        person["name"],
        *new.values(),
        *(value for text in sent["translations"].values() for value in text.values()),
    ]
    assert [value for value in private if value in log] == []
