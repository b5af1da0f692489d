"""Content digests: the identity of everything that decides what has to be run again.

SHA-256 over canonical JSON (sorted keys, no spaces) or over a folder's sorted manifest, so that a digest does not
depend on the machine, the path, the time or the order in which a file system lists its entries.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

IGNORED_DIRECTORIES = frozenset({"__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis"})


def sha256(data: bytes) -> str:
    """Hex SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def canonical(value: object) -> bytes:
    """Canonical JSON of a record or of plain data."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(value: object) -> str:
    """SHA-256 over the canonical JSON of `value`."""
    return sha256(canonical(value))


def folder_files(root: Path) -> list[Path]:
    """Regular files below `root` in a stable order, caches left out."""
    found = [
        path
        for path in root.rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and not IGNORED_DIRECTORIES.intersection(path.relative_to(root).parts)
    ]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def folder_digest(root: Path) -> str:
    """SHA-256 over path, executable bit and content of every regular file below `root`."""
    manifest = [
        [path.relative_to(root).as_posix(), bool(path.stat().st_mode & 0o100), sha256(path.read_bytes())]
        for path in folder_files(root)
    ]
    return digest(manifest)


def code_digest(root: Path, package: str, start: str) -> str:
    """Digest of the module `start` of `package`, whose folder is `root`, and of all modules of it that it builds on."""
    found: dict[str, str] = {}
    todo = [start]
    while todo:
        name = todo.pop()
        path = root / f"{name}.py"
        if name in found or not path.is_file():
            continue
        content = path.read_bytes()
        found[name] = sha256(content)
        todo += _imported(package, ast.parse(content))
    return digest(found)


def _imported(package: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.removeprefix(f"{package}.") for name in names if name.startswith(f"{package}."))
