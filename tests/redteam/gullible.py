"""Graders that stand in the place of real ones with one defence missing; around them everything is the real thing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, cast

from graders.channel import Answer
from graders.judgerun import check_files, check_result
from graders.manifest import manifest
from harness.core.ports import Case, Grader, Lab, Process, Sandbox, SandboxSpec
from harness.core.records import CheckResult, Grade, Outcome
from redteam import hardened
from redteam.case import Material
from redteam.played import Played


@dataclass(frozen=True)
class TakesItsWord:
    """A grader that does not ask some of its questions."""

    grader: Grader
    unasked: tuple[str, ...]

    version: ClassVar[str] = "0"

    @property
    def needs(self) -> tuple[str, ...]:
        """Those of the real one."""
        return self.grader.needs

    def grade(self, case: Case) -> Grade:
        """The real one's grade, in which these checks pass unseen."""
        grade = self.grader.grade(case)
        checks = tuple(_passed(check) if check.id in self.unasked else check for check in grade.checks)
        return grade.model_copy(update={"checks": checks, "advisory": ()})


@dataclass(frozen=True)
class BelievesPrints:
    """Hidden checks whose records are also read from what the app prints, whatever nonce they carry."""

    grader: Grader
    version: ClassVar[str] = "0"
    needs: ClassVar[tuple[str, ...]] = ()

    def grade(self, case: Case) -> Grade:
        """The real one's grade, in which a check passes that the app says passed."""
        assert case.lab is not None
        lab = Listening(case.lab)
        grade = self.grader.grade(replace(case, lab=cast(Lab, lab)))
        said = {record.get("id") for record in _records(lab.heard) if record.get("outcome") == "pass"}
        checks = tuple(_passed(check) if check.id in said else check for check in grade.checks)
        return grade.model_copy(update={"checks": checks})


@dataclass(frozen=True)
class Listening:
    """The lab, which keeps what was printed in servers' sandboxes."""

    lab: Lab
    heard: list[bytes] = field(default_factory=list)

    @contextmanager
    def sandbox(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        """The real lab's sandbox; what was started in a server is heard before it closes."""
        started: list[Process] = []
        with self.lab.sandbox(spec) as box:
            yield _kept(box, started) if spec.role == "server" else box
            self.heard.extend(process.log() for process in started)

    def services(self, names: Any) -> Any:
        """The real lab's."""
        return self.lab.services(names)


def _kept(box: Sandbox, started: list[Process]) -> Sandbox:
    """The sandbox itself, for relays join no other, which tells what is started in it."""
    start = box.start

    def kept(argv: list[str], **about: Any) -> Process:
        process = start(argv, **about)
        started.append(process)
        return process

    box.start = kept  # type: ignore[method-assign]
    return box


@dataclass(frozen=True)
class OneProcess:
    """Hidden checks in one process with the app: the hardened grader in the place of the judge."""

    material: Material
    version: ClassVar[str] = "0"
    needs: ClassVar[tuple[str, ...]] = ()

    def grade(self, case: Case) -> Grade:
        """As many checks pass as its result says."""
        assert case.lab is not None
        # It judges the sealed files in a sandbox of its own, so there is no agent's container to hand over.
        on = Played(self.material, case.lab, cast(Sandbox, None), "", "")
        passed = hardened.passes(on, case.evidence.final)
        files = check_files(case.task.root / "checks")
        expected = manifest({path: content for path, (content, _) in files.items()})
        answers = (Answer(number < passed, "assertion") for number in range(len(expected)))
        checks = tuple(
            check_result(check, "behaves", "", answer) for check, answer in zip(expected, answers, strict=True)
        )
        return Grade(grader="tests_passing", version=self.version, digest="", checks=checks)


def unasked(name: str, *checks: str) -> Any:
    """For `Defence.graders`: the grader `name` without these of its questions."""

    def weaken(graders: Mapping[str, Grader], material: Material) -> Mapping[str, Grader]:
        return {**graders, name: cast(Grader, TakesItsWord(graders[name], checks))}

    return weaken


def believes_prints(graders: Mapping[str, Grader], material: Material) -> Mapping[str, Grader]:
    """For `Defence.graders`: records need no channel and no nonce."""
    return {**graders, "tests_passing": BelievesPrints(graders["tests_passing"])}


def one_process(graders: Mapping[str, Grader], material: Material) -> Mapping[str, Grader]:
    """For `Defence.graders`: judge and app share a process."""
    return {**graders, "tests_passing": OneProcess(material)}


def _passed(check: CheckResult) -> CheckResult:
    return check.model_copy(update={"outcome": Outcome.PASS, "findings": (), "reason": ""})


def _records(heard: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in b"\n".join(heard).splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("type") == "test":
            yield record
