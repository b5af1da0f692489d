"""A sandbox without walls, for tests of drivers: commands run on this machine, `/workspace` stands for a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.core.deadline import Deadline
from harness.core.ports import Assignment, Executed
from harness.core.records import Limits
from harness.core.transcript import Event


class LocalSandbox:
    """Runs commands as they are, with `/workspace` in arguments, input and output swapped for a folder's path."""

    kind = "local"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.steps: list[int | None] = []
        self.started: list[subprocess.Popen[bytes]] = []

    def run(
        self,
        argv: list[str],
        *,
        deadline: Deadline,
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        cap: int = 1_000_000,
        step: int | None = None,
    ) -> Executed:
        self.steps.append(step)
        began = time.monotonic()
        with self._popen(argv, cwd, env, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(self._in(stdin), timeout=deadline.remaining())
                code: int | None = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                out, err = process.communicate()
                code = None
        out, err = self._out(out), self._out(err)
        dropped = max(0, len(out) - cap) + max(0, len(err) - cap)
        return Executed(code, out[:cap], err[:cap], dropped, time.monotonic() - began)

    def start(
        self, argv: list[str], *, cwd: str = "/", env: Mapping[str, str] | None = None, log_cap: int = 1_000_000
    ) -> subprocess.Popen[bytes]:
        process = self._popen(argv, cwd, env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()

    def _popen(
        self, argv: list[str], cwd: str, env: Mapping[str, str] | None, *, stdin: int, stderr: int
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._in(word.encode()).decode() for word in argv],
            cwd=cwd,
            env=dict(env or {}),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )

    def _in(self, data: bytes) -> bytes:
        # The shell's notes about itself go beside the folder, so that tests do not meet.
        swapped = data.replace(b"/tmp/.shell-cwd", b"%b.shell-cwd" % bytes(self.root))
        swapped = swapped.replace(b"/tmp/background-", b"%b.background-" % bytes(self.root))
        return swapped.replace(b"/workspace", bytes(self.root))

    def _out(self, data: bytes) -> bytes:
        return data.replace(bytes(self.root), b"/workspace")


def assignment(sandbox: LocalSandbox, base_url: str = "", **changed: object) -> tuple[Assignment, list[Event]]:
    """An assignment on a local sandbox, and the list that its events are appended to."""
    events: list[Event] = []

    def record(kind: str, data: Mapping[str, object]) -> None:
        events.append(Event.model_validate({"seq": len(events) + 1, "at": 0.0, "kind": kind, "data": data}))

    given: dict[str, object] = {
        "system": "You build backends.",
        "kickoff": "Begin.",
        "model": "reference/test",
        "base_url": base_url,
        "token": "token",
        "sandbox": sandbox,
        "workspace": "/workspace",
        "env": {"PATH": os.environ["PATH"], "HOME": str(sandbox.root.parent), "LC_ALL": "C.UTF-8"},
        "limits": Limits(command_s=20.0),
        "deadline": Deadline(60.0),
        "record": record,
    }
    return Assignment(**{**given, **changed}), events  # type: ignore[arg-type]


Make = Callable[..., tuple[Assignment, list[Event]]]
