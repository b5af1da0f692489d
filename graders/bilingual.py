"""Texts that a delivery gives in two languages: what of them is there in French, what in English, and where.

Read from locale catalogues, from seed data (JSON, YAML, TOML), and from rows that Python and SQL insert: columns per
language (`name_en`, `name_fr`), tables by language (`{"en": ..., "fr": ...}`), rows with a language column. Only
literals are read: a value that is computed is there and cannot be judged.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from graders.locales import entries, group, plain
from graders.pycode import Source, strings

LANGUAGES = ("en", "fr")
COMPUTED: Final = object()
"""A value that only the running program knows."""
MAX_ROWS = 5_000
"""Most rows of one insert that are read."""
MAX_ROW = 20_000
"""Characters of the longest row."""
MAX_NODES = 20_000

_CODE = re.compile(r"(en|fr)(?:[-_][A-Za-z]{2})?")
_COLUMN = re.compile(r"(?P<stem>\w+?)_(?P<language>en|fr)")
_LANGUAGE_COLUMN = frozenset(
    {"language", "lang", "locale", "language_code", "lang_code", "locale_code", "language_id", "locale_id"}
)
_TRANSLATED = re.compile(r"(?i)transl|i18n|l10n|locali[sz]|label|wording")
"""Names of tables that hold one row for each language; another's language column may be a person's choice."""
_REFERENCE = re.compile(r"(?i)(?:\w+_)?(?:id|key|code|slug|ref)")
_INSERT = re.compile(r"(?i)\bINSERT\s+INTO\s+(?P<table>[\w.\"]{1,200})\s*\((?P<columns>[^()]{1,2000})\)\s*VALUES\b")
_OPENING = re.compile(r"[\s,]*\(")
_TOKEN = re.compile(r"'(?:[^']|'')*'|[(),']|[^'(),]+")

Value = object
"""A text, None for an empty column, a mapping, or `COMPUTED`."""


@dataclass(frozen=True)
class Said:
    """One text with what each language has of it."""

    key: str
    texts: Mapping[str, Value]
    """Language -> value; a language without an entry has none."""
    line: int = 0
    """Where it stands, 0 where that is not known."""

    def text(self, language: str) -> str | None:
        """The words in this language, None where there is no text to read."""
        value = self.texts.get(language)
        return value if isinstance(value, str) else None


@dataclass(frozen=True)
class _Row:
    table: str
    columns: Mapping[str, Value]
    line: int


def in_catalogues(files: Mapping[str, str]) -> list[Said]:
    """Keys of one group of catalogues (path -> text); none where one of them cannot be read."""
    said: dict[str, dict[str, Value]] = {}
    for path, text in files.items():
        read = entries(path, text)
        if read is None:
            return []
        language = group(path)[1][:2].lower()
        for key, value in read if language in LANGUAGES else ():
            found = said.setdefault(plain(key), {})
            if not found.get(language):
                # What gettext does not translate it shows as it stands in the id.
                found[language] = value or (COMPUTED if path.endswith(".po") else value)
    return [Said(key, texts) for key, texts in said.items()]


def in_document(data: object) -> list[Said]:
    """Every text of a data file that stands there by language."""
    tables = [table for table in _tables(data) if isinstance(table, Mapping)]
    rows = [_Row("", {str(name): value for name, value in table.items()}, 0) for table in tables]
    return _by_columns(rows)


def in_python(source: Source) -> list[Said]:
    """Rows and tables that Python code spells out, and the statements in its texts."""
    rows, said = [], []
    for node, _ in source.of(ast.Dict):
        if isinstance(node, ast.Dict):
            rows.append(_Row("", _columns(node), node.lineno))
    for call, _, _ in source.calls:
        rows.append(_Row("", {one.arg: _value(one.value) for one in call.keywords if one.arg}, call.lineno))
    for table, listed in _lists(source):
        dicts = [item for item in listed.elts[:MAX_ROWS] if isinstance(item, ast.Dict)]
        said += _by_row([_Row(table, _columns(item), item.lineno) for item in dicts])
    for node, _ in source.of(ast.Constant):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "insert" in node.value.lower():
            said += in_sql(node.value, node.lineno)
    return [*_by_columns(rows), *said]


def in_sql(text: str, first: int = 1) -> list[Said]:
    """Rows of the INSERT statements with literal values; `first` is the number of the text's first line."""
    rows = list(_inserted(text, first))
    return [*_by_columns(rows), *_by_row(rows)]


# --- what the rows say ---------------------------------------------------------------------------------------------


def _by_columns(rows: Iterable[_Row]) -> list[Said]:
    """Columns per language, and tables whose keys are languages; `key` tells texts of one shape alike."""
    said: list[Said] = []
    for row in rows:
        by_stem: dict[str, dict[str, Value]] = {}
        for name, value in row.columns.items():
            column = _COLUMN.fullmatch(name)
            if column:
                by_stem.setdefault(column["stem"], {})[column["language"]] = value
            said += _nested(f"{row.table}.{name}", value, row.line)
        said += [Said(f"{row.table}.{stem}", texts, row.line) for stem, texts in by_stem.items()]
        codes = {name: value for name, value in row.columns.items() if _CODE.fullmatch(name)}
        if codes and len(codes) == len(row.columns):
            said += _coded(row.table, codes, row.line)
    pairs = {one.key for one in said if len(one.texts) == len(LANGUAGES)}
    return [one for one in said if one.key in pairs]


