"""What ruff says about the changed Python files, in one run for all rules of a case.

Files are copied to a private folder under names of our own, so that no name an agent chose reaches a command line or a
configuration; suppressions are made harmless in that copy (they are rule X1's), and files that Python itself cannot
parse are left out. Beside our pinned configuration the same process applies the repo's own, as the seed had it; where
that finds something, a second one looks at the files as they were, and S7 compares. Nothing of the agent's is executed
and its configuration is never read.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from graders.addedlines import Diff, diff_of, is_foreign, text_of
from harness.core.ports import Case
from harness.core.records import Tree

CONFIG = Path(__file__).parent / "config" / "ruff.toml"
SECONDS = 30
"""Longest that one ruff process may take; a usual one takes hundredths."""

_MEMORY = Path("/dev/shm")  # noqa: S108 - folders of our own, by names that nobody can foretell
"""Where the copy is made, if it can be: a hundred small files cost a disk more than ruff takes to read them."""

_SUPPRESSION = re.compile(r"(?i)\b(noqa|ruff)(?=\s*[:\s\[]|$)", re.MULTILINE)
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_OWN_CONFIG = frozenset({"ruff.toml", ".ruff.toml"})


@dataclass(frozen=True)
class StaticFinding:
    """One diagnostic of ruff, at a path of the delivery."""

    path: str
    line: int
    end_line: int
    code: str
    """`invalid-syntax` where the file could not be parsed."""
    message: str


@dataclass(frozen=True)
class Analysis:
    """What one ruff process found."""

    pinned: tuple[StaticFinding, ...] = ()
    """Our codes, in the changed files at the end, suppressions ignored."""
    repo_before: tuple[StaticFinding, ...] = ()
    """The repo's own configuration on the changed files as the seed had them; empty where `repo_after` is."""
    repo_after: tuple[StaticFinding, ...] = ()
    """The same configuration on the changed files at the end."""
    repo_problem: str = ""
    """Why the repo's own configuration could not be applied; empty where it was, or where there is none."""


class _ByContent:
    """Cache key: paths and contents before and after, which are all that ruff is shown."""

    def __init__(self, diff: Diff) -> None:
        self.diff = diff
        self._content = _contents(diff.base), _contents(diff.final)

    def __hash__(self) -> int:
        return hash(self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByContent) and self._content == other._content


def _contents(tree: Tree) -> frozenset[tuple[str, str, str]]:
    return frozenset((path, entry.kind, entry.sha256) for path, entry in tree.entries.items())


@lru_cache(maxsize=64)
def _analysed(key: _ByContent) -> Analysis:
    return analyse(key.diff)


def analysis_of(case: Case) -> Analysis:
    """The analysis of a case, run once for all its rules and for every case with the same files."""
    return _analysed(_ByContent(diff_of(case)))


def has_ruff_config(tree: Tree) -> bool:
    """Whether the root of a tree configures ruff."""
    return any(_is_config(tree, name) for name in ("pyproject.toml", *_OWN_CONFIG))


def analyse(diff: Diff) -> Analysis:
    """Run ruff over the changed Python files; `RuntimeError` when ruff itself fails on our own configuration."""
    if not diff.python:
        return Analysis()
    in_memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="static-", dir=in_memory) as folder:
        root = Path(folder)
        pinned = _write_pinned(root, diff)
        after = _write_repo(root, "after", diff, diff.final, diff.python) if has_ruff_config(diff.base) else {}
        found, problem = _run(root, ["pinned", "after"] if after else ["pinned"]), ""
        if isinstance(found, str) and after:
            problem, found = found, _run(root, ["pinned"])
        if isinstance(found, str):
            raise RuntimeError(f"ruff failed: {found}")
        repo_after = _at(found, after)
        return Analysis(
            pinned=_at(found, pinned),
            repo_before=_before(root, diff) if repo_after else (),
            repo_after=repo_after,
            repo_problem=problem,
        )


