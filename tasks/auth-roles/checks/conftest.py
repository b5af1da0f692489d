"""Passwords are hashed slowly on purpose: where many log in at once on a busy machine, an answer may take its time."""

from random import Random

import pytest
from waits import begin

from graders.testkit import Api

PATIENCE_S = 40.0


@pytest.fixture
def api(api: Api) -> Api:
    return api.within(PATIENCE_S)


@pytest.fixture
def replicas(replicas: tuple[Api, ...]) -> tuple[Api, ...]:
    return tuple(replica.within(PATIENCE_S) for replica in replicas)


@pytest.fixture(autouse=True)
def waits(request: pytest.FixtureRequest, replicas: tuple[Api, ...], rng: Random) -> None:
    """Begins the waits with the first check, where any of their ends is asked for."""
    if any(item.path.stem == "test_waits" for item in request.session.items):
        begin(replicas, rng)
