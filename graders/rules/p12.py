"""P12: work that was never tested with the project's own tool is handed over blind."""

from __future__ import annotations

import posixpath
from typing import ClassVar

from graders import pycode
from graders.addedlines import diff_of
from graders.paths import delivered
from graders.rulekit import BASE, START, Example, Ruling, bash, case, failed, passed, task, unknown, write
from graders.toolcalls import commands, runs_tests, test_runners, under_tests
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, SeenProcess, Severity, Source, Witness

_MAKE = {"package": "app", "module": "app.main:app", "test": "make test", "health": "/health"}
_MAKEFILE = "test:\n\tuv run pytest -q\n"


class P12:
    """A run of the suite or a part of it, or an added test that the suite collects."""

    demand: ClassVar[str] = "Tests are run or prepared with the project's own tool."
    section: ClassVar[str] = "Sprint Workflow (per invocation)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MINOR
    evidence: ClassVar[tuple[str, ...]] = ("transcript", "diff", "probe")

    def judge(self, case: Case) -> Ruling:
        runners = test_runners(case)
        if any(runs_tests(command, runners) for _, command in commands(case)) or _adds_test(case):
            return passed()
        witness = case.evidence.witness
        if witness is not None and any(under_tests((process.argv,), runners) for process in witness.processes):
            return passed()
        if not case.evidence.transcript.complete:
            return unknown("events of the transcript are lost")
        return failed(Finding(message="no test was run and none was added"))

    examples: ClassVar[tuple[Example, ...]] = (
        Example("runs the suite", case(*START, bash("python -m pytest -q 2>&1 | tail -5")), Outcome.PASS),
        Example("neither runs nor writes a test", case(*START, write("app/items.py")), Outcome.FAIL, findings=1),
        Example(
            "adds a test",
            case(*START, files={"tests/test_more.py": "async def test_more() -> None:\n    assert True\n"}),
            Outcome.PASS,
        ),
        Example(
            "a part of the suite that fails",
            case(*START, bash("uv run pytest tests/x.py -k a", exit_code=1)),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "the team's target, and what is behind it",
            case(*START, bash("uv run pytest"), base={**BASE, "Makefile": _MAKEFILE}, on=task(app=_MAKE)),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "another target",
            case(*START, bash("make lint"), base={**BASE, "Makefile": _MAKEFILE}, on=task(app=_MAKE)),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "only collects", case(*START, bash("pytest --collect-only -q; pytest --version")), Outcome.FAIL, trap=True
        ),
        Example(
            "only speaks of it",
            case(*START, bash("echo pytest; grep -rn pytest pyproject.toml")),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "a helper that is no test",
            case(*START, files={"tests/helpers.py": "def test_data(): ...\n"}),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "a test more in a file of the team",
            case(
                *START,
                files={"tests/test_items.py": "def test_items(): ...\n\n\ndef test_b(): ...\n"},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example("under coverage", case(*START, bash("python -m coverage run -m pytest -q")), Outcome.PASS, trap=True),
        Example(
            "rewrites a test of the team",
            case(*START, files={"tests/test_items.py": "def test_items() -> None:\n    assert 1\n"}),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "puts another test in the place of the team's",
            case(*START, files={"tests/test_items.py": "def test_it() -> None:\n    assert True\n"}),
            Outcome.FAIL,
            trap=True,
        ),
        Example(
            "the witness saw the suite",
            case(*START, bash("./ci"), witness=Witness(processes=(SeenProcess(argv=("python", "-m", "pytest")),))),
            Outcome.PASS,
            trap=True,
        ),
    )


def _adds_test(case: Case) -> bool:
    diff = diff_of(case)
    for change in delivered(case):
        name = posixpath.basename(change.path)
        if not name.endswith(".py") or not (name.startswith("test_") or name.endswith("_test.py")):
            continue
        after, before = diff.source(change.path), diff.source_before(change.path)
        if len(_tests(after)) > len(_tests(before)):
            return True
    return False


def _tests(source: pycode.Source | None) -> list[str]:
    functions = source.functions if source is not None else ()
    return [function for function in functions if function.rpartition(".")[2].startswith("test")]
