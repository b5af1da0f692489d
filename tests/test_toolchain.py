"""The store: built once however many ask, whole or not at all, readable by anybody, written by nobody."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import ROOT

from harness.core.errors import UsageError
from harness.sandboxes.toolchain import Store, Toolchain, default_root, toolchain_digest


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    """A store with nothing in it, over two toolchains that cannot be built."""
    for name in ("alpha", "beta"):
        (tmp_path / "toolchains" / name).mkdir(parents=True)
        (tmp_path / "toolchains" / name / "requirements.txt").write_text("no requirement at all ===\n")
    return Store(tmp_path / "store", tmp_path / "toolchains")


def test_an_unknown_toolchain_is_answered_with_the_known_ones(empty: Store) -> None:
    with pytest.raises(UsageError, match=r"unknown toolchain 'gamma' \(known: alpha, beta\)") as error:
        empty.digest("gamma")
    assert error.value.where.endswith("gamma/requirements.txt")


def test_a_toolchain_is_what_its_requirements_say() -> None:
    assert toolchain_digest(b"a==1\n") == toolchain_digest(b"a==1\n")
    assert toolchain_digest(b"a==1\n") != toolchain_digest(b"a==2\n")


def test_a_build_that_fails_says_why_and_leaves_nothing_that_looks_built(empty: Store) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="building the toolchain failed: python") as error:
            empty.toolchain("alpha")
        assert "requirement" in error.value.message.lower()
        assert "package index" in error.value.mend
    assert [path for path in (empty.root / "toolchains").iterdir() if not path.name.startswith(".")] == []


def test_what_many_ask_for_is_built_once(empty: Store) -> None:
    built = []

    def make(password: str) -> bytes:
        built.append(password)
        time.sleep(0.2)
        return b"template"

    toolchain = Toolchain("alpha", "0" * 64, empty.root)
    barrier = threading.Barrier(8)

    def ask(_: int) -> tuple[Path, str]:
        barrier.wait()
        return empty.postgres_template(toolchain, make)

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(8)))
    assert len(built) == 1
    ((path, password),) = answers
    assert (path.read_bytes(), password) == (b"template", built[0])


def test_what_a_killed_build_left_behind_is_built_anew(empty: Store) -> None:
    toolchain = Toolchain("alpha", "0" * 64, empty.root)
    left = empty.root / "postgres" / f".{'0' * 20}.building"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    path, _ = empty.postgres_template(toolchain, lambda _: b"whole")
    assert sorted(file.name for file in path.parent.iterdir()) == ["password", "postgres.tar"]


def test_a_store_that_cannot_be_written_is_told_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write the toolchain store") as error:
        Store(tmp_path / "file" / "store", ROOT / "toolchains").runner()
    assert "HARNESS_STORE" in error.value.mend


def test_a_finished_store_is_used_although_it_cannot_be_written(empty: Store) -> None:
    path = empty.runner()
    for folder in (empty.root / "runner", path.parent):
        folder.chmod(0o555)
    assert Store(empty.root, ROOT / "toolchains").runner() == path


def test_anybody_may_read_and_nobody_else_write_what_was_built(empty: Store) -> None:
    old = os.umask(0o077)
    try:
        paths = [empty.runner(), empty.bubblewrap()]
    finally:
        os.umask(old)
    for path in paths:
        for part in (path, *list(path.parents)[: len(path.relative_to(empty.root).parts) - 1]):
            mode = stat.S_IMODE(part.stat().st_mode)
            assert mode & 0o444 == 0o444, part
            assert mode & 0o022 == 0, part
            assert not part.is_dir() or mode & 0o111 == 0o111, part


def test_bubblewrap_s_copy_runs(empty: Store) -> None:
    done = subprocess.run([empty.bubblewrap(), "--version"], capture_output=True, text=True, check=True, env={})
    assert done.stdout.startswith("bubblewrap 0.")


def test_the_runner_is_the_one_of_this_version_and_names_no_place_of_the_host(empty: Store) -> None:
    done = subprocess.run([sys.executable, "-I", "-S", empty.runner()], capture_output=True, text=True, check=False)
    assert 'File "runner.pyc", line' in done.stderr
    assert "IndexError" in done.stderr
    assert str(ROOT).encode() not in empty.runner().read_bytes()


def toolchain_of(prefix: str, folder: Path) -> Toolchain:
    """A toolchain that was built with the interpreter at `prefix`."""
    (folder / "venv" / "bin").mkdir(parents=True)
    (folder / "venv" / "bin" / "python").symlink_to(f"{prefix}/bin/python3.11")
    return Toolchain("alpha", "0" * 64, folder)


def test_the_interpreter_s_copy_is_whole_and_lean(store: Store, toolchain: str) -> None:
    interpreter = store.interpreter(store.toolchain(toolchain))
    if interpreter.copy is None:
        assert interpreter.binary.startswith("/usr/bin/python3")
        return
    code = "import ctypes, json, sqlite3, ssl, sys, asyncio; print(sys.prefix)"
    binary = interpreter.copy / Path(interpreter.binary).relative_to(interpreter.prefix)
    done = subprocess.run([binary, "-I", "-c", code], capture_output=True, text=True, check=True, env={})
    assert done.stdout.strip() == str(interpreter.copy)
    assert not list(interpreter.copy.glob("lib/python*/test"))


def test_the_system_s_own_interpreter_needs_no_copy(empty: Store, tmp_path: Path) -> None:
    interpreter = empty.interpreter(toolchain_of("/usr", tmp_path))
    assert interpreter.copy is None
    assert interpreter.binary.startswith("/usr/bin/python3.")


def test_the_interpreter_stands_where_the_toolchain_expects_it(
    empty: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    interpreter = empty.interpreter(toolchain_of("/home/builder/python", tmp_path))
    assert (interpreter.prefix, interpreter.copy) == ("/home/builder/python", Path("/usr"))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HARNESS_STORE": "/given", "XDG_CACHE_HOME": "/cache"}, "/given"),
        ({"XDG_CACHE_HOME": "/cache"}, "/cache/contract-harness"),
        ({}, "{home}/.cache/contract-harness"),
    ],
)
def test_where_the_store_is(environ: dict[str, str], expected: str) -> None:
    if os.geteuid() == 0 and "HARNESS_STORE" not in environ:
        expected = "/var/cache/contract-harness"
    assert default_root(environ) == Path(expected.format(home=Path.home()))
