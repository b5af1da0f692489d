"""Notes over the wire."""

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from greffe.platform.wire import Answer, Body

FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _lines(text: str) -> str:
    if FORBIDDEN.search(text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


class NoteCreate(Body):
    text: Annotated[str, AfterValidator(_lines), Field(min_length=1, max_length=2000)]


class Note(Answer):
    id: UUID
    text: str
    author_id: UUID | None
    created_at: datetime
