"""How often one may try to log in; what takes a whole window to see is in `test_waits.py`."""

from functools import partial
from random import Random

from support import (
    ATTEMPTS,
    DOSSIERS,
    FRENCH,
    LOGIN,
    LOGOUT,
    ME,
    address,
    attempt,
    invalid,
    limited,
    log_in,
    make_dossier,
    one,
    person,
    refused,
    registration,
    secret,
)

from graders.testkit import Api, Faults, covers, fail_to_pass, until

AT_ONCE = 10


@covers("C-26", "C-28")
@fail_to_pass
def test_attempts_of_an_address_are_limited(api: Api, rng: Random) -> None:
    someone, other = person(api, rng), person(api, rng)
    for _ in range(ATTEMPTS):
        refused(attempt(api, someone.email, secret(rng)), 401, "login_failed")
    limited(attempt(api, someone.email, secret(rng)))
    limited(attempt(api, someone.email, someone.password))
    assert log_in(api, other.email, other.password).alive()
    assert someone.session.alive()


@covers("C-26", "C-29", "C-03")
@fail_to_pass
def test_unknown_addresses_are_limited_in_every_case(replicas: tuple[Api, ...], rng: Random) -> None:
    email = address(rng)
    spellings = [email, email.upper(), f" {email} ", email.title(), email.capitalize(), email.swapcase()]
    for number in range(ATTEMPTS):
        refused(attempt(replicas[number % 2], spellings[number], secret(rng)), 401, "login_failed")
    for number in range(ATTEMPTS, len(spellings)):
        limited(attempt(replicas[number % 2], spellings[number], secret(rng)))


@covers("C-29", "C-26")
@fail_to_pass
def test_attempts_at_once_are_counted_together(replicas: tuple[Api, ...], rng: Random) -> None:
    for email in (address(rng), person(replicas[0], rng).email):
        passwords = [secret(rng) for _ in range(AT_ONCE)]
        calls = [partial(attempt, replicas[number % 2], email, text) for number, text in enumerate(passwords)]
        replies = replicas[0].together(calls)
        expected = [401] * ATTEMPTS + [429] * (AT_ONCE - ATTEMPTS)
        assert sorted(reply.status for reply in replies) == expected
        for reply in replies:
            if reply.status == 429:
                limited(reply)


@covers("C-27")
@fail_to_pass
def test_a_log_in_that_succeeds_ends_the_window(replicas: tuple[Api, ...], rng: Random) -> None:
    someone = person(replicas[0], rng)
    for number in range(3):
        for _ in range(ATTEMPTS - 1):
            refused(attempt(replicas[number % 2], someone.email, secret(rng)), 401, "login_failed")
        log_in(replicas[(number + 1) % 2], someone.email, someone.password)


@covers("C-26")
@fail_to_pass
def test_invalid_requests_are_no_attempts(api: Api, rng: Random) -> None:
    someone = person(api, rng)
    for _ in range(ATTEMPTS + 1):
        invalid(api.post(LOGIN, {"email": someone.email}), "password")
        invalid(api.post(LOGIN, {"email": someone.email, "password": None}), "password")
    for _ in range(ATTEMPTS - 1):
        refused(attempt(api, someone.email, secret(rng)), 401, "login_failed")
    log_in(api, someone.email, someone.password)


@covers("C-30", "C-40", "C-44")
@fail_to_pass
def test_without_valkey_only_log_in_is_unavailable(replicas: tuple[Api, ...], faults: Faults, rng: Random) -> None:
    api = replicas[0]
    someone, leaver = person(api, rng), person(api, rng)
    with faults.without("valkey"):
        for replica in replicas:
            plain = attempt(replica, someone.email, someone.password)
            french = attempt(replica, address(rng), secret(rng), FRENCH)
            message = refused(plain, 503, "unavailable")["message"]
            assert message == "The service is not available at the moment."
            message = refused(french, 503, "unavailable")["message"]
            assert message == "Le service n'est pas disponible pour le moment."
        assert someone.session.get(ME).expect(200).json() == someone.account
        dossier = make_dossier(someone.session, rng)
        assert someone.session.get(one(dossier)).expect(200).json() == dossier
        assert someone.session.get(DOSSIERS).expect(200).json()["items"] == [dossier]
        assert someone.session.refreshed().alive()
        leaver.session.post(LOGOUT).expect(204)
        api.post("/api/accounts", registration(rng)).expect(201)
    # Until none of the connections that the outage broke is left in either process.
    again = [partial(attempt, replicas[number % 2], address(rng), secret(rng)) for number in range(AT_ONCE)]
    until(lambda: {reply.status for reply in api.together(again)} <= {401, 429}, "log-in is available again")
    assert log_in(api, someone.email, someone.password).alive()
