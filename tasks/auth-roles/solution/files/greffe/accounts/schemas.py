"""Accounts over the wire."""

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool, StringConstraints
from pydantic_core import PydanticCustomError

from greffe.platform.wire import Answer, Body, SingleLine

ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def _address(text: str) -> str:
    if ADDRESS.fullmatch(text) is None:
        raise PydanticCustomError("email", "not an e-mail address")
    return text.lower()


Email = Annotated[SingleLine, Field(max_length=254), AfterValidator(_address)]
"""An address as accounts keep it: in lower case."""
Name = Annotated[SingleLine, Field(min_length=1, max_length=80)]
Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=12, max_length=128)]
"""Taken as it was sent, spaces around it included."""
Role = Literal["member", "auditor", "admin"]


class Registration(Body):
    email: Email
    name: Name
    password: Password


class AccountChange(Body):
    """Only the fields that are sent change."""

    role: Role = "member"
    active: StrictBool = True
    password: Password = ""


class Account(Answer):
    id: UUID
    email: str
    name: str
    role: Role
    active: bool
    created_at: datetime
