"""Rules about bookings. The service owns the transaction.

Writers of one room queue for an advisory lock that PostgreSQL gives back at the transaction's end.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import (
    BookingCancelledError,
    BookingConflictError,
    BookingNotFoundError,
    BookingPeriodInvalidError,
    RoomCapacityExceededError,
    RoomNotFoundError,
    WindowInvalidError,
)
from app.models import Booking, Room
from app.repositories.bookings import BookingFilter, BookingRepository
from app.repositories.rooms import RoomRepository
from app.schemas.bookings import BookingCreate, BookingPatch
from app.schemas.common import utc_text

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Period:
    """From `start` until, and not including, `end`."""

    start: datetime
    end: datetime

    def validate(self) -> None:
        if not timedelta(minutes=15) <= self.end - self.start <= timedelta(hours=12):
            raise BookingPeriodInvalidError


class BookingService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._bookings = BookingRepository(session)
        self._rooms = RoomRepository(session)

    async def read(self, booking_id: UUID) -> Booking:
        booking = await self._bookings.get(booking_id)
        if booking is None:
            raise BookingNotFoundError
        return booking

    async def list_page(
        self, wanted: BookingFilter, *, sort: str, limit: int, offset: int
    ) -> tuple[list[Booking], int]:
        start, end = wanted.ends_after, wanted.starts_before
        if start is not None and end is not None and not start < end:
            raise WindowInvalidError
        page = await self._bookings.page(wanted, sort=sort, limit=limit, offset=offset)
        return page, await self._bookings.count(wanted)

    async def create(self, data: BookingCreate) -> Booking:
        period = Period(data.starts_at, data.ends_at)
        period.validate()
        await self._bookings.hold_room(data.room_id)
        room = await self._rooms.get(data.room_id)
        if room is None:
            raise RoomNotFoundError
        _seat(room, data.attendees)
        booking = Booking(id=uuid4(), **data.model_dump())
        await self._require_free(booking.room_id, period, booking.id)
        await self._bookings.insert(booking)
        await self._commit("created", booking.id)
        return booking

    async def change(self, booking_id: UUID, data: BookingPatch) -> Booking:
        await self._bookings.hold_room((await self.read(booking_id)).room_id)
        booking = await self.read(booking_id)
        if booking.is_cancelled:
            raise BookingCancelledError
        changes = data.changes()
        if not changes:
            return booking
        period = Period(data.starts_at or booking.starts_at, data.ends_at or booking.ends_at)
        period.validate()
        if data.attendees is not None:
            _seat(await self._room_of(booking), data.attendees)
        await self._require_free(booking.room_id, period, booking.id)
        await self._bookings.change(booking, changes)
        await self._commit("changed", booking.id)
        return booking

    async def cancel(self, booking_id: UUID) -> None:
        await self._bookings.hold_room((await self.read(booking_id)).room_id)
        if await self._bookings.cancel(booking_id):
            await self._commit("cancelled", booking_id)

    async def _room_of(self, booking: Booking) -> Room:
        room = await self._rooms.get(booking.room_id)
        if room is None:
            raise RoomNotFoundError
        return room

    async def _require_free(self, room_id: UUID, period: Period, booking_id: UUID) -> None:
        found = await self._bookings.find_conflicts(room_id, period.start, period.end, booking_id)
        if found:
            raise BookingConflictError(details=_told(found), count=len(found))

    async def _commit(self, act: str, booking_id: UUID) -> None:
        await self._session.commit()
        logger.info("booking %s %s", booking_id, act)


def _seat(room: Room, attendees: int) -> None:
    if attendees > room.capacity:
        raise RoomCapacityExceededError(count=room.capacity)


def _told(bookings: Sequence[Booking]) -> list[dict[str, str]]:
    return [
        {
            "booking_id": str(booking.id),
            "starts_at": utc_text(booking.starts_at),
            "ends_at": utc_text(booking.ends_at),
        }
        for booking in bookings
    ]
