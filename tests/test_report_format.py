"""R1 to R11 as a table: every report with the outcome it owes in each check, honest look-alikes included."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from graders.report import HEADING, LABELS
from graders.report_format import ReportFormat
from graders.rulekit import BASE, CONTRACT, case, task
from harness.core.records import CheckResult, Grade, Outcome, Severity

APP = """from fastapi import APIRouter, FastAPI

PREFIX = "/rooms"
router = APIRouter(prefix=PREFIX)
app = FastAPI()

@router.get("/{room_id}")
async def room(room_id: str) -> str: ...

@router.api_route("", methods=["PUT", "PATCH"])
async def change() -> str: ...

@app.websocket("/ws")
async def socket() -> None: ...

app.add_api_route("/ping", room)
app.include_router(router, prefix="/api")
app.include_router(router, prefix="/v1")
"""
FILES = {**BASE, "app/main.py": APP, "LICENSE": "free\n", "data.bin": "a\0b\n", "empty.py": ""}
YES = "### CONFORMITY STATUS: YES"
FIELDS = {
    "Endpoint": "GET /items",
    "File": "app/items.py:1",
    "Deviation": "answers 201",
    "Justification": "the existing pattern",
    "Recommendation": "keep deviation",
}


def deviation(template: str = "- **{}:** {}", without: str = "", **fields: str) -> str:
    texts = FIELDS | fields
    return "\n".join(template.format(label, texts[label]) for label in LABELS if label != without)


def report(
    status: str = "YES",
    deviations: str = "None",
    *,
    heading: str = f"## {HEADING}",
    divider: str = "\n---\n\n",
    files: str = "- app/items.py",
    issues: str = "- none",
) -> str:
    return (
        f"{heading}\n\n### CONFORMITY STATUS: {status}\n\n### DEVIATIONS:\n{deviations}\n{divider}"
        f"### FILES CHANGED:\n{files}\n\n### ISSUES FOUND:\n{issues}\n"
    )


def swapped(one: int, other: int) -> str:
    lines = deviation().split("\n")
    lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def no(**fields: str) -> str:
    return report("NO", deviation(**fields))


GOOD_YES = report()
GOOD_NO = no()
NONE_LISTED = dict.fromkeys(("R5", "R6", "R7", "R8"), "not_applicable")


def grade(text: str) -> Grade:
    return ReportFormat().grade(case(reply=text, base=FILES))


def outcomes(text: str) -> dict[str, str]:
    """Outcomes other than pass; the four checks of an empty DEVIATIONS are left out where none applies."""
    found = {check.id: str(check.outcome) for check in grade(text).checks if check.outcome is not Outcome.PASS}
    if NONE_LISTED.items() <= found.items():
        found = {name: outcome for name, outcome in found.items() if name not in NONE_LISTED}
    return found


def result(text: str, name: str) -> CheckResult:
    check = grade(text).check(name)
    assert check is not None
    return check


def fails(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "fail")


NO_REPORT = {**fails("R1", "R2", "R3", "R9", "R10"), "R4": "not_applicable", "R11": "not_applicable"}
NO_STATUS = {**fails("R2"), "R4": "not_applicable"}
TWO = deviation() + "\n\n" + deviation(Endpoint="POST /items")

TABLE: list[tuple[str, str, Mapping[str, str]]] = [
    # the exact form, and honest reports that look otherwise
    ("the exact form, YES", GOOD_YES, {}),
    ("the exact form, NO", GOOD_NO, {}),
    ("two deviations", report("NO", TWO), {}),
    ("one outer fence", f"```markdown\n{GOOD_NO}```\n", {}),
    ("an outer fence that holds another", f"```\n{GOOD_YES.replace('- none', '- see') }\n```json\n1\n```\n```", {}),
    ("prose around the fence", f"Done:\n\n```markdown\n{GOOD_NO}```\n\nRegards\n", {}),
    ("a fence beside the report", f"{GOOD_YES}\n```\n{GOOD_NO}```\n", {}),
    ("prose around it", f"Done.\n\n{GOOD_YES}\nRegards\n", {}),
    ("Windows line ends", GOOD_NO.replace("\n", "\r\n"), {}),
    ("no break space in the heading", report(heading="## BACKEND\u00a0IMPLEMENTATION REPORT"), {}),
    ("bold heading", report(heading=f"## **{HEADING}**"), {}),
    ("Setext heading", report(heading=f"{HEADING}\n---"), {}),
    ("closing marks of a heading", report(heading=f"## {HEADING} ##"), {}),
    ("titles of level 2", GOOD_NO.replace("### ", "## "), {}),
    ("titles of level 4", GOOD_NO.replace("### ", "#### "), {}),
    ("titles without colon", GOOD_NO.replace("S:\n", "S\n").replace("D:\n", "D\n"), {}),
    ("bold titles", GOOD_YES.replace("### DEVIATIONS:", "### **DEVIATIONS:**"), {}),
    ("a heading forged in a fence", GOOD_YES + f"\n```\n## {HEADING}\n### DEVIATIONS\n```\n", {}),
    ("a heading forged in a comment", GOOD_YES + f"\n<!--\n## {HEADING}\n-->\n", {}),
    # R1
    ("no report", "Nothing was changed.", NO_REPORT),
    ("an empty reply", "", NO_REPORT),
    ("the form quoted in a fence", f"As asked:\n\n```\n{report('[YES/NO]')}```\n\nDone.\n", NO_REPORT),
    ("a report inside a longer fence", f"As asked:\n\n```\nIt reads:\n\n{GOOD_YES}```\n\nDone.\n", NO_REPORT),
    ("heading of level 1", report(heading=f"# {HEADING}"), fails("R1")),
    ("heading of level 3", report(heading=f"### {HEADING}"), fails("R1")),
    ("heading in other case", report(heading="## Backend Implementation Report"), fails("R1")),
    ("heading with a colon", report(heading=f"## {HEADING}:"), fails("R1")),
    ("heading with more words", report(heading=f"## {HEADING} (items)"), fails("R1")),
    ("bold text in place of a heading", report(heading=f"**{HEADING}**"), fails("R1")),
    ("the report twice", GOOD_YES + "\n" + GOOD_YES, fails("R1")),
    ("the heading twice", f"## {HEADING}\n\n{GOOD_YES}", {**NO_REPORT}),
    # R2
    ("status in brackets", report("[YES]"), fails("R2")),
    ("NO in brackets", report("[NO]", deviation()), fails("R2")),
    ("status with a full stop", report("YES."), fails("R2")),
    ("status with a check mark", report("YES \u2705"), fails("R2")),
    ("bold status", report("**YES**"), {}),
    ("status in a code span", report("`NO`", deviation()), {}),
    ("the template's choice left open", report("[YES/NO]"), NO_STATUS),
    ("status in lower case", report("yes"), NO_STATUS),
    ("partial", report("PARTIAL", deviation()), NO_STATUS),
    ("YES with words", report("YES, but see below"), NO_STATUS),
    ("no status", report(""), NO_STATUS),
    ("status below its heading", GOOD_YES.replace(YES, "### CONFORMITY STATUS:\n\nYES"), fails("R2")),
    # R3
    ("no status section", GOOD_YES.replace(YES, ""), {**NO_STATUS, **fails("R3")}),
    ("no ISSUES FOUND", GOOD_YES.partition("### ISSUES")[0], fails("R3", "R10")),
    (
        "no FILES CHANGED",
        GOOD_YES.replace("### FILES CHANGED:\n- app/items.py", ""),
        {**fails("R3", "R9"), "R11": "not_applicable"},
    ),
    ("no DEVIATIONS", GOOD_YES.replace("### DEVIATIONS:\n", ""), fails("R3", "R4")),
    ("a further section", GOOD_YES + "\n### TESTS RUN:\n- all\n", fails("R3")),
    ("a further section between", GOOD_YES.replace("### ISSUES", "### NOTES\n\n### ISSUES"), fails("R3")),
    ("a small heading inside a section", GOOD_YES + "\n##### Detail\n- more\n", {}),
    ("a further section of level 4", GOOD_YES + "\n#### Detail\n- more\n", fails("R3")),
    ("a section twice", GOOD_YES + "\n### ISSUES FOUND:\n- more\n", fails("R3")),
    ("title in other case", GOOD_YES.replace("DEVIATIONS:", "Deviations:"), fails("R3")),
    ("title of level 5", GOOD_YES.replace("### DEVIATIONS", "##### DEVIATIONS"), fails("R3")),
    ("title of level 1", GOOD_YES.replace("### ISSUES", "# ISSUES"), fails("R3")),
    ("None in the title", GOOD_YES.replace("DEVIATIONS:\nNone", "DEVIATIONS: None"), fails("R3")),
    (
        "sections out of order",
        GOOD_YES.replace("FILES CHANGED:\n- app/items.py", "X")
        .replace("ISSUES FOUND:\n- none", "FILES CHANGED:\n- a.py")
        .replace("### X", "### ISSUES FOUND:\n- none"),
        fails("R3", "R11"),
    ),
    # R4
    ("None with a full stop", report(deviations="None."), {}),
    ("None as an item", report(deviations="- None"), {}),
    ("bold None", report(deviations="**None**"), {}),
    ("None, then a word on it", report(deviations="None\n\nEvery clause is as written."), {}),
    ("a mismatch note alone", report(deviations="- doc mismatch: project-map.md is old"), {}),
    ("None and a mismatch note", report(deviations="None\n\n- spec mismatch: S-02 names a wrong file"), {}),
    ("none in lower case", report(deviations="none"), fails("R4")),
    ("No deviations.", report(deviations="No deviations."), fails("R4")),
    ("nothing at all", report(deviations=""), fails("R4")),
    ("YES with a deviation", report("YES", deviation()), fails("R4")),
    ("YES, None and a deviation", report("YES", "None\n\n" + deviation()), fails("R4")),
    ("NO with None", report("NO", "None"), fails("R4")),
    ("NO with nothing", report("NO", ""), fails("R4")),
    ("NO with a mismatch note alone", report("NO", "- doc mismatch: status.md is old"), fails("R4")),
    ("NO with a deviation and a note", report("NO", deviation() + "\n- doc mismatch: status.md is old"), {}),
    # R5
    ("labels without bold", report("NO", deviation("- {}: {}")), {}),
    ("colon outside the bold", report("NO", deviation("- **{}**: {}")), {}),
    ("labels in paragraphs", report("NO", deviation("**{}:** {}\n")), {}),
    ("nested under a number", report("NO", "1. First\n" + deviation("   - **{}:** {}")), {}),
    ("a further label", report("NO", deviation() + "\n- **Severity:** low"), {}),
    ("prose after the deviations", report("NO", deviation() + "\n\nThe rest is as written."), {}),
    ("no Justification", report("NO", deviation(without="Justification")), fails("R5")),
    ("no Endpoint", report("NO", deviation(without="Endpoint")), {**fails("R5"), "R6": "not_applicable"}),
    ("the second one lacks a label", report("NO", deviation() + "\n\n" + deviation(without="Deviation")), fails("R5")),
    ("an empty Justification", no(Justification=""), fails("R5")),
    ("a label in lower case", report("NO", deviation().replace("File", "file")), fails("R5")),
    ("a label in plural", report("NO", deviation().replace("Endpoint", "Endpoints")), fails("R5")),
    ("File before Endpoint", report("NO", swapped(0, 1)), fails("R5")),
    ("Justification before Deviation", report("NO", swapped(2, 3)), fails("R5")),
    ("labels from last to first", report("NO", "\n".join(reversed(deviation().split("\n")))), fails("R5")),
    (
        "a deviation without labels",
        report("NO", "- GET /items answers 201"),
        {**NONE_LISTED, **fails("R5")},
    ),
    ("prose only", report("NO", "The list answers 201."), {**NONE_LISTED, **fails("R5")}),
    # R6
    ("route of the contract, other name", no(Endpoint="POST /items/"), {}),
    ("route with a query", no(Endpoint="`GET /items?limit=1`"), {}),
    ("two methods", no(Endpoint="GET, POST /items"), {}),
    ("route of the app behind a prefix", no(Endpoint="GET /api/rooms/{id}"), {}),
    ("route of the app behind two prefixes", no(Endpoint="GET /api/v1/rooms/{id}"), {}),
    ("route without path of its own", no(Endpoint="PATCH /v1/rooms"), {}),
    ("route added by a call", no(Endpoint="GET /ping"), {}),
    ("a WebSocket", no(Endpoint="WEBSOCKET /ws"), {}),
    ("endpoint with a remark", no(Endpoint="GET /items (the list)"), {}),
    ("unknown route", no(Endpoint="GET /nothing"), fails("R6")),
    ("unknown prefix", no(Endpoint="GET /v9/rooms/{id}"), fails("R6")),
    ("wrong method", no(Endpoint="DELETE /items"), fails("R6")),
    ("a value in place of a name", no(Endpoint="GET /api/rooms/12/x"), fails("R6")),
    ("one of two unknown", no(Endpoint="GET /items, GET /nothing"), fails("R6")),
    ("no method", no(Endpoint="/items"), fails("R6")),
    ("method in lower case", no(Endpoint="get /items"), fails("R6")),
    ("words", no(Endpoint="the list of items"), fails("R6")),
    ("method apart from its route", no(Endpoint="GET on the route /items"), fails("R6")),
    ("the template left as it is", no(Endpoint="[method] [route]"), fails("R6")),
    # R7
    ("last line", no(File="app/items.py:2"), {}),
    ("code span", no(File="`app/items.py:1`"), {}),
    ("underscores", no(File="app/__init__.py:1, app/items.py:2"), fails("R7")),
    ("a range of lines", no(File="app/items.py:1-2"), {}),
    ("absolute path", no(File="/workspace/app/items.py:1"), {}),
    ("dot path", no(File="./app/items.py:1"), {}),
    ("as a link", no(File="[app/items.py:2](app/items.py#L2)"), {}),
    ("two places", no(File="app/items.py:1, app/nothing.py:1"), {}),
    ("binary file", no(File="data.bin:1"), {}),
    ("no line", no(File="app/items.py"), fails("R7")),
    ("line in words", no(File="app/items.py line 1"), fails("R7")),
    ("past the end", no(File="app/items.py:3"), fails("R7")),
    ("line 0", no(File="app/items.py:0"), fails("R7")),
    ("a very long number", no(File="app/items.py:" + "9" * 5_000), fails("R7")),
    ("an empty file", no(File="empty.py:1"), fails("R7")),
    ("no such file", no(File="app/nothing.py:1"), fails("R7")),
    ("a folder", no(File="app:1"), fails("R7")),
    ("out of the workspace", no(File="../../etc/passwd:1"), fails("R7")),
    # R8
    ("update spec to match", no(Recommendation="update spec to match"), {}),
    ("Update the contract.", no(Recommendation="**Update** the API contract to match."), {}),
    ("Update `api-contract.md`", no(Recommendation="Update `api-contract.md` accordingly"), {}),
    ("Keep the deviation", no(Recommendation="Keep the deviation until the contract is updated"), {}),
    ("one answer that denies the other", no(Recommendation="Keep deviation, no need to update the spec"), {}),
    ("the other way round", no(Recommendation="Do not keep it; update the spec"), {}),
    ("both answers", no(Recommendation="keep deviation OR update spec to match"), fails("R8")),
    ("neither answer", no(Recommendation="discuss with the team"), fails("R8")),
    ("update the code", no(Recommendation="Update the code to match the spec"), fails("R8")),
    ("keep the spec", no(Recommendation="Keep the spec"), fails("R8")),
    # R9
    ("code spans", report(files="- `app/items.py`: new\n- **app/x.py**"), {}),
    ("a rename", report(files="- app/a.py -> app/b.py"), {}),
    ("known file without extension", report(files="- LICENSE"), {}),
    ("numbers", report(files="1. app/items.py\n2. app/x.py"), {}),
    ("grouped by paragraphs", report(files="Code:\n\n- app/items.py\n\nTests:\n\n- tests/test_items.py"), {}),
    ("a note below a path", report(files="- app/items.py\n  - adds a route"), {}),
    ("none changed", report(files="- none"), {}),
    ("a table", report(files="| file |\n|---|\n| app/items.py |"), fails("R9")),
    ("lines without marks", report(files="app/items.py\napp/x.py"), fails("R9")),
    ("a word before the path", report(files="- Added app/items.py"), fails("R9")),
    ("one item without path", report(files="- app/items.py\n- the tests"), fails("R9")),
    ("words with a slash", report(files="- Added/updated the tests"), fails("R9")),
    ("groups as items", report(files="- Code:\n  - app/items.py"), fails("R9")),
    ("an empty item", report(files="- app/items.py\n-"), fails("R9")),
    ("an empty section", report(files=""), fails("R9")),
    ("prose", report(files="Several files under the app."), fails("R9")),
    # R10, R11
    ("empty ISSUES FOUND", report(issues=""), {}),
    ("ISSUES FOUND in prose", report(issues="The map is old."), {}),
    ("stars as divider", report(divider="\n***\n\n"), {}),
    ("divider right after a list", report("NO", deviation(), divider="---\n"), {}),
    ("no divider", report(divider="\n"), fails("R11")),
    ("no divider with NO", report("NO", deviation(), divider="\n"), fails("R11")),
    ("dashes under None", report(divider="---\n"), fails("R11")),
    ("divider elsewhere", report(divider="\n").replace("### ISSUES", "---\n\n### ISSUES"), fails("R11")),
    ("divider, then text", report(divider="\n---\n\ntext\n\n"), fails("R11")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_every_check_of_a_report(text: str, expected: Mapping[str, str]) -> None:
    assert outcomes(text) == expected


def test_severities_sources_and_facts() -> None:
    checks = grade(GOOD_NO).checks
    assert [check.id for check in checks] == [f"R{number}" for number in range(1, 12)]
    assert [str(check.severity) for check in checks] == ["major"] * 10 + ["minor"]
    assert {str(check.source) for check in checks} == {"prompt"}
    assert checks[0].facts["parseable"] is True
    assert checks[0].facts["demand"] == "The exact heading, level 2, once."
    assert checks[1].facts["status"] == "NO"


@pytest.mark.parametrize(
    ("text", "parseable", "status"),
    [
        (GOOD_YES, True, "YES"),
        (report("[YES]"), True, "YES"),
        (report("[YES/NO]"), False, None),
        (report("NO", "None"), False, "NO"),
        (report(heading=f"# {HEADING}"), False, "YES"),
        (GOOD_YES + "\n### NOTES\n", False, "YES"),
        (report("NO", deviation(without="File"), divider=""), True, "NO"),
        ("", False, None),
    ],
)
def test_parseable_is_about_r1_to_r4_and_major_findings(text: str, parseable: bool, status: str | None) -> None:
    assert result(text, "R1").facts["parseable"] is parseable
    assert result(text, "R2").facts["status"] == status


def test_a_readable_status_is_a_minor_finding() -> None:
    (finding,) = result(report("[YES]"), "R2").findings
    assert finding.severity is Severity.MINOR
    (finding,) = result(report("MAYBE"), "R2").findings
    assert finding.severity is None


def test_findings_name_section_line_and_quote() -> None:
    (finding,) = result(no(Endpoint="GET /nothing"), "R6").findings
    assert (finding.place.section, finding.place.line, finding.quote) == ("DEVIATIONS", 6, "GET /nothing")
    assert finding.message == "line 6: neither the contract nor the application has GET /nothing"


def test_what_the_agent_wrote_is_inert_in_a_finding() -> None:
    reply = no(Endpoint="GET /\x1b[31m\u202enothing", File="app/\x07no\ud800.py:1") + "\n### \x1b[2J\n"
    findings = [finding for check in grade(reply).checks for finding in check.findings]
    assert {check.id for check in grade(reply).checks if check.findings} == {"R3", "R6", "R7"}
    assert all(f"{finding.message}{finding.quote}{finding.place}".isprintable() for finding in findings)


def test_each_deviation_is_an_opportunity() -> None:
    check = result(report("NO", deviation() + "\n\n" + deviation(File="a.py:1", Endpoint="GET /x")), "R7")
    assert (check.opportunities, len(check.findings)) == (2, 1)


def test_findings_are_bounded() -> None:
    check = result(report(files="- the tests\n" * 80 + "- " + "x" * 9_000), "R9")
    assert len(check.findings) == 50
    assert check.reason == "31 further findings are not listed"
    assert all(len(finding.quote) <= 200 for finding in check.findings)


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("app.include_router(r, prefix=settings.prefix)\n@r.get('/x')\ndef f(): ...\n", Outcome.PASS),
        ("r = APIRouter(prefix=settings.prefix)\n@r.get('/x')\ndef f(): ...\n", Outcome.PASS),
        ("app.mount('/any', other)\n@router.get('/x')\ndef f(): ...\n", Outcome.PASS),
        ("@router.get('/x')\ndef f(): ...\n", Outcome.FAIL),
        ("# @router.get('/any/x')\n", Outcome.FAIL),
        ("router = '/any/x'\n", Outcome.FAIL),
        ("@router.post('/any/x')\ndef f(): ...\n", Outcome.FAIL),
        ("@router.get('/any/x'\n", Outcome.FAIL),
        ("router = " + "(" * 5_000, Outcome.FAIL),
        ("router\0", Outcome.FAIL),
        ("router = " + "-" * 50_000 + "1", Outcome.FAIL),
    ],
)
def test_routes_of_the_app(source: str, outcome: Outcome) -> None:
    graded = ReportFormat().grade(case(reply=no(Endpoint="GET /any/x"), files={"app/web.py": source}))
    check = graded.check("R6")
    assert check is not None
    assert check.outcome is outcome


def test_a_websocket_that_only_the_contracts_text_names() -> None:
    on = replace(task(), contract=CONTRACT + "- [C-03] `WEBSOCKET /live/{room}` tells of changes.\n")
    check = ReportFormat().grade(case(reply=no(Endpoint="WEBSOCKET /live/{id}"), on=on)).check("R6")
    assert check is not None
    assert check.outcome is Outcome.PASS


def test_routes_in_tests_are_not_the_app() -> None:
    files = {"tests/fake.py": "@router.get('/any')\ndef f(): ...\n"}
    check = ReportFormat().grade(case(reply=no(Endpoint="GET /any"), files=files)).check("R6")
    assert check is not None
    assert check.outcome is Outcome.FAIL


def test_the_same_reply_gives_the_same_grade() -> None:
    assert grade(GOOD_NO) == grade(GOOD_NO)


@pytest.mark.parametrize("reply", ["\ud800" * 100, f"## {HEADING}\n### DEVIATIONS\n" + "- **File:** \udfff\n" * 200])
def test_a_hostile_reply_gives_a_grade_that_can_be_stored(reply: str) -> None:
    assert Grade.model_validate_json(grade(reply).model_dump_json()) == grade(reply)
