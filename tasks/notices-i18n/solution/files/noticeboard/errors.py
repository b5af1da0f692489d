"""Errors that people see, and the payload that carries them: `error`, `message`, `fields`."""

import logging
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from noticeboard.i18n import LANGUAGES, language_of, text
from noticeboard.negotiation import choose

logger = logging.getLogger(__name__)

HTTP_CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
}


NEGOTIATED = re.compile(r"/api/(?:notices(?:/.*)?|subscribers/[^/]+/digest)")
"""Paths whose errors choose their language by weights; the others take the first they speak."""
VARIES = {"Vary": "Accept-Language"}


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


def refuse_window() -> BoardError:
    return BoardError(HTTPStatus.UNPROCESSABLE_ENTITY, "window_invalid")


def answer(request: Request, status: int, code: str, fields: Sequence[str] = ()) -> JSONResponse:
    negotiated = NEGOTIATED.fullmatch(request.url.path)
    language = _chosen(request) if negotiated else language_of(accepted(request))
    body = {"error": code, "message": text(f"errors.{code}", language), "fields": list(fields)}
    headers = {"Content-Language": language} | (VARIES if negotiated else {})
    return JSONResponse(body, status, headers=headers)


def accepted(request: Request) -> str | None:
    return request.headers.get("accept-language")


def _chosen(request: Request) -> str:
    """By what the request asks for, even where something else in it is wrong."""
    asked = request.query_params.get("lang")
    return choose(accepted(request), asked if asked in LANGUAGES else None).language


def field_name(error: dict[str, Any]) -> str:
    """The path of a field with dots, without the place it came from; `body` for the whole."""
    names = [str(part) for part in error["loc"][1:] if part != "[key]"]
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
