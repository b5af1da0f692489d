"""What breaks under the app, and what it does then."""

import asyncpg
import pytest

from graders.testkit import Api, Faults, covers, fail_to_pass, until
from graders.testkit.services import Database


@covers("C-06")
@fail_to_pass
def test_without_a_database_it_says_so_and_comes_back(api: Api, faults: Faults) -> None:
    with faults.without("postgres"):
        assert api.get("/items").expect(503).json() == {"error": "unavailable"}
    until(lambda: api.get("/items").status == 200, "the app has its database again")


@covers("C-06")
@fail_to_pass
def test_without_a_cache_it_goes_on(api: Api, faults: Faults) -> None:
    with faults.without("valkey"):
        assert api.get("/newest").expect(200).json() == {"name": None}


@covers("C-06")
@fail_to_pass
def test_rows_outlive_a_restart(api: Api, faults: Faults) -> None:
    before = api.get("/items").expect(200).json()
    assert faults.restart() == 0
    assert api.get("/items").expect(200).json() == before


@covers("C-06")
@fail_to_pass
def test_one_replica_is_enough(replicas: tuple[Api, ...], faults: Faults) -> None:
    faults.kill(replica=1)
    replicas[0].get("/items").expect(200)
    faults.start(replica=1)
    replicas[1].get("/items").expect(200)


@covers("C-06")
@fail_to_pass
def test_an_error_is_logged(api: Api, faults: Faults) -> None:
    with faults.without("postgres"):
        api.get("/items").expect(503)
    until(lambda: "database unavailable" in faults.log(), "the error is in the log")


@covers("C-06")
@fail_to_pass
def test_the_log_is_in_the_order_of_what_happened(api: Api, faults: Faults) -> None:
    api.get("/items?mark=before").expect(200)
    with faults.without("postgres"):
        api.get("/items").expect(503)
    until(lambda: api.get("/items?mark=after").status == 200, "the app has its database again")
    log = faults.log()
    assert log.index("mark=before") < log.rindex("database unavailable") < log.rindex("mark=after")


@covers("C-06")
@fail_to_pass
def test_the_probe_writes_nothing(database: Database) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        database.rows("DELETE FROM items")
