"""The app's own OpenAPI document against the contract's: what is missing, what is extra, what is different.

Schemas are compared resolved, and only in what the contract states: a served schema may say more (titles, examples,
defaults) and may spell the same thing otherwise (`anyOf` with null, a list of types, a constant as an enum of one).
Whatever cannot be told apart for sure is no finding. The served text is the app's: nothing in it raises here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from graders.testkit.strictjson import NotStrictJson, loads
from harness.core.errors import Cause, Failure
from harness.core.records import CheckResult, Finding, Outcome, Place
from harness.core.task import Task

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
DEPTH = 12
FINDINGS = 40
SHOWN = 160
BOUNDS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
)
FORMATS = frozenset({"uuid", "date", "date-time", "email", "uri"})
"""Formats that decide what a value may be; others are decoration."""

Kind = Literal["missing", "extra", "changed"]
Json = Any


@dataclass(frozen=True)
class Difference:
    """One thing that differs."""

    kind: Kind
    operation: str
    """`METHOD /path` with the contract's names in braces."""
    what: str


def served_checks(task: Task, served: str | None, stage: str) -> tuple[CheckResult, ...]:
    """Advice on each kind of difference; unknown where the app serves no document that can be read."""
    if not task.file.app.openapi:
        return ()
    if stage != "behaves" or served is None:
        reason = f"stage:{stage}" if stage != "behaves" else "the app serves no document"
        return (
            CheckResult(id="openapi:served", outcome=Outcome.FAIL, findings=(Finding(message=reason),), reason=reason),
        )
    try:
        document = loads(served.encode())
    except NotStrictJson as error:
        found = Finding(message=f"{task.file.app.openapi} is no JSON: {str(error)[:SHOWN]}")
        return (CheckResult(id="openapi:served", outcome=Outcome.FAIL, findings=(found,), reason="bad_json"),)
    differences = compare(contract(task), document)
    return (CheckResult(id="openapi:served", outcome=Outcome.PASS), *(_check(kind, differences) for kind in KINDS))


KINDS: tuple[Kind, ...] = ("missing", "extra", "changed")


