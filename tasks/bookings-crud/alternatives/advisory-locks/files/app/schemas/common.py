"""Types that all resources share."""

import re
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


def _no_control_characters(text: str) -> str:
    if CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


def _layout_only(text: str) -> str:
    _no_control_characters(re.sub(r"[\t\n\r]", "", text))
    return text


def _require_date_time(value: object) -> object:
    """Alone, pydantic takes dates and numbers too."""
    if not isinstance(value, str) or "T" not in value.upper():
        raise PydanticCustomError("date_time_expected", "a date-time as text is expected")
    return value


def _require_minute(value: datetime) -> datetime:
    if value.second or value.microsecond:
        raise PydanticCustomError("minute_expected", "a whole minute is expected")
    if value < datetime(2000, 1, 1, tzinfo=UTC) or value > datetime(2100, 1, 1, tzinfo=UTC):
        raise PydanticCustomError("year_expected", "a time between 2000 and 2100 is expected")
    return value


def utc_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


SingleLine = Annotated[str, AfterValidator(_no_control_characters)]
"""Text without control characters; PostgreSQL cannot store all of them."""

MultiLine = Annotated[str, AfterValidator(_layout_only)]
"""Text that may hold tabs and line breaks, and no other control character."""

Minute = Annotated[
    AwareDatetime, BeforeValidator(_require_date_time), AfterValidator(_require_minute)
]
"""A whole minute between 2000 and 2100, with any offset."""

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
