"""How often one may try to log in; what takes a whole window to see is in `test_waits.py`."""

from functools import partial
from random import Random

from support import (
    AT_ONCE,
    ATTEMPTS,
    LOGIN,
    address,
    attempt,
    invalid,
    limited,
    log_in,
    person,
    refused,
    secret,
)

from graders.testkit import Api, covers, fail_to_pass


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
    # Several addresses, because on a busy machine attempts that were sent at once may still come one after the other.
    for email in (person(replicas[0], rng).email, *(address(rng) for _ in range(5))):
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
