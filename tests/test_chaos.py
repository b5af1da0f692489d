"""`make chaos` in a small size, and proof that its accounts would see what they look for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from chaos.accounts import Books, nothing_twice_nothing_lost
from chaos.story import Size, tell
from chaos.upstream import EVERY

LOST = {"turns": 0, "usage": {}, "micro_usd": 0}


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_disturbed_run_gives_the_same_table_and_its_money_adds_up(tmp_path: Path) -> None:
    kinds = ("right", "wrong", "refuses")
    size = Size(repeats=3, kinds=kinds, jobs=3, sandbox_rate=0.15, harness_kills=1, harness_every=4)
    figures = dict(tell(size, tmp_path / "world"))
    assert (figures["planned trials"], figures["valid at the end"]) == (9, 9)
    assert figures["harness killed with SIGKILL"] == 1
    assert int(str(figures["sandboxes killed"])) >= 1
    faults, asked = str(figures["faults"]).split()[0], int(str(figures["answers asked of the upstream"]))
    assert int(faults) >= asked // EVERY >= 4


def reserve(n: int, request: str, micro_usd: int = 100) -> dict[str, object]:
    return {"kind": "reserve", "data": {"n": n, "request_sha256": request, "micro_usd": micro_usd, "lost": LOST}}


def exchange(n: int, request: str, micro_usd: int) -> dict[str, object]:
    data = {"n": n, "request_sha256": request, "floor": micro_usd, "reserved": 100, "lost": LOST}
    return {"kind": "exchange", "data": data}


def line(micro_usd: int, *, complete: bool = True) -> dict[str, object]:
    cost = {"micro_usd": micro_usd, "complete": complete}
    return {"trial": "t", "attempt": 1, "cost": cost, "unsettled_micro_usd": 0 if complete else 100}


def test_the_books_see_a_wrong_sum() -> None:
    happened = [reserve(1, "a"), exchange(1, "a", 7)]
    Books().add(line(7), happened)
    with pytest.raises(AssertionError, match="8 in the journal"):
        Books().add(line(8), happened)


def test_the_books_explain_a_call_under_way_once_and_nothing_else() -> None:
    books = Books()
    books.add(line(7, complete=False), [reserve(1, "a"), exchange(1, "a", 7), reserve(2, "b")])
    assert not books.unexplained(Counter({("a", 7): 1, ("b", 50): 1}))
    assert books.unexplained(Counter({("a", 7): 1, ("b", 50): 2})) == {("b", 50): 1}
    assert books.unexplained(Counter({("a", 7): 1, ("b", 101): 1})) == {("b", 101): 1}
    with pytest.raises(AssertionError, match="never charged"):
        books.unexplained(Counter({("b", 50): 1}))


def test_an_attempt_without_a_line_is_seen(tmp_path: Path) -> None:
    (tmp_path / "trials" / "t" / "1").mkdir(parents=True)
    whole = {**line(0), "type": "attempt", "validity": {"cause": None}}
    (tmp_path / "run.json").write_text(json.dumps({"trials": [{"trial": "t"}]}))
    (tmp_path / "journal.jsonl").write_text(json.dumps(whole) + "\n")
    nothing_twice_nothing_lost(tmp_path)
    (tmp_path / "trials" / "t" / "2").mkdir()
    with pytest.raises(AssertionError, match="folders and lines differ"):
        nothing_twice_nothing_lost(tmp_path)
