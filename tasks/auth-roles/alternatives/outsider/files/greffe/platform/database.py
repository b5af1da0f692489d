"""The metadata that all tables hang on, and the engine that rules open their transactions with."""

from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from greffe.platform.settings import Settings

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def create_engine(settings: Settings) -> AsyncEngine:
    # Parameters hold addresses and digests, which errors would carry into the log.
    return create_async_engine(
        settings.database_url,
        pool_size=settings.pool_size,
        pool_pre_ping=True,
        hide_parameters=True,
    )


def get_engine(request: Request) -> AsyncEngine:
    engine: AsyncEngine = request.app.state.engine
    return engine


Engine = Annotated[AsyncEngine, Depends(get_engine)]
