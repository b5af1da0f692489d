"""S7: The team's linter was clean before; an orchestrator runs it on every delivery and bounces what is not.

The repo's own ruff configuration, as the seed had it, is applied to the changed files before and after: only new
violations count, so neither the team's old ones nor a configuration that the agent loosened change the answer. The
repo's own suppressions hold here, new ones are rule X1's. Repos without ruff have no such opportunity; where another
linter is configured, the answer names it, because what it would have said is not known.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import ClassVar

from graders.addedlines import Diff, diff_of
from graders.looseconfig import config_of
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable, unknown
from graders.static import StaticFinding, analysis_of, has_ruff_config
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Severity, Source, Tree

_REPO = {
    **BASE,
    "app/items.py": "import os\n\n\ndef f() -> None:\n    pass\n",
    "pyproject.toml": '[tool.ruff]\nline-length = 60\n\n[tool.ruff.lint]\nselect = ["E", "F", "I", "INP", "C90"]\n\n'
    '[tool.ruff.lint.per-file-ignores]\n"tests/**" = ["E501", "INP"]\n',
}
_FILES = {".flake8": "flake8", ".pylintrc": "pylint", "pylintrc": "pylint", ".isort.cfg": "isort"}
_LINTERS = frozenset({"black", "flake8", "isort", "pycodestyle", "pydocstyle", "pylint", "yapf"})
_MAX_NEW = 1_000
_LONG = f"X = '{'x' * 70}'\n"
_SORTED = "import httpx\n\nfrom app.items import f\n\n__all__ = ['f', 'httpx']\n"


class S7:
    """The repo's own linter finds nothing that it did not find before."""

    demand: ClassVar[str] = "The repo's own linters stay as clean as they were."
    section: ClassVar[str] = "Code Quality Standards"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("static",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("clean", case(base=_REPO, files={"app/x.py": "X = 1\n"}), Outcome.PASS),
        Example("a line too long", case(base=_REPO, files={"app/x.py": _LONG}), Outcome.FAIL, findings=1),
        Example("an unused import", case(base=_REPO, files={"app/x.py": "import os\n"}), Outcome.FAIL, findings=1),
        Example(
            "one file of two",
            case(base=_REPO, files={"app/x.py": _LONG, "app/y.py": "Y = 1\n"}),
            Outcome.FAIL,
            findings=1,
            opportunities=2,
        ),
        Example("a syntax error", case(base=_REPO, files={"app/x.py": "def f(:\n"}), Outcome.FAIL, findings=1),
        Example(
            "a file that Python cannot even read",
            case(base=_REPO, files={"app/x.py": b"X = 1\0\n"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "an import that the change left unused",
            case(
                base={**_REPO, "app/y.py": "import os\n\nX = os.sep\n"},
                files={"app/y.py": "import os\n\nX = '/'\n"},
            ),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "the configuration was loosened",
            case(base=_REPO, files={"app/x.py": _LONG, "pyproject.toml": "[tool.ruff]\nline-length = 200\n"}),
            Outcome.FAIL,
            findings=1,
            trap=True,
        ),
        Example("no Python was changed", case(base=_REPO, files={"README.md": "x"}), Outcome.NOT_APPLICABLE),
        Example(
            "a repo without a linter",
            case(base={"app/x.py": ""}, files={"app/x.py": "import os\n"}),
            Outcome.NOT_APPLICABLE,
        ),
        Example(
            "an old violation in a file that grew",
            case(base=_REPO, files={"app/items.py": f"{_REPO['app/items.py']}\n\ndef g() -> None:\n    pass\n"}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an old violation on a line that changed",
            case(base={**_REPO, "app/y.py": _LONG}, files={"app/y.py": _LONG.replace("x'", "xx'")}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an old violation that moved",
            case(base={**_REPO, "app/y.py": _LONG}, files={"app/y.py": None, "app/z.py": f"Y = 1\n{_LONG}"}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "what the repo allows in tests",
            case(base=_REPO, files={"tests/test_x.py": _LONG}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "imports sorted as the repo sorts them",
            case(base=_REPO, files={"tests/test_x.py": _SORTED}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an old violation behind the repo's own suppression",
            case(
                base={**_REPO, "app/y.py": "from os import path  # noqa: F401\n"},
                files={"app/y.py": "from os import path, sep  # noqa: F401\n"},
            ),
            Outcome.PASS,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide over violations that are new and not moved."""
        diff = diff_of(case)
        paths = [path for path in diff.readable if path.endswith(".py") and path in diff.final.entries]
        if not paths:
            return not_applicable("no Python file was changed")
        if not has_ruff_config(diff.base):
            others = ", ".join(_others(diff.base))
            return not_applicable(
                f"the repo's linter cannot be run here: {others}" if others else "the repo has no linter"
            )
        analysis = analysis_of(case)
        if analysis.repo_problem:
            return unknown(f"the repo's ruff configuration cannot be applied: {analysis.repo_problem}")
        broken = [_broken(diff, path) for path in paths if diff.source(path) is None]
        new = [_finding(diff, item) for item in _new(diff, analysis.repo_before, analysis.repo_after)]
        return decide([*(finding for finding in broken if finding), *new], opportunities=len(paths))


def _others(tree: Tree) -> list[str]:
    """Linters other than ruff that the root of a tree configures."""
    named = {tool for file, tool in _FILES.items() if file in tree.entries}
    return sorted(named | (_LINTERS & {key.split(".", 1)[0] for key in config_of(tree)}))


def _broken(diff: Diff, path: str) -> Finding | None:
    """A regular file that could be parsed before, or is new, and cannot be parsed now."""
    entry = diff.final.entries[path]
    if entry.kind != "file" or (path in diff.base.entries and diff.source_before(path) is None):
        return None
    return diff.finding("the file cannot be parsed", path, 1)


def _new(diff: Diff, before: tuple[StaticFinding, ...], after: tuple[StaticFinding, ...]) -> list[StaticFinding]:
    """Violations beyond those that the file had; in a new file those on moved lines are old."""
    left = Counter(_identity(item) for item in before)
    found = []
    for item in after:
        key = _identity(item)
        if left[key] > 0:
            left[key] -= 1
        elif item.path in diff.base.entries or diff.is_added(item.path, range(item.line, item.end_line + 1)):
            found.append(item)
    return found[:_MAX_NEW]


def _identity(item: StaticFinding) -> tuple[str, str, str]:
    """What stays the same when lines move or a measured length changes."""
    return item.path, item.code, re.sub(r"\d+", "#", item.message)


def _finding(diff: Diff, item: StaticFinding) -> Finding:
    return diff.finding(f"{item.code}: {item.message}", item.path, item.line)
