"""Rules about bookings. The service owns the transaction.

Whoever sets a period holds the lock of the room until the commit: of several writers, in any
number of processes, one decides at a time. The lock of a room is always taken before a booking's.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

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
from app.models import Booking, BookingStatus, Room
from app.repositories.bookings import BookingRepository
from app.repositories.rooms import RoomRepository
from app.schemas.bookings import BookingCreate, BookingQuery, BookingUpdate

logger = logging.getLogger(__name__)

SHORTEST = timedelta(minutes=15)
LONGEST = timedelta(hours=12)


class BookingService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._bookings = BookingRepository(session)
        self._rooms = RoomRepository(session)

    async def get(self, booking_id: UUID) -> Booking:
        booking = await self._bookings.get(booking_id)
        if booking is None:
            raise BookingNotFoundError
        return booking

    async def search(self, query: BookingQuery) -> tuple[list[Booking], int]:
        if query.from_ is not None and query.to is not None and query.from_ >= query.to:
            raise WindowInvalidError
        return await self._bookings.search(query)

    async def create(self, data: BookingCreate) -> Booking:
        booking = Booking(**data.model_dump())
        _check_period(booking.starts_at, booking.ends_at)
        room = await self._rooms.get_locked(booking.room_id)
        if room is None:
            raise RoomNotFoundError
        _check_capacity(room, booking.attendees)
        await self._check_free(booking.room_id, booking.starts_at, booking.ends_at)
        await self._bookings.add(booking)
        await self._session.commit()
        logger.info("booking %s created", booking.id)
        return booking

    async def update(self, booking_id: UUID, data: BookingUpdate) -> Booking:
        room, booking = await self._locked(booking_id)
        if booking.status == BookingStatus.CANCELLED:
            raise BookingCancelledError
        changes = data.model_dump(exclude_unset=True)
        if not changes:
            return booking
        starts_at = changes.get("starts_at", booking.starts_at)
        ends_at = changes.get("ends_at", booking.ends_at)
        _check_period(starts_at, ends_at)
        if "attendees" in changes:
            _check_capacity(room, data.attendees)
        await self._check_free(room.id, starts_at, ends_at, but=booking.id)
        for field, value in changes.items():
            setattr(booking, field, value)
        await self._session.commit()
        logger.info("booking %s changed", booking.id)
        return booking

    async def cancel(self, booking_id: UUID) -> None:
        booking = await self._bookings.get_locked(booking_id)
        if booking is None:
            raise BookingNotFoundError
        if booking.status == BookingStatus.CANCELLED:
            return
        booking.status = BookingStatus.CANCELLED.value
        await self._session.commit()
        logger.info("booking %s cancelled", booking.id)

    async def _locked(self, booking_id: UUID) -> tuple[Room, Booking]:
        """The booking and its room, in the order in which everybody locks them."""
        room_id = await self._bookings.room_of(booking_id)
        room = await self._rooms.get_locked(room_id) if room_id is not None else None
        booking = await self._bookings.get_locked(booking_id)
        if room is None or booking is None:
            raise BookingNotFoundError
        return room, booking

    async def _check_free(
        self, room_id: UUID, starts_at: datetime, ends_at: datetime, *, but: UUID | None = None
    ) -> None:
        taken = await self._bookings.overlapping(room_id, starts_at, ends_at, but=but)
        if taken:
            raise BookingConflictError(details=_conflicts(taken), count=len(taken))


def _check_period(starts_at: datetime, ends_at: datetime) -> None:
    if not SHORTEST <= ends_at - starts_at <= LONGEST:
        raise BookingPeriodInvalidError


def _check_capacity(room: Room, attendees: int) -> None:
    if attendees > room.capacity:
        raise RoomCapacityExceededError(count=room.capacity)


def _conflicts(taken: Sequence[Booking]) -> list[dict[str, str]]:
    return [
        {
            "booking_id": str(booking.id),
            "starts_at": _text(booking.starts_at),
            "ends_at": _text(booking.ends_at),
        }
        for booking in taken
    ]


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
