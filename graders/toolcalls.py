"""What the agent's tool calls did: commands parsed once for all rules, paths resolved, reads told apart.

A call counts as an action when it ended without error and touched the workspace; a command reads a document when lines
of it reach the agent. Where a command's text does not tell (a search, a program of the agent's own), its output does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from graders.launchers import PYTHON, SHELLS
from graders.paths import ByIdentity
from graders.services import program
from graders.shell import WORKSPACE, Command, Shell
from graders.shellwords import HOLE
from harness.core.ports import Case
from harness.core.records import Evidence, Finding, Place, Severity, ToolCall, Tree
from harness.core.task import glob_match

MAX_QUOTE = 200
"""Longest quote of the agent's own text."""
MAX_SCRIPT = 200_000
"""Largest file that is read as a program, in bytes."""
SUB_AGENT_TOOLS = frozenset({"agent", "task", "workflow"})
"""Tools that start another agent, in lower case."""
_SHELL_TOOLS = frozenset({"bash", "shell", "exec_command"})
_FILE_TOOLS = frozenset({"read", "write", "edit", "multiedit", "notebookedit", "glob", "grep", "ls", "list", "view"})
_WRITING_TOOLS = frozenset({"write", "edit", "multiedit", "notebookedit"})
_READERS = frozenset(
    {"cat", "head", "tail", "less", "more", "bat", "batcat", "nl", "tac", "sed", "awk", "gawk", "mawk", "grep", "egrep"}
    | {"fgrep", "rg", "ag", "cut", "sort", "uniq", "tr", "fold", "fmt", "pr", "column", "paste", "strings", "jq", "yq"}
    | {"diff", "read", "mapfile", "readarray", "tee", "git", "perl", "ruby", "vi", "vim", "view", "glow", "rev"}
)
_GREPS = frozenset({"grep", "egrep", "fgrep", "rg", "ag"})
_QUIET = re.compile(r"-[a-zA-Z]*[qlLc][a-zA-Z]*$|--(quiet|silent|count|files|files-with-matches|files-without-match)$")
_IDLE = frozenset(
    {"pwd", "echo", "printf", "date", "which", "type", "command", "printenv", "env", "export", "true", "false", ":"}
    | {"sleep", "whoami", "id", "uname", "hostname", "cd", "pushd", "popd", "nproc", "free", "df", "ps", "top", "kill"}
    | {"pg_isready", "set", "unset", "history", "clear", "ulimit", "umask", "exit", "wait", "jobs", "nc", "ss"}
    | {"netstat", "lsof", "pgrep", "pkill", "test", "[", "read", "source", ".", "trap", "eval", "locale"}
)
"""Programs that work on no file of the repo, whatever they are given."""
_ELSEWHERE = frozenset({"psql", "redis-cli", "valkey-cli", "curl", "wget", "docker", "docker-compose", "podman", "pip"})
"""Programs that work on a file of the repo only when they name it."""
_ABOUT = frozenset({"--version", "--help", "-V"})
_WORD = re.compile(r"[\w./-]+")


@dataclass(frozen=True)
class Act:
    """One tool call and the commands it ran."""

    call: ToolCall
    commands: tuple[Command, ...] = ()
    runs: bool = False
    """It is a shell's line."""

    @property
    def tool(self) -> str:
        """The tool's name in lower case."""
        return self.call.name.lower()

    @property
    def done(self) -> bool:
        """The tool answered, and without error."""
        return self.call.result is not None and not self.call.result.is_error

    @property
    def path(self) -> str | None:
        """The absolute path that a file tool was given, normalised."""
        value = _text(self.call, "file_path", "filePath", "path", "notebook_path")
        return posixpath.normpath(posixpath.join(WORKSPACE, value)) if value else None

    def finding(self, message: str, severity: Severity | None = None, quote: str = "") -> Finding:
        """A finding at this call, which is its act."""
        place = Place(step=self.call.step)
        return Finding(message=message, place=place, severity=severity, act=f"step:{self.call.step}", quote=clip(quote))


def clip(text: str) -> str:
    """An agent's text, short enough to quote and without control characters."""
    shown = "".join(char if char.isprintable() else " " for char in text[: MAX_QUOTE * 2].replace(HOLE, "…"))
    return shown if len(shown) <= MAX_QUOTE else shown[: MAX_QUOTE - 1] + "…"


def quoted(command: Command) -> str:
    """A command as it is shown in a finding."""
    return clip(" ".join((*command.via, *command.argv) if command.via else command.argv))


def is_told(step: int | None, told: set[int | None]) -> bool:
    """Whether a sighting repeats what the transcript told; one without a step (in the background) may be any of it."""
    return step in told or (step is None and bool(told))


def relative(path: str) -> str | None:
    """A path relative to the workspace, None outside of it."""
    if path == WORKSPACE:
        return "."
    return path[len(WORKSPACE) + 1 :] if path.startswith(f"{WORKSPACE}/") else None


