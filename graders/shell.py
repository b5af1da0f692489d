"""A shell line as the commands it can reach, so that rules judge what would run and not what a text looks like.

Parsed with tree-sitter, never run. Functions count when they are called; `bash -c`, here-documents, Makefiles, package
scripts and scripts in the tree are followed; comments, quoted text and patterns are no commands. What only running
could tell is a `HOLE`: a rule that meets a command named so has to ask the sandbox's witness.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import tree_sitter_bash
from tree_sitter import Language, Node, Parser

from graders.launchers import PYTHON, SHELLS, Launch, basename, launch, unwrap
from graders.scripts import package_script, python_starts, recipe
from graders.shellwords import HOLE, Words, text_of

WORKSPACE = "/workspace"
"""Where the repo stands inside a sandbox."""
MAX_TEXT = 128_000
"""Longest text that is parsed, in characters; the rest is one command that cannot be known."""
MAX_TOTAL = 2_000_000
"""Most text that one session parses."""
MAX_COMMANDS = 2_000
"""Most commands that one line yields."""
MAX_FOLLOWED = 8
"""Most scripts inside scripts."""
MAX_DEPTH = 100
"""Deepest nesting of syntax that is read."""
MAX_TURNS = 8
"""Most turns of a loop that are read."""
MAX_VALUE = 20_000
"""Longest value of a variable that is kept, in characters."""
MAX_BARS = 300
"""Longest pipeline that is parsed: a broken one costs the parser quadratic time and memory."""
# The parser takes a word that goes on in the next line for two.
_SPLIT_WORD = re.compile(r"(?<=\w)\\\n(?=\w)")
_LANGUAGE = Language(tree_sitter_bash.language())
_PASSING = frozenset(
    {"cat", "head", "tail", "less", "more", "bat", "nl", "tac", "sed", "awk", "gawk", "grep", "egrep", "rg", "cut"}
    | {"sort", "uniq", "tr", "fold", "fmt", "column", "tee", "jq", "expand", "rev", "pr", "strings", "iconv"}
)
"""Programs that hand on lines of what they are given."""
_SEQUENCES = frozenset(
    {"program", "compound_statement", "do_group", "if_statement", "elif_clause", "else_clause", "case_item"}
)
_SUBSHELLS = frozenset({"subshell", "command_substitution", "process_substitution"})
_REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})
_IN_PLACE = frozenset({"eval", "source", ".", "trap"})
"""Builtins that run text in the shell they stand in."""

Lookup = Callable[[str], str | None]


@dataclass(frozen=True)
class Command:
    """One simple command that a line reaches."""

    argv: tuple[str, ...]
    """Program and arguments with quotes resolved; `HOLE` stands for what cannot be known."""
    assignments: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = ()
    """Absolute paths that redirections read."""
    writes: tuple[str, ...] = ()
    """Absolute paths that redirections write."""
    stdin: str | None = None
    """What it is given on standard input, where that is written in the line."""
    piped: bool = False
    """Its standard input is another command's output."""
    background: bool = False
    shown: bool = True
    """Its standard output reaches whoever ran the line."""
    via: tuple[str, ...] = ()
    """Commands through which it was reached, outermost first."""
    cwd: str = WORKSPACE
    sure: bool = True
    """False: it stands in a part of the line that is no correct shell, or behind a test that nobody can know."""

    @cached_property
    def name(self) -> str:
        """The program without its folder, `HOLE` where that cannot be known."""
        return HOLE if HOLE in self.argv[0] else basename(self.argv[0])

    @property
    def dynamic(self) -> bool:
        """Whether any argument cannot be known."""
        return any(HOLE in word for word in self.argv)

    def path(self, word: str) -> str:
        """The absolute path that an argument names."""
        return posixpath.normpath(posixpath.join(self.cwd, word))


