"""The report parser: lenient reading with places, the exact form back and forth, and hostile replies."""

import time
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graders.report import (
    HEADING,
    LABELS,
    MAX_CHARS,
    MAX_LINES,
    SECTIONS,
    ChangedFile,
    Deviation,
    Endpoint,
    Field,
    Heading,
    Report,
    Status,
    Text,
    endpoints,
    exact_sections,
    normal_route,
    parse,
    path_like,
    plain,
    render,
)

EXACT = """## BACKEND IMPLEMENTATION REPORT

### CONFORMITY STATUS: NO

### DEVIATIONS:

- **Endpoint:** GET /items
- **File:** app/items.py:1
- **Deviation:** answers 201
- **Justification:** the existing pattern
- **Recommendation:** keep deviation

- **Endpoint:** POST /items
- **File:** app/items.py:2
- **Deviation:** no body
- **Justification:** none asked for
- **Recommendation:** update spec to match

- doc mismatch: project-map.md names a module that is gone

---

### FILES CHANGED:
- app/__init__.py
- old.py -> new.py

### ISSUES FOUND:
- slow list
"""


def document(deviations: str = "None", files: str = "- app/items.py", status: str = "YES") -> Report:
    return parse(
        f"## {HEADING}\n\n### CONFORMITY STATUS: {status}\n\n### DEVIATIONS:\n{deviations}\n\n---\n\n"
        f"### FILES CHANGED:\n{files}\n\n### ISSUES FOUND:\n- none\n"
    )


def test_the_exact_form_with_its_places() -> None:
    report = parse(EXACT)
    first, second = report.deviations
    assert report.status == Status("NO", "NO", True)
    assert (report.status.line, first.line, second.line) == (3, 7, 13)
    assert [(found.name, found.line) for found in first.fields] == list(zip(LABELS, range(7, 12), strict=True))
    assert first.endpoints == (Endpoint("GET", "/items"),)
    assert report.notes == (Text("doc mismatch: project-map.md names a module that is gone"),)
    assert [item.paths for item in report.files] == [("app/__init__.py",), ("old.py", "new.py")]
    assert [item.line for item in report.files] == [24, 25]
    assert report.issues[0] == Text("slow list")
    assert report.issues[0].line == 28
    assert report.dividers == (21,)
    assert [(section.name, section.line) for section in report.sections] == list(
        zip(SECTIONS, (3, 5, 23, 27), strict=True)
    )
    assert render(report) == EXACT


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFXYZ"
LINE = st.builds(
    lambda first, rest: " ".join((first + rest).split()),
    st.sampled_from(LETTERS + "0/"),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60),
)
WORDS = st.builds(
    lambda first, rest: " ".join(("x" + first + " " + rest).split()),
    st.text(LETTERS, max_size=8),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40),
)
SEGMENT = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
PATH = st.builds(
    lambda folders, name, extension: "/".join([*folders, f"{name}.{extension}"]),
    st.lists(SEGMENT, max_size=3),
    SEGMENT,
    st.sampled_from(["py", "toml", "md", "sql"]),
)
ODD_PATH = st.builds("{} {}.py".format, SEGMENT, SEGMENT)
FILE = st.one_of(
    st.builds(lambda path: ChangedFile((path,), head=path), st.one_of(PATH, ODD_PATH)),
    st.builds(lambda old, new: ChangedFile((old, new), True, old), PATH, st.one_of(PATH)),
)
NO_LABEL = WORDS.filter(lambda text: "mismatch" not in text.casefold())
DEVIATION = st.builds(
    lambda texts: Deviation(tuple(Field(name, name, text) for name, text in zip(LABELS, texts, strict=True))),
    st.lists(LINE, min_size=5, max_size=5),
)
NOTE = st.builds(lambda kind, text: Text(f"{kind} mismatch: {text}"), st.sampled_from(["spec", "doc"]), WORDS)


