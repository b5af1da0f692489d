"""Checks generated from the contract for machines, with Schemathesis: seeded, bounded, and advice until proven.

It runs in the judge's sandbox against the same stand, after the hidden checks. What it finds decides only for a task
whose author recorded twenty runs of reference and alternatives without a finding: generated data meets corners that the
contract left open, and a wrong rejection costs more than a missed one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from graders.openapi import contract
from graders.stand import APP_PORT, Stand
from harness.core.deadline import Deadline
from harness.core.digest import digest
from harness.core.errors import Cause, Failure
from harness.core.ports import Case
from harness.core.records import CheckResult, Finding, Outcome, Phase, Place

CLEAN_RUNS = 20
BUDGET_S = 120.0
GRACE_S = 60.0
FINDINGS = 20
CHECKS = {
    "no_5xx": ("not_a_server_error",),
    "status": ("status_code_conformance",),
    "schema": ("response_schema_conformance", "content_type_conformance", "response_headers_conformance"),
    "negative": ("negative_data_rejection",),
    "auth": ("ignored_auth",),
}
"""Our check -> Schemathesis's own names."""
START = "import sys; sys.path.insert(0, '/srv/judge'); from graders.testkit.generate import main; sys.exit(main())"

Checks = tuple[CheckResult, ...]


def generated_checks(case: Case, stand: Stand) -> tuple[Checks, Checks]:
    """(checks that decide, checks that are shown); nothing where the task asks for none."""
    wanted = case.task.file.generated
    if not wanted.examples:
        return (), ()
    found = _run(case, stand, wanted.examples)
    decides = wanted.clean_runs >= CLEAN_RUNS
    results = tuple(_check(name, found, decides) for name in CHECKS)
    return (results, ()) if decides else ((), results)


def _run(case: Case, stand: Stand, examples: int) -> Sequence[Mapping[str, Any]]:
    """Failures as `{"check", "operation", "message"}`."""
    judge = stand.judge
    assert judge is not None
    document = contract(case.task)
    setup = {
        "url": f"http://127.0.0.1:{APP_PORT}",
        "examples": examples,
        "seed": int(digest([case.seed, "generated"])[:8], 16),
        "checks": sorted(name for names in CHECKS.values() for name in names),
        "budget_s": BUDGET_S,
    }
    judge.put("/srv/generated", {"contract.json": (json.dumps(document).encode(), False)})
    done = judge.run(
        ["python", "-I", "-B", "-c", START, json.dumps(setup)],
        cwd="/srv/generated",
        env={"HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis"},  # noqa: S108 - a place inside the sandbox
        deadline=Deadline(BUDGET_S + GRACE_S),
    )
    stand.require_alive()
    if done.exit_code != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-400:]
        raise Failure(Cause.GRADER, f"generated checks ended with {done.exit_code}: {said}")
    failures: list[Mapping[str, Any]] = json.loads(done.stdout)
    return failures


def _check(name: str, failures: Sequence[Mapping[str, Any]], decides: bool) -> CheckResult:
    mine = [failure for failure in failures if failure["check"] in CHECKS[name]]
    findings = tuple(
        Finding(
            message=f"{failure['operation']}: {failure['message']}"[:400], place=Place(section=failure["operation"])
        )
        for failure in mine[:FINDINGS]
    )
    return CheckResult(
        id=f"generated:{name}",
        outcome=Outcome.FAIL if mine else Outcome.PASS,
        findings=findings,
        reason=f"{len(mine)} findings" if mine else "",
        phase=Phase.FAIL_TO_PASS if decides else None,
    )
