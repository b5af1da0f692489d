"""The application over its real database, in process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from httpx import ASGITransport, AsyncClient

from app.main import create_app
from app.models import Base

MakeRoom = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def migrated() -> None:
    command.upgrade(Config(Path(__file__).parent.parent / "alembic.ini"), "head")


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = create_app()
    async with app.router.lifespan_context(app):
        async with app.state.session_factory.begin() as session:
            for table in reversed(Base.metadata.sorted_tables):
                await session.execute(table.delete())
        transport = ASGITransport(app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://salle") as client:
            yield client


@pytest.fixture
def make_room(client: AsyncClient) -> MakeRoom:
    async def make(**fields: Any) -> dict[str, Any]:
        body = {"name": "Seine", "building": "Nord", "floor": 2, "capacity": 8} | fields
        response = await client.post("/api/v1/rooms", json=body)
        assert response.status_code == 201, response.text
        return response.json()

    return make
