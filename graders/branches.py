"""Texts that code chooses by the language: what a branch for one language answers, and what the rest answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from graders.bilingual import Said
from graders.pycode import FunctionNode, Source

_LANGUAGE = re.compile(r"(?:^|_)(?:lang|language|locale)(?:$|_)")
_CODE = re.compile(r"(en|fr)(?:[-_][A-Za-z]{2})?")
_HINT = re.compile(r"[\"'](?:en|fr)\b")
_WORD = re.compile(r"[^\W\d_]{2,}")


def in_branches(source: Source) -> list[Said]:
    """Texts that depend on a comparison with a language; use it with `Source.kept`."""
    if not _HINT.search(source.text) or not ("lang" in source.text or "locale" in source.text):
        return []
    found = [said for node, _ in source.of(ast.IfExp) if isinstance(node, ast.IfExp) for said in _chosen(node)]
    for node, _ in source.of(ast.Match):
        found += _matched(node) if isinstance(node, ast.Match) else []
    for function in source.functions.values():
        found += _branched(function)
    return found


def _chosen(node: ast.IfExp) -> Iterator[Said]:
    language = _compared(node.test)
    if language:
        yield from _said(language, _texts([node.body]), _texts([node.orelse]), node.lineno)


def _matched(node: ast.Match) -> list[Said]:
    if not _names_language(node.subject):
        return []
    texts: dict[str, list[str]] = {}
    rest: list[str] = []
    for case in node.cases:
        value = case.pattern.value if isinstance(case.pattern, ast.MatchValue) else None
        code = _code(value)
        if code:
            texts.setdefault(code, []).extend(_texts(_answers(case.body)))
        else:
            rest += _texts(_answers(case.body))
    if not texts:
        return []
    first = min(texts, key=lambda code: code != "fr")
    other = [text for code, said in texts.items() if code != first for text in said]
    return list(_said(first, texts[first], other or rest, node.lineno))


def _branched(function: FunctionNode) -> Iterator[Said]:
    for at, node in enumerate(function.body):
        if isinstance(node, ast.If) and (language := _compared(node.test)):
            rest = node.orelse or function.body[at + 1 :]
            yield from _said(language, _texts(_answers(node.body)), _texts(_answers(rest)), node.lineno)


def _said(language: str, texts: list[str], others: list[str], line: int) -> Iterator[Said]:
    if texts and others:
        other = "en" if language == "fr" else "fr"
        yield Said("a branch", {language: "\n".join(texts), other: "\n".join(others)}, line, "branch")


def _compared(test: ast.expr) -> str:
    """The language that a test asks for."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        return _code(test.comparators[0]) if _names_language(test.left) else ""
    called = test.func if isinstance(test, ast.Call) and test.args else None
    if isinstance(test, ast.Call) and isinstance(called, ast.Attribute) and called.attr == "startswith":
        return _code(test.args[0]) if _names_language(called.value) else ""
    return ""


def _names_language(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return bool(_LANGUAGE.search(name.lower()))


def _code(node: ast.expr | None) -> str:
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    found = _CODE.fullmatch(text)
    return found[1] if found else ""


def _answers(body: Sequence[ast.stmt]) -> list[ast.expr]:
    """What statements return or keep."""
    return [
        item.value
        for statement in body
        for item in ast.walk(statement)
        if isinstance(item, ast.Return | ast.Assign) and item.value is not None
    ]


def _texts(nodes: Sequence[ast.expr]) -> list[str]:
    """Texts with words and spaces that people may read, what is filled in as `{}`."""
    found: list[str] = []
    stack = list(reversed(nodes))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.IfExp):
            stack += [node.orelse, node.body]
        elif isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
            found.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return [text for text in found if " " in text.strip() and _WORD.search(text)]
