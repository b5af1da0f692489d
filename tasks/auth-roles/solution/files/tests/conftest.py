"""The application over its real database, in process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from greffe.accounts.rules import ensure_admin
from greffe.main import create_app
from greffe.platform.database import metadata
from greffe.platform.settings import get_settings

MakeDossier = Callable[..., Awaitable[dict[str, Any]]]
LogIn = Callable[..., Awaitable[AsyncClient]]

PASSWORD = "a password for tests"


@pytest.fixture(scope="session", autouse=True)
def migrated() -> None:
    command.upgrade(Config(Path(__file__).parent.parent / "alembic.ini"), "head")


@pytest.fixture
async def app() -> AsyncIterator[FastAPI]:
    app = create_app()
    async with app.router.lifespan_context(app):
        async with app.state.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                await connection.execute(table.delete())
        await app.state.valkey.flushdb()
        await ensure_admin(app.state.engine, get_settings())
        yield app


def open_client(app: FastAPI) -> AsyncClient:
    transport = ASGITransport(app, raise_app_exceptions=False)
    return AsyncClient(transport=transport, base_url="http://greffe")


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with open_client(app) as client:
        yield client


async def authorize(client: AsyncClient, email: str, password: str) -> dict[str, Any]:
    """Log in and let the client carry the access token from then on; the tokens."""
    body = {"email": email, "password": password}
    response = await client.post("/api/auth/login", json=body)
    assert response.status_code == 200, response.text
    tokens = response.json()
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    return tokens


@pytest.fixture
async def admin(app: FastAPI) -> AsyncIterator[AsyncClient]:
    settings = get_settings()
    async with open_client(app) as client:
        await authorize(client, settings.admin_email, settings.admin_password.get_secret_value())
        yield client


@pytest.fixture
async def log_in(app: FastAPI, admin: AsyncClient) -> AsyncIterator[LogIn]:
    """Makes an account with a role and answers a client that is logged in with it."""
    clients: list[AsyncClient] = []

    async def make(name: str, role: str = "member") -> AsyncClient:
        client = open_client(app)
        clients.append(client)
        body = {"email": f"{name}@greffe.example.org", "name": name, "password": PASSWORD}
        account = (await client.post("/api/accounts", json=body)).json()
        if role != "member":
            await admin.patch(f"/api/accounts/{account['id']}", json={"role": role})
        await authorize(client, body["email"], PASSWORD)
        return client

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def client(log_in: LogIn) -> AsyncClient:
    """A member who is logged in."""
    return await log_in("claire")


@pytest.fixture
def make_dossier(client: AsyncClient) -> MakeDossier:
    async def make(**fields: Any) -> dict[str, Any]:
        body = {"title": "Vente Kerboul", "category": "land"} | fields
        response = await client.post("/api/dossiers", json=body)
        assert response.status_code == 201, response.text
        return response.json()

    return make
