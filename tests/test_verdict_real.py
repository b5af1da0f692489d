"""Faults of our own in the middle of a real verdict: real sandboxes, a real judge, a real database. None is a score."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from stand_task import case, real_lab, stand_task

from graders.tests_passing import TestsPassing
from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import Address, Lab, Process, Sandbox, SandboxSpec
from harness.core.records import Grade, Outcome
from harness.core.task import Task
from harness.sandboxes.link import RunnerSandbox

pytestmark = pytest.mark.sandbox

CHECKS = '''
import time

from graders.testkit import covers, fail_to_pass

@covers("C-01")
@fail_to_pass
def test_one(api): assert api.get("/items").expect(200).json() == []

@covers("C-02")
@fail_to_pass
def test_two(api):
    """Goes on for a while, so that a fault meets it."""
    for _ in range(20):
        api.get("/items").expect(200)
        time.sleep(0.05)

@covers("C-03")
@fail_to_pass
def test_three(api): assert api.get("/nowhere").status == 404
'''
FIRST_ANSWER = 4
"""The judge's record that says how the first check went; the second is under way when it is read."""

Boxes = dict[str, RunnerSandbox]
Act = Callable[[Boxes], None]
Line = Callable[[int, bytes], list[bytes]]


def as_it_is(number: int, line: bytes) -> list[bytes]:
    return [line]


@dataclass
class Listening:
    """The judge's process; `act` is done when a certain line comes, `heard` says what is heard of each."""

    process: Process
    boxes: Boxes
    act: Act
    heard: Line
    number: int = 0
    waiting: list[bytes] = field(default_factory=list)

    def read_line(self, deadline: Deadline) -> bytes | None:
        while not self.waiting:
            line = self.process.read_line(deadline)
            if line is None:
                return None
            self.number += 1
            if self.number == FIRST_ANSWER:
                self.act(self.boxes)
            self.waiting += self.heard(self.number, line)
        return self.waiting.pop(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.process, name)


@dataclass
class JudgeBox:
    box: Sandbox
    lab: DisturbedLab

    def start(self, argv: list[str], **options: Any) -> Listening:
        return Listening(self.box.start(argv, **options), self.lab.boxes, self.lab.act, self.lab.heard)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.box, name)


@dataclass
class DisturbedLab:
    """The machine's own lab, in which something happens in the middle of a judge run."""

    real: Lab
    act: Act = lambda boxes: None
    heard: Line = as_it_is
    boxes: Boxes = field(default_factory=dict)

    @contextlib.contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        with self.real.sandbox(spec) as box:
            self.boxes[spec.role] = cast(RunnerSandbox, box)
            yield cast(Sandbox, JudgeBox(box, self)) if spec.role == "judge" else box

    @contextlib.contextmanager
    def services(self, names: Any) -> Iterator[Mapping[str, tuple[Sandbox, Address]]]:
        with self.real.services(names) as services:
            self.boxes["services"] = cast(RunnerSandbox, services["postgres"][0])
            yield services


@pytest.fixture(scope="module")
def lab() -> Lab:
    return real_lab()


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    root: Path = tmp_path_factory.mktemp("task")
    (root / "checks").mkdir()
    (root / "checks" / "test_a.py").write_text(CHECKS)
    (root / "contract.openapi.yaml").write_text("paths: {}\n")
    made = stand_task(replicas=1)
    return replace(made, root=root, file=made.file.model_copy(update={"fakes": ()}))


def grade(task: Task, disturbed: DisturbedLab) -> Grade:
    return TestsPassing().grade(case(task, cast(Lab, disturbed)))


def killed(role: str) -> Act:
    return lambda boxes: boxes[role]._body.kill()


def outer_killed(role: str) -> Act:
    """SIGKILL for bubblewrap itself, as an operator's or the kernel's choice may be."""
    return lambda boxes: os.kill(boxes[role]._body._process.pid, signal.SIGKILL)  # type: ignore[attr-defined]


def way_cut(role: str) -> Act:
    """The way on which connections come to a sandbox breaks."""

    def act(boxes: Boxes) -> None:
        hands = boxes[role]._hands
        assert hands is not None
        hands.shutdown(2)

    return act


def checks_killed(boxes: Boxes) -> None:
    boxes["judge"].kill_all()


def twice(number: int, line: bytes) -> list[bytes]:
    return [line, line] if number == FIRST_ANSWER else [line]


def lost(number: int, line: bytes) -> list[bytes]:
    return [] if number == FIRST_ANSWER else [line]


