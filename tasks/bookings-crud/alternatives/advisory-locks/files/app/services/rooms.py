"""Rules about rooms. The service owns the transaction."""

import logging
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import RoomInUseError, RoomNameTakenError, RoomNotFoundError
from app.models import Room
from app.repositories.bookings import BookingRepository
from app.repositories.rooms import RoomRepository
from app.schemas.rooms import RoomCreate, RoomUpdate

logger = logging.getLogger(__name__)


class RoomService:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._rooms = RoomRepository(session)
        self._bookings = BookingRepository(session)

    async def get(self, room_id: UUID) -> Room:
        room = await self._rooms.get(room_id)
        if room is None:
            raise RoomNotFoundError
        return room

    async def search(
        self, *, building: str | None, min_capacity: int | None, limit: int, offset: int
    ) -> tuple[list[Room], int]:
        return await self._rooms.search(
            building=building, min_capacity=min_capacity, limit=limit, offset=offset
        )

    async def create(self, data: RoomCreate) -> Room:
        room = Room(**data.model_dump())
        try:
            await self._rooms.add(room)
        except IntegrityError as error:
            raise RoomNameTakenError from error
        await self._session.commit()
        logger.info("room %s created", room.id)
        return room

    async def update(self, room_id: UUID, data: RoomUpdate) -> Room:
        room = await self.get(room_id)
        for field, value in data.model_dump(exclude_unset=True).items():
            setattr(room, field, value)
        try:
            await self._rooms.save(room)
        except IntegrityError as error:
            raise RoomNameTakenError from error
        await self._session.commit()
        logger.info("room %s updated", room.id)
        return room

    async def delete(self, room_id: UUID) -> None:
        await self._bookings.hold_room(room_id)
        room = await self.get(room_id)
        if await self._bookings.room_is_booked(room_id):
            raise RoomInUseError
        await self._bookings.forget_room(room_id)
        await self._rooms.delete(room)
        await self._session.commit()
        logger.info("room %s deleted", room_id)
