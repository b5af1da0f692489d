"""Bookings over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.models import BookingStatus
from app.schemas.common import (
    EARLIEST,
    Limit,
    Moment,
    MultiLine,
    Offset,
    RequestModel,
    ResponseModel,
    SingleLine,
)

Title = Annotated[SingleLine, Field(min_length=1, max_length=120)]
Organiser = Annotated[SingleLine, Field(min_length=2, max_length=80)]
Attendees = Annotated[int, Field(ge=1, strict=True)]
Notes = Annotated[MultiLine, Field(max_length=1000)]
BookingSort = Literal["starts_at", "-starts_at", "created_at", "-created_at"]


class BookingCreate(RequestModel):
    room_id: UUID
    title: Title
    organiser: Organiser
    attendees: Attendees = 1
    notes: Notes | None = None
    starts_at: Moment
    ends_at: Moment


class BookingUpdate(RequestModel):
    """Only the fields that are sent change."""

    title: Title = ""
    organiser: Organiser = ""
    attendees: Attendees = 1
    notes: Notes | None = None
    starts_at: Moment = EARLIEST
    ends_at: Moment = EARLIEST


class BookingQuery(BaseModel):
    """Filters, order and page of a list."""

    room_id: UUID | None = None
    organiser: Organiser | None = None
    status: BookingStatus | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None
    sort: BookingSort = "starts_at"
    limit: Limit = 20
    offset: Offset = 0


class BookingRead(ResponseModel):
    id: UUID
    room_id: UUID
    title: str
    organiser: str
    attendees: int
    notes: str | None
    starts_at: datetime
    ends_at: datetime
    status: BookingStatus
    created_at: datetime
    updated_at: datetime
