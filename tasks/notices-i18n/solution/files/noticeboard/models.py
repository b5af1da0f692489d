"""What goes over the wire."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)
from pydantic_core import PydanticCustomError

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
NO_CONTROL_BUT_SPACING = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(2100, 1, 1, tzinfo=UTC)
EMAIL = r"^[^@\s]{1,64}@[^@\s]{1,180}\.[a-z]{2,8}$"

RecordId = Annotated[int, Path(ge=1, le=2_147_483_647)]
"""What an `integer` column can hold."""

Language = Literal["en", "fr"]
Gender = Literal["female", "male", "neutral"]
Kind = Literal["announcement", "bylaw", "closure", "tender"]
Status = Literal["scheduled", "published", "expired"]
Asked = Literal["scheduled", "published", "expired", "all"]


def _one_line(text: str) -> str:
    if CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


def _read_moment(value: object) -> datetime:
    """Pydantic would take numbers, and dates without a time or an offset."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise ValueError
    moment = datetime.fromisoformat(value.upper())
    if not FIRST_MOMENT <= moment <= LAST_MOMENT:
        raise ValueError
    return moment


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Line = Annotated[str, AfterValidator(_one_line)]
"""Text without control characters; PostgreSQL cannot store all of them."""

Lines = Annotated[str, Field(pattern=NO_CONTROL_BUT_SPACING)]
"""Text that may have several lines and tabs."""

MomentIn = Annotated[datetime, BeforeValidator(_read_moment)]
"""An RFC 3339 date-time with an offset, of this century."""

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


class TranslationIn(Body):
    title: Annotated[Line, Field(min_length=1, max_length=120)]
    body: Annotated[Lines, Field(min_length=1, max_length=4000)]


class NoticeIn(Body):
    kind: Kind
    publish_from: MomentIn
    publish_until: MomentIn | None = None
    translations: Annotated[dict[Language, TranslationIn], Field(min_length=1)]


class NoticeChange(Body):
    """What is left out stays as it is: the defaults are never used."""

    kind: Kind = Field(default=None)
    publish_from: MomentIn = Field(default=None)
    publish_until: MomentIn | None = None


class NoticeOut(BaseModel):
    id: int
    kind: Kind
    status: Status
    label: str
    language: Language
    languages: list[Language]
    title: str
    body: str
    publish_from: Moment
    publish_until: Moment | None


class NoticesOut(BaseModel):
    items: list[NoticeOut]
    total: int
    page: int
    size: int
    summary: str


class DigestItem(BaseModel):
    id: int
    label: str
    language: Language
    title: str
    publish_from: Moment


class DigestOut(BaseModel):
    subscriber_id: int
    language: Language
    greeting: str
    summary: str
    items: list[DigestItem]
