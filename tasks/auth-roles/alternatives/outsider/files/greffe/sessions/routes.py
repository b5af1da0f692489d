"""HTTP of sessions."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from greffe.platform.database import Engine
from greffe.platform.settings import get_settings
from greffe.platform.valkey import Valkey
from greffe.sessions import rules
from greffe.sessions.access import LoggedIn
from greffe.sessions.schemas import Login, Refresh, Tokens

router = APIRouter(prefix="/auth", tags=["sessions"])


@router.post("/login")
async def log_in(data: Login, engine: Engine, valkey: Valkey, response: Response) -> Tokens:
    answer = await rules.log_in(engine, valkey, get_settings(), data)
    response.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/refresh")
async def refresh(data: Refresh, engine: Engine, response: Response) -> Tokens:
    answer = await rules.refresh(engine, get_settings(), data.refresh_token)
    response.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
async def log_out(asker: LoggedIn, engine: Engine) -> None:
    await rules.log_out(engine, asker)
