"""What is allowed with dossiers, and to whom. Each rule is one transaction."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from greffe.dossiers import queries
from greffe.dossiers.errors import DossierNotFoundError
from greffe.dossiers.schemas import DossierChange, DossierCreate
from greffe.sessions.access import Caller
from greffe.sessions.errors import ForbiddenError

logger = logging.getLogger(__name__)


async def visible(
    connection: AsyncConnection, caller: Caller, dossier_id: UUID, *, lock: bool = False
) -> Row[Any]:
    """The dossier, if there is one that the caller sees."""
    dossier = await queries.find(connection, dossier_id, lock=lock)
    if dossier is None or not (caller.sees_all or dossier.owner_id == caller.id):
        raise DossierNotFoundError
    return dossier


async def changeable(connection: AsyncConnection, caller: Caller, dossier_id: UUID) -> Row[Any]:
    """The dossier, if the caller may change it; nobody else changes it meanwhile."""
    dossier = await visible(connection, caller, dossier_id, lock=True)
    if not (caller.is_admin or dossier.owner_id == caller.id):
        raise ForbiddenError
    return dossier


async def search(
    engine: AsyncEngine,
    caller: Caller,
    *,
    owner_id: UUID | None,
    category: str | None,
    status: str | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[Row[Any]], int]:
    async with engine.connect() as connection:
        return await queries.page(
            connection,
            seen_by=None if caller.sees_all else caller.id,
            owner_id=owner_id,
            category=category,
            status=status,
            limit=limit,
            offset=offset,
        )


async def read(engine: AsyncEngine, caller: Caller, dossier_id: UUID) -> Row[Any]:
    async with engine.connect() as connection:
        return await visible(connection, caller, dossier_id)


async def create(engine: AsyncEngine, caller: Caller, data: DossierCreate) -> Row[Any]:
    async with engine.begin() as connection:
        values = {**data.model_dump(), "owner_id": caller.id}
        dossier_id = await queries.add(connection, values)
        dossier = await visible(connection, caller, dossier_id)
    logger.info("dossier %s created", dossier_id)
    return dossier


async def change(
    engine: AsyncEngine, caller: Caller, dossier_id: UUID, data: DossierChange
) -> Row[Any]:
    values = data.model_dump(exclude_unset=True)
    async with engine.begin() as connection:
        dossier = await changeable(connection, caller, dossier_id)
        if not values:
            return dossier
        await queries.change(connection, dossier_id, values)
        dossier = await visible(connection, caller, dossier_id)
    logger.info("dossier %s changed", dossier_id)
    return dossier


async def remove(engine: AsyncEngine, caller: Caller, dossier_id: UUID) -> None:
    async with engine.begin() as connection:
        await changeable(connection, caller, dossier_id)
        await queries.remove(connection, dossier_id)
    logger.info("dossier %s removed", dossier_id)
