"""Python source as static rules read it: functions with qualified names, imports resolved, every node with its scope.

Everything walks with an explicit stack: what an agent writes may be nested deeper than Python recurses.
"""

from __future__ import annotations

import ast
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
ScopeNode = FunctionNode | ast.ClassDef | ast.Lambda

_TEST_FOLDERS = frozenset({"tests", "test"})
_MIGRATION_FOLDERS = frozenset({"migrations", "alembic"})
_SCRIPT_FOLDERS = frozenset({"scripts", "script", "bin", "tools"})
_PLAIN = frozenset(
    {"attr", "asname", "conversion", "ctx", "is_async", "level", "module", "op", "simple", "type_comment"}
)
"""Fields that hold no node, or an operator or a context."""
_PARSING = threading.RLock()
"""Python 3.11 counts the depth of a tree it builds for all threads together, and fails when two of them build one."""
Made = TypeVar("Made")
MAX_KEPT = 1_500_000
"""Characters of source whose trees are kept: the trials of a task share most of their files."""


def is_test(path: str) -> bool:
    """Whether a Python file belongs to the tests, by the names that pytest knows."""
    *folders, name = path.split("/")
    named = name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"
    return named or not _TEST_FOLDERS.isdisjoint(folders)


def is_migration(path: str) -> bool:
    """Whether a file belongs to the migration tool, which runs apart from the application."""
    return not _MIGRATION_FOLDERS.isdisjoint(path.split("/")[:-1])


def is_script(path: str) -> bool:
    """Whether a file is a command that people run, not part of a request."""
    *folders, name = path.split("/")
    return not _SCRIPT_FOLDERS.isdisjoint(folders) or name in {"manage.py", "setup.py", "__main__.py", "noxfile.py"}


def is_app(path: str) -> bool:
    """Whether a Python file is application code: no test, no migration, no script."""
    return path.endswith(".py") and not (is_test(path) or is_migration(path) or is_script(path))


@dataclass(frozen=True, eq=False)
class Scope:
    """A class, function or lambda around a node."""

    node: ScopeNode
    parent: Scope | None

    @property
    def qualname(self) -> str:
        names = ["<lambda>" if isinstance(at.node, ast.Lambda) else at.node.name for at in self.chain()]
        return ".".join(reversed(names))

    def chain(self) -> Iterator[Scope]:
        """This scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


@dataclass(frozen=True)
class Source:
    """A parsed Python file."""

    text: str
    tree: ast.Module

    @cached_property
    def _made(self) -> dict[object, Any]:
        return {}

    def kept(self, read: Callable[[Source], Made]) -> Made:
        """What `read` makes of this file, made once; nobody changes it."""
        if read not in self._made:
            self._made[read] = read(self)
        made: Made = self._made[read]
        return made

    @cached_property
    def nodes(self) -> list[tuple[ast.AST, Scope | None]]:
        """Every node with the scope it runs in: decorators and defaults run outside their function."""
        return _placed(self.tree)

    def of(self, *kinds: type[ast.AST]) -> list[tuple[ast.AST, Scope | None]]:
        """The nodes of these kinds with their scopes, kind by kind."""
        return [placed for kind in kinds for placed in self._by_kind.get(kind, ())]

    @cached_property
    def _by_kind(self) -> dict[type[ast.AST], list[tuple[ast.AST, Scope | None]]]:
        found: dict[type[ast.AST], list[tuple[ast.AST, Scope | None]]] = {}
        for placed in self.nodes:
            found.setdefault(type(placed[0]), []).append(placed)
        return found

    @cached_property
    def functions(self) -> dict[str, FunctionNode]:
        """Functions and methods by qualified name; of two with one name the later stays, as in Python."""
        found: dict[str, FunctionNode] = {}
        for node, scope in self.nodes:
            if isinstance(node, FunctionNode):
                found[f"{scope.qualname}.{node.name}" if scope else node.name] = node
        return found

    @cached_property
    def imports(self) -> dict[str, str]:
        """Local name -> what it stands for, as a dotted path."""
        names: dict[str, str] = {}
        for node, _ in self.of(ast.Import, ast.ImportFrom):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{module}.{alias.name}" if node.module else module + alias.name
        return names

    @cached_property
    def calls(self) -> list[tuple[ast.Call, str, Scope | None]]:
        """Every call with the dotted path of what it calls, and its scope."""
        return [
            (node, self.dotted(node.func), scope) for node, scope in self.of(ast.Call) if isinstance(node, ast.Call)
        ]

    def dotted(self, node: ast.AST) -> str:
        """Dotted path of a name or attribute with imports resolved; empty for anything else."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        parts.append(self.imports.get(node.id, node.id))
        return ".".join(reversed(parts))

    def function_at(self, line: int) -> str:
        """Qualified name of the innermost function that covers a line; empty outside of functions."""
        best, size = "", 0
        for name, node in self.functions.items():
            first, last = first_line(node), node.end_lineno or node.lineno
            if first <= line <= last and (not best or last - first <= size):
                best, size = name, last - first
        return best


