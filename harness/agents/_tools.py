"""The tools that a driver offers: named and shaped as Claude Code's, and carried out inside the sandbox.

One command in the sandbox answers one call: `bash` for Bash, a small Python program (`_inside.py`) for the file tools.
Whatever a model asks for (an unknown tool, a missing field, a file that is a device) is answered with an error result;
only the sandbox itself can fail.
"""

from __future__ import annotations

import marshal
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from harness.core.ports import Assignment
from harness.core.records import Record

OUTPUT = 30_000
"""Characters of a command's output that an agent gets to see."""
_HELPER_S = 60.0
_HELPER_BYTES = 4_000_000
_BASH_MS = 120_000
_COMMAND = 120_000
"""Most bytes of a command: a system takes no longer argument."""
_LOADER = "import marshal, sys; given = sys.stdin.buffer; exec(marshal.load(given)); main(eval(given.read()))"
"""Runs `_program` on the request that follows it, a literal."""
_CWD = "/tmp/.shell-cwd"  # noqa: S108 - inside the sandbox
"""Where a shell leaves its working directory for the next one."""


@dataclass(frozen=True)
class Answer:
    """What a tool answered."""

    text: str
    is_error: bool = False
    exit_code: int | None = None
    """Exit status of a shell command; None for other tools, and for a command that was killed."""
    truncated: bool = False
    seconds: float = 0.0


class _Said(Record):
    """What the program inside answers; the agent could have put another in its place, so it is checked."""

    text: str
    is_error: bool
    truncated: bool


class _Read(Record):
    """Read a text file. Answers with numbered lines, 2000 of them unless offset and limit say otherwise."""

    file_path: str = Field(description="Absolute path of the file")
    offset: int | None = Field(default=None, ge=0, description="Number of the first line, from 1")
    limit: int | None = Field(default=None, gt=0, description="How many lines to read")


class _Write(Record):
    """Write a file: its whole content is replaced, and folders are made as needed."""

    file_path: str = Field(description="Absolute path of the file")
    content: str = Field(description="The whole content")


class _Edit(Record):
    """Replace a string in a file. It must stand there exactly once, unless replace_all is set."""

    file_path: str = Field(description="Absolute path of the file")
    old_string: str = Field(description="The text to replace")
    new_string: str = Field(description="The text to put in its place")
    replace_all: bool = Field(default=False, description="Replace every occurrence")


class _Bash(Record):
    """Run a shell command in the workspace. The working directory is kept between calls, other shell state is not."""

    command: str = Field(description="The command")
    timeout: float | None = Field(default=None, gt=0, description="Time limit in milliseconds, 120000 by default")
    description: str | None = Field(default=None, description="What the command does, in a few words")
    run_in_background: bool = Field(default=False, description="Start the command and do not wait for it")


class _Glob(Record):
    """Find files by a glob such as `**/*.py`. Answers with paths; version control and caches are left out."""

    pattern: str = Field(description="The glob")
    path: str | None = Field(default=None, description="Folder to search, the workspace by default")


class _Grep(Record):
    """Search files for a regular expression; version control, caches and binary files are left out."""

    pattern: str = Field(description="The regular expression")
    path: str | None = Field(default=None, description="File or folder to search, the workspace by default")
    glob: str | None = Field(default=None, description="Only files that match this glob")
    type: Literal["py", "js", "ts", "md", "yaml", "sh", "json", "toml", "sql", "html", "css", "txt", "po"] | None = (
        Field(default=None, description="Only files of this type")
    )
    output_mode: Literal["content", "files_with_matches", "count"] = Field(
        default="files_with_matches", description="Matching lines, paths of files, or matching lines counted by file"
    )
    ignore_case: bool = Field(default=False, alias="-i", description="Ignore case")
    numbers: bool = Field(default=True, alias="-n", description="Show line numbers (content)")
    after: int | None = Field(default=None, alias="-A", ge=0, description="Lines to show after each match (content)")
    before: int | None = Field(default=None, alias="-B", ge=0, description="Lines to show before each match (content)")
    around: int | None = Field(default=None, alias="-C", ge=0, description="Lines to show around each match (content)")
    head_limit: int = Field(default=250, ge=0, description="Most lines of the answer, 0 for all")
    multiline: bool = Field(default=False, description="Patterns may span lines, and a dot matches a line's end")


class _Agent(Record):
    """Hand a task to a sub-agent."""

    description: str = Field(description="The task in a few words")
    prompt: str = Field(description="The task")
    subagent_type: str | None = Field(default=None, description="Which kind of agent")


_TOOLS: dict[str, type[Record]] = {
    "Agent": _Agent,
    "Bash": _Bash,
    "Edit": _Edit,
    "Glob": _Glob,
    "Grep": _Grep,
    "Read": _Read,
    "Write": _Write,
}


@cache
def definitions() -> list[dict[str, Any]]:
    """The tools as the Messages API takes them; the same at every call, and not to be changed."""
    return [{"name": name, "description": tool.__doc__, "input_schema": _schema(tool)} for name, tool in _TOOLS.items()]


