"""Types that all resources share."""

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
CONTROL_BUT_LAYOUT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def _no_control_characters(text: str, forbidden: re.Pattern[str] = CONTROL_CHARACTER) -> str:
    if forbidden.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


def _no_control_characters_but_layout(text: str) -> str:
    return _no_control_characters(text, CONTROL_BUT_LAYOUT)


def _date_time_text(value: object) -> object:
    """Pydantic alone would take numbers for seconds, and dates for midnight."""
    if not isinstance(value, str) or DATE_TIME.fullmatch(value) is None:
        raise PydanticCustomError("date_time_text", "an RFC 3339 date-time with an offset is due")
    return value


def _minute_in_range(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise PydanticCustomError("date_time_range", "the date-time is out of range")
    if moment.second or moment.microsecond:
        raise PydanticCustomError("whole_minute", "the date-time is not on a whole minute")
    return moment.astimezone(UTC)


SingleLine = Annotated[str, AfterValidator(_no_control_characters)]
"""Text without control characters; PostgreSQL cannot store all of them."""

MultiLine = Annotated[str, AfterValidator(_no_control_characters_but_layout)]
"""Text whose only control characters are tabs and line breaks."""

Moment = Annotated[datetime, BeforeValidator(_date_time_text), AfterValidator(_minute_in_range)]
"""A whole minute of this century, sent with any offset, kept in UTC."""

Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


class RequestModel(BaseModel):
    """A body: unknown fields are refused, white space around texts is dropped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ResponseModel(BaseModel):
    model_config = ConfigDict(from_attributes=True)


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    total: int
    limit: int
    offset: int
