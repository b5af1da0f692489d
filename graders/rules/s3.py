"""S3: A seed in one language is a blank page for half of the users, and no test in the other language sees it.

Read are the texts that a delivery adds by language: locale catalogues, seed data, rows that migrations insert. Held
against it is a text of several words that one of the two languages lacks, that is empty there, or that is left there
in the other language; `graders/bilingual.py` says what counts as a text by language. Keys of a catalogue that only one
language uses, single words, names, and languages that the repo does not speak are no evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from graders.addedlines import Diff, diff_of, inert, text_of
from graders.bilingual import LANGUAGES, Said, in_catalogues, in_document, in_python, in_sql
from graders.locales import document, group
from graders.pycode import is_test
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Place, Severity, Source, Tree

_NAMED = {"en": "English", "fr": "French"}
_DATA = frozenset({"seeds", "seed", "fixtures", "data", "locales", "locale", "i18n", "translations"})
_DOCUMENTS = (".json", ".yaml", ".yml", ".toml")
_PLACEHOLDER = re.compile(r"https?://\S+|\{[^{}]*\}|%\([^()]*\)[a-z]|%[a-z]|<[^<>]*>")
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = frozenset(
    _WORD.findall("the this that not and of your with there here by from its already is are was were cannot you must")
    + _WORD.findall("does has have been will should")
)
_FRENCH = frozenset(
    _WORD.findall("le la les un une des du cette cet ces votre avec il elle ne que qui pour dans sur aux et où son sa")
    + _WORD.findall("ses par déjà au est sont pas vous doit")
)
_SPOKEN = frozenset(
    _WORD.findall("this is are was were not cannot you your must does has have been will should")
    + _WORD.findall("est sont pas vous votre doit")
)
"""Words that sentences have and names seldom."""
_SENTENCE = 3
"""Fewest words of a catalogue's text that two languages do not share."""
_END = re.compile(r"[.!?…]\W*\Z")

_EN, _FR = '{"a": "A thing"}', '{"a": "Une chose"}'
_REPO = {**BASE, "app/locales/en.json": _EN, "app/locales/fr.json": _FR}


def _catalogues(en: str, fr: str) -> Case:
    return case(
        base=_REPO,
        files={
            "app/locales/en.json": f'{{"a": "A thing", {en}}}',
            "app/locales/fr.json": f'{{"a": "Une chose", {fr}}}',
        },
    )


def _migrated(rows: str, table: str = "kinds") -> Case:
    code = f"from alembic import op\n\n\ndef upgrade() -> None:\n    op.bulk_insert({table}, [{rows}])\n"
    return case(files={"migrations/versions/0002_seed.py": code})


def _sql(statement: str) -> Case:
    return case(files={"migrations/0002_seed.up.sql": statement})


_BOTH = '{"name_en": "Town hall", "name_fr": "Hôtel de ville"}'
_ROWS = """INSERT INTO kind_translations (kind_id, language, name) VALUES
    ('a', 'en', 'The town hall'), ('a', 'fr', 'La mairie')"""


