"""Marks of a hidden check: the clauses it covers, and what it proves about the seed.

pytest is imported where a mark is made, in the judge: graders on the host use this package too and never mark anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

Check = TypeVar("Check", bound=Callable[..., Any])


def covers(*clauses: str) -> Callable[[Check], Check]:
    """The clauses (`C-01`, `S-03`) that this check decides."""
    import pytest

    mark = pytest.mark.covers(*clauses)

    def decorate(check: Check) -> Check:
        return cast(Check, mark(check))

    return decorate


def fail_to_pass(check: Check) -> Check:
    """The check fails on the seed and passes on a right delivery."""
    import pytest

    return cast(Check, pytest.mark.fail_to_pass(check))


def pass_to_pass(check: Check) -> Check:
    """The check passes on the seed and goes on passing."""
    import pytest

    return cast(Check, pytest.mark.pass_to_pass(check))
