"""Served document against contract: what differs is told, what is only spelled otherwise is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from stand_task import ROOT, stand_task

from graders.openapi import compare, served_checks
from harness.core.records import Outcome

Document = dict[str, Any]
BOOKINGS = Path(__file__).parent.parent / "tasks" / "bookings-crud" / "contract.openapi.yaml"
CONTRACT: Document = {
    "paths": {
        "/items/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "parameters": [{"name": "full", "in": "query", "schema": {"type": "boolean"}}],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/s/Item"}}}}},
            },
        },
        "/items": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/s/New"}}}},
                "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/s/Item"}}}}, "422": {}},
            }
        },
    },
    "s": {
        "New": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "properties": {"name": {"type": "string", "maxLength": 40}, "note": {"type": ["string", "null"]}},
        },
        "Item": {
            "type": "object",
            "required": ["id", "name"],
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "name": {"type": "string"},
                "kind": {"type": "string", "enum": ["a", "b"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}


def changed(change: Callable[[Document], None]) -> Document:
    document = copy.deepcopy(CONTRACT)
    change(document)
    return document


def set_in(*path: str, value: object) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        node = document
        for part in path[:-1]:
            node = node[part]
        if value is None:
            del node[path[-1]]
        else:
            node[path[-1]] = value

    return change


NEW, ITEM = ("s", "New", "properties"), ("s", "Item", "properties")
GET, POST = ("paths", "/items/{id}", "get"), ("paths", "/items", "post")


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (set_in("paths", "/items", value=None), "missing", "not served"),
        (set_in(*GET, value=None), "missing", "not served"),
        (set_in(*GET, "parameters", value=None), "changed", "query parameter full is missing"),
        (set_in(*GET, "parameters", value=[{"name": "full", "in": "query", "required": True}]), "changed", "required"),
        (set_in(*POST, "requestBody", value=None), "changed", "body is not declared"),
        (set_in(*POST, "responses", value={"200": {}}), "changed", "response 201 is not declared"),
        (set_in(*NEW, "name", value=None), "changed", "request.name is missing"),
        (set_in(*NEW, "name", value={"type": "integer"}), "changed", "type integer instead of string"),
        (set_in(*NEW, "name", "maxLength", value=50), "changed", "maxLength 50 instead of 40"),
        (set_in(*NEW, "admin", value={"type": "boolean"}), "changed", "request.admin is not in the contract"),
        (set_in("s", "New", "required", value=["name", "note"]), "changed", "request.note is required"),
        (set_in(*ITEM, "kind", "enum", value=["a"]), "changed", "values a instead of a|b"),
        (set_in(*ITEM, "id", "format", value="date"), "changed", "format date instead of uuid"),
        (set_in(*ITEM, "tags", "items", value={"type": "integer"}), "changed", "[]"),
    ],
)
def test_a_difference_is_told(change: Callable[[Document], None], kind: str, said: str) -> None:
    found = compare(CONTRACT, changed(change))
    assert any(difference.kind == kind and said in difference.what for difference in found), found


@pytest.mark.parametrize(
    "change",
    [
        lambda document: None,
        set_in(*NEW, "name", "title", value="Name"),
        set_in(*NEW, "note", value={"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Note"}),
        set_in(*NEW, "note", value={"type": "string", "nullable": True}),
        set_in(*ITEM, "name", value={"allOf": [{"type": "string"}]}),
        set_in(*ITEM, "kind", value={"anyOf": [{"const": "a"}, {"const": "b"}]}),
        set_in(*ITEM, "extra", value={"type": "string"}),
        set_in(*GET, "parameters", 0, "schema", value={"anyOf": [{"type": "boolean"}, {"type": "null"}]}),  # type: ignore[arg-type]
        set_in(*POST, "responses", "422", value={"content": {"application/json": {"schema": {"type": "string"}}}}),
        set_in("paths", "/others", value={"get": {}}),
    ],
)
def test_what_is_only_spelled_otherwise_is_no_difference(change: Callable[[Document], None]) -> None:
    assert compare(CONTRACT, changed(change)) == []


def test_other_names_in_braces_are_the_same_route() -> None:
    other = changed(lambda document: None)
    other["paths"]["/items/{item_id}/"] = other["paths"].pop("/items/{id}")
    assert compare(CONTRACT, other) == []


def test_an_operation_is_extra_when_neither_contract_nor_seed_has_it() -> None:
    served = changed(set_in("paths", "/others", value={"get": {}, "put": {}}))
    listed = {**CONTRACT, "x-seed-operations": ["GET /others"]}
    assert [(found.kind, found.operation) for found in compare(listed, served)] == [("extra", "PUT /others")]


def test_the_contract_agrees_with_itself() -> None:
    document = yaml.safe_load(BOOKINGS.read_text())
    assert compare(document, json.loads(json.dumps(document))) == []


CYCLE = {"$ref": "#/s/Loop"}
HOSTILE: list[str] = [
    "",
    "[]",
    "null",
    '{"paths": 7}',
    '{"paths": {"/items": []}}',
    '{"paths": {"/items": {"post": {"requestBody": 1, "responses": [], "parameters": {"in": []}}}}}',
    json.dumps({**CONTRACT, "s": {"New": CYCLE, "Item": CYCLE, "Loop": CYCLE}}),
    json.dumps({**CONTRACT, "s": {"New": {"$ref": "http://127.0.0.1/x"}, "Item": {"allOf": [CYCLE] * 3}}}),
    "[" * 5000,
    '{"a": 1, "a": 2}',
]


@pytest.mark.parametrize("served", HOSTILE)
def test_a_hostile_document_raises_nothing(served: str) -> None:
    checks = served_checks(stand_task(), served, "behaves")
    assert all(check.outcome in (Outcome.PASS, Outcome.FAIL) for check in checks)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["paths", "/items", "get", "post", "parameters", "schema", "$ref", "type", "allOf", "anyOf"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(values)
def test_any_json_can_be_compared(served: object) -> None:
    compare(yaml.safe_load((ROOT / "contract.openapi.yaml").read_text()), served)


def test_without_a_document_the_reason_is_told() -> None:
    (check,) = served_checks(stand_task(), None, "behaves")
    assert (check.id, check.outcome, check.reason) == ("openapi:served", Outcome.FAIL, "the app serves no document")
    assert served_checks(stand_task(openapi=""), None, "behaves") == ()
