"""What a repo declares about its packages: the manager its lock names, the dependencies, what is locked.

Names are compared in their normal form (`PyYAML`, `py_yaml` and `py.yaml` are one). Files that cannot be read declare
nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from graders.addedlines import text_of
from harness.core.records import Tree

MANAGERS: Mapping[str, str] = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile": "pipenv",
    "Pipfile.lock": "pipenv",
    "environment.yml": "conda",
    "environment.yaml": "conda",
    "conda-lock.yml": "conda",
    "pixi.lock": "pixi",
}
"""File at the root -> the manager that it belongs to."""
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")

_REQUIREMENTS = re.compile(r"(?:[\w.-]*requirements[\w.-]*\.(?:txt|in)|requirements/[\w.-]+\.(?:txt|in))")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_LOCKED = re.compile(r'^(?:name = "| {8}")([A-Za-z0-9._-]+)"', re.MULTILINE)

Table = Mapping[str, object]


def normal(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_packaging(path: str) -> bool:
    """Whether a file says something about the repo's packages."""
    return path == "pyproject.toml" or path in MANAGERS or _REQUIREMENTS.fullmatch(path) is not None


def managers(tree: Tree) -> dict[str, str]:
    """Manager -> the file that shows it."""
    found = {manager: path for path, manager in MANAGERS.items() if _is_file(tree, path)}
    if "poetry" not in found and isinstance(_tool(tree, "poetry").get("dependencies"), dict):
        found["poetry"] = "pyproject.toml"
    for manager in ("uv", "pdm"):
        if _tool(tree, manager):
            found.setdefault(manager, "pyproject.toml")
    return found


def requirement_files(tree: Tree) -> list[str]:
    """Requirement files at the root or in `requirements/`."""
    return [path for path in tree.files() if _REQUIREMENTS.fullmatch(path)]


def declared(tree: Tree) -> dict[str, str]:
    """Normal name of every declared dependency -> the file that declares it."""
    found: dict[str, str] = {}
    for path in requirement_files(tree):
        found.update((name, path) for name in _lines((text_of(tree, path) or "").splitlines()))
    found.update((name, "pyproject.toml") for name in _in_pyproject(tree))
    pipfile = _toml(tree, "Pipfile")
    for section in ("packages", "dev-packages"):
        found.update((normal(name), "Pipfile") for name in _table(pipfile.get(section)))
    return found


def locked(tree: Tree, lock: str) -> frozenset[str]:
    """Normal names in a lock file."""
    return frozenset(normal(match[1]) for match in _LOCKED.finditer(text_of(tree, lock) or ""))


def _in_pyproject(tree: Tree) -> Iterator[str]:
    data = _toml(tree, "pyproject.toml")
    project = _table(data.get("project"))
    groups = [project.get("dependencies"), *_table(project.get("optional-dependencies")).values()]
    groups += list(_table(data.get("dependency-groups")).values())
    groups += [_tool(tree, "uv").get("dev-dependencies")]
    for group in groups:
        yield from _lines([item for item in group if isinstance(item, str)] if isinstance(group, list) else [])
    poetry = _tool(tree, "poetry")
    tables = [poetry, *(_table(group) for group in _table(poetry.get("group")).values())]
    for table in tables:
        for key in ("dependencies", "dev-dependencies"):
            yield from (normal(name) for name in _table(table.get(key)) if name != "python")


def _lines(lines: list[str]) -> Iterator[str]:
    for line in lines:
        match = None if line.lstrip().startswith(("#", "-")) else _NAME.match(line)
        if match:
            yield normal(match[1])


def _tool(tree: Tree, name: str) -> Table:
    return _table(_table(_toml(tree, "pyproject.toml").get("tool")).get(name))


def _toml(tree: Tree, path: str) -> Table:
    return _read_toml(text_of(tree, path) or "")


@lru_cache(maxsize=16)
def _read_toml(text: str) -> Table:
    """Read once a text, since every rule asks; nobody changes it."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}


def _is_file(tree: Tree, path: str) -> bool:
    entry = tree.entries.get(path)
    return entry is not None and entry.kind == "file"


def own_modules(tree: Tree) -> frozenset[str]:
    """Names that the repo itself provides: every folder and module with code, wherever it stands."""
    found: set[str] = set()
    for path in tree.files():
        if path.endswith((".py", ".pyi")):
            parts = PurePosixPath(path).with_suffix("").parts
            found.update(parts)
    return frozenset(found)
