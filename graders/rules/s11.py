"""S11: A key that one language lacks shows itself to every user of that language, and to no test in the other.

Catalogues are files below a folder of locales that stand there once for each language (JSON, YAML, gettext). They are
compared where the delivery changed one: keys that only some have, beyond those of the seed. Forms of one key (by
number, by gender, by both) are one key, because languages have different ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from graders.addedlines import diff_of, inert, text_of
from graders.locales import MAX_YAML, entries, group, plain
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Place, Severity, Source, Tree

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
            opportunities=2,
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
        groups = {name for name, _ in (group(path) for path in diff.changed) if name}
        before, after = _catalogues(diff.base, groups), _catalogues(diff.final, groups)
        groups = {name for name in groups if len(before.get(name, {})) > 1 or len(after.get(name, {})) > 1}
        if not groups:
            return not_applicable("no locale catalogue was changed")
        findings = [
            finding for name in sorted(groups) for finding in _differences(before.get(name, {}), after.get(name, {}))
        ]
        return decide(findings, opportunities=sum(len(after.get(name, {})) for name in groups))


_Catalogues = Mapping[str, frozenset[str] | None]
"""Path -> keys, None where it cannot be read; paths carry the language."""


def _catalogues(tree: Tree, groups: set[str]) -> dict[str, dict[str, frozenset[str] | None]]:
    found: dict[str, dict[str, frozenset[str] | None]] = {}
    for path in tree.files() if groups else ():
        name, _ = group(path)
        if name in groups and (tree.entries[path].size <= MAX_YAML or not path.endswith((".yaml", ".yml"))):
            read = entries(path, text_of(tree, path))
            keys = None if read is None else frozenset(plain(key) for key, _ in read)
            found.setdefault(name, {})[path] = keys
    return found


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
