"""Fixtures of the weak graders: the hidden checks against the app in their own process, through the test client.

This is how tests of a FastAPI service are usually written, and why code under test can reach whoever judges it. It runs
inside a sandbox, as the checks' `conftest.py` or as a plug-in.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

sys.path.insert(0, "/srv/kit")

from graders.testkit.client import Reply


class InProcessReply(Reply):
    """A reply that believes the client's own reading of its body."""

    def __init__(self, request: str, response: Any) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        super().__init__(request, response.status_code, headers, response.content)
        object.__setattr__(self, "_response", response)

    def json(self) -> Any:
        return self._response.json()  # type: ignore[attr-defined]


class InProcess:
    """What `Api` offers to checks, on a test client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def request(self, method: str, path: str, **about: Any) -> Reply:
        given = {name: value for name, value in about.items() if value is not None}
        if "json" in given:
            given["content"] = json.dumps(given.pop("json")).encode()
            given["headers"] = {"content-type": "application/json", **(given.get("headers") or {})}
        return InProcessReply(f"{method} {path}", self._client.request(method, path, **given))

    def get(self, path: str, params: Any = None, headers: Any = None) -> Reply:
        return self.request("GET", path, params=params, headers=headers)

    def delete(self, path: str, params: Any = None, headers: Any = None) -> Reply:
        return self.request("DELETE", path, params=params, headers=headers)

    def post(self, path: str, json: Any = None, headers: Any = None) -> Reply:
        return self.request("POST", path, json=json, headers=headers)

    def put(self, path: str, json: Any = None, headers: Any = None) -> Reply:
        return self.request("PUT", path, json=json, headers=headers)

    def patch(self, path: str, json: Any = None, headers: Any = None) -> Reply:
        return self.request("PATCH", path, json=json, headers=headers)

    def within(self, seconds: float) -> InProcess:
        return self

    def together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        with ThreadPoolExecutor(len(calls) or 1) as pool:
            return [future.result() for future in [pool.submit(call) for call in calls]]


@pytest.fixture(scope="session")
def client() -> Iterator[Any]:
    from app.main import app  # type: ignore[import-not-found]
    from fastapi.testclient import TestClient  # type: ignore[import-not-found]

    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture
def api(client: Any) -> InProcess:
    return InProcess(client)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(f"fixed:{request.node.name}")


def pytest_configure(config: pytest.Config) -> None:
    for mark in ("covers(*clauses)", "fail_to_pass", "pass_to_pass"):
        config.addinivalue_line("markers", mark)
