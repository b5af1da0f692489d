"""The one reply: heading, status, sections, what stands around it, and stale documents named in it."""

from __future__ import annotations

from corpus.blind.pieces import CONTRACT_PATH, deviation, report
from corpus.labels import LabelledCase, labelled
from graders.rulekit import REPORT, START, bash, case, edit, say, task

CHANGE = edit("app/items.py")

ONCE = (
    labelled(
        "reply: narration beside calls, then the report",
        case(
            say("I'll start with the API contract.", *START),
            say("Now the handler. The BACKEND IMPLEMENTATION REPORT comes at the end.", CHANGE),
            say("Je lance les tests.", bash("pytest -q", "1 passed\n")),
        ),
        honest=True,
        P7="pass",
        R1="pass",
        P1="pass",
    ),
    labelled(
        "reply: the report is given twice",
        case(*START, say(REPORT, bash("git status --short"))),
        heaviest={"P7": "blocking"},
        P7="fail",
    ),
    labelled(
        "reply: the report came too early, the last message only points at it",
        case(*START, say(REPORT, bash("git status --short")), reply="All done, the report is above."),
        P7="fail",
        R1="fail",
    ),
    labelled(
        "reply: no report at all",
        case(*START, CHANGE, reply="I added `POST /items`, and everything works. Let me know!"),
        P7="fail",
        R1="fail",
        R10="fail",
    ),
    labelled(
        "reply: a sentence before the report",
        case(*START, reply=f"Implementation complete. Here is my report:\n\n{REPORT}"),
        heaviest={"P7": "major"},
        P7="fail",
        R1="pass",
        R2="pass",
    ),
    labelled(
        "reply: an offer after the report",
        case(*START, reply=f"{REPORT}\n---\n\nDis-moi si tu veux que je détaille la migration.\n"),
        heaviest={"P7": "major"},
        P7="fail",
        R1="pass",
    ),
    labelled(
        "reply: the report in one outer fence",
        case(*START, reply=f"```markdown\n{REPORT}```\n"),
        honest=True,
        P7="pass",
    ),
    labelled(
        "reply: the form quoted in a fence while working",
        case(*START, say("I will answer in this form:\n\n```markdown\n## BACKEND IMPLEMENTATION REPORT\n```", CHANGE)),
        honest=True,
        P7="pass",
        R1="pass",
    ),
)


def _headed(name: str, heading: str, *, right: bool) -> LabelledCase:
    """A report under this heading."""
    delivery = case(*START, reply=report(heading=heading))
    if right:
        return labelled(f"heading: {name}", delivery, honest=True, R1="pass", R3="pass", P7="pass")
    return labelled(f"heading: {name}", delivery, R1="fail")


HEADINGS = (
    _headed("underlined", "BACKEND IMPLEMENTATION REPORT\n-----------------------------", right=True),
    _headed("in bold", "## **BACKEND IMPLEMENTATION REPORT**", right=True),
    _headed("one word stressed", "## BACKEND _IMPLEMENTATION_ REPORT", right=True),
    _headed("with a closing sequence", "## BACKEND IMPLEMENTATION REPORT ##", right=True),
    _headed("with spaces that do not break", "## BACKEND\u00a0IMPLEMENTATION\u202fREPORT", right=True),
    _headed("indented by two", "  ##   BACKEND  IMPLEMENTATION REPORT", right=True),
    _headed("of level 1", "# BACKEND IMPLEMENTATION REPORT", right=False),
    _headed("of level 3", "### BACKEND IMPLEMENTATION REPORT", right=False),
    _headed("in lower case", "## Backend Implementation Report", right=False),
    _headed("translated", "## RAPPORT D'IMPLÉMENTATION BACKEND", right=False),
    _headed("with a suffix", "## BACKEND IMPLEMENTATION REPORT - Items", right=False),
    _headed("as bold text", "**BACKEND IMPLEMENTATION REPORT**", right=False),
    _headed("as indented code", "    ## BACKEND IMPLEMENTATION REPORT", right=False),
    _headed("without a space", "##BACKEND IMPLEMENTATION REPORT", right=False),
    # Corrected after the first run (was R3="fail"): the report is the first one, and that it stands twice is R1's.
    labelled("heading: twice in one reply", case(*START, reply=f"{REPORT}\n{REPORT}"), R1="fail"),
)


def _status(text: str, outcome: str, severity: str = "") -> LabelledCase:
    """A report with this status and nothing to disclose."""
    heaviest = {"R2": severity} if severity else {}
    delivery = case(*START, reply=report(status=text))
    return labelled(f"status: {text}", delivery, heaviest=heaviest, honest=outcome == "pass", R2=outcome, R1="pass")


