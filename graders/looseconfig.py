"""Whether the configuration of linters, type checkers, tests and coverage was loosened.

All configuration of a tree is read into one map `tool.key -> value`, so that moving a table from `setup.cfg` to
`pyproject.toml` changes nothing. Each listed key knows in which direction it loosens; a tool that the seed did not
configure cannot be loosened. Broken files are empty configuration.
"""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from graders.addedlines import Diff, text_of
from harness.core.records import Severity, Tree

Value = object

_TOML = {"ruff.toml": "ruff", ".ruff.toml": "ruff", "ty.toml": "ty"}
_FIRST = {
    "pytest.ini": "pytest",
    ".pytest.ini": "pytest",
    "mypy.ini": "mypy",
    ".mypy.ini": "mypy",
    ".coveragerc": "coverage",
}
"""Files that a tool reads before any other of the same folder."""
_INI = frozenset(
    {"setup.cfg", "tox.ini", "pytest.ini", ".pytest.ini", "mypy.ini", ".mypy.ini", ".coveragerc", ".flake8"}
)
_COVERAGE_SECTIONS = frozenset({"run", "report", "paths", "html", "xml"})
_SECTION_TOOLS = {"tool:pytest": "pytest", "pytest": "pytest", "flake8": "flake8"}
_FLAGS = re.compile(
    r"--ignore(?:-glob)?\b|--deselect\b|(?:^|\s)-k\b|-p\s*no:(?!cacheprovider)|(?:^|\s)-m\s*['\"]?not\b|--no-cov\b"
)
_LENIENT = re.compile(r": .*(?:ignore_\w+=True|=False|follow_imports=|disable_error_code=)")
_RUFF_DEFAULT = ["E4", "E7", "E9", "F"]
_STRICT = re.compile(r"--strict[\w-]*|--cov-fail-under=\S+|-W\s*error\S*|--doctest-modules")


@dataclass(frozen=True)
class Loosened:
    """A listed key that asks less than it did."""

    path: str
    key: str
    message: str
    severity: Severity


def loosened(diff: Diff) -> Iterator[Loosened]:
    """Keys that the delivery loosened, files that were removed, and files that stand in front of the team's own."""
    touched = [path for path in diff.changed if _tool_files(path)]
    if not touched:
        return
    before, after = config_of(diff.base), config_of(diff.final)
    tools = {key.split(".", 1)[0] for key in before}
    for key in sorted(before.keys() | after.keys()):
        kind = _kind(key)
        if key.split(".", 1)[0] in tools and kind is not None and kind(before.get(key), after.get(key)):
            path = _home(key, diff, touched)
            message = f"`{key}` was {_short(before.get(key))}, is {_short(after.get(key))}"
            yield Loosened(path, key, message, _severity(key, before.get(key), after.get(key)))
    yield from _in_front(diff, touched, tools)


def _in_front(diff: Diff, touched: list[str], tools: set[str]) -> Iterator[Loosened]:
    """A new file that a tool reads instead of the team's, which is still there."""
    for path in touched:
        folder, _, name = path.rpartition("/")
        tool = _TOML.get(name) or _FIRST.get(name)
        if tool in tools and path not in diff.base.entries and path in diff.final.entries:
            others = {other: entry for other, entry in diff.final.entries.items() if other != path}
            rest = config_of(Tree(others, diff.final.blob))
            if folder or any(key.startswith(f"{tool}.") for key in rest):
                yield Loosened(path, str(tool), "a new file overrides the repo's configuration", Severity.BLOCKING)


