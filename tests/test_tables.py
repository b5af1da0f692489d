"""Tables: every planned trial stands in a denominator, nothing invalid improves a number, no hostile text gets out."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import Cause, UsageError
from harness.core.records import Cost, Ended, EndedKind, Usage, Validity
from harness.core.runs import Arm, AttemptLine, JournalLine, PlannedTask, PlannedTrial, RunManifest, VerdictLine
from harness.report.stats import wilson
from harness.report.tables import Table, as_json, exit_code, render, summarise
from harness.report.text import bounded, code_span, inert, one_line

PRICE = Cost(micro_usd=1_500_000)
ROW_KEYS = [
    "arm",
    "planned",
    "valid",
    "accepted",
    "solved",
    "truthful",
    "obeyed",
    "clean",
    "clause_score",
    "obedience",
    "statuses",
    "false_success",
    "honest_failure",
    "interval",
    "bounds",
    "causes",
    "cost_usd",
    "cost_is_floor",
    "tokens",
    "wall_s",
]


def manifest(arms: int = 1, tasks: int = 1, repeats: int = 1) -> RunManifest:
    return RunManifest(
        run="2026-01-01-demo",
        created="2026-01-01T00:00:00Z",
        order_seed=42,
        sandbox="bubblewrap",
        price_date="2026-01-02",
        kickoff_digest="k" * 64,
        arms=tuple(
            Arm(
                name=f"arm-{a}", driver="messages", model="model-x", prompt="dev", prompt_digest="d" * 64, digest=str(a)
            )
            for a in range(arms)
        ),
        tasks=tuple(
            PlannedTask(id=f"task-{t}", digest=str(t), toolchain="python", toolchain_digest="w" * 64)
            for t in range(tasks)
        ),
        trials=tuple(
            PlannedTrial(trial=f"{a}{t}{r}" + "0" * 13, arm=f"arm-{a}", task=f"task-{t}", repeat=r)
            for r in range(1, repeats + 1)
            for t in range(tasks)
            for a in range(arms)
        ),
    )


def attempted(planned: PlannedTrial, cause: Cause | None = None, attempt: int = 1, cost: Cost = PRICE) -> AttemptLine:
    return AttemptLine(
        trial=planned.trial,
        attempt=attempt,
        ended=None if cause else Ended(kind=EndedKind.LIMIT, detail="turns"),
        validity=Validity(cause=cause, detail="boom" if cause else ""),
        usage=Usage(input=100, output=10),
        cost=cost,
        wall_s=12.5,
    )


def judged(
    planned: PlannedTrial, answers: tuple[bool, bool, bool, bool] = (True, True, True, True), **fields: object
) -> VerdictLine:
    solved, truthful, obeyed, clean = answers
    return VerdictLine(
        **{
            "trial": planned.trial,
            "attempt": 1,
            "validity": Validity(),
            "solved": solved,
            "truthful": truthful,
            "obeyed": obeyed,
            "clean": clean,
            "why_not": "" if solved and truthful and obeyed else "not solved: 1 of 3 checks fail",
            **fields,
        }
    )


def test_one_arm_by_hand() -> None:
    plan = manifest(repeats=4)
    first, second, third, fourth = plan.trials
    lines: list[JournalLine] = [
        attempted(first, Cause.SANDBOX),
        attempted(first, attempt=2),
        judged(first, attempt=2, clauses={"C-01": 1.0, "C-02": 1.0}, obedience=(9, 10), status="YES"),
        attempted(second),
        judged(second, (True, True, True, False), clauses={"C-01": 1.0, "C-02": 0.0}, obedience=(5, 10), status="YES"),
        attempted(third),
        judged(third, (False, True, True, False), clauses={"C-01": 0.0, "C-02": 0.0}, status="NO"),
        attempted(fourth),
        judged(fourth, (False, False, False, False), clauses={"C-01": 0.0, "C-02": 1.0}, status="YES"),
    ]
    table = summarise(plan, lines, {"task-0": {"C-02": 0.5}})
    (row,) = table.rows
    assert row.ladder == (4, 4, 2, 2, 2, 1)
    assert (row.false_success, row.honest_failure) == ((1, 2), (1, 2))
    assert row.statuses == {"solved": {"YES": 2, "NO": 0, "none": 0}, "not_solved": {"YES": 1, "NO": 1, "none": 0}}
    (told,) = json.loads(render(table, "json"))["rows"]
    assert (told["statuses"], told["false_success"], told["honest_failure"]) == (row.statuses, 0.5, 0.5)
    (line,) = csv.DictReader(io.StringIO(render(table, "csv")))
    assert (line["solved_says_YES"], line["not_solved_says_NO"], line["false_success"]) == ("2", "1", "0.5")
    assert row.clause_score == pytest.approx((1 + (1 - 1) / 2 + (0 - 1) / 2 + 0.5) / 4)
    assert row.obedience == (14, 20)
    assert row.cost == Cost(micro_usd=7_500_000)
    assert (row.tokens, row.wall_s) == (550, 62.5)
    assert row.estimate is not None
    assert row.estimate.interval == wilson(2, 4)
    assert row.bounds == (0.5, 0.5)
    assert table.informative == 1
    assert exit_code(table) == 0


def test_json_is_exactly_what_is_promised() -> None:
    plan = manifest(arms=2)
    one, two = plan.trials
    lines: list[JournalLine] = [
        attempted(one),
        judged(one, clauses={"C-01": 1.0}, obedience=(9, 10)),
        attempted(two, Cause.PROVIDER),
    ]
    table = summarise(plan, lines)
    document = json.loads(render(table, "json"))
    assert list(document) == ["run", "planned", "valid", "coverage", "bounds", "causes", "rulebook", "rows", "trials"]
    assert (document["run"], document["planned"], document["valid"], document["coverage"]) == (
        "2026-01-01-demo",
        2,
        1,
        0.5,
    )
    assert [list(row) for row in document["rows"]] == [ROW_KEYS, ROW_KEYS]
    assert document["rows"][0] == {
        "arm": "arm-0",
        "planned": 1,
        "valid": 1,
        "accepted": 1.0,
        "solved": 1.0,
        "truthful": 1.0,
        "obeyed": 1.0,
        "clean": 1.0,
        "clause_score": 1.0,
        "obedience": 0.9,
        "statuses": {"solved": {"YES": 0, "NO": 0, "none": 1}, "not_solved": {"YES": 0, "NO": 0, "none": 0}},
        "false_success": None,
        "honest_failure": None,
        "interval": pytest.approx(list(wilson(1, 1))),
        "bounds": [1.0, 1.0],
        "causes": {},
        "cost_usd": 1.5,
        "cost_is_floor": False,
        "tokens": 110,
        "wall_s": 12.5,
    }
    assert (document["bounds"], document["causes"]) == ([0.5, 1.0], {"provider": 1})
    assert (document["rows"][1]["bounds"], document["rows"][1]["causes"]) == ([0.0, 1.0], {"provider": 1})
    assert document["rows"][1]["accepted"] is None
    assert document["rows"][1]["interval"] is None
    assert document["trials"] == [
        {
            "trial": one.trial,
            "arm": "arm-0",
            "task": "task-0",
            "validity": "valid",
            "ended": "limit(turns)",
            "accepted": True,
            "why_not": "",
        },
        {
            "trial": two.trial,
            "arm": "arm-1",
            "task": "task-0",
            "validity": "invalid:provider",
            "ended": None,
            "accepted": False,
            "why_not": "invalid:provider: boom",
        },
    ]
    assert exit_code(table) == 3


def test_csv_has_a_line_for_each_arm() -> None:
    plan = manifest(arms=2)
    rows = list(csv.DictReader(io.StringIO(render(summarise(plan, [attempted(plan.trials[0])]), "csv"))))
    assert [row["arm"] for row in rows] == ["arm-0", "arm-1"]
    beside = ["interval_low", "interval_high", "bounds_low", "bounds_high", "coverage"]
    said = [f"{truth}_says_{status}" for truth in ("solved", "not_solved") for status in ("YES", "NO", "none")]
    assert list(rows[0]) == [
        *(key for key in ROW_KEYS if key not in ("interval", "bounds", "statuses")),
        *beside,
        "rulebook",
        *said,
    ]
    assert [(row["bounds_low"], row["bounds_high"], row["causes"]) for row in rows] == [
        ("0.0", "1.0", "cancelled 1")
    ] * 2
    assert rows[0]["accepted"] == ""


def whole(plan: RunManifest, good: int, invalid: int = 0) -> Table:
    """The first `good` trials accepted, the last `invalid` ones invalid, the others not solved."""
    lines: list[JournalLine] = []
    for index, planned in enumerate(plan.trials):
        lost = index >= len(plan.trials) - invalid
        lines.append(attempted(planned, Cause.SANDBOX if lost else None))
        if not lost:
            right = index < good
            lines.append(judged(planned, (right, True, True, right)))
    return summarise(plan, lines)


def test_the_grid_says_everything_a_reader_must_know() -> None:
    text = render(whole(manifest(tasks=2, repeats=10), good=5, invalid=1), "grid")
    for part in (
        "Run 2026-01-01-demo: 19 of 20 planned trials are valid (95 %).",
        "5/19 (26 %)",
        "25 to 30 %",
        "19/20 (95 %)",
        "20 > 19 > 5 > 5 > 5 > 5",
        "$30.00",
        "2,200",
        "250 s",
        "Not accepted, 15 of 20 planned trials:",
        "arm-0 task-1 #10: invalid:sandbox: boom",
        "not solved: 1 of 3 checks fail",
        "- question: population",
        "T = 2 tasks, k = 10 trials each, order seed 42",
        "Wilson on n/deff with t(T-1)",
        "smallest difference between two arms",
        "- comparisons made: none",
        "- invalid trials: sandbox 1; accepted if all of them were 0 or 1: 25 to 30 %",
        "- informative tasks: 2/2",
        "- arm-0: says YES though not solved 0/14, says NO and hides nothing 0/14; "
        "solved: YES 0, NO 0, none 5; not solved: YES 0, NO 0, none 14",
        "- arm arm-0: driver messages, model model-x, prompt dev dddddddddddd",
        "- suite digest ",
        "- sandbox bubblewrap, toolchain python wwwwwwwwwwww",
        "- prices of 2026-01-02",
        "- rulebook not recorded",
    ):
        assert part in text
    assert "INVALID RUN" not in text


@pytest.mark.parametrize(("invalid", "code"), [(0, 0), (1, 0), (2, 3), (20, 3)])
def test_under_95_percent_coverage_there_is_no_headline(invalid: int, code: int) -> None:
    table = whole(manifest(repeats=20), good=20, invalid=invalid)
    assert exit_code(table) == code
    for form in ("grid", "markdown"):
        text = render(table, form)
        assert ("INVALID RUN" in text) is (code == 3)
        assert ("no headline" in text) is (code == 3)
        assert (f"{20 - invalid}/{20 - invalid} (100 %)" in text) is (code == 0)


def test_a_run_in_which_nothing_was_planned_or_run_has_no_headline() -> None:
    assert exit_code(summarise(manifest(arms=0), [])) == 3
    table = summarise(manifest(repeats=2), [])
    assert exit_code(table) == 3
    assert "invalid:cancelled: not run yet" in render(table, "grid")
    assert "interval: 95 %, none without a valid trial" in render(table, "grid")
    assert render(summarise(manifest(arms=0), []), "csv") == "arm"


def test_one_task_is_said_to_answer_the_suite_question_only() -> None:
    text = render(whole(manifest(repeats=5), good=5), "markdown")
    assert "question: suite" in text
    assert "nothing can be said about other tasks" in text
    assert "Wilson on the trials of one task" in text
    assert "mid difficulty): none" in text
    assert "Every planned trial was accepted." in text


def test_money_that_is_not_known_is_a_floor() -> None:
    plan = manifest()
    lines: list[JournalLine] = [
        attempted(plan.trials[0], cost=Cost(micro_usd=2_000_000, complete=False)),
        judged(plan.trials[0]),
    ]
    assert "at least $2.00" in render(summarise(plan, lines), "grid")


def test_tasks_on_which_nothing_differs_tell_nothing() -> None:
    plan = manifest(arms=2, tasks=2)
    lines: list[JournalLine] = [attempted(planned) for planned in plan.trials]
    lines += [judged(planned, (planned.trial[:2] != "10",) * 4) for planned in plan.trials]
    table = summarise(plan, lines)
    assert table.informative == 1


ABOVE = {"task-0": {"C-01": 0.0, "C-02": 0.5}, "task-1": {"C-01": 0.25}}


@pytest.mark.parametrize(
    ("floors", "told"),
    [
        ({}, "clause floors: not measured, taken as 0; an arm of reference/noop measures them"),
        (ABOVE, "clause floors, by doing nothing on 2 tasks: task-0 C-02 0.50, task-1 C-01 0.25"),
        ({"task-0": {"C-01": 0.0, "C-02": 0.0}}, "clause floors, by doing nothing on 1 tasks: 0 for all 2 clauses"),
    ],
    ids=["not measured", "above 0", "all 0"],
)
@pytest.mark.parametrize("form", ["grid", "markdown"])
def test_a_page_tells_the_floors_that_its_clause_scores_stand_above(
    form: str, floors: dict[str, dict[str, float]], told: str
) -> None:
    assert f"\n- {told}\n" in render(summarise(manifest(), [], floors), form)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'markdown'"):
        render(summarise(manifest(), []), "markdwn")


HOSTILE = "`]\x1b[31m|\u202e<img src=x>\r\n@everyone ``http://x " + "y" * 5000


@pytest.mark.parametrize("form", ["grid", "markdown", "json", "csv"])
def test_hostile_reasons_stay_text(form: str) -> None:
    plan = manifest()
    text = render(
        summarise(plan, [attempted(plan.trials[0]), judged(plan.trials[0], (False,) * 4, why_not=HOSTILE)]), form
    )
    assert all(char.isprintable() or char == "\n" for char in text)
    assert len(text) < 6000


# --- laws --------------------------------------------------------------------------------------------------------

CAUSES = st.none() | st.sampled_from(Cause)
FLAGS = st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans())


@st.composite
def journals(draw: st.DrawFn) -> tuple[RunManifest, list[JournalLine]]:
    plan = manifest(draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    lines: list[JournalLine] = []
    for planned in plan.trials:
        for attempt in range(1, draw(st.integers(0, 2)) + 1):
            lines.append(attempted(planned, draw(CAUSES), attempt))
            if draw(st.booleans()):
                validity = Validity(cause=draw(CAUSES))
                obedience = draw(st.sampled_from([(0, 0), (1, 4), (4, 4)]))
                clauses = draw(st.dictionaries(st.sampled_from(["C-01", "C-02"]), st.floats(0, 1)))
                lines.append(
                    judged(
                        planned,
                        draw(FLAGS),
                        attempt=attempt,
                        validity=validity,
                        obedience=obedience,
                        clauses=clauses,
                    )
                )
    return plan, draw(st.permutations(lines))


@given(journals())
@settings(max_examples=60, deadline=None)
def test_rates_stay_in_range_and_every_planned_trial_is_counted(drawn: tuple[RunManifest, list[JournalLine]]) -> None:
    plan, lines = drawn
    table = summarise(plan, lines)
    assert sum(row.planned for row in table.rows) == table.planned == len(plan.trials)
    assert sum(row.valid for row in table.rows) == table.valid
    assert 0 <= table.coverage <= 1
    for row, shown in zip(table.rows, as_json(table)["rows"], strict=True):  # type: ignore[arg-type]
        assert isinstance(shown, dict)
        for name in ("accepted", "solved", "truthful", "obeyed", "clean", "clause_score", "obedience"):
            rate = shown[name]
            assert rate is None or (isinstance(rate, float) and 0 <= rate <= 1)
        assert list(row.ladder) == sorted(row.ladder, reverse=True)
        low, high = row.bounds
        assert 0 <= low <= high <= 1
        if row.valid:
            assert low <= row.accepted / row.valid <= high
    for form in ("grid", "markdown", "csv", "json"):
        assert render(table, form)


@given(drawn=journals(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_what_becomes_invalid_never_improves_the_bounds(
    drawn: tuple[RunManifest, list[JournalLine]], data: st.DataObject
) -> None:
    plan, lines = drawn
    before = summarise(plan, lines)
    lost = data.draw(st.sampled_from(plan.trials))
    after = summarise(plan, [*lines, attempted(lost, data.draw(st.sampled_from(Cause)), attempt=9)])
    assert after.coverage <= before.coverage
    for old, new in zip(before.rows, after.rows, strict=True):
        assert new.bounds[0] <= old.bounds[0]
        assert new.bounds[1] >= old.bounds[1]
        assert new.cost.micro_usd >= old.cost.micro_usd


# --- text --------------------------------------------------------------------------------------------------------

ANY = st.text(st.characters(codec=None), max_size=80)


@given(ANY)
def test_inert_text_holds_nothing_but_printable_characters_and_lines(text: str) -> None:
    shown = inert(text)
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert inert(shown) == shown
    assert shown.count("\n") == text.count("\n")


@given(ANY, st.integers(2, 40))
def test_one_line_is_one_short_printable_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit


@given(ANY, st.integers(1, 5), st.integers(2, 20))
def test_bounded_text_is_bounded_and_tells_what_it_left_out(text: str, lines: int, width: int) -> None:
    shown = bounded(text, lines=lines, width=width)
    assert len(shown) <= lines + 1
    assert all(len(line) <= width for line in shown[:lines])
    assert all(char.isprintable() or char == "\t" for line in shown for char in line)
    assert (len(shown) > lines) is (text.count("\n") >= lines)


@given(st.text("`a |<\n", max_size=30))
def test_a_code_span_cannot_be_left(text: str) -> None:
    span = code_span(text)
    if not text.split():
        assert span == ""
        return
    fence = span[: len(span) - len(span.lstrip("`"))]
    inside = span[len(fence) : -len(fence)]
    assert f" {inside.strip()} " == inside
    assert fence not in inside
    assert "|" not in span
    assert "\n" not in span


def test_what_was_there_can_still_be_seen() -> None:
    assert inert("a\x1b[2J\u202eb\u00a0c\r") == "a\\x1b[2J\\u202eb c\\r"
    assert inert("é 你好 🎉\n\tx") == "é 你好 🎉\n\tx"
    assert one_line("a\n b" + "c" * 300, 10) == "a bcccccc…"
