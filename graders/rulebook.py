"""A rulebook binds rules to a prompt: which of them it demands, how heavy they weigh, and what nobody can decide.

It is a TOML file of its own, so that another prompt needs another file and no code. Severity belongs to its version:
grades of two versions are not compared until both are regraded.

    name = "python-dev"
    version = "1"

    [rules]
    P1 = {}
    G3 = { severity = "major", section = "Git Practices", source = "prompt", parameters = { longest = 50 } }

    [graded]
    R1 = { demand = "...", grader = "report_format", severity = "major" }

    [unscored]
    S16 = { demand = "...", reason = "..." }

    [cues]
    P1 = ["first action"]

`graded` names what other graders decide; their findings weigh as it says, and what it does not name weighs nothing.
`cues` are regular expressions, case ignored, by which a sentence of a prompt is known to state a demand, and `context`
those of sentences that demand nothing; these two serve readers of prompts only.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from graders.rulekit import Rule
from harness.core import plugins
from harness.core.demands import Demand, DemandBook
from harness.core.digest import digest
from harness.core.errors import UsageError
from harness.core.records import Severity, Source

RULES = "graders.rules"
RULEBOOK = Path(__file__).parent / "rulebooks" / "python-dev.toml"
"""The shipped one."""
_TOP = ("name", "version", "rules", "graded", "unscored", "cues", "context")
_GRADED = ("demand", "grader", "severity", "source")
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
    graded: tuple[Demand, ...] = ()
    """What other graders decide; without cues."""
    cues: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    context: tuple[str, ...] = ()

    def weights(self, grader: str, checks: Iterable[str]) -> Mapping[str, Demand]:
        """What this rulebook demands of the checks of a grader, by id; `UsageError` for a check that it has not."""
        found = {demand.id: demand for demand in self.graded if demand.grader == grader}
        for name in found.keys() - set(checks):
            where = f"rulebook {self.name} {self.version}: graded.{name}"
            raise UsageError(plugins.unknown(f"check of {grader}", name, checks), where=where)
        return found

    def demand_book(self) -> DemandBook:
        """Every demand with its cues: rules, what other graders decide, what nobody does."""
        rules = [
            Demand(item.id, item.rule.demand, (), item.source, item.severity, "rule_violations")
            for item in self.bindings
        ]
        open_ones = [Demand(item.id, item.demand, (), reason=item.reason) for item in self.unscored]
        demands = (*rules, *self.graded, *open_ones)
        told = tuple(replace(demand, cues=self.cues.get(demand.id, ())) for demand in demands)
        return DemandBook(self.name, self.version, told, self.context)


def load_rulebook(path: Path, package: str = RULES) -> Rulebook:
    """Read a rulebook; one `UsageError` names the file and every mistake in it."""
    return _load(path, package, _read(path))


@lru_cache(maxsize=8)
def _load(path: Path, package: str, text: str) -> Rulebook:
    data = _parsed(path, text)
    reader = _Reader(package)
    bindings = tuple(reader.bindings(data.get("rules")))
    unscored = tuple(reader.unscored(data.get("unscored", {})))
    graded = tuple(reader.graded(data.get("graded", {})))
    ids = Counter([*(item.id for item in bindings), *(item.id for item in unscored), *(item.id for item in graded)])
    cues = reader.cues(data.get("cues", {}), ids.keys())
    context = reader.patterns("context", data.get("context", []))
    reader.top(data, {name for name, count in ids.items() if count > 1})
    if reader.problems:
        raise UsageError(
            "; ".join(reader.problems), where=str(path), mend="correct the named keys; a rule's own values hold without"
        )
    return Rulebook(data["name"], data["version"], bindings, unscored, digest(data), graded, cues, context)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", where=str(path), mend="name an existing rulebook"
        ) from error
    except UnicodeDecodeError as error:
        raise _no_toml(path, error) from error


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(path, error) from error


def _no_toml(path: Path, error: ValueError) -> UsageError:
    return UsageError(f"is no TOML: {error}", where=str(path), mend="correct the syntax at the named place")


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
        self.problems += [f"{name}: stands in two of rules, graded, unscored" for name in sorted(twice)]

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

    def graded(self, table: object) -> Iterator[Demand]:
        if not isinstance(table, dict):
            self.problems.append("graded: expected a table")
            return
        for name, item in table.items():
            where = f"graded.{name}"
            if not isinstance(item, dict):
                self.problems.append(f"{where}: expected a table with demand and grader")
                continue
            self._keys(where, item, _GRADED)
            demand, grader = (self._text(key, item, f"{where}.") for key in ("demand", "grader"))
            severity = self._choice(where, "severity", item, Severity.MAJOR) if "severity" in item else None
            yield Demand(name, demand, (), self._choice(where, "source", item, Source.PROMPT), severity, grader)

    def cues(self, table: object, known: Iterable[str]) -> dict[str, tuple[str, ...]]:
        if not isinstance(table, dict):
            self.problems.append("cues: expected a table")
            return {}
        ids = set(known)
        self.problems += [f"cues: {plugins.unknown('id', name, ids)}" for name in table if name not in ids]
        return {name: self.patterns(f"cues.{name}", listed) for name, listed in table.items()}

    def patterns(self, where: str, listed: object) -> tuple[str, ...]:
        """A list of regular expressions."""
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            self.problems.append(f"{where}: expected a list of regular expressions")
            return ()
        for item in listed:
            try:
                re.compile(item)
            except re.error as error:
                self.problems.append(f"{where}: '{item}' is no regular expression: {error}")
        return tuple(listed)

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
