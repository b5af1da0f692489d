"""The application as uvicorn serves it."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from noticeboard import api_health, api_notices, api_subscribers, errors
from noticeboard.db import create_pool
from noticeboard.settings import get_settings

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = get_settings()
    logging.basicConfig(format=LOG_FORMAT)
    logging.getLogger("noticeboard").setLevel(settings.log_level)
    app.state.pool = await create_pool(settings)
    yield
    await app.state.pool.close()


def create_app() -> FastAPI:
    app = FastAPI(title="Noticeboard", version="0.9.0", lifespan=lifespan)
    errors.register(app)
    app.include_router(api_health.router)
    app.include_router(api_subscribers.router, prefix="/api")
    app.include_router(api_notices.router, prefix="/api")
    app.include_router(api_notices.digest_router, prefix="/api")
    return app


app = create_app()
