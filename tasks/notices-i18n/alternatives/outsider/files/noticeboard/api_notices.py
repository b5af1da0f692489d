"""HTTP of notices, and of the digest that a subscriber reads of them."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from noticeboard import digest, notices
from noticeboard.db import Db
from noticeboard.errors import BoardError
from noticeboard.models import (
    BoardQuery,
    Digest,
    Flag,
    Instant,
    KeyInPath,
    Language,
    Notice,
    NoticeChange,
    NoticeIn,
    Notices,
    NoticeText,
)
from noticeboard.negotiation import Choice, choose


class LenientRequest(Request):
    """A body that is no JSON stays bytes, so that it is refused together with all other faults."""

    async def json(self) -> object:
        try:
            return await super().json()
        except (ValueError, RecursionError):
            return await self.body()


class NegotiatedRoute(APIRoute):
    """Chooses the language before anything can fail: errors need it too."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        header = ",".join(request.headers.getlist("accept-language"))
        request.state.choice = choose(request.query_params.get("lang"), header)
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def lenient(request: Request) -> Response:
            return await handler(LenientRequest(request.scope, request.receive))

        return lenient


Lang = Annotated[Language | None, Query()]


async def chosen(request: Request, lang: Lang = None) -> Choice:
    """What the route has chosen; the parameter is declared here so that it is validated."""
    return request.state.choice


Chosen = Annotated[Choice, Depends(chosen)]

router = APIRouter(
    prefix="/notices",
    tags=["notices"],
    route_class=NegotiatedRoute,
    dependencies=[Depends(chosen)],
)
digest_router = APIRouter(prefix="/subscribers", tags=["subscribers"], route_class=NegotiatedRoute)


def require_acceptable(choice: Choice) -> None:
    if not choice.acceptable:
        raise BoardError(HTTPStatus.NOT_ACCEPTABLE, "not_acceptable")


@router.get("")
async def list_notices(
    query: Annotated[BoardQuery, Query()], choice: Chosen, response: Response, db: Db
) -> Notices:
    require_acceptable(choice)
    response.headers["Content-Language"] = choice.language
    response.headers["Vary"] = "Accept-Language"
    return await notices.board(db, query, choice.language)


@router.post("", status_code=HTTPStatus.CREATED)
async def add_notice(draft: NoticeIn, choice: Chosen, response: Response, db: Db) -> Notice:
    notice = await notices.add(db, draft, choice.language)
    response.headers["Location"] = f"/api/notices/{notice.id}"
    response.headers["Content-Language"] = notice.language
    return notice


@router.get("/{notice_id}")
async def get_notice(
    notice_id: KeyInPath, choice: Chosen, response: Response, db: Db, fallback: Flag = True
) -> Notice:
    require_acceptable(choice)
    notice = await notices.one(db, notice_id, choice.language, fallback=fallback)
    response.headers["Content-Language"] = notice.language
    response.headers["Vary"] = "Accept-Language"
    return notice


@router.patch("/{notice_id}")
async def change_notice(
    notice_id: KeyInPath, changes: NoticeChange, choice: Chosen, response: Response, db: Db
) -> Notice:
    notice = await notices.change(db, notice_id, changes, choice.language)
    response.headers["Content-Language"] = notice.language
    return notice


@router.delete("/{notice_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_notice(notice_id: KeyInPath, db: Db) -> None:
    await notices.remove(db, notice_id)


@router.put(
    "/{notice_id}/translations/{language}",
    responses={HTTPStatus.CREATED.value: {"model": Notice}},
)
async def translate_notice(
    notice_id: KeyInPath, language: Language, written: NoticeText, response: Response, db: Db
) -> Notice:
    notice, lacked = await notices.translate(db, notice_id, language, written)
    response.status_code = HTTPStatus.CREATED if lacked else HTTPStatus.OK
    response.headers["Content-Language"] = notice.language
    return notice


@router.delete("/{notice_id}/translations/{language}", status_code=HTTPStatus.NO_CONTENT)
async def untranslate_notice(notice_id: KeyInPath, language: Language, db: Db) -> None:
    await notices.untranslate(db, notice_id, language)


@digest_router.get("/{subscriber_id}/digest")
async def get_digest(
    subscriber_id: KeyInPath,
    response: Response,
    db: Db,
    lang: Lang = None,
    at: Annotated[Instant | None, Query()] = None,
) -> Digest:
    """The header's language is that of errors alone."""
    told = await digest.of(db, subscriber_id, lang, at)
    response.headers["Content-Language"] = told.language
    return told
