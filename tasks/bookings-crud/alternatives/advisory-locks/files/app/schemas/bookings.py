"""Bookings over the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, StrictInt, field_validator
from pydantic_core import PydanticCustomError

from app.models import Booking
from app.schemas.common import Minute, MultiLine, RequestModel, SingleLine, utc_text

Title = Annotated[SingleLine, Field(min_length=1, max_length=120)]
Organiser = Annotated[SingleLine, Field(min_length=2, max_length=80)]
Attendees = Annotated[StrictInt, Field(ge=1)]
Notes = Annotated[MultiLine, Field(max_length=1000)]


class Status(StrEnum):
    confirmed = "confirmed"
    cancelled = "cancelled"


class Sort(StrEnum):
    earliest_start = "starts_at"
    latest_start = "-starts_at"
    first_created = "created_at"
    last_created = "-created_at"


class BookingCreate(RequestModel):
    room_id: UUID
    title: Title
    organiser: Organiser
    attendees: Attendees = 1
    notes: Notes | None = None
    starts_at: Minute
    ends_at: Minute


class BookingPatch(RequestModel):
    """A field that is left out stays as it is; only notes can be emptied."""

    title: Title | None = None
    organiser: Organiser | None = None
    attendees: Attendees | None = None
    notes: Notes | None = None
    starts_at: Minute | None = None
    ends_at: Minute | None = None

    @field_validator("title", "organiser", "attendees", "starts_at", "ends_at", mode="before")
    @classmethod
    def _refuse_null(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("null", "null is not allowed")
        return value

    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set}


class BookingRead(BaseModel):
    id: UUID
    room_id: UUID
    title: str
    organiser: str
    attendees: int
    notes: str | None
    starts_at: str
    ends_at: str
    status: Status
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, booking: Booking) -> Self:
        return cls.model_validate(
            {name: _wire(getattr(booking, name)) for name in cls.model_fields}
        )


def _wire(value: object) -> object:
    return utc_text(value) if isinstance(value, datetime) else value
