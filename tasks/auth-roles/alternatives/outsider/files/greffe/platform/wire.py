"""Types that the schemas of all domains share."""

import re
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+")
EMAIL_LENGTH = 254


def _single_line(text: str) -> str:
    if CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


SingleLine = Annotated[str, AfterValidator(_single_line)]
"""Text without control characters; PostgreSQL cannot store all of them."""


def _folded(text: str) -> str:
    # Lower case first: it makes a few letters longer.
    address = _single_line(text.lower())
    if not 1 <= len(address) <= EMAIL_LENGTH:
        raise PydanticCustomError("address_length", "an address has 1 to 254 characters")
    return address


def _email(address: str) -> str:
    labels = address.rpartition("@")[2].split(".")
    if not EMAIL.fullmatch(address) or len(labels) < 2 or not all(labels):
        raise PydanticCustomError("email", "this is no e-mail address")
    return address


Address = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_folded)]
"""What an account is looked up by: lower case, no white space around it, any form."""

Email = Annotated[Address, AfterValidator(_email)]
"""An address that a new account may have."""


def _encodable(text: str) -> str:
    if SURROGATE.search(text):
        raise PydanticCustomError("lone_surrogate", "lone surrogates are not allowed")
    return text


Secret = Annotated[
    str,
    StringConstraints(strip_whitespace=False),
    # Without a length or stripping, pydantic lets through what cannot be encoded, hence hashed.
    AfterValidator(_encodable),
    Field(repr=False),
]
"""Text that is taken as it is, and not shown."""

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
