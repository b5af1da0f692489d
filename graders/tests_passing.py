"""Does the delivery keep the contract? Hidden checks, black box, over HTTP.

The delivery runs in one sandbox, the checks in another with another uid, the database in a third; between them there is
nothing but a relay. The verdict comes out on a channel that the delivery never had. Stages come first (migrates, boots,
ready): the first that fails is named and every check fails for that reason, so a broken start is a score and not a gap.
"""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from graders.channel import Answer, Judged, read_records
from graders.manifest import HiddenCheck, manifest
from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import Address, Case, Lab, Sandbox, SandboxSpec
from harness.core.records import CheckResult, Finding, Grade, Outcome, Place, Tree

WORKSPACE = "/workspace"
APP_PORT = 8000
SERVICE_PORTS = {"postgres": 5432, "valkey": 6379}
MIGRATE_S = 60.0
SUITE_S = 420.0
SAFE_PATH = re.compile(r"[^/\0]+(/[^/\0]+)*")
TESTKIT = Path(__file__).parent / "testkit"

_Services = Mapping[str, tuple[Sandbox, Address]]


class TestsPassing:
    """Runs the hidden checks against the sealed snapshot."""

    __test__ = False
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[str, ...]] = ()

    def grade(self, case: Case) -> Grade:
        """One check per hidden check; `Failure` where the judging itself went wrong."""
        if case.lab is None:
            raise Failure(Cause.GRADER, "tests_passing needs sandboxes")
        files = _checks(case.task.root / "checks")
        expected = manifest({path: content for path, (content, _) in files.items()})
        if not expected:
            raise Failure(Cause.TASK, f"task {case.task.id} has no hidden checks")
        stage, detail, answers = _Trial(case, case.lab, files, expected).judge()
        results = tuple(_result(check, stage, detail, answers.get(check.id)) for check in expected)
        return Grade(grader="tests_passing", version=self.version, digest="", checks=results)


class _Trial:
    """One delivery on the stand."""

    def __init__(
        self, case: Case, lab: Lab, files: Mapping[str, tuple[bytes, bool]], expected: tuple[HiddenCheck, ...]
    ) -> None:
        self._case = case
        self._lab = lab
        self._files = files
        self._expected = expected
        self._app = case.task.file.app

    def judge(self) -> tuple[str, str, dict[str, Answer]]:
        """(stage that failed or "behaves", detail, answers)."""
        task = self._case.task.file
        with self._lab.services(task.services) as services, self._server(services) as server:
            said = self._migrate(server)
            if said is not None:
                return "migrates", said, {}
            command = ["python", "-m", "uvicorn", self._app.module, "--host", "127.0.0.1", "--port", str(APP_PORT)]
            process = server.start(command, cwd=WORKSPACE, env=self._env())
            judged = self._ask(server)
            if judged.ready:
                return "behaves", "", judged.answers
            status = process.wait(Deadline(0.5))
            log = process.log().decode("utf-8", "replace").strip()[-600:]
            if status is not None:
                return "boots", f"the app ended with {status}: {log}", {}
            return "ready", f"{self._app.health} answered {judged.seen}: {log}", {}

    @contextlib.contextmanager
    def _server(self, services: _Services) -> Iterator[Sandbox]:
        relays = {SERVICE_PORTS[name]: _constant(target) for name, target in services.items()}
        spec = SandboxSpec(role="server", toolchain=self._case.task.file.toolchain, relays=relays)
        with self._lab.sandbox(spec) as server:
            server.put(WORKSPACE, _regular_files(self._case.evidence.final))
            yield server

    def _env(self) -> dict[str, str]:
        hosts = {name: f"127.0.0.1:{port}" for name, port in SERVICE_PORTS.items()}
        return {name: value.format(**hosts) for name, value in self._app.env.items()}

    def _migrate(self, server: Sandbox) -> str | None:
        """What the migration said when it failed, None when it went well."""
        if not self._app.migrate:
            return None
        done = server.run(list(self._app.migrate), cwd=WORKSPACE, env=self._env(), deadline=Deadline(MIGRATE_S))
        if done.exit_code == 0:
            return None
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-600:]
        return f"{' '.join(self._app.migrate)} ended with {done.exit_code}: {said}"

    def _ask(self, server: Sandbox) -> Judged:
        target = (server, Address(port=APP_PORT))
        spec = SandboxSpec(role="judge", toolchain=self._case.task.file.toolchain, relays={APP_PORT: lambda: target})
        nonce = secrets.token_hex(16)
        with self._lab.sandbox(spec) as judge:
            judge.put("/srv/judge", _testkit())
            judge.put("/srv/checks", self._files)
            env = {
                "JUDGE_NONCE": nonce,
                "JUDGE_SEED": self._case.seed,
                "JUDGE_PORT": str(APP_PORT),
                "JUDGE_HEALTH": self._app.health,
                "JUDGE_CHECKS": "/srv/checks",
            }
            start = (
                "import sys; sys.path.insert(0, '/srv/judge'); from graders.testkit.judge import main; sys.exit(main())"
            )
            process = judge.start(["python", "-I", "-B", "-c", start], cwd="/srv/checks", env=env)
            deadline = Deadline(SUITE_S)
            lines = []
            try:
                while (line := process.read_line(deadline)) is not None:
                    lines.append(line)
            except TimeoutError as error:
                raise Failure(Cause.GRADER, f"the judge did not end within {SUITE_S:g} s") from error
            status = process.wait(deadline)
        return read_records(lines, nonce, frozenset(check.id for check in self._expected), status)


def _result(check: HiddenCheck, stage: str, detail: str, answer: Answer | None) -> CheckResult:
    if stage != "behaves":
        reason, message = f"stage:{stage}", detail
    elif answer is not None and answer.passed:
        return CheckResult(id=check.id, outcome=Outcome.PASS, phase=check.phase, clauses=check.clauses)
    else:
        assert answer is not None, "read_records answers every check of the manifest"
        reason, message = answer.reason, answer.message
    finding = Finding(message=message or reason, place=Place(section=check.id), quote="")
    return CheckResult(
        id=check.id,
        outcome=Outcome.FAIL,
        findings=(finding,),
        reason=reason,
        phase=check.phase,
        clauses=check.clauses,
    )


def _regular_files(tree: Tree) -> dict[str, tuple[bytes, bool]]:
    """What crosses into the server: regular files only, by their own relative paths; links and special files do not."""
    files = {}
    for path in tree.files():
        parts = path.split("/")
        if SAFE_PATH.fullmatch(path) and ".." not in parts and "." not in parts and ".git" not in parts:
            content = tree.read(path)
            assert content is not None
            files[path] = (content, tree.entries[path].executable)
    return files


def _checks(root: Path) -> dict[str, tuple[bytes, bool]]:
    if not root.is_dir():
        raise Failure(Cause.TASK, "the task has no checks folder")
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), False)
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _testkit() -> dict[str, tuple[bytes, bool]]:
    files = {f"graders/testkit/{path.name}": (path.read_bytes(), False) for path in sorted(TESTKIT.glob("*.py"))}
    return {**files, "graders/__init__.py": (b"", False)}


def _constant(target: tuple[Sandbox, Address]) -> Callable[[], tuple[Sandbox, Address]]:
    return lambda: target
