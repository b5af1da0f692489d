"""Which lines of a delivery are the agent's own: added, and not merely moved from elsewhere in the repo.

Static rules judge added lines only, so a team's old sins are never held against a delivery. A removed line that turns
up again, in any file and at any indentation, is old: moving a function is not writing it. Files are compared with
difflib; where that would be slow (huge or repetitive files) the comparison falls back to counting equal lines.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache

from graders.pycode import Source, parse
from harness.core.ports import Case
from harness.core.records import Evidence, Finding, Place, Severity, Tree

MAX_BYTES = 1_000_000
"""Larger files are data, not source: they have no added lines."""
MAX_TOTAL = 2_000_000
"""Most bytes of changed files that are read as text, small files first: what is left out is bulk, not work."""
MAX_PAIRS = 50_000
"""Most pairs of equal lines that difflib is given to arrange."""
MAX_QUOTE = 200
"""Longest quote of the agent's own text."""
FOREIGN = frozenset(
    {
        ".git",
        ".venv",
        "venv",
        "node_modules",
        "site-packages",
        "__pycache__",
        ".pytest_cache",
        ".ruff_cache",
        ".mypy_cache",
        ".hypothesis",
    }
)
"""Folders of installed packages and caches: nobody's delivery."""

_LINE_END = re.compile(r"\r\n|\r|\n")


def is_foreign(path: str) -> bool:
    """Whether a path belongs to installed packages or caches, which tools write and no agent delivers."""
    return path.endswith(".pyc") or not FOREIGN.isdisjoint(path.split("/"))


def split_lines(text: str) -> list[str]:
    """Lines as Python and ruff count them; `str.splitlines` would also split at form feeds and separators."""
    return _LINE_END.split(text)


def text_of(tree: Tree, path: str) -> str | None:
    """Text of a regular file of at most `MAX_BYTES`, None for anything else; undecodable bytes are replaced."""
    entry = tree.entries.get(path)
    if entry is None or entry.kind != "file" or entry.size > MAX_BYTES:
        return None
    data = tree.read(path)
    if data is None or b"\0" in data:
        return None
    return data.decode("utf-8-sig", errors="replace")


def inert(text: str) -> str:
    """Text of the agent's as one line without characters that do something when shown."""
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "\N{REPLACEMENT CHARACTER}" for char in text
    )


class Diff:
    """What a delivery changed, read once and shared by all rules of one case."""

    def __init__(self, evidence: Evidence) -> None:
        self.base = evidence.base
        self.final = evidence.final
        self.changed: tuple[str, ...] = tuple(change.path for change in evidence.changes if not is_foreign(change.path))
        """Paths that differ, deleted ones too."""
        self.readable: tuple[str, ...] = _within(self.final, self.changed)
        """Those of them that are judged line by line: regular files or gone, `MAX_TOTAL` together."""
        self._sources: dict[tuple[bool, str], Source | None] = {}
        self._lines: dict[str, list[str]] = {}

    @cached_property
    def added(self) -> Mapping[str, frozenset[int]]:
        """Path -> numbers of its added lines, from 1; blank lines are never added."""
        return added_lines(self.base, self.final, self.readable)

    @cached_property
    def python(self) -> tuple[str, ...]:
        """Changed Python files that exist at the end and can be parsed."""
        return tuple(path for path in self.readable if path.endswith(".py") and self.source(path) is not None)

    def source(self, path: str) -> Source | None:
        """The parsed Python file at the end, None where there is none or it cannot be parsed."""
        return self._source(path, final=True)

    def source_before(self, path: str) -> Source | None:
        """The parsed Python file as the seed had it."""
        return self._source(path, final=False)

    def _source(self, path: str, *, final: bool) -> Source | None:
        key = (final, path)
        if key not in self._sources:
            text = text_of(self.final if final else self.base, path)
            self._sources[key] = parse(text) if text is not None else None
        return self._sources[key]

    def lines(self, path: str) -> list[str]:
        """Lines of a file at the end, empty for what is no text."""
        if path not in self._lines:
            self._lines[path] = split_lines(text_of(self.final, path) or "")
        return self._lines[path]

    def is_added(self, path: str, lines: Iterable[int]) -> bool:
        """Whether any of the lines of a file is the agent's own."""
        return not self.added.get(path, frozenset()).isdisjoint(lines)

    def finding(self, message: str, path: str, line: int, severity: Severity | None = None) -> Finding:
        """A finding at a line of a file at the end; the file's change is its act."""
        lines = self.lines(path)
        quote = inert(lines[line - 1].strip()[:MAX_QUOTE]) if 0 < line <= len(lines) else ""
        return Finding(
            message=inert(message),
            place=Place(path=path, line=line),
            severity=severity,
            act=f"file:{path}",
            quote=quote,
        )


def _within(tree: Tree, paths: tuple[str, ...]) -> tuple[str, ...]:
    sizes = {path: tree.entries[path].size if path in tree.entries else 0 for path in paths}
    left = MAX_TOTAL
    chosen = set()
    for path in sorted(paths, key=sizes.__getitem__):
        left -= sizes[path]
        if left < 0:
            break
        chosen.add(path)
    return tuple(path for path in paths if path in chosen)


class _ById:
    """Cache key by identity; it keeps the evidence alive, so its identity cannot be used again meanwhile."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    def __hash__(self) -> int:
        return id(self.evidence)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ById) and self.evidence is other.evidence


@lru_cache(maxsize=8)
def _diff(key: _ById) -> Diff:
    return Diff(key.evidence)


def diff_of(case: Case) -> Diff:
    """The change of a case, computed once for all its rules."""
    return _diff(_ById(case.evidence))


def added_lines(base: Tree, final: Tree, paths: tuple[str, ...]) -> dict[str, frozenset[int]]:
    """Added lines of every path that is text at the end, with moved lines left out."""
    removed: Counter[str] = Counter()
    added: dict[str, list[tuple[int, str]]] = {}
    for path in paths:
        before, after = text_of(base, path), text_of(final, path)
        new, gone = compare(split_lines(before or ""), split_lines(after or ""))
        removed.update(gone)
        if after is not None:
            added[path] = new
    return {path: frozenset(number for number, line in new if not _take(removed, line)) for path, new in added.items()}


def _take(removed: Counter[str], line: str) -> bool:
    if removed[line] <= 0:
        return False
    removed[line] -= 1
    return True


def compare(before: list[str], after: list[str]) -> tuple[list[tuple[int, str]], list[str]]:
    """Added lines (number, stripped text) and removed lines (stripped text); blank ones left out."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    old, new = before[start:], after[start:]
    while old and new and old[-1] == new[-1]:
        old.pop()
        new.pop()
    kept_old, kept_new = _matches(old, new)
    added = [(start + index + 1, line.strip()) for index, line in enumerate(new) if index not in kept_new]
    gone = [line.strip() for index, line in enumerate(old) if index not in kept_old]
    return [(number, line) for number, line in added if line], [line for line in gone if line]


def _matches(old: list[str], new: list[str]) -> tuple[set[int], set[int]]:
    """Indices of the lines that both have, on either side."""
    counts = Counter(old)
    if sum(counts[line] for line in new) > MAX_PAIRS:
        return _kept(old, Counter(new)), _kept(new, counts)
    kept_old: set[int] = set()
    kept_new: set[int] = set()
    for block in difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        kept_old.update(range(block.a, block.a + block.size))
        kept_new.update(range(block.b, block.b + block.size))
    return kept_old, kept_new


def _kept(lines: list[str], others: Counter[str]) -> set[int]:
    left = Counter(others)
    return {index for index, line in enumerate(lines) if _take(left, line)}
