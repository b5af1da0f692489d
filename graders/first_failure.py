"""Does the delivery fail any hidden check? The stand and the checks of a verdict, ended at the first failure.

For whoever plays many deliveries that are meant to fail, mutants of the reference above all: what a verdict would say
is known with the first check that fails, and a delivery that fails none has passed every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from graders.judgerun import JudgeRun, check_files, check_result, stage_results
from graders.manifest import manifest
from graders.stand import stand
from harness.core.errors import Cause, Failure
from harness.core.ports import Case
from harness.core.records import Grade


class FirstFailure:
    """Runs hidden checks against the snapshot until one fails."""

    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, first: Sequence[str] = ()) -> None:
        """`first`: ids of the checks that are most likely to fail, most likely first."""
        self._first = first

    def grade(self, case: Case) -> Grade:
        """A check for each that ran, at most one of them failed, none where the app did not start; stages as advice."""
        if case.lab is None:
            raise Failure(Cause.GRADER, "first_failure needs sandboxes")
        files = check_files(case.task.root / "checks")
        expected = manifest({path: content for path, (content, _) in files.items()})
        with stand(case, case.lab) as open_stand:
            run = JudgeRun(case, open_stand, files, expected, first=self._first, stop=True)
            stage, detail, judged = run.judge()
        ran = [check for check in expected if check.id in judged.answers]
        checks = tuple(check_result(check, stage, detail, judged.answers[check.id]) for check in ran)
        advisory = tuple(stage_results(stage, detail, run.seconds))
        return Grade(grader="first_failure", version=self.version, digest="", checks=checks, advisory=advisory)
