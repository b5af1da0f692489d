"""People who want to hear from the town: SQL and rules."""

import logging

import asyncpg

from noticeboard.db import Connection
from noticeboard.errors import conflict, not_found
from noticeboard.models import SubscriberIn

logger = logging.getLogger(__name__)

COLUMNS = "id, name, email, language, gender, created_at"


async def every(db: Connection) -> list[asyncpg.Record]:
    return await db.fetch(f"SELECT {COLUMNS} FROM subscribers ORDER BY name, id")


async def one(db: Connection, subscriber_id: int) -> asyncpg.Record:
    row = await db.fetchrow(f"SELECT {COLUMNS} FROM subscribers WHERE id = $1", subscriber_id)
    if row is None:
        raise not_found("subscriber")
    return row


async def add(db: Connection, person: SubscriberIn) -> asyncpg.Record:
    """The new subscriber; an address subscribes once, in whatever case it is written."""
    insert = f"""
        INSERT INTO subscribers (name, email, language, gender) VALUES ($1, lower($2), $3, $4)
        RETURNING {COLUMNS}
    """
    values = person.name, person.email, person.language, person.gender
    try:
        row = await db.fetchrow(insert, *values)
    except asyncpg.UniqueViolationError as error:
        raise conflict("email_taken") from error
    logger.info("subscriber %s added", row["id"])
    return row


async def remove(db: Connection, subscriber_id: int) -> None:
    status = await db.execute("DELETE FROM subscribers WHERE id = $1", subscriber_id)
    if status == "DELETE 0":
        raise not_found("subscriber")
    logger.info("subscriber %s removed", subscriber_id)
