"""A rulebook binds rules to a prompt: which of them it demands, how heavy they weigh, and what nobody can decide.

It is a TOML file of its own, so that another prompt needs another file and no code. Severity belongs to its version:
grades of two versions are not compared until both are regraded.

    name = "python-dev"
    version = "1"

    [rules]
    P1 = {}
    G3 = { severity = "major", section = "Git Practices", source = "prompt", parameters = { longest = 50 } }

    [unscored]
    S16 = { demand = "...", reason = "..." }
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from graders.rulekit import Rule
from harness.core import plugins
from harness.core.digest import digest
from harness.core.errors import UsageError
from harness.core.records import Severity, Source

RULES = "graders.rules"
_TOP = ("name", "version", "rules", "unscored")
_OVERRIDES = ("severity", "source", "section", "parameters")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True)
class Binding:
    """A rule as this prompt demands it."""

    id: str
    rule: Rule
    severity: Severity
    source: Source
    section: str


@dataclass(frozen=True)
class Unscored:
    """A demand without an honest automatic decision."""

    id: str
    demand: str
    reason: str


@dataclass(frozen=True)
class Rulebook:
    """What a prompt is held to."""

    name: str
    version: str
    bindings: tuple[Binding, ...]
    unscored: tuple[Unscored, ...]
    digest: str
    """Over the file's content."""


def load_rulebook(path: Path, package: str = RULES) -> Rulebook:
    """Read a rulebook; one `UsageError` names the file and every mistake in it."""
    data = _read(path)
    reader = _Reader(package)
    bindings = tuple(reader.bindings(data.get("rules")))
    unscored = tuple(reader.unscored(data.get("unscored", {})))
    reader.top(data, {binding.id for binding in bindings} & {item.id for item in unscored})
    if reader.problems:
        raise UsageError(
            "; ".join(reader.problems), where=str(path), mend="correct the named keys; a rule's own values hold without"
        )
    return Rulebook(data["name"], data["version"], bindings, unscored, digest(data))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", where=str(path), mend="name an existing rulebook"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"is no TOML: {error}", where=str(path), mend="correct the syntax at the named place"
        ) from error


class _Reader:
    """Reads the parts of a rulebook and collects what is wrong with them."""

    def __init__(self, package: str) -> None:
        self.problems: list[str] = []
        self._package = package
        self._known = {name.upper(): name for name in plugins.names(package)}

    def top(self, data: Mapping[str, Any], twice: set[str]) -> None:
        self._keys("the file", data, _TOP)
        for key in ("name", "version"):
            self._text(key, data)
        self.problems += [f"{name}: both a rule and unscored" for name in sorted(twice)]

    def bindings(self, table: object) -> Iterator[Binding]:
        if not isinstance(table, dict) or not table:
            self.problems.append("rules: a table with at least one rule is missing")
            return
        for name, overrides in table.items():
            where = f"rules.{name}"
            if name not in self._known:
                self.problems.append(f"{where}: {plugins.unknown('rule', name, self._known)}")
            elif not isinstance(overrides, dict):
                self.problems.append(f"{where}: expected a table such as {{}}")
            else:
                yield from self._binding(where, name, overrides)

    def unscored(self, table: object) -> Iterator[Unscored]:
        if not isinstance(table, dict):
            self.problems.append("unscored: expected a table")
            return
        for name, item in table.items():
            if not isinstance(item, dict):
                self.problems.append(f"unscored.{name}: expected a table with demand and reason")
                continue
            self._keys(f"unscored.{name}", item, ("demand", "reason"))
            yield Unscored(name, *(self._text(key, item, f"unscored.{name}.") for key in ("demand", "reason")))

    def _binding(self, where: str, name: str, overrides: dict[str, Any]) -> Iterator[Binding]:
        self._keys(where, overrides, _OVERRIDES)
        cls = plugins.load(self._package, self._known[name])
        parameters = overrides.get("parameters", {})
        if not self._accepts(where, cls, parameters):
            return
        rule: Rule = cls(**parameters)
        yield Binding(
            id=name,
            rule=rule,
            severity=self._choice(where, "severity", overrides, rule.severity),
            source=self._choice(where, "source", overrides, rule.source),
            section=self._text("section", {"section": rule.section, **overrides}, f"{where}."),
        )

    def _accepts(self, where: str, cls: type, parameters: object) -> bool:
        if not isinstance(parameters, dict):
            self.problems.append(f"{where}.parameters: expected a table")
            return False
        taken = inspect.signature(cls).parameters
        unknown = [name for name in parameters if name not in taken]
        self.problems += [f"{where}.parameters: {plugins.unknown('parameter', name, taken)}" for name in unknown]
        return not unknown

    def _choice(self, where: str, key: str, overrides: Mapping[str, Any], default: _Choice) -> _Choice:
        value = overrides.get(key, default)
        try:
            return type(default)(value)
        except ValueError:
            options = [member.value for member in type(default)]
            self.problems.append(f"{where}.{key}: {plugins.unknown(key, str(value), options)}")
            return default

    def _text(self, key: str, data: Mapping[str, Any], where: str = "") -> str:
        value = data.get(key)
        if not isinstance(value, str) or not value.strip():
            self.problems.append(f"{where}{key}: a text is missing")
            return ""
        return value

    def _keys(self, where: str, data: Mapping[str, Any], known: tuple[str, ...]) -> None:
        self.problems += [f"{where}: {plugins.unknown('key', key, known)}" for key in data if key not in known]
