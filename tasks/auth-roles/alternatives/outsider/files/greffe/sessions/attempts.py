"""The limit of log-in: attempts for one address within a window, counted in Valkey."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from redis.asyncio import Redis
from redis.exceptions import RedisError

from greffe.platform.errors import UnavailableError
from greffe.platform.settings import Settings
from greffe.sessions.errors import TooManyAttemptsError

# One step for all processes: counts an attempt and answers 0, or answers the milliseconds that a
# full window still lasts. Only the first attempt sets when the window ends.
COUNT = """
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
if tonumber(redis.call('GET', KEYS[1]) or '0') >= limit then
    return math.max(1, redis.call('PTTL', KEYS[1]))
end
if redis.call('INCR', KEYS[1]) == 1 then
    redis.call('PEXPIRE', KEYS[1], window)
end
return 0
"""


async def count(valkey: Redis, settings: Settings, email: str) -> None:
    """Counts before anything is judged, so that attempts at once cannot slip through."""
    window = settings.login_window_seconds
    async with _reachable():
        left = await valkey.eval(COUNT, 1, _key(email), settings.login_attempts, window * 1000)
    if left:
        raise TooManyAttemptsError(min(math.ceil(left / 1000), window))


async def forget(valkey: Redis, email: str) -> None:
    async with _reachable():
        await valkey.delete(_key(email))


def _key(email: str) -> str:
    return f"greffe:login:{sha256(email.encode()).hexdigest()}"


@asynccontextmanager
async def _reachable() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise UnavailableError from error
