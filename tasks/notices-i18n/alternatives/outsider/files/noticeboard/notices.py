"""What the town publishes, in one language or both: SQL and rules."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus

import asyncpg

from noticeboard.db import Connection
from noticeboard.errors import BoardError, conflict, not_found
from noticeboard.i18n import gender_of, text
from noticeboard.models import BoardQuery, Notice, NoticeChange, NoticeIn, Notices, NoticeText

logger = logging.getLogger(__name__)

# In all of these $1 is the moment, and $2 the language that is wanted.
STATUS = """
    CASE WHEN n.publish_from > $1::timestamptz THEN 'scheduled'
         WHEN n.publish_until <= $1::timestamptz THEN 'expired'
         ELSE 'published' END
"""
SHOWN = f"""
    SELECT n.id, n.kind, {STATUS} AS status, n.publish_from, n.publish_until,
           shown.language, shown.title, shown.body,
           ARRAY(SELECT t.language::text FROM notice_translations t
                 WHERE t.notice_id = n.id ORDER BY t.language) AS languages
    FROM notices n
    CROSS JOIN LATERAL (
        SELECT t.language, t.title, t.body FROM notice_translations t
        WHERE t.notice_id = n.id
        ORDER BY t.language = $2::text DESC
        LIMIT 1
    ) AS shown
"""
ORDER = "ORDER BY n.publish_from DESC, n.id DESC"
MATCHING = f"""
    ($3::text = 'all' OR {STATUS} = $3)
    AND ($4::text IS NULL OR n.kind = $4)
    AND ($5::boolean OR EXISTS (
        SELECT FROM notice_translations t WHERE t.notice_id = n.id AND t.language = $2::text
    ))
"""

INSERT_TEXT = """
    INSERT INTO notice_translations (notice_id, language, title, body) VALUES ($1, $2, $3, $4)
"""


def phrase(kind: str | None, status: str, language: str, count: int = 1) -> str:
    """The kind and the status in words; `None` is any kind, and `all` adds no adjective."""
    key = f"notices.nouns.{kind or 'any'}"
    gender = gender_of(key, language)
    noun = text(key, language, count=count, gender=gender)
    if status == "all":
        return noun
    adjective = text(f"notices.adjectives.{status}", language, count=count, gender=gender)
    return text("notices.phrase", language, noun=noun, adjective=adjective)


def counted(kind: str | None, status: str, language: str, count: int) -> str:
    words = phrase(kind, status, language, count)
    return text("notices.summary", language, count=count, notices=words)


def label(row: asyncpg.Record) -> str:
    return phrase(row["kind"], row["status"], row["language"])


def _notice(row: asyncpg.Record) -> Notice:
    return Notice(**row, label=label(row))


@contextmanager
def _window_rule() -> Iterator[None]:
    """The database knows the window that results, whatever else changes at the same time."""
    try:
        yield
    except asyncpg.CheckViolationError as error:
        if error.constraint_name != "ck_notices_window":
            raise
        raise BoardError(HTTPStatus.UNPROCESSABLE_ENTITY, "window_invalid") from error


async def _hold(db: Connection, notice_id: int) -> None:
    """Marks the notice as updated, which locks it until the transaction ends."""
    touch = "UPDATE notices SET updated_at = now() WHERE id = $1"
    if await db.execute(touch, notice_id) == "UPDATE 0":
        raise not_found("notice")


async def one(db: Connection, notice_id: int, language: str, *, fallback: bool = True) -> Notice:
    """The notice as it is now; without `fallback` in this language or not at all."""
    row = await db.fetchrow(f"{SHOWN} WHERE n.id = $3", datetime.now(UTC), language, notice_id)
    if row is None:
        raise not_found("notice")
    if not fallback and row["language"] != language:
        raise not_found("translation")
    return _notice(row)


async def board(db: Connection, query: BoardQuery, language: str) -> Notices:
    """A page, and the count of all that match, from the same state of the database."""
    moment = query.at or datetime.now(UTC)
    values = moment, language, query.status, query.kind, query.fallback
    count = f"SELECT count(*) FROM notices n WHERE {MATCHING}"
    page = f"{SHOWN} WHERE {MATCHING} {ORDER} LIMIT $6 OFFSET $7"
    skipped = (query.page - 1) * query.size
    async with db.transaction(isolation="repeatable_read", readonly=True):
        total = await db.fetchval(count, *values)
        rows = await db.fetch(page, *values, query.size, skipped)
    return Notices(
        items=[_notice(row) for row in rows],
        total=total,
        page=query.page,
        size=query.size,
        summary=counted(query.kind, query.status, language, total),
    )


async def add(db: Connection, draft: NoticeIn, language: str) -> Notice:
    insert = """
        INSERT INTO notices (kind, publish_from, publish_until) VALUES ($1, $2, $3) RETURNING id
    """
    with _window_rule():
        async with db.transaction():
            values = draft.kind, draft.publish_from, draft.publish_until
            notice_id = await db.fetchval(insert, *values)
            texts = draft.translations.by_language().items()
            rows = [(notice_id, key, written.title, written.body) for key, written in texts]
            await db.executemany(INSERT_TEXT, rows)
            notice = await one(db, notice_id, language)
    logger.info("notice %s created", notice_id)
    return notice


async def change(db: Connection, notice_id: int, changes: NoticeChange, language: str) -> Notice:
    update = """
        UPDATE notices
        SET kind = coalesce($2, kind), publish_from = coalesce($3, publish_from),
            publish_until = CASE WHEN $4 THEN $5 ELSE publish_until END, updated_at = now()
        WHERE id = $1
    """
    sent = changes.model_fields_set
    if not sent:
        return await one(db, notice_id, language)
    values = changes.kind, changes.publish_from, "publish_until" in sent, changes.publish_until
    with _window_rule():
        async with db.transaction():
            await db.execute(update, notice_id, *values)
            notice = await one(db, notice_id, language)
    logger.info("notice %s changed", notice_id)
    return notice


async def remove(db: Connection, notice_id: int) -> None:
    """The translations go with it."""
    if await db.execute("DELETE FROM notices WHERE id = $1", notice_id) == "DELETE 0":
        raise not_found("notice")
    logger.info("notice %s deleted", notice_id)


async def translate(
    db: Connection, notice_id: int, language: str, written: NoticeText
) -> tuple[Notice, bool]:
    """The notice in this language, and whether it lacked the language before."""
    replace = """
        UPDATE notice_translations SET title = $3, body = $4 WHERE notice_id = $1 AND language = $2
    """
    values = notice_id, language, written.title, written.body
    async with db.transaction():
        await _hold(db, notice_id)
        lacked = await db.execute(replace, *values) == "UPDATE 0"
        if lacked:
            await db.execute(INSERT_TEXT, *values)
        notice = await one(db, notice_id, language)
    logger.info("notice %s translated", notice_id)
    return notice, lacked


async def untranslate(db: Connection, notice_id: int, language: str) -> None:
    """A notice keeps its last translation."""
    select = "SELECT language FROM notice_translations WHERE notice_id = $1"
    delete = "DELETE FROM notice_translations WHERE notice_id = $1 AND language = $2"
    async with db.transaction():
        await _hold(db, notice_id)
        languages = {row["language"] for row in await db.fetch(select, notice_id)}
        if language not in languages:
            raise not_found("translation")
        if languages == {language}:
            raise conflict("last_translation")
        await db.execute(delete, notice_id, language)
    logger.info("notice %s untranslated", notice_id)
