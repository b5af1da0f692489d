"""The JSON keys that code answers without a model: literals, messages of sockets and streams, rows of a database.

Keys that only the running program knows are no evidence, except for what makes them: a translation, or the language
of a request. A row's columns are keys only where a route answers rows as they come and no model stands before them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from graders.pycode import FunctionNode, Source

Made = Literal["", "translated", "language"]
"""How a key that is no literal comes to be; empty: it is one."""

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "api_route", "websocket"})
_RESPONSES = frozenset({"JSONResponse", "ORJSONResponse", "UJSONResponse"})
_SENT = _RESPONSES | {"send_json"}
"""Calls that are given what they send."""
_TEXTS = frozenset({"Response", "StreamingResponse", "ServerSentEvent", "send_text"})
"""Calls that send what `json.dumps` made."""
_SENDS = re.compile(r"JSONResponse|send_json|dumps")
"""What a file holds that sends JSON outside of a route's return."""
_SERVERS = ("fastapi", "starlette", "sse_starlette")
_WRAPPERS = frozenset({"list", "tuple", "sorted", "dict", "jsonable_encoder"})
_OPEN = frozenset({"list", "dict", "Any", "object", "str", "int", "float", "bool", "None", "Sequence", "Mapping"}) | {
    "Iterable",
    "Response",
    "JSONResponse",
}
"""Names in the annotation of a route that lets through whatever it is given."""
_TRANSLATING = frozenset({"_", "gettext", "ngettext", "pgettext", "translate", "message_for"})
_CATALOGUE = re.compile(r"i18n|l10n|gettext|translat|locali[sz]")
_LANGUAGE = re.compile(r"(?:^|_)(?:lang|language|locale)(?:$|_)")
_SELECTED = re.compile(r"(?is)\A\s*select\s+(?:distinct\s+)?(?P<columns>.{1,4000}?)\s+from\b")
_RETURNED = re.compile(r"(?is)\breturning\s+(?P<columns>.{1,4000}?)\s*;?\s*\Z")
_COLUMN = re.compile(r"(?is)(?:.*\bas\s+)?(?:\w+\.)?\"?([^\W\d]\w*)\"?")
_OBJECT = re.compile(r"(?i)\bjsonb?_build_object\s*\(")
_LITERAL = re.compile(r"\s*'((?:[^']|'')*)'\s*")
_MAX_SQL = 20_000


@dataclass(frozen=True)
class Key:
    """One key where the code spells it."""

    text: str
    """As it is served; of an f-string what stands before the language."""
    line: int
    made: Made = ""
    object: int = 0
    """Tells the objects of one answer apart; 0 in a model."""
    plain: bool = False
    """The name of a model's field, which a generator of aliases may spell otherwise."""


@dataclass(frozen=True)
class _Function:
    source: Source
    nodes: tuple[ast.AST, ...]
    values: Mapping[str, ast.expr]
    """What its names and those of the module stand for."""
    decorators: tuple[ast.Call, ...]
    """Those that make it a route."""
    returns: ast.expr | None

    def value(self, node: ast.expr | None) -> ast.expr | None:
        """What a name stands for, anything else as it is."""
        return self.values.get(node.id, node) if isinstance(node, ast.Name) else node


def answered(source: Source, node: FunctionNode) -> tuple[Key, ...]:
    """Keys of the literals that a route returns, and of those that any function sends as JSON."""
    decorators = tuple(routed(node))
    if not decorators and not _SENDS.search(source.text):
        return ()
    nodes = tuple(ast.walk(node))
    if not decorators and not any(isinstance(item, ast.Call) and _sends(item) for item in nodes):
        return ()
    function = _Function(source, nodes, {**source.kept(constants), **_local(nodes)}, decorators, node.returns)
    keys = [key for root in _contents(function) for key in _keys(function, root)]
    if decorators:
        keys += [*_put(function), *_rows(function), *_built(function)]
    return tuple(dict.fromkeys(keys))


def encoded(source: Source, node: FunctionNode) -> frozenset[str]:
    """Classes whose rows a route selects and answers with all that they hold."""
    if "jsonable_encoder" not in source.text or not any(routed(node)):
        return frozenset()
    values = _local(tuple(ast.walk(node)))
    found: set[str] = set()
    for returned in _returned(node):
        if isinstance(returned, ast.Call) and last(returned.func) == "jsonable_encoder" and len(returned.args) == 1:
            given = returned.args[0]
            given = values.get(given.id, given) if isinstance(given, ast.Name) else given
            inner = list(ast.walk(given))
            if not any(isinstance(item, ast.Dict | ast.ListComp | ast.DictComp) for item in inner):
                found.update(last(arg) for item in inner if _calls(item, "select") for arg in _arguments(item))
    return frozenset(found - {""})


def routed(node: FunctionNode) -> Iterator[ast.Call]:
    """The decorators that make a function a route."""
    for decorator in node.decorator_list:
        called = isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.args
        if called and isinstance(decorator, ast.Call) and last(decorator.func) in _VERBS:
            yield decorator


