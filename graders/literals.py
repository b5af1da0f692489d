"""What expressions of Python code come to without running it: texts, tables, and the rows that loops make of them.

Seeds are written as data and a loop over it. A loop over a literal is gone through, each round with its names bound;
everything else is `COMPUTED`. A name that stands for several things stands for none.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from graders.pycode import Source

COMPUTED: Final = object()
"""A value that only the running program knows."""
MAX_ROWS = 5_000
"""Most items of one list that are read."""
MAX_ROUNDS = 500
"""Most rounds of one loop."""
MAX_VISITS = 30_000
"""Most nodes of one file that loops are gone through for."""
MAX_VALUES = 200_000
"""Most expressions of one file that are read: what names itself again and again is not."""
_DEPTH = 8
_NESTED = 3
"""Deepest table within tables that is read."""
_TAKEN_OVER = frozenset({"list", "tuple", "sorted", "reversed", "set", "iter"})

Value = object
"""A text, a number, None for an empty column, a mapping, or `COMPUTED`."""
Bound = Mapping[str, ast.expr]
"""Names of a loop with what they stand for in one round."""
_LOOPS = (ast.For, ast.AsyncFor, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


class Literals:
    """Reads the expressions of one file; use it with `Source.kept`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._names = _assigned(source)
        self._known: dict[int, Value] = {}
        self._left = MAX_VALUES

    def value(self, node: ast.expr, bound: Bound | None = None) -> Value:
        """What an expression comes to."""
        if bound:
            return self._value(node, bound, 0, 0)
        if id(node) not in self._known:
            self._known[id(node)] = self._value(node, {}, 0, 0)
        return self._known[id(node)]

    def columns(self, node: ast.Dict, bound: Bound | None = None) -> dict[str, Value]:
        """The entries of a table with texts or names of members for keys."""
        return self._columns(node, bound or {}, 0, 0)

    def items(self, node: ast.expr | None, bound: Bound | None = None) -> list[ast.expr]:
        """What a loop over the expression meets, nothing where that cannot be told."""
        return self._items(node, bound or {}, 0)[:MAX_ROWS]

    def rounds(self) -> Iterator[tuple[ast.Call | ast.Dict, Bound, int]]:
        """Calls and tables inside loops over literals: (node, names of the round, line of the item)."""
        left = MAX_VISITS
        for loop, _ in self._source.of(*_LOOPS):
            stack: list[tuple[ast.AST, Bound, int]] = [(loop, {}, 0)]
            while stack and left > 0:
                left -= 1
                node, bound, line = stack.pop()
                if isinstance(node, _LOOPS):
                    stack += self._entered(node, bound, line)
                    continue
                if bound and isinstance(node, ast.Call | ast.Dict):
                    yield node, bound, line
                stack += [(child, bound, line) for child in ast.iter_child_nodes(node)]

    def _entered(self, node: ast.AST, bound: Bound, line: int) -> list[tuple[ast.AST, Bound, int]]:
        """What is inside a loop, once for each round; reversed, since the last is taken first."""
        if isinstance(node, ast.For | ast.AsyncFor):
            rounds = self._rounds(node.target, node.iter, bound, line)
            return [(item, names, at) for names, at in reversed(rounds) for item in reversed(node.body)]
        generators: list[ast.comprehension] = getattr(node, "generators", [])
        open_rounds = [(bound, line)]
        for generator in generators:
            open_rounds = [
                found
                for names, at in open_rounds
                for found in self._rounds(generator.target, generator.iter, names, at)
            ][:MAX_ROUNDS]
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [getattr(node, "elt", node)]
        return [(part, names, at) for names, at in reversed(open_rounds) for part in parts if part is not node]

    def _rounds(self, target: ast.expr, iterable: ast.expr, bound: Bound, line: int) -> list[tuple[Bound, int]]:
        items = self._items(iterable, bound, 0)[:MAX_ROUNDS]
        found: list[tuple[Bound, int]] = []
        for item in items:
            names = _bind(target, item)
            if names is not None:
                found.append(({**bound, **names}, item.lineno or line))
        return found or ([(bound, line)] if bound else [])

    def _at(self, node: ast.expr | None, bound: Bound, depth: int) -> ast.expr | None:
        """What a name stands for, anything else as it is."""
        while isinstance(node, ast.Name) and depth < _DEPTH:
            node, depth = bound.get(node.id) or self._names.get(node.id), depth + 1
        return node

    def _items(self, node: ast.expr | None, bound: Bound, depth: int) -> list[ast.expr]:
        node = self._at(node, bound, depth)
        self._left -= 1
        if node is None or depth > _DEPTH or self._left < 0:
            return []
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return node.elts
        if isinstance(node, ast.Dict):
            return [key for key in node.keys if key is not None]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
            return self._parts(node.func, bound, depth)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
            return []
        given = [self._items(item, bound, depth + 1) for item in node.args]
        if node.func.id == "enumerate":
            return [_pair(ast.Constant(number), item) for number, item in enumerate(given[0], 1)]
        if node.func.id == "zip":
            return [_pair(*items) for items in zip(*given, strict=False)]
        return given[0] if node.func.id in _TAKEN_OVER else []

    def _parts(self, method: ast.Attribute, bound: Bound, depth: int) -> list[ast.expr]:
        """What `items`, `values` and `keys` of a table give."""
        table = self._at(method.value, bound, depth + 1)
        if not isinstance(table, ast.Dict) or None in table.keys:
            return []
        keys = [key for key in table.keys if key is not None]
        if method.attr == "items":
            return [_pair(key, value) for key, value in zip(keys, table.values, strict=True)]
        return {"values": table.values, "keys": keys}.get(method.attr, [])

    def _value(self, node: ast.expr, bound: Bound, depth: int, nested: int) -> Value:
        found = self._at(node, bound, depth)
        self._left -= 1
        if found is None or depth > _DEPTH or self._left < 0:
            return COMPUTED
        if isinstance(found, ast.Constant):
            plain = found.value is None or isinstance(found.value, str) or type(found.value) is int
            return found.value if plain else COMPUTED
        if isinstance(found, ast.Dict):
            return self._columns(found, bound, depth + 1, nested + 1) if nested < _NESTED else COMPUTED
        if isinstance(found, ast.List | ast.Tuple):
            texts = [self._value(item, bound, depth + 1, _NESTED) for item in found.elts[:MAX_ROUNDS]]
            return _joined(texts, "; ") if any(isinstance(text, str) and " " in text for text in texts) else COMPUTED
        if isinstance(found, ast.JoinedStr):
            parts = [item.value if isinstance(item, ast.FormattedValue) else item for item in found.values]
            return _joined([self._value(part, bound, depth + 1, _NESTED) for part in parts], "")
        if isinstance(found, ast.BinOp) and isinstance(found.op, ast.Add):
            return _joined([self._value(part, bound, depth + 1, _NESTED) for part in (found.left, found.right)], "")
        if isinstance(found, ast.Subscript):
            return self._entry(found, bound, depth)
        return COMPUTED

    def _entry(self, node: ast.Subscript, bound: Bound, depth: int) -> Value:
        table, key = self._at(node.value, bound, depth), self._value(node.slice, bound, depth + 1, _NESTED)
        for name, value in zip(table.keys, table.values, strict=True) if isinstance(table, ast.Dict) else ():
            if isinstance(name, ast.Constant) and name.value == key:
                return self._value(value, bound, depth + 1, _NESTED)
        return COMPUTED

    def _columns(self, node: ast.Dict, bound: Bound, depth: int, nested: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for key, value in zip(node.keys[:MAX_ROWS], node.values, strict=False):
            dotted = self._source.dotted(key) if isinstance(key, ast.Attribute) else None
            name = key.value if isinstance(key, ast.Constant) else dotted
            if isinstance(name, str) and name:
                found[name] = self._value(value, bound, depth, nested)
        return found


def _assigned(source: Source) -> dict[str, ast.expr]:
    """Names that stand for one thing in the whole file."""
    found: dict[str, ast.expr] = {}
    times: Counter[str] = Counter()
    for node, _ in source.of(ast.Assign, ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                found[target.id] = value
                times[target.id] += 1
    times.update(node.arg for node, _ in source.of(ast.arg) if isinstance(node, ast.arg))
    return {name: value for name, value in found.items() if times[name] == 1}


def _bind(target: ast.expr, item: ast.expr) -> dict[str, ast.expr] | None:
    """Names of a loop's target, None where the item has another form."""
    if isinstance(target, ast.Name):
        return {target.id: item}
    if not isinstance(target, ast.Tuple | ast.List) or not isinstance(item, ast.Tuple | ast.List):
        return None
    if len(target.elts) != len(item.elts):
        return None
    found: dict[str, ast.expr] = {}
    for part, value in zip(target.elts, item.elts, strict=True):
        found |= _bind(part, value) or {}
    return found


def _pair(*items: ast.expr) -> ast.expr:
    """The items as one tuple, where the last of them stands."""
    return ast.copy_location(ast.Tuple(elts=list(items), ctx=ast.Load()), items[-1])


def _joined(parts: list[Value], between: str) -> Value:
    if not parts or not all(isinstance(part, str | int) for part in parts):
        return COMPUTED
    return between.join(str(part) for part in parts)
