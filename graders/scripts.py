"""Programs that stand in files, reduced to what they start: Makefiles, package scripts, Python sources.

Only what can be read off the text: a target's recipe with simple variables, and the calls of a Python program that is
run, through the functions it calls itself.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graders.pycode import FunctionNode, Source, parse

MAX_SOURCE = 200_000
"""Longest program text that is read, in characters."""
_RULE = re.compile(r"^([A-Za-z0-9_./%\- ]+?)\s*::?(?!=)\s*([^;]*?)(?:;(.*))?$")
_VARIABLE = re.compile(r"^(?:export\s+|override\s+)?([A-Za-z_]\w*)\s*(?::{0,3}|\?|\+)=\s*(.*)$")
_USE = re.compile(r"\$[({](\w+)[)}]")
_SERVERS: Mapping[str, tuple[str, ...]] = {
    "uvicorn.run": ("uvicorn",),
    "uvicorn.main": ("uvicorn",),
    "uvicorn.Server": ("uvicorn",),
    "uvicorn.main.run": ("uvicorn",),
    "hypercorn.asyncio.serve": ("hypercorn",),
    "hypercorn.run.run": ("hypercorn",),
    "granian.Granian": ("granian",),
    "waitress.serve": ("waitress-serve",),
    "wsgiref.simple_server.make_server": ("http.server",),
    "http.server.HTTPServer": ("http.server",),
    "http.server.ThreadingHTTPServer": ("http.server",),
    "http.server.test": ("http.server",),
    "aiohttp.web.run_app": ("http.server",),
    "claude_agent_sdk.query": ("claude",),
    "claude_agent_sdk.ClaudeSDKClient": ("claude",),
}
_SHELL_CALLS = frozenset({"os.system", "os.popen", "asyncio.create_subprocess_shell", "subprocess.getoutput"})
_LIST_CALLS = frozenset(f"subprocess.{name}" for name in ("run", "Popen", "call", "check_call", "check_output"))
_ARGUMENT_CALLS = frozenset({"asyncio.create_subprocess_exec"})
_EXEC = re.compile(r"os\.(exec|spawn|posix_spawn)[lvpe]*$")


@dataclass(frozen=True)
class Started:
    """One thing that a Python program starts: arguments, or a line for the shell."""

    argv: tuple[str, ...] = ()
    text: str = ""


@dataclass
class _Makefile:
    variables: dict[str, str] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    recipes: dict[str, list[str]] = field(default_factory=dict)
    first: str = ""


def recipe(makefile: str, words: tuple[str, ...]) -> str:
    """The shell text that `make words...` runs, one recipe line a line; empty where nothing is known."""
    parsed = _read_makefile(makefile[:MAX_SOURCE])
    targets = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            parsed.variables[name] = value
        elif not word.startswith("-"):
            targets.append(word)
    lines: list[str] = []
    done: set[str] = set()
    pending = (targets or [parsed.first])[::-1]
    while pending:
        target = pending.pop()
        ready = [need for need in parsed.needs.get(target, []) if need not in done]
        if target in done:
            continue
        if ready and f"{target}\n" not in done:
            done.add(f"{target}\n")
            pending += [target, *ready[::-1]]
            continue
        done.add(target)
        lines += parsed.recipes.get(target, [])
    return "\n".join(_expand(line, parsed.variables) for line in lines)


def _read_makefile(text: str) -> _Makefile:
    found = _Makefile()
    targets: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("\t"):
            for target in targets:
                found.recipes.setdefault(target, []).append(line.strip().lstrip("@-+ "))
            continue
        variable = _VARIABLE.match(line)
        rule = None if variable else _RULE.match(line.split("#")[0].rstrip())
        if variable:
            found.variables[variable[1]] = variable[2].split(" #")[0].strip()
        elif rule:
            targets = rule[1].split()
            found.first = found.first or next((name for name in targets if not name.startswith(".")), "")
            for target in targets:
                found.needs.setdefault(target, []).extend(rule[2].split())
                if rule[3]:
                    found.recipes.setdefault(target, []).append(rule[3].strip().lstrip("@-+ "))
    return found


def _expand(line: str, variables: Mapping[str, str]) -> str:
    for _ in range(5):
        replaced = _USE.sub(lambda match: variables.get(match[1], match[0]), line)[:MAX_SOURCE]
        if replaced == line:
            break
        line = replaced
    return line.replace("$(MAKE)", "make").replace("$$", "$")


def package_script(package_json: str, name: str) -> str:
    """The shell text of a script in `package.json`, empty where there is none."""
    try:
        scripts = json.loads(package_json[:MAX_SOURCE]).get("scripts", {})
        text = scripts.get(name, "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return text if isinstance(text, str) else ""


def python_starts(text: str, *, hole: str) -> list[Started]:
    """What a Python program starts when it is run as `__main__`; `hole` stands for what cannot be known."""
    source = parse(text[:MAX_SOURCE])
    return list(_Reader(source, hole).starts()) if source is not None else []


class _Reader:
    """Visits the calls that running a module reaches, through its own functions."""

    def __init__(self, source: Source, hole: str) -> None:
        self.source = source
        self.hole = hole
        self.visited: set[str] = set()

    def starts(self) -> Iterator[Started]:
        bodies: list[ast.AST] = [self.source.tree]
        while bodies:
            for node in _reached(bodies.pop()):
                if not isinstance(node, ast.Call):
                    continue
                function = self._own_function(node)
                if function is not None:
                    bodies.append(function)
                started = self._started(node)
                if started is not None:
                    yield started

    def _own_function(self, call: ast.Call) -> FunctionNode | None:
        name = self.source.dotted(call.func)
        if name in self.visited or name not in self.source.functions:
            return None
        self.visited.add(name)
        return self.source.functions[name]

    def _started(self, call: ast.Call) -> Started | None:
        name = self.source.dotted(call.func)
        if name in _SERVERS:
            return Started((*_SERVERS[name], *(self._word(argument) for argument in call.args[:3]), self.hole))
        if name in _SHELL_CALLS and call.args:
            return Started(text=self._word(call.args[0]))
        if name in _LIST_CALLS and call.args:
            return self._listed(call)
        if name in _ARGUMENT_CALLS:
            return Started(tuple(self._word(argument) for argument in call.args))
        if _EXEC.match(name):
            return Started(tuple(self._exec_words(call.args)))
        return None

    def _listed(self, call: ast.Call) -> Started | None:
        first = call.args[0]
        if isinstance(first, (ast.List, ast.Tuple)):
            words = tuple(self._word(item) for item in first.elts)
            return Started(words) if words else None
        return Started(text=self._word(first))

    def _exec_words(self, arguments: list[ast.expr]) -> Iterator[str]:
        """`os.execvp(file, [arg0, ...])` and `os.execlp(file, arg0, ...)`: arg0 repeats the file."""
        words: list[ast.expr] = []
        for argument in arguments:
            words += argument.elts if isinstance(argument, (ast.List, ast.Tuple)) else [argument]
        for index, word in enumerate(words):
            if index != 1:
                yield self._word(word)

    def _word(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if self.source.dotted(node) == "sys.executable":
            return "python"
        if isinstance(node, ast.JoinedStr):
            return "".join(self._word(part) for part in node.values)
        return self.hole


def _reached(body: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when a body runs: functions and classes it defines are left out until they are called."""
    pending: list[ast.AST] = list(ast.iter_child_nodes(body))[::-1]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending += list(ast.iter_child_nodes(node))[::-1]
