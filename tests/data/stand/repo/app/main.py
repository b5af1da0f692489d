"""A tiny app over PostgreSQL, Valkey, a provider and a webhook."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import redis.asyncio
from fastapi import FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

logger = logging.getLogger("uvicorn.error")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], ssl=False, min_size=1, max_size=4)
    app.state.cache = redis.asyncio.from_url(os.environ["CACHE_URL"])
    yield
    await app.state.cache.aclose()
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


class NewItem(BaseModel):
    name: str = Field(min_length=1, max_length=40)


class Item(BaseModel):
    id: int
    name: str


class Question(BaseModel):
    question: str


@app.exception_handler(OSError)
@app.exception_handler(asyncpg.PostgresError)
@app.exception_handler(asyncpg.InterfaceError)
async def unavailable(request: Request, error: Exception) -> JSONResponse:
    logger.error("database unavailable: %s", type(error).__name__)
    return JSONResponse({"error": "unavailable"}, status_code=503)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "up"}


@app.get("/items")
async def items() -> list[Item]:
    rows = await app.state.pool.fetch("SELECT id, name FROM items ORDER BY id")
    return [Item(id=row["id"], name=row["name"]) for row in rows]


@app.get("/items-one-by-one")
async def one_by_one() -> list[str]:
    rows = await app.state.pool.fetch("SELECT id FROM items ORDER BY id LIMIT 5")
    return [await app.state.pool.fetchval("SELECT name FROM items WHERE id = $1", row["id"]) for row in rows]


@app.post("/items", status_code=201)
async def create(new: NewItem) -> Item:
    try:
        number = await app.state.pool.fetchval("INSERT INTO items (name) VALUES ($1) RETURNING id", new.name)
    except asyncpg.UniqueViolationError:
        raise HTTPException(409, "there is one of this name") from None
    await app.state.cache.set("newest", new.name, ex=60)
    return Item(id=number, name=new.name)


@app.get("/newest")
async def newest() -> dict[str, str | None]:
    try:
        found = await app.state.cache.get("newest")
    except (redis.exceptions.RedisError, OSError):
        found = None
    return {"name": found.decode() if found else None}


@app.get("/wait")
async def wait() -> dict[str, str]:
    await app.state.pool.fetchval("SELECT 1 FROM pg_sleep(0.2)")
    return {"status": "waited"}


@app.post("/ask")
async def ask(question: Question) -> PlainTextResponse:
    body = {"model": "small", "messages": [{"role": "user", "content": question.question}], "stream": True}
    try:
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
            async with client.stream("POST", os.environ["LLM_URL"] + "/chat/completions", json=body) as reply:
                reply.raise_for_status()
                lines = [line async for line in reply.aiter_lines() if line.startswith("data: ")]
    except httpx.TimeoutException:
        raise HTTPException(504, "the provider is slow") from None
    except httpx.HTTPError:
        raise HTTPException(502, "the provider is broken") from None
    return PlainTextResponse(f"{len(lines)} events")


@app.post("/notify", status_code=202)
async def notify(question: Question) -> dict[str, int]:
    async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
        for attempt in (1, 2, 3):
            reply = await client.post(os.environ["HOOK_URL"], json={"said": question.question})
            if reply.status_code == 200:
                return {"attempts": attempt}
    raise HTTPException(502, "nobody listens")


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    if socket.query_params.get("token") != "open":
        await socket.close(4401)
        return
    await socket.accept()
    async for message in socket.iter_text():
        if message == "bye":
            await socket.close(4000)
            return
        if message == "be long":
            await socket.send_text("x" * 300_000)
        elif message == "be wrong":
            await socket.send_text("NaN")
        elif message != "be silent":
            await socket.send_json({"echo": message})
