"""How often one may try to log in, counted in Valkey for all processes."""

import hashlib
import math

from redis.asyncio import Redis
from redis.exceptions import RedisError

from greffe.platform.errors import UnavailableError
from greffe.platform.settings import Settings
from greffe.sessions.errors import TooManyAttemptsError


def _key(email: str) -> str:
    return f"login:{hashlib.sha256(email.encode()).hexdigest()}"


async def count_attempt(valkey: Redis, settings: Settings, email: str) -> None:
    """Count an attempt; the window lasts from the first one, whatever follows."""
    key = _key(email)
    try:
        async with valkey.pipeline(transaction=True) as pipe:
            pipe.set(key, 0, ex=settings.login_window_seconds, nx=True)
            pipe.incr(key)
            pipe.pttl(key)
            _, attempts, left = await pipe.execute()
    except (RedisError, OSError) as error:
        raise UnavailableError from error
    if attempts > settings.login_attempts:
        raise TooManyAttemptsError(max(1, math.ceil(left / 1000)))


async def forget_attempts(valkey: Redis, email: str) -> None:
    try:
        await valkey.delete(_key(email))
    except (RedisError, OSError) as error:
        raise UnavailableError from error
