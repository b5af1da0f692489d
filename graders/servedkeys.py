"""The JSON keys that an application takes and gives: fields of its wire models, literal keys that its routes answer.

A model counts when a route leads to it: by what the route takes and returns, through the annotations of fields and
the bases of classes. Names are followed by their last part, so two classes of one name count as one. What stands in
an answer without a model is read in `graders/answerkeys.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from graders.answerkeys import Key, answered, constants, encoded, key_of, last, names_in, routed
from graders.pycode import FunctionNode, Source
from graders.vocabulary import to_camel, to_pascal

_MODELS = frozenset({"BaseModel", "TypedDict", "SQLModel", "RootModel"})
_KNOWN_BASES = _MODELS | {"Generic", "Protocol", "ABC", "object", "Enum", "StrEnum", "str", "int"}
_ALIASES = ("alias", "serialization_alias", "validation_alias")
_CHOICES = frozenset({"AliasChoices", "AliasPath"})
_MAX_BASES = 20


@dataclass(frozen=True)
class Generator:
    """What spells the keys of a model from the names of its fields."""

    style: str = ""
    """`camel`, `pascal`, empty for names as they are, `?` for what only the running program knows."""
    table: Mapping[str, str] = field(default_factory=dict)
    """Names with keys of their own."""

    def spell(self, name: str) -> str:
        """The key of a field."""
        if name in self.table:
            return self.table[name]
        return to_camel(name) if self.style == "camel" else to_pascal(name) if self.style == "pascal" else name


@dataclass(frozen=True)
class Shape:
    """A model, or what one route answers, with its keys."""

    name: str
    """Of the class; empty for the answer of a route, which needs nothing to lead to it."""
    keys: tuple[Key, ...]
    bases: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()
    """Names in the annotations of its fields."""
    dataclass: bool = False
    generator: Generator | None = None
    """Of the class itself; None: it may inherit one."""
    whole: bool = True
    """Whether its fields tell all its keys; a serialiser of its own may not."""
    parents: tuple[str, ...] = ()
    """The bases without what they are given in brackets."""
    lines: tuple[int, int] = (0, 0)
    """First and last line of the class."""


@dataclass(frozen=True)
class Served:
    """What one file says about keys."""

    shapes: tuple[Shape, ...]
    entered: frozenset[str]
    """Names that its routes take and return."""
    given: frozenset[str]
    """Names that its routes return."""
    encoded: frozenset[str]
    """Classes of the database whose rows its routes answer as they are."""
    aliases: Mapping[str, frozenset[str]]
    """Names assigned at the top of the module, with the names in their values."""


def served(source: Source) -> Served:
    """Reads one file; use it with `Source.kept`."""
    entered: set[str] = set()
    given: set[str] = set()
    rows: set[str] = set()
    shapes = [_model(source, node) for node, _ in source.of(ast.ClassDef) if isinstance(node, ast.ClassDef)]
    seen: set[Key] = set()
    for node, _ in source.of(ast.FunctionDef, ast.AsyncFunctionDef):
        if isinstance(node, FunctionNode):
            if any(routed(node)):
                returned = _given(node)
                given |= returned
                entered |= returned | _taken(node)
                rows |= encoded(source, node)
            keys = tuple(key for key in answered(source, node) if key not in seen)
            seen.update(keys)
            shapes += [Shape("", keys)] if keys else []
    return Served(tuple(shapes), frozenset(entered), frozenset(given), frozenset(rows), _assigned(source))


class App:
    """The models of all files of an application, as its routes lead to them."""

    def __init__(self, files: Iterable[Served]) -> None:
        self._files = tuple(files)

    @cached_property
    def _shapes(self) -> Mapping[str, tuple[Shape, ...]]:
        found: dict[str, tuple[Shape, ...]] = {}
        for one in self._files:
            for shape in one.shapes:
                found[shape.name] = (*found.get(shape.name, ()), shape)
        return {name: shapes for name, shapes in found.items() if name}

    @cached_property
    def reached(self) -> frozenset[str]:
        """Names of the models that a route leads to."""
        return self._reach(name for one in self._files for name in one.entered | one.encoded)

    @cached_property
    def shown(self) -> frozenset[str]:
        """Models whose own keys an answer or a body has; a class that others inherit from alone is none."""
        left, seen = [name for one in self._files for name in one.entered | one.encoded], set()
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                left += [used for one in self._files for used in one.aliases.get(name, ())]
                shapes = [parent for shape in self._shapes.get(name, ()) for parent in self._line(shape)]
                left += [used for shape in shapes for used in shape.uses]
        return frozenset(seen & self._models)

    @cached_property
    def answered(self) -> frozenset[str]:
        """Those of them that an answer leads to."""
        return self._reach(name for one in self._files for name in one.given | one.encoded)

    def _reach(self, names: Iterable[str]) -> frozenset[str]:
        left, seen = list(names), set()
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                left.extend(self._leads.get(name, ()))
        return frozenset(name for name in seen if name in self._models)

    @cached_property
    def _leads(self) -> Mapping[str, set[str]]:
        leads: dict[str, set[str]] = {}
        for one in self._files:
            for shape in one.shapes:
                leads.setdefault(shape.name, set()).update(shape.uses, shape.bases)
            for name, names in one.aliases.items():
                leads.setdefault(name, set()).update(names)
        return leads

    @cached_property
    def _models(self) -> set[str]:
        shapes = [shape for same in self._shapes.values() for shape in same]
        found = {shape.name for shape in shapes if shape.dataclass}
        growing = True
        while growing:
            more = {shape.name for shape in shapes if not {*_MODELS, *found}.isdisjoint(shape.bases)} - found
            found |= more
            growing = bool(more)
        return found | {name for one in self._files for name in one.encoded if name in self._shapes}

    def one(self, name: str) -> Shape | None:
        """The class of this name, None where there is none or more than one."""
        same = self._shapes.get(name, ())
        return same[0] if len(same) == 1 else None

    def spelled(self, shape: Shape) -> tuple[Key, ...]:
        """The model's own keys as they are served; none where only the running program spells them."""
        generators = [one.generator for one in self._line(shape) if one.generator is not None]
        generator = generators[0] if generators else Generator()
        if generator.style == "?":
            return ()
        return tuple(replace(key, text=generator.spell(key.text)) if key.plain else key for key in shape.keys)

    def keys(self, shape: Shape) -> frozenset[str] | None:
        """All keys of a model, inherited ones too; None where they cannot all be told."""
        line = self._line(shape)
        known = all(base in _KNOWN_BASES or self.one(base) for one in line for base in one.parents)
        if not known or not all(one.whole for one in line) or len(line) > _MAX_BASES:
            return None
        generator = next((one.generator for one in line if one.generator is not None), Generator())
        if generator.style == "?" or any(key.made for one in line for key in one.keys):
            return None
        return frozenset(generator.spell(key.text) if key.plain else key.text for one in line for key in one.keys)

    def _line(self, shape: Shape) -> list[Shape]:
        """The class and the classes of the repo that it inherits from, nearest first."""
        line, names = [shape], {shape.name}
        for one in line:
            for base in one.parents if len(line) <= _MAX_BASES else ():
                found = self.one(base)
                if found is not None and base not in names:
                    names.add(base)
                    line.append(found)
        return line


