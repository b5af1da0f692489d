"""Passwords are hashed slowly on purpose: where many log in at once on a busy machine, an answer may take its time."""

import pytest

from graders.testkit import Api

PATIENCE_S = 40.0


@pytest.fixture
def api(api: Api) -> Api:
    return api.within(PATIENCE_S)


@pytest.fixture
def replicas(replicas: tuple[Api, ...]) -> tuple[Api, ...]:
    return tuple(replica.within(PATIENCE_S) for replica in replicas)
