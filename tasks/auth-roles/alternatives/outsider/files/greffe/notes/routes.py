"""HTTP of the notes in a dossier."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter

from greffe.notes import rules
from greffe.notes.schemas import Note, NoteCreate
from greffe.platform.database import Engine
from greffe.platform.wire import Limit, Offset, Page
from greffe.sessions.access import LoggedIn

router = APIRouter(prefix="/dossiers/{dossier_id}/notes", tags=["notes"])


@router.get("")
async def list_notes(
    dossier_id: UUID, asker: LoggedIn, engine: Engine, limit: Limit = 20, offset: Offset = 0
) -> Page[Note]:
    found, total = await rules.search(engine, asker, dossier_id, limit=limit, offset=offset)
    items = [Note.model_validate(note) for note in found]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("", status_code=HTTPStatus.CREATED)
async def add_note(dossier_id: UUID, data: NoteCreate, asker: LoggedIn, engine: Engine) -> Note:
    return Note.model_validate(await rules.add(engine, asker, dossier_id, data))
