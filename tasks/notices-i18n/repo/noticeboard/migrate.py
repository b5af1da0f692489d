"""Applies the numbered SQL files of `migrations/`: `up`, `down NUMBER` or `status`.

What is applied stands in the table `schema_migrations`. Each file runs in a transaction of its own.
"""

import asyncio
import sys
from pathlib import Path

import asyncpg

from noticeboard.settings import get_settings

FOLDER = Path(__file__).parent.parent / "migrations"
LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
LOCK = 731_001


def files(direction: str) -> dict[int, Path]:
    """Number -> file, in order."""
    found = sorted(FOLDER.glob(f"[0-9][0-9][0-9][0-9]_*.{direction}.sql"))
    return {int(path.name[:4]): path for path in found}


async def applied(connection: asyncpg.Connection) -> set[int]:
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    await connection.execute(LEDGER)
    rows = await connection.fetch("SELECT number FROM schema_migrations")
    return {row["number"] for row in rows}


async def up(connection: asyncpg.Connection) -> None:
    done = await applied(connection)
    for number, path in files("up").items():
        if number in done:
            continue
        async with connection.transaction():
            await connection.execute(path.read_text(encoding="utf-8"))
            await connection.execute("INSERT INTO schema_migrations (number) VALUES ($1)", number)
        print(f"up {path.name}")


async def down(connection: asyncpg.Connection, target: int) -> None:
    """Back to `target`, which stays applied."""
    done = await applied(connection)
    for number, path in sorted(files("down").items(), reverse=True):
        if number <= target or number not in done:
            continue
        async with connection.transaction():
            await connection.execute(path.read_text(encoding="utf-8"))
            await connection.execute("DELETE FROM schema_migrations WHERE number = $1", number)
        print(f"down {path.name}")


async def status(connection: asyncpg.Connection) -> None:
    done = await applied(connection)
    for number, path in files("up").items():
        print(f"{'applied' if number in done else 'missing'} {path.name}")


async def run(arguments: list[str]) -> None:
    connection = await asyncpg.connect(get_settings().database_url)
    try:
        match arguments:
            case ["up"]:
                await up(connection)
            case ["down", target]:
                await down(connection, int(target))
            case ["status"]:
                await status(connection)
            case _:
                sys.exit("usage: python -m noticeboard.migrate up | down NUMBER | status")
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1:]))
