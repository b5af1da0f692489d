"""Generated checks: what each of them finds in a real app, what they are bounded by, and when they decide."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from stand_task import case, files, real_lab, stand_task

from graders import generated
from graders.generated import CHECKS, CLEAN_RUNS, generated_checks
from graders.stand import Stand, stand
from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import Executed
from harness.core.records import CheckResult, Outcome, Phase
from harness.core.task import Generated, Task

ROOT = Path(__file__).parent / "data" / "generated"
LOG_IN = (ROOT / "checks" / "conftest.py").read_text()
HEALTH = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/health', timeout=2).status)"


def task(root: Path, wrong: str = "", conftest: str = "", examples: int = 5, clean_runs: int = 0) -> Task:
    """The task of the small app, which is wrong in these ways."""
    (root / "checks").mkdir(parents=True, exist_ok=True)
    (root / "checks" / "conftest.py").write_text(conftest)
    (root / "contract.openapi.yaml").write_text((ROOT / "contract.openapi.yaml").read_text())
    made = stand_task(replicas=1, migrate=(), env={"WRONG": wrong})
    wanted = Generated(examples=examples, clean_runs=clean_runs)
    return replace(
        made, root=root, file=made.file.model_copy(update={"services": (), "fakes": (), "generated": wanted})
    )


@contextlib.contextmanager
def running(of: Task) -> Iterator[Stand]:
    """The app on a real stand, ready."""
    lab = real_lab()
    app = {f"app/{path}": content for path, content in files(ROOT / "app").items()}
    given = case(of, lab, {**dict.fromkeys(files()), **app})
    with stand(given, lab) as opened:
        opened.boot()
        assert opened.judge is not None
        end = time.monotonic() + 60.0
        while opened.judge.run(["python", "-c", HEALTH], deadline=Deadline(10.0)).exit_code != 0:
            assert time.monotonic() < end, opened.log(0)
        yield opened


@dataclass
class Ran:
    """One run of the generated checks."""

    decides: tuple[CheckResult, ...]
    shown: tuple[CheckResult, ...]
    requests: list[Any]
    """[method, address, body] of each request that the app took."""

    def failed(self) -> dict[str, list[str]]:
        """Check -> what it found, for those that failed."""
        checks = (*self.decides, *self.shown)
        return {check.id: [one.message for one in check.findings] for check in checks if check.outcome is Outcome.FAIL}


def played(on: Stand, of: Task, seed: str = "a seed") -> Ran:
    before = len(requests(on))
    decides, shown = generated_checks(replace(case(of, None), seed=seed), on)
    return Ran(decides, shown, requests(on)[before:])


def requests(on: Stand) -> list[Any]:
    lines = (line.partition("REQUEST ")[2] for line in on.log(0).splitlines())
    found = [json.loads(line) for line in lines if line]
    return [request for request in found if not request[1].endswith(("/health", "/log-in"))]


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stand, Task]]:
    of = task(tmp_path_factory.mktemp("right"))
    with running(of) as opened:
        yield opened, of


@pytest.fixture(scope="module")
def first(right: tuple[Stand, Task]) -> Ran:
    return played(*right)


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stand, Task]]:
    of = task(tmp_path_factory.mktemp("wrong"), "no_5xx status schema kind negative auth token")
    with running(of) as opened:
        yield opened, of


@pytest.fixture(scope="module")
def found(wrong: tuple[Stand, Task]) -> Ran:
    return played(*wrong)


# --- what is found ------------------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_a_right_app_has_no_finding(first: Ran) -> None:
    assert first.failed() == {}
    assert [check.id for check in first.shown] == [f"generated:{name}" for name in CHECKS]


FINDINGS = [
    ("no_5xx", "GET /fails", "Server error"),
    ("status", "GET /status", "Undocumented status code"),
    ("schema", "GET /body", "Response violates schema"),
    ("schema", "GET /kind", "Undocumented Content-Type"),
    ("negative", "POST /strict", "Schema-violating request accepted"),
    ("auth", "GET /secret", "API accepts requests without authentication"),
]


@pytest.mark.sandbox
@pytest.mark.parametrize(("check", "operation", "what"), FINDINGS, ids=[f"{one[0]} {one[1]}" for one in FINDINGS])
def test_each_fault_is_a_finding_of_its_own_check(found: Ran, check: str, operation: str, what: str) -> None:
    failed = found.failed()
    assert f"{operation}: {what}" in failed[f"generated:{check}"]
    others = [name for name, said in failed.items() if any(line.startswith(operation + ":") for line in said)]
    # A request without the credentials that an operation demands is a wrong one, and it was accepted.
    beside = ["generated:negative"] if check == "auth" else []
    assert sorted(others) == sorted([f"generated:{check}", *beside])


@pytest.mark.sandbox
def test_one_seed_sends_the_same_requests_and_another_others(right: tuple[Stand, Task], first: Ran) -> None:
    again, other = played(*right), played(*right, seed="another seed")
    assert len(first.requests) > 20
    assert again.requests == first.requests
    assert other.requests != first.requests


@pytest.mark.sandbox
def test_more_examples_are_more_requests_within_their_bound(right: tuple[Stand, Task], first: Ran) -> None:
    few = played(right[0], with_examples(right[1], 1))
    assert len(few.requests) < len(first.requests) <= 200


def with_examples(of: Task, examples: int) -> Task:
    wanted = of.file.generated.model_copy(update={"examples": examples})
    return replace(of, file=of.file.model_copy(update={"generated": wanted}))


# --- credentials --------------------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_with_credentials_what_is_behind_them_is_judged_too(tmp_path: Path) -> None:
    of = task(tmp_path, "behind", LOG_IN)
    with running(of) as opened:
        without = played(opened, task(tmp_path / "without", "behind"))
        given = played(opened, of)
    assert without.failed() == {}
    assert given.failed() == {"generated:schema": ["GET /secret: Response violates schema"]}


@pytest.mark.sandbox
def test_a_right_app_has_no_finding_with_credentials(right: tuple[Stand, Task], tmp_path: Path) -> None:
    assert played(right[0], task(tmp_path, conftest=LOG_IN)).failed() == {}


@pytest.mark.sandbox
def test_ignored_credentials_are_found_with_credentials(wrong: tuple[Stand, Task], tmp_path: Path) -> None:
    of = task(tmp_path, conftest='def generated_headers(api):\n    return {"Authorization": "Bearer open"}\n')
    assert "GET /secret: API accepts requests without authentication" in played(wrong[0], of).failed()["generated:auth"]


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("conftest", "said"),
    [
        (LOG_IN, "'Authorization' is no header that can be sent"),
        (LOG_IN.replace("/log-in", "/nowhere"), "expected 200, got 404"),
    ],
)
def test_an_app_that_gives_no_credentials_is_a_finding(
    wrong: tuple[Stand, Task], tmp_path: Path, conftest: str, said: str
) -> None:
    of = with_examples(task(tmp_path, conftest=conftest), 1)
    assert said in played(wrong[0], of).failed()["generated:auth"][0]


# --- what the app can do to it ------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_an_app_that_is_too_slow_for_all_requests_fails_every_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generated, "RUN_S", 12.0)
    of = task(tmp_path, "slow")
    with running(of) as opened:
        began = time.monotonic()
        given = played(opened, of)
        assert time.monotonic() - began < 12.0 + 20.0
    assert given.failed() == {
        f"generated:{name}": ["every operation: the app did not answer all requests within 12 s"] for name in CHECKS
    }


@dataclass
class Judge:
    """A judge's sandbox in which Schemathesis ended as a test says."""

    ended: Executed | Exception
    report: object = field(default_factory=lambda: {"failures": [], "errors": []})
    ran: list[list[str]] = field(default_factory=list)

    def put(self, root: str, content: Mapping[str, tuple[bytes, bool]]) -> None: ...

    def run(self, argv: list[str], **_: object) -> Executed:
        self.ran.append(argv)
        if argv[0] == "cat":
            return Executed(0, json.dumps(self.report).encode(), b"") if self.report else Executed(1, b"", b"none")
        if isinstance(self.ended, Exception):
            raise self.ended
        return self.ended


