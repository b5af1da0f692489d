"""Every statement about notes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from greffe.notes.tables import notes


async def page(
    connection: AsyncConnection, dossier_id: UUID, *, limit: int, offset: int
) -> tuple[Sequence[Row[Any]], int]:
    """Oldest first, and how many there are in all."""
    matching = select(notes).where(notes.c.dossier_id == dossier_id)
    total = await connection.scalar(select(func.count()).select_from(matching.subquery()))
    ordered = matching.order_by(notes.c.created_at, notes.c.id).limit(limit).offset(offset)
    return (await connection.execute(ordered)).all(), total or 0


async def add(connection: AsyncConnection, values: dict[str, Any]) -> Row[Any]:
    added = await connection.execute(insert(notes).values(values).returning(notes))
    return added.one()
