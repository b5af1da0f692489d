"""Did the agent obey its prompt? Every rule of the rulebook, each in its own file, over the recorded evidence.

A rule that fails itself answers `unknown` and says so: an error of ours is never a pass, and the scores decide what an
unknown answer does to the trial. A `Failure` knows its own cause and passes. Nothing is run here but the rules; what
the agent wrote is data.
"""

from __future__ import annotations

from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from graders.addedlines import inert
from graders.obedience import obedience
from graders.rulebook import RULEBOOK, Binding, load_rulebook
from graders.rulekit import Ruling
from harness.core.digest import digest, folder_digest, sha256
from harness.core.errors import Failure
from harness.core.ports import Case
from harness.core.records import CheckResult, Finding, Grade, Outcome, Severity

MAX_FINDINGS = 50
MAX_TEXT = 200
"""Longest message and quote of a finding."""

_ORDER = (Severity.BLOCKING, Severity.MAJOR, Severity.MINOR)


class RuleViolations:
    """Runs the rules of one rulebook; the advisory check `obedience` carries the weighted totals."""

    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, rulebook: Path = RULEBOOK, package: str = "graders.rules") -> None:
        self._rulebook = load_rulebook(rulebook, package)

    def grade(self, case: Case) -> Grade:
        """One check a rule, in the rulebook's order."""
        results = tuple(_result(binding, _rule(binding, case)) for binding in self._rulebook.bindings)
        kept, total = obedience(results)
        totals = CheckResult(
            id="obedience", outcome=Outcome.NOT_APPLICABLE, opportunities=0, facts={"kept": kept, "total": total}
        )
        return Grade(
            grader="rule_violations",
            version=f"{self.version}/{self._rulebook.name}-{self._rulebook.version}",
            digest=self._digest,
            checks=tuple(_bounded(result) for result in results),
            advisory=(totals,),
        )

    @cached_property
    def _digest(self) -> str:
        """Over the rulebook, the rules, their configuration, the modules beside this one and ruff itself."""
        here = Path(__file__).parent
        modules = {path.name: sha256(path.read_bytes()) for path in sorted(here.glob("*.py"))}
        folders = [folder_digest(here / "rules"), folder_digest(here / "config")]
        return digest([self._rulebook.digest, modules, folders, metadata.version("ruff")])


def _rule(binding: Binding, case: Case) -> Ruling:
    try:
        return binding.rule.judge(case)
    except Failure:
        raise
    except Exception as error:
        # Ours, whatever the agent wrote: the answer is missing.
        return Ruling(Outcome.UNKNOWN, opportunities=0, reason=f"grader error: {type(error).__name__}: {error}"[:500])


def _result(binding: Binding, ruling: Ruling) -> CheckResult:
    return CheckResult(
        id=binding.id,
        outcome=ruling.outcome,
        findings=tuple(_lightened(finding, binding.severity) for finding in ruling.findings),
        reason=ruling.reason,
        severity=binding.severity,
        source=binding.source,
        opportunities=ruling.opportunities,
        facts={"demand": binding.rule.demand, "section": binding.section},
    )


def _lightened(finding: Finding, severity: Severity) -> Finding:
    """A finding never weighs more than its rule, also where the rulebook made the rule lighter."""
    heavier = finding.severity is not None and _ORDER.index(finding.severity) < _ORDER.index(severity)
    return finding.model_copy(update={"severity": None}) if heavier else finding


def _bounded(result: CheckResult) -> CheckResult:
    """The heaviest findings first where there are too many, and no text that harms a table: bounded and inert."""
    findings = result.findings
    reason = result.reason
    if len(findings) > MAX_FINDINGS:
        own = result.severity or Severity.MINOR
        heaviest = sorted(findings, key=lambda finding: _ORDER.index(finding.severity or own))
        findings = tuple(heaviest[:MAX_FINDINGS])
        reason = f"{len(result.findings)} findings, {MAX_FINDINGS} shown" + (f"; {reason}" if reason else "")
    return result.model_copy(update={"findings": tuple(_short(finding) for finding in findings), "reason": reason})


def _short(finding: Finding) -> Finding:
    place = finding.place
    if place.path is not None:
        place = place.model_copy(update={"path": inert(place.path)})
    texts = {"message": inert(finding.message[:MAX_TEXT]), "quote": inert(finding.quote[:MAX_TEXT])}
    return finding.model_copy(update={**texts, "place": place, "act": inert(finding.act)})
