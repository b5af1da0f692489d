"""Faults in the harness's own verdict path: each makes the trial invalid by its cause, none becomes a score."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_lab import FakeLab, line
from stand_task import case, stand_task

from graders import judgerun
from graders.manifest import manifest
from graders.stand import stand
from graders.tests_passing import TestsPassing
from harness.compose import ROOT
from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import Case
from harness.core.records import Outcome
from harness.core.task import Task

CHECK = """
from graders.testkit import covers, fail_to_pass

@covers("C-01")
@fail_to_pass
def test_one(api): ...

@covers("C-02")
@fail_to_pass
def test_two(api): ...
"""
IDS = ["test_a.py::test_one", "test_a.py::test_two"]


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task with two checks and nothing beside the app."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_a.py").write_text(CHECK)
    (tmp_path / "contract.openapi.yaml").write_text("paths: {}\n")
    made = stand_task(replicas=1)
    return replace(made, root=tmp_path, file=made.file.model_copy(update={"services": ("postgres",), "fakes": ()}))


def good(nonce: str) -> list[bytes]:
    tests = [line(nonce, type="test", id=name, outcome="pass", reason="", message="") for name in IDS]
    return [
        line(nonce, type="collected", tests=IDS),
        line(nonce, type="ready", ready=True, seen="200"),
        line(nonce, type="served", status=200, body='{"paths": {}}'),
        *tests,
        line(nonce, type="done", status=0),
    ]


def grade(task: Task, lab: FakeLab) -> Case:
    return case(task, lab)  # type: ignore[arg-type]


def test_the_undisturbed_path_is_a_score(task: Task) -> None:
    lab = FakeLab(good)
    given = TestsPassing().grade(grade(task, lab))
    assert [check.outcome for check in given.checks] == [Outcome.PASS] * 2
    assert sorted(lab.closed) == ["judge", "server", "services"]


def asking(request: str, /, **about: object) -> Callable[[str], list[bytes]]:
    def script(nonce: str) -> list[bytes]:
        records = good(nonce)
        return [*records[:3], line(nonce, type="ask", number=1, what=request, about=about), *records[3:]]

    return script


FAULTS: list[tuple[str, FakeLab, Cause]] = [
    ("the judge crashes at once", FakeLab(lambda nonce: [], status=1), Cause.GRADER),
    ("the judge crashes on the way", FakeLab(lambda nonce: good(nonce)[:4], status=-11), Cause.GRADER),
    ("the judge is killed at the end", FakeLab(good, status=-9), Cause.GRADER),
    ("a pipe cut in the middle of a line", FakeLab(lambda n: [*good(n)[:3], good(n)[3][:30]]), Cause.GRADER),
    ("a pipe cut before the end record", FakeLab(lambda nonce: good(nonce)[:-1]), Cause.GRADER),
    ("a duplicate record", FakeLab(lambda n: [*good(n)[:4], *good(n)[3:]]), Cause.GRADER),
    ("another run's record", FakeLab(lambda n: [*good(n)[:3], *good("x" * 32)[3:]]), Cause.GRADER),
    ("printed text among the records", FakeLab(lambda n: [*good(n)[:4], b"hello", *good(n)[4:]]), Cause.GRADER),
    ("the judge hangs", FakeLab(lambda nonce: good(nonce)[:4], hangs=True), Cause.GRADER),
    ("the server's relay is killed", FakeLab(good, die=("server",)), Cause.SANDBOX),
    ("the services' relay is killed", FakeLab(good, die=("services",)), Cause.SANDBOX),
    ("the judge's disk is full", FakeLab(good, full=("judge",)), Cause.SANDBOX),
    ("the server's disk is full", FakeLab(good, full=("server",)), Cause.SANDBOX),
    ("no judge can be had", FakeLab(good, missing=("judge",)), Cause.SANDBOX),
    ("no services can be had", FakeLab(good, missing=("services",)), Cause.SANDBOX),
    ("a fault that nobody knows", FakeLab(asking("explode")), Cause.TASK),
    ("a fault with odd words", FakeLab(asking("kill_app", which=1)), Cause.TASK),
    ("a replica that is not there", FakeLab(asking("kill_app", replica=1)), Cause.TASK),
    ("a service that is not there", FakeLab(asking("stop_service", name="valkey")), Cause.TASK),
    ("a peer that is not there", FakeLab(asking("peer", name="llm", what="seen")), Cause.TASK),
]


@pytest.mark.parametrize(("name", "lab", "cause"), FAULTS, ids=[name for name, _, _ in FAULTS])
def test_a_fault_of_ours_is_never_a_score(task: Task, name: str, lab: FakeLab, cause: Cause) -> None:
    with pytest.raises(Failure) as caught:
        TestsPassing().grade(grade(task, lab))
    assert caught.value.cause is cause
    assert sorted(lab.closed) == sorted(lab.boxes), "a sandbox was left open"


@pytest.mark.parametrize("role", ["server", "services"])
def test_memory_that_the_delivery_took_is_a_score(task: Task, role: str) -> None:
    lab = FakeLab(lambda nonce: good(nonce)[:4], status=1, die=(role,), of=LimitReached("memory", "went over 2 GB"))
    given = TestsPassing().grade(grade(task, lab))
    assert {check.outcome for check in given.checks} == {Outcome.FAIL}
    assert {check.reason for check in given.checks} == {"stage:migrates" if role == "server" else "stage:ready"}
    assert "went over 2 GB" in given.checks[0].findings[0].message
    assert sorted(lab.closed) == ["judge", "server", "services"]


def test_a_request_is_carried_out_and_answered_in_turn(task: Task) -> None:
    lab = FakeLab(asking("stop_service", name="postgres"))
    TestsPassing().grade(grade(task, lab))
    assert lab.boxes["services"].ran[0] == ["/srv/control", "stop", "postgres"]
    assert lab.judge is not None
    assert [json.loads(written) for written in lab.judge.written[1:]] == [{"number": 1, "value": "0"}]


def test_the_judge_gets_no_word_before_the_app_was_started(task: Task) -> None:
    lab = FakeLab(lambda nonce: [], status=2)
    file = task.file.model_copy(update={"app": task.file.app.model_copy(update={"migrate": ("false",)})})
    with stand(grade(replace(task, file=file), lab), lab) as opened:  # type: ignore[arg-type]
        assert opened.judge is not None
        assert lab.judge is None


def test_a_task_without_checks_is_the_tasks_fault(task: Task, tmp_path: Path) -> None:
    (tmp_path / "checks" / "test_a.py").write_text("")
    with pytest.raises(Failure) as caught:
        TestsPassing().grade(grade(task, FakeLab(good)))
    assert caught.value.cause is Cause.TASK


def test_without_sandboxes_there_is_no_verdict(task: Task) -> None:
    with pytest.raises(Failure) as caught:
        TestsPassing().grade(case(task, None))
    assert caught.value.cause is Cause.GRADER


VERDICT_PATH = [
    *(ROOT / "graders").rglob("*.py"),
    *(ROOT / "harness" / "sandboxes").glob("*.py"),
    *(ROOT / "harness" / "core").glob("*.py"),
    ROOT / "harness" / "run" / "grade.py",
    ROOT / "harness" / "run" / "verify.py",
]
WALL = {
    *(f"time.{name}" for name in ("time", "time_ns", "ctime", "localtime", "gmtime", "asctime", "strftime")),
    *(f"time.{name}" for name in ("CLOCK_REALTIME", "CLOCK_TAI")),
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
}


def wall_clocks(source: str) -> set[str]:
    """Clocks that may jump and that a module names, however it imports them."""
    tree = ast.parse(source)
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {(name.asname or name.name): name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            known |= {(name.asname or name.name): f"{node.module}.{name.name}" for name in node.names}
    return {name for node in ast.walk(tree) if (name := _dotted(node, known)) in WALL}


def _dotted(node: ast.AST, known: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    return f"{_dotted(node.value, known)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


@pytest.mark.parametrize("path", VERDICT_PATH, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_clock_that_jumps_is_read(path: Path) -> None:
    """Waits and deadlines are on the monotonic clock, so a clock that jumps cannot end or stretch a judge run."""
    assert wall_clocks(path.read_text()) == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import time\nx = time.time()", {"time.time"}),
        ("import time as t\nx = t.time_ns", {"time.time_ns"}),
        ("from time import time\nx = time()", {"time.time"}),
        ("def f():\n    from time import time as now\n    return now()", {"time.time"}),
        ("import time\nx = time.clock_gettime(time.CLOCK_REALTIME)", {"time.CLOCK_REALTIME"}),
        ("import datetime\nx = datetime.datetime.now()", {"datetime.datetime.now"}),
        ("from datetime import datetime as d\nx = d.utcnow()", {"datetime.datetime.utcnow"}),
        ("from datetime import date\nx = date.today()", {"datetime.date.today"}),
        ("import time\nx = time.monotonic()\ntime.sleep(1)", set()),
        ("x = row.time", set()),
    ],
)
def test_every_way_to_read_such_a_clock_is_seen(source: str, found: set[str]) -> None:
    assert wall_clocks(source) == found


def test_the_suite_ends_by_itself_before_the_host_gives_up() -> None:
    from graders.testkit.plugin import READY_S, SUITE_DEADLINE_S

    assert READY_S * 2 + SUITE_DEADLINE_S <= judgerun.SUITE_S


def test_every_check_of_a_broken_start_fails_by_its_stage(task: Task) -> None:
    def not_ready(nonce: str) -> list[bytes]:
        return [good(nonce)[0], line(nonce, type="ready", ready=False, seen="503"), line(nonce, type="done", status=0)]

    given = TestsPassing().grade(grade(task, FakeLab(not_ready)))
    assert {(check.outcome, check.reason) for check in given.checks} == {(Outcome.FAIL, "stage:ready")}
    stages = {check.id: check.outcome for check in given.advisory if check.id.startswith("stage:")}
    assert stages == {
        "stage:installs": Outcome.PASS,
        "stage:migrates": Outcome.PASS,
        "stage:boots": Outcome.PASS,
        "stage:ready": Outcome.FAIL,
        "stage:behaves": Outcome.FAIL,
    }
    assert manifest({"test_a.py": CHECK.encode()})[0].clauses == ("C-01",)
