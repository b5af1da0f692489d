"""What is allowed with notes. Each rule is one transaction."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from greffe.dossiers import queries as dossiers
from greffe.dossiers.errors import DossierNotFoundError
from greffe.notes import queries
from greffe.notes.schemas import NoteCreate

logger = logging.getLogger(__name__)


async def search(
    engine: AsyncEngine, dossier_id: UUID, *, limit: int, offset: int
) -> tuple[Sequence[Row[Any]], int]:
    async with engine.connect() as connection:
        if await dossiers.find(connection, dossier_id) is None:
            raise DossierNotFoundError
        return await queries.page(connection, dossier_id, limit=limit, offset=offset)


async def add(engine: AsyncEngine, dossier_id: UUID, data: NoteCreate) -> Row[Any]:
    async with engine.begin() as connection:
        if await dossiers.find(connection, dossier_id) is None:
            raise DossierNotFoundError
        note = await queries.add(connection, {"dossier_id": dossier_id, **data.model_dump()})
    logger.info("note %s added to dossier %s", note.id, dossier_id)
    return note
