"""Bad input at the command line: a clear error that names place and mend, exit code 2, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli, compose

ROOT = compose.ROOT


def harness(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**{name: value for name, value in os.environ.items() if name != "ANTHROPIC_API_KEY"}, **(env or {})},
    )


def refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for part in said:
        assert part in done.stderr


def test_an_unknown_agent_is_answered_with_the_nearest(tmp_path: Path) -> None:
    refused(harness("run", "--agents", "orcale", "--results", tmp_path), "orcale", "did you mean 'oracle'")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_task_is_answered_with_the_nearest(tmp_path: Path) -> None:
    refused(harness("run", "--tasks", "booking-crud", "--results", tmp_path), "did you mean 'bookings-crud'")


def test_a_model_without_a_key(tmp_path: Path) -> None:
    done = harness("run", "--model", "claude-opus-5-5", "--results", tmp_path)
    refused(done, "ANTHROPIC_API_KEY", "mend:")


def test_a_prompt_without_frontmatter(tmp_path: Path) -> None:
    prompt = tmp_path / "agent.md"
    prompt.write_text("You are a developer.\n")
    refused(harness("run", "--prompt", prompt, "--results", tmp_path / "r"), f"{prompt}:1", "frontmatter", "mend:")


def test_a_results_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = harness("run", "--agents", "noop", "--tasks", "bookings-crud", "--results", tmp_path / "file")
    refused(done, str(tmp_path / "file"), "mend:")


def test_an_unknown_sandbox(tmp_path: Path) -> None:
    refused(harness("run", "--sandbox", "bubblewarp", "--results", tmp_path), "did you mean 'bubblewrap'")


def test_a_broken_task_names_all_mistakes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = tmp_path / "bookings-crud"
    shutil.copytree(ROOT / "tasks" / "bookings-crud", task)
    text = (task / "task.toml").read_text()
    (task / "task.toml").write_text(text.replace("sprint =", "sprnit =", 1).replace("health =", "heath =", 1))
    (task / "specs.md").unlink()
    from harness.core.errors import UsageError
    from harness.load.tasks import load_task

    with pytest.raises(UsageError) as caught:
        load_task(task)
    for part in ("sprnit", "sprint", "health", "specs.md"):
        assert part in str(caught.value)


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    refused(harness("table", "nightly", "--results", tmp_path), str(tmp_path))


def test_python_too_old(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "PYTHON", (9, 99))
    assert cli.main(["table"]) == 2
    assert "Python 9.99 or newer is needed" in capsys.readouterr().err


def test_make_says_when_python_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text(f"#!/bin/sh\nshift\nexec {sys.executable} -c \"$(printf '%s' \"$1\" | sed 's/(3, 11)/(9, 9)/')\"\n")
    old.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    for name in ("requirements.lock", "bootstrap.lock", "pyproject.toml"):
        (tmp_path / name).write_text("")
    done = subprocess.run(["make", "eval", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "3.11 or newer" in done.stderr
    assert "mend:" in done.stderr
    assert not (tmp_path / ".venv").exists()