@dataclass
class _Scope:
    """What holds where a command stands."""

    cwd: str
    variables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: dict[str, Node] = field(default_factory=dict)
    via: tuple[str, ...] = ()
    background: bool = False
    shown: bool = True
    sure: bool = True
    followed: int = 0
    stdin: str | None = None
    piped: bool = False
    reads: tuple[str, ...] = ()

    def child(self) -> _Scope:
        """A subshell: it sees everything and changes nothing."""
        inner = copy(self)
        inner.variables, inner.functions = dict(self.variables), dict(self.functions)
        return inner

    def after(self, stdin: str | None, *, piped: bool) -> _Scope:
        """A subshell behind a pipe, with what comes through it where that is known."""
        inner = self.child()
        inner.stdin, inner.piped = stdin, self.piped or piped
        return inner

    def unseen(self) -> _Scope:
        """A subshell whose output somebody else takes."""
        inner = self.child()
        inner.shown = False
        return inner


@dataclass
class _Redirects:
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    stdin: str | None = None
    hidden: bool = False
    """Standard output goes to a file."""
    appends: bool = False


class Shell:
    """Lines of one agent in order: the working directory and the files they write are remembered."""

    def __init__(self, lookup: Lookup | None = None, cwd: str = WORKSPACE) -> None:
        self.cwd = cwd
        self.files: dict[str, str] = {}
        """Absolute path -> text, as written so far."""
        self._lookup = lookup
        self._parser = Parser(_LANGUAGE)
        self._parsed = 0

    def run(self, text: str) -> tuple[Command, ...]:
        """The commands that a line reaches, in order; never raises."""
        reading = _Reading(self)
        scope = _Scope(self.cwd)
        reading.text(text, scope)
        self.cwd = scope.cwd
        return tuple(reading.found)

    def read(self, path: str) -> str | None:
        """Text of a file as far as it is known."""
        known = self.files.get(path)
        return known if known is not None or self._lookup is None else self._lookup(path)

    def parse(self, text: str) -> tuple[Node, bool] | None:
        """Syntax of a text and whether it was read to its end; None where it is too costly to parse."""
        if self._parsed > MAX_TOTAL or _is_endless_pipeline(text[:MAX_TEXT]):
            return None
        whole = len(text) <= MAX_TEXT
        source = text if whole else text[: text.rfind("\n", 0, MAX_TEXT) + 1]
        self._parsed += len(source)
        return self._parser.parse(source.encode("utf-8", "replace")).root_node, whole


def commands(text: str, lookup: Lookup | None = None) -> tuple[Command, ...]:
    """The commands that a line reaches; `lookup` gives the text of a file by its absolute path."""
    return Shell(lookup).run(text)


