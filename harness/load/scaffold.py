"""A new task to begin with: small, whole and provable, with every place marked that an author has to fill in.

The marks are what `harness check` goes by: it names each one that is left, and proves the task once there is none.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.core.errors import UsageError

TEMPLATE = Path(__file__).parent / "scaffold"
SUFFIX = ".tmpl"
"""Keeps linters, type checkers and test runners of the harness away from files of a task."""
ID = re.compile(r"[a-z][a-z0-9-]*")


def scaffold(tasks: Path, name: str) -> Path:
    """Write a new task below `tasks`; its folder. `UsageError` for a bad name, and where something is already."""
    if not ID.fullmatch(name):
        mend = "small letters, digits and '-', a letter first"
        raise UsageError(f"'{name}' is no name of a task", where="harness new task", mend=mend)
    root = tasks / name
    if root.exists():
        raise UsageError("there is something already", where=str(root), mend="choose another name, or remove it")
    for path in sorted(TEMPLATE.rglob(f"*{SUFFIX}")):
        target = root / path.relative_to(TEMPLATE).as_posix().removesuffix(SUFFIX)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text(encoding="utf-8").replace("@id@", name), encoding="utf-8")
    return root
