"""Bad input at the command line: a clear error that names place and mend, exit code 2, and nothing lost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import on_host

from harness import cli, compose
from harness.sandboxes.toolchain import Store

ROOT = compose.ROOT


def harness(
    *arguments: object, env: dict[str, str] | None = None, before: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """`harness` in a process of its own, started through `before`."""
    return subprocess.run(
        [*before, sys.executable, "-m", "harness", *map(str, arguments)],
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


WALLS: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "read-only": lambda folder: ("--ro-bind", str(folder), str(folder)),
    "no permission": lambda folder: ("--cap-drop", "ALL"),
}
"""Reason -> what makes bubblewrap hold even root to it."""


@pytest.mark.sandbox
@pytest.mark.parametrize("below", ["", "results"], ids=["itself", "to be made"])
@pytest.mark.parametrize("wall", WALLS)
def test_a_results_folder_in_a_place_that_takes_nothing(store: Store, tmp_path: Path, wall: str, below: str) -> None:
    tmp_path.chmod(0o555 if wall == "no permission" else 0o755)
    before = (str(store.bubblewrap()), "--dev-bind", "/", "/", *WALLS[wall](tmp_path), "--")
    results = tmp_path / below
    done = harness("run", "--agents", "noop", "--tasks", "bookings-crud", "--results", results, before=before)
    why = "Read-only file system" if wall == "read-only" else "Permission denied"
    refused(done, f"harness: {results}: cannot be written: {why}", "mend: make the results folder writable")
    assert (done.stdout, list(tmp_path.iterdir())) == ("", [])


def test_an_unknown_sandbox(tmp_path: Path) -> None:
    refused(harness("run", "--sandbox", "bubblewarp", "--results", tmp_path), "did you mean 'bubblewrap'")


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_broken_task_names_all_mistakes_at_once(tmp_path: Path, verb: str) -> None:
    task = tmp_path / "bookings-crud"
    shutil.copytree(ROOT / "tasks" / "bookings-crud", task)
    text = (task / "task.toml").read_text()
    (task / "task.toml").write_text(text.replace("sprint =", "sprnit =", 1).replace("health =", "heath =", 1))
    (task / "specs.md").unlink()
    results = ("--results", tmp_path / "results") if verb == "run" else ()
    done = harness(verb, "--tasks", task, *results)
    mistakes = (
        "task.toml: sprint: field required",
        "task.toml: app.health: field required",
        "task.toml: app.heath: extra inputs are not permitted",
        "task.toml: sprnit: extra inputs are not permitted",
        "specs.md: missing; every task has one",
    )
    refused(
        done, f"harness: {task}: 5 mistakes", *(f"\n  {mistake}\n" for mistake in mistakes), "  mend: change the named"
    )
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == [task.name]


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


# --- a machine that cannot isolate -------------------------------------------------------------------------------

NO_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
FORBIDDEN = ("unshare", "--user", "--map-root-user", "bash", "-c", NO_NAMESPACES, "-")
REFUSES = "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"


@pytest.fixture
def without_bubblewrap(store: Store, toolchain: str) -> Iterator[Callable[[str], Path]]:
    """A store that anybody may enter, like this machine's but for its bwrap: one that says so, or none."""
    interpreter = store.interpreter(store.toolchain(toolchain))
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        for built in ("toolchains", *(("interpreters",) if interpreter.copy is not None else ())):
            (place / built).symlink_to(store.root / built)
        bwrap = Store(place, ROOT / "toolchains").bubblewrap()

        def made(script: str) -> Path:
            bwrap.chmod(0o755)
            bwrap.unlink() if not script else bwrap.write_text(script)
            return place

        yield made


def refused_to_run(results: Path, kind: str, env: dict[str, str], before: tuple[str, ...] = ()) -> str:
    """What `harness run` says that has to end before anything starts: no model asked, nothing written, nobody left."""
    mark = uuid.uuid4().hex
    with socket.create_server(("127.0.0.1", 0)) as model:
        model.setblocking(False)
        model_env = {
            "ANTHROPIC_API_KEY": "sk-ant-test",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{model.getsockname()[1]}",
            "DOCKER_HOST": f"unix://{results}/no-daemon",
            "STARTED_BY": mark,
        }
        arguments = ("--tasks", "bookings-crud", "--model", "prompt", "--sandbox", kind, "--results", results)
        done = harness("run", *arguments, env={**model_env, **env}, before=before)
        with pytest.raises(BlockingIOError):
            model.accept()
    refused(done, "sandbox bubblewrap: this machine cannot isolate an agent: start ", "mend: ")
    assert done.stdout == ""
    assert [path.name for path in results.iterdir()] == ["lock"]
    assert on_host(mark) == {}
    return done.stderr


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", ["auto", "bubblewrap"])
def test_a_run_where_namespaces_are_forbidden_starts_nothing_and_tells_the_mend(
    tmp_path: Path, store: Store, kind: str
) -> None:
    # Who runs it looks like root there, whose store is another one.
    said = refused_to_run(tmp_path / "results", kind, {"HARNESS_STORE": str(store.root)}, FORBIDDEN)
    assert "sysctl user.max_user_namespaces=10000" in said
    assert ("sandboxes: bubblewrap, because no Docker daemon answers" in said) is (kind == "auto")


@pytest.mark.sandbox
def test_a_run_with_a_bubblewrap_that_refuses_starts_nothing(
    tmp_path: Path, without_bubblewrap: Callable[[str], Path]
) -> None:
    store = str(without_bubblewrap(REFUSES))
    said = refused_to_run(tmp_path / "results", "bubblewrap", {"HARNESS_STORE": store})
    assert "bwrap: No permissions to create new namespace" in said
    assert "user namespaces must be allowed for this user" in said


@pytest.mark.sandbox
def test_a_run_without_bubblewrap_starts_nothing(tmp_path: Path, without_bubblewrap: Callable[[str], Path]) -> None:
    store = str(without_bubblewrap(""))
    said = refused_to_run(tmp_path / "results", "auto", {"HARNESS_STORE": store})
    assert "start bubblewrap: No such file or directory" in said
    assert f"remove {store}/bubblewrap" in said
