"""Accounts over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from greffe.platform.wire import Answer, Body, Email, Secret, SingleLine

Role = Literal["member", "auditor", "admin"]
Name = Annotated[SingleLine, Field(min_length=1, max_length=80)]
Password = Annotated[Secret, Field(min_length=12, max_length=128)]


class AccountCreate(Body):
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
