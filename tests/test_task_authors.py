"""The guide for task authors shows nothing that is not run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from stand_task import ROOT

from graders.testkit.plugin import Recorder
from harness.compose import ROOT as TOP
from harness.prove.record import equivalents

GUIDE = (TOP / "docs" / "task-authors.md").read_text()
RUN = {
    "python": "\n".join(path.read_text() for path in sorted(TOP.glob("tests/data/*/checks/*.py"))),
    "toml": (ROOT / "task.toml").read_text(),
}


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, content) of every fenced block, whatever its fence and however far it is indented."""
    fenced = re.findall(r"^( *)(`{3,}|~{3,})(\w*)\n(.*?)^ *\2 *$", text, re.S | re.M)
    return [(language, re.sub(f"^{indent}", "", content, flags=re.M)) for indent, _, language, content in fenced]


BLOCKS = blocks(GUIDE)


@pytest.mark.parametrize(("language", "block"), BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_is_part_of_the_task_that_is_run(language: str, block: str, tmp_path: Path) -> None:
    """Or, where it lists mutants that are the same program, is read as such a list."""
    if language == "toml" and block.startswith("[[mutant]]"):
        (tmp_path / "equivalent.toml").write_text(block)
        assert list(equivalents(tmp_path)) == re.findall(r'^id = "(\w+)"$', block, re.M) != []
        return
    assert block in RUN[language]


def test_blocks_of_every_fence_are_found() -> None:
    text = "```python\na = 1\n```\n\n- one\n\n  ~~~toml\n  b = 2\n\n  c = 3\n  ~~~\n\n````md\n```\n````\n"
    assert blocks(text) == [("python", "a = 1\n"), ("toml", "b = 2\n\nc = 3\n"), ("md", "```\n")]
    fences = [line for line in GUIDE.splitlines() if line.lstrip().startswith(("```", "~~~"))]
    assert 2 * len(BLOCKS) == len(fences)


def test_every_fixture_is_described() -> None:
    fixtures = {name for name, value in vars(Recorder).items() if type(value).__name__ == "FixtureFunctionDefinition"}
    table = GUIDE.partition("| fixture |")[2].partition("\n\n")[0]
    described = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert described == fixtures
    assert len(fixtures) > 5
