"""Everything that people read of a run, searched for what could move a cursor, run as a script or compute in a cell."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from xml.etree import ElementTree

from harness.cli import main
from harness.store.layout import RunFolder

BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
MARKUP = re.compile(r"<[a-z/!]|!\[|\]\(javascript:", re.I)
FORMULA = frozenset("=+-@|%\t\r")
NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")


def seen_in_views(folder: RunFolder) -> list[str]:
    """What is wrong with any view of the run, with the view's name; empty where all are inert."""
    where = ("--results", str(folder.root.parent))
    run = folder.manifest.run
    views: list[tuple[str, tuple[str, ...], Callable[[str], Iterator[str]]]] = [
        ("table", ("table", run), plain),
        ("table --clauses", ("table", run, "--clauses"), plain),
        ("table markdown", ("table", run, "--format", "markdown"), markdown),
        ("table csv", ("table", run, "--format", "csv"), cells),
        ("table json", ("table", run, "--format", "json"), strict_json),
        ("export csv", ("export", "csv", run), cells),
        ("export junit", ("export", "junit", run), xml),
        ("export summary", ("export", "summary", run), markdown),
    ]
    views += [
        (f"show {planned.arm}", ("show", planned.trial, "--run", run), plain) for planned in folder.manifest.trials
    ]
    told = []
    for name, arguments, wrong in views:
        text = _said((*arguments, *where))
        told += [f"{name}: {what}" for what in (*controls(text), *wrong(text))]
    return told


def _said(arguments: tuple[str, ...]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(list(arguments))
    assert code in (0, 1, 3), f"{arguments} ended with {code}"
    assert out.getvalue(), arguments
    return out.getvalue()


def controls(text: str) -> Iterator[str]:
    """Characters that a terminal obeys, or that reorder a line."""
    found = {char for char in text if (unicodedata.category(char) == "Cc" and char not in "\n\t") or char in BIDI}
    yield from (f"character U+{ord(char):04X}" for char in sorted(found))


def plain(text: str) -> Iterator[str]:
    """Text for a terminal: nothing more to ask."""
    yield from ()


def markdown(text: str) -> Iterator[str]:
    """Markup outside code spans."""
    for found in MARKUP.finditer(SPAN.sub("", text)):
        yield f"markup {found.group()!r}"


def cells(text: str) -> Iterator[str]:
    """Cells that a spreadsheet would compute."""
    for row in csv.reader(io.StringIO(text)):
        yield from (f"formula {cell[:40]!r}" for cell in row if cell[:1] in FORMULA and not NUMBER.fullmatch(cell))


def strict_json(text: str) -> Iterator[str]:
    """JSON with constants that are none."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError as error:
        yield f"no JSON: {error}"


def xml(text: str) -> Iterator[str]:
    """XML that does not parse."""
    try:
        ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        yield f"no XML: {error}"
