"""Texts that a delivery gives in two languages: what of them is there in French, what in English, and where.

Read from locale catalogues, from seed data (JSON, YAML, TOML, tables of commas), and from rows that Python and SQL
write: columns per language (`name_en`, `name_fr`), tables by language (`{"en": ..., "fr": ...}`), rows with a language
column. Only literals are read, and loops over literals: a value that is computed is there and cannot be judged.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from graders.insql import Row, inserted, places, updated
from graders.literals import COMPUTED, MAX_ROWS, Literals, Value
from graders.locales import entries, group, plain
from graders.pycode import Source, strings

LANGUAGES = ("en", "fr")
MAX_NODES = 20_000
MAX_ROUNDS = 2_000
"""Most rows of one file that loops make."""

_CODE = re.compile(r"(en|fr)(?:[-_][A-Za-z]{2})?")
_COLUMN = re.compile(r"(?P<stem>\w+?)_(?P<language>en|fr)")
_LANGUAGE_COLUMN = frozenset(
    {"language", "lang", "locale", "language_code", "lang_code", "locale_code", "language_id", "locale_id"}
)
_TRANSLATED = re.compile(r"(?i:transl|i18n|l10n|locali[sz]|label|wording)|(?:_|\b)texts?\b|Texts?\b")
"""Names of tables that hold one row for each language; another's language column may be a person's choice."""
_ENDS_TRANSLATED = re.compile(r"(?i:transl\w*|i18n|l10n|locali[sz]\w*|labels?|wordings?|texts?)\Z")
"""Those that hold nothing but texts by language."""
_REFERENCE = re.compile(r"(?i)(?:\w+_)?(?:id|key|code|slug|ref)")
_HINT = re.compile(r"_(?:en|fr)\b|\blang|\blocale|[\"'](?:en|fr)\b")
"""What a file holds that says something by language."""
_EXECUTES = frozenset({"execute", "executemany", "scalar", "scalars", "fetch", "fetchrow", "fetchval", "fetch_all"})
_WRITTEN = re.compile(r"(?i)\b(?:delete|select|update|where)\b")
_MAKES = frozenset(
    {"values", "dict", "insert", "bulk_insert", "create", "add", "add_all", "append", "extend", "insert_many"}
)
"""Calls with a small letter that make rows of what they are given."""
_SHOWN = frozenset(
    {"example", "examples", "openapi_examples", "json_schema_extra", "json", "params", "headers", "responses", "extra"}
)
"""Arguments that show data or send it elsewhere: no domain data of this app."""
_DELIMITERS = {";": ";", "\t": "\t"}


@dataclass(frozen=True)
class Said:
    """One text with what each language has of it."""

    key: str
    texts: Mapping[str, Value]
    """Language -> value; a language without an entry has none."""
    line: int = 0
    """Where it stands, 0 where that is not known."""
    shape: str = ""
    """What kind of place it is in (`label`, `{}`, a table): elsewhere, the same shape may hold the other language."""
    alone: bool = False
    """Whether nothing beside it shows that both languages belong here."""
    fixes: bool = False
    """Whether it changes a row that is there."""

    def text(self, language: str) -> str | None:
        """The words in this language, None where there is no text to read."""
        value = self.texts.get(language)
        return value if isinstance(value, str) else None


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
    rows = [Row("", {str(name): _flat(value) for name, value in table.items()}, 0) for table in tables]
    return [*_by_columns(rows), *_by_row([replace(row, table="texts") for row in rows])]


def in_commas(text: str) -> list[Said]:
    """Every text of a table of commas whose first line names its columns."""
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in _DELIMITERS if mark in first), ",")
    rows = []
    try:
        reader = csv.DictReader(text.splitlines()[:MAX_ROWS], delimiter=delimiter)
        for line in reader:
            rows.append(Row("", {name: line[name] for name in line if isinstance(name, str)}, reader.line_num))
    except csv.Error:
        return []
    return [*_by_columns(rows), *_by_row([replace(row, table="texts") for row in rows])]


def in_python(source: Source) -> list[Said]:
    """Rows and tables that Python code spells out, and the statements in its texts; use it with `Source.kept`."""
    if not _HINT.search(source.text):
        return []
    literals = source.kept(Literals)
    rows, said = [*_spelled(source, literals), *_assigned(source, literals)], []
    for table, listed in _lists(source):
        dicts = [item for item in listed.elts[:MAX_ROWS] if isinstance(item, ast.Dict)]
        said += _by_row([Row(table, literals.columns(item), item.lineno) for item in dicts])
    called = [row for row in rows if row.table.rpartition(".")[2][:1].isupper()]
    said += _by_row([*called, *_given(source, literals)])
    written: list[Row] = []
    for node, _ in source.of(ast.Constant):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _writes(node.value):
            written += [*inserted(node.value, node.lineno), *updated(node.value, node.lineno)]
    nameless = [replace(row, table="") for row in rows]
    found = [*_by_columns([*nameless, *_given(source, literals)]), *_by_columns(written), *_by_row(written), *said]
    return list({(one.key, one.line, str(one.texts)): one for one in found}.values())


def in_sql(text: str, first: int = 1) -> list[Said]:
    """Rows of the statements with literal values; `first` is the number of the text's first line."""
    rows = list(inserted(text, first))
    return [*_by_columns([*rows, *updated(text, first)]), *_by_row(rows)]


