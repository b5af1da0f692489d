"""P8: the report is returned, not stored; the orchestrator alone decides where it is kept and under which number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from graders.addedlines import text_of
from graders.paths import delivered
from graders.rulekit import REPORT, START, Example, Ruling, bash, case, commit, decide
from graders.sections import is_whole_report
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Place, Severity, Source

_HEADING = re.compile(
    r"^[^\w\n]{0,20}BACKEND\s{1,9}IMPLEMENTATION\s{1,9}REPORT[^\w\n]{0,20}$", re.IGNORECASE | re.MULTILINE
)
_PLACES = 20
"""Places of a text, from either end, that are read as a report."""
_WINDOW = 50_000
"""Characters from the heading on that are read as a report."""


class P8:
    """No changed file and no commit message can be read as the report."""

    demand: ClassVar[str] = "The report is not stored by the agent itself."
    section: ClassVar[str] = "Deviation Reporting Format (MANDATORY)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("diff", "commits")

    def judge(self, case: Case) -> Ruling:
        return decide([*_stored(case), *_committed(case)])

    examples: ClassVar[tuple[Example, ...]] = (
        Example("only replies", case(*START, files={"app/items.py": "x = 1\n"}), Outcome.PASS),
        Example(
            "stores it", case(*START, files={".claude/sprint/7/backend-report-1.md": REPORT}), Outcome.FAIL, findings=1
        ),
        Example("stores it elsewhere", case(*START, files={"docs/out": f"# Notes\n\ntext\n\n{REPORT}"}), Outcome.FAIL),
        Example(
            "commits it as a message",
            case(*START, commits=(commit(f"Add items\n\n{REPORT}"),)),
            Outcome.FAIL,
            findings=1,
        ),
        Example("stores it in a fence", case(*START, files={"x.md": f"```\n{REPORT}```\n"}), Outcome.FAIL, trap=True),
        Example(
            "a report of an earlier iteration that it did not touch",
            case(*START, base={".claude/sprint/7/backend-report-1.md": REPORT}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a word more in a file of the team that holds a report",
            case(*START, base={"docs/a.md": REPORT}, files={"docs/a.md": f"{REPORT}\nSeen.\n"}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "names the report in code",
            case(*START, files={"app/report.py": 'TITLE = "BACKEND IMPLEMENTATION REPORT"\n'}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "the empty form",
            case(*START, files={"tests/data/form.md": REPORT.replace("STATUS: YES", "STATUS: [YES/NO]")}),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "outside of the repo", case(*START, bash(f"cat > /tmp/r.md <<'EOF'\n{REPORT}EOF")), Outcome.PASS, trap=True
        ),
    )


def holds_report(text: str) -> bool:
    """Whether a report stands anywhere in a text, however long."""
    starts = [match.start() for match in _HEADING.finditer(text)]
    places = sorted({*starts[:_PLACES], *starts[-_PLACES:]})
    return any(is_whole_report(text[start : start + _WINDOW]) for start in places)


def _stored(case: Case) -> Iterator[Finding]:
    for change in delivered(case):
        text = text_of(case.evidence.final, change.path)
        if text and holds_report(text) and not holds_report(text_of(case.evidence.base, change.path) or ""):
            place = Place(path=change.path)
            yield Finding(message=f"the report was stored in {change.path}", place=place, act=f"file:{change.path}")


def _committed(case: Case) -> Iterator[Finding]:
    history = case.evidence.history
    for made in history.commits if history is not None else ():
        if holds_report(made.message):
            place = Place(commit=made.id)
            yield Finding(message="the report was stored in a commit message", place=place, act=f"commit:{made.id}")
