"""S11: A key that one language lacks shows itself to every user of that language, and to no test in the other.

Catalogues are files below a folder of locales that stand there once for each language (JSON, YAML, gettext). They are
compared where the delivery changed one: keys that only some have, beyond those of the seed. Forms of one key (by
number, by gender, by both) are one key, because languages have different ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

import yaml

from graders.addedlines import diff_of, inert, text_of
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Place, Severity, Source, Tree

_FOLDERS = frozenset({"locales", "locale", "i18n", "translations", "lang", "langs"})
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
_FORM = re.compile(
    r"(?:[._](?:zero|one|two|few|many|other|plural|male|female|masculine|feminine|neuter|neutral|common))+$"
)
_MAX_KEYS = 20_000
_MAX_YAML = 100_000
_MAX_TOLD = 5
"""Most missing keys that a finding names."""

_EN = '{"a": "A", "b": {"c": "C"}}'
_FR = '{"a": "A", "b": {"c": "C"}}'
_REPO = {**BASE, "app/locales/en.json": _EN, "app/locales/fr.json": _FR}
_ONE_OTHER = '{"n_one": "1", "n_other": "n", "m": {"one": "", "other": ""}}'
_ONE_MANY_OTHER = '{"n_one": "1", "n_many": "", "n_other": "n", "m": {"one": "", "many": "", "other": ""}}'
_GENDERED = '"sent": {"feminine": {"one": "", "other": ""}, "masculine": {"one": ""}}, "dear": {"neutral": ""}'
_PO = 'msgid ""\nmsgstr ""\n"Language: fr\\n"\n\nmsgid "room.taken"\nmsgstr "Occupe"\n'


class S11:
    """Every locale catalogue has the keys of the others."""

    demand: ClassVar[str] = "All locale catalogues have the same keys."
    section: ClassVar[str] = "harness"
    source: ClassVar[Source] = Source.HARNESS
    severity: ClassVar[Severity] = Severity.MINOR
    evidence: ClassVar[tuple[str, ...]] = ("static",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a key in both",
            case(
                base=_REPO,
                files={"app/locales/en.json": '{"a": "", "d": ""}', "app/locales/fr.json": '{"d": "", "a": ""}'},
            ),
            Outcome.PASS,
        ),
        Example(
            "a key in one only",
            case(base=_REPO, files={"app/locales/en.json": '{"a": "A", "b": {"c": "C", "d": "D"}}'}),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "folders a language",
            case(
                base={"locales/en/x.yaml": "a: A\n", "locales/fr/x.yaml": "a: A\n"},
                files={"locales/en/x.yaml": "a: A\nb: B\n"},
            ),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "a gettext message in one only",
            case(
                base={"locale/en/LC_MESSAGES/x.po": _PO, "locale/fr/LC_MESSAGES/x.po": _PO},
                files={"locale/fr/LC_MESSAGES/x.po": f'{_PO}\nmsgid "room.free"\nmsgstr "Libre"\n'},
            ),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "a catalogue that cannot be read",
            case(base=_REPO, files={"app/locales/en.json": "{"}),
            Outcome.FAIL,
            findings=1,
        ),
        Example(
            "a catalogue for one language is gone", case(base=_REPO, files={"app/locales/fr.json": None}), Outcome.FAIL
        ),
        Example("no catalogue was changed", case(base=_REPO, files={"app/x.py": "X = 1\n"}), Outcome.NOT_APPLICABLE),
        Example(
            "languages with other plural forms",
            case(
                base=_REPO,
                files={
                    "app/locales/en.json": _ONE_OTHER,
                    "app/locales/fr.json": _ONE_MANY_OTHER,
                },
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "forms by gender and number in one language",
            case(
                base=_REPO,
                files={
                    "app/locales/en.json": '{"a": "A", "b": {"c": "C"}, "sent": "sent", "dear": {"female": "Ms"}}',
                    "app/locales/fr.json": f'{{"a": "A", "b": {{"c": "C"}}, {_GENDERED}}}',
                },
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a key that the seed lacked already",
            case(
                base={**_REPO, "app/locales/fr.json": '{"a": "A"}'},
                files={
                    "app/locales/en.json": '{"a": "A", "b": {"c": "C"}, "d": ""}',
                    "app/locales/fr.json": '{"a": "A", "d": ""}',
                },
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "other files beside the catalogues",
            case(base=_REPO, files={"app/locales/__init__.py": "", "app/locales/plurals.json": '{"x": 1}'}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide for each group of catalogues with a change in it."""
        diff = diff_of(case)
        groups = {group for group, _ in (_group(path) for path in diff.changed) if group}
        before, after = _catalogues(diff.base, groups), _catalogues(diff.final, groups)
        groups = {group for group in groups if len(before.get(group, {})) > 1 or len(after.get(group, {})) > 1}
        if not groups:
            return not_applicable("no locale catalogue was changed")
        findings = [
            finding for group in sorted(groups) for finding in _differences(before.get(group, {}), after.get(group, {}))
        ]
        return decide(findings, opportunities=sum(len(after.get(group, {})) for group in groups))


