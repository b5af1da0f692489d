"""What a command line starts besides itself: prefixes such as `env` or `timeout`, and interpreters such as `bash -c`.

Pure tables and functions over arguments. They say what would be started; `graders.shell` follows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

PYTHON = re.compile(r"python(\d+(\.\d+)?t?)?$|pypy3?$")
SHELLS = frozenset({"sh", "bash", "zsh", "dash", "ksh", "ash"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_TAKES_TEXT = re.compile(r"-[a-z]*c$")
_NODE_RUNNERS = frozenset({"npm", "yarn", "pnpm", "bun"})


@dataclass(frozen=True)
class Wrapped:
    """A command behind a prefix."""

    argv: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Launch:
    """Something that a command reads and runs."""

    kind: Literal["shell", "python", "module", "script", "source", "stdin", "make", "package_script"]
    """`shell` and `python`: `value` is the program itself; `script` and `source`: its path; `stdin`: it comes there."""
    value: str = ""
    args: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Prefix:
    """How a prefix command is laid out: options with a value of their own, then so many operands."""

    valued: frozenset[str] = frozenset()
    operands: int = 0


def _prefix(valued: str = "", operands: int = 0) -> _Prefix:
    return _Prefix(frozenset(valued.split()), operands)


_RUN_OPTIONS = (
    "--with --extra --group --only-group --no-group --python -p --project --package --directory --env-file --index "
    "--with-requirements --with-editable --default-index --config-file -C -P -e -f"
)
_EXEC_OPTIONS = "-u --user -w --workdir -e --env --env-file --index -f --file -p --project-name --profile"
_PREFIXES: Mapping[tuple[str, ...], _Prefix] = {
    ("sudo",): _prefix("-u -g -h -p -C -T -U -D -R --user --group --chdir"),
    ("doas",): _prefix("-u -C"),
    ("nohup",): _prefix(),
    ("timeout",): _prefix("-k -s --kill-after --signal", 1),
    ("gtimeout",): _prefix("-k -s", 1),
    ("xargs",): _prefix("-I -n -P -L -d -a -s -E -l --max-args --max-procs --arg-file --delimiter"),
    ("exec",): _prefix("-a"),
    ("command",): _prefix(),
    ("builtin",): _prefix(),
    ("time",): _prefix("-f -o"),
    ("nice",): _prefix("-n --adjustment"),
    ("ionice",): _prefix("-c -n"),
    ("setsid",): _prefix(),
    ("stdbuf",): _prefix("-i -o -e"),
    ("unbuffer",): _prefix(),
    ("taskset",): _prefix("", 1),
    ("chrt",): _prefix("", 1),
    ("strace",): _prefix("-o -e -s"),
    ("flock",): _prefix("-w -E", 1),
    ("coproc",): _prefix(),
    ("gosu",): _prefix("", 1),
    ("su-exec",): _prefix("", 1),
    ("runuser",): _prefix("-u -g -G"),
    ("setpriv",): _prefix("--reuid --regid --groups --inh-caps --bounding-set"),
    ("busybox",): _prefix(),
    ("npx",): _prefix("-p --package"),
    ("bunx",): _prefix(),
    ("uvx",): _prefix("--from --with --python -p"),
    ("uv", "run"): _prefix(_RUN_OPTIONS),
    ("uv", "tool", "run"): _prefix("--from --with --python -p"),
    ("pipx", "run"): _prefix("--spec --python"),
    ("poetry", "run"): _prefix(),
    ("pdm", "run"): _prefix("-p"),
    ("pipenv", "run"): _prefix(),
    ("rye", "run"): _prefix(),
    ("hatch", "run"): _prefix(),
    ("dotenv", "run"): _prefix("-f"),
    ("npm", "exec"): _prefix("-p --package"),
    ("pnpm", "exec"): _prefix(),
    ("pnpm", "dlx"): _prefix(),
    ("yarn", "exec"): _prefix(),
    ("docker", "exec"): _prefix(_EXEC_OPTIONS, 1),
    ("docker", "compose", "exec"): _prefix(_EXEC_OPTIONS, 1),
    ("docker-compose", "exec"): _prefix(_EXEC_OPTIONS, 1),
    ("podman", "exec"): _prefix(_EXEC_OPTIONS, 1),
    ("git", "submodule", "foreach"): _prefix(),
    ("git", "bisect", "run"): _prefix(),
}
_LONGEST = max(len(words) for words in _PREFIXES)
_FIRST_WORDS = frozenset(words[0] for words in _PREFIXES)


def basename(word: str) -> str:
    """A program's name without its folder."""
    return word.rpartition("/")[2]


def skip_options(words: tuple[str, ...], valued: frozenset[str]) -> tuple[str, ...]:
    """`words` from the first operand on; `valued` are the options that take the next word."""
    index = 0
    while index < len(words) and words[index].startswith("-") and words[index] != "-":
        if words[index] == "--":
            return words[index + 1 :]
        index += 2 if words[index] in valued else 1
    return words[index:]


def unwrap(argv: tuple[str, ...]) -> Wrapped | None:
    """The command behind a prefix, None where the command starts nothing else."""
    name = basename(argv[0])
    if name == "env":
        return _unwrap_env(argv)
    if name == "find":
        return _unwrap_find(argv)
    if name == "coverage":
        return _unwrap_coverage(argv)
    if name not in _FIRST_WORDS or (name == "command" and argv[1:2] and argv[1] in {"-v", "-V"}):
        return None
    words = (name, *argv[1:])
    for length in range(_LONGEST, 0, -1):
        prefix = _PREFIXES.get(words[:length])
        if prefix is not None:
            rest = skip_options(words[length:], prefix.valued)[prefix.operands :]
            inner = _inner(words[:length], words[length:], rest)
            return Wrapped(inner, " ".join(words[:length])) if inner else None
    return None


