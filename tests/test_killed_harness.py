"""A harness killed at any moment of a sandbox's life leaves nothing behind the next start of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.compose import ROOT
from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import SandboxSpec
from harness.sandboxes.bubblewrap import MARK, Bubblewrap, sweep
from harness.sandboxes.leases import lease
from harness.sandboxes.toolchain import Store

pytestmark = pytest.mark.sandbox

KILLS = 50
HARNESSES = """
import os, random, signal, sys, threading, time
from pathlib import Path
from harness.core.deadline import Deadline
from harness.core.ports import SandboxSpec
from harness.sandboxes.bubblewrap import Bubblewrap
from harness.sandboxes.toolchain import Store
root, toolchains, toolchain, word, kills = sys.argv[1:]
store = Store(Path(root), Path(toolchains))
store.toolchain(toolchain)

def open_and_close(provider):
    while True:
        provider.open(SandboxSpec(role="judge", toolchain=toolchain, env={"WORD": word}), Deadline(20.0)).close()

def harness():
    provider = Bubblewrap(store)
    for _ in range(2):
        threading.Thread(target=open_and_close, args=(provider,), daemon=True).start()
    time.sleep(60)

dice = random.Random(word)
for _ in range(int(kills)):
    pid = os.fork()
    if pid == 0:
        harness()
    time.sleep(dice.uniform(0.005, 0.15))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
print("killed", flush=True)
"""


def named(word: str) -> list[int]:
    """Processes with a word on their command line or in their environment."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal() and _has(path, word.encode())]


def _has(path: Path, word: bytes) -> bool:
    try:
        return word in (path / "cmdline").read_bytes() or word in (path / "environ").read_bytes()
    except OSError:
        return False


def until_none(word: str, seconds: float) -> list[int]:
    """What is left after some time, at most."""
    end = time.monotonic() + seconds
    while (left := named(word)) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def groups() -> set[Path]:
    """Those of harnesses that are gone; tests beside this one have groups of their own."""
    found = Path("/sys/fs/cgroup").glob("**/contract-harness/*-*-*")
    return {path for path in found if not Path("/proc", path.name.partition("-")[0]).exists()}


def mounts() -> set[str]:
    """Mounts of this machine, without those of containers that tests beside this one have on a daemon."""
    return {line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "docker" not in line}


@pytest.mark.slow
def test_nothing_outlives_fifty_killed_harnesses(store: Store, toolchain: str, tmp_path: Path) -> None:
    word = uuid.uuid4().hex
    groups_before, mounts_before = groups(), mounts()
    argv = [sys.executable, "-c", HARNESSES, str(store.root), str(ROOT / "toolchains"), toolchain, word, str(KILLS)]
    subprocess.run(argv, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, check=True, timeout=300)
    until_none(word, 5.0)
    Bubblewrap(store)
    assert until_none(word, 10.0) == []
    assert groups() <= groups_before
    assert mounts() <= mounts_before
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def owned(store: Store) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts bubblewrap in the name of a harness."""
    started: list[subprocess.Popen[bytes]] = []

    def start(owner: str) -> subprocess.Popen[bytes]:
        argv = [str(store.bubblewrap()), "--ro-bind", "/", "/", "--die-with-parent", "sleep", "60"]
        process = subprocess.Popen(argv, env={MARK: owner, "PATH": "/usr/bin:/bin"})
        started.append(process)
        end = time.monotonic() + 10
        while Path(f"/proc/{process.pid}/comm").read_text() != "bwrap\n" and time.monotonic() < end:
            time.sleep(0.01)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_what_is_of_a_dead_harness_is_ended_and_what_is_of_a_living_one_is_not(
    owned: Callable[[str], subprocess.Popen[bytes]],
) -> None:
    place, _, began = lease().rpartition("/")
    dead, living, elsewhere = owned(f"{place}/{int(began) + 1}"), owned(lease()), owned("another-machine/x/y/1/1")
    assert sweep()
    assert dead.wait(10.0) == -signal.SIGKILL
    time.sleep(0.2)
    assert (living.poll(), elsewhere.poll()) == (None, None)


class Gone(Store):
    """Its bubblewrap names a process 1 that has ended, and ends: what a kill in that moment leaves."""

    place = Path()

    def bubblewrap(self) -> Path:
        ended = subprocess.Popen(["true"])
        ended.wait()
        script = self.place / "bwrap"
        said = json.dumps({"child-pid": ended.pid})
        script.write_text(f"#!/bin/bash\necho '{said}' >&$2\n")
        script.chmod(0o755)
        return script


def test_a_sandbox_killed_before_it_was_looked_at_fails_as_a_sandbox(store: Store, toolchain: str) -> None:
    gone = Gone(store.root, ROOT / "toolchains")
    with tempfile.TemporaryDirectory() as place:
        gone.place = Path(place)
        gone.place.chmod(0o755)
        with pytest.raises(Failure) as caught:
            Bubblewrap(gone).open(SandboxSpec(role="judge", toolchain=toolchain), Deadline(20.0))
    assert caught.value.cause is Cause.SANDBOX
