"""Who is asking: turns the header of a request into an account."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Row

from greffe.platform.database import Engine
from greffe.platform.settings import CurrentSettings
from greffe.sessions import queries, tokens
from greffe.sessions.errors import ForbiddenError, NotAuthenticatedError

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


@dataclass(frozen=True)
class Caller:
    """The account that asks, as it is now, and the session in which it does."""

    account: Row[Any]
    session_id: UUID

    @property
    def id(self) -> UUID:
        return self.account.id

    @property
    def is_admin(self) -> bool:
        return self.account.role == "admin"

    @property
    def sees_all(self) -> bool:
        return self.account.role in ("auditor", "admin")


async def logged_in(engine: Engine, settings: CurrentSettings, sent: Credentials) -> Caller:
    session_id = tokens.session_of(settings, sent.credentials) if sent is not None else None
    if session_id is None:
        raise NotAuthenticatedError
    async with engine.connect() as connection:
        account = await queries.account_of(connection, session_id)
    if account is None:
        raise NotAuthenticatedError
    return Caller(account, session_id)


LoggedIn = Annotated[Caller, Depends(logged_in)]


async def admin(caller: LoggedIn) -> Caller:
    if not caller.is_admin:
        raise ForbiddenError
    return caller


Admin = Annotated[Caller, Depends(admin)]
