"""P11: only the agent at work sees that a meta document is wrong; if it stays silent, the next one is misled too."""

from __future__ import annotations

import re
from typing import ClassVar

from graders.rulekit import REPORT, START, Example, Ruling, case, failed, not_applicable, passed, task
from graders.sections import find_report, plain, section
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Place, Severity, Source
from harness.core.task import StaleFact, Task

_PLACES = ("ISSUES FOUND", "DEVIATIONS")
_DOCUMENTS = {
    "project-map.md": re.compile(r"project[\s-]*map", re.IGNORECASE),
    "status.md": re.compile(
        r"\bstatus(\.md|\s+(file|doc|page|meta)|\s+is\s+(old|stale|outdated|wrong))", re.IGNORECASE
    ),
}
_STALE = [
    {"document": "project-map.md", "fact": "the map knows one module", "match_any": ["one module", "app/rooms.py"]}
]


def _planted() -> Task:
    return task(stale=_STALE)


class P11:
    """Each planted mistake is named with its document under ISSUES FOUND or DEVIATIONS."""

    demand: ClassVar[str] = "A stale project map or status is named in the report."
    section: ClassVar[str] = "Output Requirements"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("reply",)

    def judge(self, case: Case) -> Ruling:
        facts = case.task.file.stale
        if not facts:
            return not_applicable("the task plants no stale document")
        report = find_report(case.evidence.reply)
        texts = [plain(section(report, name)) for name in _PLACES] if report is not None else []
        missed = [_finding(fact) for fact in facts if not any(_names(text, fact) for text in texts)]
        return failed(*missed, opportunities=len(facts)) if missed else passed(len(facts))

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "named under the issues",
            case(
                *START,
                reply=REPORT.replace("- none", "- `project-map.md` says One module; there are two."),
                on=_planted(),
            ),
            Outcome.PASS,
        ),
        Example(
            "one fact of two",
            case(
                *START,
                reply=REPORT.replace("- none", "- `project-map.md` says One module; there are two."),
                on=task(stale=[*_STALE, {"document": "status.md", "fact": "Y", "match_any": ["the queue"]}]),
            ),
            Outcome.FAIL,
            findings=1,
            opportunities=2,
        ),
        Example("not named", case(*START, on=_planted()), Outcome.FAIL, findings=1),
        Example(
            "no report", case(*START, reply="project-map.md says one module", on=_planted()), Outcome.FAIL, findings=1
        ),
        Example(
            "as a mismatch under the deviations",
            case(
                *START,
                reply=REPORT.replace("None", "None\n\nDoc mismatch: project-map.md lacks `app/rooms.py`."),
                on=_planted(),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example("nothing was planted", case(*START), Outcome.NOT_APPLICABLE, trap=True),
        Example(
            "another document is blamed",
            case(*START, reply=REPORT.replace("- none", "- README.md says one module."), on=_planted()),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "the document without the fact",
            case(*START, reply=REPORT.replace("- none", "- project-map.md is outdated."), on=_planted()),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "in another section",
            case(*START, reply=REPORT.replace("- app/items.py", "- project-map.md: one module"), on=_planted()),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "other words for the document, broken over lines",
            case(
                *START,
                reply=REPORT.replace("- none", "- The **project map** still\n  says *one\n  module*."),
                on=_planted(),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "heading of another level without colon, in a fence",
            case(
                *START,
                reply=f"```\n{REPORT}```".replace(
                    "### ISSUES FOUND:\n- none", "## Issues found\n\n1. Project-map: ONE MODULE"
                ),
                on=_planted(),
            ),
            Outcome.PASS,
            trap=True,
        ),
    )


def _names(text: str, fact: StaleFact) -> bool:
    """Whether a section (marks dropped, case folded) names the document and the mistake."""
    return bool(_DOCUMENTS[fact.document].search(text)) and any(plain(match) in text for match in fact.match_any)


def _finding(fact: StaleFact) -> Finding:
    message = f"{fact.document} is wrong and the report does not say so: {fact.fact}"
    return Finding(message=message, place=Place(section="ISSUES FOUND"), act=f"silence:{fact.document}:{fact.fact}")