def told(of: Task, judge: Judge) -> tuple[tuple[CheckResult, ...], tuple[CheckResult, ...]]:
    given = case(of, None)
    on = Stand(given)
    on.judge = cast(Any, judge)
    return generated_checks(given, on)


FINE = Executed(0, b"", b"")
ONE_ERROR = {
    "failures": [{"type": "ServerError", "title": "Server error", "operations": ["GET /fails"]}],
    "errors": [{"operation": "GET /body", "title": "Connection refused"}],
}


def test_advice_until_twenty_clean_runs_are_on_record(tmp_path: Path) -> None:
    decides, shown = told(task(tmp_path, clean_runs=CLEAN_RUNS - 1), Judge(FINE, ONE_ERROR))
    assert decides == ()
    assert {check.phase for check in shown} == {None}
    assert [check.outcome for check in shown] == [Outcome.FAIL, *[Outcome.PASS] * 4]
    decides, shown = told(task(tmp_path, clean_runs=CLEAN_RUNS), Judge(FINE, ONE_ERROR))
    assert shown == ()
    assert {check.phase for check in decides} == {Phase.FAIL_TO_PASS}
    assert [check.outcome for check in decides] == [Outcome.FAIL, *[Outcome.PASS] * 4]
    assert CLEAN_RUNS == 20


