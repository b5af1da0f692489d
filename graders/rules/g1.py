"""G1: sprints are the workflow's own and soon forgotten; what names one in code or history loses its meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from graders.addedlines import Diff, diff_of
from graders.paths import delivered, is_meta
from graders.rulekit import BASE, START, Example, Ruling, case, commit, decide, task, unknown
from graders.toolcalls import clip, tampers_with_git
from harness.core.ports import Case
from harness.core.records import Change, ChangeKind, Finding, Outcome, Place, Severity, Source
from harness.core.task import Task

_WORD = re.compile(
    r"(?<![A-Za-z])[Ss]prints?(?![a-z])|(?<=[a-z])Sprints?(?![a-z])|(?<![A-Za-z])SPRINTS?(?![A-Za-z])|\b(?i:sprints?)\b"
)
"""The word alone or as a part of a name: `sprint_id`, `currentSprint`; not `isprintable`, not `fingerprints`."""


def _domain() -> Task:
    return task(wording={"sprint_words_allowed": True})


class G1:
    """The word stands in no added line, no new path and no commit; where a domain has sprints, our own still counts."""

    demand: ClassVar[str] = "No sprint is named in code, comments or commits."
    section: ClassVar[str] = "Sprint Workflow (per invocation)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.BLOCKING
    evidence: ClassVar[tuple[str, ...]] = ("diff", "commits")

    def judge(self, case: Case) -> Ruling:
        word = _watched(case.task)
        findings = [*_in_files(case, word), *_in_commits(case, word)]
        if not findings and case.evidence.history is None and not tampers_with_git(case):
            return unknown("the repository's objects cannot be read")
        return decide(findings)

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "names none", case(*START, files={"app/rooms.py": "x = 1\n"}, commits=(commit("Add rooms"),)), Outcome.PASS
        ),
        Example(
            "in a comment", case(*START, files={"app/rooms.py": "# Sprint 7: rooms\nx = 1\n"}), Outcome.FAIL, findings=1
        ),
        Example(
            "in a name", case(*START, files={"app/rooms.py": "def load_sprint_items() -> None: ...\n"}), Outcome.FAIL
        ),
        Example("inside a name", case(*START, files={"app/rooms.py": "currentSprintId = 3\n"}), Outcome.FAIL),
        Example("in a path", case(*START, files={"tests/test_sprint_7.py": "x = 1\n"}), Outcome.FAIL, findings=1),
        Example(
            "in a commit", case(*START, commits=(commit("Add rooms\n\nPart of sprint 7."),)), Outcome.FAIL, findings=1
        ),
        Example("in a migration", case(*START, files={"migrations/2_x.sql": "-- SPRINT-7\n"}), Outcome.FAIL),
        Example(
            "a path of the workflow in a comment",
            case(*START, files={"app/rooms.py": "# see .claude/sprint/7/api-contract.md\n"}),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "words that only hold the letters",
            case(
                *START,
                files={
                    "app/rooms.py": "x = 'a'.isprintable()\n# fingerprints, blueprint, sprinter, vsprintf, SPRINTER\n"
                },
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "the seed's own words, moved",
            case(
                *START,
                base={**BASE, "app/a.py": "# the sprint model\nx = 1\n"},
                files={"app/a.py": "x = 1\n", "app/b.py": "# the sprint model\n"},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a line beside the seed's own words",
            case(
                *START,
                base={**BASE, "app/a.py": "# the sprint model\n"},
                files={"app/a.py": "# the sprint model\ny = 2\n"},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a domain that has sprints",
            case(
                *START,
                files={"app/sprint.py": "class Sprint: ...\n"},
                commits=(commit("Add sprints to boards"),),
                on=_domain(),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "our own sprint in a domain that has sprints",
            case(*START, files={"app/board.py": "# as asked in sprint #7\n"}, on=_domain()),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "another number in a domain that has sprints",
            case(*START, files={"tests/test_b.py": "NAME = 'Sprint 70'\nOTHER = 'Sprint 17'\n"}, on=_domain()),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "only a meta document names it",
            case(*START, files={".claude/sprint/7/plan.txt": "sprint 7"}),
            Outcome.PASS,
            trap=True,
        ),
        Example("a file that is no text", case(*START, files={"app/logo.png": b"\0sprint"}), Outcome.PASS, trap=True),
    )


def _watched(task: Task) -> re.Pattern[str]:
    if not task.file.wording.sprint_words_allowed:
        return _WORD
    between = r"(?:[\s_#:/.\-]|no|number|index|n°)*"
    return re.compile(rf"sprint{between}0*{re.escape(task.file.sprint)}(?![0-9A-Za-z])", re.IGNORECASE)


def _in_files(case: Case, word: re.Pattern[str]) -> Iterator[Finding]:
    diff = diff_of(case)
    for change in delivered(case):
        if change.kind is not ChangeKind.DELETED and not is_meta(change.path):
            yield from _in_file(change, diff, word)


def _in_file(change: Change, diff: Diff, word: re.Pattern[str]) -> Iterator[Finding]:
    """One finding a file: its path, else the first of its lines."""
    if change.kind is ChangeKind.ADDED and word.search(change.path):
        message = f"a new path names a sprint: {change.path}"
        yield Finding(message=message, place=Place(path=change.path), act=f"file:{change.path}")
        return
    added = diff.added.get(change.path, frozenset())
    lines = diff.lines(change.path) if added else []
    named = [number for number in sorted(added) if number <= len(lines) and word.search(lines[number - 1])]
    if named:
        yield diff.finding(f"{len(named)} added line(s) name a sprint", change.path, named[0])


def _in_commits(case: Case, word: re.Pattern[str]) -> Iterator[Finding]:
    history = case.evidence.history
    for made in history.commits if history is not None else ():
        match = word.search(made.message)
        if match is not None:
            place, act = Place(commit=made.id), f"commit:{made.id}"
            quote = clip(made.message[max(0, match.start() - 60) : match.end() + 60])
            yield Finding(message="a commit message names a sprint", place=place, act=act, quote=quote)
