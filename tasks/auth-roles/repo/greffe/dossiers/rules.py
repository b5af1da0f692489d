"""What is allowed with dossiers. Each rule is one transaction."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from greffe.dossiers import queries
from greffe.dossiers.errors import DossierNotFoundError
from greffe.dossiers.schemas import DossierChange, DossierCreate

logger = logging.getLogger(__name__)


async def search(
    engine: AsyncEngine, *, category: str | None, status: str | None, limit: int, offset: int
) -> tuple[Sequence[Row[Any]], int]:
    async with engine.connect() as connection:
        return await queries.page(
            connection, category=category, status=status, limit=limit, offset=offset
        )


async def read(engine: AsyncEngine, dossier_id: UUID) -> Row[Any]:
    async with engine.connect() as connection:
        dossier = await queries.find(connection, dossier_id)
    if dossier is None:
        raise DossierNotFoundError
    return dossier


async def create(engine: AsyncEngine, data: DossierCreate) -> Row[Any]:
    async with engine.begin() as connection:
        dossier = await queries.add(connection, data.model_dump())
    logger.info("dossier %s created", dossier.id)
    return dossier


async def change(engine: AsyncEngine, dossier_id: UUID, data: DossierChange) -> Row[Any]:
    values = data.model_dump(exclude_unset=True)
    if not values:
        return await read(engine, dossier_id)
    async with engine.begin() as connection:
        dossier = await queries.change(connection, dossier_id, values)
    if dossier is None:
        raise DossierNotFoundError
    logger.info("dossier %s changed", dossier_id)
    return dossier


async def remove(engine: AsyncEngine, dossier_id: UUID) -> None:
    async with engine.begin() as connection:
        removed = await queries.remove(connection, dossier_id)
    if not removed:
        raise DossierNotFoundError
    logger.info("dossier %s removed", dossier_id)
