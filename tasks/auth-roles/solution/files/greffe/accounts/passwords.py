"""Passwords at rest: argon2id. Hashing takes its time, so it runs in threads."""

import secrets
from asyncio import to_thread
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


async def hashed(password: str) -> str:
    return await to_thread(HASHER.hash, password)


async def matches(password: str, password_hash: str | None) -> bool:
    """Whether it is the password; without a hash the answer is no and takes as long."""
    return await to_thread(_verify, password, password_hash)


def _verify(password: str, password_hash: str | None) -> bool:
    try:
        return HASHER.verify(password_hash or _nobodys_hash(), password)
    except VerifyMismatchError:
        return False


@lru_cache
def _nobodys_hash() -> str:
    return HASHER.hash(secrets.token_urlsafe())
