"""The week of the board, told to one subscriber: SQL and rules."""

from datetime import UTC, datetime, timedelta

from noticeboard import notices, subscribers
from noticeboard.db import Connection
from noticeboard.i18n import text
from noticeboard.models import Digest, DigestItem

DAYS = 7
FIRST = 5
GENDERS = {"female": "feminine", "male": "masculine", "neutral": "neutral"}

RECENT = f"""
    SELECT recent.*, count(*) OVER () AS total
    FROM ({notices.SHOWN} WHERE {notices.STATUS} = 'published' AND n.publish_from >= $3) AS recent
    ORDER BY recent.publish_from DESC, recent.id DESC
    LIMIT $4
"""


async def of(
    db: Connection, subscriber_id: int, language: str | None, at: datetime | None
) -> Digest:
    """In `language`, else in that of the subscriber."""
    person = await subscribers.one(db, subscriber_id)
    language = language or person["language"]
    moment = at or datetime.now(UTC)
    rows = await db.fetch(RECENT, moment, language, moment - timedelta(days=DAYS), FIRST)
    total = rows[0]["total"] if rows else 0
    told = notices.counted(None, "published", language, total)
    gender = GENDERS[person["gender"]]
    return Digest(
        subscriber_id=subscriber_id,
        language=language,
        greeting=text("digest.greeting", language, gender=gender, name=person["name"]),
        summary=text("digest.summary", language, gender=gender, notices=told, days=DAYS),
        items=[DigestItem(**row, label=notices.label(row)) for row in rows],
    )
