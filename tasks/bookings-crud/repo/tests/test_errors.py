from uuid import uuid4

import pytest


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a" * 81}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": None}, "name"),
        ({"floor": 101}, "floor"),
        ({"capacity": 0}, "capacity"),
        ({"equipment": ["piano"]}, "equipment.0"),
        ({"id": str(uuid4())}, "id"),
    ],
)
async def test_invalid_room_names_the_field(client, change, field):
    body = {"name": "Seine", "building": "Nord", "floor": 2, "capacity": 8} | change

    response = await client.post("/api/v1/rooms", json=body)

    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "validation_error"
    assert field in [detail["field"] for detail in error["details"]]


async def test_broken_json_names_the_body(client):
    headers = {"Content-Type": "application/json"}
    response = await client.post("/api/v1/rooms", content=b'{"name": ', headers=headers)

    assert response.status_code == 422
    assert response.json()["error"]["details"] == [{"field": "body", "issue": "json_invalid"}]


async def test_unknown_route_and_method_use_the_payload(client):
    missing = await client.get("/api/v1/nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = await client.put("/api/v1/rooms", json={})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")


async def test_messages_follow_the_accepted_language(client):
    path = f"/api/v1/rooms/{uuid4()}"

    french = await client.get(path, headers={"Accept-Language": "fr-FR,fr;q=0.9,en;q=0.5"})
    assert french.json()["error"]["message"] == "Cette salle n'existe pas."
    assert french.headers["content-language"] == "fr"
    fallback = await client.get(path, headers={"Accept-Language": "de"})
    assert fallback.json()["error"]["message"] == "This room does not exist."


async def test_health(client):
    response = await client.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
