"""Dossiers over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from greffe.platform.wire import Answer, Body, SingleLine

Title = Annotated[SingleLine, Field(min_length=1, max_length=160)]
Category = Literal["civil", "commercial", "family", "land"]
Status = Literal["open", "closed"]


class DossierCreate(Body):
    title: Title
    category: Category


class DossierChange(Body):
    """Only the fields that are sent change."""

    title: Title = ""
    category: Category = "civil"
    status: Status = "open"


class Dossier(Answer):
    id: UUID
    number: int
    title: str
    category: Category
    status: Status
    owner_id: UUID
    owner_email: str
    created_at: datetime
    updated_at: datetime
