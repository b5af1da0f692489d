"""`harness prompt`: what an agent file demands, held against a rulebook, and what two versions demand differently."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from harness.core.demands import DemandBook
from harness.core.errors import UsageError
from harness.load.prompt_clauses import clauses
from harness.load.prompt_text import differences, held_to
from harness.load.prompts import load_prompt

RULEBOOKS = "graders.rulebook"
SHIPPED = Path(__file__).resolve().parent.parent / "graders" / "rulebooks" / "python-dev.toml"


def prompt(parsed: argparse.Namespace) -> int:
    """Print one prompt's clauses, or what differs between two."""
    book = demand_book(parsed.rulebook or SHIPPED)
    files = [load_prompt(path) for path in parsed.files]
    if len(files) != (2 if parsed.diff else 1):
        mend = "give one file, or --diff and two"
        raise UsageError(f"{len(files)} prompt files given", where="harness prompt", mend=mend)
    found = [clauses(file, book) for file in files]
    if parsed.diff:
        print(differences(files[0], found[0], files[1], found[1], book))
    else:
        print(held_to(files[0], found[0], book))
    return 0


def demand_book(path: Path) -> DemandBook:
    """The demands of a rulebook; `UsageError` names what is wrong with the file."""
    book: DemandBook = import_module(RULEBOOKS).load_rulebook(path).demand_book()
    return book
