"""`log.jsonl` of a run: what the harness did and when, one JSON line each, for whoever asks in the morning why.

It explains; it decides nothing, and no table is made from it. So a disk that is full loses lines here before it loses
anything else, and nobody waits for them to reach it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import JsonValue

from harness.core.records import SCHEMA_VERSION, Record
from harness.store.layout import json_bytes, write_all, writing

LOG = "log.jsonl"


class LogLine(Record):
    """One line."""

    schema_version: int = SCHEMA_VERSION
    at: str
    """UTC, ISO 8601."""
    process: int
    """The harness process that wrote it."""
    event: str
    data: dict[str, JsonValue]

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.data.items() if value not in (None, ""))
        return f"{self.at} {self.event} {told}".rstrip()


class RunLog:
    """The log of a run; threads may share it. `hear` gets every line too, for a person who follows.

    A run is logged before it has a folder: until `opened`, lines wait.
    """

    def __init__(self, hear: Callable[[str], None] | None = None) -> None:
        self._file: BinaryIO | None = None
        self._waiting: list[bytes] = []
        self._hear = hear
        self._lock = threading.Lock()

    def write(self, event: str, data: Mapping[str, JsonValue]) -> None:
        """One line; never raises for a file that takes no more."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = LogLine(at=now, process=os.getpid(), event=event, data=dict(data))
        with self._lock:
            self._waiting.append(json_bytes(line) + b"\n")
            self._flush()
        if self._hear is not None:
            self._hear(str(line))

    @contextlib.contextmanager
    def opened(self, path: Path) -> Iterator[None]:
        """Write to `path` while this is open."""
        with writing(path):
            opened = path.open("ab", buffering=0)
        with opened as file:
            with self._lock:
                self._file = file
                self._flush()
            try:
                yield
            finally:
                with self._lock:
                    self._file = None

    def _flush(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                write_all(self._file.fileno(), b"".join(self._waiting))
            self._waiting.clear()
