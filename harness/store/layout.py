"""Where things stand in a run's folder, and how bytes get there.

    run.json                          the manifest, written before anything starts
    journal.jsonl                     one line for each attempt and each verdict
    journal.index                     what the journal says, as columns: made from it, and made again whenever in doubt
    blobs/xx/<sha256>                 file contents, compressed, shared by all attempts
    log.jsonl                         what the harness did, for whoever asks why
    trials/<trial>/<attempt>/         events.jsonl, evidence.json, grades/<grader>.json

A file is written beside its place and moved there, so that a reader finds it whole or not at all. A disk that takes no
more is the user's to mend: it ends the command, and what was written before stays.
"""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import PydanticSerializationError

from harness.core.digest import sha256
from harness.core.errors import Cause, Failure, UsageError
from harness.core.plugins import unknown
from harness.core.records import SCHEMA_VERSION
from harness.core.runs import RunManifest
from harness.store.place import line_of, line_of_first

PART = ".part"
"""Ends the name of a file that is being written."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Errors of a place that takes no more, whoever writes to it."""
DEEPEST = 60
"""Values nested deeper are stored as a mark: pydantic refuses to read them back, and only an agent writes such."""
Sync = Callable[[int], None]
"""Brings what was written to a descriptor to the disk."""
BLOB_NAME = re.compile(r"[0-9a-f]{64}")
SMALL_BLOB, KEPT_BLOBS = 64 * 1024, 8 * 1024 * 1024
"""Bytes of the largest blob that is kept in memory after it was read, and of all that are kept, about."""


def write_atomic(path: Path, data: bytes, sync: Sync = os.fsync) -> None:
    """Put `data` at `path`, whole or not at all; folders are made as needed. What returned survives a power cut."""
    with writing(path):
        make_folder(path.parent, sync)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=PART, buffering=0, delete=False) as file:
            part = Path(file.name)
            try:
                write_all(file.fileno(), data)
                sync(file.fileno())
                part.chmod(0o644)
                part.replace(path)
                sync_folder(path.parent, sync)
            except BaseException:
                part.unlink(missing_ok=True)
                raise


def make_folder(path: Path, sync: Sync = os.fsync) -> None:
    """Make a folder where there is none, and those around it; each survives a power cut."""
    if not path.is_dir():
        make_folder(path.parent, sync)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent, sync)


def sync_folder(path: Path, sync: Sync = os.fsync) -> None:
    """Bring the names in a folder to the disk: a file that was synced itself may still be lost with its name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, or raise `OSError` with nothing left in a buffer that a later close would try again."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the error of a place that takes no more into a `UsageError` naming `path`."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        mend = "make room there; `harness resume` goes on from what was written"
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path), mend=mend) from error


def plain(value: object, depth: int = 0) -> JsonValue:
    """Any record or value as JSON that every reader accepts.

    Agents decide some of these values, so nothing in them may fail here: lone surrogates become U+FFFD, numbers that
    JSON has no form for become text, and what is nested deeper than `DEEPEST` becomes a mark.
    """
    if isinstance(value, BaseModel):
        return plain(value.model_dump(), depth)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict(), depth)
    if isinstance(value, str):
        return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= DEEPEST:
        return "[nested too deep]"
    if isinstance(value, Mapping):
        return {str(plain(str(key))): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    raise TypeError(f"{type(value).__name__} is no JSON value")


def json_bytes(value: object) -> bytes:
    """`value` as one line of JSON, without the newline."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _plan_bytes(manifest: RunManifest) -> bytes:
    """What stands in `run.json`: `json_bytes` without three further copies of every planned trial on the way."""
    try:
        return manifest.model_dump_json().encode() + b"\n"
    except PydanticSerializationError:  # a name that is no text
        return json_bytes(manifest) + b"\n"


