"""What takes a whole window, or the whole life of a token, to see: goes on beside the checks, from the first one on."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from random import Random

from support import (
    ACCOUNTS,
    ATTEMPTS,
    FRENCH,
    REFRESH_SECONDS,
    WINDOW,
    attempt,
    limited,
    log_in,
    person,
    refused,
    registration,
    secret,
)

from graders.testkit import Api, Reply

PAUSE = 4
"""Seconds between the first attempt of a window and the others, so that a window which grows is seen."""


def a_window(replicas: tuple[Api, ...], rng: Random) -> None:
    """From the first attempt until one is judged again, with the answers of both processes in both languages."""
    api, other = replicas
    body = registration(rng)
    api.post(ACCOUNTS, body).expect(201)
    begun = time.monotonic()
    refused(attempt(api, body["email"], secret(rng)), 401, "login_failed")
    first = time.monotonic()
    time.sleep(PAUSE)
    for number in range(1, ATTEMPTS):
        refused(attempt(replicas[number % 2], body["email"], secret(rng)), 401, "login_failed")
    over = None
    while over is None:
        for replica, headers in ((api, None), (other, FRENCH)):
            asked = time.monotonic()
            reply = attempt(replica, body["email"], secret(rng), headers)
            if reply.status != 429:
                over = time.monotonic()
                break
            left = limited(reply)
            assert left <= WINDOW - (asked - first) + 1, f"{left} s left, {asked - first:.1f} s after the first attempt"
            said(reply, left, "en" if headers is None else "fr")
        time.sleep(0.15)
    assert over - begun > WINDOW - 1, f"the window ended after {over - begun:.1f} s"
    for _ in range(ATTEMPTS - 2):
        refused(attempt(api, body["email"], secret(rng)), 401, "login_failed")
    log_in(api, body["email"], body["password"])


def said(reply: Reply, left: int, language: str) -> None:
    ending = "" if left == 1 else "s"
    expected = {
        "en": f"Too many attempts, try again in {left} second{ending}.",
        "fr": f"Trop de tentatives, réessayez dans {left} seconde{ending}.",
    }
    assert reply.json()["message"] == expected[language]
    assert reply.headers.get("content-language") == language


def after_retry_after(replicas: tuple[Api, ...], rng: Random) -> None:
    """As long as the refusal says, then once."""
    api = replicas[0]
    someone = person(api, rng)
    for _ in range(ATTEMPTS):
        refused(attempt(api, someone.email, secret(rng)), 401, "login_failed")
    left = limited(attempt(api, someone.email, someone.password))
    time.sleep(left + 0.8)
    assert log_in(api, someone.email, someone.password).alive()


def life_of_refresh_tokens(replicas: tuple[Api, ...], rng: Random) -> None:
    """One token that is left alone, and a session that is renewed in time and so outlives it."""
    api = replicas[0]
    idle, renewed = person(api, rng), person(api, rng)
    begun = time.monotonic()
    time.sleep(REFRESH_SECONDS - 8)
    second = renewed.session.refreshed()
    time.sleep(max(0.0, begun + REFRESH_SECONDS + 1 - time.monotonic()))
    refused(idle.session.refresh(), 401, "token_invalid")
    refused(idle.session.refresh(), 401, "token_invalid")
    assert second.refreshed().alive()


Wait = Callable[[tuple[Api, ...], Random], None]
WAITS: tuple[Wait, ...] = (a_window, after_retry_after, life_of_refresh_tokens)
BEGUN: dict[Wait, Future[None]] = {}


def begin(replicas: tuple[Api, ...], rng: Random) -> None:
    """Begins them all, once; `BEGUN` holds their ends, with what they found."""
    if not BEGUN:
        pool = ThreadPoolExecutor(len(WAITS))
        BEGUN.update({each: pool.submit(each, replicas, Random(rng.random())) for each in WAITS})
