"""How requests of the generated checks log in."""

from __future__ import annotations

from graders.testkit.client import Api


def generated_headers(api: Api) -> dict[str, str]:
    token = api.post("/log-in").expect(200).json()["token"]
    return {"Authorization": f"Bearer {token}"}