def _sends(call: ast.Call) -> bool:
    return last(call.func) in _SENT | _TEXTS or last(call.func) == "dumps"


def constants(source: Source) -> dict[str, ast.expr]:
    """Names that the module gives a value; use it with `Source.kept`."""
    found: dict[str, ast.expr] = {}
    for item in source.tree.body:
        targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
        value = item.value if isinstance(item, ast.Assign | ast.AnnAssign) else None
        found |= {target.id: value for target in targets if isinstance(target, ast.Name) and value is not None}
    return found


def _local(nodes: tuple[ast.AST, ...]) -> dict[str, ast.expr]:
    return {
        target.id: item.value
        for item in nodes
        if isinstance(item, ast.Assign)
        for target in item.targets
        if isinstance(target, ast.Name)
    }


def _returned(node: FunctionNode) -> Iterator[ast.expr]:
    return (item.value for item in ast.walk(node) if isinstance(item, ast.Return) and item.value is not None)


# --- literals ------------------------------------------------------------------------------------------------------


def _contents(function: _Function) -> Iterator[ast.expr]:
    """Expressions that are sent as JSON."""
    for item in function.nodes:
        content: ast.expr | None = None
        if isinstance(item, ast.Return) and function.decorators:
            content = item.value
        elif isinstance(item, ast.Call):
            content = _sent(function, item)
        elif isinstance(item, ast.JoinedStr) and _is_event(item):
            for part in item.values:
                dumped = _dumped(part.value) if isinstance(part, ast.FormattedValue) else None
                yield from [dumped] if dumped is not None else []
        elif isinstance(item, ast.BinOp):
            dumped = _dumped(item.right)
            content = dumped if dumped is not None and _is_event(item.left) else None
        if content is not None:
            yield content


def _sent(function: _Function, call: ast.Call) -> ast.expr | None:
    """What a call sends as JSON; messages and streams only where the file knows the server, not another's client."""
    name = last(call.func)
    if name not in _SENT | _TEXTS or (name not in _RESPONSES and not _serves(function.source)):
        return None
    named = [one.value for one in call.keywords if one.arg in {"content", "data"}]
    content = next(iter([*named, *call.args]), None)
    return content if name in _SENT else _dumped(function.value(content))


def _serves(source: Source) -> bool:
    return any(name.startswith(_SERVERS) for name in source.imports.values())


def _is_event(node: ast.expr) -> bool:
    """Whether a text begins an event of a stream (`data: ...`)."""
    while isinstance(node, ast.BinOp):
        node = node.left
    first = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
    text = first.value if isinstance(first, ast.Constant) else ""
    return isinstance(text, str) and bool(re.search(r"(?:\A|\n)data: ?\Z", text))


def _dumped(node: ast.expr | None) -> ast.expr | None:
    """What `json.dumps` is given."""
    while isinstance(node, ast.BinOp):
        node = node.left
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "encode":
        node = node.func.value
    if isinstance(node, ast.Call) and last(node.func) == "dumps" and node.args:
        return node.args[0]
    return None


def _keys(function: _Function, root: ast.expr) -> Iterator[Key]:
    stack: list[ast.expr | None] = [root]
    opened: set[str] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name) and node.id not in opened:
            opened.add(node.id)
            stack.append(function.values.get(node.id))
        elif isinstance(node, ast.Dict):
            place = node.lineno * 1000 + node.col_offset
            for name in node.keys:
                yield from (replace(key, object=place) for key in key_of(function.source, name))
            stack.extend(node.values)
        elif _calls(node, "dict") and isinstance(node, ast.Call) and node.keywords:
            place = node.lineno * 1000 + node.col_offset
            yield from (Key(item.arg, item.value.lineno, object=place) for item in node.keywords if item.arg)
            stack.extend([*node.args, *(item.value for item in node.keywords)])
        elif isinstance(node, ast.DictComp):
            if not isinstance(node.key, ast.Constant):
                yield from key_of(function.source, node.key)
            stack.append(node.value)
        else:
            stack.extend(_inside(node))


def _inside(node: ast.expr | None) -> list[ast.expr]:
    """Expressions that an answer takes over as they are."""
    if isinstance(node, ast.List | ast.Tuple):
        return list(node.elts)
    if isinstance(node, ast.ListComp):
        return [node.elt]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.Call) and last(node.func) in _WRAPPERS:
        return list(node.args)
    return []


def key_of(source: Source, node: ast.expr | None) -> Iterator[Key]:
    """The key that an expression spells, as far as it can be read."""
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
                if before and any(_LANGUAGE.search(name) for name in names_in(part.value)):
                    yield Key(before, node.lineno, "language")
                return


