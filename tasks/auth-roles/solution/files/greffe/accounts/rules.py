"""What is allowed with accounts. Each rule is one transaction."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from greffe.accounts import queries
from greffe.accounts.errors import AccountNotFoundError, EmailTakenError, OwnAccountError
from greffe.accounts.passwords import hashed
from greffe.accounts.schemas import AccountChange, Registration
from greffe.platform.settings import Settings
from greffe.sessions import queries as sessions

logger = logging.getLogger(__name__)


async def register(engine: AsyncEngine, data: Registration) -> Row[Any]:
    values = data.model_dump(exclude={"password"})
    values["password_hash"] = await hashed(data.password)
    async with engine.begin() as connection:
        account = await queries.add(connection, values)
    if account is None:
        raise EmailTakenError
    logger.info("account %s created", account.id)
    return account


async def ensure_admin(engine: AsyncEngine, settings: Settings) -> None:
    """Make the first admin where the address has no account yet; other processes may do so too."""
    async with engine.connect() as connection:
        if await queries.find_by_email(connection, settings.admin_email) is not None:
            return
    password = settings.admin_password.get_secret_value()
    values = {
        "email": settings.admin_email,
        "name": settings.admin_email.partition("@")[0],
        "role": "admin",
        "password_hash": await hashed(password),
    }
    async with engine.begin() as connection:
        account = await queries.add(connection, values)
    if account is not None:
        logger.info("account %s created for the first admin", account.id)


async def search(
    engine: AsyncEngine, *, role: str | None, active: bool | None, limit: int, offset: int
) -> tuple[Sequence[Row[Any]], int]:
    async with engine.connect() as connection:
        return await queries.page(connection, role=role, active=active, limit=limit, offset=offset)


async def change(
    engine: AsyncEngine, caller_id: UUID, account_id: UUID, data: AccountChange
) -> Row[Any]:
    """Change an account for an admin; a new password and switching it off end its sessions."""
    values = data.model_dump(exclude_unset=True)
    if account_id == caller_id and values.keys() & {"role", "active"}:
        raise OwnAccountError
    ends_sessions = "password" in values or values.get("active") is False
    if "password" in values:
        values["password_hash"] = await hashed(values.pop("password"))
    async with engine.begin() as connection:
        if values:
            account = await queries.change(connection, account_id, values)
        else:
            account = await queries.find(connection, account_id)
        if ends_sessions:
            await sessions.end_all(connection, account_id)
    if account is None:
        raise AccountNotFoundError
    logger.info("account %s changed", account_id)
    return account
