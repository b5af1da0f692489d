"""HTTP of log-in, refresh and log-out."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from greffe.platform.database import Engine
from greffe.platform.settings import CurrentSettings
from greffe.platform.valkey import Valkey
from greffe.sessions import rules
from greffe.sessions.access import LoggedIn
from greffe.sessions.schemas import Login, Refresh, Tokens

router = APIRouter(prefix="/auth", tags=["sessions"])


@router.post("/login")
async def log_in(
    data: Login, engine: Engine, valkey: Valkey, settings: CurrentSettings, response: Response
) -> Tokens:
    response.headers["Cache-Control"] = "no-store"
    return await rules.log_in(engine, valkey, settings, data)


@router.post("/refresh")
async def refresh(
    data: Refresh, engine: Engine, settings: CurrentSettings, response: Response
) -> Tokens:
    response.headers["Cache-Control"] = "no-store"
    return await rules.refresh(engine, settings, data.refresh_token)


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
async def log_out(caller: LoggedIn, engine: Engine) -> None:
    await rules.log_out(engine, caller.id, caller.session_id)
