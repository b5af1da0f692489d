import pytest

PERSON = {"name": "Colette Aubry", "email": "colette@rivemont.example", "language": "fr"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "a" * 81}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"language": "de"}, "language"),
        ({"gender": "unknown"}, "gender"),
        ({"id": 1}, "id"),
    ],
)
async def test_an_invalid_subscriber_names_the_field(client, change, field):
    response = await client.post("/api/subscribers", json=PERSON | change)

    assert response.status_code == 422
    assert response.json()["error"] == "invalid_request"
    assert response.json()["fields"] == [field]


async def test_broken_json_names_the_body(client):
    headers = {"Content-Type": "application/json"}
    response = await client.post("/api/subscribers", content=b'{"name": ', headers=headers)

    assert (response.status_code, response.json()["fields"]) == (422, ["body"])


@pytest.mark.parametrize("subscriber_id", ["0", "2147483648", "me"])
async def test_an_invalid_id_names_the_parameter(client, subscriber_id):
    response = await client.get(f"/api/subscribers/{subscriber_id}")

    assert (response.status_code, response.json()["fields"]) == (422, ["subscriber_id"])


async def test_unknown_routes_and_methods_use_the_payload(client):
    missing = await client.get("/api/nothing")
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    wrong = await client.put("/api/subscribers", json={})
    assert (wrong.status_code, wrong.json()["error"]) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("header", "language", "message"),
    [
        ("fr", "fr", "Cette personne n'est pas abonnée."),
        ("fr-CA, en;q=0.5", "fr", "Cette personne n'est pas abonnée."),
        ("de, fr", "fr", "Cette personne n'est pas abonnée."),
        ("en", "en", "This subscriber does not exist."),
        ("de", "en", "This subscriber does not exist."),
    ],
)
async def test_messages_follow_the_accepted_language(client, header, language, message):
    response = await client.get("/api/subscribers/1", headers={"Accept-Language": header})

    assert response.json() == {"error": "subscriber_not_found", "message": message, "fields": []}
    assert response.headers["content-language"] == language


async def test_health(client):
    response = await client.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
