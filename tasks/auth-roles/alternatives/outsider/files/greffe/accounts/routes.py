"""HTTP of accounts."""

from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from greffe.accounts import rules
from greffe.accounts.schemas import Account, AccountChange, AccountCreate, Role
from greffe.platform.database import Engine
from greffe.platform.wire import Limit, Offset, Page
from greffe.sessions.access import Admin, LoggedIn

router = APIRouter(prefix="/accounts", tags=["accounts"])


@router.post("", status_code=HTTPStatus.CREATED)
async def create_account(data: AccountCreate, engine: Engine) -> Account:
    return Account.model_validate(await rules.register(engine, data))


@router.get("")
async def list_accounts(
    _: Admin,
    engine: Engine,
    role: Annotated[Role | None, Query()] = None,
    active: Annotated[Literal["true", "false"] | None, Query()] = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[Account]:
    found, total = await rules.search(
        engine,
        role=role,
        active=None if active is None else active == "true",
        limit=limit,
        offset=offset,
    )
    items = [Account.model_validate(account) for account in found]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.get("/me")
async def get_own_account(asker: LoggedIn) -> Account:
    return Account.model_validate(asker)


@router.patch("/{account_id}")
async def change_account(
    account_id: UUID, data: AccountChange, asker: Admin, engine: Engine
) -> Account:
    return Account.model_validate(await rules.change(engine, asker, account_id, data))
