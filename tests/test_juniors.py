"""Players that keep a part of a contract: what is switched off, in what order, and whether the examples are valid."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from harness import compose
from harness.core.delivery import Delivery
from harness.core.errors import UsageError
from harness.load.tasks import Bundle, find_tasks, load_task
from harness.models.offers import offers
from harness.models.partly import SHIPPED, junior, mock, units

BUNDLES = {name: load_task(path) for name, path in find_tasks(compose.TASKS).items()}
PERCENT = (30, 60, 90)


@pytest.fixture(params=sorted(BUNDLES))
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return BUNDLES[request.param]


def seed(bundle: Bundle) -> dict[str, bytes]:
    return {path: content for path, (content, _) in bundle.seed.items()}


def partly(bundle: Bundle, percent: int) -> Delivery:
    return junior(bundle.task, bundle.openapi, bundle.solution, seed(bundle), percent)


def settings(delivery: Delivery) -> list[dict[str, Any]]:
    (path,) = [path for path in delivery.files if path.endswith("/partial.json")]
    found: list[dict[str, Any]] = json.loads(delivery.files[path])
    return found


def off(delivery: Delivery) -> set[tuple[object, ...]]:
    """What a delivery has switched off."""
    found: set[tuple[object, ...]] = set()
    for one in settings(delivery):
        name = one["method"], one["path"]
        found |= {name} if one["answer"] is not None else set()
        for kind in ("statuses", "query", "headers"):
            found |= {(*name, kind, value) for value in one[kind]}
    return found


# --- on the tasks that ship --------------------------------------------------------------------------------------


def test_who_does_more_does_all_that_one_does_who_does_less(bundle: Bundle) -> None:
    thirty, sixty, ninety = (off(partly(bundle, percent)) for percent in PERCENT)
    assert thirty > sixty > ninety > set()
    assert off(partly(bundle, 100)) == set()


def test_examples_are_valid_where_the_contract_says_what_is(bundle: Bundle) -> None:
    document = yaml.safe_load(bundle.openapi)
    checked = 0
    for offer in offers(bundle.openapi):
        responses = document["paths"][offer.path][offer.method.lower()]["responses"]
        response = responses[str(offer.answer["status"])]
        for content in response.get("content", {}).values():
            whole = {**content["schema"], "components": document.get("components", {})}
            validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
            assert list(validator.iter_errors(offer.answer["body"])) == [], str(offer)
            checked += 1
    assert checked


def test_deliveries_are_programs_that_the_prompt_allows(bundle: Bundle) -> None:
    whole = mock(bundle.task, bundle.openapi, bundle.solution, seed(bundle))
    for delivery in (whole, *(partly(bundle, percent) for percent in PERCENT)):
        changed = [path for path in delivery.files if path not in bundle.solution.files]
        assert all(path.startswith(f"{bundle.task.file.app.package}/") for path in changed)
        for path, content in delivery.files.items():
            if path.endswith(".py"):
                ast.parse(content)


def test_the_mock_has_nothing_of_the_reference(bundle: Bundle) -> None:
    delivery = mock(bundle.task, bundle.openapi, bundle.solution, seed(bundle))
    kept = [path for path, content in delivery.files.items() if bundle.solution.files.get(path) == content]
    assert kept == []
    assert len(settings(delivery)) == len(bundle.task.operations)


def test_reports_of_partial_work_say_so(bundle: Bundle) -> None:
    report = partly(bundle, 30).report
    assert "### CONFORMITY STATUS: NO" in report
    assert report.count("- **Endpoint:**") >= len({name[:2] for name in off(partly(bundle, 30))})
    assert f"- {bundle.task.file.app.package}/partial.py\n" in report


# --- the order ---------------------------------------------------------------------------------------------------

CONTRACT = """# Items

## Make: `POST /items`

- [C-01] It answers 201.
- [C-02] A body that is none is refused with 422.

## Read

- [C-03] `GET /items/{id}` answers 200; without `Accept-Language` in English.
- [C-04] It answers 404 for what is not there.

## List: `/items`

- [C-05] `GET /items` takes `limit`.
"""
DOCUMENT = """
openapi: 3.1.0
x-seed-operations: [GET /health]
paths:
  /items:
    get:
      parameters: [{name: limit, in: query, schema: {type: integer}}, {name: rare, in: query, schema: {}}]
      responses: {"200": {description: x}}
    post:
      responses: {"201": {description: x}, "422": {description: x}}
  /items/{item_id}:
    parameters: [{name: Accept-Language, in: header, schema: {type: string}}]
    get:
      responses: {"200": {description: x}, "404": {description: x}}
  /health:
    get:
      responses: {"200": {description: x}}
