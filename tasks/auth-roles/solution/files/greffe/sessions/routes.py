"""HTTP of log-in, refresh and log-out."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Response

from greffe.platform.database import Engine
from greffe.platform.settings import CurrentSettings
from greffe.platform.valkey import Valkey
from greffe.sessions import rules
from greffe.sessions.access import LoggedIn
from greffe.sessions.schemas import Login, Refresh, Tokens

router = APIRouter(prefix="/auth", tags=["sessions"])


async def not_stored(response: Response) -> None:
    """Tokens stay out of caches."""
    response.headers["Cache-Control"] = "no-store"


@router.post("/login", dependencies=[Depends(not_stored)])
async def log_in(data: Login, engine: Engine, valkey: Valkey, settings: CurrentSettings) -> Tokens:
    return await rules.log_in(engine, valkey, settings, data)


@router.post("/refresh", dependencies=[Depends(not_stored)])
async def refresh(data: Refresh, engine: Engine, settings: CurrentSettings) -> Tokens:
    return await rules.refresh(engine, settings, data.refresh_token)


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
async def log_out(caller: LoggedIn, engine: Engine) -> None:
    await rules.log_out(engine, caller.id, caller.session_id)
