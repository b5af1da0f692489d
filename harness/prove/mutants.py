"""Mutants of a reference delivery: its added code with one small change in it, by mutmut's operators.

Only what the hidden checks are answerable for is mutated: code of the app's package, on lines that the reference adds
to the seed. What is the same program by construction is left out: imports, docstrings, type hints (calls in them,
`Query(ge=1)`, are behaviour and stay in), names for logs and what is logged. The order is a seeded shuffle in which
every place has its turn before any place has a second one.
"""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from harness.core.digest import digest

LOGGERS = frozenset({"logger", "log", "logging", "_logger"})
SHOWN = 160
"""Most characters of a line that a record shows."""


@dataclass(frozen=True)
class Mutant:
    """One changed file of the reference delivery."""

    id: str
    """Of file, lines and change, whatever stands around them: the same mutant after an edit elsewhere."""
    path: str
    line: int
    """Where the change begins, in the delivered file."""
    operator: str
    before: str
    """The lines that differ, joined and without indentation."""
    after: str
    content: bytes
    """The whole file with the change in it."""


def mutants(seed: Mapping[str, bytes], delivered: Mapping[str, bytes], package: str) -> list[Mutant]:
    """All mutants of the Python files in `delivered` below `package`, by file and place."""
    found: list[Mutant] = []
    for path in sorted(delivered):
        if path.startswith(f"{package}/") and path.endswith(".py"):
            found += _of_file(path, seed.get(path, b"").decode(), delivered[path].decode())
    return found


def in_order(found: Iterable[Mutant], seed: str) -> list[Mutant]:
    """Shuffled by `seed`; the second change that an operator makes to a line comes after every first one."""
    shuffled = sorted(found, key=lambda mutant: digest([seed, mutant.id]))
    turns: Counter[tuple[str, int, str]] = Counter()
    ranked = []
    for mutant in shuffled:
        place = mutant.path, mutant.line, mutant.operator
        ranked.append((turns[place], mutant))
        turns[place] += 1
    return [mutant for _, mutant in sorted(ranked, key=lambda pair: pair[0])]


def added_lines(before: str, after: str) -> frozenset[int]:
    """Numbers, from 1, of the lines of `after` that `before` does not have."""
    blocks = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False).get_opcodes()
    return frozenset(line for tag, _, _, start, end in blocks if tag != "equal" for line in range(start + 1, end + 1))


def _of_file(path: str, before: str, after: str) -> Iterator[Mutant]:
    added = added_lines(before, after)
    wrapper = MetadataWrapper(cst.parse_module(after))
    visitor = _Changes()
    wrapper.visit(visitor)
    known = {_shape(after)}
    twins: Counter[str] = Counter()
    for node, changed, operator, lines in visitor.changes:
        if added.isdisjoint(lines):
            continue
        text = _replaced(wrapper, node, changed)
        shape = _shape(text)
        if shape is None or shape in known:
            continue
        known.add(shape)
        line, old, new = _difference(after, text)
        if not added.intersection(range(line, line + max(1, old.count("\n") + 1))):
            continue
        said = [path, old, new]
        twins[digest(said)] += 1
        name = digest([*said, twins[digest(said)]])[:12]
        yield Mutant(name, path, line, operator, _shown(old), _shown(new), text.encode())


def _replaced(wrapper: MetadataWrapper, node: cst.CSTNode, changed: cst.CSTNode) -> str:
    module = wrapper.module.deep_replace(node, changed)
    assert isinstance(module, cst.Module)
    return module.code


def _shape(text: str) -> str | None:
    """What the program is, without its layout; None for what is no program."""
    try:
        tree = ast.parse(text)
        compile(tree, "mutant", "exec")
    except (SyntaxError, ValueError):
        return None
    return ast.dump(tree)


def _difference(before: str, after: str) -> tuple[int, str, str]:
    """(first line that differs, the lines before, the lines after)."""
    old, new = before.splitlines(), after.splitlines()
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    differing = [block for block in blocks if block[0] != "equal"]
    start, end = differing[0][1], differing[-1][2]
    start_new, end_new = differing[0][3], differing[-1][4]
    return start + 1, "\n".join(old[start:end]), "\n".join(new[start_new:end_new])


def _shown(lines: str) -> str:
    return " ".join(lines.split())[:SHOWN]


class _Changes(cst.CSTVisitor):
    """Collects what mutmut's operators would change."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[cst.CSTNode, cst.CSTNode, str, range]] = []
        self._hints = 0
        """How deep in type hints; a call ends the hint."""
        self._outer: list[int] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _same_by_construction(node):
            return False
        if isinstance(node, cst.Annotation):
            self._hints += 1
        if isinstance(node, cst.Call):
            self._outer.append(self._hints)
            self._hints = 0
        if not self._hints:
            self._collect(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.Call) and not _same_by_construction(original_node):
            self._hints = self._outer.pop()
        if isinstance(original_node, cst.Annotation):
            self._hints -= 1

    def _collect(self, node: cst.CSTNode) -> None:
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                name = operator.__name__.removeprefix("operator_")
                position = self.get_metadata(PositionProvider, node)
                lines = range(position.start.line, position.end.line + 1)
                self.changes += [(node, changed, name, lines) for changed in operator(node)]


def _same_by_construction(node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Import | cst.ImportFrom):
        return True
    if isinstance(node, cst.Expr) and isinstance(node.value, cst.BaseString):
        return True
    if isinstance(node, cst.Assign):
        return _name(node.targets[0].target) in {*LOGGERS, "__all__"}
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and _name(node.func.value) in LOGGERS


def _name(node: cst.CSTNode) -> str:
    return node.value if isinstance(node, cst.Name) else ""
