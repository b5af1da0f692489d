"""Every statement about sessions and their refresh tokens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from greffe.accounts.queries import SHOWN
from greffe.accounts.tables import accounts
from greffe.sessions.tables import refresh_tokens, sessions


async def account_in(
    connection: AsyncConnection, session_id: UUID, account_id: UUID
) -> Row[Any] | None:
    """The account that asks, while it is active and its session lasts."""
    found = await connection.execute(
        select(*SHOWN, sessions.c.id.label("session_id"))
        .join_from(sessions, accounts, sessions.c.account_id == accounts.c.id)
        .where(
            sessions.c.id == session_id,
            sessions.c.account_id == account_id,
            sessions.c.ended_at.is_(None),
            accounts.c.active,
        )
    )
    return found.one_or_none()


async def add(connection: AsyncConnection, account_id: UUID) -> UUID:
    added = await connection.execute(
        insert(sessions).values(account_id=account_id).returning(sessions.c.id)
    )
    return added.scalar_one()


async def find(connection: AsyncConnection, session_id: UUID) -> Row[Any]:
    found = await connection.execute(select(sessions).where(sessions.c.id == session_id))
    return found.one()


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


async def add_token(
    connection: AsyncConnection, session_id: UUID, digest: str, lifetime: timedelta
) -> None:
    await connection.execute(
        insert(refresh_tokens).values(
            digest=digest, session_id=session_id, expires_at=func.now() + lifetime
        )
    )


async def lock_token(connection: AsyncConnection, digest: str) -> Row[Any] | None:
    """Whoever sends the same token at the same time waits here, and finds it used."""
    found = await connection.execute(
        select(
            refresh_tokens.c.session_id,
            refresh_tokens.c.used_at.is_not(None).label("used"),
            (refresh_tokens.c.expires_at <= func.clock_timestamp()).label("expired"),
        )
        .where(refresh_tokens.c.digest == digest)
        .with_for_update()
    )
    return found.one_or_none()


async def use_token(connection: AsyncConnection, digest: str) -> None:
    await connection.execute(
        update(refresh_tokens).where(refresh_tokens.c.digest == digest).values(used_at=func.now())
    )
