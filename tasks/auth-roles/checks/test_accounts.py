"""Registering, and what accounts look like."""

from functools import partial
from random import Random
from uuid import UUID

from support import (
    ACCOUNT_FIELDS,
    ACCOUNTS,
    ME,
    address,
    attempt,
    invalid,
    log_in,
    moment,
    person,
    refused,
    registration,
    secret,
    stranger,
    unknown_id,
    word,
)

from graders.testkit import Api, covers, fail_to_pass


@covers("C-01", "C-02")
@fail_to_pass
def test_registering_makes_an_active_member(api: Api, rng: Random) -> None:
    body = registration(rng)
    account = api.post(ACCOUNTS, body).expect(201).json()
    assert set(account) == ACCOUNT_FIELDS
    assert str(UUID(account["id"])) == account["id"]
    assert (account["email"], account["name"]) == (body["email"], body["name"])
    assert (account["role"], account["active"]) == ("member", True)
    moment(account["created_at"])
    assert log_in(api, body["email"], body["password"]).get(ME).expect(200).json() == account


@covers("C-03", "C-07")
@fail_to_pass
def test_an_address_is_one_in_every_case(api: Api, rng: Random) -> None:
    email = address(rng)
    body = registration(rng, email=f" \t{email.title()}\n ")
    account = api.post(ACCOUNTS, body).expect(201).json()
    assert account["email"] == email
    for other in (email, email.upper(), f" {email.capitalize()} "):
        refused(api.post(ACCOUNTS, registration(rng, email=other)), 409, "email_taken")
    for same in (email, email.upper(), f" {email.title()} "):
        assert log_in(api, same, body["password"]).get(ME).expect(200).json() == account


@covers("C-03", "C-06")
@fail_to_pass
def test_what_is_no_address_is_refused(api: Api, rng: Random) -> None:
    name, domain = word(rng), f"{word(rng)}.example.org"
    wrong = [
        "", " ", name, f"@{domain}", f"{name}@", f"{name}@{word(rng)}", f"{name}@@{domain}", f"{name}@{name}@{domain}",
        f"{name} x@{domain}", f"{name}@{word(rng)} x.org", f"{name}\tx@{domain}", f"{name}\x00x@{domain}",
        f"{name}@{domain}\x07x", 7, True, None, [f"{name}@{domain}"],
    ]  # fmt: skip
    for email in wrong:
        invalid(api.post(ACCOUNTS, registration(rng, email=email)), "email")


@covers("C-03")
@fail_to_pass
def test_an_address_has_at_most_254_characters(api: Api, rng: Random) -> None:
    tail = f"@{word(rng, 62)}.{word(rng, 62)}.{word(rng, 62)}.org"
    local = word(rng, 254 - len(tail))
    assert len(local) <= 64
    assert api.post(ACCOUNTS, registration(rng, email=local + tail)).expect(201).json()["email"] == local + tail
    tail = tail.replace(".org", f".{word(rng, 4)}")
    invalid(api.post(ACCOUNTS, registration(rng, email=local + tail)), "email")


@covers("C-04", "C-06")
@fail_to_pass
def test_names_have_their_limits(api: Api, rng: Random) -> None:
    for name, kept in ((f"  {word(rng)}\n", None), ("é" * 80, None), ("x", None), (f" {'é' * 80} ", "é" * 80)):
        account = api.post(ACCOUNTS, registration(rng, name=name)).expect(201).json()
        assert account["name"] == (kept or name.strip())
    for wrong in ("", " \t ", "é" * 81, "a\x00b", "a\nb", "a\x1fb", "a\x7fb", 5, None, ["x"]):
        invalid(api.post(ACCOUNTS, registration(rng, name=wrong)), "name")


@covers("C-05", "C-06", "C-17")
@fail_to_pass
def test_passwords_have_12_to_128_characters(api: Api, rng: Random) -> None:
    for length in (12, 128):
        body = registration(rng, password="é" + word(rng, length - 1))
        api.post(ACCOUNTS, body).expect(201)
        log_in(api, body["email"], body["password"])
    longest = registration(rng, password=word(rng, 128))
    api.post(ACCOUNTS, longest).expect(201)
    refused(attempt(api, longest["email"], f"{longest['password'][:-1]}-"), 401, "login_failed")
    for wrong in (word(rng, 11), word(rng, 129), "", 123456789012, None, [secret(rng)]):
        invalid(api.post(ACCOUNTS, registration(rng, password=wrong)), "password")


@covers("C-05", "C-17")
@fail_to_pass
def test_passwords_are_taken_as_they_are(api: Api, rng: Random) -> None:
    inner = f"{word(rng, 7)}é{word(rng, 6).upper()}"
    body = registration(rng, password=f" {inner} ")
    api.post(ACCOUNTS, body).expect(201)
    log_in(api, body["email"], f" {inner} ")
    for other in (inner, f"{inner} ", f" {inner}"):
        refused(attempt(api, body["email"], other), 401, "login_failed")
    log_in(api, body["email"], f" {inner} ")
    refused(attempt(api, body["email"], f" {inner.swapcase()} "), 401, "login_failed")
    spaces = registration(rng, password=" " * 12)
    api.post(ACCOUNTS, spaces).expect(201)
    log_in(api, spaces["email"], " " * 12)


@covers("C-02", "C-06")
@fail_to_pass
def test_a_registration_has_its_three_fields_and_no_other(api: Api, rng: Random) -> None:
    body = registration(rng)
    for field in body:
        invalid(api.post(ACCOUNTS, {name: value for name, value in body.items() if name != field}), field)
    foreign = {"role": "admin", "active": True, "id": unknown_id(rng), "created_at": None, word(rng): 1}
    for field, value in foreign.items():
        invalid(api.post(ACCOUNTS, {**body, field: value}), field)
    refused(api.post(ACCOUNTS, [body]), 422, "invalid_request")
    assert api.post(ACCOUNTS, body).expect(201).json()["role"] == "member"


@covers("C-07")
@fail_to_pass
def test_a_taken_address_keeps_its_account(api: Api, rng: Random) -> None:
    first = person(api, rng)
    second = registration(rng, email=first.email)
    refused(api.post(ACCOUNTS, second), 409, "email_taken")
    refused(attempt(api, first.email, second["password"]), 401, "login_failed")
    assert log_in(api, first.email, first.password).get(ME).expect(200).json() == first.account


@covers("C-07", "C-44")
@fail_to_pass
def test_of_many_registrations_at_once_one_wins(replicas: tuple[Api, ...], rng: Random) -> None:
    for _ in range(3):
        email = address(rng)
        bodies = [registration(rng, email=email.upper() if number % 3 else email) for number in range(6)]
        calls = [partial(replicas[number % 2].post, ACCOUNTS, body) for number, body in enumerate(bodies)]
        replies = replicas[0].together(calls)
        assert sorted(reply.status for reply in replies) == [201, 409, 409, 409, 409, 409]
        for reply in replies:
            if reply.status == 409:
                refused(reply, 409, "email_taken")
        winner = next(body for body, reply in zip(bodies, replies, strict=True) if reply.status == 201)
        log_in(replicas[0], email, winner["password"])


@covers("C-08", "C-01")
@fail_to_pass
def test_everybody_reads_their_own_account(api: Api, rng: Random) -> None:
    for role in ("member", "auditor", "admin"):
        someone = person(api, rng, role)
        own = someone.session.get(ME).expect(200).json()
        assert own == someone.account
        assert (own["role"], set(own)) == (role, ACCOUNT_FIELDS)
    stranger(api.get(ME))
