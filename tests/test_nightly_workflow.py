"""The example workflow: what it names exists, and the history that it keeps between nights is never lost."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "nightly.yml"
STEPS: list[dict[str, Any]] = yaml.safe_load(WORKFLOW.read_text())["jobs"]["nightly"]["steps"]
SCRIPTS = {str(step["name"]): str(step["run"]) for step in STEPS if "run" in step}
RESTORE, KEEP = SCRIPTS["history of earlier nights"], SCRIPTS["keep the history"]


def bash(script: str, folder: Path) -> int:
    """As a CI runs it, with a person's own git settings out of the way."""
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GITHUB_WORKSPACE": str(folder)}
    return subprocess.run(["bash", "-ec", script], cwd=folder, env=os.environ | alone, capture_output=True).returncode


def clone(origin: Path, name: str) -> Path:
    folder = origin.parent / name / "repo"
    folder.parent.mkdir()
    assert bash(f"git clone -q {origin} {folder}", origin) == 0
    return folder


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    path = tmp_path / "origin.git"
    path.mkdir()
    start = "git init -q --bare -b main; git clone -q . ../first; cd ../first; echo x > code; git add code;"
    assert (
        bash(f"{start} git -c user.name=x -c user.email=x@localhost commit -qm x; git push -q origin main", path) == 0
    )
    return path


def night(folder: Path) -> None:
    """What a night leaves behind."""
    with (folder / "results" / "nightly.jsonl").open("a") as file:
        file.write(f"{folder.parent.name}\n")


def test_actions_are_pinned_and_commands_exist() -> None:
    used = [step["uses"] for step in STEPS if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) for name in used)
    told = subprocess.run(
        ["make", "-n", "-o", ".venv/.ready", *SCRIPTS["the night"].split()[1:]],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert re.search(
        r"harness nightly --results results --matrix results/baselines/nightly\.toml .*--budget 50", told, re.S
    )
    assert (ROOT / "results" / "baselines" / "nightly.toml").is_file()


def test_the_history_grows_from_night_to_night(origin: Path) -> None:
    for number in (1, 2, 3):
        folder = clone(origin, f"night-{number}")
        assert bash(RESTORE, folder) == 0
        night(folder)
        assert bash(KEEP, folder) == 0
    last = clone(origin, "reader")
    assert bash(RESTORE, last) == 0
    assert (last / "results" / "nightly.jsonl").read_text().split() == ["night-1", "night-2", "night-3"]


def test_an_origin_that_does_not_answer_ends_the_night_before_it_costs_the_history(origin: Path) -> None:
    folder = clone(origin, "night")
    origin.rename(origin.with_name("gone.git"))
    assert bash(RESTORE, folder) != 0
    keeps = next(step for step in STEPS if step.get("name") == "keep the history")
    assert "steps.history.outcome == 'success'" in keeps["if"]


def test_a_night_that_recorded_nothing_keeps_nothing(origin: Path) -> None:
    folder = clone(origin, "night")
    assert bash(RESTORE, folder) == 0
    assert bash(KEEP, folder) == 0
    assert bash("git ls-remote --exit-code origin refs/heads/nightly-history", folder) == 2
