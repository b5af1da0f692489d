"""The report's form, R1 to R11: each check apart, so that one slip is told as one slip.

R1 to R4 decide whether an orchestrator can parse the report at all; `R1.facts["parseable"]` says so for all four, and a
status that is readable but not exact (`[YES]`) does not make it unparseable. Routes of the application are read from
the sealed tree without running it; a prefix that is only known at run time makes R6 lenient, never strict.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from graders.addedlines import inert
from graders.pycode import parse as read_python
from graders.report import HEADING, LABELS, SECTIONS, Deviation, Endpoint, Field, Report, endpoints, normal_route, parse
from graders.report import plain as visible
from graders.rulebook import RULEBOOK, load_rulebook
from graders.rulekit import Ruling, decide, failed, not_applicable, passed
from harness.core.demands import Demand
from harness.core.ports import Case
from harness.core.records import CheckResult, Finding, Grade, Outcome, Place, Severity, Source, Tree
from harness.core.task import Task

_QUOTE = 200
_MESSAGE = 600
_MOST_FINDINGS = 50
_MOST_FILES = 2_000
_MOST_BYTES = 500_000
_MOST_BYTES_IN_ALL = 4_000_000
_MOST_PREFIX = 200
_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace", "websocket"})
_METHOD = "(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE|WEBSOCKET)"
_ENDPOINT = re.compile(rf"{_METHOD}(?:\s*[,/|&+]\s*{_METHOD}){{0,6}}\s/")
_PATH_LINE = re.compile(
    r"`(?P<code>[^`]+?):(?P<code_line>\d+)|"
    r"(?<![^\s`*:()\[\]<>,;\"'])(?P<bare>[^\s`*:()\[\]<>,;\"']+):(?P<line>\d+)"
)
_KEEP = re.compile(r"\bkeep(?:ing)?\b(?!\s+(?:the\s+|this\s+)?(?:api\s+|backend\s+)?(?:specs?|contract)\b)")
_UPDATE = re.compile(
    r"\bupdat(?:e|ing)\s+(?:(?!code\b|implementation\b|to\b)[\w./-]+\s+){0,4}?[\w./-]*(?:spec|contract)[\w./-]*"
)
_NOT = re.compile(r"(?:\bnot|n't|\bno need(?:\s+to)?|\bnever|\bwithout|\brather than|\binstead of)\s+(?:\w+\s+)?$")


class ReportFormat:
    """Judges the form of the one report; reads the reply and, for routes and lines, the sealed tree."""

    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, rulebook: Path = RULEBOOK) -> None:
        self._weights = load_rulebook(rulebook).weights("report_format", _CHECKS)

    def grade(self, case: Case) -> Grade:
        """R1 to R11. A reply without a report fails what it lacks; nothing in it raises."""
        report = parse(case.evidence.reply)
        rulings = {name: check(report, case) for name, check in _CHECKS.items()}
        facts: dict[str, dict[str, JsonValue]] = {
            "R1": {"parseable": all(_parses(rulings[name]) for name in ("R1", "R2", "R3", "R4"))},
            "R2": {"status": report.status.value if report.status is not None else None},
        }
        results = tuple(
            _result(name, ruling, self._weights.get(name), facts.get(name, {})) for name, ruling in rulings.items()
        )
        return Grade(grader="report_format", version=self.version, digest="", checks=results)


def _parses(ruling: Ruling) -> bool:
    return ruling.outcome is not Outcome.FAIL or all(found.severity is Severity.MINOR for found in ruling.findings)


def _result(name: str, ruling: Ruling, demand: Demand | None, facts: dict[str, JsonValue]) -> CheckResult:
    kept = ruling.findings[:_MOST_FINDINGS]
    more = len(ruling.findings) - len(kept)
    return CheckResult(
        id=name,
        outcome=ruling.outcome,
        findings=kept,
        reason=f"{more} further findings are not listed" if more else ruling.reason,
        severity=demand.severity if demand else None,
        source=demand.source if demand else Source.HARNESS,
        opportunities=ruling.opportunities,
        facts={"demand": _CHECKS[name].__doc__ or "", **facts},
    )


def _finding(message: str, section: str, line: int, quote: str = "", severity: Severity | None = None) -> Finding:
    place = Place(section=section, line=line or None)
    where = f"line {line}: " if line else ""
    quoted = inert(quote[:_QUOTE])
    return Finding(message=where + inert(message[:_MESSAGE]), place=place, quote=quoted, severity=severity)


# --- R1 to R4: can it be parsed ------------------------------------------------------------------------------------


def _r1(report: Report, case: Case) -> Ruling:
    """The exact heading, level 2, once."""
    del case
    exact = [heading for heading in report.headings if heading.text == HEADING]
    if not report.headings:
        reasons = "; ".join(report.problems)
        return failed(_finding(f"no heading '{HEADING}'" + (f" ({reasons})" if reasons else ""), HEADING, 0))
    if not exact:
        near = report.headings[0]
        return failed(_finding(f"the heading is not '{HEADING}'", HEADING, near.line, near.text))
    findings = [
        _finding(f"the heading has level {heading.level}, not 2", HEADING, heading.line)
        for heading in exact
        if heading.level != 2
    ]
    findings += [_finding("the heading stands once more", HEADING, heading.line) for heading in exact[1:]]
    return decide(findings)


def _r2(report: Report, case: Case) -> Ruling:
    """The status is exactly YES or NO."""
    del case
    status = report.status
    if status is None:
        return failed(_finding("no conformity status", SECTIONS[0], 0))
    if status.value is None:
        return failed(_finding("the status is neither YES nor NO", SECTIONS[0], status.line, status.raw))
    if not status.exact:
        message = f"the status reads as {status.value} but is not written exactly so in its heading"
        return failed(_finding(message, SECTIONS[0], status.line, status.raw, Severity.MINOR))
    return passed()


def _r3(report: Report, case: Case) -> Ruling:
    """Four sections, each once, in order, and no further one."""
    del case
    missing = "the section is missing" + (f" ({'; '.join(report.problems)})" if report.problems else "")
    findings = [_finding(missing, name, 0) for name in SECTIONS if report.section(name) is None]
    seen: list[str] = []
    for section in report.sections:
        if section.name is None:
            findings.append(_finding("a further section", inert(section.title[:_QUOTE]), section.line, section.title))
            continue
        if section.name in seen:
            findings.append(_finding("the section stands once more", section.name, section.line))
        elif seen and SECTIONS.index(section.name) < max(map(SECTIONS.index, seen)):
            findings.append(_finding("the section is out of order", section.name, section.line))
        if not section.exact:
            findings.append(_finding("the title is not exact", section.name, section.line, section.title))
        if not 2 <= section.level <= 4:
            findings.append(_finding(f"the title has level {section.level}", section.name, section.line))
        seen.append(section.name)
    return decide(findings)


def _r4(report: Report, case: Case) -> Ruling:
    """DEVIATIONS is None exactly when the status is YES."""
    del case
    status = report.status.value if report.status is not None else None
    section = report.section("DEVIATIONS")
    line = section.line if section is not None else 0
    if status is None:
        return not_applicable("the report claims no status")
    if status == "YES":
        return decide([_finding(message, "DEVIATIONS", line) for message in _not_none(report)])
    if report.says_none:
        return failed(_finding("the status is NO, but DEVIATIONS is None", "DEVIATIONS", line))
    if not report.deviations:
        return failed(_finding("the status is NO, but DEVIATIONS lists no deviation", "DEVIATIONS", line))
    return passed()


def _not_none(report: Report) -> Iterator[str]:
    if report.deviations:
        yield f"the status is YES, but DEVIATIONS lists {len(report.deviations)}"
    elif not report.says_none and not report.notes:
        yield "the status is YES, but DEVIATIONS is not None"


# --- R5 to R8: the deviations --------------------------------------------------------------------------------------


def _r5(report: Report, case: Case) -> Ruling:
    """Each deviation has the five labels, in order, none of them empty."""
    del case
    if not report.deviations:
        return not_applicable("no deviation is listed")
    findings = [finding for deviation in report.deviations for finding in _labels(deviation)]
    return decide(findings, len(report.deviations))


def _labels(deviation: Deviation) -> Iterator[Finding]:
    problems = [f"no {label}" for label in LABELS if deviation.get(label) is None]
    named = [found for found in deviation.fields if found.name]
    problems += [f"{found.name} is empty" for found in named if not visible(found.text)]
    problems += [f"the label is not '{found.name}': '{found.label}'" for found in named if found.label != found.name]
    expected = [label for label in LABELS if label in deviation.order]
    if list(deviation.order) != expected:
        problems.append(f"the labels are not in order: {', '.join(deviation.order)}")
    if problems:
        yield _finding("; ".join(problems), "DEVIATIONS", deviation.line, deviation.text or deviation.fields[0].text)


def _each(report: Report, name: str, judge: Callable[[Field], str]) -> Ruling:
    """A ruling over every deviation's field `name`; `judge` gives what is wrong, or nothing."""
    fields = [found for deviation in report.deviations if (found := deviation.get(name)) is not None]
    if not fields:
        return not_applicable(f"no deviation has {'an' if name == 'Endpoint' else 'a'} {name}")
    judged = [(found, judge(found)) for found in fields]
    findings = [_finding(problem, "DEVIATIONS", found.line, found.text) for found, problem in judged if problem]
    return decide(findings, len(fields))


