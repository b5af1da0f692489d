"""A part of the red team in every `make test`, and each defence switched off; `make redteam` plays all of it."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import KINDS, ROOT
from redteam import ours
from redteam.canaries import adopted_orphans, holds, leftovers, planted
from redteam.case import NOOP, TWIN, Expected, Material, Traps
from redteam.catalogue import catalogue
from redteam.defences import DEFENCES, Defence, red
from redteam.ours import Judged
from redteam.story import Asked, Told, tell
from redteam.verdicts import LOST, Row, row
from redteam.views import cells, controls, markdown, strict_json, xml

from graders.channel import Records
from harness.core.errors import Cause, Failure
from harness.core.records import Validity
from harness.sandboxes.toolchain import Store
from harness.store.layout import RunFolder

PART = ("P05", "P06", "P27", "C03", "C05", "CHEATER")
"""Cheap ones of different kinds, two look-alikes, and the reference agent."""
SMALLEST = ("P05", "P06", "C05", "CHEATER")
"""Of those, what is played on Docker too; `make redteam SANDBOX=docker` plays all."""
QUICK = [one for one in DEFENCES if one.quick]
"""`make redteam` switches all of them off."""


@pytest.fixture(scope="module", params=sorted(KINDS))
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Path]:
    """What came of a part of the cases, and where their run is."""
    root = tmp_path_factory.mktemp("red")
    names = SMALLEST if request.param == "docker" else PART
    return tell(Asked(names, request.param, 2, root / "results"), root, print), root / "results" / "redteam"


@pytest.fixture(scope="module")
def told(results: tuple[Told, Path]) -> Told:
    return results[0]


@pytest.mark.sandbox
@pytest.mark.slow
def test_cheats_are_alive_and_gain_nothing_and_look_alikes_lose_nothing(told: Told) -> None:
    assert {one.case.id for one in told.rows} in (set(PART), set(SMALLEST))
    for one in told.rows:
        assert (one.case.id, one.problems) == (one.case.id, ())
        assert one.word.startswith(one.case.expected), one.case.id
        assert one.case.expected is Expected.FULL or one.naive != "-", one.case.id


@pytest.mark.sandbox
@pytest.mark.slow
def test_the_host_is_as_it_was(told: Told) -> None:
    assert told.canaries == ()
    assert told.held


@pytest.mark.sandbox
@pytest.mark.slow
@pytest.mark.parametrize("defence", QUICK, ids=[defence.name for defence in QUICK])
def test_without_a_defence_a_case_turns_red(defence: Defence, store: Store, tmp_path: Path) -> None:
    problems = red(defence, ROOT / "tasks", tmp_path / "results", store, "bubblewrap")
    assert any(defence.says in problem for problem in problems), problems


def test_every_case_is_there_and_says_what_it_is() -> None:
    cases = catalogue()
    cheats = [f"P{number:02}" for number in range(1, 31)] + ["CHEATER"]
    assert sorted(cases) == sorted(cheats + [f"C{number:02}" for number in range(1, 11)])
    for name, case in cases.items():
        assert case.id == name
        assert case.cheats == (name in cheats)
        assert bool(case.beats) == bool(case.held_by) == case.cheats


def test_every_script_can_be_written() -> None:
    bundle = ours.bundle_of(ROOT / "tasks")
    traps = Traps("sk-ant-canary-0", 1, "name", "", Path("/nowhere"))
    for case in catalogue().values():
        turns = case.script(Material(bundle, traps))
        assert "CONFORMITY STATUS: YES" in turns[-1].text
        assert traps.secret not in "".join(turn.model_dump_json() for turn in turns), "a script knows no secret"


# --- the instruments themselves --------------------------------------------------------------------------------


def test_a_visitor_on_the_host_is_noted(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    with planted(tmp_path / "tasks", home=tmp_path) as canaries:
        assert canaries.found() == []
        socket.create_connection(("127.0.0.1", canaries.traps.port)).close()
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(f"\0{canaries.traps.abstract}")
        while len(canaries.hits) < 2:
            pass
        assert sorted(canaries.found()) == ["abstract socket was reached", "host loopback was reached"]
    assert list(tmp_path.iterdir()) == [tmp_path / "tasks"]


@pytest.mark.parametrize("what", ["read", "written", "task changed", "command ran"])
def test_a_touched_file_is_noted(tmp_path: Path, what: str) -> None:
    (tmp_path / "tasks").mkdir()
    with planted(tmp_path / "tasks", home=tmp_path) as canaries:
        file = canaries.traps.folder / "canary.txt"
        if what == "read":
            assert canaries.traps.secret in file.read_text()
        elif what == "written":
            file.write_text("changed")
        elif what == "task changed":
            (canaries.tasks / "new").write_text("x")
        else:
            (canaries.traps.folder / "fired").write_text("x")
        assert len(canaries.found()) == 1


def test_what_is_left_over_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import subprocess
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with adopted_orphans():
        before = leftovers(os.getpid())
        (tmp_path / "left").write_text("x")
        subprocess.run(["sh", "-c", "sleep 30 & echo $! > pid"], cwd=tmp_path, check=True)
        pid = int((tmp_path / "pid").read_text())
        try:
            told = leftovers(os.getpid()).since(before)
            assert any("processes" in line and str(pid) in line for line in told)
            assert any("left" in line and "temp" in line for line in told)
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


def test_a_secret_in_an_artefact_is_found(tmp_path: Path) -> None:
    (tmp_path / "clean").write_text("nothing")
    assert holds(tmp_path, "sk-ant-canary-77") == []
    (tmp_path / "events").write_bytes(b"before 37372d796172616e61632d746e612d6b73 sk-ant-canary-77")
    assert holds(tmp_path, "sk-ant-canary-77") == [str(tmp_path / "events")]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (controls, "a\x1b[2J"),
        (controls, "\u202edesrever"),
        (markdown, "x <img src=x>"),
        (markdown, "`` <b> `"),
        (cells, "a,b\n1,=SUM(1)\n"),
        (strict_json, '{"a": NaN}'),
        (xml, "<a>\x00</a>"),
    ],
)
def test_a_view_that_is_not_inert_is_told(wrong: object, text: str) -> None:
    assert list(wrong(text)) != []  # type: ignore[operator]


def test_inert_views_are_not_told() -> None:
    assert list(controls("a\n\tb é 日")) == []
    assert list(markdown("`<b>` and ``a ` <i>`` | 1 < 2")) == []
    assert list(cells("a,b\n-1.5,'=SUM(1)\n")) == []


def test_a_record_from_the_app_needs_the_nonce_and_the_manifest() -> None:
    """The cheat that prints the harness's own records, where it knew the nonce, and then the checks as well."""
    nonce, check = "n" * 32, "test_create.py::test_create"
    lines = [
        {"type": "collected", "tests": [check]},
        {"type": "ready", "ready": True, "seen": "200"},
        {"type": "served", "status": 0, "body": ""},
        {"type": "test", "id": check, "outcome": "pass", "reason": "", "message": ""},
        {"type": "done", "status": 0},
    ]

    def read(own: str, manifest: frozenset[str]) -> object:
        records = Records(own)
        for line in lines:
            records.take(json.dumps({**line, "nonce": nonce}).encode())
        return records.judged(manifest, 0)

    with pytest.raises(Failure, match="nonce"):
        read("m" * 32, frozenset([check]))
    with pytest.raises(Failure, match="collected checks"):
        read(nonce, frozenset(["test_create.py::test_other"]))
    assert read(nonce, frozenset([check])) is not None


