"""What is wrong with a text by language: missing, empty, a place-holder, or left in a language that is not its own.

Judged are texts of several words. Names, titles and loan words stand in both languages as they are; so a text that is
equal in both is held against it only where it reads like a sentence or a phrase, and never where it may be a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from graders.bilingual import LANGUAGES, Said

NAMED = {"en": "English", "fr": "French"}

_HOLE = re.compile(r"https?://\S+|\{[^{}]*\}|%\([^()]*\)[a-z]|%[a-z]|<[^<>]*>")
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = frozenset(
    _WORD.findall("the this that not and of your with there here by from its already is are was were cannot you must")
    + _WORD.findall("does has have been will should for")
)
_FRENCH = frozenset(
    _WORD.findall("le la les un une des du cette cet ces votre avec il elle ne que qui pour dans sur aux et où son sa")
    + _WORD.findall("ses par déjà au est sont pas vous doit")
)
_SPOKEN = frozenset(
    _WORD.findall("this is are was were not cannot you your must does has have been will should")
    + _WORD.findall("est sont pas vous votre doit")
)
"""Words that sentences have and names seldom."""
_ELSEWHERE = tuple(
    frozenset(_WORD.findall(words))
    for words in (
        "und das mit für nicht ein eine einen zwei drei ist sind zum zur bei auf dem wird von oder ohne",
        "el los las del una para muy pero sin más tiene está hay cuando donde",
        "il gli della delle degli di sono più senza nel nella questo questa anche",
        "het een voor niet twee drie zijn wordt zonder naar ook deze",
        "os uma para em são dois três não mais sem você também",
    )
)
"""Words of sentences in languages that are neither."""
_SENTENCE = 3
"""Fewest words of a text that two languages do not share."""
_PHRASE = 4
"""Fewest words of an equal text without a sentence's end that is no loan word."""
_CONTENT = 4
"""Fewest letters of a word that means something."""
_END = re.compile(r"[.!?…]\W*\Z")
_TITLE = re.compile(r"(?i)title|brand|artist|song|film|movie|author|company")
_HELD = frozenset({"todo", "tbd", "tba", "fixme", "xxx", "wip", "placeholder", "untranslated"})
_HELD_PHRASES = re.compile(
    r"(?i)\W*(?:(?:to be |please )?translated?(?: me| this)?|to translate|translation missing|missing translation"
    r"|(?:à|a) traduire|traduction (?:manquante|à venir)|lorem ipsum.*)\W*"
)
_MARK = frozenset({"fr", "en", "french", "english", "français", "anglais", "todo", "translate", "translation", "tr"})


def words(text: str | None) -> list[str]:
    """Words in lower case, without place-holders and addresses."""
    return [word.lower() for word in _WORD.findall(_HOLE.sub(" ", text or ""))]


def has_words(said: Said) -> bool:
    """Whether one of the languages has a text of several words."""
    texts = [said.text(language) or "" for language in LANGUAGES]
    return any(len(words(text)) > 1 and len(text.split()) > 1 for text in texts)


def wrong(said: Said, *, named: bool = False) -> str:
    """What is wrong with a text; `named`: it may be a name or a title, which both languages share."""
    lacking = lacks(said)
    if lacking:
        return f"the {NAMED[lacking]} text {_missing(said.texts, lacking)}"
    english, french = said.text("en"), said.text("fr")
    for language, text, other in (("fr", french, english), ("en", english, french)):
        told = _instead(text, other) if text is not None and other is not None and len(words(other)) > 1 else ""
        if told:
            return f"the {NAMED[language]} text {told}"
    left = _left(english or "", named=named, key=said.key) if english == french else ""
    return f"the {NAMED[left]} text is left in {NAMED['fr' if left == 'en' else 'en']}" if left else ""


def lacks(said: Said) -> str:
    """The language in which a text of several words is missing or empty, empty where there is none."""
    for language, other in (LANGUAGES, LANGUAGES[::-1]):
        if len(words(said.text(language))) > 1 and _missing(said.texts, other):
            return other
    return ""


def _missing(texts: Mapping[str, object], language: str) -> str:
    if language not in texts or texts[language] is None:
        return "is missing"
    value = texts[language]
    return "is empty" if isinstance(value, str) and not value.strip() else ""


def _instead(text: str, other: str) -> str:
    """What stands in the place of a translation of the other text."""
    found = words(text)
    if text != other and "".join(words(other)) != "".join(found):
        plain = _HELD_PHRASES.fullmatch(text) or (found and _HELD.issuperset(found))
        if plain or not any(char.isalnum() or char in "{%<" for char in text):
            return "is a place-holder"
        if other in text and _MARK.issuperset(words(text.replace(other, " ", 1))):
            return "is the other one with a mark"
        inner = frozenset(word for word in _WORD.findall(text) if word.islower())
        if any(len(foreign & inner) > 1 for foreign in _ELSEWHERE) and len(found) >= _SENTENCE:
            return "is in another language" if (_ENGLISH | _FRENCH).isdisjoint(found) else ""
    return ""


def _left(text: str, *, named: bool, key: str) -> str:
    """The language that a text which stands in both is not in; empty where it may be right in both."""
    found = words(text)
    if named and _is_phrase(text, found) and not _TITLE.search(key):
        return "fr"
    ends = _END.search(text) is not None
    if len(found) < _SENTENCE or not (ends or (not named and not _SPOKEN.isdisjoint(found))):
        return ""
    english, french = not _ENGLISH.isdisjoint(found), not _FRENCH.isdisjoint(found)
    if english == french:
        return ""
    return "fr" if english else "en"


def _is_phrase(text: str, found: list[str]) -> bool:
    """Whether an English phrase is written like a phrase: names have capitals, loan words are short."""
    told = _WORD.findall(_HOLE.sub(" ", text))[1:]
    content = [word for word in told if len(word) >= _CONTENT and word.lower() not in _ENGLISH]
    lower = len(found) >= _PHRASE and len(content) > 1 and all(word.islower() for word in told)
    return lower and not _ENGLISH.isdisjoint(found) and _FRENCH.isdisjoint(found)
