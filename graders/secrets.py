"""Telling a hard-coded secret from what only looks like one.

Blocking are only shapes that mean nothing else: keys with a provider's prefix, private keys, a random value bound to a
name that says secret. A password that a person could have typed weighs major, a placeholder that somebody must replace
minor. Words, i18n keys, error codes, routes and header names are no secrets, whatever the name they are bound to.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from graders.pycode import Scope, Source
from harness.core.records import Severity

_KEY_SHAPES = re.compile(
    r"""
    \bAKIA[0-9A-Z]{16}\b
    | -----BEGIN\ (?:[A-Z]+\ ){0,2}PRIVATE\ KEY-----
    | \bgh[pousr]_[A-Za-z0-9]{36,}\b
    | \bgithub_pat_[A-Za-z0-9_]{40,}\b
    | \bglpat-[A-Za-z0-9_-]{20,}
    | \bxox[abprs]-[A-Za-z0-9-]{20,}
    | \bsk-(?:ant|proj|or)-[A-Za-z0-9_-]{20,}
    | \bsk-[A-Za-z0-9]{32,}\b
    | \b[sr]k_live_[A-Za-z0-9]{16,}\b
    | \bAIza[A-Za-z0-9_-]{35}\b
    | \bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}
    """,
    re.VERBOSE,
)
_KEY_MARKS = (
    *("AKIA", "PRIVATE KEY", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk-"),
    *("sk_live_", "rk_live_", "AIza", "SG."),
)
"""What stands in every key's shape: looking for it costs a hundredth."""
_PLACEHOLDER = re.compile(
    r"(?i)example|placeholder|your[-_]|change[-_]?(?:me|this|it)|replace[-_]?me|dummy|fake|x{4,}|\.\.\.|<|\$\{|\{\{"
    r"|insecure|not[-_]?(?:a[-_]?)?secret|dev[-_]?(?:only[-_]?)?(?:secret|key)|1234567890abcdef|(?:test|local)[-_]"
)
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_\-.])(?:password|passwd|pwd|secret|secret_?key|api_?key|apikey|access_?key|private_?key|signing_?key"
    r"|encryption_?key|auth_?token|access_?token|refresh_?token|bot_?token|api_?token|jwt_?secret|client_?secret)$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS = re.compile(r"[A-Za-z]*(?:[-_.:/ ][A-Za-z]*)*")
_NUMBERED_WORDS = re.compile(r"[A-Za-z]+\d{0,2}(?:[-_.:/][A-Za-z]+\d{0,2})+")
_RANDOM = re.compile(r"[A-Za-z0-9+/=_.~-]{16,}")
_EXAMPLE_NAMES = frozenset({"example", "examples", "openapi_examples", "json_schema_extra", "responses"})
_URL_PASSWORD = re.compile(
    r"\b[a-z][a-z0-9+.-]*://(?P<user>[^\s:/@'\"]*):(?P<password>[^\s/@'\"{}$<>]{6,})@(?P<host>[A-Za-z0-9_.-]+)"
)
_SETTING = re.compile(r"""\s*["']?(?P<name>[\w.-]{1,80})["']?\s*[:=]\s*["']?(?P<value>[^"'\s#,]+)""")
_STRONG = 12
"""Characters from which a mixed password in an address is no example, whatever the host."""
_MIN_BITS = 3.2
"""Bits of entropy a character above which 16 characters are no word."""


@dataclass(frozen=True)
class Bound:
    """A string literal and the name it is bound to."""

    name: str
    value: str
    line: int


def may_hold_one(text: str) -> bool:
    """Whether any line of a text can have a key's shape or a password in an address; cheaper than asking each."""
    if "://" in text and _URL_PASSWORD.search(text) is not None:
        return True
    return any(mark in text for mark in _KEY_MARKS) and _KEY_SHAPES.search(text) is not None


def has_key_shape(text: str) -> bool:
    """Whether a line holds a key in a provider's form, examples and placeholders left out."""
    return any(not _PLACEHOLDER.search(match[0]) for match in _KEY_SHAPES.finditer(text))


def has_remote_password(text: str) -> bool:
    """Whether a line holds a URL with a real password for a host that is not local."""
    return any(
        "." in match["host"]
        and not re.search(
            r"(?i)^(?:127|10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.|localhost|example|\.test$|\.local$|\.internal$",
            match["host"],
        )
        and not _PLACEHOLDER.search(match["password"])
        and match["password"].lower() not in {"password", "pass", "secret", match["user"].lower()}
        for match in _URL_PASSWORD.finditer(text)
    )


def has_strong_password(line: str) -> bool:
    """Whether a line holds an address of an example's host with a password that no example would have."""
    return any(
        "." in match["host"]
        and not _PLACEHOLDER.search(match["password"])
        and len(match["password"]) >= _STRONG
        and all(re.search(kind, match["password"]) for kind in ("[a-z]", "[A-Z]", r"\d"))
        for match in _URL_PASSWORD.finditer(line)
    )


def setting_weight(line: str) -> Severity | None:
    """How certainly a line of a settings file (`name: value`, `name = value`) holds a secret."""
    match = _SETTING.match(line)
    return weight(match["name"], match["value"]) if match else None


def weight(name: str, value: str) -> Severity | None:
    """How certainly a value bound to a name is a secret; None where it is none."""
    if not _SECRET_NAME.search(_CAMEL.sub("_", name)) or not 6 <= len(value) <= 4_000 or re.search(r"\s", value):
        return None
    if _PLACEHOLDER.search(value):
        return Severity.MINOR
    if (
        _WORDS.fullmatch(value)
        or _NUMBERED_WORDS.fullmatch(value)
        or value.startswith(("/", "http://", "https://", "$", "%", "{"))
    ):
        return None
    if _RANDOM.fullmatch(value) and re.search(r"\d", value) and _bits(value) >= _MIN_BITS:
        return Severity.BLOCKING
    return Severity.MAJOR if re.search(r"[A-Za-z]", value) and re.search(r"\d", value) else None


def _bits(value: str) -> float:
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())