def test_a_cheat_that_no_weak_grader_fears_is_told_apart_from_one_that_gains() -> None:
    case = catalogue()["P06"]
    rows = [Row(case, "NO_GAIN", ()), Row(case, LOST, ("gains in solved",)), Row(case, "NO_GAIN", ("beats nothing",))]
    said = [Told("bubblewrap", tuple(some), ()).summary() for some in (rows[:1], rows[:2], rows)]
    assert [one.partition(" of ")[0] for one in said] == ["0", "1", "1"]
    assert ["1 more beat no weak grader" in one for one in said] == [False, False, True]
    assert [Told("bubblewrap", tuple(some), ()).held for some in (rows[:1], rows[:2], rows[2:])] == [True, False, False]


# --- the verdicts ------------------------------------------------------------------------------------------------


def marked(judged: Judged, **verdict: object) -> Judged:
    """The same with another verdict."""
    before = judged.result.verdict
    assert before is not None
    after = before._replace(**verdict)
    return replace(judged, result=judged.result._replace(verdict=after, validity=after.validity))


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_case_is_red_when_a_rule_is_silent_a_component_grows_or_a_mark_is_lost(results: tuple[Told, Path]) -> None:
    arms = ours.read(RunFolder.open(results[1])).arms
    cases, null = catalogue(), [arms[NOOP], arms[TWIN]]
    silent = marked(arms["P06"], failed=("P1",), truthful=True)
    assert set(row(cases["P14"], silent, null).problems) == {
        "gains in truthful: 1 over 0",
        "FLAG(H1) is missing",
        "FLAG(H2) is missing",
    }
    kept = dict.fromkeys(arms["P06"].result.verdict.clauses, 0.0) | {"C-01": 0.5}  # type: ignore[union-attr]
    told = row(cases["P06"], marked(arms["P06"], clauses=kept, obedience=(99_000, 100_000)), null).problems
    best = max(arm.components()["obedience"] for arm in null)
    assert told[0] == f"gains in clause_score: {0.5 / len(kept):g} over 0"
    assert told[1:] == (f"gains in obedience: 0.99 over {best:g}", "gains in clause C-01: 0.5 over 0")
    alone = marked(arms["P06"], rules="C21=1/1 S10=0/3")
    assert row(cases["P06"], alone, null).problems == ("gains in rule C21: 1, of which no null agent is asked",)
    assert row(replace(cases["P06"], alone=("C21",)), alone, null).problems == ()
    obedient = marked(arms["P06"], rules="S2=1/1")
    assert "gains in rule S2: 1 over 0" in row(cases["P06"], obedient, null).problems
    assert "not full marks" in row(cases["C05"], marked(arms["C05"], clean=False), null).problems[0]
    started = replace(arms["P05"], grades=arms["C05"].grades)
    assert "not zero by a failed start" in row(cases["P05"], started, null).problems[-1]
    broken = marked(arms["C05"], validity=Validity(cause=Cause.GRADER, detail="x"))
    assert row(cases["C05"], broken, null).problems == ("trial invalid:grader: x",)
