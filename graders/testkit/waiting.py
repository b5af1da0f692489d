"""Waiting without sleeps: ask again until it holds, or until the time that a check gives is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from graders.testkit.problems import ProtocolProblem

FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.2

Found = TypeVar("Found")


def until(probe: Callable[[], Found], what: str, seconds: float = 10.0) -> Found:
    """The first answer of `probe` that is true; a problem of the connection counts as not yet.

    Raises `ProtocolProblem("deadline")` that names `what` when the seconds pass first.
    """
    end = time.monotonic() + seconds
    pause = FIRST_PAUSE_S
    seen: object = None
    while True:
        try:
            found = probe()
        except ProtocolProblem as problem:
            seen = problem.reason
        else:
            if found:
                return found
            seen = found
        if time.monotonic() + pause > end:
            raise ProtocolProblem("deadline", f"not within {seconds:g} s: {what}; last seen: {str(seen)[:200]}")
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE_S)
