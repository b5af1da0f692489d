"""The application as uvicorn serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from greffe.accounts.routes import router as accounts
from greffe.accounts.rules import ensure_admin
from greffe.dossiers.routes import router as dossiers
from greffe.notes.routes import router as notes
from greffe.ops.routes import router as ops
from greffe.platform.database import create_engine
from greffe.platform.handlers import register_handlers
from greffe.platform.logs import configure_logs
from greffe.platform.settings import get_settings
from greffe.platform.valkey import create_valkey
from greffe.sessions.routes import router as sessions


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = get_settings()
    configure_logs(settings.log_level)
    app.state.engine = create_engine(settings)
    app.state.valkey = create_valkey(settings)
    await ensure_admin(app.state.engine, settings)
    yield
    await app.state.valkey.aclose()
    await app.state.engine.dispose()


def create_app() -> FastAPI:
    app = FastAPI(title="Greffe", version="2.3.0", lifespan=lifespan)
    register_handlers(app)
    app.include_router(ops)
    for router in (accounts, sessions, dossiers, notes):
        app.include_router(router, prefix="/api")
    return app


app = create_app()
