"""The guide for task authors shows nothing that is not run."""

from __future__ import annotations

import re

import pytest
from stand_task import ROOT

from graders.testkit.plugin import Recorder
from harness.compose import ROOT as TOP

GUIDE = (TOP / "docs" / "task-authors.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.S)
RUN = {
    "python": "\n".join(path.read_text() for path in sorted((ROOT / "checks").glob("*.py"))),
    "toml": (ROOT / "task.toml").read_text(),
}


@pytest.mark.parametrize(("language", "block"), BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_is_part_of_the_task_that_is_run(language: str, block: str) -> None:
    assert block in RUN[language]


def test_every_fixture_is_described() -> None:
    fixtures = {name for name, value in vars(Recorder).items() if type(value).__name__ == "FixtureFunctionDefinition"}
    table = GUIDE.partition("| fixture |")[2].partition("\n\n")[0]
    described = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert described == fixtures
    assert len(fixtures) > 5
