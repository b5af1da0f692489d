"""What goes over the wire."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
EMAIL = r"^[^@\s]{1,64}@[^@\s]{1,180}\.[a-z]{2,8}$"

RecordId = Annotated[int, Path(ge=1, le=2_147_483_647)]
"""What an `integer` column can hold."""

Language = Literal["en", "fr"]
Gender = Literal["female", "male", "neutral"]


def _one_line(text: str) -> str:
    if CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Line = Annotated[str, AfterValidator(_one_line)]
"""Text without control characters; PostgreSQL cannot store all of them."""

Moment = Annotated[datetime, PlainSerializer(_utc, return_type=str)]
"""Answered in UTC, ending in `Z`."""


class Body(BaseModel):
    """A body: unknown fields are refused, white space around texts is dropped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class SubscriberIn(Body):
    name: Annotated[Line, Field(min_length=1, max_length=80)]
    email: Annotated[Line, Field(max_length=254, pattern=EMAIL)]
    language: Language
    gender: Gender = "neutral"


class Subscriber(BaseModel):
    id: int
    name: str
    email: str
    language: Language
    gender: Gender
    created_at: Moment


class Subscribers(BaseModel):
    items: list[Subscriber]
    summary: str
