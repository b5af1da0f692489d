"""S15: The specs name files because others rely on them: a frontend script, a deployment, the next sprint.

The task lists the paths that its specs name; each must be a regular file at the end. A path may be a glob where a name
has a free part, as revisions of a migration tool do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from graders.rulekit import Example, Ruling, case, decide, not_applicable, task
from harness.core.ports import Case
from harness.core.records import Entry, Finding, Outcome, Place, Severity, Source, Tree
from harness.core.task import glob_match

_TASK = task(named_files=["app/bookings.py", "migrations/versions/*_bookings.py"])
_FILES = {"app/bookings.py": "X = 1\n", "migrations/versions/0003_bookings.py": "X = 1\n"}


def _linked() -> Case:
    given = case(files=_FILES, on=_TASK)
    entries = {**given.evidence.final.entries, "app/bookings.py": Entry(kind="link", target="/etc/passwd")}
    final = Tree(entries, given.evidence.final.blob)
    return replace(given, evidence=replace(given.evidence, final=final))


class S15:
    """Every file that the specs name stands where they name it."""

    demand: ClassVar[str] = "Files that the specs name are where they name them."
    section: ClassVar[str] = "CRITICAL: API Contract Protocol (READ FIRST)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("diff",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("all are there", case(files=_FILES, on=_TASK), Outcome.PASS),
        Example(
            "one has another name",
            case(files={**_FILES, "app/bookings.py": None, "app/booking.py": "X = 1\n"}, on=_TASK),
            Outcome.FAIL,
            findings=1,
            opportunities=2,
        ),
        Example("none is there", case(on=_TASK), Outcome.FAIL, findings=2),
        Example("a link in its place", _linked(), Outcome.FAIL, findings=1, trap=True),
        Example(
            "a folder of that name",
            case(files={**_FILES, "app/bookings.py": None, "app/bookings.py/x": ""}, on=_TASK),
            Outcome.FAIL,
            findings=1,
            trap=True,
        ),
        Example(
            "a free part of the name",
            case(
                files={
                    **_FILES,
                    "migrations/versions/0003_bookings.py": None,
                    "migrations/versions/a1_bookings.py": "X",
                },
                on=_TASK,
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example("the specs name none", case(), Outcome.NOT_APPLICABLE),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide for each named path."""
        named = case.task.file.named_files
        if not named:
            return not_applicable("the specs name no file")
        files = list(case.evidence.final.files())
        missing = [path for path in named if path not in files and not any(glob_match(file, (path,)) for file in files)]
        findings = [
            Finding(message="the specs name this file, and it is not there", place=Place(path=path), act=f"file:{path}")
            for path in missing
        ]
        return decide(findings, opportunities=len(named))
