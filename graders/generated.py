"""Checks generated from the contract for machines, with Schemathesis: seeded, bounded, and advice until proven.

It runs in the judge's sandbox against the same stand, after the hidden checks. What it finds decides only for a task
whose author recorded twenty runs of reference and alternatives without a finding: generated data meets corners that the
contract left open, and a wrong rejection costs more than a missed one.

Only the author of a task knows how its clients log in: `generated_headers(api)` in `checks/conftest.py` gives the
headers of every request. Whatever the app does to it, or to the requests after it, is the app's and never raises here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graders.judgerun import check_files
from graders.openapi import contract
from graders.pycode import syntax
from graders.stand import APP_PORT, Stand
from harness.core.deadline import Deadline
from harness.core.digest import digest
from harness.core.errors import Cause, Failure, LimitReached
from harness.core.ports import Case, Sandbox
from harness.core.records import CheckResult, Finding, Outcome, Phase, Place

CLEAN_RUNS = 20
RUN_S = 180.0
REQUEST_S = 10
FINDINGS = 20
REPORT_CAP = 20_000_000
PLACE = "/srv/generated"
HOOK = "generated_headers"
LOG_IN_S = 60.0
LOG_IN = f"""import json, sys
sys.path[:0] = ["/srv/judge", "{PLACE}/checks"]
from conftest import {HOOK}
from graders.testkit.client import Api
print("\\n" + json.dumps(dict({HOOK}(Api("127.0.0.1", {APP_PORT})))))"""
NAME, VALUE = re.compile(r"[A-Za-z0-9-]{1,80}"), re.compile(r"[!-~](?:[ -~]{0,8000}[!-~])?")
"""What is sent as a header; the value is often the app's own."""
EVERY = "every operation"
CHECKS: dict[str, tuple[str, frozenset[str]]] = {
    "no_5xx": ("not_a_server_error", frozenset({"ServerError"})),
    "status": ("status_code_conformance", frozenset({"UndefinedStatusCode"})),
    "schema": ("response_schema_conformance,content_type_conformance", frozenset()),
    "negative": ("negative_data_rejection", frozenset({"AcceptedNegativeData"})),
    "auth": ("ignored_auth", frozenset({"IgnoredAuth"})),
}
"""Our check -> Schemathesis's names of the checks, and the types of failure that are its; any other is the schema's."""

Checks = tuple[CheckResult, ...]
Told = tuple[str, str, str]
"""(check, operation, what)"""


def generated_checks(case: Case, stand: Stand) -> tuple[Checks, Checks]:
    """(checks that decide, checks that are shown); nothing where the task asks for none."""
    wanted = case.task.file.generated
    if not wanted.examples:
        return (), ()
    found = list(_found(case, stand, wanted.examples))
    decides = wanted.clean_runs >= CLEAN_RUNS
    results = tuple(_check(name, found, decides) for name in CHECKS)
    return (results, ()) if decides else ((), results)


def _found(case: Case, stand: Stand, examples: int) -> Iterator[Told]:
    judge = stand.judge
    assert judge is not None
    try:
        headers, problem = _credentials(case, judge)
        if problem:
            yield "auth", EVERY, f"no credentials: {problem}"
        yield from _failures(_run(case, stand, judge, examples, headers))
    except TimeoutError as error:
        yield from ((name, EVERY, str(error)) for name in CHECKS)
    except LimitReached as reached:
        # The server grew by the requests, or the judge by the answers.
        yield from ((name, EVERY, f"the app took too much: {reached.message}") for name in CHECKS)


def _credentials(case: Case, judge: Sandbox) -> tuple[Mapping[str, str], str]:
    """Headers of every request, and why there are none although the task says how to get them."""
    files = check_files(case.task.root / "checks")
    if not _has_hook(files.get("conftest.py", (b"", False))[0]):
        return {}, ""
    judge.put(f"{PLACE}/checks", files)
    done = judge.run(["python", "-I", "-B", "-c", LOG_IN], cwd=PLACE, deadline=Deadline(LOG_IN_S))
    if done.exit_code != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [f"ended with {done.exit_code}"]
        return {}, said[-1][:300]
    headers = json.loads(done.stdout.decode().strip().splitlines()[-1])
    odd = [name for name, value in headers.items() if not (NAME.fullmatch(name) and VALUE.fullmatch(str(value)))]
    return ({}, f"{odd[0]!r} is no header that can be sent") if odd else (headers, "")


def _has_hook(source: bytes) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == HOOK for node in syntax(source).body)


def _run(case: Case, stand: Stand, judge: Sandbox, examples: int, headers: Mapping[str, str]) -> Mapping[str, Any]:
    """Schemathesis's own report; `TimeoutError` where the app kept it from ending."""
    judge.put(PLACE, {"contract.json": (json.dumps(contract(case.task)).encode(), False)})
    done = judge.run(_command(case, examples, headers), cwd=PLACE, deadline=Deadline(RUN_S))
    stand.require_alive()
    if done.timed_out:
        raise TimeoutError(f"the app did not answer all requests within {RUN_S:g} s")
    read = judge.run(["cat", "report.json"], cwd=PLACE, deadline=Deadline(RUN_S), cap=REPORT_CAP)
    if done.exit_code not in (0, 1) or read.exit_code != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-400:]
        raise Failure(Cause.GRADER, f"schemathesis ended with {done.exit_code}: {said}")
    report: Mapping[str, Any] = json.loads(read.stdout)
    return report


def _command(case: Case, examples: int, headers: Mapping[str, str]) -> list[str]:
    argv = ["schemathesis", "run", "contract.json", "--url", f"http://127.0.0.1:{APP_PORT}", "--no-shrink"]
    argv += ["--seed", str(int(digest([case.seed, "generated"])[:8], 16)), "--max-examples", str(examples)]
    argv += ["--checks", ",".join(names for names, _ in CHECKS.values()), "--phases", "examples,coverage,fuzzing"]
    argv += ["--request-timeout", str(REQUEST_S), "--continue-on-failure", "--generation-database", "none"]
    argv += ["--warnings", "off", "--no-color", "--report", "json", "--report-json-path", "report.json"]
    return argv + [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]


def _failures(report: Mapping[str, Any]) -> Iterator[Told]:
    """What failed; what could not be tried at all speaks against the app's staying up."""
    for failure in report["failures"]:
        mine = (name for name, (_, types) in CHECKS.items() if failure["type"] in types)
        name = next(mine, "schema")
        for operation in failure["operations"]:
            yield name, str(operation), str(failure["title"])
    for error in report["errors"]:
        yield "no_5xx", str(error.get("operation", "")), str(error.get("title", error))


def _check(name: str, failures: Sequence[Told], decides: bool) -> CheckResult:
    mine = [(operation, what) for check, operation, what in failures if check == name]
    findings = tuple(
        Finding(message=f"{operation}: {what}"[:400], place=Place(section=operation[:160]))
        for operation, what in mine[:FINDINGS]
    )
    return CheckResult(
        id=f"generated:{name}",
        outcome=Outcome.FAIL if mine else Outcome.PASS,
        findings=findings,
        reason=f"{len(mine)} findings" if mine else "",
        phase=Phase.FAIL_TO_PASS if decides else None,
    )
