"""Every statement about dossiers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from greffe.accounts.tables import accounts
from greffe.dossiers.tables import dossiers


def _shown() -> Select[Any]:
    """Dossiers with the address of their owner, which is not the column of the same name."""
    return select(
        dossiers.c.id,
        dossiers.c.number,
        dossiers.c.title,
        dossiers.c.category,
        dossiers.c.status,
        dossiers.c.owner_id,
        accounts.c.email.label("owner_email"),
        dossiers.c.created_at,
        dossiers.c.updated_at,
    ).join_from(dossiers, accounts, dossiers.c.owner_id == accounts.c.id)


async def find(
    connection: AsyncConnection, dossier_id: UUID, *, lock: bool = False
) -> Row[Any] | None:
    """With `lock`, nobody else changes or removes it before the commit."""
    wanted = _shown().where(dossiers.c.id == dossier_id)
    if lock:
        wanted = wanted.with_for_update(of=dossiers)
    return (await connection.execute(wanted)).one_or_none()


async def page(
    connection: AsyncConnection,
    *,
    visible_to: UUID | None,
    owner_id: UUID | None,
    category: str | None,
    status: str | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[Row[Any]], int]:
    """Newest number first, and how many match in all; only those of `visible_to`, if given."""
    matching = _shown()
    if visible_to is not None:
        matching = matching.where(dossiers.c.owner_id == visible_to)
    if owner_id is not None:
        matching = matching.where(dossiers.c.owner_id == owner_id)
    if category is not None:
        matching = matching.where(dossiers.c.category == category)
    if status is not None:
        matching = matching.where(dossiers.c.status == status)
    total = await connection.scalar(select(func.count()).select_from(matching.subquery()))
    ordered = matching.order_by(dossiers.c.number.desc()).limit(limit).offset(offset)
    return (await connection.execute(ordered)).all(), total or 0


async def add(connection: AsyncConnection, values: dict[str, Any]) -> UUID:
    added = await connection.execute(insert(dossiers).values(values).returning(dossiers.c.id))
    return added.scalar_one()


async def change(connection: AsyncConnection, dossier_id: UUID, values: dict[str, Any]) -> None:
    await connection.execute(
        update(dossiers).where(dossiers.c.id == dossier_id).values(**values, updated_at=func.now())
    )


async def remove(connection: AsyncConnection, dossier_id: UUID) -> None:
    await connection.execute(delete(dossiers).where(dossiers.c.id == dossier_id))
