"""One run of the judge on an open stand: stages first, then the hidden checks, then what the judge says, believed.

A run may stop at the first check that fails and may be told which checks to try first: whoever asks only whether a
delivery fails at all (a mutant of the reference) need not hear every answer. A verdict always hears them all.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from graders.channel import Answer, Judged, Records
from graders.manifest import HiddenCheck
from graders.stand import APP_PORT, STAGES, START, Stage, Stand
from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import Case, Process
from harness.core.records import CheckResult, Finding, Outcome, Place

SUITE_S = 1100.0
"""The judge stops by itself well before: past this it hangs, and that is no fault of the delivery's."""


class JudgeRun:
    """One judge run on an open stand."""

    def __init__(
        self,
        case: Case,
        on: Stand,
        files: Mapping[str, tuple[bytes, bool]],
        expected: tuple[HiddenCheck, ...],
        *,
        first: Sequence[str] = (),
        stop: bool = False,
    ) -> None:
        """`first`: ids of checks that are tried before the others; `stop`: at the first check that fails."""
        self._case = case
        self._stand = on
        self._files = files
        self._expected = expected
        self._first = tuple(first)
        self._stop = stop
        self._nonce = secrets.token_hex(16)
        self.seconds: dict[str, float] = {}
        """Stage -> how long it took, as far as it came."""

    def judge(self) -> tuple[Stage, str, Judged]:
        """(stage that failed or "behaves", detail, what the judge says).

        A delivery that takes its own server or database down by memory fails the stage it was at, at the latest
        "ready": what it can cause is a score and no gap.
        """
        try:
            return self._judge()
        except Failure:
            taken = self._stand.took_too_much()
            if taken is None:
                raise
            early = next(stage for stage in STAGES if stage not in self.seconds)
            return early if early in ("installs", "migrates") else "ready", taken, Judged(False, "", {})

    def _judge(self) -> tuple[Stage, str, Judged]:
        process = self._start()
        nothing = Judged(False, "", {})
        with self._timed("installs"):
            said = self._stand.install()
        if said is not None:
            return "installs", said, nothing
        with self._timed("migrates"):
            said = self._stand.migrate()
        if said is not None:
            return "migrates", said, nothing
        self._stand.boot()
        process.write(b"go\n")
        with self._timed("behaves"):
            judged = self._follow(process)
        self._stand.require_alive()
        if judged.ready:
            return "behaves", "", judged
        status = self._stand.ended()
        log = "\n".join(self._stand.log(number) for number in range(self._case.task.file.app.replicas)).strip()[-600:]
        if status is not None:
            return "boots", f"the app ended with {status}: {log}", judged
        return "ready", f"{self._case.task.file.app.health} answered {judged.seen}: {log}", judged

    @contextlib.contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[stage] = time.monotonic() - began - (self.seconds.get("ready", 0.0) if stage == "behaves" else 0.0)

    def _start(self) -> Process:
        """The judge, collecting its checks and waiting for the word."""
        judge = self._stand.judge
        assert judge is not None
        judge.put("/srv/checks", self._files)
        file = self._case.task.file
        setup = {
            "ports": [APP_PORT + number for number in range(file.app.replicas)],
            "health": file.app.health,
            "openapi": file.app.openapi,
            "services": file.services,
            "fakes": file.fakes,
            "seed": self._case.seed,
            "checks": "/srv/checks",
            "first": self._first,
            "stop": self._stop,
        }
        env = {"JUDGE_NONCE": self._nonce, "JUDGE_SETUP": json.dumps(setup), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return judge.start(["python", "-I", "-B", "-c", START.format("judge")], cwd="/srv/checks", env=env)

    def _follow(self, process: Process) -> Judged:
        deadline = Deadline(SUITE_S)
        records = Records(self._nonce)
        began = time.monotonic()
        try:
            while (line := process.read_line(deadline)) is not None:
                request = records.take(line)
                if records.ready:
                    self.seconds.setdefault("ready", time.monotonic() - began)
                if request is not None:
                    answer = {"number": request.number, "value": self._stand.carry_out(request)}
                    process.write(json.dumps(answer).encode() + b"\n")
        except TimeoutError as error:
            raise Failure(Cause.GRADER, f"the judge did not end within {SUITE_S:g} s") from error
        manifest = frozenset(check.id for check in self._expected)
        return records.judged(manifest, process.wait(deadline), stopped=self._stop)


def check_files(root: Path) -> dict[str, tuple[bytes, bool]]:
    """The hidden checks below `root`, by their own relative paths; `Failure(TASK)` where there is no such folder."""
    if not root.is_dir():
        raise Failure(Cause.TASK, "the task has no checks folder")
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), False)
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def check_result(check: HiddenCheck, stage: Stage, detail: str, answer: Answer | None) -> CheckResult:
    """What the judge says about one check; every check fails with the stage where one did."""
    if stage != "behaves":
        reason, message = f"stage:{stage}", detail
    elif answer is not None and answer.passed:
        return CheckResult(id=check.id, outcome=Outcome.PASS, phase=check.phase, clauses=check.clauses)
    else:
        assert answer is not None, "every check of the manifest has an answer"
        reason, message = answer.reason, answer.message
    finding = Finding(message=message or reason, place=Place(section=check.id), quote="")
    return CheckResult(
        id=check.id,
        outcome=Outcome.FAIL,
        findings=(finding,),
        reason=reason,
        phase=check.phase,
        clauses=check.clauses,
    )


def stage_results(failed: Stage, detail: str, seconds: Mapping[str, float]) -> list[CheckResult]:
    """Each stage with its outcome: what comes after the one that failed fails for its cause."""
    results = []
    broken = False
    for stage in STAGES:
        broken = broken or (stage == failed and stage != "behaves")
        finding = Finding(message=detail if stage == failed else f"{failed} failed first")
        results.append(
            CheckResult(
                id=f"stage:{stage}",
                outcome=Outcome.FAIL if broken else Outcome.PASS,
                findings=(finding,) if broken else (),
                reason=f"stage:{failed}" if broken else "",
                facts={"seconds": round(seconds[stage], 3)} if stage in seconds else {},
            )
        )
    return results