STATUS_YES = Status("YES", "YES", True)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    deviations = tuple(draw(st.lists(DEVIATION, max_size=3)))
    status: Literal["YES", "NO"] = "NO" if deviations else "YES"
    files = tuple(draw(st.lists(FILE, max_size=4)))
    return Report(
        status=Status(status, status, True),
        deviations=deviations,
        notes=tuple(draw(st.lists(NOTE, max_size=2))),
        says_none=not deviations,
        files=files,
        says_no_files=not files,
        issues=tuple(Text(text) for text in draw(st.lists(NO_LABEL, min_size=1, max_size=3))),
        sections=exact_sections(status),
    )


@given(reports())
@example(Report(STATUS_YES, files=(ChangedFile(("no a.py",), head="no a.py"),), sections=exact_sections("YES")))
def test_a_valid_report_renders_and_parses_back_the_same(report: Report) -> None:
    assert parse(render(report)) == report


@given(st.text(alphabet=st.sampled_from("#*-_`~>[]()<!: \t\n\r\\\0\ud800\u202e\x1babNOYES/.{}1"), max_size=400))
def test_no_reply_raises(reply: str) -> None:
    for text in (reply, f"## {HEADING}\n### DEVIATIONS\n{reply}\n### FILES CHANGED\n{reply}"):
        parse(text)


@pytest.mark.parametrize(
    ("written", "value", "exact"),
    [
        ("YES", "YES", True),
        ("NO", "NO", True),
        ("**YES**", "YES", True),
        ("`NO`", "NO", True),
        ("[YES]", "YES", False),
        ("YES.", "YES", False),
        ("YES \u2705", "YES", False),
        ("- NO", "NO", False),
        ("[YES/NO]", None, False),
        ("YES and NO", None, False),
        ("yes", None, False),
        ("YES (all clauses)", None, False),
        ("PARTIAL", None, False),
        ("YESNO", None, False),
        ("", None, False),
    ],
)
def test_the_status(written: str, value: str | None, exact: bool) -> None:
    status = document(status=written).status
    assert status is not None
    assert (status.value, status.exact) == (value, exact)


def test_a_status_below_its_heading_reads_but_is_not_exact() -> None:
    status = parse(f"## {HEADING}\n\n### CONFORMITY STATUS:\n\n**NO**\n").status
    assert status == Status("NO", "NO", False)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADING}\n---\n",
        f"## {HEADING} ##\n",
        f"## **{HEADING}**\n",
        "## BACKEND\u00a0IMPLEMENTATION\u2003REPORT\n",
        f"   ## {HEADING}\n",
        f"```markdown\n## {HEADING}\n```\n",
        f"\n~~~\n## {HEADING}\n~~~\n\n",
        f"```\n## {HEADING}\n```json\n{{}}\n```\ntext\n```",
        f"```\n## {HEADING}\n",
        f"Before\n\n```\n## {HEADING}\n```\n\nafter\n",
        f"```bash\npytest\n```\n\n## {HEADING}\n\n```\nx\n```",
    ],
)
def test_the_heading_is_read_in_every_markdown_form(text: str) -> None:
    (heading,) = parse(text).headings
    assert (heading.text, heading.level) == (HEADING, 2)


@pytest.mark.parametrize(
    "text",
    [
        f"Before\n\n```\ntext\n\n## {HEADING}\n```\n\nafter\n",
        f"Before\n\n```\n## {HEADING}\n### CONFORMITY STATUS: [YES/NO]\n```\n\nafter\n",
        f"<!--\n## {HEADING}\n-->\n",
        f"<div>\n## {HEADING}\n</div>\n",
        f"    ## {HEADING}\n",
        f"##{HEADING}\n",
        f"> ## {HEADING}\n",
        f"- ## {HEADING}\n",
        f"**{HEADING}**\n",
        "",
    ],
)
def test_what_only_looks_like_a_heading(text: str) -> None:
    assert parse(text).headings == ()