def _r6(report: Report, case: Case) -> Ruling:
    """Endpoint is METHOD and a route of the contract or the application."""
    if not report.deviations:
        return not_applicable("no deviation is listed")
    contract = _contract_endpoints(case.task)
    app: list[_Routes] = []

    def judge(named: Field) -> str:
        listed = endpoints(named.text)
        if not listed or not _ENDPOINT.match(visible(named.text)):
            return "the endpoint is not METHOD and route"
        missing = [found for found in listed if found not in contract]
        if missing and not app:
            app.append(_routes(case.evidence.final))
        unknown = [str(found) for found in missing if not app[0].has(found)]
        return f"neither the contract nor the application has {', '.join(unknown)}" if unknown else ""

    return _each(report, "Endpoint", judge)


def _contract_endpoints(task: Task) -> frozenset[Endpoint]:
    listed = (Endpoint(found.method.upper(), normal_route(found.path)) for found in task.operations)
    return frozenset(listed) | frozenset(endpoints(task.contract))


def _r7(report: Report, case: Case) -> Ruling:
    """File is path:line of the final tree."""
    tree = case.evidence.final
    return _each(report, "File", lambda named: _line_problem(named.text, tree))


def _line_problem(text: str, tree: Tree) -> str:
    match = _PATH_LINE.search(text.replace("\\_", "_"))
    if match is None:
        return "the file is not path:line"
    path = posixpath.normpath((match["code"] or match["bare"]).strip().removeprefix("/workspace/"))
    content = tree.read(path)
    if content is None:
        return f"no such file in the delivery: {path[:_QUOTE]}"
    digits = match["code_line"] or match["line"]
    lines = content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
    if len(digits) > 9 or not 1 <= int(digits) <= lines:
        return f"{path} has {lines} lines, no line {digits[:20]}"
    return ""


