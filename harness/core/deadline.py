"""One object for time-outs: every blocking call takes its time from a `Deadline`.

A deadline can be granted time back (waiting for a rate limit is not the agent's time), so it holds the moment it
ends rather than a duration.
"""

from __future__ import annotations

import threading
import time


class DeadlinePassed(Exception):
    """The time that a caller was given is over."""


class Deadline:
    """A moment on the monotonic clock, in seconds; safe to share between threads."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never negative."""
        with self._lock:
            return max(0.0, self._end - time.monotonic())

    def passed(self) -> bool:
        return self.remaining() <= 0.0

    def extend(self, seconds: float) -> None:
        """Give back time that was not the holder's to spend."""
        with self._lock:
            self._end += seconds

    def within(self, seconds: float) -> Deadline:
        """A deadline of at most `seconds` from now that does not outlive this one."""
        return Deadline(min(seconds, self.remaining()))

    def check(self, doing: str) -> None:
        """Raise `DeadlinePassed` when no time is left for `doing`."""
        if self.passed():
            raise DeadlinePassed(doing)
