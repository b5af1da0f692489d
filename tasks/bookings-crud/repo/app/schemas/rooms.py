"""Rooms over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.schemas.common import RequestModel, ResponseModel, SingleLine

Name = Annotated[SingleLine, Field(min_length=1, max_length=80)]
Building = Annotated[SingleLine, Field(min_length=1, max_length=60)]
Floor = Annotated[int, Field(ge=-5, le=100)]
Capacity = Annotated[int, Field(ge=1, le=500)]
Equipment = Annotated[
    list[Literal["camera", "phone", "screen", "whiteboard"]],
    Field(max_length=10, default_factory=list),
]


class RoomCreate(RequestModel):
    name: Name
    building: Building
    floor: Floor
    capacity: Capacity
    equipment: Equipment


class RoomUpdate(RequestModel):
    """Only the fields that are sent change."""

    name: Name = ""
    building: Building = ""
    floor: Floor = 0
    capacity: Capacity = 1
    equipment: Equipment


class RoomRead(ResponseModel):
    id: UUID
    name: str
    building: str
    floor: int
    capacity: int
    equipment: list[str]
    created_at: datetime
    updated_at: datetime
