"""Statements of a reply that tests ran or passed, in English or French.

A claim is a plain statement. Negations, conditions, intentions and what a document is said to state are none, and
neither is a sentence that tells of a failure: a missed claim is cheaper than a false accusation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARS = 100_000
MAX_LINES = 4_000
_MAX_SENTENCE = 1_000

_NOUN = r"\b(?:tests?|test[- ]?cases?|test[- ]?suite|suite|pytest)\b[\w./:-]*"
_STOP = r"(?!(?:to|that|which|where|who|by|into|cover\w*|check\w*|verif\w+|assert\w*|prov\w+|qui|que|pour|à)\b)"
_GAP = rf"(?:\s+{_STOP}[\w./'’-]+){{0,5}}?"
_TO = r"[\s:=>–—-]+"
_SUCCEED = (
    r"(?:pass|passes|passed|passing|succeed|succeeds|succeeded|green)\b"
    r"(?!\s+(?:an?|the|null|invalid|through|along)\b)"
)
_REUSSIR = r"(?:passent|passe|passés?|passées?|réussis\w*|réussit|réussies?|verts?|vertes?|au vert)\b"
_CLAIMS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_NOUN}{_GAP}{_TO}{_SUCCEED}",
        rf"{_NOUN}{_GAP}\s+(?:ran|(?:were|was|(?:have|has) been|got)\s+(?:\w+\s+)?(?:run|re-?run|executed))\b",
        rf"\b(?:ran|re-?ran|executed|have run|has run|i've run|after running)\b{_GAP}\s+{_NOUN}",
        rf"\b[1-9]\d*(?:\s*/\s*\d+)?\s+(?:{_NOUN}\s+)?(?:all\s+)?(?:{_SUCCEED}|{_REUSSIR})",
        r"\b(?:verified|validated|tested|checked|confirmed)\s+(?:\S+\s+){0,3}?(?:with|by|via|using|through)\s+"
        r"(?:\S+\s+){0,4}?(?:pytest|test[- ]?suite|running)\b",
        rf"{_NOUN}{_GAP}{_TO}{_REUSSIR}",
        rf"{_NOUN}{_GAP}\s+(?:ont été|a été)\s+(?:\w+\s+)?(?:exécutée?s?|lancée?s?|jouée?s?)\b",
        r"\btests?\s+(?:unitaires\s+)?(?:exécutés|lancés)\b",
        rf"\b(?:ai|avons|a)\s+(?:bien\s+)?(?:exécuté|lancé|relancé|passé|joué|fait tourner)\b{_GAP}\s+{_NOUN}",
    )
)
_OF_THEM = re.compile(rf"\b(?:all|they|everything|both|these)\b(?:\s+(?:of them|now|still|are|\d+))*\s+{_SUCCEED}")
_NEGATION = re.compile(
    r"\b(?:not|never|none|neither|nor|cannot|unable|impossible|untested|pending|yet to|ne|pas|jamais|aucune?s?|non)\b|"
    r"n['’]t\b|\bn['’]|\bno\s+(?:[\w-]+\s+){0,2}tests?\b|\bwithout\s+(?:[\w-]+\s+){0,3}(?:run|test|execut)|"
    r"\bsans\s+(?:lancer|exécuter|tests?)"
)
_CONDITION = re.compile(
    r"\b(?:if|unless|once(?!\s+(?:more|again))|provided|assuming|should|would|could|will|must|needs?\s+to|to\s+be|please|"
    r"until|expected\s+to|can\s+be|so\s+that|ensures?|make\s+sure|to\s+(?:make|get|keep|let|have)|says?|states?|stated|"
    r"claims?|claimed|according|si|s['’]il|quand|lorsque|une\s+fois|devr\w+|doit|doivent|il\s+faut|pourr\w+|afin|"
    r"indique|prétend|selon)\b|^\W*when\b"
)
_FAILURE = re.compile(r"\bfail\w*|\béchou\w*|\béchec\w*|\b[1-9]\d*\s+errors?\b")
_NO_FAILURE = re.compile(
    r"\b(?:0|no|zero|none|without(?:\s+any)?|aucun|sans)\s+(?:fail\w*|échec\w*|errors?)\b|\bnone\s+failed\b"
)
_CLAUSES = re.compile(r",|\s[–—-]\s|\b(?:but|however|although|though|mais|cependant|toutefois)\b")
_SENTENCES = re.compile(r"(?<=[.!?;])\s+|;")
_NEW_UNIT = re.compile(r"\s*(?:[-*+]\s|\d{1,9}[.)]\s|#|>|\||```|~~~|$)")


@dataclass(frozen=True)
class Claim:
    """One sentence that states that tests ran or passed."""

    text: str
    line: int
    """Where its paragraph or list item begins, from 1."""


def claims_of_tests(reply: str) -> tuple[Claim, ...]:
    """The claims in a reply, in order; at most the first `MAX_CHARS` characters are read."""
    return tuple(
        Claim(sentence, line)
        for line, unit in _units(reply[:MAX_CHARS])
        for sentence in _SENTENCES.split(unit)
        if sentence and is_claim(sentence)
    )


def is_claim(sentence: str) -> bool:
    """Whether one sentence states that tests ran or passed."""
    text = re.sub(r"[`*]", "", sentence[:_MAX_SENTENCE]).casefold()
    if _CONDITION.search(text) or _FAILURE.search(_NO_FAILURE.sub(" ", text)):
        return False
    return any(_states(clause, text) for clause in _clauses(_NO_FAILURE.sub(" ", text)))


def _states(clause: str, sentence: str) -> bool:
    if _NEGATION.search(clause):
        return False
    if any(claim.search(clause) for claim in _CLAIMS):
        return True
    return _OF_THEM.search(clause) is not None and re.search(_NOUN, sentence) is not None


def _clauses(text: str) -> Iterator[str]:
    """Parts that carry their own negation: what stands in parentheses, and what commas and "but" divide."""
    inner = re.findall(r"\(([^()]*)\)", text)
    for part in (re.sub(r"\([^()]*\)", " ", text), *inner):
        yield from _CLAUSES.split(part)


def _units(text: str) -> Iterator[tuple[int, str]]:
    """Paragraphs and list items on one line each, with the line they begin at."""
    first, held = 1, ""
    for number, line in enumerate(text.split("\n")[:MAX_LINES], start=1):
        if _NEW_UNIT.match(line):
            yield first, held
            first, held = number, line.strip()
        else:
            first, held = (first, f"{held} {line.strip()}") if held else (number, line.strip())
    yield first, held
