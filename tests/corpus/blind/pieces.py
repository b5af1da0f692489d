"""Pieces that several deliveries share: reports in parts, grades of hidden checks, deviations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from textwrap import dedent

from graders.rulekit import task
from harness.core.ports import Case
from harness.core.records import CheckResult, Grade, Outcome, Phase
from harness.core.task import Task, clauses

FilesLeft = Mapping[str, str | None]
"""Files that a delivery leaves behind, by path; None: deleted."""
CONTRACT_PATH = ".claude/sprint/7/api-contract.md"
SPECS_PATH = ".claude/sprint/7/backend-specs.md"
PACKAGED = task(
    allowed=["app/**", "tests/**", "pyproject.toml", "requirements*.txt", "uv.lock", "README.md"],
    documents=["README.md"],
)
"""A task that lets the agent write lists of dependencies, a lock and the README."""
ITEMS = """from pydantic import BaseModel


class Item(BaseModel):
    name: str


async def list_items() -> list[Item]:
    return []


async def add_item(item: Item) -> Item:
    return item
"""
"""A changed `app/items.py` that no rule minds."""
TEST = """def test_items() -> None:
    assert True


def test_add_item() -> None:
    assert "pen".upper() == "PEN"
"""
"""The visible test file with a test added."""


def deviation(
    endpoint: str = "POST /items",
    file: str = "app/items.py:2",
    what: str = "answers 200 instead of 201",
    why: str = "the shared response helper has no status argument",
    recommendation: str = "keep deviation",
) -> str:
    """A deviation in the form that the prompt asks for."""
    return (
        f"- **Endpoint:** {endpoint}\n- **File:** {file}\n- **Deviation:** {what}\n"
        f"- **Justification:** {why}\n- **Recommendation:** {recommendation}\n"
    )


def report(
    status: str = "YES",
    deviations: str = "None",
    files: str = "- app/items.py",
    issues: str = "- none",
    *,
    heading: str = "## BACKEND IMPLEMENTATION REPORT",
    divider: str = "---",
) -> str:
    """A report in the form that the prompt asks for, with some parts replaced."""
    return (
        f"{heading}\n\n### CONFORMITY STATUS: {status}\n\n### DEVIATIONS:\n{deviations}\n\n{divider}\n\n"
        f"### FILES CHANGED:\n{files}\n\n### ISSUES FOUND:\n{issues}\n"
    )


def proved(case: Case, *failed: str) -> Case:
    """The case with the hidden checks' verdict: one check for each clause, these clauses failed."""
    checks = tuple(
        CheckResult(
            id=f"checks/test_items.py::test_{clause.lower().replace('-', '_')}",
            outcome=Outcome.FAIL if clause in failed else Outcome.PASS,
            clauses=(clause,),
            phase=Phase.PASS_TO_PASS if clause == "C-01" else Phase.FAIL_TO_PASS,
        )
        for clause in ("C-01", "C-02", "S-01")
    )
    grade = Grade(grader="tests_passing", version="1", digest="0" * 64, checks=checks)
    return replace(case, grades={**case.grades, "tests_passing": grade})


def text(code: str) -> str:
    """The code without the margin that it has in the corpus."""
    return dedent(code).removeprefix("\n")


def agreed(contract: str, specs: str) -> Task:
    """The example task with these documents."""
    return replace(task(), contract=contract, specs=specs, clauses=clauses(contract) + clauses(specs))


def documents(contract: str, specs: str) -> dict[str, str]:
    """The same documents as files of the repo."""
    return {CONTRACT_PATH: contract, SPECS_PATH: specs}
