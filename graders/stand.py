"""The stand that one delivery is judged on: services, one or two servers, fake peers and the judge, each on its own.

Everything is opened at once, because nothing needs another's start: relays look their ends up per connection. Whatever
the judge asks for while it works (a restart, a stopped database, a log) is done here, by name and by nothing else.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import JsonValue

from graders.channel import Request
from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import CONTROL, Address, Case, Lab, Process, Sandbox, SandboxSpec
from harness.core.records import Tree
from harness.core.task import PEER_PORTS

WORKSPACE = "/workspace"
APP_PORT = 8000
JUDGE_TOOLCHAIN = "judge"
INSTALL_S = 120.0
MIGRATE_S = 120.0
FAULT_S = 60.0
STOP_S = 10.0
GLANCE_S = 0.5
"""Long enough to hear that a command has ended already."""
LOG_CAP = 400_000
KEPT_CAP = 8_000_000
"""Most of a log that goes to the judge: its end."""
STATEMENTS_CAP = 8_000_000
LINKED_CAP = 20_000_000
"""Bytes that links may add to a delivery."""
LINKS_DEEP = 8
SAFE_PATH = re.compile(r"[^/\0]+(/[^/\0]+)*")
STATEMENT = re.compile(
    r"^(?P<pid>\d+):(?P<role>[^:\n]*):LOG:  (?:statement|execute [^:\n]*): (?P<sql>.*(?:\n\t.*)*)", re.M
)
SERVE = 'echo $$ > /srv/app.pid; exec "$@" 2>&1'
"""Both outputs are one, so that a long access log does not hide what the app itself says."""
SIGNAL = "kill -TERM $(cat /srv/app.pid)"
TESTKIT = Path(__file__).parent / "testkit"
START = "import sys; sys.path.insert(0, '/srv/judge'); from graders.testkit.{0} import main; sys.exit(main())"

Target = tuple[Sandbox, Address]


class Stand:
    """A delivery's sandboxes while they live; made by `stand`."""

    def __init__(self, case: Case) -> None:
        self._file = case.task.file
        self._env = self._file.app.environment()
        self.judge: Sandbox | None = None
        self._services: Mapping[str, Target] = {}
        self._servers: dict[int, Sandbox] = {}
        self._runs: dict[int, list[Process]] = {}
        self._peers: tuple[Sandbox, Process] | None = None

    # --- stages

    def install(self) -> str | None:
        """What the installation said when it failed, on whichever server; None when it went well."""
        said = (self._command(box, self._file.app.install, INSTALL_S) for box in self._servers.values())
        return next((words for words in said if words is not None), None)

    def migrate(self) -> str | None:
        """What the migration said when it failed, None when it went well."""
        return self._command(self._servers[0], self._file.app.migrate, MIGRATE_S)

    def boot(self) -> None:
        """Start every replica."""
        for replica in self._servers:
            self._start(replica)

    def ended(self) -> int | None:
        """Exit status of the first replica that has ended by itself, None while all of them run."""
        states = (runs[-1].wait(Deadline(GLANCE_S)) for runs in self._runs.values())
        return next((status for status in states if status is not None), None)

    def log(self, replica: int) -> str:
        """All that the app wrote, over its restarts; the end of it where it is long."""
        return b"".join(run.log() for run in self._runs[replica]).decode("utf-8", "replace")[-LOG_CAP:]

    def require_alive(self) -> None:
        """`Failure(SANDBOX)` when a sandbox ended under the judge: what was seen then is no fault of the delivery's."""
        boxes = [*self._servers.values(), *(box for box, _ in self._services.values())]
        for box in boxes + ([self._peers[0]] if self._peers else []):
            box.run(["true"], deadline=Deadline(FAULT_S))

    def took_too_much(self) -> str | None:
        """What the delivery's servers or services ended of, where that was a limit that what runs in them went over."""
        for box in [*self._servers.values(), *(box for box, _ in self._services.values())]:
            try:
                box.run(["true"], deadline=Deadline(FAULT_S))
            except LimitReached as reached:
                return reached.message
            except Failure:
                continue
        return None

    def _command(self, box: Sandbox, argv: tuple[str, ...], seconds: float) -> str | None:
        if not argv:
            return None
        done = box.run(list(argv), cwd=WORKSPACE, env=self._env, deadline=Deadline(seconds))
        if done.exit_code == 0:
            return None
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-600:]
        return f"{' '.join(argv)} ended with {done.exit_code}: {said}"

    # --- what the judge may ask for

    def carry_out(self, request: Request) -> JsonValue:
        """Do it and say what came of it; `Failure(TASK)` for what this task's stand does not have."""
        known: dict[str, Callable[..., JsonValue]] = {
            "start_app": self._start,
            "stop_app": self._stop,
            "kill_app": self._kill,
            "start_service": lambda name: self._control(name, "start", name),
            "stop_service": lambda name: self._control(name, "stop", name),
            "mark": lambda: int(str(self._control("postgres", "mark"))),
            "statements": self._statements,
            "log": self.log,
            "peer": self._peer,
        }
        try:
            return known[request.what](**request.about)
        except (KeyError, TypeError, ValueError) as error:
            raise Failure(
                Cause.TASK, f"a hidden check asks for {request.what} {dict(request.about)}: {error}"
            ) from error

    def _start(self, replica: int) -> None:
        runs = self._runs.setdefault(replica, [])
        if runs and runs[-1].wait(Deadline(GLANCE_S)) is None:
            return
        serve = ["python", "-m", "uvicorn", self._file.app.module, "--host", "127.0.0.1", "--port", str(APP_PORT)]
        argv = ["bash", "-c", SERVE, "app", *serve]
        runs.append(self._servers[replica].start(argv, cwd=WORKSPACE, env=self._env, log_cap=KEPT_CAP))

    def _stop(self, replica: int) -> int | None:
        """Exit status after a request to end, 0 too where that signal ended it; None where it had to be killed."""
        self._servers[replica].run(["bash", "-c", SIGNAL], deadline=Deadline(STOP_S))
        status = self._runs[replica][-1].wait(Deadline(STOP_S))
        if status is None:
            self._kill(replica)
        return 0 if status == -signal.SIGTERM else status

    def _kill(self, replica: int) -> None:
        run = self._runs[replica][-1]
        run.kill()
        if run.wait(Deadline(STOP_S)) is None:
            raise Failure(Cause.SANDBOX, "the app could not be killed")

    def _control(self, service: str, *words: str, cap: int = 1_000_000) -> str:
        box, _ = self._services[service]
        done = box.run([CONTROL, *words], deadline=Deadline(FAULT_S), cap=cap)
        if done.exit_code != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-300:]
            raise Failure(Cause.SANDBOX, f"{' '.join(words)} ended with {done.exit_code}: {said}")
        return done.stdout.decode("utf-8", "replace")

    def _statements(self, since: int) -> JsonValue:
        """[process, role, statement] for each that the database took since its log had this size."""
        text = self._control("postgres", "log", str(since), cap=STATEMENTS_CAP)
        return [[int(found["pid"]), found["role"], found["sql"]] for found in STATEMENT.finditer(text)]

    def _peer(self, **words: JsonValue) -> JsonValue:
        if self._peers is None:
            raise KeyError("this task has no fake peer")
        _, process = self._peers
        process.write(json.dumps(words).encode() + b"\n")
        line = process.read_line(Deadline(FAULT_S))
        if line is None:
            raise Failure(Cause.GRADER, f"the fake peers ended: {process.log().decode('utf-8', 'replace')[-300:]}")
        return cast(JsonValue, json.loads(line))

    # --- opening

    def target(self, name: str) -> Target:
        """Where connections to a service or a fake peer go; `Failure` while it is not there."""
        if name in self._services:
            return self._services[name]
        if self._peers is None:
            raise Failure(Cause.SANDBOX, f"{name} is not there yet")
        return self._peers[0], Address(port=PEER_PORTS[name])

    def replica(self, number: int) -> Target:
        """Where requests to a replica go."""
        if number not in self._servers:
            raise Failure(Cause.SANDBOX, "the server is not there yet")
        return self._servers[number], Address(port=APP_PORT)

    def _parts(self, case: Case, lab: Lab) -> list[AbstractContextManager[None]]:
        parts: list[AbstractContextManager[None]] = [self._open_services(lab), self._open_judge(lab)]
        parts += [self._open_server(lab, number, case.evidence.final) for number in range(self._file.app.replicas)]
        return parts + ([self._open_peers(lab)] if self._file.fakes else [])

    @contextlib.contextmanager
    def _open_services(self, lab: Lab) -> Iterator[None]:
        with lab.services(self._file.services) as services:
            self._services = services
            yield

    @contextlib.contextmanager
    def _open_server(self, lab: Lab, number: int, final: Tree) -> Iterator[None]:
        names: tuple[str, ...] = (*self._file.services, *self._file.fakes)
        relays = {PEER_PORTS[name]: _bound(self.target, name) for name in names}
        with lab.sandbox(SandboxSpec(role="server", toolchain=self._file.toolchain, relays=relays)) as box:
            box.put(WORKSPACE, regular_files(final))
            self._servers[number] = box
            yield

    @contextlib.contextmanager
    def _open_judge(self, lab: Lab) -> Iterator[None]:
        relays = {APP_PORT + number: _bound(self.replica, number) for number in range(self._file.app.replicas)}
        relays |= {PEER_PORTS[name]: _bound(self.target, name) for name in self._file.services}
        with lab.sandbox(SandboxSpec(role="judge", toolchain=JUDGE_TOOLCHAIN, relays=relays)) as box:
            box.put("/srv/judge", _testkit())
            self.judge = box
            yield

    @contextlib.contextmanager
    def _open_peers(self, lab: Lab) -> Iterator[None]:
        with lab.sandbox(SandboxSpec(role="services", toolchain=JUDGE_TOOLCHAIN)) as box:
            box.put("/srv/judge", _testkit())
            ports = {name: PEER_PORTS[name] for name in self._file.fakes}
            process = box.start(["python", "-I", "-B", "-c", START.format("peers"), json.dumps(ports)])
            if process.read_line(Deadline(FAULT_S)) != b"ready":
                raise Failure(Cause.GRADER, f"the fake peers did not start: {process.log()[-300:]!r}")
            self._peers = box, process
            yield


