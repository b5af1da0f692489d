"""The metadata that all tables hang on, and the engine that rules open their transactions with."""

from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Column, DateTime, ForeignKey, MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.types import TypeEngine

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

MOMENT = DateTime(timezone=True)


def required(name: str, kind: TypeEngine[Any], *keys: ForeignKey, **options: bool) -> Column[Any]:
    """A column that is never null; defaults are the database's, see the migrations."""
    return Column(name, kind, *keys, nullable=False, **options)


def create_engine(settings: Settings) -> AsyncEngine:
    return create_async_engine(
        settings.database_url, pool_size=settings.pool_size, pool_pre_ping=True
    )


def get_engine(request: Request) -> AsyncEngine:
    engine: AsyncEngine = request.app.state.engine
    return engine


Engine = Annotated[AsyncEngine, Depends(get_engine)]
