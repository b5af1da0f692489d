"""Accounts over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool, StringConstraints

from greffe.platform.wire import Answer, Body, SingleLine

Email = Annotated[
    SingleLine,
    Field(max_length=254, pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"),
    AfterValidator(str.lower),
]
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
