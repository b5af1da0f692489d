"""What goes over the wire."""

import re
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_BUT_LAYOUT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
DIGITS = re.compile(r"[0-9]+")
HOUR_MINUTE = r"([01][0-9]|2[0-3]):[0-5][0-9]"
RFC_3339 = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{HOUR_MINUTE}:[0-5][0-9](\.[0-9]+)?(Z|[+-]{HOUR_MINUTE})",
    re.ASCII | re.IGNORECASE,
)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
EMAIL = r"^[^@\s]{1,64}@[^@\s]{1,180}\.[a-z]{2,8}$"

RecordId = Annotated[int, Path(ge=1, le=2_147_483_647)]
"""What an `integer` column can hold."""

Language = Literal["en", "fr"]
Gender = Literal["female", "male", "neutral"]
Kind = Literal["announcement", "bylaw", "closure", "tender"]
Status = Literal["scheduled", "published", "expired"]


def _one_line(text: str) -> str:
    if CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


def _paragraphs(text: str) -> str:
    if CONTROL_BUT_LAYOUT.search(text):
        raise PydanticCustomError("control_character", "of control characters only tab and lines")
    return text


def _digits(value: object) -> object:
    """A whole number in a URL is digits; pydantic alone would read `+1`, `1.0` and `1_000` too."""
    if not DIGITS.fullmatch(str(value)):
        raise PydanticCustomError("digits", "a whole number is expected")
    return value


def _flag(value: object) -> object:
    if value not in ("true", "false"):
        raise PydanticCustomError("flag", "true or false is expected")
    return value


def _instant(value: object) -> datetime:
    """RFC 3339 with an offset and nothing else that pydantic reads; finer than 1 µs is cut off."""
    refusal = PydanticCustomError("instant", "an RFC 3339 date-time with an offset is expected")
    if not (isinstance(value, str) and RFC_3339.fullmatch(value)):
        raise refusal
    try:
        moment = datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise refusal from error
    if not EARLIEST <= moment <= LATEST:
        raise PydanticCustomError("instant_range", "a time from 2000 to 2100 is expected")
    return moment


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Line = Annotated[str, AfterValidator(_one_line)]
"""Text without control characters; PostgreSQL cannot store all of them."""

Paragraphs = Annotated[str, AfterValidator(_paragraphs)]
"""Text of several lines; no other control characters."""

Instant = Annotated[datetime, BeforeValidator(_instant)]
"""A time as it is sent."""

Flag = Annotated[bool, BeforeValidator(_flag)]
"""`true` or `false` in a query."""

Whole = Annotated[int, BeforeValidator(_digits)]
"""A whole number in a path or a query."""

KeyInPath = Annotated[Whole, Path(ge=1, le=2_147_483_647)]
"""Like `RecordId`, in digits only."""

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


class NoticeText(Body):
    title: Annotated[Line, Field(min_length=1, max_length=120)]
    body: Annotated[Paragraphs, Field(min_length=1, max_length=4000)]


class Translations(Body):
    """A language may be left out, but it cannot be null: the defaults are never validated."""

    en: NoticeText = Field(default=None)
    fr: NoticeText = Field(default=None)

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("no_translation", "at least one translation is expected")
        return self

    def by_language(self) -> dict[str, NoticeText]:
        return {language: getattr(self, language) for language in sorted(self.model_fields_set)}


class NoticeIn(Body):
    kind: Kind
    publish_from: Instant
    publish_until: Instant | None = None
    translations: Translations


class NoticeChange(Body):
    """What is sent changes; `model_fields_set` tells. Only the end can be null."""

    kind: Kind = Field(default=None)
    publish_from: Instant = Field(default=None)
    publish_until: Instant | None = None


class BoardQuery(BaseModel):
    """What of the board is asked for, and as of when."""

    at: Instant | None = None
    status: Literal[Status, "all"] = "published"
    kind: Kind | None = None
    fallback: Flag = True
    page: Annotated[Whole, Field(ge=1, le=100_000)] = 1
    size: Annotated[Whole, Field(ge=1, le=50)] = 10


class Notice(BaseModel):
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


class Notices(BaseModel):
    items: list[Notice]
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


class Digest(BaseModel):
    subscriber_id: int
    language: Language
    greeting: str
    summary: str
    items: list[DigestItem]
