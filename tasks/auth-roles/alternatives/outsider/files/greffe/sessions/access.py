"""Who asks: the dependencies that turn a request into the account behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from greffe.platform.database import Engine
from greffe.platform.settings import get_settings
from greffe.sessions import queries, tokens
from greffe.sessions.errors import ForbiddenError, NotAuthenticatedError

bearer = HTTPBearer(auto_error=False, bearerFormat="JWT")


@dataclass(frozen=True)
class Asker:
    """An account, as it is at the time of the request, and the session that it asks in."""

    id: UUID
    email: str
    name: str
    role: Literal["member", "auditor", "admin"]
    active: bool
    created_at: datetime
    session_id: UUID


async def logged_in(
    engine: Engine,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Asker:
    if credentials is None:
        raise NotAuthenticatedError
    claims = tokens.read_access_token(get_settings(), credentials.credentials)
    if claims is None:
        raise NotAuthenticatedError
    async with engine.connect() as connection:
        account = await queries.account_in(connection, claims.sid, claims.sub)
    if account is None:
        raise NotAuthenticatedError
    return Asker(**account._mapping)


LoggedIn = Annotated[Asker, Depends(logged_in)]


async def admin(asker: LoggedIn) -> Asker:
    if asker.role != "admin":
        raise ForbiddenError
    return asker


Admin = Annotated[Asker, Depends(admin)]
