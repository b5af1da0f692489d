"""Turns every error into the one payload that clients know."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from greffe.platform.errors import ApiError
from greffe.platform.i18n import message, preferred_locale

logger = logging.getLogger(__name__)

HTTP_CODES = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
}


def payload(
    request: Request,
    status: int,
    code: str,
    *,
    fields: Sequence[str] = (),
    count: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    locale = preferred_locale(request.headers.get("accept-language"))
    body = {"code": code, "message": message(code, locale, count=count), "fields": list(fields)}
    return JSONResponse(body, status, {"Content-Language": locale, **(headers or {})})


def fields_at_fault(errors: Sequence[Any]) -> list[str]:
    """Names of the fields and parameters, each once; `body` for the whole."""
    return list(dict.fromkeys(_field(error) for error in errors))


def _field(error: dict[str, Any]) -> str:
    place = error["loc"]
    if len(place) < 2 or error["type"] == "json_invalid":
        return "body"
    return str(place[1]).encode(errors="replace").decode()


async def on_api_error(request: Request, error: ApiError) -> JSONResponse:
    return payload(
        request,
        error.status,
        error.code,
        fields=error.fields,
        count=error.count,
        headers=error.headers,
    )


async def on_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    fields = fields_at_fault(error.errors())
    return payload(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", fields=fields)


async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
    code = HTTP_CODES.get(HTTPStatus(error.status_code), "bad_request")
    return payload(request, error.status_code, code, headers=error.headers)


async def on_unexpected_error(request: Request, error: Exception) -> JSONResponse:
    logger.error("unexpected error on %s: %s", request.url.path, type(error).__name__)
    return payload(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error")


def register_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_unexpected_error)