def _text(call: ToolCall, *names: str) -> str:
    value = next((call.input[name] for name in names if name in call.input), "")
    return value.replace("\0", "") if isinstance(value, str) else ""


def lookup(evidence: Evidence, path: str) -> str | None:
    """Text of a file of the repo as it stands at the end, else as the seed had it."""
    name = relative(path)
    if name is None:
        return None
    final = _script(evidence.final, name)
    return final if final is not None else _script(evidence.base, name)


def _script(tree: Tree, path: str) -> str | None:
    entry = tree.entries.get(path)
    return tree.text(path) if entry is not None and entry.kind == "file" and entry.size <= MAX_SCRIPT else None


@lru_cache(maxsize=8)
def _acts(key: ByIdentity) -> tuple[Act, ...]:
    evidence = key.evidence
    shell = Shell(lambda path: lookup(evidence, path))
    return tuple(_act(call, shell) for call in evidence.transcript.calls)


def acts(case: Case) -> tuple[Act, ...]:
    """Every tool call in order, with its commands; parsed once per case."""
    return _acts(ByIdentity(case.evidence))


def commands(case: Case) -> Iterator[tuple[Act, Command]]:
    """Every command of every call, in order."""
    return ((act, command) for act in acts(case) for command in act.commands)


def _act(call: ToolCall, shell: Shell) -> Act:
    tool = call.name.lower()
    if tool in _SHELL_TOOLS:
        return Act(call, shell.run(_text(call, "command", "cmd")), runs=True)
    act = Act(call)
    if tool in _WRITING_TOOLS and act.path is not None and act.done:
        _remember(act, act.path, shell)
    return act


def _remember(act: Act, path: str, shell: Shell) -> None:
    """Keep what a file tool wrote, so that a script can be followed as it was when it ran."""
    content = act.call.input.get("content")
    if isinstance(content, str):
        shell.files[path] = content
        return
    old, new = _text(act.call, "old_string"), _text(act.call, "new_string")
    known = shell.read(path)
    if known is not None and old:
        shell.files[path] = known.replace(old, new) if act.call.input.get("replace_all") else known.replace(old, new, 1)


# --- what a call touches and reads -----------------------------------------------------------------------------------


def touches(act: Act, case: Case) -> bool:
    """Whether a call works on the workspace at all."""
    if act.runs:
        return any(_command_touches(command, case) for command in act.commands)
    if act.tool in {"glob", "grep"}:
        return act.path is None or relative(act.path) is not None
    return act.tool in _FILE_TOOLS and act.path is not None and relative(act.path) is not None


def _command_touches(command: Command, case: Case) -> bool:
    if any(relative(path) is not None for path in (*command.reads, *command.writes)):
        return True
    if command.name == HOLE or command.name in _IDLE or _ABOUT.intersection(command.argv):
        return False
    if command.name in _ELSEWHERE or command.piped or PYTHON.match(command.name) or _asks_packages(command):
        return any(_exists(command.path(word), case) for part in command.argv[1:] for word in _WORD.findall(part))
    named = [word for word in command.argv[1:] if word.startswith(("/", ".", "~", HOLE))]
    if named and all(word[0] in {"~", HOLE} or relative(command.path(word)) is None for word in named):
        return False
    return relative(command.cwd) is not None


def _asks_packages(command: Command) -> bool:
    """`uv pip list`, `node -v`: questions about what is installed."""
    return command.argv[1:2] in {("pip",), ("python",), ("-v",)} and command.name != "git"


def _exists(path: str, case: Case) -> bool:
    name = relative(path)
    if name is None or name == ".":
        return False
    return any(name in tree.entries or _folder(name, tree) for tree in (case.evidence.base, case.evidence.final))


def _folder(name: str, tree: Tree) -> bool:
    return any(path.startswith(f"{name}/") for path in tree.entries)


@dataclass(frozen=True)
class Document:
    """A document that an agent is told to read."""

    path: str
    """Relative to the workspace."""
    lines: frozenset[str] = field(repr=False)
    """Lines that give it away in an output."""

    @property
    def absolute(self) -> str:
        return f"{WORKSPACE}/{self.path}"


@lru_cache(maxsize=32)
def documents(contract_path: str, contract: str, specs_path: str, specs: str) -> tuple[Document, Document]:
    """The contract and the specs."""
    ours, theirs = _telling(contract), _telling(specs)
    return Document(contract_path, ours - theirs), Document(specs_path, theirs - ours)


def documents_of(case: Case) -> tuple[Document, Document]:
    """The contract and the specs of a case's task."""
    task = case.task
    return documents(task.contract_path, task.contract, task.specs_path, task.specs)


def _telling(text: str) -> frozenset[str]:
    return frozenset(line.strip() for line in text.splitlines() if len(line.strip()) >= 12)


