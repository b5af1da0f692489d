"""What is allowed with notes. Each rule is one transaction."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from greffe.dossiers import rules as dossiers
from greffe.notes import queries
from greffe.notes.schemas import NoteCreate
from greffe.sessions.access import Asker

logger = logging.getLogger(__name__)


async def search(
    engine: AsyncEngine, asker: Asker, dossier_id: UUID, *, limit: int, offset: int
) -> tuple[Sequence[Row[Any]], int]:
    async with engine.connect() as connection:
        await dossiers.visible(connection, asker, dossier_id)
        return await queries.page(connection, dossier_id, limit=limit, offset=offset)


async def add(engine: AsyncEngine, asker: Asker, dossier_id: UUID, data: NoteCreate) -> Row[Any]:
    async with engine.begin() as connection:
        await dossiers.changeable(connection, asker, dossier_id)
        values = {"dossier_id": dossier_id, "author_id": asker.id, **data.model_dump()}
        note = await queries.add(connection, values)
    logger.info("note %s added to dossier %s", note.id, dossier_id)
    return note
