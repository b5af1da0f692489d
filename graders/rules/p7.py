"""P7: the orchestrator stores the last message as the report, so it has to be the report and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from graders.rulekit import REPORT, START, Example, Ruling, bash, case, decide, say, unknown, write
from graders.sections import Report, find_report, fold, is_report_title, section
from graders.toolcalls import clip
from harness.core.ports import Case
from harness.core.records import Finding, Outcome, Place, Severity, Source

_CHATTER = re.compile(
    r"\b(let me know|feel free|happy to|hope this|if you (want|need)|would you like|shall i|all done|thank you)\b",
    re.IGNORECASE,
)
_FORM = "## BACKEND IMPLEMENTATION REPORT\n\n### CONFORMITY STATUS: [YES/NO]\n"


class P7:
    """The report stands in one message, the last one; prose around it there is major."""

    demand: ClassVar[str] = "The reply is one report and nothing else."
    section: ClassVar[str] = "Deviation Reporting Format (MANDATORY)"
    source: ClassVar[Source] = Source.PROMPT
    severity: ClassVar[Severity] = Severity.BLOCKING
    evidence: ClassVar[tuple[str, ...]] = ("transcript", "reply")

    def judge(self, case: Case) -> Ruling:
        report = find_report(case.evidence.reply)
        findings = list(_early(case))
        if report is None:
            findings.append(Finding(message="the last message holds no report", act="reply"))
        else:
            findings += _around(report)
        if not findings and not case.evidence.transcript.complete:
            return unknown("events of the transcript are lost")
        return decide(findings)

    examples: ClassVar[tuple[Example, ...]] = (
        Example("one report, last", case(*START, write("app/items.py")), Outcome.PASS),
        Example("no report", case(*START, reply="All done, the endpoints work."), Outcome.FAIL, findings=1),
        Example("nothing at all", case(*START, reply=""), Outcome.FAIL, findings=1),
        Example("reports twice", case(*START, say(REPORT), bash("pytest -q")), Outcome.FAIL, findings=1),
        Example(
            "reports beside a call, then adds a word",
            case(*START, say(REPORT, bash("ls")), reply="Done."),
            Outcome.FAIL,
            findings=2,
        ),
        Example(
            "prose before the report",
            case(*START, reply=f"Everything is implemented.\n\n{REPORT}"),
            Outcome.FAIL,
            findings=1,
            severity=Severity.MAJOR,
        ),
        Example(
            "a farewell behind the report",
            case(*START, reply=f"{REPORT}\nLet me know if you need anything else!\n"),
            Outcome.FAIL,
            severity=Severity.MAJOR,
        ),
        Example(
            "a farewell right under the last issue",
            case(*START, reply=f"{REPORT.rstrip()}\nLet me know if something is missing.\n"),
            Outcome.FAIL,
            severity=Severity.MAJOR,
            trap=True,
        ),
        Example(
            "a mark of the encoding, a divider",
            case(*START, reply=f"\ufeff---\n\n{REPORT}\n---\n"),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "issues that speak of thanks",
            case(*START, reply=REPORT.replace("- none", "1. `x` is old\n2. thank you page has no French text")),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "two reports in one message",
            case(*START, reply=f"{REPORT}\n{REPORT}"),
            Outcome.FAIL,
            severity=Severity.MAJOR,
            trap=True,
        ),
        Example(
            "a summary behind a line",
            case(*START, reply=f"{REPORT}\n---\n\nAll tests are green.\n"),
            Outcome.FAIL,
            severity=Severity.MAJOR,
            trap=True,
        ),
        Example(
            "narration in earlier turns",
            case(
                *START,
                say("I read the report format: a BACKEND IMPLEMENTATION REPORT.", bash("ls")),
                say("Now the tests."),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "quotes the empty form while it plans",
            case(*START, say(f"I have to answer with\n\n```markdown\n{_FORM}```\n", bash("ls"))),
            Outcome.PASS,
            trap=True,
        ),
        Example("one outer code fence", case(*START, reply=f"```markdown\n{REPORT}```\n"), Outcome.PASS, trap=True),
        Example(
            "prose around an outer fence",
            case(*START, reply=f"Here it is:\n\n```markdown\n{REPORT}```\n"),
            Outcome.FAIL,
            severity=Severity.MAJOR,
            trap=True,
        ),
        Example(
            "a heading underlined, with odd blanks and marks",
            case(
                *START,
                reply=REPORT.replace(
                    "## BACKEND IMPLEMENTATION REPORT", "**BACKEND\u00a0IMPLEMENTATION  REPORT**\n---"
                ),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "the report was written into a file on the way",
            case(*START, bash(f"cat > /tmp/r.md <<'EOF'\n{REPORT}EOF"), write("app/items.py", REPORT)),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "issues with a closing remark",
            case(
                *START,
                reply=REPORT.replace("- none", "- `project-map.md` is old.\n\nI have not touched it; it was so."),
            ),
            Outcome.PASS,
            trap=True,
        ),
        Example(
            "the heading stands in a quote",
            case(*START, say("> ## BACKEND IMPLEMENTATION REPORT\n")),
            Outcome.PASS,
            trap=True,
        ),
    )


def _early(case: Case) -> Iterator[Finding]:
    """Reports in messages before the last."""
    for turn in case.evidence.transcript.turns[:-1]:
        if find_report(turn.text) is not None:
            place = Place(step=turn.step)
            yield Finding(message="a report stands in a message before the last", place=place, act=f"step:{turn.step}")


def _around(report: Report) -> Iterator[Finding]:
    """What the last message holds beside the report; all of it is one act."""
    repeated = [heading for heading in report.headings[1:] if is_report_title(heading.title)]
    behind = report.after or _behind(report)
    for message, text in (
        ("text stands before the report", report.before.strip("-*_ \n")),
        ("a second report follows the first", repeated[0].title if repeated else ""),
        ("text stands behind the report", "" if repeated else behind),
    ):
        if text:
            yield Finding(message=message, severity=Severity.MAJOR, act="reply", quote=clip(fold(text)))


def _behind(report: Report) -> str:
    """Text that belongs to no section: behind a divider, or a word to the reader after the last list."""
    last = section(report, "ISSUES FOUND")
    issues, divider, rest = _divide(last)
    if divider and rest:
        return rest
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", issues.strip())]
    talk = [part for part in paragraphs[1:] if _CHATTER.search(part) and not part.startswith(("-", "*", "+", "#"))]
    loose = [line for line in paragraphs[0].split("\n")[1:] if re.match(r"[A-Za-z]", line) and _CHATTER.search(line)]
    return next(iter([*talk, *loose]), "")


def _divide(text: str) -> tuple[str, bool, str]:
    match = re.search(r"^ {0,3}(?:-{3,}|\*{3,}|_{3,})[ \t]*$", text, re.MULTILINE)
    return (text[: match.start()], True, text[match.end() :].strip()) if match else (text, False, "")
