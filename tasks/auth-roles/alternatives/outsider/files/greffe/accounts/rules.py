"""What is allowed with accounts. Each rule is one transaction."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from greffe.accounts import passwords, queries
from greffe.accounts.errors import AccountNotFoundError, EmailTakenError, OwnAccountError
from greffe.accounts.schemas import AccountChange, AccountCreate
from greffe.platform.settings import Settings
from greffe.sessions import queries as sessions
from greffe.sessions.access import Asker
from greffe.sessions.errors import ForbiddenError, NotAuthenticatedError

logger = logging.getLogger(__name__)

RIGHTS = {"role", "active"}
NAME_LENGTH = 80


async def ensure_admin(engine: AsyncEngine, settings: Settings) -> None:
    """At the start: an account for the address of the settings, however many processes start."""
    email = settings.admin_email
    async with engine.connect() as connection:
        if await queries.exists(connection, email):
            return
    password_hash = await passwords.hashed(settings.admin_password.get_secret_value())
    values = {
        "email": email,
        "name": email.partition("@")[0][:NAME_LENGTH],
        "password_hash": password_hash,
        "role": "admin",
    }
    async with engine.begin() as connection:
        account = await queries.add(connection, values)
    if account is not None:
        logger.info("account %s created at the start", account.id)


async def register(engine: AsyncEngine, data: AccountCreate) -> Row[Any]:
    values = {
        "email": data.email,
        "name": data.name,
        "password_hash": await passwords.hashed(data.password),
    }
    async with engine.begin() as connection:
        account = await queries.add(connection, values)
    if account is None:
        raise EmailTakenError
    logger.info("account %s created", account.id)
    return account


async def search(
    engine: AsyncEngine, *, role: str | None, active: bool | None, limit: int, offset: int
) -> tuple[Sequence[Row[Any]], int]:
    async with engine.connect() as connection:
        return await queries.page(connection, role=role, active=active, limit=limit, offset=offset)


async def change(
    engine: AsyncEngine, asker: Asker, account_id: UUID, data: AccountChange
) -> Row[Any]:
    sent = data.model_fields_set
    if account_id == asker.id and sent & RIGHTS:
        raise OwnAccountError
    values = data.model_dump(include=sent & RIGHTS)
    if "password" in sent:
        values["password_hash"] = await passwords.hashed(data.password)
    async with engine.begin() as connection:
        locked = await queries.lock(connection, {asker.id, account_id})
        _still_admin(locked.get(asker.id))
        if account_id not in locked:
            raise AccountNotFoundError
        if not values:
            return locked[account_id]
        account = await queries.change(connection, account_id, values)
        if "password" in sent or not account.active:
            await sessions.end_all(connection, account_id)
    logger.info("account %s changed by account %s", account_id, asker.id)
    return account


def _still_admin(account: Row[Any] | None) -> None:
    """Two admins who take each other's rights at once: the second one has none any more."""
    if account is None or not account.active:
        raise NotAuthenticatedError
    if account.role != "admin":
        raise ForbiddenError
