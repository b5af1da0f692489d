"""JUnit XML: a suite for each trial, a case for each check, so that any CI shows what failed and where.

A failed check is a failure; a trial that could not be judged is an error, never a failure and never missing; a check
that does not apply is skipped. An answer that nobody could give does not redden a valid trial: it is skipped, and told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.etree import ElementTree

from harness.core.records import CheckResult, Grade, Outcome
from harness.core.runs import RunManifest
from harness.core.scores import TrialResult
from harness.core.text import inert, one_line

Grades = Callable[[TrialResult], Mapping[str, Grade]]
"""The grades of a trial's last attempt."""


def junit(
    manifest: RunManifest, results: tuple[TrialResult, ...], grades: Grades, overrides: Mapping[str, list[str]]
) -> str:
    """The run as JUnit XML. overrides: trial -> its disputed findings."""
    root = ElementTree.Element("testsuites", name=one_line(manifest.run))
    for result in results:
        suite = _suite(result, grades)
        disputed = overrides.get(result.planned.trial)
        if disputed:
            ElementTree.SubElement(suite, "system-out").text = "\n".join(
                one_line(f"override: {o}", 500) for o in disputed
            )
        root.append(suite)
    _totals(root, list(root.iter("testcase")))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(result: TrialResult, grades: Grades) -> ElementTree.Element:
    planned = result.planned
    name = one_line(f"{planned.arm} {planned.task} #{planned.repeat}")
    suite = ElementTree.Element("testsuite", name=name)
    if result.validity.valid:
        for grader, grade in grades(result).items():
            for check in grade.checks:
                suite.append(_case(f"{name}.{one_line(grader)}", check))
    else:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name="trial")
        error = ElementTree.SubElement(case, "error", message=one_line(str(result.validity)))
        error.text = inert(result.validity.detail)
    _totals(suite, list(suite))
    suite.set("time", f"{sum(attempt.wall_s for attempt in result.attempts):.3f}")
    return suite


def _case(place: str, check: CheckResult) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=place, name=one_line(check.id))
    reason = one_line(check.reason, 500)
    if check.outcome is Outcome.FAIL:
        failure = ElementTree.SubElement(case, "failure", message=reason or "failed")
        told = [f"{finding.place}: {finding.message} {finding.quote}".rstrip() for finding in check.findings]
        failure.text = "\n".join(one_line(line, 500) for line in told)
    elif check.outcome is not Outcome.PASS:
        told_as = "unknown: " if check.outcome is Outcome.UNKNOWN else ""
        ElementTree.SubElement(case, "skipped", message=f"{told_as}{reason}")
    return case


def _totals(element: ElementTree.Element, cases: list[ElementTree.Element]) -> None:
    element.set("tests", str(len(cases)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(kind) is not None for case in cases)))
