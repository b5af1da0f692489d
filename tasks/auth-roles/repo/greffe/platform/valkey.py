"""The client of Valkey, shared by all requests of a process."""

from typing import Annotated

from fastapi import Depends, Request
from redis.asyncio import Redis

from greffe.platform.settings import Settings

TIMEOUT_SECONDS = 2.0


def create_valkey(settings: Settings) -> Redis:
    return Redis.from_url(
        settings.valkey_url,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )


def get_valkey(request: Request) -> Redis:
    valkey: Redis = request.app.state.valkey
    return valkey


Valkey = Annotated[Redis, Depends(get_valkey)]
