"""HTTP of rooms."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.dependencies import Rooms
from app.schemas.common import Limit, Offset, Page
from app.schemas.rooms import Building, RoomCreate, RoomRead, RoomUpdate

router = APIRouter(prefix="/rooms", tags=["rooms"])


@router.get("")
async def list_rooms(
    service: Rooms,
    building: Annotated[Building | None, Query()] = None,
    min_capacity: Annotated[int | None, Query(ge=1, le=500)] = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[RoomRead]:
    rooms, total = await service.search(
        building=building, min_capacity=min_capacity, limit=limit, offset=offset
    )
    items = [RoomRead.model_validate(room) for room in rooms]
    return Page(items=items, total=total, limit=limit, offset=offset)


@router.post("", status_code=HTTPStatus.CREATED)
async def create_room(data: RoomCreate, service: Rooms, response: Response) -> RoomRead:
    room = await service.create(data)
    response.headers["Location"] = f"/api/v1/rooms/{room.id}"
    return RoomRead.model_validate(room)


@router.get("/{room_id}")
async def get_room(room_id: UUID, service: Rooms) -> RoomRead:
    return RoomRead.model_validate(await service.get(room_id))


@router.patch("/{room_id}")
async def update_room(room_id: UUID, data: RoomUpdate, service: Rooms) -> RoomRead:
    return RoomRead.model_validate(await service.update(room_id, data))


@router.delete("/{room_id}", status_code=HTTPStatus.NO_CONTENT)
async def delete_room(room_id: UUID, service: Rooms) -> None:
    await service.delete(room_id)
