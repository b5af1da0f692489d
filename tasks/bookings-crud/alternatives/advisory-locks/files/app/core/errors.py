"""Errors that reach the client. The code is stable; the message comes from the catalogues."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import ClassVar


class AppError(Exception):
    """Answered as `{"error": {"code", "message", "details"}}`.

    The message is the catalogue's text for `errors.<code>`; `count` picks its plural form.
    """

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]

    def __init__(self, *, details: Sequence[dict[str, str]] = (), count: int | None = None) -> None:
        super().__init__(self.code)
        self.details = list(details)
        self.count = count


class RoomNotFoundError(AppError):
    status = HTTPStatus.NOT_FOUND
    code = "room_not_found"


class RoomNameTakenError(AppError):
    status = HTTPStatus.CONFLICT
    code = "room_name_taken"


class BookingCancelledError(AppError):
    status = HTTPStatus.CONFLICT
    code = "booking_cancelled"


class BookingConflictError(AppError):
    status = HTTPStatus.CONFLICT
    code = "booking_conflict"


class BookingNotFoundError(AppError):
    status = HTTPStatus.NOT_FOUND
    code = "booking_not_found"


class BookingPeriodInvalidError(AppError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "booking_period_invalid"


class RoomCapacityExceededError(AppError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "room_capacity_exceeded"


class RoomInUseError(AppError):
    status = HTTPStatus.CONFLICT
    code = "room_in_use"


class WindowInvalidError(AppError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "window_invalid"
