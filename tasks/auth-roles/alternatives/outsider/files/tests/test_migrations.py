"""What 0004 makes of dossiers from before accounts."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from greffe.platform.settings import get_settings

CONFIG = Config(Path(__file__).parent.parent / "alembic.ini")
OWNERS = {
    " Jean.Martin@etude.example.org ": ("jean.martin@etude.example.org", "jean.martin"),
    "jean.MARTIN@etude.example.org": ("jean.martin@etude.example.org", "jean.martin"),
    "\tzoe@office\n": ("zoe@office", "zoe"),
    "@nobody": ("@nobody", "@nobody"),
    "n" * 100 + "@x.org": ("n" * 100 + "@x.org", "n" * 80),
    "see folder 12": ("register@greffe.example.org", "Register"),
    "  ": ("register@greffe.example.org", "Register"),
    None: ("register@greffe.example.org", "Register"),
}


def run(statement: str, rows: list[dict[str, object]] | None = None) -> list[Row]:
    async def execute() -> list[Row]:
        engine = create_async_engine(get_settings().database_url, poolclass=NullPool)
        async with engine.begin() as connection:
            result = await connection.execute(text(statement), rows)
            found = list(result) if result.returns_rows else []
        await engine.dispose()
        return found

    return asyncio.run(execute())


@pytest.fixture
def before() -> Iterator[None]:
    """An empty register, as it was before accounts."""
    run("TRUNCATE dossiers, notes, refresh_tokens, sessions, accounts")
    command.downgrade(CONFIG, "0003")
    yield
    command.upgrade(CONFIG, "head")


OLD = "SELECT id, number, title, owner_email, created_at, updated_at FROM dossiers ORDER BY number"


def test_dossiers_get_the_owners_that_they_name(before):
    run(
        "INSERT INTO dossiers (id, title, category, owner_email, updated_at)"
        " VALUES (gen_random_uuid(), 'Vente', 'land', :owner, '2019-03-04')",
        [{"owner": owner} for owner in OWNERS],
    )
    run(
        "INSERT INTO notes (id, dossier_id, text)"
        " SELECT gen_random_uuid(), id, 'Vu.' FROM dossiers LIMIT 1"
    )
    old = run(OLD)

    command.upgrade(CONFIG, "0004")

    assert run(OLD) == old
    found = run(
        "SELECT owner_email, email, name FROM dossiers JOIN accounts ON accounts.id = owner_id"
    )
    assert {row.owner_email: (row.email, row.name) for row in found} == OWNERS
    states = run("SELECT DISTINCT role, active, password_hash FROM accounts")
    assert [tuple(row) for row in states] == [("member", True, None)]
    assert [row.author_id for row in run("SELECT author_id FROM notes")] == [None]
    command.check(CONFIG)

    command.downgrade(CONFIG, "0003")

    assert run(OLD) == old
    assert len(run("SELECT * FROM notes")) == 1


def test_the_register_has_an_account_only_where_it_is_needed(before):
    run(
        "INSERT INTO dossiers (id, title, category, owner_email)"
        " VALUES (gen_random_uuid(), 'Vente', 'land', 'zoe@office')"
    )

    command.upgrade(CONFIG, "0004")

    assert [row.email for row in run("SELECT email FROM accounts")] == ["zoe@office"]
