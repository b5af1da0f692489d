"""Runs planned work in threads and hands every line back to the caller's thread: one writer, no locks.

The first Ctrl-C (or SIGTERM) starts nothing more and lets what is in flight end; the second leaves at once. Signals are
caught by handlers, because an exception between two lines of the journal's writer would cut a line in two.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Generic, TypeVar

Item = TypeVar("Item")
Line = TypeVar("Line")
Emit = Callable[[Line], None]


class Interrupted(Exception):
    """The user asked to stop, and what was in flight has ended."""


@dataclass(frozen=True)
class _Ended:
    error: BaseException | None


class Pool(Generic[Item, Line]):
    """`work(item, emit)` for every item, `workers` at a time."""

    def __init__(
        self, work: Callable[[Item, Emit[Line]], None], workers: int, stop: threading.Event | None = None
    ) -> None:
        """`stop`: set by whoever wants nothing more to be started."""
        self._work = work
        self._workers = workers
        self._lines: queue.SimpleQueue[Line | _Ended] = queue.SimpleQueue()
        self._stop = stop or threading.Event()

    def run(self, items: Sequence[Item]) -> Iterator[Line]:
        """Lines as they come; `Interrupted` after a clean stop, and the first error of a worker as it was raised."""
        pending: queue.SimpleQueue[Item] = queue.SimpleQueue()
        for item in items:
            pending.put(item)
        threads = [
            threading.Thread(target=self._serve, args=(pending,), name=f"trial-{number}", daemon=True)
            for number in range(min(self._workers, len(items)))
        ]
        for thread in threads:
            thread.start()
        error: BaseException | None = None
        left = len(threads)
        try:
            while left:
                line = self._next()
                if isinstance(line, _Ended):
                    left -= 1
                    error = error or line.error
                else:
                    yield line
        finally:
            finished = not left and not self._stop.is_set()
            self._stop.set()
        if error is not None:
            raise error
        if not finished:
            raise Interrupted

    def stop(self) -> bool:
        """Start nothing more; whether that was already asked for."""
        already = self._stop.is_set()
        self._stop.set()
        return already

    def _next(self) -> Line | _Ended:
        while True:
            try:
                return self._lines.get(timeout=0.5)
            except queue.Empty:
                continue

    def _serve(self, pending: queue.SimpleQueue[Item]) -> None:
        error: BaseException | None = None
        try:
            while not self._stop.is_set():
                self._work(pending.get_nowait(), self._lines.put)
        except queue.Empty:
            pass
        except BaseException as caught:  # handed to the caller's thread, which raises it
            error = caught
            self._stop.set()
        self._lines.put(_Ended(error))


@contextmanager
def stopped_by_signals(stop: Callable[[], bool]) -> Iterator[None]:
    """While this is open, the first SIGINT or SIGTERM calls `stop` and the second raises `KeyboardInterrupt`.

    Outside the main thread signals stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def caught(number: int, frame: FrameType | None) -> None:
        if stop():
            raise KeyboardInterrupt
        # Straight to the descriptor: whoever was interrupted may be printing, or hold a printer's lock.
        with suppress(OSError):
            os.write(2, b"stopping: what is in flight ends first; once more leaves at once\n")

    before = {number: signal.signal(number, caught) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
