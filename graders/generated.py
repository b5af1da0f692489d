"""Checks generated from the contract for machines, with Schemathesis: seeded, bounded, and advice until proven.

It runs in the judge's sandbox against the same stand, after the hidden checks. What it finds decides only for a task
whose author recorded twenty runs of reference and alternatives without a finding: generated data meets corners that the
contract left open, and a wrong rejection costs more than a missed one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graders.openapi import contract
from graders.stand import APP_PORT, Stand
from harness.core.deadline import Deadline
from harness.core.digest import digest
from harness.core.errors import Cause, Failure
from harness.core.ports import Case
from harness.core.records import CheckResult, Finding, Outcome, Phase, Place

CLEAN_RUNS = 20
RUN_S = 180.0
REQUEST_S = 10
FINDINGS = 20
PLACE = "/srv/generated"
CHECKS: dict[str, tuple[str, frozenset[str]]] = {
    "no_5xx": ("not_a_server_error", frozenset({"ServerError"})),
    "status": ("status_code_conformance", frozenset({"UndefinedStatusCode"})),
    "schema": ("response_schema_conformance,content_type_conformance", frozenset()),
    "negative": ("negative_data_rejection", frozenset({"AcceptedNegativeData"})),
    "auth": ("ignored_auth", frozenset({"IgnoredAuth"})),
}
"""Our check -> Schemathesis's names of the checks, and the types of failure that are its; any other is the schema's."""

Checks = tuple[CheckResult, ...]


def generated_checks(case: Case, stand: Stand) -> tuple[Checks, Checks]:
    """(checks that decide, checks that are shown); nothing where the task asks for none."""
    wanted = case.task.file.generated
    if not wanted.examples:
        return (), ()
    found = list(_failures(_run(case, stand, wanted.examples)))
    decides = wanted.clean_runs >= CLEAN_RUNS
    results = tuple(_check(name, found, decides) for name in CHECKS)
    return (results, ()) if decides else ((), results)


def _run(case: Case, stand: Stand, examples: int) -> Mapping[str, Any]:
    """Schemathesis's own report."""
    judge = stand.judge
    assert judge is not None
    judge.put(PLACE, {"contract.json": (json.dumps(contract(case.task)).encode(), False)})
    argv = [
        "schemathesis",
        "run",
        "contract.json",
        "--url",
        f"http://127.0.0.1:{APP_PORT}",
        "--no-shrink",
        "--no-color",
    ]
    argv += ["--seed", str(int(digest([case.seed, "generated"])[:8], 16)), "--max-examples", str(examples)]
    argv += ["--checks", ",".join(names for names, _ in CHECKS.values()), "--phases", "examples,coverage,fuzzing"]
    argv += ["--request-timeout", str(REQUEST_S), "--continue-on-failure", "--generation-database", "none"]
    argv += ["--warnings", "off", "--report", "json", "--report-json-path", "report.json"]
    done = judge.run(argv, cwd=PLACE, deadline=Deadline(RUN_S))
    stand.require_alive()
    read = judge.run(["cat", "report.json"], cwd=PLACE, deadline=Deadline(RUN_S))
    if done.exit_code not in (0, 1) or read.exit_code != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-400:]
        raise Failure(Cause.GRADER, f"schemathesis ended with {done.exit_code}: {said}")
    report: Mapping[str, Any] = json.loads(read.stdout)
    return report


def _failures(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(check, operation, what); what could not be tried at all speaks against the app's staying up."""
    for failure in report["failures"]:
        mine = (name for name, (_, types) in CHECKS.items() if failure["type"] in types)
        name = next(mine, "schema")
        for operation in failure["operations"]:
            yield name, str(operation), str(failure["title"])
    for error in report["errors"]:
        yield "no_5xx", str(error.get("operation", "")), str(error.get("title", error))


def _check(name: str, failures: Sequence[tuple[str, str, str]], decides: bool) -> CheckResult:
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