def _tool_files(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name == "pyproject.toml" or name in _TOML or name in _INI


def config_of(tree: Tree) -> dict[str, Value]:
    """`tool.key` -> value over all configuration files at the root of a tree, keys in one spelling."""
    found: dict[str, Value] = {}
    for name in (
        "setup.cfg",
        "tox.ini",
        ".flake8",
        ".mypy.ini",
        "mypy.ini",
        ".coveragerc",
        "pytest.ini",
        ".pytest.ini",
    ):
        found.update(_ini(name, text_of(tree, name)))
    for name in ("pyproject.toml", "ruff.toml", ".ruff.toml"):
        found.update(_toml(name, text_of(tree, name)))
    return _joined(found)


def _joined(found: dict[str, Value]) -> dict[str, Value]:
    """Ruff's `extend-select` and its like are part of the list that they extend."""
    for key in [key for key in found if key.startswith("ruff.extend-") and isinstance(found[key], list)]:
        whole = key.replace("extend-", "", 1)
        first = found.get(whole, _RUFF_DEFAULT if whole == "ruff.select" else [])
        found[whole] = sorted(_items(first) | _items(found.pop(key)))
    return found


def _toml(name: str, text: str | None) -> dict[str, Value]:
    try:
        data = tomllib.loads(text or "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
    tools = data.get("tool", {}) if name == "pyproject.toml" else {_TOML[name]: data}
    return dict(_flat(tools, "")) if isinstance(tools, Mapping) else {}


def _flat(table: Mapping[str, Value], prefix: str) -> Iterator[tuple[str, Value]]:
    """Dotted keys of nested tables; ruff's old top-level spelling and pytest's `ini_options` are folded in."""
    for name, value in table.items():
        key = f"{prefix}{name}".replace("pytest.ini_options", "pytest").replace("ruff.lint.", "ruff.")
        if isinstance(value, Mapping) and not key.endswith("per-file-ignores"):
            yield from _flat(value, f"{key}.")
        elif isinstance(value, Mapping):
            yield key, sorted(f"{path}: {code}" for path, codes in value.items() for code in _items(codes))
        elif key == "mypy.overrides" and isinstance(value, list):
            yield key, sorted(_override(item) for item in value if isinstance(item, Mapping))
        else:
            yield key, value


def _override(item: Mapping[str, Value]) -> str:
    flags = ", ".join(f"{name}={item[name]}" for name in sorted(item) if name != "module")
    return f"{', '.join(sorted(_items(item.get('module'))))}: {flags}"


def _ini(name: str, text: str | None) -> dict[str, Value]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text or "")
    except (configparser.Error, ValueError):
        return {}
    found: dict[str, Value] = {}
    for section in parser.sections():
        tool = _section_tool(name, section)
        for key, value in parser.items(section) if tool else ():
            found[f"{tool}.{key}"] = _typed(value)
    return found


def _section_tool(name: str, section: str) -> str:
    """The tool that an ini section configures, empty for none that is listed."""
    if name == ".coveragerc" or section.startswith("coverage:"):
        own = section.removeprefix("coverage:")
        return f"coverage.{own}" if own in _COVERAGE_SECTIONS else ""
    if section.startswith("mypy"):
        return section.replace("mypy-", "mypy.overrides-")
    return _SECTION_TOOLS.get(section, "")


def _typed(value: str) -> Value:
    if value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    return int(value) if value.strip().isdecimal() and len(value) < 10 else value


def _items(value: Value) -> set[str]:
    """A list, or a text with one item a line or between commas, as a set."""
    if isinstance(value, list):
        return {str(item) for item in value}
    return {part.strip() for part in re.split(r"[\n,]", str(value)) if part.strip()} if value is not None else set()


# --- directions ----------------------------------------------------------------------------------------------------

_Direction = Callable[[Value, Value], bool]


def _grew(before: Value, after: Value) -> bool:
    return bool(_items(after) - _items(before))


def _shrank(before: Value, after: Value) -> bool:
    """Something asked for before is covered by nothing now; `E` covers `E501`, `ALL` everything."""
    if before is None:
        return False
    now = _items(after)
    return any("ALL" not in now and not any(item.startswith(kept) for kept in now) for item in _items(before))


def _selects(before: Value, after: Value) -> bool:
    """Fewer of ruff's rules; without a selection it applies its defaults."""
    return _shrank(before or _RUFF_DEFAULT, after or _RUFF_DEFAULT)


def _narrowed(before: Value, after: Value) -> bool:
    """Fewer places to look for tests; without any pytest looks everywhere."""
    return after is not None and _shrank(before, after)


def _overrides(before: Value, after: Value) -> bool:
    return any(_LENIENT.search(item) for item in _items(after) - _items(before))


def _rose(before: Value, after: Value) -> bool:
    """A limit went up, or away."""
    if not isinstance(before, (int, float)):
        return False
    return after is None or (isinstance(after, (int, float)) and after > before)


def _fell(before: Value, after: Value) -> bool:
    if not isinstance(before, (int, float)):
        return False
    return after is None or (isinstance(after, (int, float)) and after < before)


def _off(before: Value, after: Value) -> bool:
    return before is True and after is not True


def _on(before: Value, after: Value) -> bool:
    return after is True and before is not True


def _options(before: Value, after: Value) -> bool:
    """pytest's options leave tests out, or drop a strict one."""
    old, new = _line(before), _line(after)
    return len(_FLAGS.findall(new)) > len(_FLAGS.findall(old)) or bool(
        set(_STRICT.findall(old)) - set(_STRICT.findall(new))
    )


def _line(value: Value) -> str:
    return " ".join(str(item) for item in value) if isinstance(value, list) else str(value or "")


def _filters(before: Value, after: Value) -> bool:
    """Warnings that were errors are none now, or more are ignored."""
    old, new = _items(before), _items(after)
    return ("error" in old and "error" not in new) or any(item.startswith("ignore") for item in new - old)


_KEYS: tuple[tuple[str, _Direction], ...] = (
    ("ruff.select", _selects),
    ("ruff.ignore", _grew),
    ("ruff.per-file-ignores", _grew),
    ("ruff.exclude", _grew),
    ("ruff.line-length", _rose),
    ("ruff.*.max-*", _rose),
    ("flake8.select", _shrank),
    ("flake8.*ignore*", _grew),
    ("flake8.*exclude", _grew),
    ("flake8.max-*", _rose),
    ("black.line-length", _rose),
    ("black.*exclude", _grew),
    ("mypy.strict", _off),
    ("mypy.disallow_*", _off),
    ("mypy.warn_*", _off),
    ("mypy.check_untyped_defs", _off),
    ("mypy.no_implicit_*", _off),
    ("mypy.strict_*", _off),
    ("mypy.ignore_errors", _on),
    ("mypy.ignore_missing_imports", _on),
    ("mypy.disable_error_code", _grew),
    ("mypy.exclude", _grew),
    ("mypy.overrides", _overrides),
    ("mypy.overrides-*.ignore_errors", _on),
    ("pytest.addopts", _options),
    ("pytest.testpaths", _narrowed),
    ("pytest.norecursedirs", _grew),
    ("pytest.python_files", _narrowed),
    ("pytest.xfail_strict", _off),
    ("pytest.filterwarnings", _filters),
    ("coverage.report.fail_under", _fell),
    ("coverage.*omit", _grew),
    ("coverage.*exclude*", _grew),
    ("bandit.skips", _grew),
    ("bandit.exclude_dirs", _grew),
    ("pylint.*disable", _grew),
)
"""Listed keys and how each loosens. `ruff.lint.*` stands without `lint`, `pytest.ini_options` without `ini_options`."""


def _kind(key: str) -> _Direction | None:
    return next((direction for pattern, direction in _KEYS if fnmatchcase(key, pattern)), None)


def _severity(key: str, before: Value, after: Value) -> Severity:
    """Stubs that a new dependency lacks and warnings of others are common and honest: minor and major."""
    if key == "mypy.overrides":
        lenient = [item for item in _items(after) - _items(before) if _LENIENT.search(item)]
        stubs = all(item.endswith(": ignore_missing_imports=True") for item in lenient)
        return Severity.MINOR if stubs else Severity.BLOCKING
    if key == "pytest.filterwarnings" and "error" in _items(after):
        return Severity.MAJOR
    return Severity.BLOCKING


def _home(key: str, diff: Diff, touched: list[str]) -> str:
    """The changed file that now speaks of the key, else the first changed one."""
    last = key.rsplit(".", 1)[-1]
    return next((path for path in touched if last in (text_of(diff.final, path) or "")), touched[0])


def _short(value: Value) -> str:
    return "not set" if value is None else repr(value)[:60]
