"""How sessions begin, go on and end. What ends one is committed before any error goes out."""

import logging
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from greffe.accounts import queries as accounts
from greffe.accounts.passwords import matches
from greffe.platform.settings import Settings
from greffe.sessions import queries, tokens
from greffe.sessions.errors import LoginFailedError, TokenInvalidError
from greffe.sessions.limits import count_attempt, forget_attempts
from greffe.sessions.schemas import Login, Tokens

logger = logging.getLogger(__name__)


async def log_in(engine: AsyncEngine, valkey: Redis, settings: Settings, data: Login) -> Tokens:
    await count_attempt(valkey, settings, data.email)
    async with engine.connect() as connection:
        account = await accounts.find_by_email(connection, data.email)
    if not await _is_right(account, data.password):
        raise LoginFailedError
    await forget_attempts(valkey, data.email)
    async with engine.begin() as connection:
        session_id = await queries.begin(connection, account.id)
        issued = await _issue(connection, settings, account.id, session_id)
    logger.info("account %s logged in", account.id)
    return issued


async def _is_right(account: Row[Any] | None, password: str) -> bool:
    """The password is compared in every case, so that the answer always takes as long."""
    matching = await matches(password, account.password_hash if account is not None else None)
    return account is not None and account.active and matching


async def refresh(engine: AsyncEngine, settings: Settings, token: str) -> Tokens:
    async with engine.begin() as connection:
        issued = await _exchange(connection, settings, tokens.digest(token))
    if issued is None:
        raise TokenInvalidError
    return issued


async def _exchange(connection: AsyncConnection, settings: Settings, digest: str) -> Tokens | None:
    known = await queries.lock_refresh_token(connection, digest)
    if known is None:
        return None
    if known.used_at is not None:
        await queries.end(connection, known.session_id)
        logger.info("session %s ended: a refresh token came twice", known.session_id)
        return None
    account = await queries.account_of(connection, known.session_id)
    if known.expired or account is None:
        return None
    await queries.use_refresh_token(connection, digest)
    return await _issue(connection, settings, account.id, known.session_id)


async def _issue(
    connection: AsyncConnection, settings: Settings, account_id: UUID, session_id: UUID
) -> Tokens:
    token = tokens.refresh_token()
    await queries.add_refresh_token(
        connection, session_id, tokens.digest(token), settings.refresh_token_seconds
    )
    return Tokens(
        access_token=tokens.access_token(settings, account_id, session_id),
        refresh_token=token,
        expires_in=settings.access_token_seconds,
    )


async def log_out(engine: AsyncEngine, account_id: UUID, session_id: UUID) -> None:
    async with engine.begin() as connection:
        await queries.end(connection, session_id)
    logger.info("account %s logged out", account_id)
