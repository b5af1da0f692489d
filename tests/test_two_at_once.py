"""Harness processes that are started in the same instant on one results folder: one works, and no plan is lost."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.accounts import journal as read_lines
from chaos.upstream import play
from chaos.world import World, build
from test_resume import RIGHT, actions, done, options, resume
from test_store import manifest

from harness import verbs
from harness.models.serve import PlayerServer
from harness.store.layout import RunFolder

ROUNDS, AT_ONCE = 5, 3


@pytest.fixture
def upstream() -> Iterator[str]:
    with PlayerServer() as server:
        yield play(server)


def test_the_plan_is_read_again_under_the_lock(tmp_path: Path) -> None:
    found = RunFolder.create(tmp_path, manifest())
    found.replan(manifest().model_copy(update={"superseded": manifest().trials, "budget_usd": 7.0}))
    with verbs._held(found) as held:
        assert (held.manifest.superseded, held.manifest.budget_usd) == (manifest().trials, 7.0)


def together(world: World, url: str, arguments: list[object]) -> list[tuple[int, str]]:
    """Exit code and standard error of processes that were started one right after the other."""
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            world.command(*arguments), cwd=world.tree, env=world.environ(url), stdout=pipe, stderr=pipe, text=True
        )
        for _ in range(AT_ONCE)
    ]
    said = [process.communicate(timeout=240)[1] for process in processes]
    return [(process.returncode, err) for process, err in zip(processes, said, strict=True)]


@pytest.mark.sandbox
@pytest.mark.slow
def test_resumes_started_at_once_do_the_work_once_and_keep_every_earlier_plan(tmp_path: Path, upstream: str) -> None:
    world = build(tmp_path, RIGHT)
    ended = together(world, upstream, options(world))
    assert sorted(code for code, _ in ended) == [0, 2, 2], ended
    spec = world.tree / "tasks" / "task-right" / "specs.md"
    for number in range(1, ROUNDS + 1):
        spec.write_text(spec.read_text() + f"\nSentence {number}.\n")
        ended = together(world, upstream, resume(world))
        assert all(code == 0 or "another harness process works on it" in err for code, err in ended), ended
        assert 0 in [code for code, _ in ended]
        attempts = [line for line in read_lines(world.run) if line["type"] == "attempt"]
        assert len(attempts) == len({line["trial"] for line in attempts}) == number + 1, "each content once"
        plan = json.loads((world.run / "run.json").read_text())
        assert len(plan["superseded"]) == number, "what an earlier plan measured is not forgotten"
        assert actions(done(world, "", resume(world, "--dry-run"))[1]) == [("reuse", "unchanged")]