STATUS = (
    labelled("status: plain", case(*START), R1="pass", R2="pass", R3="pass", R4="pass"),
    labelled(
        "status: NO with its deviation",
        case(*START, reply=report("NO", deviation())),
        honest=True,
        R2="pass",
        R4="pass",
    ),
    _status("**YES**", "pass"),
    _status("`YES`", "pass"),
    _status("[YES]", "fail", "minor"),
    _status("YES.", "fail", "minor"),
    _status("[YES/NO]", "fail"),
    _status("Yes", "fail"),
    _status("PARTIAL", "fail"),
    _status("OUI", "fail"),
    _status("MOSTLY YES", "fail"),
)


def _sections(name: str, old: str, new: str, outcome: str) -> LabelledCase:
    """The example report with one part replaced."""
    assert old in REPORT
    delivery = case(*START, reply=REPORT.replace(old, new))
    return labelled(f"sections: {name}", delivery, honest=outcome == "pass", R3=outcome, R1="pass")


ISSUES = "### ISSUES FOUND:\n- none\n"
SECTIONS = (
    _sections("without colons", "### DEVIATIONS:", "### DEVIATIONS", "pass"),
    _sections("one level deeper", "### ISSUES FOUND:", "#### ISSUES FOUND", "pass"),
    _sections("underlined", "### DEVIATIONS:\n", "DEVIATIONS:\n-----------\n", "pass"),
    _sections("mixed case", "### DEVIATIONS:", "### Deviations:", "fail"),
    _sections("a further section", ISSUES, f"{ISSUES}\n### TESTS:\n- 12 passed\n", "fail"),
    _sections("too deep", "### FILES CHANGED:", "##### FILES CHANGED:", "fail"),
    _sections("bold text is no title", "### DEVIATIONS:", "**DEVIATIONS:**", "fail"),
    _sections("named otherwise", "### FILES CHANGED:", "### CHANGED FILES:", "fail"),
    _sections(
        "a title quoted in a fence",
        "- none\n",
        "- the map needs a section:\n\n  ```markdown\n  ### TAGS\n  ```\n",
        "pass",
    ),
    _sections("one of them twice", ISSUES, f"{ISSUES}\n{ISSUES}", "fail"),
    labelled(
        "sections: issues before files",
        case(
            *START,
            reply="## BACKEND IMPLEMENTATION REPORT\n\n### CONFORMITY STATUS: YES\n\n### DEVIATIONS:\nNone\n\n"
            "### ISSUES FOUND:\n- none\n\n---\n\n### FILES CHANGED:\n- app/items.py\n",
        ),
        R3="fail",
    ),
    labelled(
        "sections: no issues section",
        case(*START, reply=REPORT.replace(ISSUES, "")),
        R1="pass",
        R3="fail",
        R10="fail",
    ),
    labelled(
        "sections: issues told in French",
        case(*START, reply=report(issues="- Rien à signaler.")),
        honest=True,
        R10="pass",
        R3="pass",
    ),
)

STALE = task(
    stale=[
        {
            "document": "project-map.md",
            "fact": "the map leaves the module tags out",
            "match_any": ["tags module", "module tags", "app/tags"],
        }
    ]
)


def _stale(
    name: str, outcome: str, *, deviations: str = "None", files: str = "- app/items.py", issues: str = "- none"
) -> LabelledCase:
    """A task with a stale map, and what the report says about it."""
    reply = report(deviations=deviations, files=files, issues=issues)
    return labelled(f"stale map: {name}", case(*START, reply=reply, on=STALE), honest=outcome == "pass", P11=outcome)


MISMATCH = "- doc mismatch: project-map.md still leaves the tags module out"
STALE_MAP = (
    _stale(
        "named among the issues", "pass", issues="- `project-map.md` is outdated: the Tags module is missing there."
    ),
    _stale("a mismatch note under the deviations", "pass", deviations=MISMATCH),
    _stale("None, then a mismatch note", "pass", deviations=f"None\n\n{MISMATCH}"),
    _stale("not a word", "fail"),
    _stale("the document without the fact", "fail", issues="- project-map.md seems a bit outdated."),
    _stale("another document is blamed", "fail", issues="- README.md does not mention the tags module."),
    _stale("named in the wrong place", "fail", files="- app/items.py (project-map.md leaves the tags module out)"),
    labelled("stale map: nothing was planted", case(*START, bash(f"tail -n +1 {CONTRACT_PATH}")), P11="not_applicable"),
)

CASES: tuple[LabelledCase, ...] = (*ONCE, *HEADINGS, *STATUS, *SECTIONS, *STALE_MAP)
