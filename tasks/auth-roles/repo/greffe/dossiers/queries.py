"""Every statement about dossiers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from greffe.dossiers.tables import dossiers


async def find(connection: AsyncConnection, dossier_id: UUID) -> Row[Any] | None:
    found = await connection.execute(select(dossiers).where(dossiers.c.id == dossier_id))
    return found.one_or_none()


async def page(
    connection: AsyncConnection,
    *,
    category: str | None,
    status: str | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[Row[Any]], int]:
    """Newest number first, and how many match in all."""
    matching = select(dossiers)
    if category is not None:
        matching = matching.where(dossiers.c.category == category)
    if status is not None:
        matching = matching.where(dossiers.c.status == status)
    total = await connection.scalar(select(func.count()).select_from(matching.subquery()))
    ordered = matching.order_by(dossiers.c.number.desc()).limit(limit).offset(offset)
    return (await connection.execute(ordered)).all(), total or 0


async def add(connection: AsyncConnection, values: dict[str, Any]) -> Row[Any]:
    added = await connection.execute(insert(dossiers).values(values).returning(dossiers))
    return added.one()


async def change(
    connection: AsyncConnection, dossier_id: UUID, values: dict[str, Any]
) -> Row[Any] | None:
    changed = await connection.execute(
        update(dossiers)
        .where(dossiers.c.id == dossier_id)
        .values(**values, updated_at=func.now())
        .returning(dossiers)
    )
    return changed.one_or_none()


async def remove(connection: AsyncConnection, dossier_id: UUID) -> bool:
    removed = await connection.execute(delete(dossiers).where(dossiers.c.id == dossier_id))
    return removed.rowcount > 0
