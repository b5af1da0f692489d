"""Applies migrations/*.sql in order, each once."""

import asyncio
import os
from pathlib import Path

import asyncpg


async def main() -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"], ssl=False)
    await connection.execute("CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY)")
    done = {row["name"] for row in await connection.fetch("SELECT name FROM schema_migrations")}
    for path in sorted(Path("migrations").glob("*.sql")):
        if path.name not in done:
            async with connection.transaction():
                await connection.execute(path.read_text())
                await connection.execute("INSERT INTO schema_migrations VALUES ($1)", path.name)
    await connection.close()


asyncio.run(main())