def test_lines_count_from_the_reply_inside_an_outer_fence() -> None:
    report = parse(f"\n```markdown\n{EXACT}```\n")
    assert report == parse(EXACT)
    assert report.headings[0].line == 3


FIELDS = ["GET /items", "app/items.py:1", "answers 201", "the pattern", "keep deviation"]


def entry(template: str, separator: str = "\n") -> str:
    return separator.join(template.format(label, text) for label, text in zip(LABELS, FIELDS, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        entry("- **{}:** {}"),
        entry("- **{}**: {}"),
        entry("- **{}** {}"),
        entry("- {}: {}"),
        entry("* __{}:__ {}"),
        entry("- `{}:` {}"),
        entry("**{}:** {}"),
        entry("**{}:** {}", "\n\n"),
        entry("- **{}:** {}", "\n\n"),
        entry("1. **{}:** {}"),
        "1. A deviation\n" + entry("   - **{}:** {}"),
        "1. " + entry("**{}:** {}", "\n   - "),
        "##### Deviation 1\n\n" + entry("- **{}:** {}"),
        "Deviation 1\n\n" + entry("- **{}:** {}"),
        "- " + entry("**{}:** {}", "\n  "),
        "- **{}:**\n  {}\n".format(*("Endpoint", "GET /items")) + entry("- **{}:** {}").split("\n", 1)[1],
        entry("- **{}:** {}").replace("answers 201", "answers\n  201"),
        entry("- **{}:** {}").replace("answers 201", "\n  - answers\n  - 201"),
        entry("- **{}: {}**"),
        entry("- **{} :** {}"),
    ],
)
def test_every_way_to_write_a_deviation_reads_the_same(text: str) -> None:
    (deviation,) = document(text, status="NO").deviations
    assert deviation.order == LABELS
    assert [plain(found.text) for found in deviation.fields] == FIELDS


@pytest.mark.parametrize(
    "between", ["\n", "\n\n", "\n\n---\n\n", "\n\nAnother one\n\n", "\n- Another one\n", "\n##### 2\n"]
)
def test_two_deviations_are_two(between: str) -> None:
    text = entry("- **{}:** {}") + between + entry("- **{}:** {}")
    report = document(text, status="NO")
    assert [deviation.order for deviation in report.deviations] == [LABELS, LABELS]


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        (entry("- **{}:** {}").replace("Recommendation", "Advice"), [LABELS[:4]]),
        ("\n".join(entry("- **{}:** {}").split("\n")[1:]), [LABELS[1:]]),
        ("\n".join(entry("- **{}:** {}").split("\n")[1:]) + "\n" + entry("- **{}:** {}"), [LABELS[1:], LABELS]),
        ("\n".join(reversed(entry("- **{}:** {}").split("\n")[:2])), [("File", "Endpoint")]),
        ("- GET /items answers 201", [()]),
        ("- GET /items answers 201\n  - because", [()]),
        ("- GET /items answers 201\n- POST /items too", [(), ()]),
        ("GET /items answers 201", [()]),
        (entry("- **{}:** {}") + "\n\nAll other endpoints are as written.", [LABELS]),
        ("None", []),
        ("- None.", []),
        ("No deviations.", []),
        ("", []),
        ("- spec mismatch: the list is unsorted", []),
        ("- **doc mismatch**: status.md\n  - it names an old table", []),
        (entry("- **{}:** {}").replace("answers 201", "spec mismatch in the answer"), [LABELS]),
    ],
)
def test_what_counts_as_a_deviation(text: str, orders: list[tuple[str, ...]]) -> None:
    assert [deviation.order for deviation in document(text, status="NO").deviations] == orders


