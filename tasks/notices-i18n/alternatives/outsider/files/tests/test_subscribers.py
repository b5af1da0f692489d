FRENCH = {"Accept-Language": "fr"}


async def test_a_subscriber_is_added_and_read(client, make_subscriber):
    person = await make_subscriber(name="  Colette Aubry ", gender="female")

    assert person["name"] == "Colette Aubry"
    assert (person["language"], person["gender"]) == ("fr", "female")
    assert person["created_at"].endswith("Z")
    assert (await client.get(f"/api/subscribers/{person['id']}")).json() == person


async def test_an_address_subscribes_once(client, make_subscriber):
    await make_subscriber(email="marc@rivemont.example")

    body = {"name": "Marc", "email": "Marc@rivemont.example", "language": "en"}
    response = await client.post("/api/subscribers", json=body)

    assert response.status_code == 409
    assert response.json()["error"] == "email_taken"


async def test_the_list_is_ordered_by_name(client, make_subscriber):
    for name in ("Zoé", "Ali", "Marc"):
        await make_subscriber(name=name, email=f"{name[0].lower()}@rivemont.example")

    items = (await client.get("/api/subscribers")).json()["items"]

    assert [person["name"] for person in items] == ["Ali", "Marc", "Zoé"]


async def test_the_list_counts_in_english(client, make_subscriber):
    assert (await client.get("/api/subscribers")).json()["summary"] == "0 subscribers"
    await make_subscriber()
    assert (await client.get("/api/subscribers")).json()["summary"] == "1 subscriber"


async def test_the_list_counts_in_french(client, make_subscriber):
    nobody = await client.get("/api/subscribers", headers=FRENCH)
    assert nobody.json()["summary"] == "0 abonné"
    assert nobody.headers["content-language"] == "fr"
    await make_subscriber()
    one = await client.get("/api/subscribers", headers=FRENCH)
    assert one.json()["summary"] == "1 abonné"
    await make_subscriber(email="marc@rivemont.example")
    two = await client.get("/api/subscribers", headers=FRENCH)
    assert two.json()["summary"] == "2 abonnés"


async def test_a_subscriber_is_removed(client, make_subscriber):
    path = f"/api/subscribers/{(await make_subscriber())['id']}"

    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.delete(path)).status_code == 404
