"""SQL about rooms."""

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Room


class RoomRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, room_id: UUID) -> Room | None:
        return await self._session.get(Room, room_id)

    async def search(
        self, *, building: str | None, min_capacity: int | None, limit: int, offset: int
    ) -> tuple[list[Room], int]:
        """One page by name, and how many rooms match in all."""
        query = self._filtered(building, min_capacity)
        total = await self._session.scalar(select(func.count()).select_from(query.subquery()))
        page = query.order_by(Room.name, Room.id).limit(limit).offset(offset)
        rows = await self._session.scalars(page)
        return list(rows), total or 0

    def _filtered(self, building: str | None, min_capacity: int | None) -> Select[tuple[Room]]:
        query = select(Room)
        if building is not None:
            query = query.where(Room.building == building)
        if min_capacity is not None:
            query = query.where(Room.capacity >= min_capacity)
        return query

    async def add(self, room: Room) -> None:
        """Raises IntegrityError when the name is taken."""
        self._session.add(room)
        await self._session.flush()

    async def save(self, room: Room) -> None:
        """Raises IntegrityError when the name is taken."""
        await self._session.flush()

    async def delete(self, room: Room) -> None:
        await self._session.delete(room)
        await self._session.flush()
