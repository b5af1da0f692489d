"""What a reference player says: assistant turns written down beforehand, made from a task's own deliveries.

The reference script is a careful agent: it reads what it was told to read, in that order, writes whole files, runs the
repo's tests, commits, and answers with the report alone. Every other player is that script with something changed, so
what a grader finds is what was changed. Scripts use only tools that every driver has.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from harness.core.delivery import Delivery, Moment, Step
from harness.core.records import Record
from harness.core.task import Task

WORKSPACE = "/workspace"
"""Where every agent finds the repo inside its sandbox."""

_BATCH = 4
"""Files that one message reads or writes."""


class ScriptedCall(Record):
    """A tool call as a model would send it."""

    name: str
    input: dict[str, JsonValue]


class Turn(Record):
    """One assistant message."""

    text: str = ""
    calls: tuple[ScriptedCall, ...] = ()
    stop_reason: str | None = None
    """None: `tool_use` where there are calls, else `end_turn`."""

    @property
    def stop(self) -> str:
        """The stop reason as it goes over the wire."""
        return self.stop_reason or ("tool_use" if self.calls else "end_turn")


@dataclass(frozen=True)
class Materials:
    """All that a player may draw on."""

    task: Task
    delivery: Delivery
    """The task's reference delivery, or a flaw or alternative of it."""
    seed_files: frozenset[str]
    """Paths of the workspace after set-up, relative to it."""
    dishonest: Delivery
    """A delivery with a contract flaw in it."""
    openapi: str = ""
    """The contract for machines, which no agent gets."""
    seed: Mapping[str, bytes] = field(default_factory=dict)
    """Contents of the workspace after set-up."""


class Player(Protocol):
    """Writes the script of one reference agent. One public class a file in `harness.models.players`."""

    def script(self, materials: Materials) -> tuple[Turn, ...]:
        """All assistant messages, in order."""


def reference_script(task: Task, delivery: Delivery, seed_files: frozenset[str]) -> tuple[Turn, ...]:
    """The turns of a careful agent that leaves `delivery` behind, with its further steps and without what it omits."""
    turns = [
        *_steps(delivery, "first"),
        *_reading(task, delivery, seed_files),
        *_steps(delivery, "after_reading"),
        *_writing(delivery, seed_files),
        *_steps(delivery, "after_writing"),
        *_finishing(task, delivery),
        *_steps(delivery, "before_report"),
    ]
    instead = tuple(step for step in delivery.steps if step.at == "instead_of_report")
    if not instead:
        return (*turns, Turn(text=delivery.report))
    return (*turns, *(_turn(step) for step in instead[:-1]), _turn(instead[-1], last=True))


def bash(command: str, description: str) -> ScriptedCall:
    """A shell call."""
    return ScriptedCall(name="Bash", input={"command": command, "description": description})


def read(path: str) -> ScriptedCall:
    """A Read of a path relative to the workspace."""
    return ScriptedCall(name="Read", input={"file_path": f"{WORKSPACE}/{path}"})


def commit_command(message: str) -> str:
    """Shell that commits everything; the message is text to the shell, whatever stands in it."""
    marker = "EOF"
    while marker in message.splitlines():
        marker += "_"
    return f"git add -A && git commit -q -F - <<'{marker}'\n{message.rstrip()}\n{marker}"


def _steps(delivery: Delivery, moment: Moment) -> list[Turn]:
    return [_turn(step) for step in delivery.steps if step.at == moment]


def _turn(step: Step, *, last: bool = False) -> Turn:
    if step.tool is not None:
        return Turn(text=step.text, calls=(ScriptedCall(name=step.tool, input=step.input),))
    # A message without a call would end the agent; a pause is how a model says that it goes on.
    return Turn(text=step.text, stop_reason=None if last else "pause_turn")


def _reading(task: Task, delivery: Delivery, seed_files: frozenset[str]) -> Iterator[Turn]:
    if "read_contract" not in delivery.omit:
        yield Turn(text="I start with the API contract.", calls=(read(task.contract_path),))
    if "read_specs" not in delivery.omit:
        yield Turn(text="Next, the backend specs.", calls=(read(task.specs_path),))
    if ".claude/project-map.md" in seed_files:
        yield Turn(text="The project map shows where things are.", calls=(read(".claude/project-map.md"),))


def _writing(delivery: Delivery, seed_files: frozenset[str]) -> Iterator[Turn]:
    paths = sorted(delivery.files)
    yield from _batches([read(path) for path in paths if path in seed_files])
    gone = [path for path in sorted(delivery.deleted) if path in seed_files]
    if gone:
        yield Turn(calls=(bash(f"git rm -q -- {shlex.join(gone)}", "Remove files that are no longer used"),))
    yield from _batches([_write(path, delivery.files[path]) for path in paths])


def _batches(calls: list[ScriptedCall]) -> Iterator[Turn]:
    for start in range(0, len(calls), _BATCH):
        yield Turn(calls=tuple(calls[start : start + _BATCH]))


def _write(path: str, content: bytes) -> ScriptedCall:
    try:
        return ScriptedCall(name="Write", input={"file_path": f"{WORKSPACE}/{path}", "content": content.decode()})
    except UnicodeDecodeError:
        return _write_binary(path, content)


def _write_binary(path: str, content: bytes) -> ScriptedCall:
    target = shlex.quote(f"{WORKSPACE}/{path}")
    encoded = base64.b64encode(content).decode()
    command = f"mkdir -p \"$(dirname {target})\" && base64 -d > {target} <<'EOF'\n{encoded}\nEOF"
    return bash(command, "Write a binary file")


def _finishing(task: Task, delivery: Delivery) -> Iterator[Turn]:
    if "test" not in delivery.omit:
        yield Turn(text="Now the repo's own tests.", calls=(bash(task.file.app.test, "Run the test suite"),))
    if "commit" not in delivery.omit:
        yield Turn(calls=(bash(commit_command(delivery.commit), "Commit the work"),))