def _r8(report: Report, case: Case) -> Ruling:
    """Recommendation keeps the deviation or updates the spec: one of the two."""
    del case
    return _each(report, "Recommendation", _answer_problem)


def _answer_problem(named: Field) -> str:
    text = visible(named.text).casefold()
    keep, update = _says(_KEEP, text), _says(_UPDATE, text)
    if keep and update:
        return "the recommendation gives both answers"
    return "" if keep or update else "the recommendation neither keeps the deviation nor updates the spec"


def _says(answer: re.Pattern[str], text: str) -> bool:
    return any(not _NOT.search(text[max(0, match.start() - 40) : match.start()]) for match in answer.finditer(text))


# --- R9 to R11: files, issues, divider -----------------------------------------------------------------------------


def _r9(report: Report, case: Case) -> Ruling:
    """FILES CHANGED is a list whose items begin with a path."""
    section = report.section("FILES CHANGED")
    if section is None:
        return failed(_finding("the section is missing", "FILES CHANGED", 0))
    known = case.evidence.base.entries.keys() | case.evidence.final.entries.keys()
    findings = []
    for changed in report.files:
        if not changed.listed:
            findings.append(_finding("a path outside a list", "FILES CHANGED", changed.line, changed.head))
        elif not changed.begins and changed.head.removeprefix("./") not in known:
            findings.append(
                _finding("the item does not begin with a path", "FILES CHANGED", changed.line, changed.head)
            )
    if not report.files and not report.says_no_files:
        findings.append(_finding("no list of paths", "FILES CHANGED", section.line))
    return decide(findings)


def _r10(report: Report, case: Case) -> Ruling:
    """ISSUES FOUND is present."""
    del case
    present = report.section("ISSUES FOUND") is not None
    return passed() if present else failed(_finding("the section is missing", "ISSUES FOUND", 0))


def _r11(report: Report, case: Case) -> Ruling:
    """A divider stands directly before FILES CHANGED."""
    del case
    section = report.section("FILES CHANGED")
    if section is None:
        return not_applicable("there is no FILES CHANGED")
    return passed() if report.divided else failed(_finding("no divider before it", "FILES CHANGED", section.line))


_CHECKS: dict[str, Callable[[Report, Case], Ruling]] = {
    "R1": _r1,
    "R2": _r2,
    "R3": _r3,
    "R4": _r4,
    "R5": _r5,
    "R6": _r6,
    "R7": _r7,
    "R8": _r8,
    "R9": _r9,
    "R10": _r10,
    "R11": _r11,
}


