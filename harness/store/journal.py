"""Append-only JSON lines: a run's journal and an attempt's events.

Whatever kills the writer, a reader loses at most the line in flight: lines before it end with a newline and are never
touched again. A line that cannot be read is named and the rest is still read, so that one damaged line costs one trial
and not a run.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, BinaryIO, Self, TypeVar

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from harness.core.errors import UsageError
from harness.core.records import SCHEMA_VERSION
from harness.core.runs import AttemptLine, JournalLine, VerdictLine
from harness.core.transcript import Event, EventKind
from harness.store import index
from harness.store.layout import Sync, json_bytes, make_folder, sync_folder, write_all, write_atomic, writing
from harness.store.log import LOG, RunLog

_LINES: TypeAdapter[JournalLine] = TypeAdapter(Annotated[JournalLine, Field(discriminator="type")])
_EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
INDEX = ".index"
"""Ends the name of the index beside a journal."""
PIECE = 20_000
"""Lines of a piece of an index."""
WORTH_AN_INDEX = 1_000_000
"""Bytes; fewer are read sooner than an index of them is written."""
DURABLE: frozenset[EventKind] = frozenset({"reserve"})
"""Kinds of events that are on the disk before their writer goes on: money that a call may cost, before it is called."""
LineT = TypeVar("LineT", bound=Event | AttemptLine | VerdictLine)


@dataclass(frozen=True)
class Damage:
    """A line that could not be read."""

    file: Path
    line_number: int
    """From 1; 0 where the whole file is missing."""
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line_number}: {self.reason}"


class Journal:
    """The one writer of `journal.jsonl`; whoever opens it holds the run's lock."""

    def __init__(self, path: Path) -> None:
        with writing(path):
            _mend_tail(path)
        self._path = path
        self._file = path.open("ab", buffering=0)
        sync_folder(path.parent)

    def append(self, line: JournalLine) -> None:
        """Write one line; when this returns it survives a power cut."""
        with writing(self._path):
            write_all(self._file.fileno(), json_bytes(line) + b"\n")
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path, *, worth: int = WORTH_AN_INDEX, piece: int = PIECE) -> tuple[list[JournalLine], list[Damage]]:
    """Lines of a journal in order; a torn last line is what a killed writer leaves and is no damage.

    Whole lines of at least `worth` bytes that no index holds yet are put into one, `piece` lines at a time.
    """
    if not path.exists():
        return [], []
    with path.open("rb") as file, _no_sweeps():
        found = _Read(path)
        kept = _indexed(found, file)
        if os.fstat(file.fileno()).st_size - file.tell() >= worth:
            _extend(found, file, kept, piece)
        found.texts(text for text in file if text.endswith(b"\n") or _whole(text))
        # They live as long as the command does: no sweep needs to look at them, least of all the one that is overdue.
        gc.freeze()
    return found.lines, found.damages


