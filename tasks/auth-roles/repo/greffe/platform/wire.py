"""Types that the schemas of all domains share."""

import re
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


def _single_line(text: str) -> str:
    if CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


SingleLine = Annotated[str, AfterValidator(_single_line)]
"""Text without control characters; PostgreSQL cannot store all of them."""

Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0, le=1_000_000)]


class Body(BaseModel):
    """Unknown fields are refused, white space around texts is dropped."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    total: int
    limit: int
    offset: int