def first_line(node: FunctionNode) -> int:
    """Line on which a function begins, its decorators included."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def signature_lines(node: FunctionNode) -> range:
    """Lines from `def` to the colon, as far as the tree tells."""
    body = node.body[0].lineno
    return range(node.lineno, max(node.lineno + 1, body))


def syntax(source: str | bytes) -> ast.Module:
    """`ast.parse`, by one thread at a time."""
    # Warnings about escapes in the agent's strings are not ours, and the filter is global state.
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


def parse(text: str) -> Source | None:
    """The parsed file, None where Python cannot parse it (syntax, depth, NUL); equal texts share one tree."""
    with _PARSING:
        return _KEPT.source(text)


class _Kept:
    """The files parsed last, by their text; nobody changes a tree."""

    def __init__(self) -> None:
        self._sources: OrderedDict[str, Source | None] = OrderedDict()
        self._size = 0

    def source(self, text: str) -> Source | None:
        if text in self._sources:
            self._sources.move_to_end(text)
            return self._sources[text]
        source = _parsed(text)
        if len(text) <= MAX_KEPT:
            self._sources[text] = source
            self._size += len(text)
        while self._size > MAX_KEPT:
            self._size -= len(self._sources.popitem(last=False)[0])
        return source


_KEPT = _Kept()


def _parsed(text: str) -> Source | None:
    try:
        return Source(text, syntax(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _placed(tree: ast.Module) -> list[tuple[ast.AST, Scope | None]]:
    found: list[tuple[ast.AST, Scope | None]] = []
    stack: list[tuple[ast.AST, Scope | None]] = [(tree, None)]
    while stack:
        placed = stack.pop()
        found.append(placed)
        node, scope = placed
        names = _FIELDS[node.__class__]
        if names:
            inner = Scope(node, scope) if isinstance(node, ScopeNode) else scope
            for name in names:
                value = getattr(node, name, None)
                if value is None:
                    continue
                at = inner if name == "body" else scope
                if value.__class__ is list:
                    stack.extend([(item, at) for item in reversed(value) if isinstance(item, ast.AST)])
                elif isinstance(value, ast.AST):
                    stack.append((value, at))
    return found


def _fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """Fields of a kind of node that may hold others, last one first; operators and contexts are left out."""
    if issubclass(kind, ast.Constant | ast.Name | ast.alias | ast.cmpop):
        return ()
    return tuple(name for name in reversed(kind._fields) if name not in _PLAIN)


_FIELDS = {kind: _fields(kind) for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)}


def strings(node: ast.AST) -> str | None:
    """The text of a string literal or of the literal parts of an f-string, None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
        return "".join(part for part in parts if isinstance(part, str))
    return None
