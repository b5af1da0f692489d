"""What a subscriber hears of the week, in words that fit the person."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from noticeboard.db import Connection
from noticeboard.i18n import text
from noticeboard.notices import BOARD, ORDER, counted

WEEK = timedelta(days=7)
SHOWN = 5
RECENT = f"""
    SELECT * FROM ({BOARD}) AS board WHERE status = 'published' AND publish_from >= $3
"""
GENDERS = {"female": "feminine", "male": "masculine", "neutral": "neutral"}


@dataclass(frozen=True)
class Digest:
    greeting: str
    summary: str
    rows: list[asyncpg.Record]


async def digest(db: Connection, person: asyncpg.Record, language: str, at: datetime) -> Digest:
    """The first notices of the 168 hours before `at`, and how many there are."""
    values = language, at, at - WEEK
    count = await db.fetchval(f"SELECT count(*) FROM ({RECENT}) AS found", *values)
    rows = await db.fetch(f"{RECENT} {ORDER} LIMIT {SHOWN}", *values)
    gender = GENDERS[person["gender"]]
    words = counted(count, None, "published", language)
    return Digest(
        greeting=text("digest.greeting", language, gender=gender, name=person["name"]),
        summary=text("digest.summary", language, gender=gender, notices=words),
        rows=rows,
    )
