"""A matrix of arms: prompts x models x limits, from one file or from flags, or arms named one by one.

    repeats = 5
    tasks = ["bookings-crud"]           # left out: all
    models = ["claude-opus-5-5", "reference/oracle"]

    [prompts]                           # paths from this file's folder
    old = "python-dev.md"
    short = "python-dev-short.md"

    [limits]
    own = "task"                        # each task's own budgets
    tight = { turns = 40, usd = 2.0 }   # what is not named here is as in `Limits`

    [arms.control]                      # instead of, or beside, the product
    model = "claude-opus-5-5"
    prompt = "old"
    limits = "tight"

An arm's name says what it does not share with the others. Names end up in tables, files and the shell, so they are
plain.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.core.errors import UsageError
from harness.core.plugins import unknown
from harness.core.records import Limits

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@/+-]*")
KEYS = ("repeats", "tasks", "models", "prompts", "limits", "arms")
ARM_KEYS = ("prompt", "model", "limits")
OWN = "task"


@dataclass(frozen=True)
class ArmChoice:
    """An arm that somebody asked for."""

    name: str
    model: str
    """Exact model id, `reference/<player>`, or `prompt` for the one that the prompt names."""
    prompt: Path | None = None
    """None: the run's default prompt."""
    limits: Limits | None = None
    """None: each task's own budgets."""


@dataclass(frozen=True)
class Matrix:
    """What a matrix file asks for."""

    arms: tuple[ArmChoice, ...]
    tasks: tuple[str, ...] = ()
    """Empty: all."""
    repeats: int | None = None
    """None: as the flag says."""


def crossed(
    prompts: Mapping[str, Path], models: Sequence[str], limits: Mapping[str, Limits | None]
) -> tuple[ArmChoice, ...]:
    """Every prompt with every model under all limits; empty without a model."""
    levels: Mapping[str, Limits | None] = limits or {"": None}
    given: Mapping[str, Path | None] = prompts or {"": None}
    arms = []
    for (prompt, path), model, (level, limit) in product(given.items(), models, levels.items()):
        shown = [(prompt, len(given)), (model.removeprefix("reference/"), len(models)), (level, len(levels))]
        name = "+".join(part for part, count in shown if count > 1) or shown[1][0]
        arms.append(ArmChoice(name, model, path, limit))
    return tuple(arms)


def load_matrix(path: Path) -> Matrix:
    """Read a matrix file; `UsageError` names file, place and mend."""
    data = _read(path)
    _known(path, data, KEYS, "the file")
    prompts = {
        _name(path, "prompts", name): path.parent / _text(path, f"prompts.{name}", file)
        for name, file in _table(path, data, "prompts").items()
    }
    limits = {
        _name(path, "limits", name): parse_limits(value, f"{path}: limits.{name}")
        for name, value in _table(path, data, "limits").items()
    }
    models = _texts(path, data, "models")
    named = [_arm(path, name, value, prompts, limits) for name, value in _table(path, data, "arms").items()]
    arms = (*crossed(prompts, models, limits), *named)
    if not arms:
        raise UsageError("no arms", where=str(path), mend="name models, or arms one by one under [arms.NAME]")
    for arm in arms:
        _name(path, "arms", arm.name)
    return Matrix(arms, _texts(path, data, "tasks"), _repeats(path, data))


def parse_limits(value: object, where: str) -> Limits | None:
    """Limits from a table or from `turns=40,usd=2`; None for a task's own."""
    if value == OWN:
        return None
    fields = _pairs(value, where) if isinstance(value, str) else value
    try:
        found = Limits.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        mend = f"numbers for {', '.join(Limits.model_fields)}; or '{OWN}' for each task's own"
        raise UsageError(f"{place}: {first['msg']}" if place else str(first["msg"]), where=where, mend=mend) from error
    low = [name for name, number in found.model_dump().items() if number <= 0]
    if low:
        raise UsageError(f"{low[0]}: not above 0", where=where, mend="leave it out, or give more than 0")
    return found


def _pairs(text: str, where: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.replace(" ", ",").split(",") if part]
    broken = next((key for key, equals, _ in pairs if not equals), None)
    if broken is not None:
        raise UsageError(f"'{broken}' has no value", where=where, mend="write turns=40,usd=2")
    return {key: value for key, _, value in pairs}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), mend="name a matrix file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not TOML: {error}", where=str(path), mend="mend the line it names") from error


def _arm(
    path: Path, name: str, value: object, prompts: Mapping[str, Path], limits: Mapping[str, Limits | None]
) -> ArmChoice:
    place = f"arms.{name}"
    if not isinstance(value, dict):
        raise UsageError(f"{place} is no table", where=str(path), mend=f"write [{place}] and its lines")
    _known(path, value, ARM_KEYS, place)
    model = _text(path, f"{place}.model", value.get("model"))
    prompt = _picked(path, f"{place}.prompt", value.get("prompt"), prompts)
    return ArmChoice(name, model, prompt, _picked(path, f"{place}.limits", value.get("limits"), limits))


def _picked(path: Path, place: str, name: object, known: Mapping[str, Any]) -> Any:
    if name is None:
        return None
    if not isinstance(name, str) or name not in known:
        raise UsageError(unknown(place, str(name), known), where=str(path), mend="define it in the file first")
    return known[name]


def _known(path: Path, data: Mapping[str, object], keys: Sequence[str], place: str) -> None:
    for key in data:
        if key not in keys:
            raise UsageError(unknown(f"key of {place}", key, keys), where=str(path))


def _table(path: Path, data: Mapping[str, object], key: str) -> dict[str, object]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{key} is no table", where=str(path), mend=f"write [{key}] and a line for each name")
    return value


def _texts(path: Path, data: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = data.get(key, [])
    if not isinstance(value, list):
        raise UsageError(f"{key} is no list", where=str(path), mend=f'write {key} = ["...", "..."]')
    return tuple(_text(path, key, item) for item in value)


def _text(path: Path, place: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{place} is no text", where=str(path), mend="give it in quotes")
    return value


def _name(path: Path, place: str, name: str) -> str:
    if not NAME.fullmatch(name):
        mend = "letters, digits and . _ @ / + - only"
        raise UsageError(f"{place}: {name!r} is no plain name", where=str(path), mend=mend)
    return name


def _repeats(path: Path, data: Mapping[str, object]) -> int | None:
    value = data.get("repeats")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"repeats: {value!r}", where=str(path), mend="a whole number of 1 or more")
    return value
