"""P6: documents, logs and methodology files that nobody asked for are noise which somebody has to review and delete."""

from __future__ import annotations

from typing import ClassVar

from graders.paths import delivered, is_asked_for, is_document, is_meta
from graders.rulekit import START, Example, Ruling, case, decide, task
from harness.core.ports import Case
from harness.core.records import Change, ChangeKind, Finding, Outcome, Place, Severity, Source

_BASE = {".gitignore": "*.log\n", "README.md": "# Items\n", "app/__init__.py": ""}


class P6:
    """No new document; an edit of an existing one that nobody asked for is minor."""

    demand: ClassVar[str] = "No docs, logs or methodology files are added."
    section: ClassVar[str] = "Output Requirements"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("diff",)

    def judge(self, case: Case) -> Ruling:
        return decide([_finding(change) for change in delivered(case) if _is_unasked(change.path, case)])

    examples: ClassVar[tuple[Example, ...]] = (
        Example("adds code only", case(*START, files={"app/rooms.py": "x = 1\n"}), Outcome.PASS),
        Example("adds notes", case(*START, files={"NOTES.md": "# Notes\n"}), Outcome.FAIL, findings=1),
        Example(
            "adds a log and a guide",
            case(*START, files={"run.log": "x", "docs/guide.rst": "x"}),
            Outcome.FAIL,
            findings=2,
        ),
        Example("a note beside the code", case(*START, files={"app/IMPLEMENTATION.md": "x"}), Outcome.FAIL, trap=True),
        Example("a note beside the tests", case(*START, files={"tests/summary.txt": "x"}), Outcome.FAIL, trap=True),
        Example(
            "requirements files",
            case(
                *START, files={"requirements-dev.txt": "x\n", "requirements/base.txt": "x\n", "constraints.txt": "x\n"}
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a document that the specs ask for",
            case(*START, base=_BASE, files={"README.md": "# New\n"}, on=task(documents=["README.md"])),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "an edit that nobody asked for",
            case(*START, base=_BASE, files={"README.md": "# New\n"}),
            Outcome.FAIL,
            severity=Severity.MINOR,
            trap=True,
        ),
        Example(
            "templates, fixtures and locale texts",
            case(
                *START,
                files={
                    "app/templates/mail/welcome.txt": "Hello",
                    "tests/fixtures/page.md": "# x",
                    "app/locales/fr/terms.md": "x",
                },
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a log that the seed ignores, a cache that a tool left",
            case(
                *START,
                base=_BASE,
                files={"app.log": "x", ".pytest_cache/README.md": "x", "x.egg-info/top_level.txt": "x"},
            ),
            Outcome.PASS,
            trap=True,
        ),
    )


def _is_unasked(path: str, case: Case) -> bool:
    return is_document(path, case.task) and not is_meta(path) and not is_asked_for(path, case.task)


def _finding(change: Change) -> Finding:
    added = change.kind is ChangeKind.ADDED
    return Finding(
        message=f"a document that nobody asked for was {change.kind}: {change.path}",
        place=Place(path=change.path),
        severity=None if added else Severity.MINOR,
        act=f"file:{change.path}",
    )
