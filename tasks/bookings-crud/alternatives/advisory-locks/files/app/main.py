"""The application as uvicorn serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.api.routers import bookings, health, rooms
from app.core.config import get_settings
from app.core.database import create_engine, create_session_factory
from app.core.handlers import register_handlers
from app.core.logging import configure_logging


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = get_settings()
    configure_logging(settings.log_level)
    engine = create_engine(settings)
    app.state.session_factory = create_session_factory(engine)
    yield
    await engine.dispose()


def create_app() -> FastAPI:
    app = FastAPI(title="Salle", version="1.4.0", lifespan=lifespan)
    register_handlers(app)
    app.include_router(health.router)
    for resource in (rooms, bookings):
        app.include_router(resource.router, prefix="/api/v1")
    return app


app = create_app()
