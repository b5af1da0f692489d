"""All cases, found by their files: adding one edits nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from harness.core.errors import UsageError
from harness.core.plugins import unknown
from redteam import cases
from redteam.case import RedCase


def catalogue(asked: Sequence[str] = ()) -> dict[str, RedCase]:
    """Cases by id, cheats first; those `asked` for, or all."""
    names = sorted((module.name for module in pkgutil.iter_modules(cases.__path__)), key=_order)
    found = {name.upper(): importlib.import_module(f"redteam.cases.{name}").CASE for name in names}
    for name in asked:
        if name not in found:
            raise UsageError(unknown("case", name, found), where="--cases")
    return {name: case for name, case in found.items() if not asked or name in asked}


def _order(name: str) -> tuple[bool, str]:
    return name.startswith("c"), name
