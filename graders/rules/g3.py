"""G3: a history is read by people who were not there; a subject has to fit a line and say something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from graders.rulekit import START, Example, Ruling, case, commit, decide, not_applicable, unknown
from graders.toolcalls import clip, tampers_with_git
from harness.core.ports import Case
from harness.core.records import Commit, Finding, Outcome, Place, Severity, Source

_EMPTY = frozenset(
    {"wip", "update", "updates", "updated", "fix", "fixes", "fixed", "change", "changes", "changed", "commit", "misc"}
    | {
        "stuff",
        "things",
        "work",
        "in",
        "progress",
        "files",
        "file",
        "code",
        "minor",
        "small",
        "some",
        "final",
        "done",
        "more",
    }
    | {
        "test",
        "asdf",
        "save",
        "checkpoint",
        "temp",
        "tmp",
        "chore",
        "feat",
        "initial",
        "implement",
        "implementation",
        "task",
    }
    | {
        "various",
        "new",
        "and",
        "the",
        "a",
        "of",
        "to",
        "it",
        "my",
        "all",
        "latest",
        "improvements",
        "edits",
        "tweaks",
        "x",
    }
)
_GENERATED = re.compile(r"^(Merge |Revert \"|Reapply \")")
_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class G3:
    """Every subject fits a line and has at least one word that means something."""

    longest: int = 72
    """Most characters of a subject."""

    demand: ClassVar[str] = "Commit messages are concise and meaningful."
    section: ClassVar[str] = "Git Practices"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MINOR
    evidence: ClassVar[tuple[str, ...]] = ("commits",)

    def judge(self, case: Case) -> Ruling:
        history = case.evidence.history
        if history is None:
            gone = tampers_with_git(case)
            return not_applicable("the agent removed the history") if gone else unknown("no commit can be read")
        if not history.commits:
            return not_applicable("no commit was made")
        findings = [finding for made in history.commits for finding in _judged(made, self.longest)]
        return decide(findings, opportunities=len(history.commits))

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "says what changed",
            case(*START, commits=(commit("Add rooms"), commit("fix: typo"))),
            Outcome.PASS,
            opportunities=2,
        ),
        Example("empty words", case(*START, commits=(commit("update files"),)), Outcome.FAIL, findings=1),
        Example("nothing at all", case(*START, commits=(commit(""),)), Outcome.FAIL, findings=1),
        Example("too long", case(*START, commits=(commit("Add rooms " + "x" * 63),)), Outcome.FAIL, findings=1),
        Example(
            "a line full",
            case(*START, commits=(commit("Add rooms " + "x" * 62 + "\n\n" + "y" * 400),)),
            Outcome.PASS,
            trap=True,
        ),
        Example("empty words with a type", case(*START, commits=(commit("chore: WIP!"),)), Outcome.FAIL, trap=True),
        Example("only signs", case(*START, commits=(commit("..."),)), Outcome.FAIL, trap=True),
        Example("one good word among them", case(*START, commits=(commit("Fix pagination"),)), Outcome.PASS, trap=True),
        Example(
            "another language",
            case(*START, commits=(commit("Ajoute les réservations"), commit("予約を追加"))),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a subject that git wrote",
            case(*START, commits=(commit(f"Merge branch 'feature/{'x' * 80}'"),)),
            Outcome.PASS,
            trap=True,
        ),
        Example("no commit", case(*START), Outcome.NOT_APPLICABLE, trap=True),
    )


def _judged(made: Commit, longest: int) -> Iterator[Finding]:
    subject = made.message.lstrip("\n").partition("\n")[0].strip()
    if _GENERATED.match(subject):
        return
    place, act = Place(commit=made.id), f"commit:{made.id}"
    words = {word.casefold() for word in _WORDS.findall(subject[:1000])}
    if len(subject) > longest:
        message = f"a subject has {len(subject)} characters, at most {longest} fit a line"
        yield Finding(message=message, place=place, act=act, quote=clip(subject))
    elif words <= _EMPTY:
        yield Finding(message="a subject says nothing", place=place, act=act, quote=clip(subject))
