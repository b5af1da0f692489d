"""Every statement about sessions and refresh tokens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from greffe.accounts.tables import accounts
from greffe.sessions.tables import refresh_tokens, sessions


async def begin(connection: AsyncConnection, account_id: UUID) -> UUID:
    begun = await connection.execute(
        insert(sessions).values(account_id=account_id).returning(sessions.c.id)
    )
    return begun.scalar_one()


async def account_of(connection: AsyncConnection, session_id: UUID) -> Row[Any] | None:
    """The account of a session that lasts; None where it has ended or its account is off."""
    found = await connection.execute(
        select(accounts)
        .join(sessions, sessions.c.account_id == accounts.c.id)
        .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None), accounts.c.active)
    )
    return found.one_or_none()


async def end(connection: AsyncConnection, session_id: UUID) -> None:
    await connection.execute(
        update(sessions)
        .where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
        .values(ended_at=func.now())
    )


async def end_all(connection: AsyncConnection, account_id: UUID) -> None:
    await connection.execute(
        update(sessions)
        .where(sessions.c.account_id == account_id, sessions.c.ended_at.is_(None))
        .values(ended_at=func.now())
    )


async def add_refresh_token(
    connection: AsyncConnection, session_id: UUID, digest: str, seconds: int
) -> None:
    await connection.execute(
        insert(refresh_tokens).values(
            digest=digest,
            session_id=session_id,
            expires_at=func.now() + timedelta(seconds=seconds),
        )
    )


async def lock_refresh_token(connection: AsyncConnection, digest: str) -> Row[Any] | None:
    """The token, held so that nobody else uses it meanwhile, and whether its time is over."""
    found = await connection.execute(
        select(refresh_tokens, (refresh_tokens.c.expires_at <= func.now()).label("expired"))
        .where(refresh_tokens.c.digest == digest)
        .with_for_update()
    )
    return found.one_or_none()


async def use_refresh_token(connection: AsyncConnection, digest: str) -> None:
    await connection.execute(
        update(refresh_tokens).where(refresh_tokens.c.digest == digest).values(used_at=func.now())
    )
