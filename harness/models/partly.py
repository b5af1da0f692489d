"""Deliveries that keep a part of a contract: what partial scores are held against, before any model's is believed.

A junior is the reference with the rest of the contract switched off. What can be switched off is an operation, one of
its refusals, one of its parameters; they are ordered by the clause that first speaks of them, and of thirty in a
hundred the first thirty work. So a junior that does more does all that one does which does less, and its score has to
be higher. The mock keeps none: over the seed it answers every operation of the contract with one valid example.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from harness.core.delivery import Delivery
from harness.core.errors import UsageError
from harness.core.task import CLAUSE, App, Task
from harness.models.offers import Offer, offers

SHIPPED = Path(__file__).parent / "shipped" / "partial.py"
MISSING = {"status": 501, "headers": {}, "body": {"detail": "Not implemented"}}
HEADING = re.compile(r"#+\s")
LATE = 1_000_000
"""Place of what no clause speaks of: last."""

_STATUS = re.compile(r"^(### CONFORMITY STATUS:).*$", re.MULTILINE)
_DEVIATIONS = re.compile(r"^(### DEVIATIONS:\n)(.*?)(?=^---|^### |\Z)", re.MULTILINE | re.DOTALL)
_CHANGED = re.compile(r"^(### FILES CHANGED:\n).*?(?=^### |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Unit:
    """One thing that can be switched off."""

    offer: Offer
    refusal: int | None = None
    query: str | None = None
    header: str | None = None


def junior(task: Task, openapi: str, reference: Delivery, seed: Mapping[str, bytes], percent: int) -> Delivery:
    """The reference with only the first `percent` of a hundred of the contract working, and an honest report."""
    given = [offer for offer in offers(openapi) if not offer.seed]
    ordered = units(task.contract, given)
    off = ordered[-(-len(ordered) * percent // 100) :]
    settings = [_setting(offer, off) for offer in given]
    lacking = [offer for offer, setting in zip(given, settings, strict=True) if setting != _setting(offer, [])]
    return _wrapped(task, reference, seed, settings, lacking)


def mock(task: Task, openapi: str, reference: Delivery, seed: Mapping[str, bytes]) -> Delivery:
    """The seed behind one valid example for each operation of the contract, and an honest report."""
    given = offers(openapi)
    settings = [{**_setting(offer, []), "answer": offer.answer} for offer in given]
    return _wrapped(task, replace(reference, files={}, deleted=()), seed, settings, given)


def units(contract: str, given: Sequence[Offer]) -> list[Unit]:
    """All that can be switched off, by the clause that first speaks of it, an operation before what belongs to it."""
    found = []
    for offer in given:
        found.append(Unit(offer))
        found += [Unit(offer, refusal=status) for status in offer.refusals]
        found += [Unit(offer, query=name) for name in offer.query]
        found += [Unit(offer, header=name) for name in offer.headers]
    clauses = _clauses(contract)
    begins = {offer: _first(clauses, offer, "") for offer in given}
    return sorted(found, key=lambda unit: max(begins[unit.offer], _first(clauses, unit.offer, _word(unit))))


def _word(unit: Unit) -> str:
    """How a clause names the unit, as a pattern; empty for the operation itself."""
    if unit.refusal is not None:
        return rf"\b{unit.refusal}\b"
    name = unit.query or unit.header
    return "" if name is None else rf"`{re.escape(name)}`"


def _clauses(contract: str) -> list[tuple[str, str]]:
    """(heading, text) of each clause, in order."""
    heading, found = "", []
    for line in contract.splitlines():
        if HEADING.match(line):
            heading = line
        clause = CLAUSE.search(line)
        if clause is not None:
            found.append((heading, clause["text"]))
    return found


def _first(clauses: Sequence[tuple[str, str]], offer: Offer, word: str) -> int:
    """Number of the first clause that speaks of `word` at this operation; else of the first that speaks of it."""
    speaking = [number for number, (_, text) in enumerate(clauses) if re.search(word, text, re.IGNORECASE)]
    about = [number for number in speaking if _names(offer, *clauses[number])]
    return next(iter(about or (speaking if word else [])), LATE)


def _names(offer: Offer, heading: str, text: str) -> bool:
    """Whether a clause is about an operation: itself or its heading names the method and path, or the path alone."""
    parts = (re.escape(part) for part in re.split(r"\{[^}]*\}", offer.path))
    path = r"\{[^}]*\}".join(parts) + r"(?![\w/{])"
    exact, bare = rf"\b{offer.method} {path}", rf"(?<![A-Z] )(?<![\w}}]){path}"
    return any(re.search(f"{exact}|{bare}", where) for where in (heading, text))


def _setting(offer: Offer, off: Sequence[Unit]) -> dict[str, Any]:
    mine = [unit for unit in off if unit.offer == offer]
    whole = any(_word(unit) == "" for unit in mine)
    return {
        "method": offer.method,
        "path": offer.path,
        "answer": MISSING if whole else None,
        "statuses": [unit.refusal for unit in mine if unit.refusal is not None],
        "query": [unit.query for unit in mine if unit.query is not None],
        "headers": [unit.header for unit in mine if unit.header is not None],
    }


# --- the delivery ------------------------------------------------------------------------------------------------


def _wrapped(
    task: Task,
    delivery: Delivery,
    seed: Mapping[str, bytes],
    settings: Sequence[Mapping[str, Any]],
    lacking: Sequence[Offer],
) -> Delivery:
    """`delivery` with the app wrapped in the shipped middleware, and a report that tells what is lacking."""
    app = task.file.app
    module, main = f"{app.package}/{SHIPPED.name}", _main(app, {**seed, **delivery.files})
    attribute = app.module.partition(":")[2]
    name = f"{PurePosixPath(app.package).name}.{SHIPPED.stem}"
    wrapping = f"\n\nfrom {name} import Partial\n\n{attribute}.add_middleware(Partial)\n"
    files = {
        **delivery.files,
        module: SHIPPED.read_bytes(),
        str(PurePosixPath(module).with_suffix(".json")): json.dumps(settings, indent=1).encode() + b"\n",
        main: {**seed, **delivery.files}[main].rstrip() + wrapping.encode(),
    }
    changed = sorted([*files, *delivery.deleted])
    return replace(delivery, files=files, report=_honest(delivery.report, changed, lacking, module))


def _main(app: App, files: Mapping[str, bytes]) -> str:
    """Path of the module that uvicorn serves."""
    parent = PurePosixPath(app.package).parent
    dotted = app.module.partition(":")[0].replace(".", "/")
    for path in (str(parent / f"{dotted}.py"), str(parent / dotted / "__init__.py")):
        if path in files:
            return path
    raise UsageError(
        f"no file holds {app.module}", where="task.toml: app.module", mend="name a module below app.package"
    )


def _honest(report: str, changed: Sequence[str], lacking: Sequence[Offer], module: str) -> str:
    """The reference's report, told by somebody who knows what is lacking."""
    deviations = "\n".join(_deviation(offer, module) for offer in lacking)
    listed = "".join(f"- {path}\n" for path in changed)
    text = _STATUS.sub(r"\1 NO", report)
    text = _DEVIATIONS.sub(lambda found: f"{found[1]}{found[2].replace('None', '').lstrip()}{deviations}\n", text)
    return _CHANGED.sub(lambda found: f"{found[1]}{listed}\n", text)


def _deviation(offer: Offer, module: str) -> str:
    return (
        f"- **Endpoint:** {offer.method} {offer.path}\n"
        f"- **File:** {module}:1\n"
        "- **Deviation:** not everything that the contract says about it works\n"
        "- **Justification:** it is not implemented yet\n"
        "- **Recommendation:** keep deviation until the rest is delivered\n"
    )
