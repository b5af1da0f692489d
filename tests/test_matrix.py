"""A matrix of arms: everything with everything, plain names, mistakes named with their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from stored_runs import arm, manifest, passes, run_of, tasks
from test_compare import harness

from harness import compose
from harness.core.errors import UsageError
from harness.core.records import Limits
from harness.load.matrix import ArmChoice, crossed, load_matrix, parse_limits
from harness.load.prompts import load_prompt
from harness.run.plan import plan
from harness.store.layout import RunFolder

PROMPT = "---\nname: dev\ndescription: d\nmodel: opus\n---\nDo it.\n"


def matrix(tmp_path: Path, text: str) -> Path:
    for name in ("old", "new"):
        (tmp_path / f"{name}.md").write_text(PROMPT + name)
    path = tmp_path / "matrix.toml"
    path.write_text(text)
    return path


FULL = """
repeats = 3
tasks = ["bookings-crud"]
models = ["claude-opus-5-5", "reference/oracle"]
[prompts]
old = "old.md"
new = "new.md"
[limits]
own = "task"
tight = { turns = 40 }
"""


def test_everything_with_everything(tmp_path: Path) -> None:
    found = load_matrix(matrix(tmp_path, FULL))
    assert (found.repeats, found.tasks) == (3, ("bookings-crud",))
    assert [choice.name for choice in found.arms] == [
        "old+claude-opus-5-5+own", "old+claude-opus-5-5+tight", "old+oracle+own", "old+oracle+tight",
        "new+claude-opus-5-5+own", "new+claude-opus-5-5+tight", "new+oracle+own", "new+oracle+tight",
    ]  # fmt: skip
    assert found.arms[0] == ArmChoice("old+claude-opus-5-5+own", "claude-opus-5-5", tmp_path / "old.md", None)
    assert found.arms[1].limits == Limits(turns=40)


def test_arms_one_by_one(tmp_path: Path) -> None:
    text = """
        [prompts]
        old = "old.md"
        [arms.control]
        model = "reference/oracle"
        prompt = "old"
        [arms.candidate]
        model = "reference/oracle"
    """
    found = load_matrix(matrix(tmp_path, text)).arms
    assert [(choice.name, choice.prompt) for choice in found] == [
        ("control", tmp_path / "old.md"), ("candidate", None),
    ]  # fmt: skip


def test_a_name_says_only_what_is_not_shared() -> None:
    assert [choice.name for choice in crossed({}, ["a", "b"], {})] == ["a", "b"]
    assert [choice.name for choice in crossed({"x": Path("x"), "y": Path("y")}, ["a"], {})] == ["x", "y"]
    assert [choice.name for choice in crossed({}, ["reference/oracle"], {})] == ["oracle"]
    assert crossed({"x": Path("x")}, [], {}) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models = [", "not TOML"),
        ("modles = ['a']", "did you mean 'models'"),
        ("repeats = 3", "no arms"),
        ("models = ['a']\nrepeats = 0", "repeats"),
        ("models = ['a']\nrepeats = true", "repeats"),
        ("models = 'a'", "models is no list"),
        ("models = ['=cmd()']", "no plain name"),
        ("models = ['a\\u001b[2J']", "no plain name"),
        ("models = ['a']\n[limits]\nx = { turn = 3 }", "turn"),
        ("models = ['a']\n[limits]\nx = { turns = 0 }", "above 0"),
        ("models = ['a']\n[limits]\nx = 3", "limits.x"),
        ("models = ['a']\nprompts = 3", "prompts is no table"),
        ("[arms.x]\nmodel = 'a'\nprompt = 'odl'\n[prompts]\nold = 'old.md'", "did you mean 'old'"),
        ("[arms.x]\nprompt = 'old'\n[prompts]\nold = 'old.md'", "arms.x.model"),
        ("[arms]\nx = 3", "arms.x is no table"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    path = matrix(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_matrix(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_matrix(tmp_path / "none.toml")


def test_limits_from_a_flag() -> None:
    assert parse_limits("turns=40,usd=2.5", "--limits") == Limits(turns=40, usd=2.5)
    assert parse_limits("task", "--limits") is None
    for wrong in ("turns", "turns=x", "tuns=3", "usd=-1", ""):
        if wrong:
            with pytest.raises(UsageError, match="mend"):
                parse_limits(wrong, "--limits")


# --- arms of a run -----------------------------------------------------------------------------------------------


def made(tmp_path: Path, text: str) -> list:
    choice = compose.Choice(arms=load_matrix(matrix(tmp_path, text)).arms, environ={})
    return list(compose.make_arms(choice, load_prompt(choice.prompt), []))


def test_arms_that_differ_have_other_digests(tmp_path: Path) -> None:
    found = made(tmp_path, FULL)
    assert len({one.digest for one in found}) == len(found) == 8
    assert found[0].prompt_digest == load_prompt(tmp_path / "old.md").digest
    assert found[1].limits == Limits(turns=40)


def test_the_arms_interleave_in_one_run(tmp_path: Path) -> None:
    found = made(tmp_path, FULL)
    trials = plan(found, tasks(3), 2, seed=1)
    blocks = [trials[start : start + 8] for start in range(0, len(trials), 8)]
    assert all(
        len({trial.arm for trial in block}) == 8 and len({trial.task for trial in block}) == 1 for block in blocks
    )


def test_an_unknown_player_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'oracle'"):
        made(tmp_path, "models = ['reference/orcale']")


def test_a_real_model_in_a_matrix_needs_a_key(tmp_path: Path) -> None:
    choice = compose.Choice(arms=load_matrix(matrix(tmp_path, FULL)).arms, environ={})
    with pytest.raises(UsageError, match="ANTHROPIC_API_KEY"):
        compose.api_key(choice)


def test_a_run_keeps_every_prompt(tmp_path: Path) -> None:
    choice = compose.Choice(arms=load_matrix(matrix(tmp_path, FULL)).arms, environ={})
    kept = compose.kept_prompts(choice, load_prompt(choice.prompt))
    assert sorted(kept.values()) == sorted(
        [(tmp_path / "old.md").read_bytes(), (tmp_path / "new.md").read_bytes(), choice.prompt.read_bytes()]
    )
    folder = run_of(
        tmp_path, {"old": passes([1], 1)}, arms=[made(tmp_path, FULL)[0].model_copy(update={"name": "old"})]
    )
    assert compose.kept_prompt(folder, folder.manifest.arms[0]).name in kept


def test_a_matrix_and_flags_at_once_are_refused(tmp_path: Path) -> None:
    path = matrix(tmp_path, FULL)
    code, _, err = harness("run", "--matrix", path, "--model", "x", "--results", tmp_path / "r")
    assert code == 2
    assert "--model beside --matrix" in err


# --- plan --------------------------------------------------------------------------------------------------------


def test_a_plan_says_what_it_would_see_and_cost(tmp_path: Path) -> None:
    past = [arm("oracle", model="reference/oracle"), arm("noop", model="reference/noop")]
    run_of(tmp_path, {"oracle": passes([1] * 4, 5), "noop": passes([1] * 4, 5)}, arms=past)
    code, out, err = harness("plan", "--agents", "oracle,noop", "--repeats", 5, "--budget", 1, "--results", tmp_path)
    assert code == 0, err
    count = int(out.split(" trials:")[0])
    assert count % 10 == 0
    assert f"${count * 0.02:.2f}, " in out
    assert "pays for" in out
    assert "Smallest difference" in out


def test_a_plan_without_history_says_so(tmp_path: Path) -> None:
    code, out, _ = harness("plan", "--agents", "oracle", "--budget", 5, "--results", tmp_path)
    assert code == 0
    assert "no history; probe with --probe" in out
    assert "is not known without history" in out


def test_a_budget_pays_for_whole_repeats() -> None:
    from harness.report.foresee import Mean, foresee, text

    history = {("model-x", ""): Mean(0.02, 60.0, 10), ("model-x", "task-00"): Mean(0.04, 60.0, 5)}
    plan_of = manifest([arm("a"), arm("b")], tasks(20), 3)
    names = [task.id for task in plan_of.tasks]
    caps = {(one.name, task): 2.0 for one in plan_of.arms for task in names}
    found = foresee(plan_of.arms, names, 3, history, caps, 4)
    assert (found.trials, found.usd) == (120, pytest.approx(2 * 3 * (19 * 0.02 + 0.04)))
    assert found.wall_s == pytest.approx(120 * 60 / 4)
    assert found.repeats_within(2.52) == 3
    assert found.repeats_within(2.51) == 2
    shown = text(found, budget=0.1, mde_only=False)
    assert "20 tasks x 3: 19.2 points" in shown
    assert "20 tasks x 5: 14.9 points" in shown
    assert "does not pay for one repeat" in shown
    assert "trials:" not in text(found, budget=None, mde_only=True)


def test_a_probe_is_not_paid_for_where_there_is_history(tmp_path: Path) -> None:
    run_of(tmp_path, {"oracle": passes([1], 1)}, arms=[arm("oracle", model="reference/oracle")], planned=tasks(1))
    code, out, err = harness("plan", "--agents", "oracle", "--probe", "--results", tmp_path)
    assert (code, err) == (0, "")
    assert "from 1 trials" in out
    assert [path.name for path in tmp_path.iterdir()] == ["r1"]


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_probe_tells_what_trials_cost_and_how_long_they_take(tmp_path: Path) -> None:
    code, out, err = harness("plan", "--agents", "noop", "--probe", "--repeats", 3, "--results", tmp_path)
    assert code == 0, err
    assert "$0.00 from 1 trials" in out
    assert "Expected: $0.00, " in out
    (probe,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert [planned.repeat for planned in RunFolder.open(probe).manifest.trials] == [1]