@contextlib.contextmanager
def stand(case: Case, lab: Lab) -> Iterator[Stand]:
    """The stand of one delivery, open; closed as a whole, also when a part of it could not be had."""
    made = Stand(case)
    with contextlib.ExitStack() as stack:
        parts = made._parts(case, lab)
        # A sandbox dies with the thread that started it, so the threads outlive the sandboxes.
        pool = stack.enter_context(ThreadPoolExecutor(len(parts)))
        opening: list[tuple[AbstractContextManager[None], Future[None]]] = [
            (part, pool.submit(part.__enter__)) for part in parts
        ]
        problems = []
        for part, future in opening:
            problem = future.exception()
            if problem is None:
                stack.push(part)
            else:
                problems.append(problem)
        if problems:
            raise problems[0]
        yield made


def regular_files(tree: Tree) -> dict[str, tuple[bytes, bool]]:
    """What crosses into a server, by relative path: regular files, and relative links to such as what they lead to.

    A link is followed in the manifest alone, so it leads nowhere but into the tree. Links to folders and special files
    stay behind, and so do links whose contents together go over `LINKED_CAP`.
    """
    files = {}
    room = LINKED_CAP
    for path, entry in sorted(tree.entries.items()):
        source = path if entry.kind == "file" else _led_to(tree, path)
        if source is None or not SAFE_PATH.fullmatch(path) or {"..", ".", ".git"} & set(path.split("/")):
            continue
        if source != path:
            room -= tree.entries[source].size
            if room < 0:
                continue
        content = tree.read(source)
        assert content is not None
        files[path] = (content, tree.entries[source].executable)
    return files


def _led_to(tree: Tree, path: str) -> str | None:
    """The regular file of the tree that a link leads to."""
    for _ in range(LINKS_DEEP):
        entry = tree.entries.get(path)
        if entry is None or entry.kind == "special" or not path:
            return None
        if entry.kind == "file":
            return path
        if entry.target.startswith("/"):
            return None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.target))
    return None


def _testkit() -> dict[str, tuple[bytes, bool]]:
    files = {f"graders/testkit/{path.name}": (path.read_bytes(), False) for path in sorted(TESTKIT.glob("*.py"))}
    return {**files, "graders/__init__.py": (b"", False)}


def _bound(look_up: Callable[[Any], Target], name: str | int) -> Callable[[], Target]:
    return lambda: look_up(name)


Stage = Literal["installs", "migrates", "boots", "ready", "behaves"]
STAGES: tuple[Stage, ...] = ("installs", "migrates", "boots", "ready", "behaves")