def test_what_could_not_be_tried_speaks_against_the_app(tmp_path: Path) -> None:
    _, shown = told(task(tmp_path), Judge(FINE, ONE_ERROR))
    assert [one.message for one in shown[0].findings] == ["GET /fails: Server error", "GET /body: Connection refused"]


def test_a_task_that_asks_for_none_runs_none(tmp_path: Path) -> None:
    judge = Judge(FINE)
    assert told(task(tmp_path, examples=0), judge) == ((), ())
    assert judge.ran == []


@pytest.mark.parametrize(
    ("ended", "report"),
    [
        (Executed(2, b"", b"no such option"), {"failures": [], "errors": []}),
        (Executed(-9, b"", b""), {"failures": [], "errors": []}),
        (Executed(1, b"", b"it crashed"), None),
        (FINE, None),
    ],
)
def test_schemathesis_that_breaks_is_a_failure_of_ours(tmp_path: Path, ended: Executed, report: object) -> None:
    with pytest.raises(Failure) as caught:
        told(task(tmp_path), Judge(ended, report))
    assert caught.value.cause is Cause.GRADER
    assert "schemathesis ended with" in caught.value.message


def test_a_judge_that_the_app_fills_is_a_finding(tmp_path: Path) -> None:
    _, shown = told(task(tmp_path), Judge(LimitReached("memory", "went over 2 GB")))
    assert [check.outcome for check in shown] == [Outcome.FAIL] * len(CHECKS)
    assert "went over 2 GB" in shown[0].findings[0].message


def test_a_judge_that_dies_of_itself_is_no_finding(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        told(task(tmp_path), Judge(Failure(Cause.SANDBOX, "gone")))
    assert caught.value.cause is Cause.SANDBOX


@pytest.mark.sandbox
def test_a_contract_that_is_none_is_a_failure_of_ours(right: tuple[Stand, Task], tmp_path: Path) -> None:
    of = task(tmp_path)
    (tmp_path / "contract.openapi.yaml").write_text("paths: 7\n")
    with pytest.raises(Failure) as caught:
        played(right[0], of)
    assert caught.value.cause is Cause.GRADER
