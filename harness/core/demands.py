"""The demands of a prompt as its rulebook knows them, for those who read prompts and may not import graders."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.records import Severity, Source


@dataclass(frozen=True)
class Demand:
    """What a rulebook says about one demand."""

    id: str
    text: str
    """The demand in our words."""
    cues: tuple[str, ...]
    """Regular expressions; a sentence of a prompt in which one is found states this demand."""
    source: Source = Source.PROMPT
    severity: Severity | None = None
    """None: it weighs nothing of its own."""
    grader: str = ""
    """Who decides it; empty: nobody does."""
    reason: str = ""
    """Why nobody decides it."""


@dataclass(frozen=True)
class DemandBook:
    """All demands of a rulebook in its order, and how to know sentences that demand nothing."""

    name: str
    version: str
    demands: tuple[Demand, ...]
    context: tuple[str, ...] = ()
    """Regular expressions of sentences that say who the agent is, or lead into a list."""
