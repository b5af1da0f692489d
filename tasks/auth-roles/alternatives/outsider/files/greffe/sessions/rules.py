"""What is allowed with sessions. Each rule is one transaction."""

import logging
from datetime import timedelta
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from greffe.accounts import passwords
from greffe.accounts import queries as accounts
from greffe.platform.settings import Settings
from greffe.sessions import attempts, queries, tokens
from greffe.sessions.access import Asker
from greffe.sessions.errors import LoginFailedError, TokenInvalidError
from greffe.sessions.schemas import Login, Tokens

logger = logging.getLogger(__name__)


async def log_in(engine: AsyncEngine, valkey: Redis, settings: Settings, data: Login) -> Tokens:
    await attempts.count(valkey, settings, data.email)
    async with engine.connect() as connection:
        account = await accounts.credentials(connection, data.email)
    password_hash = account.password_hash if account is not None else None
    if not await passwords.matches(data.password, password_hash) or account is None:
        raise LoginFailedError
    async with engine.begin() as connection:
        # What was judged may have changed by now; an end of all sessions must not miss this one.
        if not await accounts.hold_unchanged(connection, account.id, password_hash):
            raise LoginFailedError
        session_id = await queries.add(connection, account.id)
        answer = await _issue(connection, settings, account.id, session_id)
        await attempts.forget(valkey, data.email)
    logger.info("account %s logged in", account.id)
    return answer


async def refresh(engine: AsyncEngine, settings: Settings, refresh_token: str) -> Tokens:
    async with engine.begin() as connection:
        answer = await _refresh(connection, settings, tokens.digest(refresh_token))
    # Only now: raised within the transaction, it would undo the end of a session.
    if answer is None:
        raise TokenInvalidError
    return answer


async def _refresh(connection: AsyncConnection, settings: Settings, digest: str) -> Tokens | None:
    token = await queries.lock_token(connection, digest)
    if token is None:
        return None
    session = await queries.find(connection, token.session_id)
    if token.used:
        await queries.end(connection, session.id)
        logger.info("account %s: a used refresh token came again", session.account_id)
        return None
    if token.expired or session.ended_at is not None:
        return None
    await queries.use_token(connection, digest)
    return await _issue(connection, settings, session.account_id, session.id)


async def log_out(engine: AsyncEngine, asker: Asker) -> None:
    async with engine.begin() as connection:
        await queries.end(connection, asker.session_id)
    logger.info("account %s logged out", asker.id)


async def _issue(
    connection: AsyncConnection, settings: Settings, account_id: UUID, session_id: UUID
) -> Tokens:
    refresh_token = tokens.new_refresh_token()
    lifetime = timedelta(seconds=settings.refresh_token_seconds)
    await queries.add_token(connection, session_id, tokens.digest(refresh_token), lifetime)
    return Tokens(
        access_token=tokens.access_token(settings, account_id, session_id),
        refresh_token=refresh_token,
        expires_in=settings.access_token_seconds,
    )