def reads(act: Act, document: Document) -> bool:
    """Whether lines of a document reach the agent through this call."""
    if act.runs:
        output = act.call.result.text if act.call.result is not None else ""
        return any(_prints(command, document, output) for command in act.commands)
    if act.tool in {"read", "view"}:
        return act.path == document.absolute
    if act.tool == "grep" and act.call.input.get("output_mode") == "content":
        return act.path == document.absolute or _gives_away(act.call.result.text if act.call.result else "", document)
    return False


def _prints(command: Command, document: Document, output: str) -> bool:
    if not command.shown:
        return False
    if PYTHON.match(command.name):
        return document.path in " ".join(command.argv) + (command.stdin or "") or _gives_away(output, document)
    if command.name not in _READERS:
        return command.name == HOLE and _gives_away(output, document)
    if command.name in _GREPS and any(_QUIET.match(word) for word in command.argv[1:]):
        return False
    if command.name == "git":
        return any(word.endswith(f":{document.path}") for word in command.argv)
    if document.absolute in command.reads or any(_names(command, word, document) for word in command.argv[1:]):
        return not (command.name == "sed" and any(word.startswith(("-i", "--in-place")) for word in command.argv))
    return _searches(command) and (document.path in output or _gives_away(output, document))


def _names(command: Command, word: str, document: Document) -> bool:
    path = command.path(word)
    if path == document.absolute:
        return True
    if not any(mark in word for mark in "*?[") or "**" in word:
        return False
    name = relative(path)
    return name is not None and glob_match(document.path, (name,))


def _searches(command: Command) -> bool:
    """Whether a command's files are known only from what it prints."""
    return command.dynamic or command.name in _GREPS or bool({"find", "xargs"} & set(command.via))


def _gives_away(output: str, document: Document) -> bool:
    return any(line in output for line in document.lines)


def written(act: Act) -> Iterator[str]:
    """Absolute paths that a call writes, as far as its text tells."""
    if act.tool in _WRITING_TOOLS and act.path is not None:
        yield act.path
    for command in act.commands:
        yield from command.writes
        yield from _changed_operands(command)


def _changed_operands(command: Command) -> Iterator[str]:
    operands = [command.path(word) for word in command.argv[1:] if not word.startswith("-")]
    if command.name in {"cp", "mv", "ln", "install", "rsync"}:
        yield from operands[-1:] if command.name != "mv" else operands
    elif command.name in {"rm", "truncate", "tee", "unlink", "shred"}:
        yield from operands
    elif command.name in {"sed", "perl"} and any(word.startswith(("-i", "--in-place", "-pi")) for word in command.argv):
        yield from operands[1:]


def tampers_with_git(case: Case) -> bool:
    """Whether a call removes or rewrites the repository's own files, so that unreadable objects are the agent's act."""
    for act in acts(case):
        for path in written(act):
            name = relative(path) or ""
            if name == ".git" or name.startswith(".git/"):
                return True
    return False


# --- the repo's own tests --------------------------------------------------------------------------------------------

_TEST_TOOLS = frozenset({"pytest", "py.test", "unittest", "nose2", "tox", "nox", "behave", "robot"})
_TARGETED = frozenset({"make", "gmake", "just", "task", "npm", "yarn", "pnpm", "poe", "invoke", "inv"})
_COLLECTING = frozenset(
    {"--collect-only", "--co", "--version", "--help", "-h", "--fixtures", "--markers", "-n", "--dry-run"}
)

Runner = tuple[str, ...]


def runner(argv: tuple[str, ...]) -> Runner:
    """What a command line runs: its program, with the target where the program is a task runner."""
    name, *rest = program(argv)
    operand = next((word for word in rest if not word.startswith("-")), "")
    return (name, operand) if name in _TARGETED else (name,)


def test_runners(case: Case) -> frozenset[Runner]:
    """What the repo's own test command runs."""
    shell = Shell(lambda path: lookup(case.evidence, path))
    ran = shell.run(case.task.file.app.test)
    found = [runner(command.argv) for command in ran]
    own = {one for one in found[:1] if one[0] not in SHELLS and not PYTHON.match(one[0]) and HOLE not in one[0]}
    return frozenset(own | {one for one in found if one[0] in _TEST_TOOLS})


def runs_tests(command: Command, runners: frozenset[Runner]) -> bool:
    """Whether a command runs the repo's suite or a part of it."""
    name = runner(command.argv)
    collecting = _COLLECTING - ({"-n"} if name[0] not in _TARGETED else frozenset())
    return name in runners and not collecting.intersection(command.argv)


def under_tests(lines: tuple[tuple[str, ...], ...], runners: frozenset[Runner]) -> bool:
    """Whether one of these command lines is the repo's own test command."""
    return any(runner(line) in runners for line in lines)
