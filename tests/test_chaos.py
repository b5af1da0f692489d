"""`make chaos` in a small size, and proof that its accounts would see what they look for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chaos.accounts import Books, nothing_twice_nothing_lost
from chaos.disturb import descendants
from chaos.done import Done, Explained, Kill, retried
from chaos.launch import STALL_S
from chaos.left import Machine
from chaos.story import Size, tell
from chaos.upstream import BROKEN, DECK, EVERY, WRONG, Provider, name

from harness.gateway.exchange import Patience
from harness.sandboxes.toolchain import Store

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
    assert not books.beyond(Counter({("a", 7): 1, ("b", 50): 1})).unexplained
    assert books.beyond(Counter({("a", 7): 1, ("b", 50): 2})).unexplained == {("b", 50): 1}
    assert books.beyond(Counter({("a", 7): 1, ("b", 101): 1})).unexplained == {("b", 101): 1}
    with pytest.raises(AssertionError, match="never charged"):
        books.beyond(Counter({("b", 50): 1}))


@pytest.mark.parametrize(("why", "unheard"), [("stall", {("a", 50): 1}), ("drop", {})])
def test_the_books_explain_an_answer_that_nobody_heard_by_a_silence_alone(why: str, unheard: object) -> None:
    lost = {**LOST, "turns": 1}
    again = {"kind": "reserve", "data": {**reserve(1, "a")["data"], "lost": lost}}  # type: ignore[dict-item]
    whole = {"kind": "exchange", "data": {**exchange(1, "a", 7)["data"], "lost": lost}}  # type: ignore[dict-item]
    books = Books()
    books.add(line(7, complete=False), [reserve(1, "a"), {"kind": "wait", "data": {"why": why}}, again, whole])
    found = books.beyond(Counter({("a", 7): 1, ("a", 50): 1}))
    assert (found.unheard, found.unexplained.total()) == (unheard, 1 - len(found.unheard))
    assert books.beyond(Counter({("a", 7): 1, ("a", 50): 2})).unexplained.total() == 2 - len(found.unheard)


def test_one_answer_of_five_is_faulty_and_no_kind_is_left_out() -> None:
    provider = Provider(faulty=True, seed=3)
    rounds = [[provider.fault("", 0, 1) for _ in range(EVERY)] for _ in range(DECK)]
    assert [sum(fault is not None for fault in each) for each in rounds] == [1] * DECK
    assert {name(fault) for fault in (*BROKEN, WRONG)} == set(provider.faults)
    assert all(fault.seconds > Patience(stall_s=STALL_S).stall_s for fault in BROKEN if "stall" in fault.kind)


def invalid(cause: str, kind: str = "attempt", trial: str = "t") -> dict[str, object]:
    return {"type": kind, "trial": trial, "attempt": 1, "validity": {"cause": cause, "detail": ""}}


def run_of(root: Path, *lines: dict[str, object]) -> Path:
    """A run of two trials, each begun at second 100 by process 7; t's last call was answered by another model."""
    (root / "run.json").write_text(json.dumps({"trials": [{"trial": name, "task": "k"} for name in "tu"]}))
    (root / "journal.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    at = datetime.fromtimestamp(100, UTC).isoformat()
    begun = [{"event": "attempt begins", "at": at, "process": 7, "data": {"trial": t, "attempt": 1}} for t in "tu"]
    data = {"trial": "t", "attempt": 1, "validity": "invalid:sandbox"}
    ended = {"event": "attempt ended", "at": datetime.fromtimestamp(200, UTC).isoformat(), "process": 7, "data": data}
    (root / "log.jsonl").write_text("".join(json.dumps(each) + "\n" for each in (*begun, ended)))
    (root / "trials/t/1").mkdir(parents=True)
    last = {"n": 1, "request_sha256": "a", "model_asked": "x", "model_answered": "y", "retries": 0}
    (root / "trials/t/1/events.jsonl").write_text(json.dumps({"kind": "exchange", "data": last}) + "\n")
    return root


EXPLAINED = [
    (invalid("sandbox"), Done(kills=[Kill("t", "agent", 150.0)])),
    (invalid("sandbox", "verdict"), Done(kills=[Kill("t", "judge", 150.0)])),
    (invalid("sandbox"), Done(down=[(90.0, 110.0)])),
    (invalid("provider"), Done(wrong=Counter("a"))),
    (invalid("cancelled"), Done(killed={7})),
]


@pytest.mark.parametrize(("told", "done"), EXPLAINED)
def test_an_invalid_line_answers_to_what_was_done_to_its_own_trial_once(
    tmp_path: Path, told: dict[str, object], done: Done
) -> None:
    assert Explained(run_of(tmp_path, told), done).unexplained() == []
    assert len(Explained(tmp_path, Done()).unexplained()) == 1


@pytest.mark.parametrize(
    ("told", "done"),
    [
        (invalid("sandbox"), Done(kills=[Kill("u", "agent", 150.0)])),
        (invalid("sandbox"), Done(kills=[Kill("t", "agent", 50.0)])),
        (invalid("sandbox"), Done(kills=[Kill("t", "judge", 150.0)])),
        (invalid("sandbox", "verdict"), Done(kills=[Kill("t", "agent", 150.0)])),
        (invalid("sandbox"), Done(down=[(10.0, 20.0), (201.0, 210.0)])),
        (invalid("provider"), Done(wrong=Counter("b"))),
        (invalid("cancelled"), Done(killed={8})),
        (invalid("harness"), Done(kills=[Kill("t", "agent", 150.0)], killed={7}, wrong=Counter("a"))),
    ],
)
def test_what_was_done_to_others_or_at_another_time_explains_nothing(
    tmp_path: Path, told: dict[str, object], done: Done
) -> None:
    assert len(Explained(run_of(tmp_path, told), done).unexplained()) == 1


def test_one_kill_explains_one_line(tmp_path: Path) -> None:
    run = run_of(tmp_path, invalid("sandbox"), invalid("sandbox"))
    assert len(Explained(run, Done(kills=[Kill("t", "agent", 150.0)])).unexplained()) == 1


def test_a_turn_begun_again_answers_to_a_fault_of_its_kind_in_its_place(tmp_path: Path) -> None:
    run = run_of(tmp_path, {**invalid("provider"), "validity": {"cause": None}})
    happened = [reserve(1, "a"), {"kind": "wait", "data": {"why": "529"}}, {"kind": "wait", "data": {"why": "hold"}}]
    (run / "trials/t/1/events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in happened))
    assert retried(run, Done(places=Counter([("k", 1, "status 529")]))) == []
    for elsewhere in (("k", 2, "status 529"), ("k", 1, "status 500"), ("j", 1, "status 529")):
        assert retried(run, Done(places=Counter([elsewhere]))) == ["k, answer 1: 1 times 529"]


@pytest.mark.sandbox
def test_a_sandbox_whose_harness_is_gone_is_seen_and_one_that_is_held_is_not(store: Store) -> None:
    machine = Machine.now()
    argv = [str(store.bubblewrap()), "--ro-bind", "/", "/", "sleep", "60"]
    held = subprocess.Popen(argv)
    orphan = int(subprocess.check_output(["sh", "-c", '"$@" >/dev/null & echo $!', "sh", *argv]))
    try:
        while not (descendants(orphan) and descendants(held.pid)):
            time.sleep(0.01)
        left, mounts = machine.left(0.5)
        assert {each.process for each in descendants(orphan)} <= set(left)
        assert not {each.process for each in descendants(held.pid)} & set(left)
        assert any(mount.startswith(f"{left[0][0]}: ") for mount in mounts)
    finally:
        for each in (*descendants(orphan), *descendants(held.pid)):
            os.kill(each.process[0], signal.SIGKILL)
        held.wait()


def test_an_attempt_without_a_line_is_seen(tmp_path: Path) -> None:
    (tmp_path / "trials" / "t" / "1").mkdir(parents=True)
    whole = {**line(0), "type": "attempt", "validity": {"cause": None}}
    (tmp_path / "run.json").write_text(json.dumps({"trials": [{"trial": "t"}]}))
    (tmp_path / "journal.jsonl").write_text(json.dumps(whole) + "\n")
    nothing_twice_nothing_lost(tmp_path)
    (tmp_path / "trials" / "t" / "2").mkdir()
    with pytest.raises(AssertionError, match="folders and lines differ"):
        nothing_twice_nothing_lost(tmp_path)