def _inner(prefix: tuple[str, ...], words: tuple[str, ...], rest: tuple[str, ...]) -> tuple[str, ...]:
    options = words[: len(words) - len(rest)]
    if prefix == ("uv", "run") and rest:
        if {"-m", "--module"} & set(options):
            return ("python", "-m", *rest)
        if rest[0].endswith(".py"):
            return ("python", *rest)
    if prefix == ("hatch", "run") and rest:
        return (rest[0].split(":")[-1], *rest[1:])
    return rest


def _unwrap_env(argv: tuple[str, ...]) -> Wrapped | None:
    rest = skip_options(argv[1:], frozenset({"-u", "--unset", "-C", "--chdir", "-S", "--split-string"}))
    split = next((after for option, after in pairwise(argv) if option in {"-S", "--split-string"}), "")
    words = (*split.split(), *rest)
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    return Wrapped(words, "env") if words else None


def _unwrap_find(argv: tuple[str, ...]) -> Wrapped | None:
    """The command of `-exec`; the file names that it will get are not known, the folder searched stands for them."""
    for flag in ("-exec", "-execdir", "-ok"):
        if flag in argv:
            command = argv[argv.index(flag) + 1 :]
            end = next((index for index, word in enumerate(command) if word in {";", "+"}), len(command))
            folder = argv[1] if len(argv) > 1 and not argv[1].startswith("-") else "."
            inner = tuple(f"{folder}/**" if word == "{}" else word for word in command[:end])
            return Wrapped(inner, "find") if inner else None
    return None


def _unwrap_coverage(argv: tuple[str, ...]) -> Wrapped | None:
    if argv[1:2] != ("run",):
        return None
    valued = frozenset({"--rcfile", "--source", "--include", "--omit", "--data-file", "--concurrency", "--context"})
    return Wrapped(("python", *(word for word in _without(argv[2:], valued))), "coverage run")


def _without(words: tuple[str, ...], valued: frozenset[str]) -> tuple[str, ...]:
    """Drop leading options but `-m`, which the interpreter shares."""
    index = 0
    while index < len(words) and words[index].startswith("-") and words[index] != "-m":
        index += 2 if words[index] in valued else 1
    return words[index:]


def launch(argv: tuple[str, ...]) -> Launch | None:
    """What a command reads and runs, None for a program like any other."""
    name = basename(argv[0])
    if name in SHELLS:
        return _shell(argv)
    if PYTHON.match(name):
        return _python(argv)
    if name in {"eval", "trap", "watch", "su", "runuser", "script", "parallel", "tmux", "screen"}:
        return _text(name, argv)
    if name in {"source", "."} and len(argv) > 1:
        return Launch("source", argv[1], argv[2:])
    if name in {"make", "gmake"}:
        return Launch("make", "", argv[1:])
    if name in _NODE_RUNNERS:
        return _package_script(argv)
    if "/" in argv[0]:
        return Launch("script", argv[0], argv[1:])
    return None


def _shell(argv: tuple[str, ...]) -> Launch | None:
    words = argv[1:]
    takes_text = False
    while words and words[0][:1] in {"-", "+"} and words[0] != "-":
        option = words[0]
        words = words[1:]
        if option.startswith("--"):
            if option in {"--version", "--help"}:
                return None
            words = words[1:] if option in {"--rcfile", "--init-file"} else words
            continue
        if "n" in option:
            return None
        takes_text = takes_text or "c" in option
        if option.endswith(("o", "O")):
            words = words[1:]
        if "s" in option:
            return Launch("stdin", "shell", words)
    if takes_text:
        return Launch("shell", words[0], words[2:]) if words else None
    if not words or words[0] == "-":
        return Launch("stdin", "shell")
    return Launch("source", words[0], words[1:])


def _python(argv: tuple[str, ...]) -> Launch | None:
    words = argv[1:]
    while words and words[0].startswith("-") and words[0] != "-":
        option, words = words[0], words[1:]
        if option in {"-V", "--version", "-h", "--help"}:
            return None
        if option in {"-W", "-X"}:
            words = words[1:]
        elif option.startswith("--"):
            continue
        elif option.endswith("c"):
            return Launch("python", words[0], words[1:]) if words else None
        elif option.endswith("m"):
            return Launch("module", words[0], words[1:]) if words else None
    if not words or words[0] == "-":
        return Launch("stdin", "python")
    return Launch("script", words[0], words[1:])


def _text(name: str, argv: tuple[str, ...]) -> Launch | None:
    if name == "eval":
        return Launch("shell", " ".join(argv[1:]))
    if name == "trap":
        return Launch("shell", argv[1]) if len(argv) > 2 and not argv[1].startswith("-") else None
    if name == "watch":
        return Launch("shell", " ".join(skip_options(argv[1:], frozenset({"-n", "--interval"}))))
    if name in {"tmux", "screen"}:
        started = [word for word in argv[2:] if " " in word]
        return Launch("shell", started[-1]) if started else None
    if name == "parallel":
        return Launch("shell", " ".join(word for word in skip_options(argv[1:], frozenset({"-j"})) if word != ":::"))
    text = next((after for word, after in pairwise(argv) if word == "--command" or _TAKES_TEXT.match(word)), None)
    return Launch("shell", text) if text is not None else None


def _package_script(argv: tuple[str, ...]) -> Launch | None:
    words = skip_options(argv[1:], frozenset({"--prefix", "-C", "--dir", "--cwd", "-w", "--workspace", "--filter"}))
    if words[:1] in {("run",), ("run-script",)}:
        words = skip_options(words[1:], frozenset({"--prefix", "-C"}))
    return Launch("package_script", words[0], words[1:]) if words else None
