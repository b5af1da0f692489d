"""The whole stand in real sandboxes: two replicas, services, fake peers, faults, stages."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from stand_task import case, files, real_lab, stand_task

from graders.first_failure import FirstFailure
from graders.tests_passing import TestsPassing
from harness import compose
from harness.core.ports import Case, Grader, Lab, Sandbox, SandboxSpec
from harness.core.records import Grade, Outcome
from harness.run.grade import Bench, judge

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def lab() -> Lab:
    return real_lab()


@pytest.fixture(scope="module")
def reference(lab: Lab) -> Grade:
    return TestsPassing().grade(case(stand_task(), lab))


def test_every_part_of_the_testkit_works_against_a_right_app(reference: Grade) -> None:
    failed = {check.id: check.findings[0].message for check in reference.checks if check.outcome is not Outcome.PASS}
    assert failed == {}
    assert len(reference.checks) == 21


def test_every_stage_passed_and_the_served_document_agrees(reference: Grade) -> None:
    assert {check.outcome for check in reference.advisory if check.id.startswith("stage:")} == {Outcome.PASS}
    served = {check.id: check.outcome for check in reference.advisory if check.id.startswith("openapi:")}
    assert served == dict.fromkeys(
        ["openapi:served", "openapi:missing", "openapi:extra", "openapi:changed"], Outcome.PASS
    )


BROKEN = [
    ("installs", {"install": ["bash", "-c", "echo no such package >&2; exit 3"]}, {}, "no such package"),
    ("migrates", {}, {"migrations/003.sql": b"SELEKT 1"}, "SELEKT"),
    ("boots", {}, {"app/main.py": b"import nothing_of_that_name\n"}, "nothing_of_that_name"),
]


@pytest.mark.parametrize(("stage", "app", "changed", "said"), BROKEN, ids=[stage for stage, *_ in BROKEN])
def test_the_first_stage_that_failed_is_named(
    lab: Lab, stage: str, app: dict[str, object], changed: dict[str, bytes | None], said: str
) -> None:
    given = TestsPassing().grade(case(stand_task(replicas=1, **app), lab, changed))
    assert {(check.outcome, check.reason) for check in given.checks} == {(Outcome.FAIL, f"stage:{stage}")}
    stages = [check for check in given.advisory if check.id.startswith("stage:")]
    failed = [check.id.partition(":")[2] for check in stages if check.outcome is Outcome.FAIL]
    order = ["installs", "migrates", "boots", "ready", "behaves"]
    assert failed == order[order.index(stage) :]
    first = next(check for check in stages if check.outcome is Outcome.FAIL)
    assert said in first.findings[0].message


@dataclass
class ImpatientBox:
    """A judge that waits for the app for less long than a verdict does."""

    box: Sandbox

    def put(self, root: str, content: Mapping[str, tuple[bytes, bool]]) -> None:
        hasty = {path: (data.replace(b"READY_S = 60.0", b"READY_S = 12.0"), x) for path, (data, x) in content.items()}
        assert (hasty != content) == (root == "/srv/judge")
        self.box.put(root, hasty)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.box, name)


@dataclass
class ImpatientLab:
    real: Lab

    @contextlib.contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        with self.real.sandbox(spec) as box:
            yield cast(Sandbox, ImpatientBox(box)) if spec.role == "judge" else box

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_an_app_that_is_never_ready_fails_at_that_stage(lab: Lab) -> None:
    whole = files()["app/main.py"]
    never = whole.replace(b'    return {"status": "up"}', b'    raise HTTPException(503, "warming up")')
    assert never != whole
    given = TestsPassing().grade(case(stand_task(replicas=1), cast(Lab, ImpatientLab(lab)), {"app/main.py": never}))
    assert {(check.outcome, check.reason) for check in given.checks} == {(Outcome.FAIL, "stage:ready")}
    stages = {check.id: check for check in given.advisory if check.id.startswith("stage:")}
    assert [name for name, check in stages.items() if check.outcome is Outcome.PASS] == [
        "stage:installs",
        "stage:migrates",
        "stage:boots",
    ]
    assert "/health answered 503" in stages["stage:ready"].findings[0].message


SERVED = b"""
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    id: str


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "up"}


@app.get("/items")
async def items() -> list[Item]:
    return []


@app.put("/items/{number}")
async def more(number: int) -> Item:
    return Item(id="1")