def shown(source: Source) -> frozenset[int]:
    """Lines of data that the code shows as an example or sends elsewhere; use it with `Source.kept`."""
    found: set[int] = set()
    for call, _, _ in source.calls:
        for item in call.keywords:
            if item.arg in _SHOWN:
                found.update(range(item.value.lineno, (item.value.end_lineno or item.value.lineno) + 1))
    return frozenset(found)


# --- what the rows say ---------------------------------------------------------------------------------------------


def _by_columns(rows: Iterable[Row]) -> list[Said]:
    """Columns per language, and tables whose keys are languages; `key` tells texts of one shape alike."""
    said: list[Said] = []
    for row in rows:
        by_stem: dict[str, dict[str, Value]] = {}
        for name, value in row.columns.items():
            column = _COLUMN.fullmatch(name)
            if column:
                by_stem.setdefault(column["stem"], {})[column["language"]] = value
            said += _nested(f"{row.table}.{name}", value, row.line)
        said += [Said(f"{row.table}.{at}", texts, row.line, at, fixes=row.fixes) for at, texts in by_stem.items()]
        codes = {name: value for name, value in row.columns.items() if _CODE.fullmatch(name)}
        if codes and len(codes) == len(row.columns):
            said += [replace(one, fixes=row.fixes) for one in _coded(row.table, codes, row.line)]
    pairs = {one.key for one in said if len(one.texts) == len(LANGUAGES)}
    return [replace(one, alone=one.key not in pairs) for one in said]


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
        yield Said(f"{key}[]", languages, line, "{}")
        return
    for name in dict.fromkeys(str(name) for inner in nested for name in inner):
        texts = {code: inner[name] for code, inner in languages.items() if isinstance(inner, Mapping) and name in inner}
        yield Said(f"{key}[].{name}", texts, line, "{}")


def _by_row(rows: Iterable[Row]) -> list[Said]:
    """Rows with a language column that translate one thing, told apart by what they refer to."""
    things: dict[tuple[str, ...], dict[str, Row]] = {}
    loose: list[Said] = []
    others: set[str] = set()
    for row in rows:
        if not _TRANSLATED.search(row.table):
            continue
        language = next((row.columns[name] for name in row.columns if name.lower() in _LANGUAGE_COLUMN), None)
        thing = _thing(row)
        if language is COMPUTED:
            loose.append(Said(row.table, dict.fromkeys(LANGUAGES, COMPUTED), row.line, "rows", alone=True))
        if not isinstance(language, str) or not _CODE.fullmatch(language):
            continue
        if not thing:
            referred = any(value is COMPUTED and _REFERENCE.fullmatch(name) for name, value in row.columns.items())
            if referred and _ENDS_TRANSLATED.search(row.table):
                loose += [replace(said, alone=True) for said in _translated((row.table,), {language[:2]: row})]
            continue
        if language[:2] in things.setdefault(thing, {}):
            # Two rows of one thing in one language: whatever they are, they are no translations.
            others.add(row.table)
        things[thing][language[:2]] = row
    things = {thing: found for thing, found in things.items() if thing[0] not in others}
    alone = not any(len(found) == len(LANGUAGES) for found in things.values())
    said = [(thing, one) for thing, found in things.items() for one in _translated(thing, found)]
    told = [replace(one, alone=alone) for thing, one in said if not alone or _ENDS_TRANSLATED.search(thing[0])]
    return [*loose, *told]


def _thing(row: Row) -> tuple[str, ...]:
    named = {name: value for name, value in row.columns.items() if _REFERENCE.fullmatch(name)}
    named = {name: value for name, value in named.items() if name.lower() not in {"id", *_LANGUAGE_COLUMN}}
    if not named or any(value is COMPUTED or value is None for value in named.values()):
        return ()
    return (row.table, *(f"{name}={value}" for name, value in sorted(named.items())))


