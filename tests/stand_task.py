"""The tiny task that uses everything the stand has, and deliveries of it, for tests of the verdict path."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from harness import compose
from harness.core.ports import Case, Lab
from harness.core.records import Evidence, Transcript, Tree
from harness.core.task import Task, TaskFile, clauses

ROOT = Path(__file__).parent / "data" / "stand"
CONTRACT = "\n".join(f"[C-{number:02}] A sentence." for number in range(1, 9))


def stand_task(**app: object) -> Task:
    """The task; `app` changes facts of the app."""
    facts = tomllib.loads((ROOT / "task.toml").read_text())
    facts["app"] |= app
    return Task(TaskFile.model_validate(facts), ROOT, "digest", CONTRACT, "", clauses(CONTRACT), ())


def files(folder: Path = ROOT / "repo") -> dict[str, bytes]:
    """The files below a folder, caches left out."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def case(
    task: Task, lab: Lab | None, changed: Mapping[str, bytes | None] | None = None, without: tuple[str, ...] = ()
) -> Case:
    """A delivery of the reference app with `changed` files; `without` names files that the seed did not have."""
    final = {path: content for path, content in {**files(), **(changed or {})}.items() if content is not None}
    base = {path: content for path, content in files().items() if path not in without}
    evidence = Evidence(Transcript(), "", Tree.of(base), Tree.of(final), None, None)
    return Case(task=task, evidence=evidence, lab=lab, seed="a seed")


def real_lab() -> Lab:
    """The machine's own sandboxes."""
    choice = compose.Choice(sandbox="bubblewrap")
    return compose.make_lab(choice, compose.make_store(choice, lambda _: None), "python-fastapi")
