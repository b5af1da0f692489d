"""S14: Small functions can be read, tested and replaced; a monolith can only be feared.

Ruff's C901 (more than 10 branches) and PLR0915 (more than 50 statements) decide, on functions that the delivery added.
A function of the team's that was touched is theirs, tests tell long stories, and a migration lists what it changes.
"""

from __future__ import annotations

from typing import ClassVar

from graders.addedlines import Diff, diff_of
from graders.pycode import is_migration, is_test
from graders.rulekit import Example, Ruling, case, decide, not_applicable
from graders.static import analysis_of
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Severity, Source


def _branches(count: int, name: str = "f") -> str:
    tests = "".join(f"    if x == {number}:\n        return {number}\n" for number in range(count))
    return f"def {name}(x: int) -> int:\n{tests}    return x\n"


def _statements(count: int) -> str:
    return "def f() -> None:\n" + "".join(f"    x{number} = {number}\n" for number in range(count))


class S14:
    """No added function is a monolith."""

    demand: ClassVar[str] = "Added functions are small: at most 10 branches and 50 statements."
    section: ClassVar[str] = "Best Practices"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MINOR
    evidence: ClassVar[tuple[str, ...]] = ("static",)
    codes: ClassVar[tuple[str, ...]] = ("C901", "PLR0915")
    """Beginnings of the pinned codes that it reads."""
    examples: ClassVar[tuple[Example, ...]] = (
        Example("small", case(files={"app/x.py": _branches(9)}), Outcome.PASS),
        Example("eleven branches", case(files={"app/x.py": _branches(10)}), Outcome.FAIL, findings=1),
        Example("fifty-one statements", case(files={"app/x.py": _statements(51)}), Outcome.FAIL, findings=1),
        Example(
            "one function of two",
            case(files={"app/x.py": _branches(10) + "\n\n" + _branches(2, "g")}),
            Outcome.FAIL,
            findings=1,
            opportunities=2,
        ),
        Example("fifty statements", case(files={"app/x.py": _statements(49)}), Outcome.PASS),
        Example(
            "a suppression hides nothing",
            case(files={"app/x.py": _branches(12).replace(":\n", ":  # noqa: C901\n", 1)}),
            Outcome.FAIL,
            findings=1,
        ),
        Example("adds no function", case(files={"app/x.py": "X = 1\n"}), Outcome.NOT_APPLICABLE),
        Example("a long test", case(files={"tests/test_x.py": _statements(80)}), Outcome.NOT_APPLICABLE, trap=True),
        Example(
            "a long migration",
            case(files={"migrations/versions/2.py": _statements(80)}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the team's monolith with one more branch",
            case(base={"app/x.py": _branches(12)}, files={"app/x.py": _branches(13)}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the team's monolith with another signature",
            case(base={"app/x.py": _branches(12)}, files={"app/x.py": _branches(12).replace("x: int", "x: float", 1)}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the team's monolith in another file",
            case(base={"app/x.py": _branches(12)}, files={"app/x.py": None, "app/y.py": "X = 1\n\n\n" + _branches(12)}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the team's monolith taken apart",
            case(base={"app/x.py": _branches(12)}, files={"app/x.py": _branches(3) + "\n\n" + _branches(4, "g")}),
            Outcome.PASS,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide over the added functions, one finding a function."""
        diff = diff_of(case)
        paths = [path for path in diff.python if not is_test(path) and not is_migration(path)]
        added = {(path, line): name for path in paths for line, name in _added(diff, path).items()}
        if not added:
            return not_applicable("no function was added")
        found: dict[tuple[str, int], Finding] = {}
        for item in analysis_of(case).pinned:
            key = (item.path, item.line)
            if item.code.startswith(self.codes) and key in added:
                found.setdefault(key, diff.finding(f"{item.code}: {item.message}", item.path, item.line))
        return decide(list(found.values()), opportunities=len(added))


def _added(diff: Diff, path: str) -> dict[int, str]:
    """Line of `def` -> name of the functions that the seed's file did not have."""
    source, before = diff.source(path), diff.source_before(path)
    known = before.functions if before is not None else {}
    return {
        node.lineno: name
        for name, node in (source.functions.items() if source is not None else ())
        if name not in known and diff.is_added(path, [node.lineno])
    }
