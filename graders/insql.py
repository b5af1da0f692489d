"""Rows that SQL statements write: INSERT with literal values or with places for values, and UPDATE of columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graders.literals import COMPUTED, MAX_ROWS, Value

MAX_ROW = 20_000
"""Characters of the longest row."""

_INSERT = re.compile(r"(?i)\bINSERT\s+INTO\s+(?P<table>[\w.\"]{1,200})\s*\((?P<columns>[^()]{1,2000})\)\s*VALUES\b")
_UPDATE = re.compile(r"(?i)\bUPDATE\s+(?:ONLY\s+)?(?P<table>[\w.\"]{1,200})\s+SET\s+")
_SET = re.compile(r"[\s,]*\"?(?P<column>\w+)\"?\s*=\s*(?:(?P<text>'(?:[^']|'')*')|(?P<other>[$:%?\w.()\[\]]+))")
_OPENING = re.compile(r"[\s,]*\(")
_TOKEN = re.compile(r"'(?:[^']|'')*'|[(),']|[^'(),]+")
_PLACE = re.compile(r"(?:\$\d+|%s|\?)(?:::\w+)?")
_MAX_SET = 50


@dataclass(frozen=True)
class Row:
    """One row with the columns that are written."""

    table: str
    columns: Mapping[str, Value]
    line: int
    fixes: bool = False
    """Whether it changes a row that is there: the other language may be there, too."""


def inserted(text: str, first: int) -> Iterator[Row]:
    """Rows of the INSERT statements; `first` is the number of the text's first line."""
    at, line, counted = 0, first, 0
    while statement := _INSERT.search(text, at):
        columns = _columns(statement)
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
            yield Row(statement["table"], dict(zip(columns, values, strict=True)), line)


def updated(text: str, first: int) -> Iterator[Row]:
    """What UPDATE statements set."""
    line, counted = first, 0
    for statement in _UPDATE.finditer(text):
        columns: dict[str, Value] = {}
        at = statement.end()
        for _ in range(_MAX_SET):
            column = _SET.match(text, at)
            if column is None:
                break
            literal = column["text"]
            empty = None if (column["other"] or "").upper() == "NULL" else COMPUTED
            columns[column["column"]] = literal[1:-1].replace("''", "'") if literal else empty
            at = column.end()
        line += text.count("\n", counted, statement.start())
        counted = statement.start()
        if columns:
            yield Row(statement["table"], columns, line, fixes=True)


def places(text: str) -> tuple[str, list[str]] | None:
    """Table and columns of an INSERT whose values are all given apart, in the order of the columns."""
    statement = _INSERT.search(text)
    opening = _OPENING.match(text, statement.end()) if statement else None
    if statement is None or opening is None:
        return None
    columns = _columns(statement)
    found = [part.strip() for part in text[opening.end() : opening.end() + MAX_ROW].partition(")")[0].split(",")]
    in_order = all(_PLACE.fullmatch(part) for part in found) and len(found) == len(columns)
    numbered = [part for part in found if part.startswith("$")]
    in_order = in_order and numbered == [f"${number}" for number, _ in enumerate(numbered, 1)]
    return (statement["table"], columns) if in_order else None


def _columns(statement: re.Match[str]) -> list[str]:
    return [name.strip().strip('"') for name in statement["columns"].split(",")]


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
    if bare.isdigit():
        return int(bare) if len(bare) < 19 else COMPUTED
    return literal if not bare or bare.startswith("::") else COMPUTED
