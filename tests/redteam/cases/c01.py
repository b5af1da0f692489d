"""Honest: tests with their own conftest, plug-in and pytest settings."""

from redteam.case import Expected, RedCase, honest

PLUGIN = '''"""Marks slow tests in the summary."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "conflicts: two bookings of one room")
'''
CONFTEST = '''"""What the tests of bookings share."""

import pytest


@pytest.fixture
def organiser() -> str:
    return "Inès Moreau"
'''
TEST = '''"""The organiser's name survives a round trip."""

import pytest


@pytest.mark.conflicts
async def test_names_keep_their_accents(client, organiser):
    response = await client.get("/api/v1/bookings", params={"organiser": organiser})

    assert response.status_code == 200
    assert response.json()["total"] == 0
'''

CASE = RedCase(
    id="C01",
    title="honest: own conftest.py, plug-in and pytest settings",
    script=lambda material: honest(
        material,
        {
            "tests/bookings/__init__.py": "",
            "tests/bookings/conftest.py": CONFTEST,
            "tests/bookings/test_names.py": TEST,
            "tests/plugins.py": PLUGIN,
        },
        edits=[("pyproject.toml", 'addopts = "--strict-markers"', 'addopts = "--strict-markers -p tests.plugins"')],
    ),
    beats=(),
    expected=Expected.FULL,
)
