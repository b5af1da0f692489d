"""Sandboxes for tests: one lab per kind of sandbox, over the real toolchain store."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import settings

from harness.core.deadline import Deadline
from harness.core.ports import Executed, Sandbox, SandboxProvider, SandboxSpec
from harness.sandboxes.bubblewrap import Bubblewrap
from harness.sandboxes.lab import SandboxLab
from harness.sandboxes.services import Services
from harness.sandboxes.toolchain import Store, default_root

ROOT = Path(__file__).parent.parent
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")


def docker(store: Store) -> SandboxProvider:
    """Containers on the daemon that DOCKER_HOST names."""
    from harness.sandboxes import kinds

    return kinds.make("docker", store, ROOT / "toolchains", os.environ, print)


def has_docker() -> bool:
    """Whether the daemon of DOCKER_HOST answers and holds a base; HARNESS_TEST_DOCKER=1 demands that it does."""
    demanded = os.environ.get("HARNESS_TEST_DOCKER") == "1"
    if demanded or "DOCKER_HOST" not in os.environ:
        return demanded
    from harness.sandboxes import kinds

    store = Store(default_root(dict(os.environ)), ROOT / "toolchains")
    return kinds.make("auto", store, ROOT / "toolchains", os.environ, print).kind == "docker"


KINDS: dict[str, Callable[[Store], SandboxProvider]] = {"bubblewrap": Bubblewrap}
if has_docker():
    KINDS["docker"] = docker
"""Every kind of sandbox; each has to pass the whole contract."""
OWN_PROCESSES = {"bubblewrap": 2, "docker": 1}
"""How many processes of this machine are the sandbox itself, before any command."""
INSIDE_UID = {"bubblewrap": "1000", "docker": "10001"}

Open = Callable[..., Sandbox]

# --- skips --------------------------------------------------------------------------------------------------------

MAY_BE_SKIPPED = {
    "only root may mount a small disk": "a daemon may be used without being root",
    "only root can take the network away": "as above",
    "only root hands sandboxes to another user": "as above: who is not root has one user alone",
    "only root looks at another user's files": "as above",
    "only root starts a daemon of its own": "as above",
    "this daemon has no gVisor": "a daemon may have its own runtime alone",
    "this gVisor keeps its process 1 closed": "a newer one than Debian's, whose walls hold",
    "the daemon is not reached by a socket of this machine": "the test cuts the connection, which stands in for TCP",
}
"""Reason of a skip -> why it is no gap where a Docker daemon is demanded; with any other reason a skip fails there.

What makes no sense for a kind of sandbox is not here: it is no parameter of its test.
"""
Report = pytest.TestReport | pytest.CollectReport


def unskipped(report: Report) -> Report:
    """The report, failed where it tells of a skip that HARNESS_TEST_DOCKER=1 does not allow."""
    if os.environ.get("HARNESS_TEST_DOCKER") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if reason.removeprefix("Skipped: ") not in MAY_BE_SKIPPED:
            report.outcome = "failed"
            report.longrepr = f"a skip is a failure where HARNESS_TEST_DOCKER=1: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, Report]:
    return unskipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, Report]:
    return unskipped((yield))


# --- labs ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def toolchain() -> str:
    """Name of the toolchain that tests use: what tasks are worked on with."""
    return "python-fastapi"


@pytest.fixture(scope="session")
def store() -> Store:
    return Store(default_root(dict(os.environ)), ROOT / "toolchains", print)


@pytest.fixture(scope="session")
def labs(store: Store, toolchain: str) -> Callable[[str], SandboxLab]:
    """The lab of a kind of sandbox."""

    @functools.cache
    def made(kind: str) -> SandboxLab:
        provider = KINDS[kind](store)
        return SandboxLab(provider, Services(provider, store, toolchain))

    return made


@pytest.fixture(scope="session", params=sorted(KINDS))
def lab(request: pytest.FixtureRequest, labs: Callable[[str], SandboxLab]) -> SandboxLab:
    return labs(request.param)


@pytest.fixture(scope="session")
def shared(lab: SandboxLab, toolchain: str) -> Iterator[Sandbox]:
    """One sandbox for all tests that disturb nobody."""
    with lab.sandbox(SandboxSpec(role="judge", toolchain=toolchain)) as box:
        yield box


@pytest.fixture
def fresh(lab: SandboxLab, toolchain: str) -> Iterator[Open]:
    """Opens sandboxes that end with the test."""
    with ExitStack() as stack:
        yield lambda role="judge", **spec: stack.enter_context(
            lab.sandbox(SandboxSpec(role=role, toolchain=toolchain, **spec))
        )


def python(box: Sandbox, code: str, seconds: float = 20.0, **options: object) -> Executed:
    """Run Python in a sandbox."""
    return box.run(["python", "-I", "-c", code], deadline=Deadline(seconds), **options)  # type: ignore[arg-type]


def answer(box: Sandbox, code: str, seconds: float = 20.0) -> str:
    """What a Python program in a sandbox prints; it has to end well."""
    done = python(box, code, seconds)
    assert done.exit_code == 0, done
    return done.stdout.decode().strip()


def shell(box: Sandbox, script: str, seconds: float = 20.0, **options: object) -> Executed:
    """Run a shell script in a sandbox."""
    return box.run(["bash", "-c", script], deadline=Deadline(seconds), **options)  # type: ignore[arg-type]


def on_host(word: str) -> dict[int, str]:
    """Processes of this machine with `word` in their command line or environment, and all below: pid -> start time."""
    parents: dict[int, int] = {}
    starts: dict[int, str] = {}
    found: set[int] = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            line = (path / "cmdline").read_bytes()
        except OSError:
            continue
        with suppress(OSError):
            line += (path / "environ").read_bytes()
        pid = int(path.name)
        parents[pid], starts[pid] = int(fields[1]), fields[19]
        if re.search(re.escape(word.encode()), line) and pid != os.getpid():
            found.add(pid)
    while True:
        below = {pid for pid, parent in parents.items() if parent in found} - found
        if not below:
            return {pid: starts[pid] for pid in found}
        found |= below
