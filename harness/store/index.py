"""What a journal says, as columns beside it, so that a run of a hundred thousand trials is read in a second.

The journal stays the source of truth. The index is made from it and holds in pieces what whole lines said, damaged
ones with their number; each piece names the bytes of the journal that it stands for by their digest. A piece is
believed only when it is whole and those bytes are still the same; from the first that is not, the journal itself is
read again. So an index may be cut off, damaged, too old or deleted at any time, and no answer changes.

Most fields of most lines repeat: a column keeps each value once, and lines made from it share it. Tokens and money
differ on every line and are columns of their own, number by number. Lines are tuples, and so columns become lines
without a step of Python for each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from types import GenericAlias
from typing import Any, BinaryIO, get_type_hints

import pydantic
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from harness.core.digest import digest, sha256
from harness.core.records import SCHEMA_VERSION, Cost, Record, Usage, many
from harness.core.runs import AttemptLine, JournalLine, VerdictLine

FORMAT = 3
"""Counted up when a line is read otherwise than before."""
KINDS: dict[str, type[AttemptLine] | type[VerdictLine]] = {"a": AttemptLine, "v": VerdictLine}
SPREAD = (Usage, Cost)
"""Tuples within a line of which each field is a column."""
CHUNK = 1 << 20


class _Head(Record):
    """First line of a piece; its body follows. What is wrong in here is found by what it is held against."""

    key: str
    journal_bytes: int
    journal_sha256: str
    body_bytes: int
    body_sha256: str


@dataclass(frozen=True)
class Piece:
    """What consecutive lines of a journal say."""

    found: list[JournalLine]
    damages: list[tuple[int, str]]
    """Number of the line within the piece, from 1, and the reason."""
    lines: int
    """Of the journal, those included that say nothing."""


class Columns:
    """A piece that grows line by line and keeps no value twice."""

    def __init__(self) -> None:
        self.lines = 0
        self._order: list[str] = []
        self._damages: list[tuple[int, str]] = []
        self._size = 0
        self._hash = hashlib.sha256()
        self._kept: dict[str, list[_Column]] = {
            kind: [({}, []) for _ in range(_width(cls))] for kind, cls in KINDS.items()
        }

    def add(self, text: bytes, said: JournalLine | str | None) -> None:
        """The next line: its bytes, and what it says (None: nothing; a text: why it could not be read)."""
        self.lines += 1
        self._size += len(text)
        self._hash.update(text)
        if isinstance(said, str):
            self._damages.append((self.lines, said))
        elif said is not None:
            self._order.append(said.type[0])
            for value, (known, codes) in zip(_values_of(said), self._kept[said.type[0]], strict=True):
                codes.append(known.setdefault(to_json(value, inf_nan_mode="constants"), len(known)))

    def data(self) -> bytes:
        """The piece as it stands in an index."""
        rows = [to_json(self.lines), to_json("".join(self._order)), to_json(self._damages)]
        for columns in self._kept.values():
            for known, codes in columns:
                rows += [b"[" + b",".join(known) + b"]", to_json(codes if len(known) > 1 else len(codes))]
        body = b"\n".join(rows)
        head = _Head(
            key=_key(),
            journal_bytes=self._size,
            journal_sha256=self._hash.hexdigest(),
            body_bytes=len(body),
            body_sha256=sha256(body),
        )
        return head.model_dump_json().encode() + b"\n" + body


_Column = tuple[dict[bytes, int], list[int]]
"""Values as JSON, numbered as they came, and the number of each line's value."""


def pieces(index: BinaryIO, journal: BinaryIO) -> Iterator[Piece]:
    """Pieces of the index that hold, from the first on; both files are left behind the last of them."""
    while True:
        places = index.tell(), journal.tell()
        piece = _piece(index, journal)
        if piece is None:
            index.seek(places[0])
            journal.seek(places[1])
            return
        yield piece


def _piece(index: BinaryIO, journal: BinaryIO) -> Piece | None:
    try:
        head = _Head.model_validate_json(index.readline())
        body = index.read(head.body_bytes)
        same = head.key == _key() and sha256(body) == head.body_sha256
        if same and _read_sha256(journal, head.journal_bytes) == head.journal_sha256:
            return decoded(body)
    except ValidationError:
        pass
    return None


@cache
def _key() -> str:
    """Another harness may read a line otherwise: its index is not taken over."""
    return digest([FORMAT, SCHEMA_VERSION, pydantic.VERSION, *(cls._fields for cls in KINDS.values())])


def _read_sha256(file: BinaryIO, size: int) -> str:
    found = hashlib.sha256()
    while size > 0 and (chunk := file.read(min(size, CHUNK))):
        found.update(chunk)
        size -= len(chunk)
    return found.hexdigest()


# --- lines out of columns ----------------------------------------------------------------------------------------


def decoded(body: bytes) -> Piece:
    """The lines of a piece; `ValidationError` for what no journal of this harness says."""
    rows = iter(body.split(b"\n"))
    lines, order = from_json(next(rows)), from_json(next(rows))
    damages = [(number, reason) for number, reason in from_json(next(rows))]
    made = {kind: _made(cls, rows) for kind, cls in KINDS.items()}
    return Piece([next(made[kind]) for kind in order], damages, lines)


def _values_of(row: Any) -> Iterator[object]:
    """What a line, or a tuple within one, puts into its columns, in their order."""
    for value, (_, inner) in zip(row, _fields(row.__class__), strict=True):
        if inner is None:
            yield value
        else:
            yield from _values_of(value)


@cache
def _fields(cls: Any) -> list[tuple[Any, Any]]:
    """Kinds of the fields, each with the tuple that is spread there."""
    return [(kind, kind if kind in SPREAD else None) for kind in get_type_hints(cls).values()]


def _width(cls: Any) -> int:
    """Columns of a kind of line."""
    return sum(1 if inner is None else _width(inner) for _, inner in _fields(cls))


def _made(cls: Any, rows: Iterator[bytes]) -> Iterator[Any]:
    """The lines whose columns come next; all of the columns are read before the first line is asked for."""
    columns = [
        _values(kind, next(rows), from_json(next(rows))) if inner is None else _made(inner, rows)
        for kind, inner in _fields(cls)
    ]
    return many(cls, zip(*columns, strict=True))


def _values(kind: Any, known: bytes, codes: list[int] | int) -> Iterable[object]:
    values = _adapter(kind).validate_json(known)
    return values * codes if isinstance(codes, int) else map(values.__getitem__, codes)


@cache
def _adapter(kind: Any) -> TypeAdapter[list[object]]:
    of_kind: Any = GenericAlias(list, (kind,))
    return TypeAdapter(of_kind)
