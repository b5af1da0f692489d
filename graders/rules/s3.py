"""S3: A seed in one language is a blank page for half of the users, and no test in the other language sees it.

Read are the texts that a delivery adds by language: locale catalogues, seed data, rows that code and migrations write,
branches on the language. Held against it is a text of several words that one of the two languages lacks, or that is no
translation there: empty, a place-holder, left in the other language or in a third. `graders/bilingual.py` says what
counts as a text by language, `graders/addedtexts.py` when a text in one language is a breach, `graders/wording.py` what
is no translation. Keys of a catalogue that only one language uses, single words, names, and languages that the repo
does not speak are no evidence.
"""

from __future__ import annotations

from typing import ClassVar

from graders.addedlines import Diff, diff_of, inert
from graders.addedtexts import Text, line_of, of_catalogues, of_data, shown_of
from graders.rulekit import BASE, Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Place, Severity, Source

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


def _seeded(code: str, path: str = "app/seeds.py", old: str = "") -> Case:
    """Seeds of a repo that speaks both languages and has a column for each."""
    base = {**_REPO, "app/tables.py": _MODEL, **({"app/old_seeds.py": old} if old else {})}
    return case(base=base, files={path: code})


_BOTH = '{"name_en": "Town hall", "name_fr": "Hôtel de ville"}'
_MODEL = "class Kind(Base):\n    name_en: Mapped[str]\n    name_fr: Mapped[str | None]\n"
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
        Example(
            "a text by language in one of them",
            _seeded('KINDS = [Kind(names={"en": "Town hall"}), Kind(names={"en": "A library"})]\n'),
            Outcome.FAIL,
            2,
        ),
        Example(
            "an example in the API's documentation",
            _seeded('NAMES = Field(examples=[{"en": "Town hall"}])\n', "app/schemas.py"),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the other language is put in later",
            _seeded('NAMES = {"en": "Town hall"}\nNAMES["fr"] = "La mairie"\n'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "names of things that no one reads",
            _seeded('MODELS = {"en": "en_core_web_sm"}\nENDS = {"en": ["st", "nd"], "fr": []}\n', "app/nlp.py"),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a row that leaves its French column out", _seeded('KINDS = [Kind(name_en="Town hall")]\n'), Outcome.FAIL, 1
        ),
        Example(
            "a text in one language is corrected, or asked for",
            _seeded(
                'update(Kind).where(Kind.id == 1).values(name_en="Town hall")\nkinds.filter_by(name_en="A library")\n'
                'db.execute("DELETE FROM kinds WHERE name_en = :name_en", {"name_en": "Town hall"})\n',
                "app/x.py",
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "rows of a loop",
            _seeded(
                'ROWS = [("Town hall", "La mairie"), ("A library", None)]\n'
                "KINDS = [Kind(name_en=english, name_fr=french) for english, french in ROWS]\n"
            ),
            Outcome.FAIL,
            1,
            opportunities=2,
        ),
        Example(
            "rows of a driver",
            _seeded(
                'ROWS = [("Town hall", None)]\n\n\nasync def seed(pool):\n    await pool.executemany('
                '"INSERT INTO kinds (name_en, name_fr) VALUES ($1, $2)", ROWS)\n'
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a loop over both languages",
            _seeded(
                'NAMES = {"fr": ["La mairie"], "en": ["Town hall"]}\n'
                "TEXTS = [KindText(kind_id=1, locale=code, name=name)"
                " for code, names in NAMES.items() for name in names]\n"
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "rows by language, all in one",
            _seeded('TEXTS = [KindText(kind_id=n, locale="en", name=t) for n, t in enumerate(["Town hall"], 1)]\n'),
            Outcome.FAIL,
            1,
        ),
        Example(
            "people with the language that they chose, in code",
            _seeded(
                'PEOPLE = [User(user_id=1, locale="en", name="Ana Roy"), User(user_id=2, locale="fr", name="Bo")]\n'
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a statement for each language",
            _sql(
                "INSERT INTO kinds (id, name_en) VALUES (1, 'Town hall');\n"
                "UPDATE kinds SET name_fr = 'La mairie' WHERE id = 1;\n"
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "French for old rows that lacked it",
            _seeded('Kind(id=1).name_fr = "La mairie"\n', old='KINDS = [Kind(name_en="Town hall", name_fr=None)]\n'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a table of commas with an empty column",
            _seeded("id,name_en,name_fr\n1,Town hall,La mairie\n2,A library,\n", "app/data/kinds.csv"),
            Outcome.FAIL,
            1,
            opportunities=2,
        ),
        Example(
            "a table of commas",
            _seeded("id;name_fr;name_en\n1;La mairie;Town hall\n", "app/data/kinds.csv"),
            Outcome.PASS,
        ),
        Example("a place-holder", _migrated('{"name_en": "Town hall", "name_fr": "TODO"}'), Outcome.FAIL, 1),
        Example(
            "a text that is about what is left to do",
            _migrated('{"name_en": "To do", "name_fr": "À faire"}, {"name_en": "TODO list", "name_fr": "Liste TODO"}'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "English with a mark", _migrated('{"name_en": "Town hall", "name_fr": "[fr] Town hall"}'), Outcome.FAIL, 1
        ),
        Example(
            "a name with a word before it",
            _migrated('{"name_en": "Le Corbusier", "name_fr": "Salle Le Corbusier"}'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a phrase in both columns",
            _migrated('{"name_en": "Large room for ten people", "name_fr": "Large room for ten people"}'),
            Outcome.FAIL,
            1,
        ),
        Example(
            "loan words in both columns",
            _migrated(
                '{"name_en": "Fish and chips", "name_fr": "Fish and chips"},'
                ' {"name_en": "Crème de la crème", "name_fr": "Crème de la crème"}'
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "German for French",
            _migrated('{"name_en": "Room for two people", "name_fr": "Raum für zwei Personen"}'),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a German name in the French column",
            _migrated('{"name_en": "The house of sound", "name_fr": "Das Haus Zwei"}'),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a branch for French that answers in English",
            _seeded(
                'def told(locale):\n    if locale == "fr":\n        return "This room is taken"\n'
                '    return "This room is taken"\n',
                "app/mails.py",
            ),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a branch for each language",
            _seeded(
                'def told(n, locale):\n    return f"{n} free rooms" if locale == "en" else f"{n} salles libres"\n',
                "app/mails.py",
            ),
            Outcome.PASS,
            opportunities=1,
            trap=True,
        ),
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
        texts = [*of_catalogues(diff), *of_data(case, diff)]
        if not texts:
            return not_applicable("no text of several words was added in French or English")
        findings = [_finding(diff, text) for text in texts if text.wrong]
        return decide(findings, opportunities=len(texts))


def _finding(diff: Diff, text: Text) -> Finding:
    key = text.said.key.strip(".[]") or "a text"
    quote = next((one for one in shown_of(text.said) if one and one.strip()), "")
    place = Place(path=text.path, line=text.said.line or line_of(diff.lines(text.path), quote))
    return Finding(
        message=inert(f"{key}: {text.wrong}"), place=place, act=f"file:{text.path}", quote=inert(quote[:200])
    )