@pytest.mark.parametrize(
    ("text", "says_none", "notes"),
    [
        ("None", True, 0),
        ("- None", True, 0),
        ("**None.**", True, 0),
        ("none", False, 0),
        ("None of them", False, 0),
        ("None\n\n- doc mismatch: status.md is old", True, 1),
        ("doc-mismatch: status.md is old", False, 1),
    ],
)
def test_none_and_notes(text: str, says_none: bool, notes: int) -> None:
    report = document(text)
    assert (report.says_none, len(report.notes)) == (says_none, notes)


def test_dashes_under_none_are_no_divider_but_none_is_still_read() -> None:
    report = parse(EXACT.partition("### DEV")[0] + "### DEVIATIONS:\nNone\n---\n### FILES CHANGED:\n- a.py\n")
    assert (report.says_none, report.divided) == (True, False)
    assert [section.name for section in report.sections] == list(SECTIONS[:3])


@pytest.mark.parametrize(
    ("item", "paths", "begins"),
    [
        ("app/__init__.py", ("app/__init__.py",), True),
        ("`app/x.py`", ("app/x.py",), True),
        ("**app/x.py** - new", ("app/x.py",), True),
        ("**`app/x.py`**: new", ("app/x.py",), True),
        ("app/x.py: new", ("app/x.py",), True),
        ("app/x.py:12", ("app/x.py",), True),
        ("app/x.py (new)", ("app/x.py",), True),
        ("[app/x.py](app/x.py)", ("app/x.py",), True),
        ("app/\\_\\_init\\_\\_.py", ("app/__init__.py",), True),
        ("`my file.py` added", ("my file.py",), True),
        ("`Booking` in app/x.py", ("app/x.py",), False),
        ("Makefile", ("Makefile",), True),
        (".gitignore", (".gitignore",), True),
        (".env.example", (".env.example",), True),
        ("old.py -> new.py", ("old.py", "new.py"), True),
        ("`old.py` \u2192 `new.py` (renamed)", ("old.py", "new.py"), True),
        ("new.py (renamed from old.py)", ("old.py", "new.py"), True),
        ("old.py renamed to new.py", ("old.py", "new.py"), True),
        ("a.py, b.py and `c.py`", ("a.py", "b.py", "c.py"), True),
        ("app/x.py, added a route", ("app/x.py",), True),
        ("Added app/x.py", ("app/x.py",), False),
        ("[x] app/x.py", ("app/x.py",), False),
        ("Added/updated tests", (), False),
        ("the migrations", (), False),
    ],
)
def test_an_item_of_files_changed(item: str, paths: tuple[str, ...], begins: bool) -> None:
    (found,) = document(files=f"- {item}").files
    assert (found.paths, found.begins) == (paths, begins)


def test_nested_items_are_paths_below_a_folder_and_notes_below_a_file() -> None:
    found = document(files="- app/\n  - x.py\n- b.py\n  - c.py uses it\n- Tests:\n  - tests/t.py").files
    assert [(item.under, item.paths) for item in found] == [
        ("app/", ("x.py",)),
        ("", ("b.py",)),
        ("", ()),
        ("", ("tests/t.py",)),
    ]


@pytest.mark.parametrize(
    "files", ["a.py\nb.py", "| file |\n|---|\n| a.py | new |\n| b.py | new |", "```\na.py\nb.py\n```"]
)
def test_paths_outside_a_list_are_read_as_such(files: str) -> None:
    assert [(item.paths, item.listed) for item in document(files=files).files] == [
        (("a.py",), False),
        (("b.py",), False),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("GET /items", ["GET /items"]),
        ("`GET` `/items/{id}/`", ["GET /items/{}"]),
        ("**PATCH** /items/{item_id}?full=1", ["PATCH /items/{}"]),
        ("GET, POST /items", ["GET /items", "POST /items"]),
        ("GET|PUT /a and DELETE /b.", ["GET /a", "PUT /a", "DELETE /b"]),
        ("get /items", ["GET /items"]),
        ("WEBSOCKET /ws", ["WEBSOCKET /ws"]),
        ("the list of items", []),
        ("budget /items", []),
        ("GET /", ["GET /"]),
    ],
)
def test_endpoints(text: str, found: list[str]) -> None:
    assert list(map(str, endpoints(text))) == found


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("/a/{x}", "/a/{y}/", True),
        ("/a?b=1", "/a", True),
        ("/a/{x:path}", "/a/{x}", True),
        ("/a/b", "/a/c", False),
        ("/a/1", "/a/{x}", False),
        ("/A", "/a", False),
    ],
)
def test_routes_are_equal_up_to_names(one: str, other: str, equal: bool) -> None:
    assert (normal_route(one) == normal_route(other)) is equal