def _translates(source: Source, call: ast.Call) -> bool:
    *modules, name = source.dotted(call.func).split(".")
    if _LANGUAGE.search(name):
        return False
    return name in _TRANSLATING or any(_CATALOGUE.search(module) for module in modules)


def _put(function: _Function) -> Iterator[Key]:
    """Keys that are put into what the route returns, or into each item of it."""
    shown = {
        item.value.id for item in function.nodes if isinstance(item, ast.Return) and isinstance(item.value, ast.Name)
    }
    shown |= {
        item.target.id
        for item in function.nodes
        if isinstance(item, ast.For) and isinstance(item.target, ast.Name) and last(item.iter) in shown
    }
    for item in function.nodes:
        for target in item.targets if isinstance(item, ast.Assign) else ():
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id in shown:
                yield from key_of(function.source, target.slice)


# --- rows of a database --------------------------------------------------------------------------------------------


def _rows(function: _Function) -> Iterator[Key]:
    """Columns of the one query whose rows a route answers as dictionaries."""
    if not _is_open(function) or not any(_is_row(item) for item in function.nodes):
        return
    selects = [item for item in function.nodes if _calls(item, "select")]
    texts = [(node, found) for node, text in _texts(function) for found in _listed(text)]
    if len(selects) + len(texts) != 1:
        return
    for select in selects:
        yield from (replace(key, object=-1) for key in _labelled(select))
    for node, columns in texts:
        for column in columns:
            yield Key(column, node.lineno, object=-1)


def _is_open(function: _Function) -> bool:
    """Whether the route says nothing about the shape of its answer."""
    if any(item.arg == "response_model" for decorator in function.decorators for item in decorator.keywords):
        return False
    return function.returns is None or _OPEN.issuperset(names_in(function.returns))


def _is_row(node: ast.AST) -> bool:
    """Whether a row becomes a dictionary with its columns for keys."""
    if isinstance(node, ast.Attribute):
        return node.attr in {"mappings", "_mapping", "_asdict"}
    return _calls(node, "dict") and any(isinstance(arg, ast.Name) for arg in _arguments(node))


def _labelled(select: ast.AST) -> Iterator[Key]:
    """Columns that are selected by attribute, with the label that they leave under."""
    for item in _arguments(select):
        if isinstance(item, ast.Attribute):
            yield Key(item.attr, item.lineno)
        elif isinstance(item, ast.Call) and last(item.func) == "label" and item.args:
            label = item.args[0]
            if isinstance(label, ast.Constant) and isinstance(label.value, str):
                yield Key(label.value, label.lineno)


def _texts(function: _Function) -> Iterator[tuple[ast.Constant, str]]:
    """Texts of the function, and those of the module that it names."""
    named = {item.id for item in function.nodes if isinstance(item, ast.Name)}
    apart = [function.values[name] for name in sorted(named & function.values.keys())]
    for item in dict.fromkeys([*function.nodes, *apart]):
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            yield item, item.value[:_MAX_SQL]


def _listed(text: str) -> Iterator[list[str]]:
    """Names of the columns that a statement answers, where they can all be told."""
    found = _SELECTED.search(text) or _RETURNED.search(text)
    columns = [_COLUMN.fullmatch(item.strip()) for item in _split(found["columns"])] if found else []
    if columns and all(columns):
        yield [column[1] for column in columns if column]


def _built(function: _Function) -> Iterator[Key]:
    """Keys of the objects that the database builds for an answer without a model."""
    if not _is_open(function):
        return
    for node, text in _texts(function):
        for found in _OBJECT.finditer(text):
            for key in _split(text[found.end() :])[::2]:
                literal = _LITERAL.fullmatch(key)
                if literal:
                    yield Key(literal[1], node.lineno, object=-2 - found.start())


def _split(text: str) -> list[str]:
    """Parts between the commas, up to the end or to a parenthesis that closes what was open before."""
    found: list[str] = []
    depth, begin, quoted = 0, 0, False
    for at, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif not quoted:
            if char == ")" and depth == 0:
                return [*found, text[begin:at]]
            if char == "," and depth == 0:
                found.append(text[begin:at])
                begin = at + 1
            depth += (char == "(") - (char == ")")
    return [*found, text[begin:]]


# --- names ---------------------------------------------------------------------------------------------------------


def names_in(node: ast.AST) -> list[str]:
    """Last parts of all names in an expression, those in its texts (`"Room | None"`) too."""
    found = []
    for item in ast.walk(node):
        if isinstance(item, ast.Name | ast.Attribute):
            found.append(last(item))
        elif isinstance(item, ast.Constant) and isinstance(item.value, str) and len(item.value) < 200:
            found += re.findall(r"\w+", item.value)
    return found


def last(node: ast.AST) -> str:
    """Last part of a dotted name, empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _calls(node: ast.AST | None, name: str) -> bool:
    return isinstance(node, ast.Call) and last(node.func) == name


def _arguments(node: ast.AST) -> list[ast.expr]:
    return node.args if isinstance(node, ast.Call) else []
