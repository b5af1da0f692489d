"""Append-only JSON lines: a run's journal and an attempt's events.

Whatever kills the writer, a reader loses at most the line in flight: lines before it end with a newline and are never
touched again. A line that cannot be read is named and the rest is still read, so that one damaged line costs one trial
and not a run.
"""

from __future__ import annotations

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
from typing import Annotated, Self, TypeVar

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from harness.core.records import SCHEMA_VERSION
from harness.core.runs import AttemptLine, JournalLine, VerdictLine
from harness.core.transcript import Event, EventKind
from harness.store.layout import json_bytes, write_all, writing

_LINES: TypeAdapter[JournalLine] = TypeAdapter(Annotated[JournalLine, Field(discriminator="type")])
_EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
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


def read(path: Path) -> tuple[list[JournalLine], list[Damage]]:
    """Lines of a journal in order; a torn last line is what a killed writer leaves and is no damage."""
    if not path.exists():
        return [], []
    with path.open("rb") as file:
        found = _parse(path, _whole_lines(file), _LINES)
    # They live as long as the command does: no sweep needs to look at them.
    gc.freeze()
    return found


def _whole_lines(file: Iterable[bytes]) -> Iterator[bytes]:
    """Line by line, so that a large journal is never in memory twice; a torn last line is left out."""
    return (text for text in file if text.endswith(b"\n") or _whole(text))


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

    def __init__(self, path: Path) -> None:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("xb", buffering=0)
        self._path = path
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._seq = 0

    def append(self, kind: EventKind, data: Mapping[str, JsonValue]) -> None:
        """Write one event; it survives the death of this process."""
        with self._lock, writing(self._path):
            self._seq += 1
            at = round(time.monotonic() - self._start, 6)
            event = {"schema_version": SCHEMA_VERSION, "seq": self._seq, "at": at, "kind": kind, "data": data}
            write_all(self._file.fileno(), json_bytes(event) + b"\n")

    def close(self) -> None:
        """Bring the events to the disk and end the log; may be called again."""
        with self._lock, writing(self._path):
            if not self._file.closed:
                os.fsync(self._file.fileno())
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


def _parse(path: Path, texts: Iterable[bytes], adapter: TypeAdapter[LineT]) -> tuple[list[LineT], list[Damage]]:
    found: list[LineT] = []
    damages: list[Damage] = []
    with _no_sweeps():
        for number, text in enumerate(texts, 1):
            if text == b"\n":
                continue
            try:
                line = adapter.validate_json(text)
            except ValidationError as error:
                damages.append(Damage(path, number, _reason(error)))
                continue
            if line.schema_version == SCHEMA_VERSION:
                found.append(line)
            else:
                reason = f"schema version {line.schema_version}, this harness reads {SCHEMA_VERSION}"
                damages.append(Damage(path, number, reason))
    return found, damages


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