# --- models --------------------------------------------------------------------------------------------------------


def _model(source: Source, node: ast.ClassDef) -> Shape:
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)]
    marked = any(name == "dataclass" for decorator in node.decorator_list for name in names_in(decorator))
    return Shape(
        name=node.name,
        keys=(*(key for item in fields for key in _field(source, item)), *_computed(node)),
        bases=tuple(name for base in node.bases for name in names_in(base)),
        uses=frozenset(name for item in fields for name in names_in(item.annotation)),
        dataclass=marked,
        generator=_generator(source, node),
        whole=not any(_marked(item, "model_serializer") for item in node.body),
        parents=tuple(last(base.value if isinstance(base, ast.Subscript) else base) for base in node.bases),
        lines=(node.lineno, node.end_lineno or node.lineno),
    )


def _marked(item: ast.stmt, name: str) -> bool:
    return isinstance(item, FunctionNode) and any(name in names_in(mark) for mark in item.decorator_list)


def _computed(node: ast.ClassDef) -> Iterator[Key]:
    """Properties that pydantic serves with the fields."""
    for item in node.body:
        if isinstance(item, FunctionNode) and _marked(item, "computed_field"):
            yield Key(item.name, item.lineno, plain=True)


def _generator(source: Source, node: ast.ClassDef) -> Generator | None:
    """What the class itself says of how its keys are spelled, None where it says nothing."""
    for item in node.body:
        target = item.targets[0] if isinstance(item, ast.Assign) else getattr(item, "target", None)
        value = getattr(item, "value", None)
        if target is not None and last(target) == "model_config" and not isinstance(value, ast.Call | ast.Dict):
            return Generator("?")
    for part in (item for item in ast.walk(node) if isinstance(item, ast.keyword | ast.Dict)):
        if isinstance(part, ast.keyword) and part.arg == "alias_generator":
            return _spelling(source, part.value)
        if isinstance(part, ast.Dict) and any(_says(key, "alias_generator") for key in part.keys):
            return Generator("?")
    return None


