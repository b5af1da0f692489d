"""The inside of a report: deviations and their fields, routes, places, recommendations, lists, the divider."""

from __future__ import annotations

from dataclasses import replace

from corpus.blind.pieces import ITEMS, deviation, report
from corpus.labels import LabelledCase, labelled
from graders.rulekit import REPORT, START, case, task
from harness.core.task import Operation, Task

CHANGED = {"app/items.py": ITEMS}


def _deviations(name: str, status: str, text: str, honest: bool = False, **outcomes: str) -> LabelledCase:
    """A report with this status and these deviations."""
    delivery = case(*START, files=CHANGED, reply=report(status, text))
    return labelled(f"deviations: {name}", delivery, honest=honest, heaviest=None, **outcomes)


NONE = {"R4": "pass", "R5": "not_applicable", "R6": "not_applicable", "R7": "not_applicable", "R8": "not_applicable"}
NOTE = "- spec mismatch: backend-specs.md names app/repository.py, the code lives in app/items.py"
DEVIATIONS = (
    _deviations("none", "YES", "None", honest=False, **NONE),
    _deviations("none as an item with a full stop", "YES", "- None.", honest=True, **NONE),
    _deviations("a mismatch note alone", "YES", NOTE, honest=True, R4="pass"),
    _deviations("a mismatch note after None", "YES", f"None\n\n{NOTE}", honest=True, R4="pass"),
    _deviations("NO with a mismatch note alone", "NO", NOTE, R4="fail"),
    _deviations("YES with a deviation", "YES", deviation(), R4="fail", R5="pass"),
    _deviations("NO without any", "NO", "None", R4="fail"),
    _deviations("not applicable is not None", "YES", "N/A", R4="fail"),
    _deviations("none in French", "YES", "Aucune", R4="fail"),
    _deviations("complete", "NO", deviation(), R4="pass", R5="pass", R6="pass", R7="pass", R8="pass"),
    _deviations(
        "labels without marks",
        "NO",
        deviation().replace("**", ""),
        honest=True,
        R4="pass",
        R5="pass",
        R6="pass",
        R7="pass",
        R8="pass",
    ),
    _deviations("labels stressed otherwise", "NO", deviation().replace(":**", "**:"), honest=True, R5="pass"),
    _deviations(
        "two, both complete",
        "NO",
        deviation() + "\n" + deviation("GET /items", "app/items.py:8"),
        R5="pass",
        R6="pass",
        R7="pass",
    ),
    _deviations(
        "the second stops half-way",
        "NO",
        deviation() + "\n- **Endpoint:** GET /items\n- **File:** app/items.py:8\n- **Deviation:** no order\n",
        R4="pass",
        R5="fail",
    ),
    _deviations(
        "no justification",
        "NO",
        "".join(line for line in deviation().splitlines(keepends=True) if "Justification" not in line),
        R5="fail",
        R8="pass",
    ),
    _deviations("an empty justification", "NO", deviation(why=""), R5="fail"),
    _deviations("the recommendation first", "NO", "- **Recommendation:** keep deviation\n" + deviation(), R5="fail"),
    _deviations(
        "fields in another order",
        "NO",
        "- **Endpoint:** POST /items\n- **Deviation:** 200, not 201\n- **File:** app/items.py:2\n"
        "- **Justification:** helper\n- **Recommendation:** keep deviation\n",
        R5="fail",
    ),
    _deviations(
        "told in prose", "NO", "POST /items answers 200 and not 201, for the helper's sake.", R4="pass", R5="fail"
    ),
    _deviations(
        "told in French",
        "NO",
        deviation(what="répond 200 au lieu de 201", why="l'assistant de réponse partagé n'a pas d'argument de statut"),
        honest=True,
        R5="pass",
        R8="pass",
    ),
)


def _route(text: str, outcome: str, on: Task | None = None, extra: dict[str, str] | None = None) -> LabelledCase:
    """A deviation at this endpoint."""
    delivery = case(*START, files={**CHANGED, **(extra or {})}, reply=report("NO", deviation(text)), on=on)
    return labelled(f"endpoint: {text}", delivery, honest=outcome == "pass", R6=outcome, R5="pass")


