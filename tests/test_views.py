"""Reliability, front, history and compare's money, against numbers worked out by hand from small stored runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from stored_runs import arm, attempted, journal_lines, manifest, passes, run_of, stored, tasks
from test_compare import compared, harness

from harness.core.errors import Cause
from harness.core.records import Cost, Usage
from harness.core.runs import AttemptLine, JournalLine

Rows = list[dict[str, object]]


def rows(results: Path, verb: str, *more: object) -> Rows:
    code, out, err = harness(verb, *more, "--results", results, "--format", "json")
    assert code == 0, err
    found: Rows = json.loads(out)["rows"]
    return found


# --- reliability -------------------------------------------------------------------------------------------------

HALF, THREE_QUARTERS, ALL = (f"G-Pass@k, {share} of k" for share in ("1/2", "3/4", "1"))


def test_reliability_is_the_mean_over_tasks_of_each_arm(tmp_path: Path) -> None:
    """Five trials of four tasks: arm a passes 5, 3, 1 and 0 of them, arm b 4, 2, 0 and 0."""
    run_of(tmp_path, {"a": passes([5, 3, 1, 0], 5), "b": passes([4, 2, 0, 0], 5)})
    found = {(row["arm"], row["k"]): row for row in rows(tmp_path, "reliability")}
    assert sorted(found) == [(name, k) for name in ("r1:a", "r1:b") for k in range(1, 6)]

    def numbers(name: str, k: int) -> list[object]:
        return [found[name, k][column] for column in ("pass@k", "pass^k", HALF, THREE_QUARTERS, ALL)]

    assert numbers("r1:a", 1) == pytest.approx([9 / 20] * 5)
    # At least 1, all 3, 2 of 3 (half), 3 of 3 (three quarters and all), tasks 5 and 3 only: (1 + 7/10)/4, (1 + 1/10)/4.
    assert numbers("r1:a", 3) == pytest.approx([13 / 20, 11 / 40, 17 / 40, 11 / 40, 11 / 40])
    assert numbers("r1:b", 2) == pytest.approx([(1 + 7 / 10) / 4, (6 / 10 + 1 / 10) / 4, 17 / 40, 7 / 40, 7 / 40])
    # Of all five: 4 passes are at least 3 and at least 4 of 5, 2 passes are neither.
    assert numbers("r1:b", 5) == pytest.approx([2 / 4, 0, 1 / 4, 1 / 4, 0])


def test_reliability_draws_from_valid_trials_only(tmp_path: Path) -> None:
    """A task that lost one of three trials allows pairs, and no triples."""
    run_of(tmp_path, {"a": [[True, Cause.PROVIDER, False], [True, True, True]]})
    found = rows(tmp_path, "reliability")
    assert [row["k"] for row in found] == [1, 2]
    assert [row["pass@k"] for row in found] == pytest.approx([(1 / 2 + 1) / 2, 1])
    assert [row["pass^k"] for row in found] == pytest.approx([(1 / 2 + 1) / 2, (0 + 1) / 2])


# --- money -------------------------------------------------------------------------------------------------------

TRIALS = 50
WORTH = {"a": (30, 1.0), "b": (35, 2.0), "c": (34, 3.0), "d": (40, 8.0), "e": (30, 0.9), "f": (25, 0.9)}
"""Arm -> of fifty trials accepted, USD a trial; f costs what e costs and is worse."""


def paying(results: Path, *, retried: str = "") -> None:
    """A run of these arms; the first trial of `retried` had a broken attempt that cost ten dollars."""
    plan = manifest([arm(name) for name in WORTH], tasks(1), TRIALS)
    lines: list[JournalLine] = []
    for line in journal_lines(plan, {name: passes([count], TRIALS) for name, (count, _) in WORTH.items()}):
        name = next(planned.arm for planned in plan.trials if planned.trial == line.trial)
        if name == retried and line.trial == next(one.trial for one in plan.trials if one.arm == retried):
            if line.type == "attempt":
                planned = next(one for one in plan.trials if one.trial == line.trial)
                lines.append(priced(attempted(planned, Cause.PROVIDER), 10.0))
            line = line._replace(attempt=2)
        lines.append(priced(line, WORTH[name][1]))
    stored(results, plan, lines)


def priced(line: JournalLine, usd: float) -> JournalLine:
    return line._replace(cost=Cost(micro_usd=round(usd * 1e6))) if isinstance(line, AttemptLine) else line


def test_the_front_is_that_of_the_vector(tmp_path: Path) -> None:
    paying(tmp_path)
    found = rows(tmp_path, "front")
    assert [row["arm"] for row in found] == ["r1:e", "r1:f", "r1:a", "r1:b", "r1:c", "r1:d"]
    assert {row["arm"]: row["USD a trial"] for row in found} == pytest.approx(
        {f"r1:{name}": usd for name, (_, usd) in WORTH.items()}
    )
    assert {row["arm"]: row["accepted"] for row in found} == pytest.approx(
        {f"r1:{name}": count / TRIALS for name, (count, _) in WORTH.items()}
    )
    assert [row["arm"] for row in found if row["cost-success front"]] == ["r1:e", "r1:b", "r1:d"]


def test_the_money_of_a_broken_attempt_counts_and_can_cost_an_arm_its_place(tmp_path: Path) -> None:
    """0.9 dollars fifty times and ten for what broke are 1.1 a trial: arm a is cheaper then and as good."""
    paying(tmp_path, retried="e")
    found = {row["arm"]: row for row in rows(tmp_path, "front")}
    assert found["r1:e"]["USD a trial"] == pytest.approx((50 * 0.9 + 10) / 50)
    assert (found["r1:e"]["cost-success front"], found["r1:a"]["cost-success front"]) == ("", "front")


def test_an_arm_without_a_valid_trial_is_on_no_front(tmp_path: Path) -> None:
    run_of(tmp_path, {"a": [[Cause.SANDBOX]], "b": [[True]]})
    assert [row["arm"] for row in rows(tmp_path, "front")] == ["r1:b"]


# --- over runs ---------------------------------------------------------------------------------------------------


def test_history_counts_each_task_run_by_run_oldest_first(tmp_path: Path) -> None:
    late, early = ({"created": f"2026-0{month}-01T00:00:00+00:00"} for month in (3, 2))
    run_of(tmp_path, {"a": passes([2, 0], 3), "b": passes([3, 1], 3)}, run="late", settings=late)
    broken: list[list[bool | Cause]] = [[True, Cause.SANDBOX, False], [True, True, True]]
    run_of(tmp_path, {"a": broken}, run="early", settings=early, planned=tasks(2, version="2"))
    found = rows(tmp_path, "history")
    assert [[row[name] for name in ("task", "run", "arm", "accepted", "valid")] for row in found] == [
        ["task-00", "early", "a", 1, 2],
        ["task-00", "late", "a", 2, 3],
        ["task-00", "late", "b", 3, 3],
        ["task-01", "early", "a", 3, 3],
        ["task-01", "late", "a", 0, 3],
        ["task-01", "late", "b", 1, 3],
    ]
    versions = {row["run"]: row["version"] for row in found if row["task"] == "task-00"}
    assert versions["early"] != versions["late"]
    assert {row["run"] for row in rows(tmp_path, "history", "early")} == {"early"}


# --- beside a comparison -----------------------------------------------------------------------------------------


def spending(results: Path, spent: Mapping[str, tuple[float, int, float]]) -> None:
    """Two tasks, two trials an arm; `spent`: USD, tokens and seconds of each attempt. B's first trial took two."""
    plan = manifest([arm(name) for name in spent], tasks(2), 2)
    lines: list[JournalLine] = []
    first = next(planned for planned in plan.trials if planned.arm == "b")
    for line in journal_lines(plan, dict.fromkeys(spent, passes([1, 2], 2))):
        usd, used, wall_s = spent[next(planned.arm for planned in plan.trials if planned.trial == line.trial)]
        changed = {"cost": Cost(micro_usd=round(usd * 1e6)), "usage": Usage(output=used), "wall_s": wall_s}
        paid = line._replace(**changed) if isinstance(line, AttemptLine) else line
        if line.trial == first.trial:
            lines += [attempted(first, Cause.PROVIDER)._replace(**changed)] * isinstance(line, AttemptLine)
            paid = paid._replace(attempt=2)
        lines.append(paid)
    stored(results, plan, lines)


def test_what_two_arms_cost_is_told_in_numbers(tmp_path: Path) -> None:
    """Four trials each; B pays for five attempts."""
    spending(tmp_path, {"a": (0.02, 1_100, 60.0), "b": (0.03, 2_000, 30.0)})
    found = compared(tmp_path, "a", "b")
    sides = [[found[side][name] for name in ("cost_usd", "tokens", "wall_s", "planned")] for side in "ab"]
    assert sides == [pytest.approx([0.08, 4_400, 240.0, 4]), pytest.approx([0.15, 10_000, 150.0, 4])]
    _, page, _ = harness("compare", "a", "b", "--results", tmp_path, "--format", "markdown")
    told = {cells[1].strip("` "): [cell.strip("` ") for cell in cells[2:5]] for cells in map(_cells, page.splitlines())}
    assert told["cost a trial"] == ["$0.0200", "$0.0375", "1.88"]
    assert told["tokens a trial"] == ["1,100", "2,500", "2.27"]
    assert told["wall time a trial"] == ["60.0 s", "37.5 s", "0.62"]
    assert told["valid trials"][:2] == ["4/4", "4/4"]


def _cells(line: str) -> list[str]:
    return line.split("|") if line.count("|") > 4 else ["", "", "", "", "", ""]