class _Read:
    """What a journal says, as far as it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[JournalLine] = []
        self.damages: list[Damage] = []
        self.count = 0

    def piece(self, piece: index.Piece) -> None:
        self.lines += piece.found
        self.damages += [Damage(self.path, self.count + number, reason) for number, reason in piece.damages]
        self.count += piece.lines

    def texts(self, texts: Iterable[bytes]) -> None:
        found, damages = _parse(self.path, texts, _LINES, self.count + 1)
        self.lines += found
        self.damages += damages


def _indexed(found: _Read, file: BinaryIO) -> int:
    """Take over what the index knows of the journal, and move `file` behind it; how many bytes of the index hold."""
    with contextlib.suppress(OSError), found.path.with_suffix(INDEX).open("rb") as known:
        for piece in index.pieces(known, file):
            found.piece(piece)
        return known.tell()
    return 0


def _extend(found: _Read, file: BinaryIO, kept: int, piece: int) -> None:
    """Read whole lines to the end and put them into the index, a piece at a time, so that little is in memory twice."""
    first, made = found.count, list[bytes]()
    for columns in _columns(file, piece):
        made.append(columns.data())
        found.piece(index.decoded(made[-1].partition(b"\n")[2]))
    folder, log = found.path.parent, RunLog()
    # Whoever may read a run need not be allowed to write beside it.
    with contextlib.suppress(OSError, UsageError):
        path = found.path.with_suffix(INDEX)
        write_atomic(path, b"".join([path.read_bytes()[:kept] if kept else b"", *made]))
        with log.opened(folder / LOG):
            log.write("index", {"journal": found.path.name, "held": first, "added": found.count - first})


def _columns(file: BinaryIO, piece: int) -> Iterator[index.Columns]:
    columns = index.Columns()
    while (text := file.readline()).endswith(b"\n"):
        columns.add(text, _said(text, _LINES))
        if columns.lines == piece:
            yield columns
            columns = index.Columns()
    file.seek(-len(text), os.SEEK_CUR)
    if columns.lines:
        yield columns


def _mend_tail(path: Path) -> None:
    """Cut off what a killed writer left behind the last whole line, so that the next one begins on its own."""
    data = path.read_bytes() if path.exists() else b""
    whole = _whole(data)
    with path.open("ab") as file:
        file.truncate(len(whole))
        if whole and not whole.endswith(b"\n"):
            file.write(b"\n")


def _whole(data: bytes) -> bytes:
    """`data` without a torn last line; a last line that lost nothing but its newline is whole."""
    end = data.rfind(b"\n") + 1
    try:
        json.loads(data[end:])
    except ValueError:
        return data[:end]
    return data


class EventLog:
    """The one writer of an attempt's `events.jsonl`; threads may share it. `at` counts from its making."""

    def __init__(self, path: Path, sync: Sync = os.fsync) -> None:
        with writing(path):
            make_folder(path.parent, sync)
            self._file = path.open("xb", buffering=0)
            sync_folder(path.parent, sync)
        self._path = path
        self._sync = sync
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._seq = 0

    def append(self, kind: EventKind, data: Mapping[str, JsonValue]) -> None:
        """Write one event; it survives the death of this process, and a power cut where its kind is `DURABLE`."""
        with self._lock, writing(self._path):
            self._seq += 1
            at = round(time.monotonic() - self._start, 6)
            event = {"schema_version": SCHEMA_VERSION, "seq": self._seq, "at": at, "kind": kind, "data": data}
            write_all(self._file.fileno(), json_bytes(event) + b"\n")
            if kind in DURABLE:
                self._sync(self._file.fileno())

    def close(self) -> None:
        """Bring the events to the disk and end the log; may be called again."""
        with self._lock, writing(self._path):
            if not self._file.closed:
                self._sync(self._file.fileno())
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_events(path: Path) -> tuple[list[Event], list[Damage]]:
    """Events in order; here a torn last line is damage, because a sealed attempt has none."""
    if not path.exists():
        return [], [Damage(path, 0, "missing")]
    return _parse(path, io.BytesIO(path.read_bytes()), _EVENTS)


def _parse(
    path: Path, texts: Iterable[bytes], adapter: TypeAdapter[LineT], first: int = 1
) -> tuple[list[LineT], list[Damage]]:
    found: list[LineT] = []
    damages: list[Damage] = []
    with _no_sweeps():
        for number, text in enumerate(texts, first):
            said = _said(text, adapter)
            if isinstance(said, str):
                damages.append(Damage(path, number, said))
            elif said is not None:
                found.append(said)
    return found, damages


def _said(text: bytes, adapter: TypeAdapter[LineT]) -> LineT | str | None:
    """What a line says; a text tells why it cannot be read."""
    if text == b"\n":
        return None
    try:
        line = adapter.validate_json(text)
    except ValidationError as error:
        return _reason(error)
    if line.schema_version != SCHEMA_VERSION:
        return f"schema version {line.schema_version}, this harness reads {SCHEMA_VERSION}"
    return line


@contextmanager
def _no_sweeps() -> Iterator[None]:
    """Records hold no cycles, but a hundred thousand of them make the collector search all of them again and again."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