"""


def test_what_comes_first_in_the_contract_works_first() -> None:
    given = [offer for offer in offers(DOCUMENT) if not offer.seed]
    named = [(u.offer.method, u.offer.path, u.refusal or u.query or u.header) for u in units(CONTRACT, given)]
    assert named == [
        ("POST", "/items", None),
        ("POST", "/items", 422),
        ("GET", "/items/{item_id}", None),
        ("GET", "/items/{item_id}", "accept-language"),
        ("GET", "/items/{item_id}", 404),
        ("GET", "/items", None),
        ("GET", "/items", "limit"),
        ("GET", "/items", "rare"),
    ]


def of(schema: str) -> object:
    """The example of a schema."""
    document = "paths: {/a: {get: {responses: {'200': {content: {application/json: {schema: " + schema + "}}}}}}}"
    (offer,) = offers(document)
    return offer.answer["body"]


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ("{type: integer, minimum: 3}", 3),
        ("{type: integer, exclusiveMinimum: 3, multipleOf: 5}", 5),
        ("{type: number, maximum: -2}", -2),
        ("{type: integer, default: 20}", 20),
        ("{type: [string, 'null'], minLength: 9}", "exampleee"),
        ("{type: string, maxLength: 2}", "en"),
        ("{type: string, pattern: '^[A-Z]{3}$'}", "EUR"),
        ("{type: string, format: date-time, pattern: 'Z$'}", "2031-05-05T09:00:00Z"),
        ("{enum: [b, a]}", "b"),
        ("{const: x}", "x"),
        ("{type: array, minItems: 2, items: {type: boolean}}", [True, True]),
        ("{anyOf: [{type: 'null'}, {type: string}]}", None),
        ("{oneOf: [{type: integer}, {type: string}]}", 1),
        ("{allOf: [{properties: {a: {const: 1}}}, {properties: {b: {const: 2}}}], type: object}", {"a": 1, "b": 2}),
        ("{type: string, example: said}", "said"),
    ],
)
def test_an_example_is_what_the_schema_allows(schema: str, example: object) -> None:
    assert of(schema) == example


def test_a_schema_that_has_no_example_is_named() -> None:
    with pytest.raises(UsageError, match=r"GET /a 200\.code"):
        of("{type: object, properties: {code: {type: string, pattern: '^never a thing like this$'}}}")


# --- what a delivery carries -------------------------------------------------------------------------------------


def wrapped(folder: Path, operations: list[dict[str, Any]], app: Any) -> Any:
    """The shipped middleware, as a delivery has it, around `app`."""
    (folder / "partial.py").write_bytes(SHIPPED.read_bytes())
    (folder / "partial.json").write_text(json.dumps(operations))
    spec = importlib.util.spec_from_file_location("partial", folder / "partial.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Partial(app)


def operation(method: str, path: str, **more: object) -> dict[str, Any]:
    plain: dict[str, Any] = {"answer": None, "statuses": [], "query": [], "headers": []}
    return {"method": method, "path": path, **plain, **more}


def call(app: Any, method: str, path: str, query: str = "", kind: str = "http") -> list[dict[str, Any]]:
    """The messages that an app sends."""
    sent: list[dict[str, Any]] = []
    scope = {"type": kind, "path": path, "query_string": query.encode(), "headers": [(b"accept-language", b"fr")]}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    asyncio.run(app({**scope, **({"method": method} if kind == "http" else {})}, receive, send))
    return sent


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was asked; `/refused` with 409."""
    said = {"query": scope.get("query_string", b"").decode(), "headers": len(scope.get("headers", ()))}
    await send({"type": "http.response.start", "status": 409 if scope["path"] == "/refused" else 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


def test_what_is_not_named_passes_as_it_is(tmp_path: Path) -> None:
    app = wrapped(tmp_path, [operation("GET", "/other", answer={"status": 204, "headers": {}, "body": None})], echo)
    assert json.loads(call(app, "GET", "/items", "a=1")[1]["body"]) == {"query": "a=1", "headers": 1}
    assert call(app, "POST", "/other")[0]["status"] == 200
    assert call(app, "GET", "/other") == [
        {"type": "http.response.start", "status": 204, "headers": []},
        {"type": "http.response.body", "body": b""},
    ]


def test_parameters_are_taken_away(tmp_path: Path) -> None:
    app = wrapped(tmp_path, [operation("GET", "/items", query=["limit"], headers=["accept-language"])], echo)
    assert json.loads(call(app, "GET", "/items", "a=1&limit=2&a=3")[1]["body"]) == {"query": "a=1&a=3", "headers": 0}


def test_a_refusal_that_is_missing_is_answered_as_not_implemented(tmp_path: Path) -> None:
    app = wrapped(tmp_path, [operation("GET", "/refused", statuses=[409])], echo)
    start, body = call(app, "GET", "/refused")
    assert (start["status"], json.loads(body["body"])) == (501, {"detail": "Not implemented"})
    assert (
        call(wrapped(tmp_path, [operation("GET", "/refused", statuses=[404])], echo), "GET", "/refused")[0]["status"]
        == 409
    )


def test_of_two_routes_the_plain_one_is_meant(tmp_path: Path) -> None:
    answers = [{"status": status, "headers": {"X-Id": "1"}, "body": {}} for status in (200, 202)]
    operations = [operation("GET", "/items/{id}", answer=answers[0]), operation("GET", "/items/all", answer=answers[1])]
    app = wrapped(tmp_path, operations, echo)
    assert call(app, "GET", "/items/all")[0]["status"] == 202
    first = call(app, "GET", "/items/7")[0]
    assert (first["status"], first["headers"]) == (200, [(b"content-type", b"application/json"), (b"x-id", b"1")])


def test_a_socket_that_is_not_implemented_is_refused(tmp_path: Path) -> None:
    missing = {"status": 501, "headers": {}, "body": {}}
    app = wrapped(tmp_path, [operation("GET", "/live", answer=missing)], echo)
    assert call(app, "GET", "/live", kind="websocket") == [{"type": "websocket.close", "code": 1011}]


def test_juniors_and_the_mock_can_be_asked_for() -> None:
    assert {"junior-30", "junior-60", "junior-90", "mock"} <= set(compose.players())
    for name in ("junior-30", "mock"):
        bundle = next(iter(BUNDLES.values()))
        prompt, _ = compose.chosen(compose.Choice(tasks=(bundle.task.id,)))
        turns = compose.play(bundle, compose.player_arm(name, prompt, [bundle]))
        written = [str(call.input.get("file_path", "")) for turn in turns for call in turn.calls]
        assert f"/workspace/{bundle.task.file.app.package}/partial.py" in written
