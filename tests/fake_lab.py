"""A lab without walls for faults that real sandboxes cannot be made to have: every process says what a test wrote."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import Address, Executed, Sandbox, SandboxSpec

Script = Callable[[str], list[bytes]]
"""Nonce of the run -> the lines that the judge writes."""


class FakeProcess:
    """Says its lines and ends with its status; `hangs` never ends."""

    def __init__(self, lines: list[bytes], status: int | None, hangs: bool = False) -> None:
        self.lines = list(lines)
        self.status = status
        self.hangs = hangs
        self.written: list[bytes] = []

    def read_line(self, deadline: Deadline) -> bytes | None:
        if self.lines:
            return self.lines.pop(0)
        if self.hangs:
            raise TimeoutError("nothing comes")
        return None

    def wait(self, deadline: Deadline) -> int | None:
        return self.status

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def log(self) -> bytes:
        return b"a log"

    def kill(self) -> None:
        self.status = -9


@dataclass
class FakeBox:
    """A sandbox of one role. `dead`: its runner has ended, and every request fails by that."""

    lab: FakeLab
    role: str
    kind: str = "fake"
    dead: Failure | None = None
    ran: list[list[str]] = field(default_factory=list)

    def run(self, argv: list[str], **_: object) -> Executed:
        if self.dead is not None:
            raise self.dead
        self.ran.append(argv)
        return Executed(0, b"0", b"")

    def start(self, argv: list[str], *, env: Mapping[str, str] | None = None, **_: object) -> FakeProcess:
        if self.role != "judge":
            return FakeProcess([], None)
        nonce = (env or {})["JUDGE_NONCE"]
        self.lab.judge = FakeProcess(self.lab.script(nonce), self.lab.status, self.lab.hangs)
        for role in self.lab.die:
            self.lab.boxes[role].dead = self.lab.of
        return self.lab.judge

    def put(self, root: str, files: object) -> None:
        if self.role in self.lab.full:
            raise Failure(Cause.SANDBOX, "put files into the sandbox: No space left on device")

    def close(self) -> None:
        self.lab.closed.append(self.role)


@dataclass
class FakeLab:
    """Hands out fake boxes; what goes wrong is said in its fields."""

    script: Script
    status: int | None = 0
    hangs: bool = False
    die: tuple[str, ...] = ()
    """Roles whose runner ends once the judge has started."""
    of: Failure = Failure(Cause.SANDBOX, "run: the sandbox has ended")  # noqa: RUF009 - never changed
    """What they end of."""
    full: tuple[str, ...] = ()
    """Roles whose disk takes no files."""
    missing: tuple[str, ...] = ()
    """Roles that cannot be opened."""
    boxes: dict[str, FakeBox] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)
    judge: FakeProcess | None = None

    @contextlib.contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        if spec.role in self.missing:
            raise Failure(Cause.SANDBOX, f"no {spec.role}")
        box = self.boxes[spec.role] = FakeBox(self, spec.role)
        try:
            yield cast(Sandbox, box)
        finally:
            box.close()

    @contextlib.contextmanager
    def services(self, names: tuple[str, ...]) -> Iterator[Mapping[str, tuple[Sandbox, Address]]]:
        if "services" in self.missing:
            raise Failure(Cause.SANDBOX, "no services")
        box = self.boxes["services"] = FakeBox(self, "services")
        try:
            yield {name: (cast(Sandbox, box), Address(path=f"/run/{name}")) for name in names}
        finally:
            box.close()


def line(nonce: str, **record: object) -> bytes:
    """A record as the judge writes it."""
    return json.dumps({**record, "nonce": nonce}).encode()
