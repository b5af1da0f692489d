"""A tiny app of which each operation can be wrong in one way; it writes down every request."""

import json
import os
import time

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

WRONG = set(os.environ.get("WRONG", "").split())
app = FastAPI()


class New(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(min_length=1, max_length=40)


@app.middleware("http")
async def noted(request: Request, forward) -> Response:  # type: ignore[no-untyped-def]
    body = (await request.body()).decode("utf-8", "replace")
    print("REQUEST", json.dumps([request.method, str(request.url), body]), flush=True)
    if "slow" in WRONG and request.url.path != "/health":
        time.sleep(1.0)
    return await forward(request)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "up"}


@app.get("/fails")
async def fails() -> dict[str, int]:
    if "no_5xx" in WRONG:
        raise RuntimeError("wrong")
    return {"n": 1}


@app.get("/status")
async def status() -> JSONResponse:
    return JSONResponse({"n": 1}, 203 if "status" in WRONG else 200)


@app.get("/body")
async def body() -> dict[str, object]:
    return {"n": "one" if "schema" in WRONG else 1}


@app.get("/kind")
async def kind() -> Response:
    return PlainTextResponse("1") if "kind" in WRONG else JSONResponse({"n": 1})


@app.post("/strict", status_code=201)
async def strict(request: Request) -> Response:
    try:
        New.model_validate_json(await request.body())
    except ValueError:
        if "negative" not in WRONG:
            return JSONResponse({"detail": "not valid"}, 422)
    return JSONResponse({"n": 1}, 201)


@app.post("/log-in")
async def log_in() -> dict[str, str]:
    return {"token": "two\nlines" if "token" in WRONG else "open"}


@app.get("/secret")
async def secret(request: Request) -> Response:
    known = request.headers.get("authorization") == "Bearer open"
    if not known and "auth" not in WRONG:
        return JSONResponse({"detail": "who are you?"}, 401)
    return JSONResponse({"n": "one" if "behind" in WRONG else 1})
