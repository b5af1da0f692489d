"""A gate that rings on a regression, not on luck, and never on what infrastructure broke; and the nightly trend."""

from __future__ import annotations

import json
import random
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from stored_runs import RULEBOOK, arm, drawn, passes, run_of, tasks
from test_compare import A, B, harness

from harness.core.errors import Cause
from harness.core.records import Limits
from harness.core.runs import PlannedTrial


def based(folder: Path, counts: list[int] = A, **more: object) -> Path:
    """A baseline from a run of one arm."""
    run_of(folder, {"dev": passes(counts, 3)}, run="base", **more)
    path = folder / "base.json"
    code, out, err = harness("baseline", "save", "base", "--out", path, "--results", folder)
    assert code == 0, err
    assert "commit it" in out
    return path


def gated(folder: Path, baseline: Path, *more: object) -> tuple[int, dict, str]:
    code, out, err = harness("gate", "--baseline", baseline, "--results", folder, "--format", "json", *more)
    return code, json.loads(out) if out else {}, err


NEXT = {"settings": {"created": "2026-01-02T00:00:00+00:00"}}


def test_the_d1_regression(tmp_path: Path) -> None:
    baseline = based(tmp_path)
    run_of(tmp_path, {"dev": passes(B, 3)}, run="now", **NEXT)
    code, found, _ = gated(tmp_path, baseline)
    assert (code, found["verdict"], found["question"]) == (1, "regression", "suite")
    assert found["p"] == pytest.approx(0.043)
    _, out, _ = harness("gate", "--baseline", baseline, "--results", tmp_path)
    for part in ("REGRESSION", "mid-p 0.0430", "task-01: 3/3 -> 2/3", "standard error 11.8", "question: suite"):
        assert part in out


def test_the_same_again_is_no_regression(tmp_path: Path) -> None:
    baseline = based(tmp_path)
    run_of(tmp_path, {"dev": passes(A, 3)}, run="now", **NEXT)
    code, found, _ = gated(tmp_path, baseline)
    assert (code, found["verdict"]) == (0, "ok")


def test_an_improvement_is_no_regression(tmp_path: Path) -> None:
    baseline = based(tmp_path, B)
    run_of(tmp_path, {"dev": passes(A, 3)}, run="now", **NEXT)
    assert gated(tmp_path, baseline)[0] == 0


def test_what_infrastructure_broke_is_neither_passed_nor_failed(tmp_path: Path) -> None:
    """Five of a hundred trials broke: the run stands, and the answer says what they could have changed."""
    baseline = based(tmp_path, [3] * 20)
    broken: list[list[bool | Cause]] = [[True, True, Cause.PROVIDER] for _ in range(3)]
    run_of(tmp_path, {"dev": [*broken, *passes([3] * 17, 3)]}, run="now", **NEXT)
    code, found, _ = gated(tmp_path, baseline)
    assert (code, found["invalid"]) == (0, {"provider": 3})
    assert found["p"] == 0.5
    assert found["p_if_invalid_failed"] < 0.08
    assert found["p_if_invalid_passed"] == 0.5
    assert found["tasks"]["task-00"] == [[3, 3], [2, 2]]


def test_an_invalid_run_is_no_answer(tmp_path: Path) -> None:
    baseline = based(tmp_path)
    broken: list[bool | Cause] = [Cause.SANDBOX, True, True]
    run_of(tmp_path, {"dev": [broken] * 8}, run="now", **NEXT)
    code, found, _ = gated(tmp_path, baseline)
    assert (code, found["verdict"]) == (3, "invalid run")
    assert harness("baseline", "save", "now", "--results", tmp_path, "--out", tmp_path / "no.json")[0] == 2
    assert not (tmp_path / "no.json").exists()


