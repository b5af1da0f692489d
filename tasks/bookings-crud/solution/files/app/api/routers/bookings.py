"""HTTP of bookings."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.dependencies import Bookings
from app.schemas.bookings import BookingCreate, BookingQuery, BookingRead, BookingUpdate
from app.schemas.common import Page

router = APIRouter(prefix="/bookings", tags=["bookings"])


@router.get("")
async def list_bookings(
    service: Bookings, query: Annotated[BookingQuery, Query()]
) -> Page[BookingRead]:
    bookings, total = await service.search(query)
    items = [BookingRead.model_validate(booking) for booking in bookings]
    return Page(items=items, total=total, limit=query.limit, offset=query.offset)


@router.post("", status_code=HTTPStatus.CREATED)
async def create_booking(data: BookingCreate, service: Bookings, response: Response) -> BookingRead:
    booking = await service.create(data)
    response.headers["Location"] = f"/api/v1/bookings/{booking.id}"
    return BookingRead.model_validate(booking)


@router.get("/{booking_id}")
async def get_booking(booking_id: UUID, service: Bookings) -> BookingRead:
    return BookingRead.model_validate(await service.get(booking_id))


@router.patch("/{booking_id}")
async def update_booking(booking_id: UUID, data: BookingUpdate, service: Bookings) -> BookingRead:
    return BookingRead.model_validate(await service.update(booking_id, data))


@router.delete("/{booking_id}", status_code=HTTPStatus.NO_CONTENT)
async def cancel_booking(booking_id: UUID, service: Bookings) -> None:
    await service.cancel(booking_id)
