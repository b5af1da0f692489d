"""Keys that an application served before a delivery and does not serve after it, though the contract keeps them.

Compared are models of one name that a route leads to before and after. The contract keeps a key where one of its
statements, which takes nothing back, names it together with the model's other keys. A key that goes while another
comes that the contract names was renamed on its demand. A key that goes while none comes counts in answers alone, and
where no statement may be read as its end: what a request may not hold any more is told in too many ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graders.addedlines import Diff, split_lines
from graders.contractkeys import Words
from graders.pycode import is_app
from graders.servedkeys import App, Shape, served

_SHARED = 2
"""Fewest keys of a model that tell which object of the contract it is."""


@dataclass(frozen=True)
class Touched:
    """A served model that a delivery changed."""

    path: str
    name: str
    line: int
    gone: tuple[str, ...]
    """Keys that the contract keeps."""


def touched(diff: Diff, app: App, words: Words) -> Iterator[Touched]:
    """The models of changed files that were served before and are served now, with what they lost."""
    before = [(path, shape) for path in diff.readable for shape in _classes(diff, path, final=False)]
    after = {shape.name: (path, shape) for path in diff.readable for shape in _classes(diff, path, final=True)}
    changed = [
        (shape, *after[shape.name])
        for path, shape in before
        if shape.name in after and _code(diff, path, shape, final=False) != _code(diff, *after[shape.name], final=True)
    ]
    if not changed:
        return
    old = App(
        source.kept(served)
        for path in diff.base.files()
        if is_app(path) and (source := diff.source_before(path)) is not None
    )
    for was, path, now in changed:
        if now.name in old.shown & app.shown and old.one(was.name) and app.one(now.name):
            held, kept = old.keys(was), app.keys(now)
            gone = () if held is None or kept is None else tuple(sorted(_lost(held, kept, words) - _below(app, now)))
            if kept is not None and held is not None and kept <= held:
                gone = tuple(key for key in gone if now.name in app.answered and key not in words.doubted)
            if gone and held is not None and _taken_over(held, old, app):
                gone = ()
            yield Touched(path, now.name, now.lines[0], gone)


def _classes(diff: Diff, path: str, *, final: bool) -> Iterator[Shape]:
    source = (diff.source(path) if final else diff.source_before(path)) if is_app(path) else None
    if source is not None:
        yield from (shape for shape in source.kept(served).shapes if shape.name)


def _code(diff: Diff, path: str, shape: Shape, *, final: bool) -> list[str]:
    source = diff.source(path) if final else diff.source_before(path)
    first, last = shape.lines
    return split_lines(source.text)[first - 1 : last] if source else []


def _taken_over(held: frozenset[str], old: App, app: App) -> bool:
    """Whether a model that is new answers all that this one did: this one is for something else now."""
    new = [model for name in sorted(app.answered & app.shown - old.reached) if (model := app.one(name)) is not None]
    return any(held <= (app.keys(model) or frozenset()) for model in new)


def _below(app: App, shape: Shape) -> frozenset[str]:
    """Keys of the models that the fields of a model are made of."""
    models = [model for name in sorted(shape.uses) if (model := app.one(name)) is not None]
    return frozenset(key for model in models for key in app.keys(model) or ())


def _lost(held: frozenset[str], kept: frozenset[str], words: Words) -> frozenset[str]:
    lost, new = held - kept, kept - held
    if not lost or len(new & words.all) >= len(lost):
        return frozenset()
    if any(kept <= keys and lost.isdisjoint(keys) for keys in words.objects):
        return frozenset()
    return frozenset(key for key in lost if any(key in keys and _is_object(held, kept, keys) for keys in words.objects))


def _is_object(held: frozenset[str], kept: frozenset[str], keys: frozenset[str]) -> bool:
    """Whether these keys of the contract are the model's."""
    shared = held & keys
    return len(shared) >= _SHARED and 2 * len(shared) >= len(held) and not kept.isdisjoint(keys)
