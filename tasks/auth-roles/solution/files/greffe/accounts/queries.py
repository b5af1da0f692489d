"""Every statement about accounts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, collate, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from greffe.accounts.tables import accounts


async def find(connection: AsyncConnection, account_id: UUID) -> Row[Any] | None:
    found = await connection.execute(select(accounts).where(accounts.c.id == account_id))
    return found.one_or_none()


async def find_by_email(connection: AsyncConnection, email: str) -> Row[Any] | None:
    found = await connection.execute(select(accounts).where(accounts.c.email == email))
    return found.one_or_none()


async def page(
    connection: AsyncConnection, *, role: str | None, active: bool | None, limit: int, offset: int
) -> tuple[Sequence[Row[Any]], int]:
    """In the order of their addresses, and how many match in all."""
    matching = select(accounts)
    if role is not None:
        matching = matching.where(accounts.c.role == role)
    if active is not None:
        matching = matching.where(accounts.c.active.is_(active))
    counted = await connection.execute(select(func.count()).select_from(matching.subquery()))
    ordered = matching.order_by(collate(accounts.c.email, "C")).limit(limit).offset(offset)
    return (await connection.execute(ordered)).all(), counted.scalar_one()


async def add(connection: AsyncConnection, values: dict[str, Any]) -> Row[Any] | None:
    """The new account; None where the address has one already."""
    added = await connection.execute(
        insert(accounts)
        .values(values)
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(accounts)
    )
    return added.one_or_none()


async def change(
    connection: AsyncConnection, account_id: UUID, values: dict[str, Any]
) -> Row[Any] | None:
    changed = await connection.execute(
        update(accounts).where(accounts.c.id == account_id).values(values).returning(accounts)
    )
    return changed.one_or_none()