def _says(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _spelling(source: Source, node: ast.expr) -> Generator:
    if isinstance(node, ast.Call):
        named = {item.arg: item.value for item in node.keywords}
        inner = named.get("serialization_alias") or named.get("alias")
        return _spelling(source, inner) if inner is not None else Generator("?")
    if isinstance(node, ast.Lambda):
        tables = [_table(source.kept(constants).get(name)) for name in names_in(node.body)]
        table = next((table for table in tables if table), None)
        return Generator("", table) if table else Generator("?")
    name = last(node)
    functions = [found for found in source.tree.body if isinstance(found, FunctionNode) and found.name == name]
    if functions:
        tables = [_table(source.kept(constants).get(used)) for used in names_in(functions[0])]
        table = next((table for table in tables if table), None)
        return Generator("", table) if table else Generator("?")
    return Generator({"to_camel": "camel", "to_pascal": "pascal"}.get(name, "?"))


def _table(node: ast.expr | None) -> dict[str, str]:
    """A table of texts, empty for anything else."""
    pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
    return {
        name.value: key.value
        for name, key in pairs
        if isinstance(name, ast.Constant) and isinstance(key, ast.Constant)
        if isinstance(name.value, str) and isinstance(key.value, str)
    }


def _field(source: Source, item: ast.AnnAssign) -> Iterator[Key]:
    name = item.target.id if isinstance(item.target, ast.Name) else ""
    if name.startswith("_") or name == "model_config" or "ClassVar" in names_in(item.annotation):
        return
    options = {
        one.arg: one.value
        for part in (item.annotation, item.value)
        if part is not None
        for call in ast.walk(part)
        if isinstance(call, ast.Call) and last(call.func) == "Field"
        for one in call.keywords
    }
    if "exclude" in options:
        return
    if not {"alias", "serialization_alias"} & options.keys():
        yield Key(name, item.lineno, plain=True)
    for alias in _ALIASES:
        if alias in options:
            yield from _alias(source, options[alias])


def _alias(source: Source, node: ast.expr) -> Iterator[Key]:
    if isinstance(node, ast.Call) and last(node.func) in _CHOICES:
        for item in node.args[: 1 if last(node.func) == "AliasPath" else None]:
            yield from _alias(source, item)
    else:
        yield from key_of(source, node)


# --- names ---------------------------------------------------------------------------------------------------------


def _given(node: FunctionNode) -> set[str]:
    """Names in what the route answers: its model where it names one, else its annotation."""
    named = [item for decorator in routed(node) for item in decorator.keywords]
    models = [item.value for item in named if item.arg == "response_model"]
    parts = models or ([node.returns] if node.returns is not None else [])
    parts += [item.value for item in named if item.arg == "responses"]
    return {name for part in parts for name in names_in(part)}


def _taken(node: FunctionNode) -> set[str]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return {name for one in arguments if one.annotation is not None for name in names_in(one.annotation)}


def _assigned(source: Source) -> dict[str, frozenset[str]]:
    return {
        target.id: frozenset(names_in(item.value))
        for item in source.tree.body
        if isinstance(item, ast.Assign)
        for target in item.targets
        if isinstance(target, ast.Name)
    }
