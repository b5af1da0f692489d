"""One trial for a person: everything is there, bounded, and nothing an agent wrote gets through as more than text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from harness.core.digest import sha256
from harness.core.errors import Cause, UsageError
from harness.core.ports import Snapshot
from harness.core.records import (
    CheckResult,
    Cost,
    Ended,
    EndedKind,
    Entry,
    Finding,
    Grade,
    Outcome,
    Place,
    Severity,
    Source,
    Tree,
    Usage,
    Validity,
)
from harness.core.runs import Arm, AttemptLine, PlannedTask, PlannedTrial, RunManifest, VerdictLine
from harness.report.show import DIFF_LINES, MESSAGE_LINES, MOST_TURNS, show
from harness.store.evidence import save_evidence, save_grade
from harness.store.journal import EventLog, Journal
from harness.store.layout import RunFolder

TRIAL, OTHER, UNRUN = "abc0000000000000", "abd0000000000000", "fff0000000000000"
MANIFEST = RunManifest(
    run="run-1",
    created="2026-01-01T00:00:00Z",
    order_seed=1,
    sandbox="bubblewrap",
    price_date="2026-01-01",
    kickoff_digest="k",
    arms=(Arm(name="arm-a", driver="messages", model="m", prompt="p", prompt_digest="d", digest="a"),),
    tasks=(PlannedTask(id="items", digest="i", toolchain="t", toolchain_digest="d"),),
    trials=tuple(PlannedTrial(trial=name, arm="arm-a", task="items", repeat=1) for name in (TRIAL, OTHER, UNRUN)),
)
CALL: dict[str, JsonValue] = {"id": "1", "name": "Bash", "input": {"command": "pytest -q"}}
FINDING = Finding(message="starts a server", place=Place(step=2), quote="uvicorn app.main:app")
RULES = Grade(
    grader="rule_violations",
    version="1",
    digest="d",
    checks=(
        CheckResult(
            id="P9",
            outcome=Outcome.FAIL,
            severity=Severity.BLOCKING,
            source=Source.PROMPT,
            findings=(FINDING, Finding(message="again", place=Place(path="run.sh", line=2))),
            facts={"demand": "Start no server."},
        ),
        CheckResult(id="P3", outcome=Outcome.PASS, severity=Severity.BLOCKING),
        CheckResult(id="P1", outcome=Outcome.UNKNOWN, reason="events are missing", facts={"section": "Protocol"}),
    ),
)
TESTS = Grade(
    grader="tests_passing",
    version="2",
    digest="d",
    checks=(CheckResult(id="test_items.py::test_adds", outcome=Outcome.FAIL, reason="status 500"),),
)


def folder_with(
    tmp_path: Path,
    *,
    final: dict[str, bytes] | None = None,
    text: str = "I run the tests.",
    reply: str = "## REPORT\nall is well",
    turns: int = 1,
    grades: tuple[Grade, ...] = (RULES, TESTS),
    sealed: bool = True,
    output: str = "1 failed",
) -> RunFolder:
    folder = RunFolder.create(tmp_path, MANIFEST)
    with EventLog(folder.attempt_dir(TRIAL, 1) / "events.jsonl") as log:
        for turn in range(1, turns + 1):
            log.append("assistant", {"turn": turn, "text": text, "stop_reason": "tool_use", "calls": [CALL]})
            log.append("tool_result", {"id": "1", "text": output, "is_error": True, "exit_code": 1})
    files = final if final is not None else {"app/a.py": b"new\nsame\n", "logo.bin": b"\0\1"}
    snapshot = Snapshot(
        {
            **{path: Entry(sha256=sha256(data), size=len(data)) for path, data in files.items()},
            "link": Entry(kind="link", target="/etc/passwd"),
        },
        {sha256(data): data for data in files.values()},
        ("nested repository",),
    )
    if sealed:
        save_evidence(
            folder,
            TRIAL,
            1,
            base=Tree.of({"app/a.py": "old\nsame\n", "app/gone.py": "bye\n"}),
            snapshot=snapshot,
            history=None,
            witness=None,
            reply=reply,
            ended=Ended(kind=EndedKind.FINISHED),
        )
    for grade in grades:
        save_grade(folder, TRIAL, 1, grade)
    with Journal(folder.journal) as journal:
        cost = Cost(micro_usd=1_234_500, complete=False)
        ended = Ended(kind=EndedKind.FINISHED) if sealed else None
        validity = Validity() if sealed else Validity(cause=Cause.SANDBOX, detail="it died")
        usage = Usage(input=1000)
        line = AttemptLine(trial=TRIAL, attempt=1, ended=ended, validity=validity, usage=usage, cost=cost, calls=3)
        journal.append(line)
        if sealed:
            why = "not obeyed: P9 starts a server (step 2)"
            journal.append(
                VerdictLine(trial=TRIAL, attempt=1, validity=Validity(), solved=True, truthful=True, why_not=why)
            )
    return folder


def test_a_trial_is_shown_whole(tmp_path: Path) -> None:
    text = show(folder_with(tmp_path), "abc", rules=False)
    for part in (
        "Trial abc0000000000000: arm arm-a, task items, repeat 1",
        "attempt 1: finished, valid, 3 calls, 1000 tokens, at least $1.2345, 0.0 s",
        "accepted no, solved yes, truthful yes, obeyed no, clean no",
        "why not: not obeyed: P9 starts a server (step 2)",
        "[turn 1, step 1] tool_use",
        "  I run the tests.",
        '  step 2: Bash {"command": "pytest -q"}',
        "    [exit 1, error]",
        "    1 failed",
        "modified app/a.py",
        "  -old\n  +new\n   same\ndeleted app/gone.py",
        "  -bye\nadded link",
        "added logo.bin\n  [2 bytes, not text]",
        "added link\n  [link /etc/passwd]",
        "flag: nested repository",
        "== Report ==\n## REPORT\nall is well",
        "== rule_violations (version 1) ==\n  1 fail, 1 pass, 1 unknown",
        "  fail P9 (blocking)\n    step 2: starts a server | uvicorn app.main:app\n    run.sh:2: again",
        "  unknown P1 events are missing",
        "== tests_passing (version 2) ==",
        "  fail test_items.py::test_adds status 500",
    ):
        assert part in text
    assert "P3" not in text
    assert "Start no server." not in text


def test_rules_alone_come_with_their_sentences(tmp_path: Path) -> None:
    text = show(folder_with(tmp_path), TRIAL, rules=True)
    assert "  fail P9 (blocking)\n    demand: Start no server.\n    step 2: starts a server" in text
    assert "    demand: Protocol" in text
    for absent in ("Transcript", "Changes", "Report", "tests_passing"):
        assert absent not in text


def test_findings_come_with_the_call_behind_them(tmp_path: Path) -> None:
    text = show(folder_with(tmp_path), TRIAL, rules=True)
    assert "    step 2: starts a server | uvicorn app.main:app\n      call: Bash pytest -q\n    run.sh:2: again" in text


def test_findings_stand_without_their_calls_where_events_are_damaged(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    events = folder.attempt_dir(TRIAL, 1) / "events.jsonl"
    events.write_bytes(events.read_bytes().replace(b'"turn"', b'"turm"'))
    text = show(folder, TRIAL, rules=True)
    assert "step 2: starts a server" in text
    assert "call:" not in text


def test_the_rules_of_the_report_and_of_its_truth_are_rules(tmp_path: Path) -> None:
    lies = CheckResult(id="H2", outcome=Outcome.FAIL, findings=(Finding(message="x"),), facts={"demand": "Tell it."})
    truth = Grade(grader="truthfulness", version="1", digest="d", checks=(lies,))
    assert "    demand: Tell it." in show(folder_with(tmp_path, grades=(truth,)), TRIAL, rules=True)


def test_a_finding_at_a_commit_names_the_commit_and_quotes_its_message(tmp_path: Path) -> None:
    place = Place(commit="c0ffee1234" + "0" * 30)
    finding = Finding(message="a trailer credits an AI", place=place, quote="Co-Authored-By: Claude")
    credits = CheckResult(
        id="G2",
        outcome=Outcome.FAIL,
        severity=Severity.BLOCKING,
        findings=(finding,),
        facts={"demand": "No commit names an AI."},
    )
    rules = RULES.model_copy(update={"checks": (credits,)})
    text = show(folder_with(tmp_path, grades=(rules,)), TRIAL, rules=True)
    told = "  fail G2 (blocking)\n    demand: No commit names an AI.\n    commit c0ffee1234: a trailer credits an AI | "
    assert f"{told}Co-Authored-By: Claude\n" in f"{text}\n"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("ab", "'ab' begins 2 trials: abc0000000000000, abd0000000000000"),
        ("abc000000000000a", "did you mean 'abc0000000000000'"),
        ("fff", "trial fff0000000000000 has not been run yet"),
    ],
)
def test_what_cannot_be_shown_is_said(tmp_path: Path, prefix: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        show(folder_with(tmp_path), prefix, rules=False)


def test_an_attempt_that_was_never_sealed_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    text = show(folder_with(tmp_path, sealed=False, grades=()), "abc", rules=False)
    assert "attempt 1: not ended, invalid:sandbox (it died)" in text
    assert "evidence.json: No such file" in text
    assert "[events are missing]" in text
    assert "  I run the tests." in text


def test_content_that_is_damaged_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    name = sha256(b"new\nsame\n")
    (folder.root / "blobs" / name[:2] / name).write_bytes(b"")
    text = show(folder, "abc", rules=False)
    assert f"modified app/a.py\n  [harness: {folder.root}" in text
    assert "deleted app/gone.py" in text


def test_a_change_of_the_last_newline_is_told(tmp_path: Path) -> None:
    text = show(folder_with(tmp_path, final={"app/a.py": b"old\nsame"}), "abc", rules=False)
    assert "modified app/a.py\n  [no line differs]" in text


def test_damage_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    events = folder.attempt_dir(TRIAL, 1) / "events.jsonl"
    events.write_bytes(events.read_bytes() + b"{torn")
    (folder.attempt_dir(TRIAL, 1) / "grades" / "tests_passing.json").write_text("{")
    text = show(folder, "abc", rules=False)
    assert "events.jsonl:3: " in text
    assert "  I run the tests." in text
    assert "tests_passing.json:1: " in text


def test_events_that_are_no_messages_are_named(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, sealed=False)
    events = folder.attempt_dir(TRIAL, 1) / "events.jsonl"
    events.write_bytes(events.read_bytes().replace(b'"turn"', b'"turm"'))
    assert "harness: events.jsonl: ValidationError" in show(folder, "abc", rules=False)


def test_a_huge_trial_is_bounded(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path,
        final={
            "app/a.py": b"line\n" * 2000,
            "many.txt": b"\n" * 5000,
            "big.txt": b"x" * 200_000,
            "long.txt": b"y" * 90_000,
        },
        text="word\n" * 500,
        output="out\n" * 500,
        turns=MOST_TURNS + 5,
    )
    text = show(folder, "abc", rules=False)
    assert f"[{500 - MESSAGE_LINES + 1} more lines]" in text
    assert "[5 more turns]" in text
    assert "[200000 bytes, too large to compare]" in text
    assert "[5000 lines, too many to compare]" in text
    assert f"[{2000 + 5 - DIFF_LINES} more lines]" in text
    assert text.count("+line") <= DIFF_LINES
    assert max(len(line) for line in text.splitlines()) < 500


@given(hostile=st.text(st.characters(codec=None), max_size=40))
@settings(max_examples=25, deadline=None)
def test_nothing_an_agent_wrote_moves_a_cursor(tmp_path_factory: pytest.TempPathFactory, hostile: str) -> None:
    hostile += "\x1b[2J\u202e\ud800\r"
    finding = Finding(message=hostile, place=Place(path=hostile, section=hostile), quote=hostile)
    check = CheckResult(id="P9", outcome=Outcome.FAIL, severity=Severity.BLOCKING, findings=(finding,), reason=hostile)
    folder = folder_with(
        tmp_path_factory.mktemp("hostile"),
        final={"odd" + hostile: b"1", "app/a.py": hostile.encode("utf-8", "replace")},
        text=hostile,
        reply=hostile,
        output=hostile,
        grades=(RULES.model_copy(update={"checks": (check,)}),),
    )
    for rules in (False, True):
        text = show(folder, "abc", rules=rules)
        assert all(char.isprintable() or char in "\n\t" for char in text)