_Catalogues = Mapping[str, frozenset[str] | None]
"""Path -> keys, None where it cannot be read; paths carry the language."""


def _group(path: str) -> tuple[str, str]:
    """(path with `*` for the language, language), two empty texts for what is no catalogue."""
    parts = path.split("/")
    if not path.endswith((".json", ".yaml", ".yml", ".po")) or _FOLDERS.isdisjoint(parts[:-1]):
        return "", ""
    start = max(index for index, part in enumerate(parts[:-1]) if part in _FOLDERS) + 1
    stem, dot, ending = parts[-1].rpartition(".")
    names = [*parts[:-1], stem]
    place = next((index for index in range(start, len(names)) if _LANGUAGE.fullmatch(names[index])), None)
    if place is None:
        return "", ""
    return "/".join([*names[:place], "*", *names[place + 1 :]]) + dot + ending, names[place]


def _catalogues(tree: Tree, groups: set[str]) -> dict[str, dict[str, frozenset[str] | None]]:
    found: dict[str, dict[str, frozenset[str] | None]] = {}
    for path in tree.files() if groups else ():
        group, _ = _group(path)
        # The YAML reader written in C dies of deep nesting, the other is slow: a huge catalogue is not compared.
        if group in groups and (tree.entries[path].size <= _MAX_YAML or not path.endswith((".yaml", ".yml"))):
            found.setdefault(group, {})[path] = _keys(path, text_of(tree, path))
    return found


def _keys(path: str, text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    try:
        if path.endswith(".po"):
            return frozenset(_messages(text))
        data = json.loads(text) if path.endswith(".json") else yaml.safe_load(text)
        return frozenset(_FORM.sub("", key) for key in _leaves(data))
    except (ValueError, yaml.YAMLError, RecursionError):
        return None


def _leaves(root: object) -> Iterator[str]:
    """Dotted keys of the values; a catalogue of languages (`en: ...`) keeps its keys below the language."""
    stack: list[tuple[str, object]] = [("", root)]
    seen = 0
    while stack and seen < _MAX_KEYS:
        seen += 1
        prefix, value = stack.pop()
        if isinstance(value, Mapping):
            stack.extend(
                (f"{prefix}.{name}" if prefix else _top(str(name), value), item) for name, item in value.items()
            )
        elif prefix:
            yield prefix


def _top(name: str, table: Mapping[object, object]) -> str:
    """A single top key that names the language is not part of the keys."""
    return "*" if len(table) == 1 and _LANGUAGE.fullmatch(name) else name


def _messages(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text):
        match = re.search(r'^msgid\s+((?:"[^\n]*"\s*)+)', block, re.MULTILINE)
        if match and match[1].strip() != '""':
            context = re.search(r'^msgctxt\s+"([^\n]*)"', block, re.MULTILINE)
            yield (f"{context[1]}: " if context else "") + "".join(re.findall(r'"([^\n]*)"', match[1]))


def _differences(before: _Catalogues, after: _Catalogues) -> Iterator[Finding]:
    every = frozenset().union(*(keys for keys in after.values() if keys is not None)) if after else frozenset()
    for path in sorted(before.keys() | after.keys()):
        keys = after.get(path)
        if path not in after:
            yield _finding(path, "the catalogue of this language is gone")
        elif keys is None:
            yield _finding(path, "the catalogue cannot be read")
        else:
            missing = sorted(every - keys - _lacked(before, path))
            if missing:
                more = f" and {len(missing) - _MAX_TOLD} more" if len(missing) > _MAX_TOLD else ""
                yield _finding(path, f"lacks {', '.join(missing[:_MAX_TOLD])}{more}")


def _lacked(before: _Catalogues, path: str) -> frozenset[str]:
    """Keys that this catalogue lacked in the seed already."""
    own = before.get(path)
    if own is None:
        return frozenset()
    return frozenset().union(*(keys for keys in before.values() if keys is not None)) - own


def _finding(path: str, message: str) -> Finding:
    return Finding(message=inert(message), place=Place(path=path), act=f"file:{path}")
