"""What a subscriber hears of the week, in words that fit the person."""

from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from noticeboard.db import Connection
from noticeboard.i18n import text
from noticeboard.notices import BOARD, ORDER, counted

WEEK = timedelta(days=7)
SHOWN = 5
RECENT = f"""
    SELECT * FROM ({BOARD}) AS board WHERE status = 'published' AND publish_from >= $3
"""
COUNT = f"""SELECT count(*) FROM ({RECENT}) AS recent"""
FIRST = f"""{RECENT} {ORDER} LIMIT $4"""
GENDERS = {"female": "feminine", "male": "masculine", "neutral": "neutral"}


class Digest(NamedTuple):
    greeting: str
    summary: str
    rows: list[asyncpg.Record]


async def digest(db: Connection, person: asyncpg.Record, language: str, at: datetime) -> Digest:
    """The first notices of the 168 hours before `at`, and how many there are."""
    values = language, at, at - WEEK
    count = await db.fetchval(COUNT, *values)
    rows = await db.fetch(FIRST, *values, SHOWN)
    gender = GENDERS[person["gender"]]
    words = counted(count, None, "published", language)
    return Digest(
        greeting=text("digest.greeting", language, gender=gender, name=person["name"]),
        summary=text("digest.summary", language, gender=gender, notices=words),
        rows=rows,
    )
