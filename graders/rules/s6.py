"""S6: A signature without types is a contract nobody can check; the prompt wants them on every function it adds.

Ruff's ANN codes decide (`Any` is allowed: it is taste). Only functions that the delivery added count, so an untyped
function of the team's is not held against the one who touched it. Tests are left out, and so are the functions that
a migration tool generates.
"""

from __future__ import annotations

from typing import ClassVar

from graders.addedlines import Diff, diff_of
from graders.pycode import is_migration, is_test, signature_lines
from graders.rulekit import Example, Ruling, case, decide, not_applicable
from graders.static import analysis_of
from harness.core.ports import Case
from harness.core.records import Outcome, Severity, Source

_GENERATED = frozenset({"upgrade", "downgrade", "run_migrations_offline", "run_migrations_online", "do_run_migrations"})

_MIGRATION = '"""add bookings"""\n\nfrom alembic import op\n\n\ndef upgrade():\n    op.drop_table("x")\n'
_LEGACY = "def rate(room):\n    return 1\n"
_TYPED = "def rate(room: str) -> int:\n    return 1\n"


class S6:
    """Every added function says what it takes and what it returns."""

    demand: ClassVar[str] = "Added functions and public methods carry type hints."
    section: ClassVar[str] = "Code Quality Standards"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MINOR
    evidence: ClassVar[tuple[str, ...]] = ("static",)
    codes: ClassVar[tuple[str, ...]] = ("ANN",)
    """Beginnings of the pinned codes that it reads."""
    examples: ClassVar[tuple[Example, ...]] = (
        Example("typed", case(files={"app/x.py": _TYPED}), Outcome.PASS),
        Example("an untyped function", case(files={"app/x.py": _LEGACY}), Outcome.FAIL, findings=1),
        Example("no return type", case(files={"app/x.py": "def f(x: int):\n    return x\n"}), Outcome.FAIL, findings=1),
        Example(
            "an untyped method",
            case(files={"app/x.py": "class A:\n    def f(self, x):\n        return x\n"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "a suppression hides nothing",
            case(files={"app/x.py": "def f(x):  # noqa: ANN001, ANN201\n    return x\n"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example("adds no function", case(files={"app/x.py": "X = 1\n"}), Outcome.NOT_APPLICABLE),
        Example(
            "an untyped helper in a test",
            case(files={"tests/test_x.py": "def helper(x):\n    return x\n"}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "what the migration tool generates",
            case(files={"migrations/versions/2.py": _MIGRATION}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a helper of the migration",
            case(files={"migrations/versions/2.py": _MIGRATION + "\n\ndef fill(table):\n    return table\n"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "the team's untyped function is called with more",
            case(base={"app/x.py": _LEGACY}, files={"app/x.py": "def rate(room, day):\n    return 2\n"}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the team's untyped function moved",
            case(base={"app/x.py": _LEGACY}, files={"app/x.py": None, "app/y.py": "X = 1\n\n\n" + _LEGACY}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "types removed from a function",
            case(base={"app/x.py": _TYPED}, files={"app/x.py": _LEGACY}),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "self, Any, *args with types and a constructor",
            case(
                files={
                    "app/x.py": "from typing import Any\n\n\nclass A:\n    def __init__(self, x: Any) -> None:\n"
                    "        self.x = x\n\n    def f(self, *args: int, **more: str) -> Any:\n        return self.x\n"
                }
            ),
            Outcome.PASS,
            trap=True,
            opportunities=2,
        ),
        Example("a lambda", case(files={"app/x.py": "key = lambda x: x\n"}), Outcome.NOT_APPLICABLE, trap=True),
        Example("a file that cannot be parsed", case(files={"app/x.py": "def f(:\n"}), Outcome.NOT_APPLICABLE),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide over the added functions, one finding a function."""
        diff = diff_of(case)
        added = [(path, name) for path in diff.python if not is_test(path) for name in _added(diff, path)]
        if not added:
            return not_applicable("no function was added")
        found: dict[tuple[str, str], str] = {}
        for item in analysis_of(case).pinned:
            source = diff.source(item.path)
            key = (item.path, source.function_at(item.line) if source is not None else "")
            if item.code.startswith(self.codes) and key in added:
                found.setdefault(key, f"`{key[1]}`: {item.message}")
        findings = [diff.finding(message, path, _line(diff, path, name)) for (path, name), message in found.items()]
        return decide(findings, opportunities=len(added))


def _added(diff: Diff, path: str) -> list[str]:
    """Functions with an added signature that the seed did not have untyped."""
    source, before = diff.source(path), diff.source_before(path)
    names = []
    for name, node in source.functions.items() if source is not None else ():
        old = before.functions.get(name) if before is not None else None
        untyped_before = old is not None and old.returns is None
        generated = is_migration(path) and name in _GENERATED
        if diff.is_added(path, signature_lines(node)) and not untyped_before and not generated:
            names.append(name)
    return names


def _line(diff: Diff, path: str, name: str) -> int:
    source = diff.source(path)
    return source.functions[name].lineno if source is not None else 1
