"""The pool: every item once, lines in the caller's thread, a clean stop, an error that is not swallowed."""

from __future__ import annotations

import threading
import time

import pytest

from harness.run.pool import Interrupted, Pool


def test_every_item_once_and_in_the_callers_thread() -> None:
    pool: Pool[int, tuple[int, str]] = Pool(lambda item, emit: emit((item, threading.current_thread().name)), 4)
    lines = list(pool.run(range(50)))
    assert sorted(item for item, _ in lines) == list(range(50))
    assert threading.current_thread().name not in {name for _, name in lines}


def test_no_more_workers_than_asked_for() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def work(item: int, emit: object) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    assert list(Pool(work, 3).run(range(20))) == []
    assert most == 3


def test_stop_lets_what_is_in_flight_end_and_starts_nothing_more() -> None:
    started, go = threading.Event(), threading.Event()

    def work(item: int, emit) -> None:  # type: ignore[no-untyped-def]
        started.set()
        go.wait(5)
        emit(item)

    pool: Pool[int, int] = Pool(work, 1)
    threading.Timer(0.05, lambda: (started.wait(5), pool.stop(), go.set())).start()
    seen = []
    with pytest.raises(Interrupted):
        for line in pool.run(range(10)):
            seen.append(line)
    assert seen == [0]


def test_an_error_of_a_worker_reaches_the_caller_after_the_others_ended() -> None:
    def work(item: int, emit) -> None:  # type: ignore[no-untyped-def]
        if item == 1:
            raise OSError(28, "No space left on device")
        emit(item)

    seen = []
    with pytest.raises(OSError, match="No space"):
        for line in Pool(work, 1).run([0, 1, 2]):
            seen.append(line)
    assert seen == [0]
