"""Hashes of passwords: argon2id with a salt each, in a thread, as it is slow on purpose."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher()


async def hashed(password: str) -> str:
    return await asyncio.to_thread(_hasher.hash, password)


async def matches(password: str, password_hash: str | None) -> bool:
    """Takes as long where there is no hash to compare with."""
    if password_hash is None:
        await hashed(password)
        return False
    return await asyncio.to_thread(_verified, password, password_hash)


def _verified(password: str, password_hash: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
