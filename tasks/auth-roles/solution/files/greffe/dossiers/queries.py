"""Every statement about dossiers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from greffe.accounts.tables import accounts
from greffe.dossiers.tables import dossiers

COLUMNS = [column for column in dossiers.c if column is not dossiers.c.owner_email]
ANSWERED = select(*COLUMNS, accounts.c.email.label("owner_email")).join_from(dossiers, accounts)
"""A dossier with its owner's address."""


async def find(
    connection: AsyncConnection, dossier_id: UUID, *, lock: bool = False
) -> Row[Any] | None:
    """The dossier; with `lock` nobody else changes or removes it until the transaction ends."""
    statement = ANSWERED.where(dossiers.c.id == dossier_id)
    if lock:
        statement = statement.with_for_update(of=dossiers)
    found = await connection.execute(statement)
    return found.one_or_none()


async def page(
    connection: AsyncConnection,
    *,
    seen_by: UUID | None,
    owner_id: UUID | None,
    category: str | None,
    status: str | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[Row[Any]], int]:
    """Newest number first, and how many match in all; `seen_by` keeps what one owner sees."""
    matching = ANSWERED
    for owner in (seen_by, owner_id):
        if owner is not None:
            matching = matching.where(dossiers.c.owner_id == owner)
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