def bindings(source: Source) -> list[Bound]:
    """Every string literal of a file with the name it is bound to; documentation examples are left out."""
    examples = _example_lines(source)
    found = [bound for node, scope in source.of(*_BINDING) for bound in _bound(source, node, scope)]
    return [bound for bound in found if bound.line not in examples]


_BINDING = (
    ast.Assign,
    ast.AnnAssign,
    ast.keyword,
    ast.Dict,
    ast.Compare,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Call,
)
"""Kinds of nodes that give a value a name."""


def _bound(source: Source, node: ast.AST, scope: Scope | None) -> Iterator[Bound]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _pair(_name(target), node.value)
    elif isinstance(node, ast.AnnAssign):
        yield from _pair(_name(node.target), node.value)
    elif isinstance(node, ast.keyword):
        yield from _pair(node.arg or "", node.value)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield from _pair(_text(key), value)
    elif isinstance(node, ast.Compare):
        yield from _pair(_name(node.left), node.comparators[0])
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from _defaults(node.args)
    elif isinstance(node, ast.Call):
        yield from _environment(source, node)


def _pair(name: str, value: ast.AST | None) -> Iterator[Bound]:
    """The literal in a value: itself, inside `SecretStr(...)`, or the default of `Field(...)`."""
    if isinstance(value, ast.Call):
        default = next((item.value for item in value.keywords if item.arg == "default"), None)
        value = value.args[0] if value.args and _name(value.func) in {"SecretStr", "Field", "str"} else default
    if name and isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield Bound(name, value.value, value.lineno)


def _defaults(arguments: ast.arguments) -> Iterator[Bound]:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = arguments.defaults
    for argument, value in zip(positional[len(positional) - len(defaults) :], defaults, strict=True):
        yield from _pair(argument.arg, value)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield from _pair(argument.arg, default)


def _environment(source: Source, node: ast.Call) -> Iterator[Bound]:
    """`os.getenv("API_KEY", "...")`: the default is the secret."""
    if source.dotted(node.func) in {"os.getenv", "os.environ.get", "os.environ.setdefault"} and len(node.args) == 2:
        yield from _pair(_text(node.args[0]), node.args[1])


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Subscript):
        return _text(node.slice)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _example_lines(source: Source) -> frozenset[int]:
    """Lines inside values that document an API by example."""
    found: set[int] = set()
    for node, _ in source.of(ast.keyword, ast.Dict):
        values: list[ast.expr] = []
        if isinstance(node, ast.keyword) and node.arg in _EXAMPLE_NAMES:
            values = [node.value]
        elif isinstance(node, ast.Dict):
            values = [value for key, value in zip(node.keys, node.values, strict=True) if _text(key) in _EXAMPLE_NAMES]
        for value in values:
            found.update(range(value.lineno, (value.end_lineno or value.lineno) + 1))
    return frozenset(found)
