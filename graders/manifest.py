"""The manifest of a task's hidden checks, read from their source without importing it.

A verdict needs to know on the host which checks there are, independent of what the judge collects: a check that is
missing from the records is then an error of ours and never a silent pass.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from graders.pycode import syntax
from harness.core.errors import UsageError
from harness.core.records import Phase


@dataclass(frozen=True)
class HiddenCheck:
    """One test function; its parametrised cases are one check."""

    id: str
    """`test_file.py::test_name`."""
    phase: Phase
    clauses: tuple[str, ...]


def manifest(files: Mapping[str, bytes]) -> tuple[HiddenCheck, ...]:
    """Every check in `files` (path below `checks/` -> source), sorted by id; `UsageError` naming file and line."""
    found = []
    for path, source in sorted(files.items()):
        if path.rsplit("/", 1)[-1].startswith("test_") and path.endswith(".py"):
            found += _checks(path, source)
    return tuple(found)


def _checks(path: str, source: bytes) -> list[HiddenCheck]:
    try:
        tree = syntax(source)
    except SyntaxError as error:
        raise UsageError(f"not Python: {error.msg}", where=f"checks/{path}:{error.lineno}") from error
    found = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            raise UsageError(
                "checks are functions", where=f"checks/{path}:{node.lineno}", mend="move it out of the class"
            )
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            found.append(_check(path, node))
    return sorted(found, key=lambda check: check.id)


def _check(path: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> HiddenCheck:
    where = f"checks/{path}:{node.lineno}"
    clauses: list[str] = []
    phases = []
    for decorator in node.decorator_list:
        name = _name(decorator)
        if name == "covers" and isinstance(decorator, ast.Call):
            clauses += [_literal(argument, where) for argument in decorator.args]
        elif name in {"fail_to_pass", "pass_to_pass"}:
            phases.append(Phase(name))
        elif name in {"skip", "skipif", "xfail"}:
            raise UsageError(f"a hidden check is never {name}", where=where, mend="remove the mark")
    if len(phases) != 1 or not clauses:
        raise UsageError(
            f"{node.name} needs @covers(...) and one of @fail_to_pass, @pass_to_pass", where=where, mend="add the marks"
        )
    return HiddenCheck(f"{path}::{node.name}", phases[0], tuple(clauses))


def _name(decorator: ast.expr) -> str:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def _literal(argument: ast.expr, where: str) -> str:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    raise UsageError("clauses are written as literal strings", where=where, mend='write @covers("C-01")')
