"""S10: A sentence in the code is a sentence nobody can translate; clients show what an error says.

Looked at are string literals that reach a field named like user-facing text in an error (`detail=`, `message=`, the
same keys of a dict, the text of an `HTTPException`), inside functions, on added lines. A literal counts when it reads
as a sentence: codes, keys and names of formats do not. Constants at the top of a module are shared constants, and what
goes to a log is read by the team.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from graders.addedlines import diff_of
from graders.pycode import Scope, is_app, strings
from graders.pycode import Source as Code
from graders.rulekit import Example, Ruling, case, decide, not_applicable
from harness.core.ports import Case
from harness.core.records import Outcome, Severity, Source

_SENTENCE = re.compile(r"[^\W\d_]{2,}[^\w\s]?\s+[^\W\d_]+")
_LOGGING = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
_TRANSLATING = frozenset({"_", "gettext", "ngettext", "translate", "t", "tr", "message_for"})
_FIELDS = ("detail", "message", "error_message", "user_message")

_ROUTE = """import logging

from fastapi import HTTPException
from fastapi.responses import JSONResponse

from app.i18n import translate

logger = logging.getLogger(__name__)


async def get(name: str) -> object:
    {line}
"""


def _line(line: str, before: str = "") -> Case:
    return case(files={"app/x.py": _ROUTE.format(line=line) + before})


@dataclass(frozen=True)
class S10:
    """Errors say what the catalogues say."""

    fields: tuple[str, ...] = _FIELDS
    """Names of the fields that reach a user."""

    demand: ClassVar[str] = "No user-facing text is hard-coded: errors take theirs from catalogues or shared constants."
    section: ClassVar[str] = "Internationalization (i18n)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.MINOR
    evidence: ClassVar[tuple[str, ...]] = ("static",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "a translated message", _line("raise HTTPException(404, detail=translate('room.missing'))"), Outcome.PASS
        ),
        Example("a sentence as detail", _line("raise HTTPException(404, detail='Room not found')"), Outcome.FAIL, 1),
        Example(
            "one error of two",
            _line("raise HTTPException(404, 'Room not found') from HTTPException(404, 'room_not_found')"),
            Outcome.FAIL,
            1,
            opportunities=2,
        ),
        Example("a sentence by position", _line("raise HTTPException(404, 'Room not found')"), Outcome.FAIL, 1),
        Example(
            "a sentence with a value in it",
            _line("raise HTTPException(404, detail=f'No room {name} here')"),
            Outcome.FAIL,
            1,
        ),
        Example(
            "a sentence in a payload",
            _line("return JSONResponse({'error': {'message': 'Salle introuvable ici'}})"),
            Outcome.FAIL,
            1,
        ),
        Example("adds no error", case(files={"app/x.py": "X = 1\n"}), Outcome.NOT_APPLICABLE),
        Example("a code", _line("raise HTTPException(404, detail='room_not_found')"), Outcome.PASS, trap=True),
        Example(
            "a key of a catalogue",
            _line("raise HTTPException(404, detail='errors.room.missing')"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a constant",
            _line("raise HTTPException(404, detail=ROOM_MISSING)", "\n\nROOM_MISSING = 'Room not found'\n"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a catalogue in the code",
            _line("raise HTTPException(404, detail=translate('x'))", "\n\nTEXTS = {'message': 'Room not found'}\n"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "a catalogue in a class",
            _line("raise HTTPException(404)", "\n\nclass Texts:\n    ROOM = {'message': 'Room not found'}\n"),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a sentence for the log",
            _line(
                "logger.warning('room not found', extra={'message': 'Room not found'})\n    raise HTTPException(404)"
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a sentence as the key of a translation",
            _line("raise HTTPException(404, detail=translate(message='Room not found'))"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "what documents a route",
            _line("app.get('/x', responses={404: {'description': 'Room not found'}})"),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "a comparison in a test",
            case(files={"tests/test_x.py": "def test_x() -> None:\n    assert {'detail': 'Room not found'}\n"}),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
        Example(
            "the team's old sentence",
            case(
                base={"app/x.py": _ROUTE.format(line="raise HTTPException(404, detail='Room not found')")},
                files={
                    "app/x.py": _ROUTE.format(line="raise HTTPException(404, detail='Room not found')") + "\n\nX = 1\n"
                },
            ),
            Outcome.NOT_APPLICABLE,
            trap=True,
        ),
    )

    def judge(self, case: Case) -> Ruling:
        """Decide for each error of the added lines."""
        diff = diff_of(case)
        findings, opportunities = [], 0
        for path in diff.python:
            source = diff.source(path)
            if source is None or not is_app(path):
                continue
            for value in self._values(source):
                if not diff.is_added(path, [value.lineno]):
                    continue
                opportunities += 1
                text = strings(value)
                if text is not None and _SENTENCE.search(text):
                    findings.append(diff.finding("user-facing text is hard-coded", path, value.lineno))
        return decide(findings, opportunities) if opportunities else not_applicable("no error text was added")

    def _values(self, source: Code) -> Iterator[ast.expr]:
        """What is put into user-facing fields inside functions."""
        quiet = source.kept(_quiet)
        for node, scope in source.of(ast.keyword, ast.Dict, ast.Call):
            if scope is None or not _in_function(scope) or id(node) in quiet:
                continue
            if isinstance(node, ast.keyword) and node.arg in self.fields:
                yield node.value
            elif isinstance(node, ast.Dict):
                yield from (value for key, value in zip(node.keys, node.values, strict=True) if self._is_field(key))
            elif isinstance(node, ast.Call) and source.dotted(node.func).endswith("HTTPException"):
                yield from node.args[1:2]

    def _is_field(self, key: ast.expr | None) -> bool:
        return isinstance(key, ast.Constant) and key.value in self.fields


def _in_function(scope: Scope) -> bool:
    return any(not isinstance(at.node, ast.ClassDef) for at in scope.chain())


def _quiet(source: Code) -> frozenset[int]:
    """Identities of the nodes inside calls that log or translate."""
    found: set[int] = set()
    for node, name, _ in source.calls:
        if name.rsplit(".", 1)[-1] in _LOGGING | _TRANSLATING:
            found.update(id(inner) for inner in ast.walk(node))
    return frozenset(found)
