"""Every way a run can go wrong, and what to do about each.

Two families, never mixed. `UsageError` is the user's to mend and ends the command with exit code 2. `Failure` makes one
attempt invalid; its cause is chosen by the code that raised it (the boundary), never by reading a message, and `POLICY`
is the only place that says whether a cause is retried.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    """Who made an attempt invalid."""

    SANDBOX = "sandbox"
    PROVIDER = "provider"
    TASK = "task"
    GRADER = "grader"
    HARNESS = "harness"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Policy:
    """What follows from a cause."""

    retry: bool
    """Infrastructure: another attempt may succeed without anybody changing anything."""
    counts: bool
    """The attempt stands in the rates. No cause's does: a failure is never a score, it lowers the coverage."""
    owed: bool
    """The trial stays owed: `resume` plans it again."""


POLICY: dict[Cause, Policy] = {
    Cause.SANDBOX: Policy(retry=True, counts=False, owed=True),
    Cause.PROVIDER: Policy(retry=True, counts=False, owed=True),
    Cause.TASK: Policy(retry=False, counts=False, owed=True),
    Cause.GRADER: Policy(retry=False, counts=False, owed=True),
    Cause.HARNESS: Policy(retry=False, counts=False, owed=True),
    Cause.CANCELLED: Policy(retry=False, counts=False, owed=True),
}


class Failure(Exception):
    """One attempt cannot be judged; `cause` says whose fault that is."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message

    def __str__(self) -> str:
        return f"{self.cause}: {self.message}"


class LimitReached(Failure):
    """The sandbox ended because what ran in it went over a limit; where an agent worked in it, that is its own doing.

    `limit`: `memory`. Whoever takes no notice sees a sandbox that failed.
    """

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(Cause.SANDBOX, message)
        self.limit = limit


class UsageError(Exception):
    """Input that the user can mend: says which file, where in it, and what to do."""

    def __init__(self, message: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f"\n  mend: {self.mend}" if self.mend else ""
        return f"{place}{self.message}{mend}"


@contextmanager
def boundary(cause: Cause, doing: str) -> Iterator[None]:
    """Claim every exception that nobody claimed inside for `cause`.

    A `Failure` from a deeper boundary and a `UsageError` pass unchanged: the innermost boundary knows best.
    """
    try:
        yield
    except (Failure, UsageError):
        raise
    except Exception as error:
        raise Failure(cause, f"{doing}: {type(error).__name__}: {error}") from error