def cut(number: int, line: bytes) -> list[bytes]:
    return [line[: len(line) // 2]] if number == FIRST_ANSWER else [line]


def turned(number: int, line: bytes) -> list[bytes]:
    return [line.replace(b"test_one", b"test_two")]


FAULTS: dict[str, tuple[dict[str, Any], Cause]] = {
    "the judge's sandbox is killed": ({"act": killed("judge")}, Cause.SANDBOX),
    "the judge crashes": ({"act": checks_killed}, Cause.GRADER),
    "the server's sandbox is killed": ({"act": killed("server")}, Cause.SANDBOX),
    "the server's bubblewrap is killed": ({"act": outer_killed("server")}, Cause.SANDBOX),
    "the database's sandbox is killed": ({"act": killed("services")}, Cause.SANDBOX),
    "the way to the server breaks": ({"act": way_cut("server")}, Cause.SANDBOX),
    "the way to the database breaks": ({"act": way_cut("services")}, Cause.SANDBOX),
    "the way from the judge breaks": ({"act": way_cut("judge")}, Cause.SANDBOX),
    "a record comes twice": ({"heard": twice}, Cause.GRADER),
    "a record is lost": ({"heard": lost}, Cause.GRADER),
    "a record is cut": ({"heard": cut}, Cause.GRADER),
    "a record names another check": ({"heard": turned}, Cause.GRADER),
}


def test_the_undisturbed_verdict_is_a_score(task: Task, lab: Lab) -> None:
    given = grade(task, DisturbedLab(lab))
    assert [check.outcome for check in given.checks] == [Outcome.PASS] * 3


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_ours_in_the_middle_is_never_a_score(task: Task, lab: Lab, name: str) -> None:
    done, cause = FAULTS[name]
    disturbed = DisturbedLab(lab, **done)
    with pytest.raises(Failure) as caught:
        grade(task, disturbed)
    assert caught.value.cause is cause, caught.value.message
    assert set(disturbed.boxes) == {"judge", "server", "services"}
    assert all(box._closed for box in disturbed.boxes.values()), "a sandbox was left open"


def test_a_machine_that_stands_still_for_a_while_changes_no_answer(task: Task, lab: Lab) -> None:
    def act(boxes: Boxes) -> None:
        pids = [box._body._pid for box in boxes.values()]  # type: ignore[attr-defined]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                os.kill(pid, number)
            time.sleep(1.0)

    given = grade(task, DisturbedLab(lab, act))
    assert [check.outcome for check in given.checks] == [Outcome.PASS] * 3


FILL = """
set -u
for place in /tmp /srv /home/dev /dev/shm; do
    [ -w $place ] || continue
    head -c 3G /dev/zero > $place/full 2>/dev/null
    if echo one more > $place/another 2>/dev/null; then echo "there is room in $place"; exit 1; fi
    echo $place
done
"""


def fill(box: Sandbox) -> None:
    """Leave no room on any disk of a sandbox."""
    done = box.run(["bash", "-c", FILL], deadline=Deadline(60.0))
    assert done.exit_code == 0, done
    assert {"/tmp", "/srv"} <= set(done.stdout.decode().split())


def test_a_judge_whose_disk_fills_up_needs_none_and_says_the_same(task: Task, lab: Lab) -> None:
    filled = []

    def act(boxes: Boxes) -> None:
        fill(boxes["judge"])
        filled.append(True)

    given = grade(task, DisturbedLab(lab, act))
    assert filled == [True]
    assert [check.outcome for check in given.checks] == [Outcome.PASS] * 3


@dataclass
class FullBox:
    """A judge whose disk is full before the checks come."""

    box: Sandbox

    def put(self, root: str, content: Mapping[str, tuple[bytes, bool]]) -> None:
        if root == "/srv/checks":
            fill(self.box)
        self.box.put(root, content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.box, name)


class FullLab(DisturbedLab):
    @contextlib.contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        with super().sandbox(spec) as box:
            yield cast(Sandbox, FullBox(box)) if spec.role == "judge" else box


def test_a_judge_that_has_no_room_for_the_checks_is_never_a_score(task: Task, lab: Lab) -> None:
    with pytest.raises(Failure) as caught:
        grade(task, FullLab(lab))
    assert caught.value.cause is Cause.SANDBOX
    assert os.strerror(errno.ENOSPC) in caught.value.message


FILLING = b"""
import os
with open("/workspace/full", "wb", buffering=0) as file:
    while True:
        file.write(bytes(1_000_000))
"""


def test_a_delivery_that_fills_its_own_disk_has_failed(task: Task, lab: Lab) -> None:
    given = TestsPassing().grade(case(task, lab, {"app/migrate.py": FILLING}))
    assert {(check.outcome, check.reason) for check in given.checks} == {(Outcome.FAIL, "stage:migrates")}
    assert os.strerror(errno.ENOSPC) in given.checks[0].findings[0].message


# --- a clock that jumps -------------------------------------------------------------------------------------------

DAY = 86_400.0
JUMPING = """
import time

REAL, REAL_NS = time.time, time.time_ns
SHIFT = [0.0]
time.time = lambda: REAL() + SHIFT[0]
time.time_ns = lambda: REAL_NS() + int(SHIFT[0] * 10**9)
"""


def test_clocks_that_jump_change_no_answer(task: Task, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge's clock a day ahead and an hour back between two checks, the host's a day back under way."""
    checks = CHECKS.replace('"""Goes on', 'SHIFT[0] = 86_400.0\n    """Goes on')
    checks = checks.replace('assert api.get("/nowhere")', 'SHIFT[0] = -3_600.0; assert api.get("/nowhere")')
    root = task.root / "jumping"
    (root / "checks").mkdir(parents=True)
    (root / "checks" / "test_a.py").write_text(JUMPING + checks)
    (root / "contract.openapi.yaml").write_text("paths: {}\n")
    real = time.time

    def act(boxes: Boxes) -> None:
        monkeypatch.setattr(time, "time", lambda: real() - DAY)

    given = grade(replace(task, root=root), DisturbedLab(lab, act))
    assert time.time() < real() - DAY / 2
    assert [check.outcome for check in given.checks] == [Outcome.PASS] * 3


# --- a check that does not answer ---------------------------------------------------------------------------------

SMALL_APP = b"""
from fastapi import FastAPI
app = FastAPI()

@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "up"}
"""
MARKS = 'import pytest\nfrom graders.testkit import covers, fail_to_pass\n{}\n@covers("C-01")\n@fail_to_pass\n'
SILENT = {
    "it skips under way": MARKS.format("") + 'def test_one(api):\n    pytest.skip("not today")\n',
    "it expects to fail": MARKS.format("") + 'def test_one(api):\n    pytest.xfail("known")\n',
    "its fixture skips": (
        MARKS.format("@pytest.fixture\ndef made():\n    pytest.skip('none')\n") + "def test_one(made): ...\n"
    ),
    "its module expects to fail": MARKS.format("pytestmark = pytest.mark.xfail") + "def test_one(api): assert False\n",
    "its module is skipped": MARKS.format("pytestmark = pytest.mark.skip") + "def test_one(api): ...\n",
}


def small(task: Task, root: Path, checks: str) -> Task:
    """A task with these checks and no services."""
    (root / "checks").mkdir()
    (root / "checks" / "test_a.py").write_text(checks)
    (root / "contract.openapi.yaml").write_text("paths: {}\n")
    app = task.file.app.model_copy(update={"migrate": ()})
    return replace(task, root=root, file=task.file.model_copy(update={"services": (), "app": app}))


@pytest.mark.parametrize("name", SILENT)
def test_a_check_that_skips_at_run_time_makes_the_trial_invalid(
    task: Task, lab: Lab, tmp_path: Path, name: str
) -> None:
    with pytest.raises(Failure) as caught:
        TestsPassing().grade(case(small(task, tmp_path, SILENT[name]), lab, {"app/main.py": SMALL_APP}))
    assert caught.value.cause is Cause.GRADER
    assert "test_a.py::test_one skips or expects to fail" in caught.value.message


LONG_DOCUMENT = (
    SMALL_APP
    + b"""
from fastapi.responses import Response
app.routes[:] = [route for route in app.routes if route.path != "/openapi.json"]

@app.get("/openapi.json")
async def document() -> Response:
    return Response(b"\\xff" * 390_000)
"""
)


def test_a_document_that_is_long_once_spelled_voids_no_trial(task: Task, lab: Lab, tmp_path: Path) -> None:
    checks = MARKS.format("") + 'def test_one(api): assert api.get("/health").status == 200\n'
    given = TestsPassing().grade(case(small(task, tmp_path, checks), lab, {"app/main.py": LONG_DOCUMENT}))
    assert [check.outcome for check in given.checks] == [Outcome.PASS]
    served = next(check for check in given.advisory if check.id == "openapi:served")
    assert (served.outcome, served.reason) == (Outcome.FAIL, "the app serves no document")
