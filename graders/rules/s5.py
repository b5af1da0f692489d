"""S5: One synchronous query blocks every request of the process; the prompt wants database access async throughout.

Looked at are added lines of application code: sync drivers that are imported, sync engines, sessions and connections
that are made. Migrations and scripts run apart and may be sync. A repo whose own layer is sync keeps it: the prompt
also says to follow what is there.
"""

from __future__ import annotations

from typing import ClassVar

from graders.addedlines import diff_of, text_of
from graders.dbcode import is_async, sync_access, touches
from graders.pycode import is_app
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Outcome, Severity, Source, Tree

_ASYNC = "from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine\n\nengine = create_async_engine('x')\n"
_SYNC = "from sqlalchemy import create_engine\n\nengine = create_engine('x')\n"
_OLDER = (
    "from sqlalchemy.ext.asyncio import AsyncSession\nfrom sqlalchemy.orm import sessionmaker\n\n"
    "make = sessionmaker(None, class_=AsyncSession)\n"
)
_REPO = {**BASE, "app/db.py": _ASYNC}


class S5:
    """The application reaches its database through async code only."""

    demand: ClassVar[str] = "Database access is async."
    section: ClassVar[str] = "Core Technical Stack"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("static", "diff")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("an async session", case(base=_REPO, files={"app/x.py": _ASYNC}), Outcome.PASS),
        Example("a sync engine", case(base=_REPO, files={"app/x.py": _SYNC}), Outcome.FAIL, findings=1),
        Example("a sync driver", case(base=_REPO, files={"app/x.py": "import psycopg2\n"}), Outcome.FAIL, findings=1),
        Example(
            "a sync session",
            case(base=_REPO, files={"app/x.py": "from sqlalchemy.orm import sessionmaker\n\nS = sessionmaker()\n"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "one file of two",
            case(base=_REPO, files={"app/x.py": _ASYNC, "app/y.py": _SYNC}),
            Outcome.FAIL,
            findings=1,
            opportunities=2,
        ),
        Example("no database code", case(base=_REPO, files={"app/x.py": "X = 1\n"}), Outcome.NOT_APPLICABLE),
        Example(
            "the older way to an async session",
            case(base=_REPO, files={"app/x.py": _OLDER}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "the sync session as a type, for run_sync",
            case(
                base=_REPO,
                files={"app/x.py": "from sqlalchemy.orm import Session\n\n\ndef f(s: Session) -> None: ...\n"},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a migration environment",
            case(base=_REPO, files={"alembic/env.py": _SYNC}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example("a script", case(base=_REPO, files={"scripts/load.py": _SYNC}), Outcome.NOT_APPLICABLE, trap=True),
        Example(
            "a repo that is sync",
            case(base={**BASE, "app/db.py": _SYNC}, files={"app/x.py": _SYNC}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the team's old engine",
            case(base={**_REPO, "app/y.py": _SYNC}, files={"app/y.py": _SYNC + "X = 1\n"}),
            Outcome.PASS,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide over the added lines of files that have to do with the database."""
        diff = diff_of(case)
        found = [(path, source) for path in diff.python if is_app(path) and (source := diff.source(path)) is not None]
        found = [(path, source) for path, source in found if touches(source) and diff.added.get(path)]
        if not found or _is_sync(diff.base):
            return not_applicable("no database code was added, or the repo's own is sync")
        findings = [
            diff.finding(f"sync database access: `{name}`", path, line)
            for path, source in found
            for line, name in dict(sync_access(source)).items()
            if diff.is_added(path, [line])
        ]
        return decide(findings, opportunities=len(found))


def _is_sync(base: Tree) -> bool:
    """The seed has a database layer, and nothing async in it."""
    texts = [text_of(base, path) or "" for path in base.files() if is_app(path)]
    return any("create_engine" in text or "sqlite3" in text for text in texts) and not any(map(is_async, texts))
