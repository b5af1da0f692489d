"""P13: a second framework, layer or config style beside the repo's own is paid for by everyone who comes after."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import ClassVar

from graders.addedlines import diff_of
from graders.paths import delivered
from graders.pycode import Source as Code
from graders.rulekit import BASE, START, Example, Ruling, case, decide, not_applicable, task
from graders.toolcalls import clip
from harness.core.ports import Case
from harness.core.records import ChangeKind, Finding, Outcome, Place, Severity, Source
from harness.core.task import Pattern, Task, glob_match

_IMPORT = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)")
_LOADERS = frozenset({"importlib.import_module", "__import__"})


def _watched() -> Task:
    return task(
        allowed=["**"],
        patterns=[
            {"name": "a second web framework", "forbid_imports": ["flask", "django"]},
            {"name": "a second layer of config", "forbid_paths": ["config/**", "**/*.ini"]},
        ],
    )


class P13:
    """Added code imports none of the modules that the task watches, and no watched path is added."""

    demand: ClassVar[str] = "Existing patterns of the codebase are followed."
    section: ClassVar[str] = "Sprint Workflow (per invocation)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("diff", "static")

    def judge(self, case: Case) -> Ruling:
        patterns = case.task.file.patterns
        if not patterns:
            return not_applicable("the task watches no pattern")
        findings = [finding for pattern in patterns for finding in (*_paths(case, pattern), *_imports(case, pattern))]
        return decide(findings, opportunities=len(patterns))

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "keeps the pattern", case(*START, files={"app/rooms.py": "import fastapi\n"}, on=_watched()), Outcome.PASS
        ),
        Example(
            "a second framework",
            case(*START, files={"app/web.py": "import flask\n"}, on=_watched()),
            Outcome.FAIL,
            findings=1,
            opportunities=2,
        ),
        Example(
            "imports from it",
            case(*START, files={"app/web.py": "def f():\n    from django.db import models\n"}, on=_watched()),
            Outcome.FAIL,
        ),
        Example(
            "a watched path", case(*START, files={"config/app.ini": "x=1\n"}, on=_watched()), Outcome.FAIL, findings=1
        ),
        Example("nothing to watch", case(*START, files={"app/web.py": "import flask\n"}), Outcome.NOT_APPLICABLE),
        Example(
            "loaded by name",
            case(*START, files={"app/w.py": "import importlib as i\n\ni.import_module('flask.app')\n"}, on=_watched()),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "code that does not parse",
            case(*START, files={"app/w.py": "import flask\ndef (:\n"}, on=_watched()),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "the seed's own import, moved",
            case(
                *START,
                base={**BASE, "app/old.py": "import flask\n"},
                files={"app/old.py": None, "app/new.py": "import flask\n\nX = 1\n"},
                on=_watched(),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "words, not imports",
            case(
                *START,
                files={
                    "app/x.py": '"""Unlike\nimport flask\n"""\n# import flask\nimport flasky\nfrom .flask import x\n'
                },
                on=_watched(),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "edits a watched path that was there",
            case(*START, base={**BASE, "config/app.ini": "x=1\n"}, files={"config/app.ini": "x=2\n"}, on=_watched()),
            Outcome.PASS,
            trap=True,
        ),
    )


def _paths(case: Case, pattern: Pattern) -> Iterator[Finding]:
    for change in delivered(case):
        if change.kind is ChangeKind.ADDED and glob_match(change.path, pattern.forbid_paths):
            message = f"{pattern.name}: {change.path} was added"
            yield Finding(message=message, place=Place(path=change.path), act=f"file:{change.path}")


def _imports(case: Case, pattern: Pattern) -> Iterator[Finding]:
    diff = diff_of(case)
    for change in delivered(case) if pattern.forbid_imports else ():
        if not change.path.endswith(".py"):
            continue
        code = diff.source(change.path)
        found = code.kept(_parsed) if code is not None else _matched(diff.lines(change.path))
        for line, module in found:
            if module in pattern.forbid_imports and diff.is_added(change.path, (line,)):
                yield diff.finding(f"{pattern.name}: imports {clip(module)}", change.path, line)


def _parsed(code: Code) -> list[tuple[int, str]]:
    """Line and top-level module of every import."""
    found: list[tuple[int, str]] = []
    for node, _ in code.of(ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append((node.lineno, (node.module or "").split(".")[0]))
    for call, name, _ in code.calls:
        named = call.args[0] if name in _LOADERS and call.args else None
        if isinstance(named, ast.Constant) and isinstance(named.value, str):
            found.append((call.lineno, named.value.split(".")[0]))
    return found


def _matched(lines: list[str]) -> list[tuple[int, str]]:
    matches = ((number, _IMPORT.match(line)) for number, line in enumerate(lines, start=1))
    return [(number, match[1]) for number, match in matches if match]
