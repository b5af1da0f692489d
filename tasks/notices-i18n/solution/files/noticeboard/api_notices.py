"""HTTP of notices and of the digest."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import APIRouter, Depends, Query, Request, Response

from noticeboard import notices, subscribers
from noticeboard.db import Db
from noticeboard.digest import digest
from noticeboard.errors import VARIES, accepted, not_found
from noticeboard.models import (
    Asked,
    DigestItem,
    DigestOut,
    Kind,
    Language,
    MomentIn,
    NoticeChange,
    NoticeIn,
    NoticeOut,
    NoticesOut,
    RecordId,
    TranslationIn,
)
from noticeboard.negotiation import Choice, choose

Lang = Annotated[Language | None, Query()]


def chosen(request: Request, lang: Lang = None) -> Choice:
    return choose(accepted(request), lang)


Chosen = Annotated[Choice, Depends(chosen)]
At = Annotated[MomentIn | None, Query()]
Fallback = Annotated[Literal["true", "false"], Query()]
Page = Annotated[int, Query(ge=1, le=100_000)]
Size = Annotated[int, Query(ge=1, le=50)]

router = APIRouter(tags=["notices"], dependencies=[Depends(chosen)])


@router.get("/notices")
async def list_notices(
    choice: Chosen,
    response: Response,
    db: Db,
    at: At = None,
    status: Annotated[Asked, Query()] = "published",
    kind: Annotated[Kind | None, Query()] = None,
    fallback: Fallback = "true",
    page: Page = 1,
    size: Size = 10,
) -> NoticesOut:
    notices.check_accepted(choice.refused)
    response.headers.update(VARIES)
    speak(response, choice.language)
    wanted = status, kind, fallback == "true"
    moment = at or datetime.now(UTC)
    rows, total = await notices.page(db, choice.language, moment, wanted, (page, size))
    items = [NoticeOut(**shown(row)) for row in rows]
    summary = notices.counted(total, kind, status, choice.language)
    return NoticesOut(items=items, total=total, page=page, size=size, summary=summary)


@router.post("/notices", status_code=HTTPStatus.CREATED)
async def add_notice(notice: NoticeIn, choice: Chosen, response: Response, db: Db) -> NoticeOut:
    notice_id = await notices.add(db, notice)
    response.headers["Location"] = f"/api/notices/{notice_id}"
    return answered(await notices.one(db, notice_id, choice.language), response)


@router.get("/notices/{notice_id}")
async def get_notice(
    notice_id: RecordId,
    choice: Chosen,
    response: Response,
    db: Db,
    fallback: Fallback = "true",
) -> NoticeOut:
    notices.check_accepted(choice.refused)
    row = await notices.one(db, notice_id, choice.language)
    if fallback == "false" and row["language"] != choice.language:
        raise not_found("translation")
    response.headers.update(VARIES)
    return answered(row, response)


@router.patch("/notices/{notice_id}")
async def change_notice(
    notice_id: RecordId, changed: NoticeChange, choice: Chosen, response: Response, db: Db
) -> NoticeOut:
    await notices.change(db, notice_id, changed)
    return answered(await notices.one(db, notice_id, choice.language), response)


@router.delete("/notices/{notice_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_notice(notice_id: RecordId, db: Db) -> None:
    await notices.remove(db, notice_id)


@router.put(
    "/notices/{notice_id}/translations/{language}",
    responses={HTTPStatus.CREATED: {"model": NoticeOut}},
)
async def translate_notice(
    notice_id: RecordId, language: Language, translation: TranslationIn, response: Response, db: Db
) -> NoticeOut:
    if await notices.translate(db, notice_id, language, translation):
        response.status_code = HTTPStatus.CREATED
    return answered(await notices.one(db, notice_id, language), response)


@router.delete("/notices/{notice_id}/translations/{language}", status_code=HTTPStatus.NO_CONTENT)
async def untranslate_notice(notice_id: RecordId, language: Language, db: Db) -> None:
    await notices.untranslate(db, notice_id, language)


@router.get("/subscribers/{subscriber_id}/digest")
async def get_digest(
    subscriber_id: RecordId, response: Response, db: Db, lang: Lang = None, at: At = None
) -> DigestOut:
    person = await subscribers.one(db, subscriber_id)
    language = lang or person["language"]
    speak(response, language)
    found = await digest(db, person, language, at or datetime.now(UTC))
    return DigestOut(
        subscriber_id=subscriber_id,
        language=language,
        greeting=found.greeting,
        summary=found.summary,
        items=[DigestItem(**shown(row)) for row in found.rows],
    )


def speak(response: Response, language: str) -> None:
    response.headers["Content-Language"] = language


def shown(row: asyncpg.Record) -> dict[str, Any]:
    """A row of the board with its label."""
    return {**row, "label": notices.label(row["kind"], row["status"], row["language"])}


def answered(row: asyncpg.Record, response: Response) -> NoticeOut:
    """One notice, in the language that its header names."""
    speak(response, row["language"])
    return NoticeOut(**shown(row))
