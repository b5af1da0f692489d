"""The JSON keys that an application takes and gives: fields of its wire models, literal keys that its routes answer.

A model counts when a route leads to it: by what the route takes and returns, through the annotations of fields and
the bases of classes. Names are followed by their last part, so two classes of one name count as one. Keys that only
the running program knows are no evidence, except for what makes them: a translation, or the language of a request.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from graders.pycode import FunctionNode, Source

Made = Literal["", "translated", "language"]
"""How a key that is no literal comes to be; empty: it is one."""

_MODELS = frozenset({"BaseModel", "TypedDict", "SQLModel", "RootModel"})
_VERBS = frozenset({"get", "post", "put", "patch", "delete", "api_route", "websocket"})
_RESPONSES = frozenset({"JSONResponse", "ORJSONResponse", "UJSONResponse"})
_ALIASES = ("alias", "serialization_alias", "validation_alias")
_CHOICES = frozenset({"AliasChoices", "AliasPath"})
_TRANSLATING = frozenset({"_", "gettext", "ngettext", "pgettext", "translate", "message_for"})
_CATALOGUE = re.compile(r"i18n|l10n|gettext|translat|locali[sz]")
_LANGUAGE = re.compile(r"(?:^|_)(?:lang|language|locale)(?:$|_)")


@dataclass(frozen=True)
class Key:
    """One key where the code spells it."""

    text: str
    """As it is served; of an f-string what stands before the language."""
    line: int
    made: Made = ""


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


@dataclass(frozen=True)
class Served:
    """What one file says about keys."""

    shapes: tuple[Shape, ...]
    entered: frozenset[str]
    """Names that its routes take and return."""
    aliases: Mapping[str, frozenset[str]]
    """Names assigned at the top of the module, with the names in their values."""


def served(source: Source) -> Served:
    """Reads one file; use it with `Source.kept`."""
    entered: set[str] = set()
    shapes = [_model(source, node) for node, _ in source.of(ast.ClassDef) if isinstance(node, ast.ClassDef)]
    for node, _ in source.of(ast.FunctionDef, ast.AsyncFunctionDef):
        if isinstance(node, FunctionNode):
            entered |= _taken(node) if _is_route(node) else set()
            keys = tuple(_answered(source, node))
            shapes += [Shape("", keys)] if keys else []
    return Served(tuple(shapes), frozenset(entered), _assigned(source))


def reached(files: Iterable[Served]) -> frozenset[str]:
    """Names of the models that a route of these files leads to."""
    files = tuple(files)
    leads: dict[str, set[str]] = {}
    for one in files:
        for shape in one.shapes:
            leads.setdefault(shape.name, set()).update(shape.uses, shape.bases)
        for name, names in one.aliases.items():
            leads.setdefault(name, set()).update(names)
    left = [name for one in files for name in one.entered]
    seen: set[str] = set()
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left.extend(leads.get(name, ()))
    models = _models(files)
    return frozenset(name for name in seen if name in models)


def _models(files: Iterable[Served]) -> set[str]:
    shapes = [shape for one in files for shape in one.shapes if shape.name]
    found = {shape.name for shape in shapes if shape.dataclass}
    growing = True
    while growing:
        more = {shape.name for shape in shapes if not {*_MODELS, *found}.isdisjoint(shape.bases)} - found
        found |= more
        growing = bool(more)
    return found


# --- models --------------------------------------------------------------------------------------------------------


def _model(source: Source, node: ast.ClassDef) -> Shape:
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)]
    keys = () if _generated(node) else tuple(key for item in fields for key in _field(source, item))
    bases = tuple(name for base in node.bases for name in _names(base))
    uses = frozenset(name for item in fields for name in _names(item.annotation))
    marked = any(name == "dataclass" for decorator in node.decorator_list for name in _names(decorator))
    return Shape(node.name, keys, bases, uses, marked)


def _generated(node: ast.ClassDef) -> bool:
    """Whether the model's keys come from a function."""
    return any(isinstance(item, ast.keyword) and item.arg == "alias_generator" for item in ast.walk(node))


