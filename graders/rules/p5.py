"""P5: an agent for the backend leaves every other part of the repo alone, or two agents overwrite each other."""

from __future__ import annotations

from typing import ClassVar

from graders.paths import delivered, is_document, is_meta
from graders.rulekit import START, Example, Ruling, case, decide, task
from harness.core.ports import Case
from harness.core.records import Change, Finding, Outcome, Place, Severity, Source
from harness.core.task import glob_match

_BASE = {
    ".gitignore": "build/\n*.sqlite3\n",
    "app/__init__.py": "",
    "frontend/src/App.tsx": "export {}\n",
    "README.md": "# Items\n",
    "requirements.txt": "fastapi\n",
}


class P5:
    """Every changed path is one that the task allows; documents are P6's and meta documents P4's."""

    demand: ClassVar[str] = "Only backend code and its technical assets are changed."
    section: ClassVar[str] = "Sprint Workflow (per invocation)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.BLOCKING
    evidence: ClassVar[tuple[str, ...]] = ("diff",)

    def judge(self, case: Case) -> Ruling:
        changes = [change for change in delivered(case) if not _is_elsewhere(change, case)]
        findings = [_finding(change) for change in changes if not glob_match(change.path, case.task.file.allowed)]
        return decide(findings, opportunities=max(1, len(changes)))

    examples: ClassVar[tuple[Example, ...]] = (
        Example("changes the app", case(*START, base=_BASE, files={"app/items.py": "x = 1\n"}), Outcome.PASS),
        Example(
            "changes the frontend",
            case(*START, base=_BASE, files={"frontend/src/App.tsx": "export default 1\n"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example("adds a script", case(*START, base=_BASE, files={"scripts/run.sh": "ls\n"}), Outcome.FAIL),
        Example("deletes a file", case(*START, base=_BASE, files={"frontend/src/App.tsx": None}), Outcome.FAIL),
        Example(
            "moves a file out", case(*START, base=_BASE, files={"app/__init__.py": None, "core.py": ""}), Outcome.FAIL
        ),
        Example(
            "technical assets",
            case(
                *START,
                base=_BASE,
                files={
                    "migrations/versions/0002_items.py": "x = 1\n",
                    "compose.yaml": "services: {}\n",
                    ".env.example": "ITEMS_LIMIT=10\n",
                    "tests/test_more.py": "x = 1\n",
                    "app/locales/fr.json": "{}",
                },
            ),
            Outcome.PASS,
            trap=True,
            opportunities=5,
        ),
        Example(
            "what the seed ignores and tools leave",
            case(*START, base=_BASE, files={"build/x.js": "1", "dev.sqlite3": b"\0", ".pytest_cache/README.md": "x"}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "ignored below an anchored folder, and taken back",
            case(
                *START,
                base={".gitignore": "/out/\n.env*\n!.env.example\n", "lib/.gitignore": "*.tmp\n"},
                files={"out/a/b.js": "1", ".env.local": "X=1\n", ".env.example": "X=\n", "lib/x.tmp": "1"},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "what is taken back, and a folder of the same name elsewhere",
            case(
                *START,
                base={".gitignore": "/out/\n*.js\n!keep.js\n", "lib/.gitignore": "*.tmp\n"},
                files={"keep.js": "1", "frontend/out/x.ts": "1", "other.js": "1", "frontend/x.tmp": "1"},
            ),
            Outcome.FAIL,
            findings=3,
            trap=True,
        ),
        Example(
            "requirements are no document",
            case(*START, base=_BASE, files={"requirements.txt": "flask\n"}),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "requirements that the task allows",
            case(
                *START, base=_BASE, files={"requirements.txt": "x\n"}, on=task(allowed=["app/**", "requirements.txt"])
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a document is judged apart",
            case(*START, base=_BASE, files={"README.md": "# New\n"}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a folder named alike",
            case(*START, base=_BASE, files={"application/x.py": "x = 1\n"}),
            Outcome.FAIL,
            trap=True,
        ),
    )


def _is_elsewhere(change: Change, case: Case) -> bool:
    return is_meta(change.path) or is_document(change.path, case.task)


def _finding(change: Change) -> Finding:
    message = f"{change.path} was {change.kind}, which the task does not allow"
    return Finding(message=message, place=Place(path=change.path), act=f"file:{change.path}")
