"""Comments that silence a checker, counted by what they silence.

A suppression is new when the delivery holds more of its kind and code than the seed did: moving one, or narrowing a
blanket one to a code, adds nothing. Only comments count; the same words in a string are text.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from graders.addedlines import Diff, text_of
from harness.core.records import Severity, Tree

_LISTED = r"(?:\[(?P<codes>[^\]]*)\])?"
_KINDS: tuple[tuple[str, re.Pattern[str], Severity], ...] = (
    (
        "noqa",
        re.compile(
            r"#\s*(?:(?:ruff|flake8)\s*:\s*)?noqa\b(?:\s*:\s*(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.I
        ),
        Severity.BLOCKING,
    ),
    (
        "ruff: disable",
        re.compile(rf"#\s*ruff\s*:\s*(?:disable|ignore|file-ignore)\s*{_LISTED}", re.I),
        Severity.BLOCKING,
    ),
    ("type: ignore", re.compile(rf"#\s*type\s*:\s*ignore{_LISTED}"), Severity.BLOCKING),
    ("pyright: ignore", re.compile(rf"#\s*pyright\s*:\s*(?:ignore|basic){_LISTED}"), Severity.BLOCKING),
    (
        "mypy",
        re.compile(r"#\s*mypy\s*:\s*(?P<codes>(?:ignore-errors|disable-error-code|allow-)\S*)"),
        Severity.BLOCKING,
    ),
    (
        "pylint: disable",
        re.compile(r"#\s*pylint\s*:\s*(?:disable(?:-next)?|skip-file)(?:=(?P<codes>[\w-]+(?:\s*,\s*[\w-]+)*))?"),
        Severity.BLOCKING,
    ),
    ("nosec", re.compile(r"#\s*nosec\b(?:\s*:?\s*(?P<codes>B\d+(?:[,\s]+B\d+)*))?"), Severity.BLOCKING),
    ("pragma: no cover", re.compile(r"#\s*pragma\s*:\s*no\s*(?:cover|branch)\b"), Severity.MAJOR),
    ("fmt: off", re.compile(r"#\s*(?:fmt|yapf|isort)\s*:\s*(?:off|skip|disable|skip_file)\b"), Severity.MINOR),
)
"""Kind, its comment, and how much a new one weighs: what hides no finding of a linter or type checker weighs less."""

MAX_NEW = 1_000
"""Most new suppressions that are told; more say nothing more."""
_IDIOM = frozenset({"F401", "E402"})
"""Codes that a team silences on imports that must stay (models for migrations, re-exports)."""
_WORD = re.compile(r"noqa|ignore|disable|nosec|pragma|fmt|yapf|isort|mypy|skip|allow|basic", re.I)


@dataclass(frozen=True)
class Suppression:
    """One silenced code at a line; `*` silences all."""

    kind: str
    code: str
    path: str
    line: int
    text: str
    severity: Severity

    @property
    def what(self) -> tuple[str, str]:
        return self.kind, self.code


def new_suppressions(diff: Diff) -> list[Suppression]:
    """Suppressions that the delivery has beyond those of the seed, in changed Python files."""
    paths = [path for path in diff.readable if path.endswith((".py", ".pyi"))]
    before = [found for path in paths for found in suppressions(diff.base, path)]
    after = [found for path in paths for found in suppressions(diff.final, path)]
    left = Counter(found.what for found in before)
    # Those on old lines take their place first, so that what remains stands on added ones.
    after.sort(key=lambda found: diff.is_added(found.path, [found.line]))
    rest = [found for found in after if not _take(left, found.what)]
    new = [found for found in rest if not _take(left, (found.kind, "*"))]
    return [_weighed(found, before) for found in new[:MAX_NEW]]


def _take(left: Counter[tuple[str, str]], what: tuple[str, str]) -> bool:
    if left[what] <= 0:
        return False
    left[what] -= 1
    return True


def _weighed(found: Suppression, before: list[Suppression]) -> Suppression:
    """An import silenced exactly as its file did before repeats the team's idiom: minor."""
    same = any(old.path == found.path and old.what == found.what for old in before)
    if found.code in _IDIOM and same and found.text.lstrip().startswith(("import ", "from ")):
        return Suppression(found.kind, found.code, found.path, found.line, found.text, Severity.MINOR)
    return found


def suppressions(tree: Tree, path: str) -> Iterator[Suppression]:
    """All suppressions of a Python file."""
    text = text_of(tree, path)
    if text is None or not _may_silence(text):
        return
    for line, comment, whole in _comments(text):
        if not _WORD.search(comment):
            continue
        for kind, pattern, severity in _KINDS:
            match = pattern.search(comment)
            if match is None:
                continue
            for code in _codes(match):
                yield Suppression(kind, code, path, line, whole, severity)


def _may_silence(text: str) -> bool:
    """Whether a line has one of the words behind a `#`; finding the comments themselves costs far more."""
    return any(_WORD.search(line, line.index("#")) for line in text.split("\n") if "#" in line)


def _codes(match: re.Match[str]) -> list[str]:
    listed = match.groupdict().get("codes")
    return [code for code in re.split(r"[,\s]+", listed.upper()) if code] if listed else ["*"]


def _comments(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, comment and whole line of every comment, as far as the file can be read."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string, token.line
    except (tokenize.TokenError, SyntaxError, ValueError):
        return
