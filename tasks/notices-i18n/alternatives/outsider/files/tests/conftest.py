"""The application over its real database, in process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from noticeboard import migrate
from noticeboard.main import create_app

MakeSubscriber = Callable[..., Awaitable[dict[str, Any]]]
MakeNotice = Callable[..., Awaitable[dict[str, Any]]]
TEXTS = {
    "en": {"title": "Christmas market", "body": "The market opens on Saturday at 9."},
    "fr": {"title": "Marché de Noël", "body": "Le marché ouvre samedi à 9 h."},
}
EMPTY = """
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'schema_migrations'
    LOOP
        EXECUTE format('TRUNCATE TABLE %I RESTART IDENTITY CASCADE', name);
    END LOOP;
END $$
"""


@pytest.fixture(scope="session", autouse=True)
def migrated() -> None:
    asyncio.run(migrate.run(["up"]))


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    app = create_app()
    async with app.router.lifespan_context(app):
        await app.state.pool.execute(EMPTY)
        transport = ASGITransport(app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://noticeboard") as client:
            yield client


@pytest.fixture
def make_subscriber(client: AsyncClient) -> MakeSubscriber:
    async def make(**fields: Any) -> dict[str, Any]:
        body = {"name": "Colette Aubry", "email": "colette@rivemont.example", "language": "fr"}
        response = await client.post("/api/subscribers", json=body | fields)
        assert response.status_code == 201, response.text
        return response.json()

    return make


@pytest.fixture
def make_notice(client: AsyncClient) -> MakeNotice:
    """A notice in the languages that are named, both by default."""

    async def make(*languages: str, **fields: Any) -> dict[str, Any]:
        body = {
            "kind": "announcement",
            "publish_from": "2024-12-01T09:00:00+01:00",
            "translations": {language: TEXTS[language] for language in languages or TEXTS},
        }
        response = await client.post("/api/notices", json=body | fields)
        assert response.status_code == 201, response.text
        return response.json()

    return make
