"""The checks as the weak graders get them: the task's own hidden checks, for a client in the same process."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from graders.stand import TESTKIT
from harness.load.tasks import Bundle

FIXTURES = Path(__file__).parent / "inside" / "in_process.py"
CASES = re.compile(r"(\d+) passed")


def kit() -> dict[str, tuple[bytes, bool]]:
    """What stands in `/srv/kit`: the testkit, the fixtures, an ini file of the grader's own."""
    files = {f"graders/testkit/{path.name}": (path.read_bytes(), False) for path in sorted(TESTKIT.glob("*.py"))}
    ini = b"[pytest]\n"
    return {
        **files,
        "graders/__init__.py": (b"", False),
        "in_process.py": (FIXTURES.read_bytes(), False),
        "pytest.ini": (ini, False),
    }


def checks(bundle: Bundle) -> dict[str, tuple[bytes, bool]]:
    """The hidden checks folder."""
    return dict(bundle.checks)


def passed_in(xml: bytes) -> tuple[list[str], int]:
    """(ids of the cases that JUnit XML tells of, how many of them passed); nothing for what is no XML."""
    try:
        cases = list(ElementTree.fromstring(xml).iter("testcase"))
    except ElementTree.ParseError:
        return [], 0
    ids = [f"{case.get('classname')}::{case.get('name')}" for case in cases]
    return ids, sum(not any(case.find(kind) is not None for kind in ("failure", "error", "skipped")) for case in cases)


def said_passed(text: str) -> int:
    """How many passes the last summary line claims, 0 where a failure is told beside them."""
    lines = [line for line in text.splitlines() if CASES.search(line)]
    if not lines or "failed" in lines[-1] or "error" in lines[-1]:
        return 0
    found = CASES.search(lines[-1])
    return int(found[1]) if found else 0
