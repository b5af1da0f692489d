"""What stands behind the app: database, cache, queries, connections."""

from random import Random

from graders.testkit import Api, covers, fail_to_pass
from graders.testkit.services import Cache, Database, Pool, Queries


@covers("C-04")
@fail_to_pass
def test_a_row_is_stored(api: Api, database: Database, rng: Random) -> None:
    name = f"row {rng.randrange(10**9)}"
    made = api.post("/items", json={"name": name}).expect(201).json()
    assert database.value("SELECT name FROM items WHERE id = $1", made["id"]) == name


@covers("C-04")
@fail_to_pass
def test_the_list_takes_one_query(api: Api, queries: Queries) -> None:
    with queries.counted() as counted:
        api.get("/items").expect(200)
    assert counted.count == 1, counted.statements


@covers("C-04")
@fail_to_pass
def test_queries_are_counted_one_by_one(api: Api, queries: Queries, rng: Random) -> None:
    for _ in range(3):
        api.post("/items", json={"name": f"n {rng.randrange(10**9)}"}).expect(201)
    with queries.counted() as counted:
        shown = api.get("/items-one-by-one").expect(200).json()
    assert counted.count == 1 + len(shown), counted.statements


@covers("C-04")
@fail_to_pass
def test_many_requests_share_few_connections(api: Api, pool: Pool) -> None:
    replies, connections = pool.used_by([lambda: api.get("/wait")] * 12)
    assert [reply.status for reply in replies] == [200] * 12
    assert 2 <= connections <= 8, connections


@covers("C-05")
@fail_to_pass
def test_the_newest_is_cached(api: Api, cache: Cache, rng: Random) -> None:
    name = f"cached {rng.randrange(10**9)}"
    api.post("/items", json={"name": name}).expect(201)
    assert cache.get("newest") == name.encode()
    assert 0 < (cache.ttl("newest") or 0) <= 60
    cache.flush()
    assert cache.keys() == []
    assert api.get("/newest").expect(200).json() == {"name": None}
