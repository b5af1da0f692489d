"""SQL about bookings."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, UnaryExpression, delete, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.booking import CANCELLED, CONFIRMED, Booking

MICROSECOND = text("interval '1 microsecond'")


@dataclass(frozen=True)
class BookingFilter:
    """What a list keeps; None keeps everything."""

    room_id: UUID | None = None
    organiser: str | None = None
    status: str | None = None
    ends_after: datetime | None = None
    starts_before: datetime | None = None

    def clauses(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.room_id is not None:
            found.append(Booking.room_id == self.room_id)
        if self.organiser is not None:
            found.append(_folded(Booking.organiser) == _folded(self.organiser))
        if self.status is not None:
            found.append(Booking.status == self.status)
        if self.ends_after is not None:
            found.append(Booking.ends_at > self.ends_after)
        if self.starts_before is not None:
            found.append(Booking.starts_at < self.starts_before)
        return found


class BookingRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def hold_room(self, room_id: UUID) -> None:
        """Wait for, and keep until the transaction ends, the right to decide about this room."""
        key = func.hashtextextended(str(room_id), 0)
        await self._session.execute(select(func.pg_advisory_xact_lock(key)))

    async def get(self, booking_id: UUID) -> Booking | None:
        """The booking as committed now, even if this session has read it before."""
        query = select(Booking).where(Booking.id == booking_id)
        return await self._session.scalar(query, execution_options={"populate_existing": True})

    async def find_conflicts(
        self, room_id: UUID, starts_at: datetime, ends_at: datetime, exclude_id: UUID
    ) -> list[Booking]:
        """Confirmed bookings of the room within the period, earliest first."""
        period = func.tstzrange(starts_at, ends_at, "[)")
        rows = await self._session.scalars(
            select(Booking)
            .where(Booking.room_id == room_id, Booking.id != exclude_id)
            .where(Booking.status == CONFIRMED)
            .where(func.tstzrange(Booking.starts_at, Booking.ends_at, "[)").op("&&")(period))
            .order_by(Booking.starts_at)
        )
        return list(rows)

    async def count(self, wanted: BookingFilter) -> int:
        query = select(func.count()).select_from(Booking).where(*wanted.clauses())
        return (await self._session.execute(query)).scalar_one()

    async def page(
        self, wanted: BookingFilter, *, sort: str, limit: int, offset: int
    ) -> list[Booking]:
        """`sort` is a column's name, after a minus for the latest first."""
        query = select(Booking).where(*wanted.clauses()).order_by(_order(sort), Booking.id.asc())
        return list(await self._session.scalars(query.limit(limit).offset(offset)))

    async def insert(self, booking: Booking) -> None:
        self._session.add(booking)
        await self._session.flush()

    async def change(self, booking: Booking, values: Mapping[str, Any]) -> None:
        later = func.greatest(func.clock_timestamp(), Booking.updated_at + MICROSECOND)
        statement = update(Booking).where(Booking.id == booking.id)
        await self._session.execute(statement.values(**values, updated_at=later))
        await self._session.refresh(booking)

    async def cancel(self, booking_id: UUID) -> bool:
        """Whether it was confirmed until now."""
        later = func.greatest(func.clock_timestamp(), Booking.updated_at + MICROSECOND)
        changed = await self._session.scalars(
            update(Booking)
            .where(Booking.id == booking_id, Booking.status == CONFIRMED)
            .values(status=CANCELLED, updated_at=later)
            .returning(Booking.id)
        )
        return changed.first() is not None

    async def room_is_booked(self, room_id: UUID) -> bool:
        confirmed = exists().where(Booking.room_id == room_id, Booking.status == CONFIRMED)
        return (await self._session.execute(select(confirmed))).scalar_one()

    async def forget_room(self, room_id: UUID) -> None:
        await self._session.execute(delete(Booking).where(Booking.room_id == room_id))


def _folded(value: ColumnElement[str] | str) -> ColumnElement[str]:
    """ASCII letters in lower case, all others as they are."""
    return func.translate(value, string.ascii_uppercase, string.ascii_lowercase)


def _order(sort: str) -> UnaryExpression[Any]:
    column = Booking.created_at if sort.endswith("created_at") else Booking.starts_at
    return column.desc() if sort.startswith("-") else column.asc()
