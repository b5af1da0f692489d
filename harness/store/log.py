"""`log.jsonl` of a run: what the harness did and when, one JSON line each, for whoever asks in the morning why.

It explains; it decides nothing, and no table is made from it. So a disk that is full loses lines here before it loses
anything else, and nobody waits for them to reach it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import JsonValue

from harness.core.records import SCHEMA_VERSION, Record
from harness.store.layout import json_bytes, write_all


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
    """The log of a run; threads may share it. `hear` gets every line too, for a person who follows."""

    def __init__(self, path: Path, hear: Callable[[str], None] | None = None) -> None:
        self._file = path.open("ab", buffering=0)
        self._hear = hear
        self._lock = threading.Lock()

    def write(self, event: str, data: Mapping[str, JsonValue]) -> None:
        """One line; never raises for a file that takes no more."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = LogLine(at=now, process=os.getpid(), event=event, data=dict(data))
        with self._lock, contextlib.suppress(OSError, ValueError):
            write_all(self._file.fileno(), json_bytes(line) + b"\n")
        if self._hear is not None:
            self._hear(str(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._file.close()