class Toolbox:
    """Answers the tool calls of one assignment."""

    def __init__(self, assignment: Assignment) -> None:
        self._given = assignment
        self._started = 0

    def call(self, name: str, given: JsonValue, step: int) -> Answer:
        """Answer one call; `step` is its place in the transcript."""
        began = monotonic()
        if name == "Agent":
            answer = Answer("Error: sub-agents are not available here", is_error=True)
        elif name not in _TOOLS:
            answer = Answer(f"Error: No such tool available: {name[:200]}", is_error=True)
        else:
            answer = self._checked(name, given, step)
        return replace(answer, seconds=round(monotonic() - began, 3))

    def _checked(self, name: str, given: JsonValue, step: int) -> Answer:
        try:
            asked = _TOOLS[name].model_validate(given)
        except ValidationError as error:
            return Answer(_complaint(name, error), is_error=True)
        if not isinstance(asked, _Bash):
            return self._inside(name, asked.model_dump(by_alias=True), step)
        if "\0" in asked.command or len(asked.command.encode()) > _COMMAND:
            return Answer(f"The command holds a NUL or is longer than {_COMMAND} bytes.", is_error=True)
        return self._start(asked.command) if asked.run_in_background else self._bash(asked, step)

    def _inside(self, name: str, given: Mapping[str, JsonValue], step: int) -> Answer:
        request = {"tool": name, "input": given, "cwd": self._given.workspace}
        done = self._given.sandbox.run(
            ["python3", "-I", "-S", "-c", _LOADER],
            deadline=self._given.deadline.within(_HELPER_S),
            env=self._given.env,
            stdin=_program() + repr(request).encode(),
            cap=_HELPER_BYTES,
            step=step,
        )
        if done.timed_out:
            return Answer(f"{name} took too long and was stopped.", is_error=True)
        try:
            said = _Said.model_validate_json(done.stdout)
            return Answer(said.text, said.is_error, truncated=said.truncated)
        except ValidationError:
            output = (done.stderr or done.stdout).decode("utf-8", "replace")
            return Answer(f"{name} failed: {_middle(output, 2000)}", is_error=True)

    def _bash(self, asked: _Bash, step: int) -> Answer:
        seconds = min((asked.timeout or _BASH_MS) / 1000, self._given.limits.command_s)
        done = self._given.sandbox.run(
            ["bash", "-c", f"{_kept(self._given.workspace)}\n{asked.command}"],
            deadline=self._given.deadline.within(seconds),
            env=self._given.env,
            step=step,
        )
        output = (done.stdout + done.stderr).decode("utf-8", "replace").rstrip("\n")
        text = _middle(output, OUTPUT)
        if done.dropped:
            text += f"\n... (too much output: {done.dropped} bytes of it were dropped)"
        truncated = len(output) > OUTPUT or done.dropped > 0
        if done.timed_out:
            said = f"Command timed out after {done.seconds:.0f} s and was killed.\n{text}".rstrip()
            return Answer(said, is_error=True, truncated=truncated)
        if done.exit_code != 0:
            return Answer(f"Exit code {done.exit_code}\n{text}".rstrip(), True, done.exit_code, truncated)
        return Answer(text or "(no output)", False, 0, truncated)

    def _start(self, command: str) -> Answer:
        self._started += 1
        log = f"/tmp/background-{self._started}.log"  # noqa: S108 - inside the sandbox
        script = f"exec > {log} 2>&1; cd -- {shlex.quote(self._given.workspace)}\n{command}"
        self._given.sandbox.start(["bash", "-c", script], env=self._given.env)
        return Answer(f"Command running in background. Its output is being written to: {log}")


def _kept(workspace: str) -> str:
    """Shell that goes where the last shell was, if that is in the workspace, and leaves word for the next one."""
    root = shlex.quote(workspace)
    back = f"{{ : >| {_CWD}; echo Shell cwd was reset to {root}; }}"
    leave = f"[[ $PWD/ == {root}/* ]] && pwd >| {_CWD} || {back}"
    go = f'{{ IFS= read -r REPLY < {_CWD} && cd -- "$REPLY"; }} 2>/dev/null'
    return f"exec 2>&1; cd -- {root}; {go}; trap {shlex.quote(leave)} EXIT"


def _middle(text: str, most: int) -> str:
    """The text with its middle left out, and a mark that says so."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n\n... [{len(text) - 2 * half} characters left out] ...\n\n{text[-half:]}"


def _complaint(name: str, error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    issues = [f"{'.'.join(map(str, issue['loc'])) or 'input'}: {issue['msg']}" for issue in found]
    return f"InputValidationError: {name} failed due to the following issues:\n" + "\n".join(issues[:10])


def _schema(tool: type[Record]) -> dict[str, Any]:
    schema = tool.model_json_schema()
    properties = {name: _plain(field) for name, field in schema["properties"].items()}
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    """A field's schema without what only says that it may be left out."""
    chosen = field.get("anyOf", [{}])[0]
    return {key: value for key, value in {**field, **chosen}.items() if key not in {"anyOf", "title", "default"}}


@cache
def _program() -> bytes:
    """The program's code, which the sandbox's interpreter takes as it is: both are of the same minor version."""
    source = Path(__file__).with_name("_inside.py")
    return marshal.dumps(compile(source.read_text(encoding="utf-8"), source.name, "exec", dont_inherit=True))
