"""HTTP of dossiers."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from greffe.dossiers import rules
from greffe.dossiers.schemas import Category, Dossier, DossierChange, DossierCreate, Status
from greffe.platform.database import Engine
from greffe.platform.wire import Limit, Offset, Page
from greffe.sessions.access import LoggedIn

router = APIRouter(prefix="/dossiers", tags=["dossiers"])


@router.get("")
async def list_dossiers(
    asker: LoggedIn,
    engine: Engine,
    owner_id: Annotated[UUID | None, Query()] = None,
    category: Annotated[Category | None, Query()] = None,
    status: Annotated[Status | None, Query()] = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[Dossier]:
    found, total = await rules.search(
        engine,
        asker,
        owner_id=owner_id,
        category=category,
        status=status,
        limit=limit,
        offset=offset,
    )
    items = [Dossier.model_validate(dossier) for dossier in found]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("", status_code=HTTPStatus.CREATED)
async def create_dossier(
    data: DossierCreate, asker: LoggedIn, engine: Engine, response: Response
) -> Dossier:
    dossier = await rules.create(engine, asker, data)
    response.headers["Location"] = f"/api/dossiers/{dossier.id}"
    return Dossier.model_validate(dossier)


@router.get("/{dossier_id}")
async def get_dossier(dossier_id: UUID, asker: LoggedIn, engine: Engine) -> Dossier:
    return Dossier.model_validate(await rules.read(engine, asker, dossier_id))


@router.patch("/{dossier_id}")
async def change_dossier(
    dossier_id: UUID, data: DossierChange, asker: LoggedIn, engine: Engine
) -> Dossier:
    return Dossier.model_validate(await rules.change(engine, asker, dossier_id, data))


@router.delete("/{dossier_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_dossier(dossier_id: UUID, asker: LoggedIn, engine: Engine) -> None:
    await rules.remove(engine, asker, dossier_id)