def _nested(key: str, value: Value, line: int) -> Iterator[Said]:
    """A column that holds a JSON text by language."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            table = json.loads(value)
        except (ValueError, RecursionError):
            return
        if table and all(isinstance(name, str) and _CODE.fullmatch(name) for name in table):
            yield from _coded(key, table, line)


def _coded(key: str, table: Mapping[str, Value], line: int) -> Iterator[Said]:
    languages: dict[str, Value] = {}
    for name, value in table.items():
        languages.setdefault(name[:2], value)
    nested = [value for value in languages.values() if isinstance(value, Mapping)]
    if len(nested) < len(languages):
        yield Said(f"{key}[]", languages, line)
        return
    for name in dict.fromkeys(str(name) for inner in nested for name in inner):
        texts = {code: inner[name] for code, inner in languages.items() if isinstance(inner, Mapping) and name in inner}
        yield Said(f"{key}[].{name}", texts, line)


def _by_row(rows: Iterable[_Row]) -> list[Said]:
    """Rows with a language column that translate one thing, told apart by what they refer to."""
    things: dict[tuple[str, ...], dict[str, _Row]] = {}
    for row in rows:
        language = next((row.columns[name] for name in row.columns if name.lower() in _LANGUAGE_COLUMN), None)
        thing = _thing(row)
        if not thing or not isinstance(language, str) or not _CODE.fullmatch(language):
            continue
        if language[:2] in things.setdefault(thing, {}):
            # Two rows of one thing in one language: whatever they are, they are no translations.
            return []
        things[thing][language[:2]] = row
    if not any(len(found) == len(LANGUAGES) for found in things.values()):
        return []
    return [said for thing, found in things.items() for said in _translated(thing, found)]


def _thing(row: _Row) -> tuple[str, ...]:
    if not _TRANSLATED.search(row.table):
        return ()
    named = {name: value for name, value in row.columns.items() if _REFERENCE.fullmatch(name)}
    named = {name: value for name, value in named.items() if name.lower() not in {"id", *_LANGUAGE_COLUMN}}
    if not named or any(value is COMPUTED or value is None for value in named.values()):
        return ()
    return (row.table, *(f"{name}={value}" for name, value in sorted(named.items())))


def _translated(thing: tuple[str, ...], rows: Mapping[str, _Row]) -> Iterator[Said]:
    line = min(row.line for row in rows.values())
    references = {part.partition("=")[0] for part in thing[1:]}
    names = dict.fromkeys(name for row in rows.values() for name in row.columns)
    for name in names:
        if name not in references and name.lower() not in _LANGUAGE_COLUMN:
            texts = {code: row.columns[name] for code, row in rows.items() if name in row.columns}
            yield Said(f"{thing[0]}.{name} of {', '.join(thing[1:])}", texts, line)


# --- literals ------------------------------------------------------------------------------------------------------


def _tables(data: object) -> Iterator[object]:
    stack, seen = [data], 0
    while stack and seen < MAX_NODES:
        seen += 1
        value = stack.pop()
        yield value
        if isinstance(value, Mapping):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _columns(node: ast.Dict, depth: int = 0) -> dict[str, Value]:
    return {
        key.value: _value(value, depth)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _value(node: ast.expr, depth: int = 0) -> Value:
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str)):
        return node.value
    if isinstance(node, ast.Dict) and depth == 0:
        return _columns(node, depth + 1)
    return COMPUTED


def _lists(source: Source) -> Iterator[tuple[str, ast.List]]:
    """Lists of rows with the name of the table they are for, as far as a call or an assignment tells it."""
    for call, name, _ in source.calls:
        words = [strings(item) or source.dotted(item) for item in call.args]
        yield from ((" ".join([name, *words]), item) for item in call.args if isinstance(item, ast.List))
    for node, _ in source.of(ast.Assign, ast.AnnAssign):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.List):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield " ".join(source.dotted(target) for target in targets), node.value


def _inserted(text: str, first: int) -> Iterator[_Row]:
    at, line, counted = 0, first, 0
    while statement := _INSERT.search(text, at):
        columns = [name.strip().strip('"') for name in statement["columns"].split(",")]
        at = statement.end()
        for _ in range(MAX_ROWS):
            opening = _OPENING.match(text, at)
            if opening is None:
                break
            line += text.count("\n", counted, opening.end())
            counted = opening.end()
            values, at = _tuple(text, opening.end())
            if len(values) != len(columns):
                break
            yield _Row(statement["table"], dict(zip(columns, values, strict=True)), line)


def _tuple(text: str, at: int) -> tuple[list[Value], int]:
    """The values up to the closing parenthesis, and where it ends; none where the row is longer than a row is."""
    values: list[Value] = []
    bare: list[str] = []
    depth = 0
    current: Value = COMPUTED
    for token in _TOKEN.finditer(text, at, at + MAX_ROW):
        part = token[0]
        if depth == 0 and part in {",", ")"}:
            values.append(_column(current, "".join(bare).strip()))
            current, bare = COMPUTED, []
            if part == ")":
                return values, token.end()
        elif len(part) > 1 and part[0] == "'":
            current = COMPUTED if depth or "".join(bare).strip() else part[1:-1].replace("''", "'")
        else:
            depth += (part == "(") - (part == ")")
            bare.append(part)
    return [], min(len(text), at + MAX_ROW)


def _column(literal: Value, bare: str) -> Value:
    """A literal with nothing but a cast beside it, None for NULL."""
    if bare.upper() == "NULL":
        return None
    return literal if not bare or bare.startswith("::") else COMPUTED
