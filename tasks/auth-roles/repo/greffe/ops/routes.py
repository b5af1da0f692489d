"""What the load balancer and operations ask."""

from fastapi import APIRouter
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from greffe.platform.database import Engine
from greffe.platform.errors import UnavailableError
from greffe.platform.valkey import Valkey

router = APIRouter(tags=["ops"])


@router.get("/health")
async def health() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(engine: Engine, valkey: Valkey) -> dict[str, str]:
    """Database and Valkey can be reached."""
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        await valkey.ping()
    except (SQLAlchemyError, RedisError, OSError) as error:
        raise UnavailableError from error
    return {"status": "ready"}
