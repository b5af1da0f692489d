"""Words of a shell line as the shell would see them: quotes resolved, known variables filled in, the rest a hole.

A hole marks text that only running the line could tell. It is an ordinary letter to the parser, so a word with a hole
can itself be read as shell text again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

HOLE = "\ue000"
"""Stands in an argument for what cannot be known."""
MAX_WORDS = 64
"""Most words that one brace expansion yields."""
_DEFAULTED = re.compile(r"\$\{(\w+):?[-=](.*)\}$", re.DOTALL)
_PLAIN = re.compile(r"\$\{?(\w+|[@*])\}?$")
_ARRAY = re.compile(r"\$\{(\w+)\[[@*]\]\}$")
_ESCAPE = re.compile(r"\\(\n|.)", re.DOTALL)
_QUOTED_ESCAPE = re.compile(r'\\(\n|["\\$`])')
_ANSI = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)", re.DOTALL)
_ANSI_NAMES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_BRACES = re.compile(r"\{([^{}]*,[^{}]*)\}")


def text_of(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


@dataclass(frozen=True)
class Words:
    """Expands words; `substitute` runs a command substitution and answers its output as far as it is known."""

    variables: Mapping[str, tuple[str, ...]]
    substitute: Callable[[Node], str]

    def fields(self, node: Node) -> list[str]:
        """The words that one argument becomes."""
        if node.type in {"simple_expansion", "expansion"}:
            return [word for value in self._variable(node) for word in value.split()]
        if node.type == "command_substitution":
            return self.substitute(node).split()
        if node.type == "string" and node.named_child_count == 1:
            (only,) = node.named_children
            if text_of(only) in {"$@", "${@}"} or _ARRAY.match(text_of(only)):
                return list(self._variable(only))
        word = self.one(node)
        if node.type == "concatenation" and any(text_of(child) == "{" for child in node.children):
            return braces(word)
        return [word]

    def one(self, node: Node) -> str:
        """The text that a node stands for, not split into words."""
        kind = node.type
        if kind in {"string", "translated_string", "heredoc_body"}:
            return "".join(self._quoted(node))
        if kind == "concatenation":
            return "".join(self.one(child) for child in node.children)
        if kind in {"simple_expansion", "expansion"}:
            return " ".join(self._variable(node))
        if kind == "command_substitution":
            return self.substitute(node)
        if kind in {"process_substitution", "arithmetic_expansion"}:
            self.substitute(node)
            return HOLE
        return unquote(kind, text_of(node))

    def _quoted(self, node: Node) -> Iterator[str]:
        """Pieces between double quotes; the parser leaves some white space to no child, so gaps are filled in."""
        source = node.text or b""
        inner = 0 if node.type == "heredoc_body" else 1
        at, end = node.start_byte + inner, node.end_byte - inner
        for child in node.named_children:
            if child.type in {"string_content", "heredoc_content"}:
                continue
            yield _unescape(source[at - node.start_byte : child.start_byte - node.start_byte])
            yield self.one(child)
            at = child.end_byte
        yield _unescape(source[at - node.start_byte : end - node.start_byte])

    def _variable(self, node: Node) -> tuple[str, ...]:
        text = text_of(node)
        match = _PLAIN.match(text) or _ARRAY.match(text)
        if match is not None:
            return self.variables.get(match[1], () if match[1] in {"@", "*"} else (HOLE,))
        defaulted = _DEFAULTED.match(text)
        if defaulted is None:
            return (HOLE,)
        known = self.variables.get(defaulted[1])
        if known is not None:
            return known
        return (HOLE,) if re.search(r"[$`]", defaulted[2]) else (defaulted[2].strip("\"'"),)


def unquote(kind: str, text: str) -> str:
    """A literal word without its quotes and escapes."""
    if kind == "raw_string":
        return text[1:-1]
    if kind == "ansi_c_string":
        return _ANSI.sub(_ansi, text[2:-1])
    return _ESCAPE.sub(lambda match: "" if match[1] == "\n" else match[1], text) if "\\" in text else text


def _unescape(source: bytes) -> str:
    return _QUOTED_ESCAPE.sub(lambda match: "" if match[1] == "\n" else match[1], source.decode("utf-8", "replace"))


def _ansi(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    return chr(int(code, 8) & 0xFF) if code[0] in "01234567" else _ANSI_NAMES.get(code, code)


def braces(word: str) -> list[str]:
    """`a{b,c}` as `ab ac`; past `MAX_WORDS` the rest stays as it is."""
    done: list[str] = []
    pending = [word]
    while pending:
        current = pending.pop(0)
        match = _BRACES.search(current)
        if match is None or len(done) + len(pending) >= MAX_WORDS:
            done.append(current)
            continue
        head, tail = current[: match.start()], current[match.end() :]
        pending = [f"{head}{choice}{tail}" for choice in match[1].split(",")] + pending
    return done
