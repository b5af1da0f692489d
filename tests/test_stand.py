"""The whole stand in real sandboxes: two replicas, services, fake peers, faults, stages."""

from __future__ import annotations

import pytest
from stand_task import case, files, real_lab, stand_task

from graders.first_failure import FirstFailure
from graders.tests_passing import TestsPassing
from harness.core.ports import Lab
from harness.core.records import Grade, Outcome

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