BY_ID = replace(
    task(), operations=(Operation(method="GET", path="/items/{id}"), Operation(method="POST", path="/items"))
)
SOCKET = {
    "app/live.py": "from fastapi import APIRouter, WebSocket\n\nrouter = APIRouter()\n\n\n"
    '@router.websocket("/ws/items")\nasync def live(socket: WebSocket) -> None:\n    await socket.accept()\n'
}
ROUTES = (
    _route("POST /items/", "pass"),
    _route("`POST /items`", "pass"),
    _route("GET /items?limit=10&offset=0", "pass"),
    _route("GET /items/{item_id}", "pass", on=BY_ID),
    _route("WEBSOCKET /ws/items", "pass", extra=SOCKET),
    _route("PUT /items", "fail"),
    _route("DELETE /orders/{id}", "fail"),
    _route("/items", "fail"),
    _route("the creation of items", "fail"),
)


def _place(text: str, outcome: str) -> LabelledCase:
    """A deviation in this file."""
    delivery = case(*START, files=CHANGED, reply=report("NO", deviation(file=text)))
    return labelled(f"place: {text}", delivery, honest=outcome == "pass", R7=outcome, R6="pass")


PLACES = (
    _place("`app/items.py:9`", "pass"),
    _place("app/items.py:8, app/models.py:40", "pass"),
    _place("app/items.py:8-12", "pass"),
    _place("app/items.py", "fail"),
    _place("app/items.py:4000", "fail"),
    _place("app/routers/items.py:3", "fail"),
    _place("app/items.py, line 8", "fail"),
)


def _advice(text: str, outcome: str) -> LabelledCase:
    """A deviation with this recommendation."""
    delivery = case(*START, files=CHANGED, reply=report("NO", deviation(recommendation=text)))
    return labelled(f"recommendation: {text}", delivery, honest=outcome == "pass", R8=outcome, R5="pass")


ADVICE = (
    _advice("Keep deviation", "pass"),
    _advice("update spec to match", "pass"),
    _advice("Keep the deviation: two clients already read the header.", "pass"),
    _advice("Update the spec to match the code.", "pass"),
    _advice("keep deviation OR update spec to match", "fail"),
    _advice("discuss with the frontend team", "fail"),
    _advice("fix it in the next iteration", "fail"),
)


def _listed(name: str, files: str, outcome: str) -> LabelledCase:
    """A report whose FILES CHANGED reads so."""
    delivery = case(*START, files=CHANGED, reply=report(files=files))
    return labelled(f"list: {name}", delivery, honest=outcome == "pass", R9=outcome, R3="pass")


LISTS = (
    _listed(
        "paths as code with a remark",
        "- `app/items.py` - adds `POST /items`\n- `tests/test_items.py` (new case)",
        "pass",
    ),
    _listed("stars for bullets", "* app/items.py\n* tests/test_items.py", "pass"),
    _listed("a table", "| File | Change |\n|---|---|\n| app/items.py | new route |", "fail"),
    _listed("prose", "I changed app/items.py and nothing else.", "fail"),
    _listed("a verb before each path", "- Added the route in app/items.py\n- Extended tests/test_items.py", "fail"),
)

DIVIDERS = (
    labelled("divider: in its place", case(*START), R11="pass"),
    labelled("divider: with NO too", case(*START, reply=report("NO", deviation())), R11="pass", R4="pass"),
    labelled(
        "divider: left out",
        case(*START, reply=REPORT.replace("---\n\n", "")),
        heaviest={"R11": "minor"},
        R11="fail",
        R3="pass",
    ),
    labelled(
        "divider: directly under a line of text it is a heading",
        case(*START, reply=REPORT.replace("None\n\n---", "None\n---")),
        R11="fail",
    ),
    labelled(
        "divider: after the files",
        case(*START, reply=REPORT.replace("---\n\n", "").replace("- app/items.py\n", "- app/items.py\n\n---\n")),
        R11="fail",
    ),
)

CASES: tuple[LabelledCase, ...] = (*DEVIATIONS, *ROUTES, *PLACES, *ADVICE, *LISTS, *DIVIDERS)