@pytest.mark.parametrize("token", ["e.g", "v1.25", "CI/CD", "http://x/a.py", "", "None", "/", "word"])
def test_words_are_no_paths(token: str) -> None:
    assert not path_like(token)


HOSTILE = {
    "one long line": "x" * 1_000_000,
    "many lines": "a\n" * 100_000,
    "many items": "- a\n" * 100_000,
    "empty items": "-\n" * 50_000,
    "deep list": "".join("  " * depth + "- a\n" for depth in range(300)),
    "lists on a line": "- " * 49_000,
    "deep quote": "\n".join(">" * depth + " a" for depth in range(400)),
    "quotes": (">" * 9_000 + "\n") * 11,
    "brackets": "[" * 90_000,
    "marks": ("**a*_" * 1_999 + "\n") * 9,
    "headings": ("## " + "*a_[" * 600 + "\n") * 40,
    "reports": f"## {HEADING}\n" * 4_000,
    "fences": "\n".join("`" * width for width in range(3, 400)),
    "html": "<!--" * 20_000,
    "methods": ("GET," * 2_000 + "\n") * 12,
    "labels": "- **Endpoint:** GET /x\n" * 4_000,
    "underlines": "a\n---\n" * 2_000,
    "surrogates": "\ud800\udfff\0\x1b[31m\u202e" * 5_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_replies_are_read_in_bounded_time(name: str) -> None:
    begin = time.process_time()
    for head in ("", f"## {HEADING}\n\n### DEVIATIONS:\n", f"## {HEADING}\n\n### FILES CHANGED:\n- a.py "):
        report = parse(head + HOSTILE[name])
        for deviation in report.deviations:
            assert deviation.endpoints is not None
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("name", ["one long line", "many lines"])
def test_what_is_not_read_is_told(name: str) -> None:
    (problem, *_) = parse(HOSTILE[name]).problems
    assert str(MAX_CHARS) in problem


@pytest.mark.parametrize("filler", ["\n" * MAX_LINES, ("x" * 99 + "\n") * (MAX_CHARS // 100)])
def test_what_stands_past_the_cap_is_not_read(filler: str) -> None:
    (problem,) = parse(f"## {HEADING}\n{filler}### ISSUES FOUND:\n").problems
    assert "only" in problem
    assert parse(f"## {HEADING}\n{filler}### ISSUES FOUND:\n").sections == ()


def test_texts_of_a_hostile_report_can_be_stored() -> None:
    report = parse(f"## {HEADING}\n\n### CONFORMITY STATUS: \ud800YES\n\n### ISSUES FOUND:\n- \udfff\n")
    assert report.status is not None
    (report.status.raw + report.issues[0].text).encode()


def test_the_prompt_shows_the_form_that_is_read() -> None:
    prompt = (Path(__file__).parent.parent / "prompts" / "python-dev.md").read_text()
    report = parse(prompt.partition("```markdown\n")[2].partition("```\n")[0])
    assert report.headings == (Heading(HEADING, 2),)
    assert [(section.name, section.level, section.exact) for section in report.sections] == [
        (name, 3, True) for name in SECTIONS
    ]
    assert report.deviations[0].order == LABELS
    assert report.divided
    assert report.status == Status("[YES/NO]", None, False)
