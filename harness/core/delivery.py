"""Deliveries that a task brings along: the reference, its alternatives, and flaws of the reference.

They are played by reference agents through the same wire and the same sandboxes as a model's, so a task is proven with
the very path that will judge a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field, JsonValue

from harness.core.errors import UsageError
from harness.core.records import Record

Moment = Literal["first", "after_reading", "after_writing", "before_report", "instead_of_report"]
Habit = Literal["read_contract", "read_specs", "test", "commit"]


class Step(Record):
    """One more tool call (or message) of a scripted agent."""

    at: Moment
    """`first`: before the contract is read; `instead_of_report`: the last message is `text` and no report follows."""
    text: str = ""
    """Text beside the call; alone when there is no tool."""
    tool: str | None = None
    input: dict[str, JsonValue] = {}


@dataclass(frozen=True)
class Delivery:
    """What a scripted agent leaves behind, and how it works on the way."""

    files: Mapping[str, bytes]
    """Relative path -> whole content at the end; paths not named stay as the seed has them."""
    deleted: tuple[str, ...]
    report: str
    commit: str
    """Message of the one commit it makes."""
    steps: tuple[Step, ...] = ()
    """Further steps, in order within their moment."""
    omit: tuple[Habit, ...] = ()
    """Habits of the reference agent that are left out."""


class Edit(Record):
    """Replace `find`, which stands exactly once in the delivered file."""

    path: str
    find: str = Field(min_length=1)
    replace: str


class Added(Record):
    """A further file of the delivery."""

    path: str
    content: str


class ReportEdit(Record):
    """Replace `find`, which stands exactly once in the report."""

    find: str = Field(min_length=1)
    replace: str


class FlawFile(Record):
    """`flaws/<name>.toml`: a small edit of the reference delivery and everything it must be caught by."""

    title: str
    kind: Literal["contract", "report", "rules"]
    checks: tuple[str, ...] = ()
    """Hidden checks (`test_file.py::test_name`) that must fail."""
    rules: tuple[str, ...] = ()
    """Rules, report checks and truth checks that must fail (`S4`, `R7`, `H2`)."""
    consequences: tuple[str, ...] = ()
    """Checks and rules that may fail because of it; anything else that fails is an error of the graders."""
    edit: tuple[Edit, ...] = ()
    add: tuple[Added, ...] = ()
    delete: tuple[str, ...] = ()
    report: tuple[ReportEdit, ...] = ()
    step: tuple[Step, ...] = ()
    omit: tuple[Habit, ...] = ()
    commit: str | None = None


def apply(flaw: FlawFile, reference: Delivery, where: str) -> Delivery:
    """The reference delivery with the flaw in it; `UsageError` naming `where` for an edit that does not fit."""
    files = dict(reference.files)
    for edit in flaw.edit:
        if edit.path not in files:
            raise UsageError(f"the reference delivers no file '{edit.path}'", where=where, mend="name a delivered file")
        files[edit.path] = _once(files[edit.path].decode(), edit.find, edit.replace, f"{where}: {edit.path}").encode()
    for added in flaw.add:
        files[added.path] = added.content.encode()
    report = reference.report
    for change in flaw.report:
        report = _once(report, change.find, change.replace, f"{where}: report")
    return replace(
        reference,
        files={path: content for path, content in files.items() if path not in flaw.delete},
        deleted=reference.deleted + flaw.delete,
        report=report,
        commit=flaw.commit if flaw.commit is not None else reference.commit,
        steps=reference.steps + flaw.step,
        omit=reference.omit + flaw.omit,
    )


def _once(text: str, find: str, replacement: str, where: str) -> str:
    count = text.count(find)
    if count != 1:
        raise UsageError(
            f"'find' stands {count} times, expected once: {find[:80]!r}", where=where, mend="choose a longer 'find'"
        )
    return text.replace(find, replacement)