def _field(source: Source, item: ast.AnnAssign) -> Iterator[Key]:
    name = item.target.id if isinstance(item.target, ast.Name) else ""
    if name.startswith("_") or name == "model_config" or "ClassVar" in _names(item.annotation):
        return
    options = {
        one.arg: one.value
        for part in (item.annotation, item.value)
        if part is not None
        for call in ast.walk(part)
        if isinstance(call, ast.Call) and _last(call.func) == "Field"
        for one in call.keywords
    }
    if "exclude" in options:
        return
    if not {"alias", "serialization_alias"} & options.keys():
        yield Key(name, item.lineno)
    for alias in _ALIASES:
        if alias in options:
            yield from _alias(source, options[alias])


def _alias(source: Source, node: ast.expr) -> Iterator[Key]:
    if isinstance(node, ast.Call) and _last(node.func) in _CHOICES:
        for item in node.args[: 1 if _last(node.func) == "AliasPath" else None]:
            yield from _alias(source, item)
    else:
        yield from _key(source, node)


# --- answers of routes ---------------------------------------------------------------------------------------------


def _is_route(node: FunctionNode) -> bool:
    return any(
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr in _VERBS
        and bool(decorator.args)
        for decorator in node.decorator_list
    )


def _taken(node: FunctionNode) -> set[str]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    parts = [argument.annotation for argument in arguments] + [node.returns]
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call):
            parts += [item.value for item in decorator.keywords if item.arg in {"response_model", "responses"}]
    return {name for part in parts if part is not None for name in _names(part)}


def _answered(source: Source, node: FunctionNode) -> Iterator[Key]:
    """Keys of the literals that a route returns, and of those that any function puts into a JSON answer."""
    local = {
        target.id: item.value
        for item in ast.walk(node)
        if isinstance(item, ast.Assign)
        for target in item.targets
        if isinstance(target, ast.Name)
    }
    for item in ast.walk(node):
        content: ast.expr | None = None
        if isinstance(item, ast.Return) and _is_route(node):
            content = item.value
        elif isinstance(item, ast.Call) and _last(item.func) in _RESPONSES:
            named = [one.value for one in item.keywords if one.arg == "content"]
            content = next(iter([*named, *item.args]), None)
        if isinstance(content, ast.Name):
            content = local.get(content.id)
        if content is not None:
            yield from _keys(source, content)


def _keys(source: Source, root: ast.expr) -> Iterator[Key]:
    stack: list[ast.expr | None] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Dict):
            for key in node.keys:
                yield from _key(source, key)
            stack.extend(node.values)
        elif isinstance(node, ast.DictComp):
            if not isinstance(node.key, ast.Constant):
                yield from _key(source, node.key)
            stack.append(node.value)
        elif isinstance(node, ast.List | ast.Tuple):
            stack.extend(node.elts)
        elif isinstance(node, ast.ListComp):
            stack.append(node.elt)
        elif isinstance(node, ast.IfExp):
            stack += [node.body, node.orelse]
        elif isinstance(node, ast.BinOp):
            stack += [node.left, node.right]


def _key(source: Source, node: ast.expr | None) -> Iterator[Key]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield Key(node.value, node.lineno)
    elif isinstance(node, ast.Call) and _translates(source, node):
        yield Key("", node.lineno, "translated")
    elif isinstance(node, ast.JoinedStr):
        before = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                before += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                if before and any(_LANGUAGE.search(name) for name in _names(part.value)):
                    yield Key(before, node.lineno, "language")
                return


def _translates(source: Source, call: ast.Call) -> bool:
    *modules, name = source.dotted(call.func).split(".")
    if _LANGUAGE.search(name):
        return False
    return name in _TRANSLATING or any(_CATALOGUE.search(module) for module in modules)


# --- names ---------------------------------------------------------------------------------------------------------


def _assigned(source: Source) -> dict[str, frozenset[str]]:
    return {
        target.id: frozenset(_names(item.value))
        for item in source.tree.body
        if isinstance(item, ast.Assign)
        for target in item.targets
        if isinstance(target, ast.Name)
    }


def _names(node: ast.AST) -> list[str]:
    """Last parts of all names in an expression, those in its texts (`"Room | None"`) too."""
    found = []
    for item in ast.walk(node):
        if isinstance(item, ast.Name | ast.Attribute):
            found.append(_last(item))
        elif isinstance(item, ast.Constant) and isinstance(item.value, str) and len(item.value) < 200:
            found += re.findall(r"\w+", item.value)
    return found


def _last(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
