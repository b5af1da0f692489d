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
from greffe.sessions.access import Asker
from greffe.sessions.errors import ForbiddenError

logger = logging.getLogger(__name__)

SEE_ALL = {"auditor", "admin"}
CHANGE_ALL = {"admin"}


def may_see(asker: Asker, owner_id: UUID) -> bool:
    return asker.id == owner_id or asker.role in SEE_ALL


def may_change(asker: Asker, owner_id: UUID) -> bool:
    return asker.id == owner_id or asker.role in CHANGE_ALL


async def visible(
    connection: AsyncConnection, asker: Asker, dossier_id: UUID, *, lock: bool = False
) -> Row[Any]:
    """What one may not see does not exist."""
    dossier = await queries.find(connection, dossier_id, lock=lock)
    if dossier is None or not may_see(asker, dossier.owner_id):
        raise DossierNotFoundError
    return dossier


async def changeable(connection: AsyncConnection, asker: Asker, dossier_id: UUID) -> Row[Any]:
    """The dossier stays as it is until the commit."""
    dossier = await visible(connection, asker, dossier_id, lock=True)
    if not may_change(asker, dossier.owner_id):
        raise ForbiddenError
    return dossier


async def search(
    engine: AsyncEngine,
    asker: Asker,
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
            visible_to=None if asker.role in SEE_ALL else asker.id,
            owner_id=owner_id,
            category=category,
            status=status,
            limit=limit,
            offset=offset,
        )


async def read(engine: AsyncEngine, asker: Asker, dossier_id: UUID) -> Row[Any]:
    async with engine.connect() as connection:
        return await visible(connection, asker, dossier_id)


async def create(engine: AsyncEngine, asker: Asker, data: DossierCreate) -> Row[Any]:
    async with engine.begin() as connection:
        values = {"owner_id": asker.id, **data.model_dump()}
        dossier = await visible(connection, asker, await queries.add(connection, values))
    logger.info("dossier %s created", dossier.id)
    return dossier


async def change(
    engine: AsyncEngine, asker: Asker, dossier_id: UUID, data: DossierChange
) -> Row[Any]:
    values = data.model_dump(exclude_unset=True)
    async with engine.begin() as connection:
        dossier = await changeable(connection, asker, dossier_id)
        if not values:
            return dossier
        await queries.change(connection, dossier_id, values)
        dossier = await visible(connection, asker, dossier_id)
    logger.info("dossier %s changed", dossier_id)
    return dossier


async def remove(engine: AsyncEngine, asker: Asker, dossier_id: UUID) -> None:
    async with engine.begin() as connection:
        await changeable(connection, asker, dossier_id)
        await queries.remove(connection, dossier_id)
    logger.info("dossier %s removed", dossier_id)
