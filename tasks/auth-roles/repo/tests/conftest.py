"""The application over its real database, in process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from httpx import ASGITransport, AsyncClient

from greffe.main import create_app
from greffe.platform.database import metadata

MakeDossier = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def migrated() -> None:
    command.upgrade(Config(Path(__file__).parent.parent / "alembic.ini"), "head")


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = create_app()
    async with app.router.lifespan_context(app):
        async with app.state.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                await connection.execute(table.delete())
        await app.state.valkey.flushdb()
        transport = ASGITransport(app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://greffe") as client:
            yield client


@pytest.fixture
def make_dossier(client: AsyncClient) -> MakeDossier:
    async def make(**fields: Any) -> dict[str, Any]:
        body = {"title": "Vente Kerboul", "category": "land"} | fields
        response = await client.post("/api/dossiers", json=body)
        assert response.status_code == 201, response.text
        return response.json()

    return make
