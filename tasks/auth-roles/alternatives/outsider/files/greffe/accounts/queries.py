"""Every statement about accounts."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from greffe.accounts.tables import accounts

SHOWN = (
    accounts.c.id,
    accounts.c.email,
    accounts.c.name,
    accounts.c.role,
    accounts.c.active,
    accounts.c.created_at,
)
"""All but the hash of the password."""


async def exists(connection: AsyncConnection, email: str) -> bool:
    found = await connection.execute(select(accounts.c.id).where(accounts.c.email == email))
    return found.one_or_none() is not None


async def credentials(connection: AsyncConnection, email: str) -> Row[Any] | None:
    """What a log-in is judged by."""
    found = await connection.execute(
        select(accounts.c.id, accounts.c.active, accounts.c.password_hash).where(
            accounts.c.email == email
        )
    )
    return found.one_or_none()


async def hold_unchanged(
    connection: AsyncConnection, account_id: UUID, password_hash: str | None
) -> bool:
    """Whether the account is active and has this very password; if so, until the commit."""
    held = await connection.execute(
        select(accounts.c.id)
        .where(
            accounts.c.id == account_id,
            accounts.c.active,
            accounts.c.password_hash == password_hash,
        )
        .with_for_update(read=True)
    )
    return held.one_or_none() is not None


async def lock(connection: AsyncConnection, account_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Those that exist, locked in one order for everybody; what refers to them goes on."""
    locked = await connection.execute(
        select(*SHOWN)
        .where(accounts.c.id.in_(account_ids))
        .order_by(accounts.c.id)
        .with_for_update(key_share=True)
    )
    return {account.id: account for account in locked}


async def page(
    connection: AsyncConnection,
    *,
    role: str | None,
    active: bool | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[Row[Any]], int]:
    """By address, character by character, and how many match in all."""
    matching = select(*SHOWN)
    if role is not None:
        matching = matching.where(accounts.c.role == role)
    if active is not None:
        matching = matching.where(accounts.c.active.is_(active))
    total = await connection.scalar(select(func.count()).select_from(matching.subquery()))
    ordered = matching.order_by(accounts.c.email.collate("C")).limit(limit).offset(offset)
    return (await connection.execute(ordered)).all(), total or 0


async def add(connection: AsyncConnection, values: dict[str, Any]) -> Row[Any] | None:
    """None where the address has an account, also when that is not committed yet."""
    added = await connection.execute(
        insert(accounts)
        .values(values)
        .on_conflict_do_nothing(index_elements=[accounts.c.email])
        .returning(*SHOWN)
    )
    return added.one_or_none()


async def change(connection: AsyncConnection, account_id: UUID, values: dict[str, Any]) -> Row[Any]:
    changed = await connection.execute(
        update(accounts).where(accounts.c.id == account_id).values(values).returning(*SHOWN)
    )
    return changed.one()
