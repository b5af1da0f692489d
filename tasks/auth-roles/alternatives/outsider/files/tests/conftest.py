"""The application over its real database, in process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from argon2 import PasswordHasher
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from greffe.accounts import passwords
from greffe.accounts.tables import accounts
from greffe.main import create_app
from greffe.platform.database import metadata

MakeDossier = Callable[..., Awaitable[dict[str, Any]]]
PASSWORD = "Ouvre-toi, greffe !"


@dataclass
class Person:
    """Somebody with an account, and a client that is logged in with it."""

    account: dict[str, Any]
    tokens: dict[str, Any]
    client: AsyncClient

    @property
    def id(self) -> str:
        return self.account["id"]

    @property
    def credentials(self) -> dict[str, str]:
        return {"email": self.account["email"], "password": PASSWORD}


MakePerson = Callable[..., Awaitable[Person]]


@pytest.fixture(scope="session", autouse=True)
def migrated() -> None:
    command.upgrade(Config(Path(__file__).parent.parent / "alembic.ini"), "head")


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> None:
    """As salted as ever, but not as slow: nearly every test logs somebody in."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
async def app() -> AsyncIterator[FastAPI]:
    app = create_app()
    async with app.router.lifespan_context(app):
        async with app.state.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                await connection.execute(table.delete())
        await app.state.valkey.flushdb()
        yield app


def client_of(app: FastAPI, access_token: str | None = None) -> AsyncClient:
    headers = {} if access_token is None else {"Authorization": f"Bearer {access_token}"}
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://greffe", headers=headers)


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def make_person(app: FastAPI, anonymous: AsyncClient) -> MakePerson:
    """The role is set in the database, as no admin is there yet."""

    async def make(name: str, role: str = "member") -> Person:
        body = {"email": f"{name}@etude.example.org", "name": name, "password": PASSWORD}
        created = await anonymous.post("/api/accounts", json=body)
        assert created.status_code == 201, created.text
        account = created.json() | {"role": role}
        async with app.state.engine.begin() as connection:
            await connection.execute(
                accounts.update().where(accounts.c.email == account["email"]).values(role=role)
            )
        del body["name"]
        response = await anonymous.post("/api/auth/login", json=body)
        assert response.status_code == 200, response.text
        tokens = response.json()
        return Person(account, tokens, client_of(app, tokens["access_token"]))

    return make


@pytest.fixture
async def member(make_person: MakePerson) -> Person:
    return await make_person("claire")


@pytest.fixture
async def admin(make_person: MakePerson) -> Person:
    return await make_person("chief", "admin")


@pytest.fixture
async def client(member: Person) -> AsyncClient:
    """Logged in as a member."""
    return member.client


@pytest.fixture
def make_dossier(client: AsyncClient) -> MakeDossier:
    async def make(**fields: Any) -> dict[str, Any]:
        body = {"title": "Vente Kerboul", "category": "land"} | fields
        response = await client.post("/api/dossiers", json=body)
        assert response.status_code == 201, response.text
        return response.json()

    return make
