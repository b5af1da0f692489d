"""The clauses of a prompt told to a person: what each sentence is held to, and how two versions differ."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.core.demands import Demand, DemandBook
from harness.core.records import Source
from harness.load.prompt_clauses import Clause, Sentence, Standing, plain, stated
from harness.load.prompts import Prompt

WIDTH = 110
_SHARES = {
    Standing.RULED: "are decided",
    Standing.UNSCORED: "are unscored",
    Standing.CONTEXT: "demand nothing by themselves",
    Standing.UNKNOWN: "no rule knows",
}


def held_to(prompt: Prompt, found: Sequence[Clause], book: DemandBook) -> str:
    """Every sentence with what decides it, then what the prompt does not state and what nobody decides."""
    lines = [f"{prompt.path}: prompt {prompt.name}, held to rulebook {book.name} {book.version}", _counts(found)]
    section = None
    for clause in found:
        if clause.sentence.section != section:
            section = clause.sentence.section
            lines += ["", f"== {section or '(introduction)'} =="]
        lines += _told(clause)
    lines += ["", "== Rules of source prompt that this file does not state ==", *_unstated(found, book)]
    lines += ["", "== Sentences that no rule knows ==", *_unknown(found)]
    return "\n".join(lines)


def _counts(found: Sequence[Clause]) -> str:
    counts = Counter(clause.standing for clause in found)
    told = ", ".join(f"{counts[standing]} {words}" for standing, words in _SHARES.items())
    return f"{len(found)} sentences: {told}. Matched by key phrases: approximate."


def _told(clause: Clause) -> Iterator[str]:
    yield from _wrapped(f"{clause.sentence.line:>4}  ", clause.sentence.text)
    if not clause.demands:
        yield f"        {'-' if clause.standing is Standing.CONTEXT else '? no rule knows it'}"
    for demand in clause.demands:
        yield from _wrapped("        ", _decided(demand))


def _decided(demand: Demand) -> str:
    if not demand.grader:
        return f"{demand.id} unscored: {demand.reason}"
    weight = demand.severity or "hidden checks"
    return f"{demand.id} ({weight}) {demand.text}"


def _unstated(found: Sequence[Clause], book: DemandBook) -> list[str]:
    known = stated(found)
    weighed = [item for item in book.demands if item.source is Source.PROMPT and item.severity is not None]
    missing = [item for item in weighed if item.id not in known]
    return [line for item in missing for line in _wrapped("  ", f"{item.id} ({item.severity}) {item.text}")] or [
        "  none"
    ]


def _unknown(found: Sequence[Clause]) -> list[str]:
    told = [line for item in found if item.standing is Standing.UNKNOWN for line in _quoted("", item.sentence)]
    return told or ["  none"]


def differences(one: Prompt, ones: Sequence[Clause], other: Prompt, others: Sequence[Clause], book: DemandBook) -> str:
    """What two versions demand differently: demands of one only, then other words, then sentences no rule knows."""
    first, second = stated(ones), stated(others)
    lines = [
        f"A {one.path}",
        f"B {other.path}",
        f"rulebook {book.name} {book.version}; matched by key phrases: approximate",
    ]
    for mark, mine, theirs in (("A", first, second), ("B", second, first)):
        lines += ["", f"== Demanded by {mark} only =="]
        alone = [item for item in book.demands if item.id in mine and item.id not in theirs]
        lines += [line for item in alone for line in (_title(item), *_quotes(mark, mine[item.id]))] or ["  none"]
    lines += ["", "== Demanded by both in other words =="]
    both = [item for item in book.demands if item.id in first and item.id in second]
    lines += [line for item in both for line in _reworded(item, first[item.id], second[item.id])] or ["  none"]
    lines += ["", "== Sentences without a demand that a rule knows, in one of them only =="]
    return "\n".join([*lines, *(_others(ones, others) or ["  none"])])


def _title(demand: Demand) -> str:
    weight = demand.severity or ("hidden checks" if demand.grader else "unscored")
    return f"  {demand.id} ({weight}) {demand.text}"


def _reworded(demand: Demand, one: Sequence[Sentence], other: Sequence[Sentence]) -> list[str]:
    """The sentences that only one version has, nothing where both say the same."""
    mine, theirs = _apart(one, other), _apart(other, one)
    if not mine and not theirs:
        return []
    return [_title(demand), *_quotes("A", mine), *_quotes("B", theirs)]


def _apart(one: Sequence[Sentence], other: Sequence[Sentence]) -> list[Sentence]:
    said = {sentence.searched for sentence in other}
    return [sentence for sentence in one if sentence.searched not in said]


def _others(ones: Sequence[Clause], others: Sequence[Clause]) -> list[str]:
    idle = [[item.sentence for item in found if not item.demands] for found in (ones, others)]
    texts = [{plain(sentence.text) for sentence in sentences} for sentences in idle]
    mine = [sentence for sentence in idle[0] if plain(sentence.text) not in texts[1]]
    theirs = [sentence for sentence in idle[1] if plain(sentence.text) not in texts[0]]
    return [*_quotes("A", mine), *_quotes("B", theirs)]


def _quotes(mark: str, found: Sequence[Sentence]) -> list[str]:
    return [line for sentence in found for line in _quoted(mark, sentence)]


def _quoted(mark: str, sentence: Sentence) -> list[str]:
    said = f"{sentence.lead} {sentence.text}".strip()
    return _wrapped(f"    {mark}:{sentence.line} " if mark else f"  {sentence.line:>4} ", said)


def _wrapped(start: str, text: str) -> list[str]:
    indent = " " * len(start)
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)
