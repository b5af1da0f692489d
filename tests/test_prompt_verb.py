"""`harness prompt`: sentences are told apart, known by their cues, and two versions differ where their demands do."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.report_format import ReportFormat
from graders.rulebook import load_rulebook
from graders.rulekit import case
from graders.truthfulness import Truthfulness
from harness.cli import main
from harness.core.demands import Demand, DemandBook
from harness.core.errors import UsageError
from harness.core.records import Severity, Source
from harness.load.prompt_clauses import Standing, clauses, sentences, stated
from harness.load.prompt_text import differences, held_to
from harness.load.prompts import Prompt, load_prompt
from harness.prompting import SHIPPED, demand_book

OWN = Path(__file__).parent.parent / "prompts" / "python-dev.md"
HEAD = "---\nname: x\ndescription: y\n---\n"
BODY = """You are a developer. Never push. Use a client (e.g. `httpx` in async mode), i.e. A good one.

## Rules

Do **not** modify:

- `status.md`
- The map.
  It is kept by others.

```markdown
## REPORT

- [list]
```
"""
BOOK = DemandBook(
    "book",
    "3",
    (
        Demand("P10", "Nothing is pushed.", ("push",), severity=Severity.BLOCKING, grader="rule_violations"),
        Demand("P4", "No document is modified.", (r"not modify: \S*status",), severity=Severity.MAJOR, grader="x"),
        Demand("P6", "No logs.", ("logs",), severity=Severity.MAJOR, grader="rule_violations"),
        Demand("H5", "Claims.", ("claims",), Source.HARNESS, Severity.MAJOR, "truthfulness"),
        Demand("C8", "OpenAPI.", ("openapi",), grader="tests_passing"),
        Demand("S16", "Taste.", ("good one",), reason="Reviewers disagree."),
    ),
    ("^you are",),
)


def prompt(folder: Path, body: str, name: str = "a.md") -> Prompt:
    path = folder / name
    path.write_text(HEAD + body)
    return load_prompt(path)


def test_sentences_have_their_line_their_section_and_their_lead(tmp_path: Path) -> None:
    found = [(item.line, item.section, item.lead, item.text) for item in sentences(prompt(tmp_path, BODY))]
    lead = "Do **not** modify:"
    assert found == [
        (5, "", "", "You are a developer."),
        (5, "", "", "Never push."),
        (5, "", "", "Use a client (e.g. `httpx` in async mode), i.e. A good one."),
        (9, "Rules", "", lead),
        (11, "Rules", lead, "`status.md`"),
        (12, "Rules", lead, "The map."),
        (13, "Rules", lead, "It is kept by others."),
        (16, "Rules", "", "## REPORT"),
        (18, "Rules", "", "- [list]"),
    ]


def test_a_sentence_is_decided_unscored_context_or_known_to_nobody(tmp_path: Path) -> None:
    found = {item.sentence.text: item for item in clauses(prompt(tmp_path, BODY), BOOK)}
    standings = {text: item.standing for text, item in found.items()}
    assert standings["You are a developer."] is Standing.CONTEXT
    assert standings["Never push."] is Standing.RULED
    assert standings["Use a client (e.g. `httpx` in async mode), i.e. A good one."] is Standing.UNSCORED
    assert standings["The map."] is Standing.UNKNOWN
    assert [demand.id for demand in found["`status.md`"].demands] == ["P4"]


def test_what_a_file_demands_is_told_with_what_it_leaves_out(tmp_path: Path) -> None:
    file = prompt(tmp_path, BODY)
    text = held_to(file, clauses(file, BOOK), BOOK)
    assert "held to rulebook book 3" in text
    assert "9 sentences: 2 are decided, 1 are unscored, 1 demand nothing by themselves, 5 no rule knows" in text
    assert "   5  Never push.\n        P10 (blocking) Nothing is pushed." in text
    assert "        S16 unscored: Reviewers disagree." in text
    not_stated, unknown = text.split("does not state ==\n")[1].split("\n\n== Sentences that no rule knows ==\n")
    assert not_stated == "  P6 (major) No logs."
    assert "    12 Do **not** modify: The map." in unknown
    assert "Never push" not in unknown


def test_two_versions_differ_clause_by_clause(tmp_path: Path) -> None:
    one = prompt(tmp_path, "Never push. Write no logs. Serve `OpenAPI`. Be kind.\n")
    other = prompt(tmp_path, "Do not push, ever. Serve **OpenAPI**. No claims. Be bold.\n", "b.md")
    text = differences(one, clauses(one, BOOK), other, clauses(other, BOOK), BOOK)
    first, second, both, rest = (part.split("==\n")[1].rstrip() for part in text.split("\n\n== ")[1:])
    assert first == "  P6 (major) No logs.\n    A:5 Write no logs."
    assert second == "  H5 (major) Claims.\n    B:5 No claims."
    assert both == "  P10 (blocking) Nothing is pushed.\n    A:5 Never push.\n    B:5 Do not push, ever."
    assert rest == "    A:5 Be kind.\n    B:5 Be bold."


def test_equal_versions_do_not_differ(tmp_path: Path) -> None:
    one, other = prompt(tmp_path, BODY), prompt(tmp_path, BODY, "b.md")
    text = differences(one, clauses(one, BOOK), other, clauses(other, BOOK), BOOK)
    assert [part.split("==\n")[1].strip() for part in text.split("\n\n== ")[1:]] == ["none"] * 4


# --- the shipped rulebook and prompt ---------------------------------------------------------------------------------


def test_our_prompt_states_every_demand_of_the_rulebook_and_nothing_unknown() -> None:
    book = demand_book(SHIPPED)
    found = clauses(load_prompt(OWN), book)
    due = {item.id for item in book.demands if item.source is Source.PROMPT}
    assert due - stated(found).keys() == set()
    assert [item.sentence.text for item in found if item.standing is Standing.UNKNOWN] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You NEVER spawn agents.", {"P3"}),
        ("You work under a sprint orchestrator and a project-architect agent.", set()),
        ("Never push to remote without explicit instruction.", {"P10"}),
        ("Use environment variables for configuration and never hardcode secrets.", {"S8", "S9"}),
        ("Never reference AI in commits.", {"G2"}),
        ("Read `.claude/sprint/[index]/api-contract.md`.", {"P1"}),
        ("Describe what differs from api-contract.md.", set()),
        ("Prefer small, composable functions over large monoliths.", {"S14"}),
        ("Add a small test.", set()),
    ],
)
def test_cues_know_a_demand_from_a_mention(tmp_path: Path, text: str, expected: set[str]) -> None:
    (found,) = clauses(prompt(tmp_path, text), demand_book(SHIPPED))
    assert {demand.id for demand in found.demands} == expected


def test_every_demand_of_source_prompt_has_a_cue() -> None:
    assert [item.id for item in demand_book(SHIPPED).demands if item.source is Source.PROMPT and not item.cues] == []


def test_what_other_graders_decide_is_what_they_answer() -> None:
    answered = [*ReportFormat().grade(case()).checks, *Truthfulness().grade(case()).checks]
    named = {item.id: item for item in demand_book(SHIPPED).demands if item.grader in {"report_format", "truthfulness"}}
    assert {check.id: (check.severity, check.source) for check in answered} == {
        name: (item.severity, item.source) for name, item in named.items()
    }


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_one_prompt_or_two_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", str(OWN)]) == 0
    assert "held to rulebook python-dev 2" in capsys.readouterr().out
    other = prompt(tmp_path, "Never push.\n").path
    assert main(["prompt", "--diff", str(OWN), str(other)]) == 0
    out = capsys.readouterr().out
    assert f"B {other}" in out
    assert "  P1 (major) The first action reads the API contract." in out


def test_the_wrong_number_of_files_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompt", str(OWN), str(OWN)]) == 2
    assert main(["prompt", "--diff", str(OWN)]) == 2
    assert "mend: give one file, or --diff and two" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('[cues]\nP99 = ["x"]', "cues: unknown id 'P99'"),
        ('[cues]\nP1 = "x"', "cues.P1: expected a list of regular expressions"),
        ('[cues]\nP1 = ["("]', "cues.P1: '(' is no regular expression"),
        ('[graded]\nR1 = "x"', "graded.R1: expected a table"),
        ('[graded]\nR1 = { demand = "x" }', "graded.R1.grader: a text is missing"),
        ('[graded]\nP1 = { demand = "x", grader = "y" }', "P1: stands in two of rules, graded, unscored"),
        ('[graded]\nR1 = { demand = "x", grader = "y", severity = "huge" }', "graded.R1.severity: unknown severity"),
        ("cues = 1", "cues: expected a table"),
        ("graded = 1", "graded: expected a table"),
        ("context = 1", "context: expected a list"),
    ],
)
def test_mistakes_of_a_rulebook_are_named(tmp_path: Path, lines: str, problem: str) -> None:
    path = tmp_path / "book.toml"
    top, tables = (lines, "") if not lines.startswith("[") else ("", lines)
    path.write_text(f'name = "x"\nversion = "1"\n{top}\n[rules]\nP1 = {{}}\n{tables}\n')
    with pytest.raises(UsageError) as caught:
        load_rulebook(path)
    assert problem in caught.value.message
