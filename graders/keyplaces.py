"""Added keys held against the objects of the contract: what stands in another's place, and what is spelled otherwise.

An answer is an object of the contract where it shares two keys with it and has nothing else but as many keys that no
document names as the object has more. Which of the two sets is right no reader of the contract has to guess; a rule
on language accuses only a key that is made of no English word.
"""

from __future__ import annotations

from dataclasses import dataclass

from graders.answerkeys import Key
from graders.contractkeys import Words
from graders.servedkeys import App, Shape
from graders.vocabulary import cased, is_foreign, parts

_SHARED = 2
"""Fewest keys that tell which object of the contract an answer is."""
_PLACE = "the JSON key '{0}' is no English name; it stands where the contract says {1}"


@dataclass(frozen=True)
class Added:
    """A shape with the keys of it that are the delivery's own."""

    path: str
    shape: Shape
    keys: tuple[Key, ...]


def displacing(app: App, one: Added, words: Words) -> dict[str, str]:
    """Keys in no English that stand where an object of the contract has others: key -> what is wrong with it."""
    found: dict[str, str] = {}
    for keys in _objects(app, one):
        extra = frozenset(key for key in keys if key not in words.all)
        if not extra or not any(is_foreign(key) for key in extra):
            continue
        for named in words.objects:
            missing = named - keys
            if len(keys & named) >= _SHARED and keys - extra <= named and len(missing) == len(extra):
                told = ", ".join(f"'{key}'" for key in sorted(missing))
                found |= {key: _PLACE.format(key[:60], told) for key in extra if is_foreign(key)}
    return found


def _objects(app: App, one: Added) -> list[frozenset[str]]:
    """The keys of each object of an answer with an added key, where all of them can be told."""
    if one.shape.name:
        keys = app.keys(one.shape) if one.shape.name in app.answered and app.one(one.shape.name) else None
        return [keys] if keys else []
    touched_objects = {key.object for key in one.keys}
    objects = {place: [key for key in one.shape.keys if key.object == place] for place in touched_objects}
    return [frozenset(key.text for key in keys) for keys in objects.values() if not any(key.made for key in keys)]


def miscased(key: Key, app: App, one: Added, words: Words) -> str:
    """What is wrong with a camel-case key that the contract has in snake case; who takes both has both."""
    meant = words.spelled.get(tuple(parts(key.text)), key.text)
    if key.made or key.text in words.all or (cased(key.text), cased(meant)) != ("camel", "snake"):
        return ""
    both = any(other.text == meant for other in (app.spelled(one.shape) if one.shape.name else one.shape.keys))
    return "" if both else f"the JSON key '{key.text[:60]}' is '{meant}' in the contract"
