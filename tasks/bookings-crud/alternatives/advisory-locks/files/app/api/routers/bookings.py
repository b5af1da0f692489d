"""HTTP of bookings."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response, status

from app.api.dependencies import Bookings
from app.repositories.bookings import BookingFilter
from app.schemas.bookings import (
    BookingCreate,
    BookingPatch,
    BookingRead,
    Organiser,
    Sort,
    Status,
)
from app.schemas.common import Limit, Minute, Offset, Page

router = APIRouter(prefix="/bookings", tags=["bookings"])


def filters(
    room_id: UUID | None = None,
    organiser: Annotated[Organiser | None, Query()] = None,
    booking_status: Annotated[Status | None, Query(alias="status")] = None,
    window_start: Annotated[Minute | None, Query(alias="from")] = None,
    window_end: Annotated[Minute | None, Query(alias="to")] = None,
) -> BookingFilter:
    return BookingFilter(room_id, organiser, booking_status, window_start, window_end)


@router.get("", response_model=Page[BookingRead])
async def index(
    bookings: Bookings,
    wanted: Annotated[BookingFilter, Depends(filters)],
    sort: Sort = Sort.earliest_start,
    limit: Limit = 20,
    offset: Offset = 0,
) -> dict[str, object]:
    page, total = await bookings.list_page(wanted, sort=sort, limit=limit, offset=offset)
    items = [BookingRead.of(booking) for booking in page]
    return {"items": items, "total": total, "limit": limit, "offset": offset}


@router.post("", status_code=status.HTTP_201_CREATED)
async def create(data: BookingCreate, bookings: Bookings, response: Response) -> BookingRead:
    booking = await bookings.create(data)
    response.headers["Location"] = f"/api/v1/bookings/{booking.id}"
    return BookingRead.of(booking)


@router.get("/{booking_id}")
async def show(booking_id: UUID, bookings: Bookings) -> BookingRead:
    return BookingRead.of(await bookings.read(booking_id))


@router.patch("/{booking_id}")
async def change(booking_id: UUID, data: BookingPatch, bookings: Bookings) -> BookingRead:
    return BookingRead.of(await bookings.change(booking_id, data))


@router.delete("/{booking_id}", status_code=status.HTTP_204_NO_CONTENT)
async def cancel(booking_id: UUID, bookings: Bookings) -> Response:
    await bookings.cancel(booking_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
