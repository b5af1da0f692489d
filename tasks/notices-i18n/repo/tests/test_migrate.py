import asyncpg

from noticeboard import migrate
from noticeboard.settings import get_settings


def test_every_migration_has_its_way_back():
    assert migrate.files("up").keys() == migrate.files("down").keys()


async def test_everything_is_applied():
    connection = await asyncpg.connect(get_settings().database_url)
    assert await migrate.applied(connection) == set(migrate.files("up"))
    await connection.close()
