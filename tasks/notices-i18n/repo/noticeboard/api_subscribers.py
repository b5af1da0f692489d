"""HTTP of subscribers."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from noticeboard import subscribers
from noticeboard.db import Db
from noticeboard.i18n import language_of, text
from noticeboard.models import RecordId, Subscriber, SubscriberIn, Subscribers

router = APIRouter(prefix="/subscribers", tags=["subscribers"])


@router.get("")
async def list_subscribers(request: Request, response: Response, db: Db) -> Subscribers:
    rows = await subscribers.every(db)
    language = language_of(request.headers.get("accept-language"))
    response.headers["Content-Language"] = language
    items = [Subscriber(**row) for row in rows]
    return Subscribers(items=items, summary=text("subscribers.summary", language, count=len(items)))


@router.post("", status_code=HTTPStatus.CREATED)
async def add_subscriber(person: SubscriberIn, response: Response, db: Db) -> Subscriber:
    row = await subscribers.add(db, person)
    response.headers["Location"] = f"/api/subscribers/{row['id']}"
    return Subscriber(**row)


@router.get("/{subscriber_id}")
async def get_subscriber(subscriber_id: RecordId, db: Db) -> Subscriber:
    return Subscriber(**await subscribers.one(db, subscriber_id))


@router.delete("/{subscriber_id}", status_code=HTTPStatus.NO_CONTENT)
async def remove_subscriber(subscriber_id: RecordId, db: Db) -> None:
    await subscribers.remove(db, subscriber_id)