class Blobs:
    """Contents by SHA-256. Safe to share between threads and processes: equal names hold equal bytes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: dict[str, bytes] = {}
        """Of what was read last: the trials of a task share most of their files."""
        self._size = 0

    def put(self, data: bytes) -> str:
        """Keep `data`; its name."""
        name = sha256(data)
        path = self._path(name)
        if not path.exists():
            write_atomic(path, zlib.compress(data))
        return name

    def get(self, name: str) -> bytes:
        """The bytes of that name; `Failure(HARNESS)` where they are missing or damaged."""
        kept = self._kept.get(name)
        if kept is not None:
            return kept
        data = self._read(name)
        if len(data) <= SMALL_BLOB:
            if self._size > KEPT_BLOBS:
                self._kept, self._size = {}, 0
            self._kept[name] = data
            self._size += len(data)
        return data

    def _read(self, name: str) -> bytes:
        if not BLOB_NAME.fullmatch(name):
            raise Failure(Cause.HARNESS, f"{self._root}: {name!r} is no name of a blob")
        path = self._path(name)
        try:
            data = zlib.decompress(path.read_bytes())
        except (OSError, zlib.error) as error:
            raise Failure(Cause.HARNESS, f"{path}: {error}") from error
        if sha256(data) != name:
            raise Failure(Cause.HARNESS, f"{path}: content differs from its name")
        return data

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name


def _fill(root: Path, files: Mapping[str, bytes]) -> None:
    try:
        for name, content in files.items():
            write_atomic(root / name, content)
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise


class RunFolder:
    """One run on disk."""

    def __init__(self, root: Path, manifest: RunManifest) -> None:
        self.root = root
        self.manifest = manifest
        self.journal = root / "journal.jsonl"
        self.blobs = Blobs(root / "blobs")

    @classmethod
    def create(cls, results: Path, manifest: RunManifest, beside: Mapping[str, bytes] | None = None) -> RunFolder:
        """Make the folder `results/<run>` with the files `beside`, then pin the plan in it: whole or not at all."""
        root, part = results / manifest.run, results / f".{manifest.run}{PART}"
        if root.exists():
            raise UsageError("this run exists already", where=str(root), mend="choose another run name")
        try:
            part.mkdir(parents=True)
            _fill(part, {**(beside or {}), "run.json": _plan_bytes(manifest)})
            part.rename(root)
            sync_folder(results)
        except OSError as error:
            mend = "make the results folder writable, or name another one"
            raise UsageError(f"cannot be written: {error.strerror}", where=str(root), mend=mend) from error
        return cls(root, manifest)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The run in the folder `path`; `UsageError` names the line of a damaged plan."""
        file = path / "run.json"
        try:
            data = file.read_bytes()
        except OSError as error:
            mend = "name the folder of a run"
            raise UsageError(f"cannot be read: {error.strerror}", where=str(file), mend=mend) from error
        manifest = _manifest(file, data)
        if manifest.schema_version != SCHEMA_VERSION:
            message = f"schema version {manifest.schema_version}, this harness reads {SCHEMA_VERSION}"
            where = f"{file}:{line_of(data, ('schema_version',))}"
            raise UsageError(message, where=where, mend="use the harness that made this run")
        return cls(path, manifest)

    def attempt_dir(self, trial: str, attempt: int) -> Path:
        """The folder of one attempt; made by whoever writes to it first."""
        return self.root / "trials" / trial / str(attempt)

    def next_attempt(self, trial: str) -> int:
        """One more than any attempt that left a folder: those that were killed in flight stay as they are."""
        folder = self.root / "trials" / trial
        return max((int(path.name) for path in folder.glob("*") if path.name.isdecimal()), default=0) + 1

    def replan(self, manifest: RunManifest) -> RunFolder:
        """Put another plan in the place of this one; whoever does so holds the lock."""
        write_atomic(self.root / "run.json", _plan_bytes(manifest))
        return RunFolder(self.root, manifest)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other harness process out while this one writes; the lock ends with its process."""
        with lock(self.root):
            yield


def _manifest(file: Path, data: bytes) -> RunManifest:
    try:
        return RunManifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"damaged: {place}: {first['msg']}" if place else f"damaged: {first['msg']}"
        mend = "restore it from a copy, or name another run: without its plan this one cannot be read"
        raise UsageError(message, where=f"{file}:{line_of_first(data, error)}", mend=mend) from error


@contextmanager
def hold(results: Path) -> Iterator[None]:
    """Make the results folder where there is none, and keep every other harness process from running in it.

    What a killed harness had begun to make there is removed.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        (results / "lock").touch()
    except OSError as error:
        mend = "make the results folder writable, or name another one"
        raise UsageError(f"cannot be written: {error.strerror}", where=str(results), mend=mend) from error
    with lock(results):
        for part in results.glob(f".*{PART}"):
            shutil.rmtree(part, ignore_errors=True)
        yield


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; `UsageError` while another one holds it."""
    file = _lock_file(folder)
    with writing(file):
        opened = file.open("a")
    with opened as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            mend = "wait until it has ended, stop it, or name another folder"
            raise UsageError("another harness process works on it", where=str(folder), mend=mend) from error
        yield


def locked(folder: Path) -> bool:
    """Whether a process holds the folder now."""
    file = _lock_file(folder)
    if not file.exists():
        return False
    with file.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _lock_file(folder: Path) -> Path:
    return folder / "lock"


def named(results: Path) -> dict[str, Path]:
    """Name -> folder of each run below `results`; none of them is opened."""
    return {path.parent.name: path.parent for path in results.glob("*/run.json")}


def runs(results: Path) -> list[Path]:
    """Folders of the runs below `results`, newest last."""
    return [path for _, path in _dated(results)]


def _dated(results: Path) -> list[tuple[str, Path]]:
    """(when it was made, folder) of the runs below `results`, newest last; those that do not say when come first."""
    return sorted((_created(path), path) for path in named(results).values())


def _created(root: Path) -> str:
    try:
        return str(json.loads((root / "run.json").read_bytes())["created"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def resolve_run(results: Path, name: str | None, passed_over: Callable[[UsageError], None] | None = None) -> RunFolder:
    """The run of that name, the newest without one.

    A damaged run may be the newest: without a name it is told to `passed_over` and the newest of the others is taken.
    Where nobody listens it ends the command, for work on a run that was not meant costs money.
    """
    found = named(results)
    if not found:
        raise UsageError("no run here", where=str(results), mend="start one, or name another results folder")
    if name is not None and name not in found:
        raise UsageError(unknown("run", name, found), where=str(results))
    return RunFolder.open(found[name]) if name is not None else _newest(results, passed_over)


def _newest(results: Path, passed_over: Callable[[UsageError], None] | None) -> RunFolder:
    dated = _dated(results)
    undated = [path for date, path in dated if not date]
    for path in (*undated, *(path for date, path in reversed(dated) if date)):
        try:
            return RunFolder.open(path)
        except UsageError as error:
            if passed_over is None:
                raise
            passed_over(error)
    raise UsageError("no run here can be read", where=str(results), mend="restore the plan of one from a copy")
