"""What a killed harness left behind is found, however the journal came by the lines that it has or lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_runs import arm, attempted, manifest, tasks

from harness.core.errors import Cause
from harness.core.runs import JournalLine
from harness.store.layout import RunFolder
from harness.store.recover import killed

PLAN = manifest([arm("a")], tasks(1), 3)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[JournalLine], list[tuple[str, int]]]:
    """Lines of a journal that lost some and has some twice, and every attempt that was made.

    An attempt follows only one that could not be judged.
    """
    lines, made = list[JournalLine](), list[tuple[str, int]]()
    for planned in PLAN.trials:
        count = draw(st.integers(0, 3))
        for number in range(1, count + 1):
            cause = None if number == count and draw(st.booleans()) else draw(st.sampled_from(Cause))
            lines += [attempted(planned, cause)._replace(attempt=number)] * draw(st.integers(0, 2))
            made.append((planned.trial, number))
    return draw(st.permutations(lines)), made


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_attempt_without_a_line_is_found(
    tmp_path_factory: pytest.TempPathFactory, history: tuple[list[JournalLine], list[tuple[str, int]]]
) -> None:
    lines, made = history
    folder = RunFolder.create(tmp_path_factory.mktemp("results"), PLAN)
    for attempt in made:
        folder.attempt_dir(*attempt).mkdir(parents=True)
    known = {(line.trial, line.attempt) for line in lines}
    assert [(line.trial, line.attempt) for line in killed(folder, lines)] == sorted(set(made) - known)


def test_what_is_no_attempt_is_passed_over(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, PLAN)
    assert killed(folder, []) == []
    (folder.root / "trials" / "t" / "notes").mkdir(parents=True)
    (folder.root / "trials" / "t" / "2").touch()
    (folder.root / "trials" / "3").touch()
    assert killed(folder, []) == []
