"""What all domains' errors are made of: a stable code, and a message from the catalogues."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar


class ApiError(Exception):
    """Answered as `{"code", "message", "fields"}`; `count` picks the plural form of the message."""

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]

    def __init__(self, *, fields: Sequence[str] = (), count: int | None = None) -> None:
        super().__init__(self.code)
        self.fields = list(fields)
        self.count = count
        self.headers: dict[str, str] = {}


class UnavailableError(ApiError):
    """Something that the answer needs cannot be reached."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
