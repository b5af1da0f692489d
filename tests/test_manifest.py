"""The manifest of hidden checks is read from their source, and a check that could hide is refused."""

from __future__ import annotations

import pytest

from graders.manifest import manifest
from harness.core.errors import UsageError
from harness.core.records import Phase

GOOD = b"""
from graders.testkit import covers, fail_to_pass, pass_to_pass
import pytest

@covers("C-01", "C-02")
@fail_to_pass
def test_created(api): ...

@pytest.mark.parametrize("page", [1, 2])
@covers("C-03")
@pass_to_pass
def test_listed(api, page): ...

def helper(): ...
"""


def test_checks_carry_phase_and_clauses() -> None:
    found = manifest({"test_b.py": GOOD, "support.py": b"def test_not_collected(): ..."})
    assert [(check.id, check.phase, check.clauses) for check in found] == [
        ("test_b.py::test_created", Phase.FAIL_TO_PASS, ("C-01", "C-02")),
        ("test_b.py::test_listed", Phase.PASS_TO_PASS, ("C-03",)),
    ]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"def test_x(: ...", "not Python"),
        (b"@covers('C-01')\ndef test_x(): ...", "fail_to_pass"),
        (b"@fail_to_pass\ndef test_x(): ...", "covers"),
        (b"@covers('C-01')\n@fail_to_pass\n@pass_to_pass\ndef test_x(): ...", "one of"),
        (b"@covers(NAME)\n@fail_to_pass\ndef test_x(): ...", "literal"),
        (b"@covers('C-01')\n@fail_to_pass\n@pytest.mark.skip\ndef test_x(): ...", "skip"),
        (b"@covers('C-01')\n@fail_to_pass\n@pytest.mark.xfail(reason='x')\ndef test_x(): ...", "xfail"),
        (b"class TestX:\n    def test_x(self): ...", "functions"),
    ],
)
def test_what_cannot_be_counted_is_named_with_its_line(source: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        manifest({"test_x.py": source})
    assert said in str(caught.value)
    assert "checks/test_x.py:" in caught.value.where
