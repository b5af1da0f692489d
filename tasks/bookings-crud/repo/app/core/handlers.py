"""Turns every error into the one payload that clients know."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.core.errors import AppError
from app.core.i18n import negotiate, translate

logger = logging.getLogger(__name__)

HTTP_CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
}


def error_response(
    request: Request,
    status: int,
    code: str,
    *,
    details: Sequence[dict[str, str]] = (),
    count: int | None = None,
) -> JSONResponse:
    locale = negotiate(request.headers.get("accept-language"))
    message = translate(f"errors.{code}", locale, count=count)
    body = {"error": {"code": code, "message": message, "details": list(details)}}
    return JSONResponse(body, status_code=status, headers={"Content-Language": locale})


def validation_details(errors: Sequence[Any]) -> list[dict[str, str]]:
    """One entry per problem: the dotted name of the field (`body` for the whole), and its kind."""
    return [{"field": field_name(error), "issue": error["type"]} for error in errors]


def field_name(error: dict[str, Any]) -> str:
    names = [str(part) for part in error["loc"][1:]]
    if not names or error["type"] == "json_invalid":
        return "body"
    return ".".join(names).encode(errors="replace").decode()


async def on_app_error(request: Request, error: AppError) -> JSONResponse:
    return error_response(
        request, error.status, error.code, details=error.details, count=error.count
    )


async def on_validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    details = validation_details(error.errors())
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return error_response(request, status, "validation_error", details=details)


async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
    code = HTTP_CODES.get(HTTPStatus(error.status_code), "bad_request")
    return error_response(request, error.status_code, code)


async def on_unexpected_error(request: Request, error: Exception) -> JSONResponse:
    logger.error("unexpected error on %s: %s", request.url.path, type(error).__name__)
    return error_response(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")


def register_handlers(app: FastAPI) -> None:
    app.add_exception_handler(AppError, on_app_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_unexpected_error)
