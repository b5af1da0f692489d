"""Seals what an attempt left behind, and gives it back to graders unchanged or not at all.

The seal is the digest of the final tree; it is checked on every load, together with the content of every file that is
read. The agent chose the names and contents in that tree, so nothing in them fails here: a name that is no text is
spelled out, content that was not taken makes the file a special one, and a flag tells of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.core.errors import Cause, Failure, boundary
from harness.core.ports import Snapshot
from harness.core.records import SCHEMA_VERSION, Ended, Entry, Evidence, Grade, History, Record, Tree, Witness
from harness.core.transcript import transcript
from harness.store.journal import read_events
from harness.store.layout import RunFolder, json_bytes, write_atomic

BLOBS_KEPT = 512
"""Contents that a loaded tree keeps in memory: many rules read the same files."""

_Entries = TypeAdapter(dict[str, Entry])
RecordT = TypeVar("RecordT", "_Sealed", Grade)


class _Sealed(Record):
    """`evidence.json`: all evidence but the events and the files' contents."""

    schema_version: int = SCHEMA_VERSION
    base: str
    """Blob of the manifest after set-up."""
    final: str
    """Blob of the manifest of the sealed snapshot."""
    sealed: str
    history: History | None
    witness: Witness | None
    reply: str
    ended: Ended
    flags: tuple[str, ...]


def save_evidence(
    folder: RunFolder,
    trial: str,
    attempt: int,
    *,
    base: Tree,
    snapshot: Snapshot,
    history: History | None,
    witness: Witness | None,
    reply: str,
    ended: Ended,
    flags: tuple[str, ...] = (),
) -> str:
    """Write an attempt's evidence beside its events, `.git` of both trees left out; the digest of the final tree."""
    final, odd = _storable(snapshot)
    for name in {entry.sha256 for entry in final.values() if entry.kind == "file"}:
        folder.blobs.put(snapshot.blobs[name])
    before = {path: entry for path, entry in base.entries.items() if not _is_git(path)}
    for path in before:
        content = base.read(path)
        if content is not None:
            folder.blobs.put(content)
    sealed = Tree(final, folder.blobs.get).digest()
    record = _Sealed(
        base=_save_manifest(folder, before),
        final=_save_manifest(folder, final),
        sealed=sealed,
        history=history,
        witness=witness,
        reply=reply,
        ended=ended,
        flags=tuple(dict.fromkeys((*snapshot.flags, *flags, *odd))),
    )
    write_atomic(folder.attempt_dir(trial, attempt) / "evidence.json", json_bytes(record) + b"\n")
    return sealed


def load_evidence(folder: RunFolder, trial: str, attempt: int) -> Evidence:
    """The evidence of an attempt; `Failure(HARNESS)` naming file and line where any of it is missing or damaged."""
    root = folder.attempt_dir(trial, attempt)
    record = _load(root / "evidence.json", _Sealed)
    events, damages = read_events(root / "events.jsonl")
    if damages:
        raise Failure(Cause.HARNESS, str(damages[0]))
    blob = lru_cache(BLOBS_KEPT)(folder.blobs.get)
    final = Tree(_load_manifest(folder, record.final), blob)
    if final.digest() != record.sealed:
        raise Failure(Cause.HARNESS, f"{root / 'evidence.json'}:1: the sealed tree differs from its digest")
    with boundary(Cause.HARNESS, str(root / "events.jsonl")):
        steps = transcript(events)
    return Evidence(
        transcript=steps,
        reply=record.reply,
        base=Tree(_load_manifest(folder, record.base), blob),
        final=final,
        history=record.history,
        witness=record.witness,
        flags=record.flags,
        ended=record.ended.kind,
    )


def save_grade(folder: RunFolder, trial: str, attempt: int, grade: Grade) -> None:
    """Keep what a grader said; an earlier grade of the same grader gives way."""
    write_atomic(_grades(folder, trial, attempt) / f"{grade.grader}.json", json_bytes(grade) + b"\n")


def load_grade(folder: RunFolder, trial: str, attempt: int, grader: str) -> Grade | None:
    """The grade of one grader, None where it has not judged; `Failure(HARNESS)` where it is damaged."""
    path = _grades(folder, trial, attempt) / f"{grader}.json"
    return _load(path, Grade) if path.exists() else None


def load_grades(folder: RunFolder, trial: str, attempt: int) -> dict[str, Grade]:
    """All grades of an attempt by grader."""
    paths = sorted(_grades(folder, trial, attempt).glob("*.json"))
    return {path.stem: _load(path, Grade) for path in paths}


def _grades(folder: RunFolder, trial: str, attempt: int) -> Path:
    return folder.attempt_dir(trial, attempt) / "grades"


def _load(path: Path, kind: type[RecordT]) -> RecordT:
    try:
        record = kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Failure(Cause.HARNESS, f"{path}: {error.strerror}") from error
    except ValidationError as error:
        raise Failure(Cause.HARNESS, f"{path}:1: {error.errors(include_url=False)[0]['msg']}") from error
    if record.schema_version != SCHEMA_VERSION:
        other = f"schema version {record.schema_version}, this harness reads {SCHEMA_VERSION}"
        raise Failure(Cause.HARNESS, f"{path}:1: {other}")
    return record


def _save_manifest(folder: RunFolder, entries: Mapping[str, Entry]) -> str:
    return folder.blobs.put(json_bytes({path: entry.model_dump() for path, entry in sorted(entries.items())}))


def _load_manifest(folder: RunFolder, name: str) -> dict[str, Entry]:
    try:
        return _Entries.validate_json(folder.blobs.get(name))
    except ValidationError as error:
        raise Failure(Cause.HARNESS, f"manifest {name}: {error.errors(include_url=False)[0]['msg']}") from error


def _storable(snapshot: Snapshot) -> tuple[dict[str, Entry], list[str]]:
    """Entries of the final tree as text and with content that is there, and a flag for each that had to be changed."""
    entries: dict[str, Entry] = {}
    flags = []
    for path, entry in snapshot.entries.items():
        if _is_git(path):
            continue
        name = _spelled(path)
        if name != path:
            flags.append(f"odd name: {name}")
        if entry.kind == "file" and entry.sha256 not in snapshot.blobs:
            flags.append(f"content not taken: {name}")
            entry = Entry(kind="special", size=entry.size)
        entries[name] = entry.model_copy(update={"target": _spelled(entry.target)})
    return entries, flags


def _spelled(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _is_git(path: str) -> bool:
    return path.split("/", 1)[0] == ".git"