class S3:
    """What the delivery tells in one language it tells in the other."""

    demand: ClassVar[str] = "Seeds and domain data are in French and English."
    section: ClassVar[str] = "Internationalization (i18n)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MAJOR
    evidence: ClassVar[tuple[str, ...]] = ("diff",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a text in both catalogues",
            _catalogues('"b": "Two words"', '"b": "Deux mots"'),
            Outcome.PASS,
            opportunities=1,
        ),
        Example(
            "a text in one catalogue only",
            _catalogues('"b": "Two words"', '"c": "x"'),
            Outcome.FAIL,
            1,
            opportunities=1,
        ),
        Example("an empty text", _catalogues('"b": "Two words"', '"b": " "'), Outcome.FAIL, 1),
        Example(
            "English in the French catalogue",
            _catalogues('"b": "The room is not free."', '"b": "The room is not free."'),
            Outcome.FAIL,
            1,
        ),
        Example(
            "French in the English catalogue",
            _catalogues('"b": "La salle n\'est pas libre."', '"b": "La salle n\'est pas libre."'),
            Outcome.FAIL,
            1,
        ),
        Example(
            "the French text is taken out",
            case(
                base={**_REPO, "app/locales/x/en.json": _EN, "app/locales/x/fr.json": _FR},
                files={"app/locales/x/fr.json": "{}"},
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a new catalogue for one language beside others for two",
            case(base=_REPO, files={"app/rooms/locales/en.json": '{"b": "Two words"}'}),
            Outcome.FAIL,
            1,
        ),
        Example(
            "gettext messages that stand in their ids",
            case(
                base={**BASE, "locale/en/x.po": "", "locale/fr/x.po": ""},
                files={
                    "locale/en/x.po": 'msgid "The room is taken"\nmsgstr ""\n',
                    "locale/fr/x.po": 'msgid "The room is taken"\nmsgstr "La salle est prise"\n',
                },
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example("rows with both columns", _migrated(_BOTH), Outcome.PASS, opportunities=1),
        Example(
            "a row without its French column",
            _migrated(f'{_BOTH}, {{"name_en": "Public library", "name_fr": None}}'),
            Outcome.FAIL,
            1,
            opportunities=2,
        ),
        Example(
            "a row that leaves its English column out",
            _migrated(f'{_BOTH}, {{"name_fr": "Bibliothèque de la ville"}}'),
            Outcome.FAIL,
            1,
        ),
        Example(
            "SQL with an empty column",
            _sql(
                "INSERT INTO kinds (id, name_en, name_fr)\nVALUES (1, 'Town hall', 'Mairie'),\n(2, 'A library', '');\n"
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "SQL in a migration's text",
            case(
                files={
                    "migrations/versions/0002_x.py": 'op.execute("""\n    INSERT INTO kinds (name_en, name_fr)\n'
                    '    VALUES (\'Town hall\', NULL)\n""")\n'
                }
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a JSON column with one language",
            _sql(
                'INSERT INTO kinds (name) VALUES (\'{"en": "Town hall", "fr": "La mairie"}\'),'
                ' (\'{"en": "A library"}\');\n'
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "rows by language, one missing",
            _sql(f"{_ROWS}, ('b', 'en', 'A park');\n"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "seed data with a text in one language",
            case(
                files={
                    "app/seeds/kinds.yaml": "- title: {en: A town hall, fr: Une mairie}\n- title: {en: A library}\n",
                }
            ),
            Outcome.FAIL,
            1,
        ),
        Example("rows by language", _sql(f"{_ROWS};\n"), Outcome.PASS, opportunities=1),
        Example("adds no text", case(base=_REPO, files={"app/x.py": "X = 1\n"}), Outcome.NOT_APPLICABLE),
        Example("the same single word", _catalogues('"b": "Date"', '"b": "Date"'), Outcome.NOT_APPLICABLE, trap=True),
        Example(
            "a format that both languages share",
            _catalogues('"b": "{count} {the_phrase} of {all}"', '"b": "{count} {the_phrase} of {all}"'),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a name that both languages share",
            _catalogues('"b": "Rivemont Tennis Club"', '"b": "Rivemont Tennis Club"'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a brand with English words, and an address",
            _catalogues(
                '"b": "The North Face and more", "c": "https://example.org/this/is/you"',
                '"b": "The North Face and more", "c": "https://example.org/this/is/you"',
            ),
            Outcome.PASS,
            opportunities=1,
            trap=True,
        ),
        Example(
            "a book's title in both columns",
            _migrated('{"title_en": "The Lord of the Rings", "title_fr": "The Lord of the Rings"}'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "other plural forms, and genders that English lacks",
            _catalogues(
                '"n_one": "one new room", "n_other": "many new rooms", "s": "You are here"',
                '"n_one": "une salle", "n_many": "des salles", "n_other": "des salles",'
                ' "s": {"feminine": {"one": "Vous voici venue"}, "masculine": {"one": "Vous voici venu"}}',
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a grammar's word that one language needs",
            _catalogues('"x": ""', '"gender": {"room": "feminine"}, "x": ""'),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the team's old gap",
            case(
                base={**_REPO, "app/locales/en.json": '{"a": "A thing", "old": "Two words"}'},
                files={
                    "app/locales/en.json": '{"a": "A thing", "old": "Two words", "b": "New words"}',
                    "app/locales/fr.json": '{"a": "Une chose", "b": "Nouveaux mots"}',
                },
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "catalogues moved to another folder",
            case(
                base={**_REPO, "app/locales/en.json": '{"a": "A thing", "old": "Two words"}'},
                files={
                    "app/locales/en.json": None,
                    "app/locales/fr.json": None,
                    "app/i18n/en.json": '{"a": "A thing", "old": "Two words"}',
                    "app/i18n/fr.json": _FR,
                },
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "an app that speaks English only",
            case(base={**BASE, "app/locales/en.json": _EN}, files={"app/locales/en.json": '{"b": "Two words"}'}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a region that only overrides",
            case(
                base={**_REPO, "app/locales/fr-CA.json": "{}"},
                files={"app/locales/fr-CA.json": '{"a": "Une belle chose"}'},
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "people with the language that they chose",
            _sql(
                "INSERT INTO subscribers (town_id, language, name) VALUES (1, 'fr', 'Ana Roy'), (1, 'en', 'Bo Lee'),"
                " (2, 'fr', 'Cy Le Goff');\n"
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a value that the code computes",
            _migrated(f'{_BOTH}, {{"name_en": "Public library", "name_fr": french("library")}}'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a column that is called so and has no pair",
            _migrated('{"name_en": "Town hall"}, {"sent_en": "Two words"}'),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "fixtures of the tests",
            case(
                base=_REPO, files={"tests/locales/en.json": '{"b": "Two words"}', "tests/data/x.json": '{"en": "a b"}'}
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a catalogue that nobody can read",
            case(base=_REPO, files={"app/locales/en.json": "{"}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "SQL that only looks like rows",
            _sql("INSERT INTO kinds (id, name_en, name_fr) SELECT id, 'Town hall', NULL FROM old;\n"),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide for each text of several words that the delivery adds in a language."""
        diff = diff_of(case)
        texts = [*_of_catalogues(diff), *_of_data(diff), *_of_code(diff)]
        if not texts:
            return not_applicable("no text of several words was added in French or English")
        findings = [_finding(diff, text) for text in texts if text.wrong]
        return decide(findings, opportunities=len(texts))


@dataclass(frozen=True)
class _Text:
    """One text that is the delivery's own."""

    path: str
    said: Said
    wrong: str
    """What is wrong with it, in words; empty where nothing is."""


def _of_catalogues(diff: Diff) -> Iterator[_Text]:
    changed = {name for name, _ in (group(path) for path in diff.changed if not is_test(path)) if name}
    spoken = {language[:2] for tree in (diff.base, diff.final) for _, language, _ in _files(tree)} if changed else set()
    if not spoken.issuperset(LANGUAGES):
        return
    before = [said for name in _groups(diff.base) for said in in_catalogues(_texts(diff.base, name))]
    old = {(said.key, _wrong(said)) for said in before} | {(said.key, _shown(said)) for said in before}
    for name in sorted(changed):
        files = _texts(diff.final, name)
        for said in in_catalogues(files):
            wrong = _wrong(said)
            if _has_words(said) and (said.key, wrong or _shown(said)) not in old:
                yield _Text(_place(files, wrong), said, wrong)


def _files(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """(group, language, path) of every catalogue."""
    for path in tree.files():
        name, language = group(path)
        if name and not is_test(path):
            yield name, language, path


def _groups(tree: Tree) -> list[str]:
    return sorted({name for name, _, _ in _files(tree)})


def _texts(tree: Tree, name: str) -> dict[str, str]:
    return {path: text_of(tree, path) or "" for found, _, path in _files(tree) if found == name}


def _place(files: Iterable[str], wrong: str) -> str:
    """The catalogue of the language that a finding speaks of, or any of them."""
    lacking = next((code for code, name in _NAMED.items() if f"the {name} text" in wrong), "")
    return next((path for path in sorted(files) if group(path)[1][:2] == lacking), min(files, default=""))


def _of_data(diff: Diff) -> Iterator[_Text]:
    for path in diff.readable:
        folders = path.split("/")[:-1]
        if path.endswith(_DOCUMENTS) and not _DATA.isdisjoint(folders) and not is_test(path) and not group(path)[0]:
            old = {_shown(said) for said in in_document(document(path, text_of(diff.base, path)))}
            for said in in_document(document(path, text_of(diff.final, path))):
                if _has_words(said) and _shown(said) not in old:
                    yield _Text(path, said, _wrong(said, named=True))


def _of_code(diff: Diff) -> Iterator[_Text]:
    for path in diff.readable:
        if is_test(path) or not path.endswith((".py", ".sql")):
            continue
        source = diff.source(path) if path.endswith(".py") else None
        said = source.kept(in_python) if source else in_sql(text_of(diff.final, path) or "")
        for one in said if source or path.endswith(".sql") else ():
            if _has_words(one) and diff.is_added(path, [one.line]):
                yield _Text(path, one, _wrong(one, named=True))


# --- one text ------------------------------------------------------------------------------------------------------


def _words(text: str | None) -> list[str]:
    return [word.lower() for word in _WORD.findall(_PLACEHOLDER.sub(" ", text or ""))]


def _has_words(said: Said) -> bool:
    """Whether one of the languages has a text of several words."""
    return any(len(_words(said.text(language))) > 1 for language in LANGUAGES)


def _shown(said: Said) -> tuple[str | None, ...]:
    return tuple(said.text(language) for language in LANGUAGES)


def _wrong(said: Said, *, named: bool = False) -> str:
    """What is wrong with a text; `named`: it may be a name or a title, which both languages share."""
    for language, other in (LANGUAGES, LANGUAGES[::-1]):
        if len(_words(said.text(language))) > 1:
            missing = _missing(said.texts, other)
            if missing:
                return f"the {_NAMED[other]} text {missing}"
    english, french = said.text("en"), said.text("fr")
    left = _left(english or "", named=named) if english == french else ""
    return f"the {_NAMED[left]} text is left in {_NAMED['fr' if left == 'en' else 'en']}" if left else ""


def _missing(texts: Mapping[str, object], language: str) -> str:
    if language not in texts or texts[language] is None:
        return "is missing"
    value = texts[language]
    return "is empty" if isinstance(value, str) and not value.strip() else ""


def _left(text: str, *, named: bool) -> str:
    """The language that a text which stands in both is not in; empty where it may be right in both."""
    words = _words(text)
    ends = _END.search(text) is not None
    if len(words) < _SENTENCE or not (ends or (not named and not _SPOKEN.isdisjoint(words))):
        return ""
    english, french = not _ENGLISH.isdisjoint(words), not _FRENCH.isdisjoint(words)
    if english == french:
        return ""
    return "fr" if english else "en"


def _finding(diff: Diff, text: _Text) -> Finding:
    key = text.said.key.strip(".[]") or "a text"
    shown = next((one for one in _shown(text.said) if one and one.strip()), "")
    place = Place(path=text.path, line=text.said.line or _line(diff.lines(text.path), shown))
    return Finding(
        message=inert(f"{key}: {text.wrong}"), place=place, act=f"file:{text.path}", quote=inert(shown[:200])
    )


def _line(lines: list[str], text: str) -> int | None:
    return next((number for number, line in enumerate(lines, 1) if text and text in line), None)