def _translated(thing: tuple[str, ...], rows: Mapping[str, Row]) -> Iterator[Said]:
    line = min(row.line for row in rows.values())
    references = {part.partition("=")[0] for part in thing[1:]}
    names = dict.fromkeys(name for row in rows.values() for name in row.columns)
    for name in names:
        if name not in references and name.lower() not in _LANGUAGE_COLUMN:
            texts = {code: row.columns[name] for code, row in rows.items() if name in row.columns}
            yield Said(f"{thing[0]}.{name} of {', '.join(thing[1:])}", texts, line, "rows")


# --- where rows come from ------------------------------------------------------------------------------------------


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


def _flat(value: object) -> Value:
    """A value of a data file; what is no text, number, table or nothing cannot be judged."""
    return value if value is None or isinstance(value, str | int | Mapping) else COMPUTED


def _spelled(source: Source, literals: Literals) -> Iterator[Row]:
    """Tables and calls with named arguments, and those that a loop over literals makes."""
    fixing = {id(item) for call, _, _ in source.calls if _fixes(call) for item in (call, *call.args)}
    for node, _ in source.of(ast.Dict):
        if isinstance(node, ast.Dict):
            yield Row("", literals.columns(node), node.lineno, fixes=id(node) in fixing)
    for call, name, _ in source.calls:
        if call.keywords:
            columns = {one.arg: literals.value(one.value) for one in call.keywords if one.arg}
            yield Row(name, columns, call.lineno, fixes=id(call) in fixing)
    for number, (made, bound, line) in enumerate(literals.rounds()):
        if number > MAX_ROUNDS:
            return
        fixes = id(made) in fixing
        if isinstance(made, ast.Dict):
            yield Row("", literals.columns(made, bound), line or made.lineno, fixes)
        elif made.keywords:
            columns = {one.arg: literals.value(one.value, bound) for one in made.keywords if one.arg}
            yield Row(source.dotted(made.func), columns, line or made.lineno, fixes)


def _fixes(call: ast.Call) -> bool:
    """Whether what a call is given makes no row: part of an update, a condition, a question."""
    name = _last(call.func)
    if name in _EXECUTES:
        told = " ".join(_told(call.args[0])) if call.args else ""
        return bool(_WRITTEN.search(told)) and "insert" not in told.lower()
    if not (name in _MAKES or name[:1].isupper()):
        return True
    node: ast.expr = call.func
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Attribute) and node.attr == "update":
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id == "update"


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _told(node: ast.expr) -> Iterator[str]:
    """Names and texts in a statement."""
    for item in ast.walk(node):
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            yield item.value
        elif isinstance(item, ast.Name | ast.Attribute):
            yield _last(item)


def _assigned(source: Source, literals: Literals) -> Iterator[Row]:
    """Columns that are set one by one: `row.label_fr = ...`, `row["label_fr"] = ...`."""
    for node, _ in source.of(ast.Assign):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            name = target.attr if isinstance(target, ast.Attribute) else None
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                name = target.slice.value if isinstance(target.slice.value, str) else None
            if name and isinstance(node, ast.Assign) and (_COLUMN.fullmatch(name) or _CODE.fullmatch(name)):
                yield Row("", {name: literals.value(node.value)}, node.lineno, fixes=True)


def _given(source: Source, literals: Literals) -> Iterator[Row]:
    """Rows without names that a driver is given beside a statement or a list of columns."""
    for call, name, _ in source.calls:
        at = name.rpartition(".")[2]
        if at not in {"executemany", "copy_records_to_table", "execute"} or len(call.args) + len(call.keywords) < 2:
            continue
        named = {item.arg: item.value for item in call.keywords if item.arg}
        statement = literals.value(call.args[0]) if call.args else None
        table = statement if isinstance(statement, str) else ""
        columns = [str(literals.value(item)) for item in literals.items(named.get("columns"))]
        records = named.get("records")
        if at != "copy_records_to_table":
            table, columns = places(table) or ("", [])
            records = call.args[1] if len(call.args) > 1 else named.get("args")
        for item in literals.items(records) if columns else ():
            if isinstance(item, ast.Tuple | ast.List) and len(item.elts) == len(columns):
                values = [literals.value(part) for part in item.elts]
                yield Row(table, dict(zip(columns, values, strict=True)), item.lineno)


def _lists(source: Source) -> Iterator[tuple[str, ast.List]]:
    """Lists of rows with the name of the table they are for, as far as a call or an assignment tells it."""
    for call, name, _ in source.calls:
        words = [strings(item) or source.dotted(item) for item in call.args]
        yield from ((" ".join([name, *words]), item) for item in call.args if isinstance(item, ast.List))
    for node, _ in source.of(ast.Assign, ast.AnnAssign):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.List):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield " ".join(source.dotted(target) for target in targets), node.value


def _writes(text: str) -> bool:
    folded = text.lower()
    return "insert" in folded or "update" in folded
