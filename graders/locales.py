"""Locale catalogues: which files are one language's texts, and what stands in them, whatever their format.

Catalogues are files below a folder of locales that stand there once for each language (JSON, YAML, TOML, gettext).
What an agent wrote is data: what cannot be read is None, and nothing raises.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping

import yaml

FOLDERS = frozenset({"locales", "locale", "i18n", "translations", "lang", "langs"})
LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
ENDINGS = (".json", ".yaml", ".yml", ".toml", ".po")
MAX_KEYS = 20_000
MAX_YAML = 100_000
"""The YAML reader written in C dies of deep nesting, the other is slow: a huge document is not read."""

_FORM = re.compile(
    r"(?:[._](?:zero|one|two|few|many|other|plural|male|female|masculine|feminine|neuter|neutral|common))+$"
)
_MESSAGE = re.compile(r'^(msgctxt|msgid|msgstr(?:\[0\])?)\s+((?:"[^\n]*"\s*)+)', re.MULTILINE)


def group(path: str) -> tuple[str, str]:
    """(path with `*` for the language, language), two empty texts for what is no catalogue."""
    parts = path.split("/")
    if not path.endswith(ENDINGS) or FOLDERS.isdisjoint(parts[:-1]):
        return "", ""
    start = max(index for index, part in enumerate(parts[:-1]) if part in FOLDERS) + 1
    stem, dot, ending = parts[-1].rpartition(".")
    names = [*parts[:-1], stem]
    place = next((index for index in range(start, len(names)) if LANGUAGE.fullmatch(names[index])), None)
    if place is None:
        return "", ""
    return "/".join([*names[:place], "*", *names[place + 1 :]]) + dot + ending, names[place]


def plain(key: str) -> str:
    """A key without its forms by number and gender: languages have different ones."""
    return _FORM.sub("", key)


def entries(path: str, text: str | None) -> list[tuple[str, object]] | None:
    """Dotted keys with their values, None where the catalogue cannot be read."""
    if text is not None and path.endswith(".po"):
        return list(_messages(text))
    data = document(path, text)
    return None if data is None else list(_leaves(data))


def document(path: str, text: str | None) -> object | None:
    """What a JSON, YAML or TOML file holds, None where it cannot be read."""
    if text is None or (path.endswith((".yaml", ".yml")) and len(text) > MAX_YAML):
        return None
    try:
        if path.endswith(".json"):
            return _document(json.loads(text))
        return _document(tomllib.loads(text) if path.endswith(".toml") else yaml.safe_load(text))
    except (ValueError, yaml.YAMLError, RecursionError):
        return None


def _document(data: object) -> object:
    return {} if data is None else data


def _leaves(root: object) -> Iterator[tuple[str, object]]:
    """Dotted keys of the values; a catalogue of languages (`en: ...`) keeps its keys below the language."""
    stack: list[tuple[str, object]] = [("", root)]
    seen = 0
    while stack and seen < MAX_KEYS:
        seen += 1
        prefix, value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend(
                (f"{prefix}.{name}" if prefix else _top(str(name), value), item) for name, item in value.items()
            )
        elif prefix:
            yield prefix, value


def _top(name: str, table: Mapping[object, object]) -> str:
    """A single top key that names the language is not part of the keys."""
    return "*" if len(table) == 1 and LANGUAGE.fullmatch(name) else name


def _messages(text: str) -> Iterator[tuple[str, object]]:
    for block in re.split(r"\n\s*\n", text):
        found = {
            match[1].partition("[")[0]: "".join(re.findall(r'"([^\n]*)"', match[2]))
            for match in _MESSAGE.finditer(block)
        }
        if found.get("msgid"):
            context = f"{found['msgctxt']}: " if "msgctxt" in found else ""
            yield context + found["msgid"], found.get("msgstr", "")
