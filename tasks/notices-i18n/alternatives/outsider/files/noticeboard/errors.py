"""Errors that people see, and the payload that carries them: `error`, `message`, `fields`."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from noticeboard.i18n import language_of, text

logger = logging.getLogger(__name__)

HTTP_CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
}


class BoardError(Exception):
    """Answered with `status`; the message is the catalogue's text for `errors.<code>`."""

    def __init__(self, status: HTTPStatus, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


def not_found(subject: str) -> BoardError:
    return BoardError(HTTPStatus.NOT_FOUND, f"{subject}_not_found")


def conflict(code: str) -> BoardError:
    return BoardError(HTTPStatus.CONFLICT, code)


def answer(request: Request, status: int, code: str, fields: Sequence[str] = ()) -> JSONResponse:
    """In the language that the route has negotiated; in that of the header where none does."""
    choice = getattr(request.state, "choice", None)
    language = choice.language if choice else language_of(request.headers.get("accept-language"))
    body = {"error": code, "message": text(f"errors.{code}", language), "fields": list(fields)}
    headers = {"Content-Language": language}
    if choice:
        headers["Vary"] = "Accept-Language"
    return JSONResponse(body, status, headers=headers)


def field_name(error: dict[str, Any]) -> str:
    """The path of a field with dots, without the place it came from; `body` for the whole."""
    names = [str(part) for part in error["loc"][1:]]
    if not names or error["type"] == "json_invalid":
        return "body"
    return ".".join(names).encode(errors="replace").decode()


async def on_board_error(request: Request, error: BoardError) -> JSONResponse:
    return answer(request, error.status, error.code)


async def on_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    fields = dict.fromkeys(field_name(problem) for problem in error.errors())
    return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", list(fields))


async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
    code = HTTP_CODES.get(HTTPStatus(error.status_code), "bad_request")
    return answer(request, error.status_code, code)


async def on_unexpected_error(request: Request, error: Exception) -> JSONResponse:
    logger.error("unexpected error on %s: %s", request.url.path, type(error).__name__)
    return answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")


def register(app: FastAPI) -> None:
    app.add_exception_handler(BoardError, on_board_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_unexpected_error)