def test_a_run_without_a_single_valid_trial(tmp_path: Path) -> None:
    baseline = based(tmp_path)
    run_of(tmp_path, {"dev": [[Cause.SANDBOX] * 3] * 8}, run="now", **NEXT)
    assert gated(tmp_path, baseline)[0] == 3
    code, out, _ = harness("gate", "--baseline", baseline, "--results", tmp_path)
    assert code == 3
    assert "INVALID RUN" in out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"planned": tasks(8, version="2")}, "task task-00"),
        ({"arms": [arm("dev", Limits(turns=9))]}, "limits"),
        ({"settings": {"sandbox": "docker", "created": "2026-02-01T00:00:00+00:00"}}, "sandbox"),
    ],
)
def test_other_conditions_are_refused_unless_told_to(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    baseline = based(tmp_path)
    run_of(tmp_path, {"dev": passes(B, 3)}, run="now", **{**NEXT, **changed})
    code, _, err = gated(tmp_path, baseline, "--against", "now")
    assert code == 2
    assert said in err
    code, found, _ = gated(tmp_path, baseline, "--against", "now", "--anyway")
    assert code == 1
    assert found["differs"]


def test_rules_gate_only_when_asked(tmp_path: Path) -> None:
    def rules(planned: PlannedTrial) -> str:
        return f"P1={int(planned.repeat > 3)}/1" if planned.task != "task-00" else "P1=1/1"

    baseline = based(tmp_path, rules="P1=1/1")
    run_of(tmp_path, {"dev": passes(A, 3)}, run="now", rules=rules, **NEXT)
    code, found, _ = gated(tmp_path, baseline)
    assert (code, found["rules_worse"]) == (0, ["P1"])
    assert gated(tmp_path, baseline, "--rules")[0] == 1


def test_a_rule_that_got_better_does_not_gate(tmp_path: Path) -> None:
    baseline = based(tmp_path, rules="P1=0/1")
    run_of(tmp_path, {"dev": passes(A, 3)}, run="now", rules="P1=1/1", **NEXT)
    assert gated(tmp_path, baseline, "--rules")[0] == 0


def test_a_baseline_is_small_and_names_what_it_is_from(tmp_path: Path) -> None:
    rules = " ".join(f"P{number}=1/1" for number in range(45))
    run_of(tmp_path, {"dev": passes([2] * 20, 3)}, run="base", rules=rules)
    path = tmp_path / "base.json"
    assert harness("baseline", "save", "--out", path, "--results", tmp_path)[0] == 0
    assert path.stat().st_size < 60_000
    data = json.loads(path.read_text())
    assert data["run"] == "base"
    assert data["arm"]["digest"]
    assert data["conditions"]["task task-00"]


@pytest.mark.parametrize("content", ["", "{}", '{"run": 3}', "\x00"])
def test_a_broken_baseline_is_named(tmp_path: Path, content: str) -> None:
    run_of(tmp_path, {"dev": passes(A, 3)})
    path = tmp_path / "b.json"
    path.write_text(content)
    code, _, err = gated(tmp_path, path)
    assert code == 2
    assert str(path) in err
    assert "mend:" in err
    assert gated(tmp_path, tmp_path / "none.json")[0] == 2


# --- nights ------------------------------------------------------------------------------------------------------


Trials = Sequence[Sequence[bool | Cause]]


def night(
    folder: Path, number: int, candidate: Trials, control: Trials | None = None, **more: object
) -> tuple[int, list]:
    name, at = f"night-{number:02}", {"created": f"2026-03-{number:02}T00:00:00+00:00"}
    run_of(folder, {"control": control or passes(A, 3), "candidate": candidate}, run=name, settings=at, **more)
    code, out, err = harness("nightly", "--take", name, "--results", folder, "--format", "json")
    assert out, err
    return code, json.loads(out)


def test_three_nights_of_d1_reach_the_level_of_the_vector(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        code, points = night(tmp_path, number, passes(B, 3))
    assert code == 0
    assert [point["evidence"] for point in points] == pytest.approx([3.5617886858] * 3)
    assert points[-1]["level"] == pytest.approx(61.4341847664)


def test_the_detector_rings_and_the_exit_code_says_so(tmp_path: Path) -> None:
    codes = [night(tmp_path, number, passes(B, 3))[0] for number in range(1, 6)]
    assert codes == [0, 0, 0, 0, 1]
    root = ElementTree.fromstring((tmp_path / "nightly.svg").read_text())
    assert len(root.findall(".//{*}circle")) == 1
    code, out, _ = harness("nightly", "--take", "night-05", "--results", tmp_path)
    assert code == 1
    assert "ALARM: the candidate got worse" in out


def test_equal_arms_never_ring(tmp_path: Path) -> None:
    for number in range(1, 8):
        code, points = night(tmp_path, number, passes(A, 3))
    assert code == 0
    assert all(point["level"] < 30 for point in points)


def test_a_night_that_is_taken_again_counts_once(tmp_path: Path) -> None:
    night(tmp_path, 1, passes(B, 3))
    _, out, _ = harness("nightly", "--take", "night-01", "--results", tmp_path, "--format", "json")
    assert len(json.loads(out)) == 1
    assert len((tmp_path / "nightly.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize("control", [None, [[Cause.PROVIDER] * 3] * 8])
def test_an_invalid_night_is_kept_gives_no_evidence_and_exits_3(tmp_path: Path, control: Trials | None) -> None:
    night(tmp_path, 1, passes(B, 3))
    code, points = night(tmp_path, 2, [[Cause.PROVIDER] * 3] * 8, control)
    assert code == 3
    assert points[-1]["evidence"] is None
    assert points[-1]["level"] == points[0]["level"]
    assert points[-1]["invalid"] == {"provider": 48 if control else 24}
    _, points = night(tmp_path, 3, passes(B, 3))
    assert points[-1]["level"] == pytest.approx((1 + points[0]["level"]) * points[0]["evidence"])


def test_another_control_begins_anew(tmp_path: Path) -> None:
    night(tmp_path, 1, passes(B, 3))
    _, points = night(tmp_path, 2, passes(B, 3), arms=[arm("control", model="model-y"), arm("candidate")])
    assert points[1]["level"] == points[1]["evidence"]


def test_a_damaged_history_is_named_and_not_written_to(tmp_path: Path) -> None:
    night(tmp_path, 1, passes(B, 3))
    history = tmp_path / "nightly.jsonl"
    history.write_text(history.read_text() + "{broken\n")
    before = history.read_bytes()
    code, _, err = harness("nightly", "--take", "night-01", "--results", tmp_path)
    assert code == 2
    assert f"{history}:2" in err
    assert history.read_bytes() == before


# --- every form, and the real command many times ---------------------------------------------------------------


@pytest.mark.parametrize("form", ["grid", "markdown", "json"])
@pytest.mark.parametrize(
    "verb", ["table", "compare", "reliability", "front", "history", "gate", "nightly", "export csv", "export summary"]
)
def test_every_table_names_the_rulebook(tmp_path: Path, verb: str, form: str) -> None:
    run_of(tmp_path, {"control": passes(A, 3), "candidate": passes(A, 3)})
    base = tmp_path / "base.json"
    harness("baseline", "save", "--arm", "control", "--out", base, "--results", tmp_path)
    more = {
        "compare": ["control", "candidate"],
        "gate": ["--baseline", base, "--arm", "candidate"],
        "nightly": ["--take", "r1"],
    }
    asked = "text" if (verb, form) == ("gate", "grid") else form
    formed = [] if verb.startswith("export") or (verb, form) == ("gate", "markdown") else ["--format", asked]
    code, out, err = harness(*verb.split(), *more.get(verb, []), *formed, "--results", tmp_path)
    assert code == 0, err
    assert RULEBOOK in out


@pytest.mark.slow
def test_the_gate_through_the_real_command_two_hundred_times(tmp_path: Path) -> None:
    source = random.Random(17)
    codes: Counter[int] = Counter()
    for number in range(200):
        chances = [source.random() for _ in range(20)]
        run_of(tmp_path, {"dev": drawn(chances, 3, source)}, run=f"b{number}")
        run_of(tmp_path, {"dev": drawn(chances, 3, source)}, run=f"n{number}")
        path = tmp_path / f"{number}.json"
        harness("baseline", "save", f"b{number}", "--out", path, "--results", tmp_path)
        codes[gated(tmp_path, path, "--against", f"n{number}")[0]] += 1
    print(f"exit codes of 200 nights without a regression: {dict(codes)}")
    assert set(codes) == {0, 1}
    assert codes[1] <= 19  # 5 % of 200, and three standard errors
