"""Does the delivery keep the contract? Hidden checks, black box, over HTTP.

The delivery runs in one sandbox, the checks in another with another uid, the database in a third; between them there is
nothing but a relay. The verdict comes out on a channel that the delivery never had. Stages come first (installs,
migrates, boots, ready): the first that fails is named, what follows fails for that cause, and every check fails with
it, so a broken start is a score and not a gap.
"""

from __future__ import annotations

from typing import ClassVar

from graders.generated import generated_checks
from graders.judgerun import JudgeRun, check_files, check_result, stage_results
from graders.manifest import manifest
from graders.openapi import served_checks
from graders.stand import stand
from harness.core.errors import Cause, Failure
from harness.core.ports import Case
from harness.core.records import Grade


class TestsPassing:
    """Runs the hidden checks against the sealed snapshot."""

    __test__ = False
    version: ClassVar[str] = "2"
    needs: ClassVar[tuple[str, ...]] = ()

    def grade(self, case: Case) -> Grade:
        """One check per hidden check, stages and generated checks as advice; `Failure` where judging went wrong."""
        if case.lab is None:
            raise Failure(Cause.GRADER, "tests_passing needs sandboxes")
        files = check_files(case.task.root / "checks")
        expected = manifest({path: content for path, (content, _) in files.items()})
        if not expected:
            raise Failure(Cause.TASK, f"task {case.task.id} has no hidden checks")
        with stand(case, case.lab) as open_stand:
            run = JudgeRun(case, open_stand, files, expected)
            stage, detail, judged = run.judge()
            decisive, generated = generated_checks(case, open_stand) if stage == "behaves" else ((), ())
        results = tuple(check_result(check, stage, detail, judged.answers.get(check.id)) for check in expected)
        advisory = (
            *stage_results(stage, detail, run.seconds),
            *served_checks(case.task, judged.served, stage),
            *generated,
        )
        return Grade(
            grader="tests_passing", version=self.version, digest="", checks=(*results, *decisive), advisory=advisory
        )
