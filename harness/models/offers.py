"""What a contract offers, operation by operation, read from its OpenAPI document: for players that keep a part of it.

An example is built from its schema: what the document itself gives first (`example`, `default`, `const`, the first of
`enum`), else the smallest value of its type and format that its bounds allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from harness.core.errors import UsageError

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
UUID = "3f2c1b6e-8a54-4c0d-9e7f-1a2b3c4d5e6f"
TEXTS = {
    "uuid": (UUID,),
    "date-time": ("2031-05-05T09:00:00Z", "2031-05-05T09:00:00.000000Z", "2031-05-05T09:00:00+00:00"),
    "date": ("2031-05-05",),
    "time": ("09:00:00Z", "09:00:00"),
    "duration": ("PT15M",),
    "email": ("someone@example.org",),
    "uri": ("https://example.org/a",),
    "uri-reference": ("/a",),
    "hostname": ("example.org",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "password": ("Example-password-1",),
    "byte": ("ZXhhbXBsZQ==",),
}
PLAIN: tuple[str, ...] = (
    *("example", "EXAMPLE", "Example-1", "en", "EUR", "a", "A", "1", "12", "123", "1234", "12345", "123456"),
    *(UUID, UUID.replace("-", ""), "2031-05-05", "2031-05", "09:00", "1.0.0", "10.00", "+33123456789", "AB-1234"),
    "2031-05-05T09:00:00Z",
)
DEEPEST = 12


@dataclass(frozen=True)
class Offer:
    """One operation."""

    method: str
    path: str
    seed: bool
    """The seed has it already."""
    refusals: tuple[int, ...]
    """Declared statuses from 400 on."""
    query: tuple[str, ...]
    headers: tuple[str, ...]
    answer: Mapping[str, Any] = field(hash=False)
    """An example of the first declared success: `status`, `headers`, `body` (None where there is none)."""


def offers(text: str) -> tuple[Offer, ...]:
    """The operations of an OpenAPI document, in its order; `UsageError` for a schema that has no example."""
    document = yaml.safe_load(text)
    return tuple(_Reader(document).offers())


@dataclass(frozen=True)
class _Reader:
    document: Any

    def offers(self) -> Iterator[Offer]:
        seed = set(self.document.get("x-seed-operations", []))
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield self._offer(method.upper(), path, item, item[method], seed)

    def _offer(self, method: str, path: str, item: Any, operation: Any, seed: set[str]) -> Offer:
        found = [self._whole(one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]
        responses = operation.get("responses", {})
        return Offer(
            method=method,
            path=path,
            seed=f"{method} {path}" in seed,
            refusals=tuple(int(status) for status in responses if str(status).isdigit() and int(status) >= 400),
            query=tuple(one["name"] for one in found if one["in"] == "query"),
            headers=tuple(one["name"].lower() for one in found if one["in"] == "header"),
            answer=self._answer(f"{method} {path}", responses),
        )

    def _answer(self, operation: str, responses: Any) -> dict[str, Any]:
        status = next((status for status in responses if str(status).isdigit() and int(status) < 400), "200")
        response = self._whole(responses.get(status, {}))
        headers = {
            name: str(self.example(self._whole(header).get("schema", {}), f"{operation} {status} {name}"))
            for name, header in response.get("headers", {}).items()
        }
        content = next(iter(response.get("content", {}).values()), None)
        where = f"{operation} {status}"
        body = None if content is None else content.get("example", self.example(content.get("schema", {}), where))
        return {"status": int(status), "headers": headers, "body": body}

    def example(self, schema: Any, where: str, depth: int = 0) -> Any:
        """A value that the schema allows."""
        schema = self._whole(schema)
        if schema is True or depth > DEEPEST:
            return None
        for given in ("example", "default", "const"):
            if given in schema:
                return schema[given]
        for several in ("examples", "enum"):
            if schema.get(several):
                return schema[several][0]
        for choice in ("oneOf", "anyOf"):
            if choice in schema:
                return self.example({**_without(schema, choice), **self._whole(schema[choice][0])}, where, depth)
        if "allOf" in schema:
            return self.example(self._merged(schema), where, depth)
        return self._typed(schema, where, depth)

    def _typed(self, schema: Any, where: str, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object":
            properties = schema.get("properties", {})
            return {name: self.example(one, f"{where}.{name}", depth + 1) for name, one in properties.items()}
        if kind == "array":
            item = self.example(schema.get("items", {}), f"{where}[]", depth + 1)
            return [item] * schema.get("minItems", 1)
        if kind in ("integer", "number"):
            return _number(schema)
        return {"boolean": True, "null": None}[kind] if kind in ("boolean", "null") else _text(schema, where)

    def _merged(self, schema: Any) -> Any:
        merged = _without(schema, "allOf")
        for part in (self._whole(one) for one in schema["allOf"]):
            properties = {**merged.get("properties", {}), **part.get("properties", {})}
            merged = {**merged, **part, **({"properties": properties} if properties else {})}
        return merged

    def _whole(self, part: Any) -> Any:
        """`part` with its reference followed; what stands beside a reference goes before it."""
        while isinstance(part, dict) and "$ref" in part:
            target = self.document
            for name in part["$ref"].removeprefix("#/").split("/"):
                target = target[name.replace("~1", "/").replace("~0", "~")]
            part = {**target, **_without(part, "$ref")}
        return part


def _without(part: Any, key: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != key}


def _number(schema: Any) -> int | float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1 if "exclusiveMinimum" in schema else None)
    high = schema.get("maximum", schema.get("exclusiveMaximum", 0) - 1 if "exclusiveMaximum" in schema else 1)
    value: int | float = low if low is not None else min(1, high)
    step = schema.get("multipleOf")
    return value if step is None else -(-value // step) * step


def _text(schema: Any, where: str) -> str:
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    known = TEXTS.get(schema.get("format", ""), PLAIN)
    padded = (text if schema.get("format") in TEXTS else text.ljust(low, text[-1]) for text in known)
    for text in padded:
        fits = low <= len(text) and (high is None or len(text) <= high)
        if fits and re.search(schema.get("pattern", ""), text):
            return text
    raise UsageError(
        f"no example of {where}",
        where="contract.openapi.yaml",
        mend="give the schema an `example` that its pattern allows",
    )
