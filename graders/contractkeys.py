"""What contract and specs say about keys: every name in them, and which names belong to one object.

An object is what one statement of the contract names together (a list item, a table, a run of items that begin with
a name), or one object of its JSON examples. Statements also name values and parameters, so what follows from an
object needs more than one of its keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from graders.vocabulary import parts
from harness.core.task import Task

_TOKEN = re.compile(r"[^\W\d]\w*")
_NAMED = re.compile(r"`([^`\s]+)`|\"([^\"\s]+)\"\s*:|^\s*-?\s*([A-Za-z_]\w*)\s*:", re.MULTILINE)
_KEY = re.compile(r"`([A-Za-z_]\w*)`|\"([A-Za-z_]\w*)\"\s*:")
_FENCE = re.compile(r"^[ \t]*```\w*[ \t]*\n(.*?)^[ \t]*```", re.MULTILINE | re.DOTALL)
_BEGINS = re.compile(r"\s*(?:[-*+]|\d+[.)]|#+|\|)\s*")
_LISTED = re.compile(r"\s*[-*+]\s+`[A-Za-z_]\w*`")
_TAKES_BACK = re.compile(
    r"(?i)no longer|not any more|remov|drop|\bgone\b|until now|instead|deprecat|former|renam|replac|without|previous"
)
_DOUBTS = re.compile(
    rf"{_TAKES_BACK.pattern}|\b(?:not|no|never|but|except|only|neither|nor|refus\w*|hid\w*|omit\w*)\b|exclu"
)
_MAX_OPENAPI = 1_000_000
_MAX_OBJECTS = 2_000


@dataclass(frozen=True)
class Words:
    """What contract and specs name."""

    all: frozenset[str]
    """Every word, as it stands there."""
    parts: frozenset[str]
    """Parts of what they name as keys, in lower case."""
    objects: tuple[frozenset[str], ...]
    """Keys that the contract names together; statements that take something back are left out."""
    doubted: frozenset[str]
    """Keys that some statement may refuse or take back."""
    spelled: Mapping[tuple[str, ...], str]
    """Words of a key of the contract -> the key."""


def words_of(task: Task) -> Words:
    """What the documents of a task name, read once."""
    return _read(task.contract, task.specs, task.root)


@lru_cache(maxsize=16)
def _read(contract: str, specs: str, root: Path) -> Words:
    text = "\n".join([contract, specs, _openapi(root)])
    named = {name for match in _NAMED.finditer(text) for name in match.groups() if name}
    found = {part for name in named for token in _TOKEN.findall(name) for part in parts(token)}
    objects = tuple(dict.fromkeys([*_stated(contract), *_shown(contract)]))[:_MAX_OBJECTS]
    spelled = {tuple(parts(key)): key for keys in objects for key in sorted(keys)}
    doubted = frozenset(key for told in (contract, specs) for key in _doubted(told))
    return Words(frozenset(_TOKEN.findall(text)), frozenset(found), objects, doubted, spelled)


def _openapi(root: Path) -> str:
    """The contract for machines, where the task has one."""
    try:
        return (root / "contract.openapi.yaml").read_text(encoding="utf-8")[:_MAX_OPENAPI]
    except (OSError, UnicodeDecodeError):
        return ""


def _stated(contract: str) -> Iterator[frozenset[str]]:
    """Keys that one statement names."""
    for statement in (*_statements(contract), *_runs(contract)):
        keys = _keys(statement)
        if keys and not _TAKES_BACK.search(statement):
            yield keys


def _doubted(text: str) -> Iterator[str]:
    for statement in _statements(text):
        if _DOUBTS.search(statement):
            yield from _keys(statement)


def _keys(statement: str) -> frozenset[str]:
    return frozenset(name for match in _KEY.finditer(statement) for name in match.groups() if name)


def _statements(contract: str) -> list[str]:
    """List items and paragraphs with the lines that go on with them."""
    found: list[str] = [""]
    for line in _FENCE.sub("\n", contract).splitlines():
        if not line.strip() or _BEGINS.match(line):
            found.append(line)
        else:
            found[-1] += " " + line
    return found


def _runs(contract: str) -> Iterator[str]:
    """Tables, and runs of list items that each begin with a name."""
    run: list[str] = []
    for line in [*contract.splitlines(), ""]:
        if line.lstrip().startswith("|") or _LISTED.match(line):
            run.append(line)
        elif run:
            yield from ["\n".join(run)] if len(run) > 1 else []
            run = []


def _shown(contract: str) -> Iterator[frozenset[str]]:
    """Keys of each object in the JSON examples."""
    for block in _FENCE.finditer(contract):
        try:
            stack = [json.loads(block[1])]
        except (ValueError, RecursionError):
            continue
        while stack:
            value = stack.pop()
            if isinstance(value, dict):
                yield frozenset(value)
                stack.extend(value.values())
            elif isinstance(value, list):
                stack.extend(value)