# --- routes of the application -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Routes:
    """What the Python of a tree declares: routes behind their router's own prefix, and prefixes put before routers."""

    declared: frozenset[Endpoint] = frozenset()
    prefixes: frozenset[str] = frozenset()
    dynamic: bool = False
    """Some prefix is only known at run time: any beginning may be right."""

    def has(self, endpoint: Endpoint) -> bool:
        """Whether a declared route, behind any chain of known prefixes, is this endpoint."""
        return any(
            found.method in {endpoint.method, "*"} and self._fits(endpoint.route, found.route)
            for found in self.declared
        )

    def _fits(self, route: str, tail: str) -> bool:
        tail = "" if tail == "/" else tail
        if not route.endswith(tail):
            return False
        head = route[: len(route) - len(tail)]
        return self.dynamic or self._chain(head)

    def _chain(self, head: str, depth: int = 0) -> bool:
        if head in ("", "/"):
            return True
        return (
            depth < 4
            and len(head) <= _MOST_PREFIX
            and any(head.startswith(prefix) and self._chain(head[len(prefix) :], depth + 1) for prefix in self.prefixes)
        )


def _routes(tree: Tree) -> _Routes:
    """Routes declared in the Python files of a tree, tests left out; files that cannot be parsed declare none."""
    found = [_file_routes(source) for source in _sources(tree)]
    return _Routes(
        frozenset(route for routes in found for route in routes.declared),
        frozenset(prefix for routes in found for prefix in routes.prefixes),
        any(routes.dynamic for routes in found),
    )


def _sources(tree: Tree) -> Iterator[ast.Module]:
    paths = (path for path in tree.files() if path.endswith(".py") and not path.startswith(("tests/", ".")))
    left = _MOST_BYTES_IN_ALL
    for path, _ in zip(paths, range(_MOST_FILES), strict=False):
        size = tree.entries[path].size
        text = tree.text(path) if size <= min(_MOST_BYTES, left) else None
        left -= size if text is not None else 0
        if text is None or not re.search(r"router|route|FastAPI|Starlette|\.(?:get|post)\(", text, re.IGNORECASE):
            continue
        source = read_python(text)
        if source is not None:
            yield source.tree


@dataclass
class _Scan:
    constants: dict[str, str] = field(default_factory=dict)
    own: dict[str, str | None] = field(default_factory=dict)
    """Router by name -> its own prefix, None where that is not a constant."""
    routes: _Routes = _Routes()

    def text(self, node: ast.expr | None) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        return self.constants.get(node.id) if isinstance(node, ast.Name) else None

    def add(self, method: str, prefix: str | None, path: str | None) -> None:
        if path is None:
            return
        route = Endpoint(method.upper(), normal_route((prefix or "") + path))
        dynamic = self.routes.dynamic or prefix is None
        self.routes = replace(self.routes, declared=self.routes.declared | {route}, dynamic=dynamic)

    def put_before(self, node: ast.expr) -> None:
        prefix = self.text(node)
        if prefix is None:
            self.routes = replace(self.routes, dynamic=True)
        elif normal_route(prefix) != "/":
            self.routes = replace(self.routes, prefixes=self.routes.prefixes | {normal_route(prefix)})


def _file_routes(module: ast.Module) -> _Routes:
    scan = _Scan()
    nodes = list(ast.walk(module))
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            _assigned(scan, node)
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            _called(scan, node, node.func)
    return scan.routes


def _assigned(scan: _Scan, node: ast.Assign | ast.AnnAssign) -> None:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        scan.constants.update(dict.fromkeys(names, node.value.value))
    elif isinstance(node.value, ast.Call) and (prefix := _keyword(node.value, "prefix")) is not None:
        scan.own.update(dict.fromkeys(names, scan.text(prefix)))


def _called(scan: _Scan, node: ast.Call, function: ast.Attribute) -> None:
    name = function.attr
    prefix = scan.own.get(function.value.id, "") if isinstance(function.value, ast.Name) else ""
    path = scan.text(node.args[0] if node.args else _keyword(node, "path"))
    if name in _VERBS or name in {"add_websocket_route", "add_api_websocket_route", "websocket_route"}:
        scan.add(name if name in _VERBS else "websocket", prefix, path)
    elif name in {"api_route", "add_api_route", "route", "add_route"}:
        for method in _methods(_keyword(node, "methods")):
            scan.add(method, prefix, path)
    elif name in {"include_router", "mount"}:
        before = node.args[0] if name == "mount" and node.args else _keyword(node, "prefix")
        if before is not None:
            scan.put_before(before)


def _methods(node: ast.expr | None) -> Iterable[str]:
    """Methods in a `methods=` argument: GET without one, any where it is no literal."""
    if node is None:
        return ["GET"]
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return ["*"]
    return [item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)
