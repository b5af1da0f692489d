"""Which changed paths are the agent's work: what the seed ignores and what tools leave behind is not.

Path, kind and bytes count; times and modes do not.
"""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache

from dulwich.ignore import IgnoreFilter

from graders.addedlines import is_foreign
from harness.core.ports import Case
from harness.core.records import Change, Evidence, Tree
from harness.core.task import Task, glob_match

META = ".claude/"
_BYPRODUCT = re.compile(r"(^|/)(\.coverage(\..*)?|htmlcov/.*|[^/]+\.egg-info/.*|\.DS_Store|\.tox/.*|\.nox/.*)$")
_DOCUMENT = re.compile(r"\.(md|rst|log|txt)$", re.IGNORECASE)
_REQUIREMENTS = re.compile(
    r"(^|/)([\w.-]*(requirements|constraints)[\w.-]*\.txt|requirements/[^/]+\.txt)$", re.IGNORECASE
)
_ASSETS = frozenset(
    {"templates", "template", "fixtures", "fixture", "locales", "locale", "i18n", "l10n", "translations", "prompts"}
    | {"data", "static", "snapshots", "__snapshots__", "golden", "resources", "seeds", "assets", "testdata", "samples"}
)


class _Ignored:
    """The seed's `.gitignore` files, each for its own folder."""

    def __init__(self, base: Tree) -> None:
        self.filters: list[tuple[str, IgnoreFilter]] = []
        for path in base.files():
            if posixpath.basename(path) == ".gitignore":
                lines = (base.read(path) or b"").splitlines()
                folder = posixpath.dirname(path)
                self.filters.append((f"{folder}/" if folder else "", IgnoreFilter(_patterns(lines))))

    def __call__(self, path: str) -> bool:
        return any(
            path.startswith(folder) and each.is_ignored(path[len(folder) :].encode("utf-8", "replace"))
            for folder, each in self.filters
        )


def _patterns(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if line.strip() and not line.startswith(b"#")]


class ByIdentity:
    """Cache key by identity; it keeps the evidence alive, so its identity cannot be used again meanwhile."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    def __hash__(self) -> int:
        return id(self.evidence)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByIdentity) and self.evidence is other.evidence


@lru_cache(maxsize=8)
def _delivered(key: ByIdentity) -> tuple[Change, ...]:
    evidence = key.evidence
    ignored = _Ignored(evidence.base)
    return tuple(
        change
        for change in evidence.changes
        if _differs(evidence, change.path)
        and not is_foreign(change.path)
        and not _BYPRODUCT.search(change.path)
        and (change.path in evidence.base.entries or not ignored(change.path))
    )


def _differs(evidence: Evidence, path: str) -> bool:
    before, after = evidence.base.entries.get(path), evidence.final.entries.get(path)
    if before is None or after is None:
        return True
    return (before.kind, before.sha256, before.target) != (after.kind, after.sha256, after.target)


def delivered(case: Case) -> tuple[Change, ...]:
    """Changes that are the agent's work, sorted by path."""
    return _delivered(ByIdentity(case.evidence))


def is_meta(path: str) -> bool:
    """Whether a path belongs to the meta documents."""
    return path == ".claude" or path.startswith(META)


def is_document(path: str, task: Task) -> bool:
    """Whether a path is prose for people: no requirements file, no text that the app or its tests use."""
    if not _DOCUMENT.search(path) or _REQUIREMENTS.search(path):
        return False
    return not _is_asset(path, task)


def _is_asset(path: str, task: Task) -> bool:
    """A template, fixture or locale text below the app or the tests."""
    root = f"{task.file.app.package}/"
    inside = path.startswith((root, "tests/", "test/", root.split("/")[0] + "/"))
    return inside and not _ASSETS.isdisjoint(path.split("/")[1:-1])


def is_asked_for(path: str, task: Task) -> bool:
    """Whether the specs ask for this document."""
    return glob_match(path, task.file.documents)
