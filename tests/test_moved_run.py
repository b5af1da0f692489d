"""A run's folder stands for itself: moved to another place and read there, it says what it said before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from stored_runs import passes, run_of
from test_compare import A, B, harness
from test_show import TRIAL, folder_with

READING = [
    ("show", TRIAL, "--run", "run-1"),
    ("show", TRIAL, "--run", "run-1", "--rules"),
    ("diff", f"run-1:{TRIAL}", f"run-1:{TRIAL}"),
    ("compare", "r1:control", "r1:candidate"),
    ("table", "r1"),
    ("table", "r1", "--clauses"),
    ("history",),
    ("reliability", "r1"),
    ("export", "csv", "r1"),
    ("export", "junit", "run-1"),
]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[int, str, str]], Path]:
    """What every command said of two runs in their first place, and where they are now."""
    first, other = tmp_path_factory.mktemp("first") / "results", tmp_path_factory.mktemp("other") / "archive"
    first.mkdir()
    folder_with(first)
    run_of(first, {"control": passes(A, 3), "candidate": passes(B, 3)})
    said = [harness(*verb, "--results", first) for verb in READING]
    shutil.copytree(first, other)
    shutil.rmtree(first)
    return said, other


@pytest.mark.parametrize("number", range(len(READING)), ids=lambda number: " ".join(READING[number]))
def test_a_moved_run_says_the_same(moved: tuple[list[tuple[int, str, str]], Path], number: int) -> None:
    said, other = moved
    code, out, err = said[number]
    assert (out != "", err) == (True, "")
    assert harness(*READING[number], "--results", other) == (code, out, err)


def test_its_files_are_read_where_they_are_now(moved: tuple[list[tuple[int, str, str]], Path]) -> None:
    for blob in (moved[1] / "run-1" / "blobs").rglob("*"):
        if blob.is_file():
            blob.write_bytes(b"")
    code, out, err = harness("show", TRIAL, "--run", "run-1", "--results", moved[1])
    assert (code, out, err) != moved[0][0], "the change is shown from the blobs, and these are gone"