def contract(task: Task) -> Json:
    """The contract for machines."""
    try:
        return yaml.safe_load((task.root / "contract.openapi.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise Failure(Cause.TASK, f"contract.openapi.yaml cannot be read: {error}") from error


def compare(expected: Json, served: Json) -> list[Difference]:
    """Every difference of the contract's operations, and operations that stand in neither contract nor seed.

    The seed's operations are those that the contract lists under `x-seed-operations`; without a list none is extra.
    """
    wanted, given = _operations(expected), _operations(served)
    found: list[Difference] = []
    for key, (name, operation, shared) in wanted.items():
        if key not in given:
            found.append(Difference("missing", name, "the operation is not served"))
            continue
        _, other, others = given[key]
        for what in _Pair(expected, served).operation((operation, shared), (other, others)):
            found.append(Difference("changed", name, what))
    seeded = _seeded(expected)
    if seeded is not None:
        added = [name for key, (name, _, _) in given.items() if key not in wanted and key not in seeded]
        found += [Difference("extra", name, "neither the contract nor the seed has it") for name in added]
    return found


def _check(kind: Kind, differences: list[Difference]) -> CheckResult:
    mine = [difference for difference in differences if difference.kind == kind]
    findings = tuple(
        Finding(message=f"{found.operation}: {found.what}"[: 2 * SHOWN], place=Place(section=found.operation[:SHOWN]))
        for found in mine[:FINDINGS]
    )
    reason = f"{len(mine)} differences" if mine else ""
    outcome = Outcome.FAIL if mine else Outcome.PASS
    return CheckResult(id=f"openapi:{kind}", outcome=outcome, findings=findings, reason=reason)


def _seeded(document: Json) -> set[tuple[str, str]] | None:
    """The seed's own operations, None where the contract does not list them."""
    listed = _mapping(document).get("x-seed-operations")
    if not isinstance(listed, list):
        return None
    return {(method, _route(path)) for method, _, path in (str(operation).partition(" ") for operation in listed)}


def _route(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path).rstrip("/") or "/"


Found = dict[tuple[str, str], tuple[str, Mapping[str, Json], list[Json]]]


def _operations(document: Json) -> Found:
    """(METHOD, route with unnamed braces) -> (name, operation, parameters of the whole path)."""
    found: Found = {}
    for path, item in _mapping(_mapping(document).get("paths")).items():
        for method in METHODS:
            operation = _mapping(item).get(method)
            if isinstance(operation, Mapping):
                shared = _list(_mapping(item).get("parameters"))
                found[method.upper(), _route(str(path))] = (f"{method.upper()} {str(path)[:SHOWN]}", operation, shared)
    return found


class _Pair:
    """The two documents, for resolving references."""

    def __init__(self, expected: Json, served: Json) -> None:
        self._expected = expected
        self._served = served

    def operation(
        self, mine: tuple[Mapping[str, Json], list[Json]], other: tuple[Mapping[str, Json], list[Json]]
    ) -> Iterator[str]:
        yield from self._parameters(mine, other)
        yield from self._request(mine[0], other[0])
        yield from self._responses(mine[0], other[0])

    def _parameters(
        self, mine: tuple[Mapping[str, Json], list[Json]], other: tuple[Mapping[str, Json], list[Json]]
    ) -> Iterator[str]:
        wanted = self._named(self._expected, mine)
        given = self._named(self._served, other)
        paths = [parameter for (place, _), parameter in given.items() if place == "path"]
        for (place, name), parameter in wanted.items():
            if place == "header" or (place == "path" and paths):
                # Apps read headers without declaring them; names of path parameters are nobody's business.
                continue
            if (place, name) not in given:
                yield f"{place} parameter {name} is missing"
                continue
            served = given[place, name]
            if bool(served.get("required")) and not parameter.get("required"):
                yield f"{place} parameter {name} is required"
            yield from self._schema(parameter.get("schema"), served.get("schema"), f"{place} parameter {name}", DEPTH)

    def _named(
        self, document: Json, operation: tuple[Mapping[str, Json], list[Json]]
    ) -> dict[tuple[str, str], Mapping[str, Json]]:
        found = {}
        for parameter in [*operation[1], *_list(operation[0].get("parameters"))]:
            resolved = _resolve(document, parameter)
            found[str(resolved.get("in")), str(resolved.get("name"))] = resolved
        return found

    def _request(self, mine: Mapping[str, Json], other: Mapping[str, Json]) -> Iterator[str]:
        if "requestBody" not in mine:
            return
        wanted = _body(_resolve(self._expected, mine["requestBody"]))
        given = _body(_resolve(self._served, other.get("requestBody")))
        if wanted is None:
            return
        if given is None:
            yield "the request body is not declared"
            return
        yield from self._schema(wanted, given, "request", DEPTH)

    def _responses(self, mine: Mapping[str, Json], other: Mapping[str, Json]) -> Iterator[str]:
        given = {str(status): response for status, response in _mapping(other.get("responses")).items()}
        for status, response in _mapping(mine.get("responses")).items():
            if not str(status).startswith("2"):
                # Frameworks do not declare their errors; the checks see them as they are.
                continue
            if str(status) not in given:
                yield f"response {status} is not declared"
                continue
            wanted = _body(_resolve(self._expected, response))
            served = _body(_resolve(self._served, given[str(status)]))
            if wanted is not None and served is not None:
                yield from self._schema(wanted, served, f"response {status}", DEPTH)

    # --- schemas

    def _schema(self, mine: Json, other: Json, where: str, depth: int) -> Iterator[str]:
        wanted, given = _flat(self._expected, mine), _flat(self._served, other)
        if depth <= 0 or not given or not wanted:
            return
        # A parameter that may be left out is often declared nullable; there is no null in a query.
        nothing = {"null"} if " parameter " in where else set()
        types, served = _types(wanted) - nothing, _types(given) - nothing
        if types and served and types != served:
            yield f"{where}: type {_said(served)} instead of {_said(types)}"
            return
        yield from _values(wanted, given, where)
        if "properties" in wanted and "properties" in given:
            yield from self._object(wanted, given, where, depth)
        if "items" in wanted and "items" in given:
            yield from self._schema(wanted["items"], given["items"], f"{where}[]", depth - 1)

    def _object(self, wanted: Mapping[str, Json], given: Mapping[str, Json], where: str, depth: int) -> Iterator[str]:
        mine, other = _mapping(wanted["properties"]), _mapping(given["properties"])
        for name in mine:
            if name not in other:
                yield f"{where}.{name} is missing"
            else:
                yield from self._schema(mine[name], other[name], f"{where}.{name}", depth - 1)
        if wanted.get("additionalProperties") is False:
            for name in other:
                if name not in mine:
                    yield f"{where}.{str(name)[:SHOWN]} is not in the contract"
        if where.startswith("request"):
            required, demanded = _list(wanted.get("required")), _list(given.get("required"))
            for name in mine:
                if name in demanded and name not in required:
                    yield f"{where}.{name} is required"


def _values(wanted: Mapping[str, Json], given: Mapping[str, Json], where: str) -> Iterator[str]:
    """Enumerations, formats and bounds that both state and state otherwise."""
    mine, other = _enum(wanted), _enum(given)
    if mine is not None and other is not None and mine != other:
        yield f"{where}: values {_said(other)} instead of {_said(mine)}"
    formats = wanted.get("format"), given.get("format")
    if formats[0] in FORMATS and formats[1] in FORMATS and formats[0] != formats[1]:
        yield f"{where}: format {formats[1]} instead of {formats[0]}"
    for bound in BOUNDS:
        if bound in wanted and bound in given and wanted[bound] != given[bound]:
            yield f"{where}: {bound} {str(given[bound])[:SHOWN]} instead of {wanted[bound]}"


def _flat(document: Json, schema: Json) -> dict[str, Json]:
    """A schema with references followed, `allOf` merged and null alternatives folded; {} where that is not simple."""
    merged = dict(_resolve(document, schema))
    for part in _list(merged.pop("allOf", None)):
        inner = _resolve(document, part)
        if "allOf" in inner or "anyOf" in inner or "oneOf" in inner:
            return {}
        properties = {**_mapping(merged.get("properties")), **_mapping(inner.get("properties"))}
        required = [*_list(merged.get("required")), *_list(inner.get("required"))]
        merged = {**inner, **merged}
        if properties:
            merged |= {"properties": properties, "required": required}
    for word in ("anyOf", "oneOf"):
        options = [_resolve(document, option) for option in _list(merged.get(word))]
        if not options:
            continue
        rest = [option for option in options if option.get("type") != "null"]
        if len(rest) != 1 or len(rest) == len(options) or "anyOf" in rest[0] or "oneOf" in rest[0]:
            return {}
        merged = {**rest[0], "type": _list(rest[0].get("type")) + ["null"]}
    return merged


def _resolve(document: Json, node: Json) -> Mapping[str, Json]:
    """The mapping behind references; words beside a reference win over what it names."""
    beside: dict[str, Json] = {}
    for _ in range(DEPTH):
        if not isinstance(node, Mapping):
            return beside
        beside = {**{name: value for name, value in node.items() if name != "$ref"}, **beside}
        reference = node.get("$ref")
        if reference is None:
            return beside
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return {}
        node = document
        for part in reference[2:].split("/"):
            node = _mapping(node).get(part.replace("~1", "/").replace("~0", "~"))
    return {}


def _types(schema: Mapping[str, Json]) -> frozenset[str]:
    types = frozenset(str(name) for name in _list(schema.get("type")))
    return types | {"null"} if schema.get("nullable") is True and types else types


def _enum(schema: Mapping[str, Json]) -> frozenset[str] | None:
    if "const" in schema:
        return frozenset({str(schema["const"])})
    values = schema.get("enum")
    return frozenset(str(value) for value in values) if isinstance(values, list) else None


def _body(node: Mapping[str, Json]) -> Json:
    """The schema of a JSON body, None where there is none."""
    for kind, media in _mapping(node.get("content")).items():
        if str(kind).split(";")[0].strip() == "application/json":
            return _mapping(media).get("schema")
    return None


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _said(values: frozenset[str]) -> str:
    return "|".join(sorted(values))[:SHOWN]