"""
CONTRACT = """
openapi: 3.1.0
info: { title: Served, version: 1.0.0 }
x-seed-operations: [GET /health]
paths:
  /items:
    get:
      responses:
        "200":
          description: All items
          content:
            application/json:
              schema: { type: array, items: { type: object, properties: { id: { type: integer } } } }
    delete: { responses: { "204": { description: Gone } } }
"""
ONE_CHECK = """
from graders.testkit import covers, fail_to_pass

@covers("C-01")
@fail_to_pass
def test_items(api): assert api.get("/items").expect(200).json() == []
"""


def test_what_the_app_serves_otherwise_is_told(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_a.py").write_text(ONE_CHECK)
    (tmp_path / "contract.openapi.yaml").write_text(CONTRACT)
    made = stand_task(replicas=1, migrate=())
    task = replace(made, root=tmp_path, file=made.file.model_copy(update={"services": (), "fakes": ()}))
    given = TestsPassing().grade(case(task, lab, {"app/main.py": SERVED}))
    assert [check.outcome for check in given.checks] == [Outcome.PASS]
    served = [check for check in given.advisory if check.id.startswith("openapi:")]
    assert {check.id: [one.message for one in check.findings] for check in served} == {
        "openapi:served": [],
        "openapi:missing": ["DELETE /items: the operation is not served"],
        "openapi:extra": ["PUT /items/{number}: neither the contract nor the seed has it"],
        "openapi:changed": ["GET /items: response 200[].id: type string instead of integer"],
    }


# --- graders at once ----------------------------------------------------------------------------------------------

Span = tuple[float, float]


@dataclass
class Spied:
    """A shipped grader; notes when it ran."""

    name: str
    grader: Grader
    spans: dict[str, Span]

    def grade(self, case: Case) -> Grade:
        began = time.monotonic()
        given = self.grader.grade(case)
        self.spans[self.name] = (began, time.monotonic())
        return given

    def __getattr__(self, name: str) -> Any:
        return getattr(self.grader, name)


@dataclass
class WatchedLab:
    """The machine's own lab; notes when the judge lived, who lives as long as the server does."""

    real: Lab
    spans: dict[str, Span]

    @contextlib.contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        with self.real.sandbox(spec) as box:
            began = time.monotonic()
            yield box
            if spec.role == "judge":
                self.spans["stand"] = (began, time.monotonic())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def overlap(one: Span, other: Span) -> float:
    """Seconds that both have in common."""
    return min(one[1], other[1]) - max(one[0], other[0])


def test_the_static_graders_of_a_trial_work_while_its_server_runs(lab: Lab) -> None:
    spans: dict[str, Span] = {}
    graders = {name: cast(Grader, Spied(name, grader, spans)) for name, grader in compose.graders().items()}
    bench = Bench(graders, "d", cast(Lab, WatchedLab(lab, spans)))
    given = judge(stand_task(), case(stand_task(), None).evidence, bench, "a seed")
    assert given.keys() == {"tests_passing", "report_format", "rule_violations", "truthfulness"}
    assert overlap(spans["report_format"], spans["tests_passing"]) > 0
    assert overlap(spans["rule_violations"], spans["stand"]) > 0
    assert spans["truthfulness"][0] >= max(spans[name][1] for name in graders["truthfulness"].needs)


WRITERS = "test_http.py::test_of_many_writers_one_wins"
ECHO = "test_http.py::test_messages_are_echoed"


def test_a_run_for_the_first_failure_begins_where_it_is_told_and_ends_there(lab: Lab) -> None:
    whole = files()["app/main.py"]
    broken = whole.replace(b"raise HTTPException(409,", b"raise HTTPException(404,")
    assert broken != whole
    given = FirstFailure((ECHO, WRITERS)).grade(case(stand_task(), lab, {"app/main.py": broken}))
    assert {check.id: check.outcome for check in given.checks} == {ECHO: Outcome.PASS, WRITERS: Outcome.FAIL}
    assert given.checks[-1].reason == "assertion"


def test_an_app_that_does_not_start_has_no_first_failure_but_a_stage(lab: Lab) -> None:
    given = FirstFailure().grade(case(stand_task(replicas=1), lab, {"app/main.py": b"import nothing_of_that_name\n"}))
    assert given.checks == ()
    failed = [check.id for check in given.advisory if check.outcome is Outcome.FAIL]
    assert failed == ["stage:boots", "stage:ready", "stage:behaves"]
