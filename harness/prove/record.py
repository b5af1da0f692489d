"""`proof.json` and `equivalent.toml` of a task: what its proof found, and which survivors are the same program.

Each part of a record carries a digest over everything that decides it, so that an unchanged part is never run again and
a changed one is told. Neither file belongs to what an agent sees or a verdict uses: writing them voids no result.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from pydantic import Field, ValidationError

from harness.core.digest import digest
from harness.core.errors import UsageError
from harness.core.records import SCHEMA_VERSION, Record
from harness.prove.mutation import Mutation

OPERATORS = f"mutmut {version('mutmut')}"
"""Whose operators make the mutants; another version is another sample."""
SAMPLE = "1"
"""Seed of the sample of mutants; another one is another sample."""
HERE = "mutants stand here"
RECORD, EQUIVALENT = "proof.json", "equivalent.toml"


class Score(Record):
    """What one scripted delivery reaches."""

    clauses: dict[str, float]
    """Fail-to-pass clause -> share of its checks that pass."""
    mean: float
    """Mean of the shares, above doing nothing."""
    whole: float
    """Share of the clauses whose checks all pass."""


class Partial(Record):
    """Deliveries that keep a part of the contract."""

    digest: str
    scores: dict[str, Score]
    """By the name of the reference agent that leaves such a delivery behind."""


class Flakes(Record):
    """The reference, graded again and again with another seed each time."""

    digest: str
    repeats: int
    answers: int
    flakes: tuple[str, ...] = ()
    """Each answer other than pass: `repeat check outcome`."""


class Checked(Record):
    """What `harness check` said with every flaw played."""

    digest: str
    ok: bool
    checks: int
    clauses: int
    floor: float
    deliveries: int
    """Reference runs, no-op, alternatives and flaws that were played."""


class Facts(Record):
    """How large the task was."""

    tags: tuple[str, ...]
    seed_files: int
    reference_lines: int
    """Lines that the reference adds to code and tests."""
    clauses: int
    checks: int


class ProofRecord(Record):
    """`proof.json`."""

    schema_version: int = SCHEMA_VERSION
    task: str
    facts: Facts | None = None
    """None: nothing was tried yet."""
    checked: Checked | None = None
    mutation: Mutation | None = None
    partial: Partial | None = None
    flakes: Flakes | None = None


class _Same(Record):
    id: str
    change: str
    """The change, for people."""
    why: str = Field(min_length=10)


class _SameFile(Record):
    mutant: tuple[_Same, ...] = ()


def read_record(root: Path, task: str) -> ProofRecord:
    """The record in the task's folder `root`, an empty one where there is none."""
    path = root / RECORD
    if not path.is_file():
        return ProofRecord(task=task)
    try:
        return ProofRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"no record of a proof: {error.errors()[0]['msg']}", where=str(path), mend="remove it"
        ) from error


def record_bytes(record: ProofRecord) -> bytes:
    """The record as it is kept: a line for each mutant, so that a change of one is a change of one line."""
    plain = record.model_dump(mode="json")
    mutants = (plain["mutation"] or {}).get("played", [])
    if mutants:
        plain["mutation"]["played"] = [HERE]
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in mutants)
    return json.dumps(plain, indent=1, ensure_ascii=False).replace(f'   "{HERE}"', lines).encode() + b"\n"


def equivalents(root: Path) -> dict[str, str]:
    """Id of each mutant that is the same program -> why, as `equivalent.toml` lists them."""
    path = root / EQUIVALENT
    if not path.is_file():
        return {}
    try:
        listed = _SameFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not TOML: {error}", where=str(path), mend="mend the line it names") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        mend = "write [[mutant]] with id, change and why"
        raise UsageError(f"{place}: {first['msg']}", where=str(path), mend=mend) from error
    return {one.id: one.why for one in listed.mutant}


def key(*parts: object) -> str:
    """Digest of what decides a part of the record."""
    return digest(list(parts))[:32]


def stale(record: ProofRecord, keys: Mapping[str, str]) -> list[str]:
    """Parts that are missing, unfinished or decided by something else than now."""
    return [part for part, now in keys.items() if not _is_of(getattr(record, part), now)]


def _is_of(part: Checked | Mutation | Partial | Flakes | None, now: str) -> bool:
    return part is not None and part.digest == now and (not isinstance(part, Mutation) or part.complete)