def _before(root: Path, diff: Diff) -> tuple[StaticFinding, ...]:
    """What the repo's own configuration finds in the seed: asked only where there is something to compare."""
    names = _write_repo(root, "before", diff, diff.base, diff.changed)
    found = _run(root, ["before"])
    if isinstance(found, str):
        raise RuntimeError(f"ruff failed on the seed: {found}")
    return _at(found, names)


def _write_pinned(root: Path, diff: Diff) -> dict[str, str]:
    """Copies under neutral names; name below `root` -> path in the delivery."""
    (root / "pinned").mkdir()
    (root / "pinned" / "ruff.toml").write_bytes(CONFIG.read_bytes())
    names: dict[str, str] = {}
    for number, path in enumerate(diff.python):
        source = diff.source(path)
        if source is None:
            continue
        name = f"pinned/f{number}.py"
        _write(root / name, _SUPPRESSION.sub(lambda match: "_" * len(match[0]), source.text))
        names[name] = path
    return names


def _write_repo(root: Path, side: str, diff: Diff, tree: Tree, judged: tuple[str, ...]) -> dict[str, str]:
    """The judged files of a tree below the seed's own configuration; name below `root` -> path in the delivery."""
    names: dict[str, str] = {}
    configs = _configs(diff.base)
    for config in configs:
        _write(root / side / config, text_of(diff.base, config) or "")
    chosen = frozenset(judged)
    for path in tree.files():
        if not path.endswith(".py") or not _is_safe(path) or is_foreign(path) or _is_below(path, configs):
            continue
        # Others only have to exist: which imports are the repo's own depends on them.
        _write(root / side / path, (text_of(tree, path) or "") if path in chosen else "")
        if path in chosen:
            names[f"{side}/{path}"] = path
    return names


def _is_below(path: str, files: list[str]) -> bool:
    """Whether a path stands below what was a file in the seed."""
    return any(path.startswith(f"{file}/") for file in files)


def _configs(base: Tree) -> list[str]:
    named = [path for path in base.files() if path.rsplit("/", 1)[-1] in {"pyproject.toml", *_OWN_CONFIG}]
    return [path for path in named if _is_safe(path) and _is_config(base, path)]


def _is_config(tree: Tree, path: str) -> bool:
    text = text_of(tree, path)
    if text is None:
        return False
    if not path.endswith("pyproject.toml"):
        return True
    try:
        return "ruff" in tomllib.loads(text).get("tool", {})
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return False


def _is_safe(path: str) -> bool:
    return len(path) <= 200 and all(_SAFE.fullmatch(part) for part in path.split("/"))


def _write(path: Path, text: str) -> None:
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("utf-8", errors="replace"))


@cache
def _binary() -> str:
    return str(importlib.import_module("ruff.__main__").find_ruff_bin())


def _run(root: Path, targets: list[str]) -> list[Mapping[str, Any]] | str:
    """Diagnostics of ruff below `root`, or what it complained about."""
    done = _ruff(root, targets)
    if done.returncode not in (0, 1):
        return done.stderr.decode(errors="replace").strip()[-500:] or f"exit status {done.returncode}"
    found: list[Mapping[str, Any]] = json.loads(done.stdout)
    prefix = f"{root.resolve()}/"
    return [{**item, "filename": item["filename"].removeprefix(prefix)} for item in found]


def _ruff(root: Path, targets: list[str]) -> subprocess.CompletedProcess[bytes]:
    # Ruff recurses as deep as the code is nested; its usual stack ends where Python still parses.
    return subprocess.run(
        [_binary(), "check", "--no-cache", "--no-respect-gitignore", "--output-format", "json", *targets],
        cwd=root,
        env={"RAYON_NUM_THREADS": "1", "RUST_MIN_STACK": str(64 * 1024 * 1024)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def _at(found: list[Mapping[str, Any]], names: Mapping[str, str]) -> tuple[StaticFinding, ...]:
    """The diagnostics in the named files, at their places in the delivery."""
    return tuple(
        StaticFinding(
            path=names[item["filename"]],
            line=item["location"]["row"],
            end_line=item["end_location"]["row"],
            code=item["code"] or "invalid-syntax",
            message=item["message"],
        )
        for item in found
        if item["filename"] in names
    )
