"""`harness new task`: what it writes is named place by place until it is filled in, and is then a task that proves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.core.errors import UsageError
from harness.load.scaffold import TEMPLATE, scaffold
from harness.load.tasks import UNFILLED, find_tasks, load_task

MARK = UNFILLED.decode()


def filled(root: Path) -> Path:
    """The scaffold as an author leaves it who keeps the example."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            path.write_text(path.read_text().replace(MARK, "About this:"))
    return root


def test_every_place_to_fill_in_is_named_with_its_line(tmp_path: Path) -> None:
    root = scaffold(tmp_path, "my-task")
    with pytest.raises(UsageError) as caught:
        load_task(root)
    lines = caught.value.message.splitlines()[1:]
    marks = sum(path.read_text().count(MARK) for path in TEMPLATE.rglob("*") if path.is_file())
    assert len(lines) == marks >= 10
    assert all("to fill in: " in line for line in lines)
    where, _, _ = next(line for line in lines if "contract.md" in line).strip().partition(": ")
    name, _, number = where.partition(":")
    assert MARK in (root / name).read_text().splitlines()[int(number) - 1]


def test_filled_in_it_is_a_task_without_mistakes(tmp_path: Path) -> None:
    bundle = load_task(filled(scaffold(tmp_path, "my-task")))
    assert bundle.task.id == "my-task"
    assert len(bundle.task.clauses) == 5
    assert bundle.alternatives
    assert {flaw.kind for flaw in bundle.flaws.values()} == {"contract", "report"}


def test_the_seed_is_green_and_the_reference_too(tmp_path: Path) -> None:
    """With the repo's own linter: the toolchain's test runner is no dependency of the harness."""
    root = filled(scaffold(tmp_path, "my-task"))
    for delivery in ("solution", "alternatives/in-another-style"):
        files = root / delivery / "files"
        (files / "pyproject.toml").write_text((root / "repo" / "pyproject.toml").read_text())
        for folder in (root / "repo", files):
            ruff = [str(Path(sys.executable).parent / "ruff"), "check", "--no-cache", "."]
            done = subprocess.run(ruff, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout


def test_the_command_says_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "task", "my-task", "--tasks", str(tmp_path)]) == 0
    assert f"harness check {tmp_path / 'my-task'}" in capsys.readouterr().out
    assert find_tasks(tmp_path) == {"my-task": tmp_path / "my-task"}
    assert main(["check", "--tasks", str(tmp_path)]) == 2
    assert "contract.md:3: to fill in" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "My-task", "../elsewhere", "a b", "1a", "-a", "a/b"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no name of a task"):
        scaffold(tmp_path / "tasks", name)
    assert not (tmp_path / "tasks").exists()


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "my-task").mkdir()
    with pytest.raises(UsageError, match="something already"):
        scaffold(tmp_path, "my-task")
    assert list((tmp_path / "my-task").iterdir()) == []


@pytest.mark.sandbox
@pytest.mark.slow
def test_filled_in_it_is_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(scaffold(tmp_path, "my-task"))
    assert main(["check", "--tasks", str(tmp_path), "--repeats", "1"]) == 0, capsys.readouterr().out
    assert "=> proven" in capsys.readouterr().out


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_run_finds_tasks_kept_elsewhere_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(scaffold(tmp_path / "kept elsewhere", "my-task"))
    results = ["--results", str(tmp_path / "results")]
    assert (
        main(["run", "--tasks", str(tmp_path / "kept elsewhere"), "--agents", "noop", "--name", "one", *results]) == 0
    )
    capsys.readouterr()
    assert main(["resume", "one", "--dry-run", *results]) == 0
    assert capsys.readouterr().out.split()[0] == "reuse"
