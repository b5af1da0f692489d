"""Notices in two languages: SQL, rules and words."""

import logging
from datetime import UTC, datetime
from http import HTTPStatus

import asyncpg

from noticeboard.db import Connection
from noticeboard.errors import BoardError, conflict, not_found, refuse_window
from noticeboard.i18n import text
from noticeboard.models import NoticeChange, NoticeIn, TranslationIn

logger = logging.getLogger(__name__)

BOARD = """
    SELECT notices.id, kind, publish_from, publish_until, shown.language, shown.title, shown.body,
        ARRAY(
            SELECT language FROM notice_translations
            WHERE notice_id = notices.id ORDER BY language
        ) AS languages,
        CASE
            WHEN publish_from > $2 THEN 'scheduled'
            WHEN publish_until <= $2 THEN 'expired'
            ELSE 'published'
        END AS status
    FROM notices CROSS JOIN LATERAL (
        SELECT language, title, body FROM notice_translations
        WHERE notice_id = notices.id ORDER BY language <> $1 LIMIT 1
    ) AS shown
"""
"""Every notice in the language $1, or in its other one, as it is at the moment $2."""

MATCHING = f"""
    SELECT * FROM ({BOARD}) AS board
    WHERE ($3 = 'all' OR status = $3)
        AND ($4::text IS NULL OR kind = $4)
        AND ($5::boolean OR language = $1)
"""
ORDER = """ORDER BY publish_from DESC, id DESC"""
COUNTED = f"""SELECT count(*) FROM ({MATCHING}) AS found"""
PAGE = f"""{MATCHING} {ORDER} LIMIT $6 OFFSET $7"""
ONE = f"""SELECT * FROM ({BOARD}) AS board WHERE id = $3"""
LOCKED = """SELECT kind, publish_from, publish_until FROM notices WHERE id = $1 FOR UPDATE"""
LANGUAGES_OF = """SELECT language FROM notice_translations WHERE notice_id = $1"""
ADD = """
    INSERT INTO notices (kind, publish_from, publish_until) VALUES ($1, $2, $3) RETURNING id
"""
CHANGE = """
    UPDATE notices SET kind = $2, publish_from = $3, publish_until = $4, updated_at = now()
    WHERE id = $1
"""
REMOVE = """DELETE FROM notices WHERE id = $1"""
TRANSLATE = """
    INSERT INTO notice_translations (notice_id, language, title, body) VALUES ($1, $2, $3, $4)
    ON CONFLICT (notice_id, language) DO UPDATE SET title = $3, body = $4
"""
UNTRANSLATE = """DELETE FROM notice_translations WHERE notice_id = $1 AND language = $2"""


async def page(
    db: Connection,
    language: str,
    at: datetime,
    wanted: tuple[str, str | None, bool],
    window: tuple[int, int],
) -> tuple[list[asyncpg.Record], int]:
    """A page of the notices that match, and how many there are.

    `wanted` is status, kind and whether other languages may stand in; `window` page and size.
    """
    number, size = window
    total = await db.fetchval(COUNTED, language, at, *wanted)
    rows = await db.fetch(PAGE, language, at, *wanted, size, (number - 1) * size)
    return rows, total


async def one(db: Connection, notice_id: int, language: str) -> asyncpg.Record:
    row = await db.fetchrow(ONE, language, datetime.now(UTC), notice_id)
    if row is None:
        raise not_found("notice")
    return row


async def add(db: Connection, notice: NoticeIn) -> int:
    check_window(notice.publish_from, notice.publish_until)
    values = notice.kind, notice.publish_from, notice.publish_until
    async with db.transaction():
        notice_id = await db.fetchval(ADD, *values)
        for language, translation in notice.translations.items():
            await _write(db, notice_id, language, translation)
    logger.info("notice %s added", notice_id)
    return notice_id


async def change(db: Connection, notice_id: int, changed: NoticeChange) -> None:
    async with db.transaction():
        notice = dict(await _locked(db, notice_id)) | changed.model_dump(exclude_unset=True)
        window = notice["publish_from"], notice["publish_until"]
        check_window(*window)
        await db.execute(CHANGE, notice_id, notice["kind"], *window)
    logger.info("notice %s changed", notice_id)


async def remove(db: Connection, notice_id: int) -> None:
    if await db.execute(REMOVE, notice_id) == "DELETE 0":
        raise not_found("notice")
    logger.info("notice %s deleted", notice_id)


async def translate(
    db: Connection, notice_id: int, language: str, translation: TranslationIn
) -> bool:
    """Whether the notice lacked the language before."""
    async with db.transaction():
        await _locked(db, notice_id)
        new = language not in await _languages(db, notice_id)
        await _write(db, notice_id, language, translation)
    logger.info("notice %s translated into %s", notice_id, language)
    return new


async def untranslate(db: Connection, notice_id: int, language: str) -> None:
    """The lock makes requests for both languages wait for each other: one translation stays."""
    async with db.transaction():
        await _locked(db, notice_id)
        languages = await _languages(db, notice_id)
        if language not in languages:
            raise not_found("translation")
        if len(languages) == 1:
            raise conflict("last_translation")
        await db.execute(UNTRANSLATE, notice_id, language)
    logger.info("notice %s untranslated from %s", notice_id, language)


def check_window(start: datetime, end: datetime | None) -> None:
    if end is not None and end <= start:
        raise refuse_window()


def check_accepted(refused: bool) -> None:
    if refused:
        raise BoardError(HTTPStatus.NOT_ACCEPTABLE, "not_acceptable")


def label(kind: str, status: str, language: str) -> str:
    """Kind and status in words: `published bylaw`, `annonce publiée`."""
    return phrase(1, kind, status, language)


def counted(count: int, kind: str | None, status: str, language: str) -> str:
    """`2 published notices`, `0 annonce publiée`; no adjective for the status `all`."""
    words = phrase(count, kind or "any", status, language)
    return text("notices.counted", language, count=count, phrase=words)


def phrase(count: int, kind: str, status: str, language: str) -> str:
    """The noun, and the adjective that agrees with it."""
    noun = text(f"notices.noun.{kind}", language, count=count)
    if status == "all":
        return noun
    gender = text(f"notices.gender.{kind}", language)
    adjective = text(f"notices.status.{status}", language, count=count, gender=gender)
    return text("notices.phrase", language, noun=noun, status=adjective)


async def _locked(db: Connection, notice_id: int) -> asyncpg.Record:
    row = await db.fetchrow(LOCKED, notice_id)
    if row is None:
        raise not_found("notice")
    return row


async def _languages(db: Connection, notice_id: int) -> list[str]:
    return [row["language"] for row in await db.fetch(LANGUAGES_OF, notice_id)]


async def _write(db: Connection, notice_id: int, language: str, translation: TranslationIn) -> None:
    await db.execute(TRANSLATE, notice_id, language, translation.title, translation.body)
