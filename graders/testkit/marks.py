"""Marks of a hidden check: the clauses it covers, and what it proves about the seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import pytest

Check = TypeVar("Check", bound=Callable[..., Any])


def covers(*clauses: str) -> Callable[[Check], Check]:
    """The clauses (`C-01`, `S-03`) that this check decides."""
    mark = pytest.mark.covers(*clauses)

    def decorate(check: Check) -> Check:
        return cast(Check, mark(check))

    return decorate


def fail_to_pass(check: Check) -> Check:
    """The check fails on the seed and passes on a right delivery."""
    return cast(Check, pytest.mark.fail_to_pass(check))


def pass_to_pass(check: Check) -> Check:
    """The check passes on the seed and goes on passing."""
    return cast(Check, pytest.mark.pass_to_pass(check))
