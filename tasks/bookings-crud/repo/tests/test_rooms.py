from uuid import uuid4


async def test_create_answers_the_room_and_where_it_is(client, make_room):
    room = await make_room(name="  Loire ", equipment=["screen"])

    assert room["name"] == "Loire"
    assert room["equipment"] == ["screen"]
    response = await client.get(f"/api/v1/rooms/{room['id']}")
    assert response.json() == room


async def test_create_refuses_a_taken_name(client, make_room):
    await make_room(name="Rhône")

    body = {"name": "Rhône", "building": "Sud", "floor": 0, "capacity": 4}
    response = await client.post("/api/v1/rooms", json=body)

    assert response.status_code == 409
    assert response.json()["error"]["code"] == "room_name_taken"


async def test_list_filters_and_pages(client, make_room):
    for name, building, capacity in [("C", "Nord", 4), ("A", "Nord", 12), ("B", "Sud", 30)]:
        await make_room(name=name, building=building, capacity=capacity)

    everything = (await client.get("/api/v1/rooms")).json()
    assert [room["name"] for room in everything["items"]] == ["A", "B", "C"]
    page = (await client.get("/api/v1/rooms", params={"limit": 1, "offset": 1})).json()
    assert [room["name"] for room in page["items"]] == ["B"]
    assert (page["total"], page["limit"], page["offset"]) == (3, 1, 1)
    north = (await client.get("/api/v1/rooms", params={"building": "Nord"})).json()
    assert [room["name"] for room in north["items"]] == ["A", "C"]
    large = (await client.get("/api/v1/rooms", params={"min_capacity": 12})).json()
    assert [room["name"] for room in large["items"]] == ["A", "B"]


async def test_update_changes_only_what_is_sent(client, make_room):
    room = await make_room()

    response = await client.patch(f"/api/v1/rooms/{room['id']}", json={"capacity": 10})

    assert response.status_code == 200
    changed = response.json()
    assert changed.pop("updated_at") > room.pop("updated_at")
    assert changed == room | {"capacity": 10}


async def test_update_refuses_a_taken_name(client, make_room):
    await make_room(name="Seine")
    other = await make_room(name="Marne")

    response = await client.patch(f"/api/v1/rooms/{other['id']}", json={"name": "Seine"})

    assert response.status_code == 409


async def test_delete_removes_the_room(client, make_room):
    room = await make_room()

    assert (await client.delete(f"/api/v1/rooms/{room['id']}")).status_code == 204
    assert (await client.get(f"/api/v1/rooms/{room['id']}")).status_code == 404


async def test_unknown_room_is_not_found(client):
    path = f"/api/v1/rooms/{uuid4()}"

    for response in [
        await client.get(path),
        await client.patch(path, json={"capacity": 2}),
        await client.delete(path),
    ]:
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "room_not_found"
