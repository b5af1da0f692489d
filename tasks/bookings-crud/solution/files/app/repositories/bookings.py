"""SQL about bookings."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, collate, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Booking, BookingStatus
from app.schemas.bookings import BookingQuery, BookingSort

ORDERS: dict[BookingSort, ColumnElement[datetime]] = {
    "starts_at": Booking.starts_at.asc(),
    "-starts_at": Booking.starts_at.desc(),
    "created_at": Booking.created_at.asc(),
    "-created_at": Booking.created_at.desc(),
}


class BookingRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, booking_id: UUID) -> Booking | None:
        return await self._session.get(Booking, booking_id)

    async def get_locked(self, booking_id: UUID) -> Booking | None:
        """The booking as it is now; other writers of it wait until this transaction ends."""
        return await self._session.get(Booking, booking_id, with_for_update=True)

    async def room_of(self, booking_id: UUID) -> UUID | None:
        return await self._session.scalar(select(Booking.room_id).where(Booking.id == booking_id))

    async def overlapping(
        self, room_id: UUID, starts_at: datetime, ends_at: datetime, *, but: UUID | None = None
    ) -> list[Booking]:
        """Confirmed bookings of the room that overlap the period, earliest first."""
        query = select(Booking).where(
            Booking.room_id == room_id,
            Booking.status == BookingStatus.CONFIRMED.value,
            Booking.starts_at < ends_at,
            Booking.ends_at > starts_at,
        )
        if but is not None:
            query = query.where(Booking.id != but)
        return list(await self._session.scalars(query.order_by(Booking.starts_at)))

    async def search(self, query: BookingQuery) -> tuple[list[Booking], int]:
        """One page, and how many bookings match in all."""
        matching = select(Booking).where(*self._conditions(query))
        total = await self._session.scalar(select(func.count()).select_from(matching.subquery()))
        rows = await self._session.scalars(self._page(matching, query))
        return list(rows), total or 0

    def _page(
        self, matching: Select[tuple[Booking]], query: BookingQuery
    ) -> Select[tuple[Booking]]:
        ordered = matching.order_by(ORDERS[query.sort], Booking.id)
        return ordered.limit(query.limit).offset(query.offset)

    def _conditions(self, query: BookingQuery) -> list[ColumnElement[bool]]:
        conditions: list[ColumnElement[bool]] = []
        if query.room_id is not None:
            conditions.append(Booking.room_id == query.room_id)
        if query.status is not None:
            conditions.append(Booking.status == query.status.value)
        if query.organiser is not None:
            conditions.append(_ascii_lower(Booking.organiser) == _ascii_lower(query.organiser))
        if query.from_ is not None:
            conditions.append(Booking.ends_at > query.from_)
        if query.to is not None:
            conditions.append(Booking.starts_at < query.to)
        return conditions

    async def add(self, booking: Booking) -> None:
        self._session.add(booking)
        await self._session.flush()

    async def has_confirmed(self, room_id: UUID) -> bool:
        confirmed = exists().where(
            Booking.room_id == room_id, Booking.status == BookingStatus.CONFIRMED.value
        )
        return bool(await self._session.scalar(select(confirmed)))

    async def delete_of_room(self, room_id: UUID) -> None:
        await self._session.execute(delete(Booking).where(Booking.room_id == room_id))


def _ascii_lower(text: ColumnElement[str] | str) -> ColumnElement[str]:
    """The collation C folds ASCII letters only, whatever the database's locale is."""
    return func.lower(collate(text, "C"))
