"""The pool of connections, and how a request gets one."""

from collections.abc import AsyncIterator
from typing import Annotated

import asyncpg
from asyncpg.pool import PoolConnectionProxy as Connection
from fastapi import Depends, Request

from noticeboard.settings import Settings


async def create_pool(settings: Settings) -> asyncpg.Pool:
    return await asyncpg.create_pool(settings.database_url, min_size=1, max_size=settings.pool_size)


async def get_connection(request: Request) -> AsyncIterator[Connection]:
    """One connection for the request. Statements commit by themselves unless in a transaction."""
    async with request.app.state.pool.acquire() as connection:
        yield connection


Db = Annotated[Connection, Depends(get_connection)]