class _Reading:
    """Reads one line: walks its syntax in the order in which a shell would run it."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.found: list[Command] = []
        self.depth = 0
        self._handlers: dict[str, Callable[[Node, _Scope], object]] = {
            "command": self._command,
            "redirected_statement": self._redirected,
            "pipeline": self._piped,
            "function_definition": self._define,
            "for_statement": self._for,
            "if_statement": self._if,
            "elif_clause": self._if,
            "list": self._list,
            "variable_assignment": self._assign,
        }

    # --- text and statements -----------------------------------------------------------------------------------

    def text(self, text: str, scope: _Scope) -> None:
        """Read shell text in a scope, which it changes as a shell would."""
        parsed = self.shell.parse(_SPLIT_WORD.sub("", text.replace("\0", "")))
        if parsed is None:
            self._hole(scope)
            return
        root, whole = parsed
        self._sequence(root, scope)
        if not whole:
            self._hole(scope)

    def _hole(self, scope: _Scope) -> None:
        self._found(Command((HOLE,), via=scope.via, cwd=scope.cwd, background=scope.background))

    def _found(self, command: Command) -> None:
        if len(self.found) < MAX_COMMANDS:
            self.found.append(command)
        elif self.found[-1].argv != (HOLE,):
            self.found.append(Command((HOLE,)))

    def _statement(self, node: Node, scope: _Scope) -> None:
        if self.depth >= MAX_DEPTH or len(self.found) > MAX_COMMANDS:
            self._hole(scope)
            return
        self.depth += 1
        try:
            self._dispatch(node, scope)
        finally:
            self.depth -= 1

    def _dispatch(self, node: Node, scope: _Scope) -> None:
        kind = node.type
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(node, scope)
        elif kind in _SEQUENCES:
            self._sequence(node, scope)
        elif kind == "ERROR":
            self._sequence(node, replace(scope.child(), sure=False))
        elif kind in _SUBSHELLS:
            self._sequence(node, scope.child())
        else:
            for child in node.named_children:
                self._statement(child, scope)

    def _sequence(self, node: Node, scope: _Scope) -> None:
        children = node.children
        for index, child in enumerate(children):
            if not child.is_named:
                continue
            behind = index + 1 < len(children) and children[index + 1].type == "&"
            self._statement(child, replace(scope.child(), background=True) if behind else scope)
            if child.type == "command" and not behind and _leaves(child):
                return

    def _define(self, node: Node, scope: _Scope) -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is not None and body is not None:
            scope.functions[text_of(name)] = body

    def _if(self, node: Node, scope: _Scope) -> None:
        sure = scope.sure
        scope.sure = sure and not any(self._is_open(test, scope) for test in node.children_by_field_name("condition"))
        self._sequence(node, scope)
        scope.sure = sure

    def _list(self, node: Node, scope: _Scope) -> None:
        """Commands joined by `&&` or `||`."""
        sure = scope.sure
        for child in node.named_children:
            self._statement(child, scope)
            scope.sure = scope.sure and not self._is_open(child, scope)
        scope.sure = sure

    def _is_open(self, node: Node, scope: _Scope) -> bool:
        """Whether what comes behind this test depends on a value that cannot be known."""
        if node.type in {"list", "negated_command"}:
            return any(self._is_open(child, scope) for child in node.named_children)
        if node.type == "command" and text_of(node).startswith("test "):
            return self._is_unknown(node, scope)
        return node.type == "test_command" and self._is_unknown(node, scope)

    def _is_unknown(self, node: Node, scope: _Scope) -> bool:
        if node.type == "command_substitution":
            return True
        if node.type in {"simple_expansion", "expansion"}:
            return HOLE in self._words(scope).one(node)
        return any(self._is_unknown(child, scope) for child in node.named_children)

    def _for(self, node: Node, scope: _Scope) -> None:
        variable, body = node.child_by_field_name("variable"), node.child_by_field_name("body")
        values = self._fields(node.children_by_field_name("value"), scope)
        if variable is None or body is None:
            return
        for value in values[:MAX_TURNS] if 0 < len(values) <= MAX_TURNS else [*values[:MAX_TURNS], HOLE]:
            scope.variables[text_of(variable)] = (value,)
            self._statement(body, scope)

    def _assign(self, node: Node, scope: _Scope) -> tuple[str, str]:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        key = text_of(name) if name is not None else ""
        if value is None:
            values = [""]
        elif value.type == "array":
            values = self._fields(value.named_children, scope)
        else:
            values = [self._words(scope).one(value)]
        if sum(map(len, values)) > MAX_VALUE:
            values = [HOLE]
        scope.variables[key] = tuple(values)
        return key, " ".join(values)

    def _piped(self, node: Node, scope: _Scope) -> None:
        self._pipeline([child for child in node.named_children if child.type != "comment"], scope)

    def _pipeline(self, stages: Sequence[Node], scope: _Scope) -> None:
        given, start = scope.stdin, len(self.found)
        for stage in stages:
            first = len(self.found)
            self._statement(stage, scope.after(given, piped=first > start))
            given = self._output(self.found[first:])
            if first > start and not any(_passes(command) for command in self.found[first:]):
                self._silence(start, first)

    def _silence(self, start: int, end: int) -> None:
        """What earlier stages print goes no further."""
        self.found[start:end] = [replace(command, shown=False) for command in self.found[start:end]]

    # --- redirections ------------------------------------------------------------------------------------------

    def _redirected(self, node: Node, scope: _Scope) -> None:
        body = node.child_by_field_name("body")
        redirects = self._redirects(node.children_by_field_name("redirect"), scope)
        heredoc = next((child for child in node.named_children if child.type == "heredoc_redirect"), None)
        stages = [] if body is None else [body]
        inner = replace(
            scope,
            stdin=redirects.stdin if redirects.stdin is not None else scope.stdin,
            reads=(*scope.reads, *redirects.reads),
            shown=scope.shown and not redirects.hidden,
        )
        piped = next((child for child in heredoc.named_children if child.type == "pipeline"), None) if heredoc else None
        first = len(self.found)
        if piped is not None:
            self._pipeline([*stages, *piped.named_children], inner)
        elif body is not None:
            self._statement(body, inner)
            scope.cwd = inner.cwd
        self._written(first, redirects)
        right = heredoc.child_by_field_name("right") if heredoc is not None else None
        if right is not None:
            self._statement(right, scope)

    def _written(self, first: int, redirects: _Redirects) -> None:
        """Give the last command its redirections, and keep what it writes where that is known."""
        if len(self.found) <= first:
            return
        command = self.found[-1]
        if redirects.writes:
            self.found[-1] = command = replace(command, writes=(*command.writes, *redirects.writes))
        if redirects.hidden and redirects.writes:
            self._keep(redirects.writes[-1], self._output(self.found[first:]), appends=redirects.appends)
        elif command.name == "tee" and command.stdin is not None:
            for word in command.argv[1:]:
                self._keep(command.path(word), command.stdin, appends="-a" in command.argv)

    def _keep(self, path: str, text: str | None, *, appends: bool) -> None:
        if text is not None:
            old = (self.shell.read(path) or "") if appends else ""
            self.shell.files[path] = (old + text)[:MAX_TEXT]

    def _redirects(self, nodes: Sequence[Node], scope: _Scope) -> _Redirects:
        found = _Redirects()
        for node in nodes:
            if node.type == "heredoc_redirect":
                found.stdin = self._heredoc(node, scope)
                nested = self._redirects([child for child in node.named_children if "redirect" in child.type], scope)
                found.writes += nested.writes
                found.hidden, found.appends = found.hidden or nested.hidden, found.appends or nested.appends
            elif node.type == "herestring_redirect":
                found.stdin = " ".join(self._words(scope).one(child) for child in node.named_children)
            else:
                self._file_redirect(node, scope, found)
        return found

    def _file_redirect(self, node: Node, scope: _Scope, found: _Redirects) -> None:
        operator = next((child.type for child in node.children if not child.is_named), "")
        destination = node.child_by_field_name("destination")
        descriptor = node.child_by_field_name("descriptor")
        if destination is None or (destination.type == "number" and "&" in operator):
            return
        path = posixpath.normpath(posixpath.join(scope.cwd, self._words(scope).one(destination)))
        if "<" in operator:
            found.reads.append(path)
            found.stdin = self.shell.read(path)
            return
        found.writes.append(path)
        if descriptor is None or text_of(descriptor) == "1":
            found.hidden = path not in {"/dev/stdout", "/dev/stderr", "/dev/tty"}
            found.appends = operator.endswith(">>")

    def _heredoc(self, node: Node, scope: _Scope) -> str:
        start = next((text_of(child) for child in node.named_children if child.type == "heredoc_start"), "")
        body = next((child for child in node.named_children if child.type == "heredoc_body"), None)
        if body is None:
            return ""
        text = text_of(body) if start[:1] in {"'", '"', "\\"} else self._words(scope).one(body)
        dashed = any(child.type == "<<-" for child in node.children)
        return re.sub(r"^\t+", "", text, flags=re.MULTILINE) if dashed else text

    # --- words -------------------------------------------------------------------------------------------------

    def _words(self, scope: _Scope) -> Words:
        return Words(scope.variables, lambda node: self._substitute(node, scope))

    def _fields(self, nodes: Sequence[Node], scope: _Scope) -> list[str]:
        words = self._words(scope)
        return [word for node in nodes for word in words.fields(node)]

    def _substitute(self, node: Node, scope: _Scope) -> str:
        first = len(self.found)
        for child in node.named_children:
            self._statement(child, scope.unseen())
        output = self._output(self.found[first:])
        return HOLE if output is None else output.strip("\n")

    def _output(self, ran: Sequence[Command]) -> str | None:
        """What commands print together, where all of it can be known; of a pipeline the last one prints."""
        printing = ran[-1:] if any(command.piped for command in ran[1:]) else ran
        outputs = [self._printed(command) for command in printing[:MAX_TURNS]]
        known = [output for output in outputs if output is not None]
        return "".join(known) if known and len(known) == len(printing) else None

    def _printed(self, command: Command) -> str | None:
        words = [word for word in command.argv[1:] if not word.startswith("-")]
        if command.name == "echo":
            return " ".join(words) + "\n"
        if command.name == "printf" and words:
            return " ".join(words).replace("\\n", "\n").replace("%s", "").strip(" ")
        if command.name == "cat":
            return self._cat(command, words)
        if command.name in {"which", "command", "type"}:
            return words[-1] if words else None
        if command.name == "pwd":
            return command.cwd
        return WORKSPACE if command.argv[:3] == ("git", "rev-parse", "--show-toplevel") else None

    def _cat(self, command: Command, words: list[str]) -> str | None:
        if not words or words == ["-"]:
            return command.stdin
        texts = [self.shell.read(command.path(word)) for word in words]
        return "".join(text or "" for text in texts) if None not in texts else None

    # --- commands ----------------------------------------------------------------------------------------------

    def _command(self, node: Node, scope: _Scope) -> None:
        local = _Scope(scope.cwd, dict(scope.variables), scope.functions, followed=scope.followed, via=scope.via)
        assignments = tuple(
            self._assign(child, local) for child in node.children if child.type == "variable_assignment"
        )
        redirects = self._redirects([child for child in node.children if child.type in _REDIRECTS], scope)
        name = next((child for child in node.children if child.type == "command_name"), None)
        first = len(self.found)
        argv = self._fields(name.named_children if name is not None else [], scope)
        argv += self._fields(node.children_by_field_name("argument"), scope)
        if not argv:
            return
        if argv[0] in {"echo", "printf"} and scope.shown:
            self.found[first:] = [replace(command, shown=True) for command in self.found[first:]]
        command = Command(
            argv=tuple(argv),
            assignments=assignments,
            reads=(*scope.reads, *redirects.reads),
            stdin=redirects.stdin if redirects.stdin is not None else scope.stdin,
            piped=scope.piped,
            background=scope.background,
            shown=scope.shown and not redirects.hidden,
            via=scope.via,
            cwd=scope.cwd,
            sure=scope.sure,
        )
        first = len(self.found)
        self._run(command, scope)
        self._written(first, redirects)

    def _run(self, command: Command, scope: _Scope) -> None:
        """Find a command, or what stands behind its prefixes and inside what it runs."""
        for _ in range(MAX_FOLLOWED):
            wrapped = unwrap(command.argv) if command.name != HOLE else None
            if wrapped is None:
                break
            given = _fed(command) if wrapped.label == "xargs" else ()
            command = replace(command, argv=(*wrapped.argv, *given), via=(*command.via, wrapped.label))
        body = scope.functions.get(command.argv[0])
        if body is not None and scope.followed < MAX_FOLLOWED:
            self._call(body, command, scope)
            return
        started = launch(command.argv) if command.name != HOLE else None
        if started is not None and started.kind == "module":
            command = replace(command, argv=(started.value, *started.args), via=(*command.via, "python -m"))
        self._found(command)
        self._builtin(command, scope)
        if started is not None:
            self._follow(started, command, scope)

    def _call(self, body: Node, command: Command, scope: _Scope) -> None:
        variables = {**scope.variables, **_positional(command.argv[1:])}
        inner = replace(scope, variables=variables, followed=scope.followed + 1, stdin=command.stdin)
        self._statement(body, inner)
        scope.cwd = inner.cwd

    def _builtin(self, command: Command, scope: _Scope) -> None:
        operands = [word for word in command.argv[1:] if not word.startswith("-")]
        if command.name in {"cd", "pushd"}:
            target = operands[0] if operands else WORKSPACE
            scope.cwd = WORKSPACE if HOLE in target or target.startswith("~") else command.path(target)
        elif command.name in {"cp", "mv"} and len(operands) == 2:
            self._keep(command.path(operands[1]), self.shell.read(command.path(operands[0])), appends=False)

    def _follow(self, started: Launch, command: Command, scope: _Scope) -> None:
        if scope.followed >= MAX_FOLLOWED:
            self._hole(scope)
            return
        label = " ".join(command.argv)[:200]
        inner = _Scope(
            command.cwd,
            dict(scope.variables),
            via=(*command.via, label),
            background=command.background,
            shown=command.shown,
            sure=command.sure,
            followed=scope.followed + 1,
        )
        if command.name in _IN_PLACE:
            inner.functions = scope.functions
            inner.variables = scope.variables
        self._follow_kind(started, command, inner)
        if command.name in _IN_PLACE:
            scope.cwd = inner.cwd

    def _follow_kind(self, started: Launch, command: Command, scope: _Scope) -> None:
        scope.variables.update(_positional(started.args))
        if started.kind == "shell":
            self.text(started.value, scope)
        elif started.kind == "python":
            self._python(started.value, scope)
        elif started.kind == "module":
            self._module(started.value, command, scope)
        elif started.kind == "stdin":
            self._stdin(started.value, command, scope)
        elif started.kind == "make":
            self._make(started.args, command, scope)
        elif started.kind == "package_script":
            self.text(package_script(self.shell.read(command.path("package.json")) or "", started.value), scope)
        else:
            self._script(started, command, scope)

    def _stdin(self, language: str, command: Command, scope: _Scope) -> None:
        if command.stdin is None:
            return
        if language == "python":
            self._python(command.stdin, scope)
        else:
            self.text(command.stdin, scope)

    def _script(self, started: Launch, command: Command, scope: _Scope) -> None:
        given = started.value in {"/dev/stdin", "/dev/fd/0"}
        text = command.stdin if given else self.shell.read(command.path(started.value))
        if text is None:
            if started.kind == "source" and (command.name in SHELLS or HOLE in started.value):
                self._hole(scope)
            return
        if PYTHON.match(command.name) or re.match(r"#!.*python", text):
            self._python(text, scope)
        elif started.kind == "source" or started.value.endswith(".sh") or re.match(r"#!.*sh\b", text):
            self.text(text, scope)

    def _module(self, name: str, command: Command, scope: _Scope) -> None:
        folder = name.replace(".", "/")
        for path in (f"{folder}.py", f"{folder}/__main__.py"):
            text = self.shell.read(command.path(path))
            if text is not None:
                self._python(text, scope)
                return

    def _make(self, words: tuple[str, ...], command: Command, scope: _Scope) -> None:
        flags = dict(pairwise(words))
        folder = flags.get("-C", flags.get("--directory", "."))
        if HOLE in folder or {"-n", "--dry-run", "--version", "--help"} & set(words):
            return
        named = flags.get("-f", flags.get("--file"))
        scope.cwd = command.path(folder)
        taken = {folder, named}
        targets = tuple(word for word in words if not word.startswith("-") and word not in taken)
        for name in (named,) if named else ("GNUmakefile", "makefile", "Makefile"):
            text = self.shell.read(posixpath.normpath(posixpath.join(scope.cwd, name)))
            if text is not None:
                self.text(recipe(text, targets), scope)
                return

    def _python(self, text: str, scope: _Scope) -> None:
        for started in python_starts(text, hole=HOLE):
            if started.text:
                self.text(started.text, scope)
            elif started.argv and started.argv[0]:
                self._run(Command(started.argv, via=scope.via, cwd=scope.cwd, background=scope.background), scope)


def _leaves(node: Node) -> bool:
    """Whether a command ends its shell, so that nothing after it runs."""
    name = node.child_by_field_name("name")
    return name is not None and text_of(name) in {"exit", "exec"}


def _is_endless_pipeline(text: str) -> bool:
    if text.count("|") < MAX_BARS:
        return False
    bars, goes_on = 0, False
    for line in text.split("\n"):
        bars = line.count("|") + (bars if goes_on else 0)
        if bars >= MAX_BARS:
            return True
        goes_on = line.rstrip().endswith("|") or (goes_on and not line.strip())
    return False


def _fed(command: Command) -> tuple[str, ...]:
    """The words that xargs adds to the command it runs; with `-I` they stand inside it."""
    if any(word.startswith(("-I", "-i", "--replace")) for word in command.argv):
        return ()
    return tuple(command.stdin.split()[:MAX_TURNS]) if command.stdin is not None else (HOLE,)


def _positional(args: Sequence[str]) -> dict[str, tuple[str, ...]]:
    numbered: dict[str, tuple[str, ...]] = {str(index): (word,) for index, word in enumerate(args, start=1)}
    return {**numbered, "@": tuple(args), "*": tuple(args)}


def _passes(command: Command) -> bool:
    """Whether lines that a command is given come out of it again."""
    if not command.shown or command.name not in _PASSING:
        return False
    quiet = {"-q", "-c", "-l", "--quiet", "--count"} if "grep" in command.name or command.name == "rg" else set()
    return not quiet.intersection(command.argv)
