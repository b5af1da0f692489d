"""`harness proof`: what falls short of a proof, what the table says, and the whole on a small task."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_new_task import filled

from harness import compose, verbs
from harness.cli import main
from harness.core.digest import code_digest
from harness.load.scaffold import scaffold
from harness.load.tasks import load_task
from harness.prove.mutation import Fate, Mutation, Played
from harness.prove.record import (
    Checked,
    Facts,
    Flakes,
    Partial,
    ProofRecord,
    Score,
    equivalents,
    read_record,
    record_bytes,
    stale,
)
from harness.prove.said import put_in, shortcomings, table, text
from harness.proving import table_of

KEYS = {"checked": "c", "mutation": "m", "partial": "p", "flakes": "f"}
FACTS = Facts(tags=("crud", "i18n"), seed_files=40, reference_lines=300, clauses=12, checks=20)


def played(number: int, fate: Fate) -> Played:
    return Played(
        id=f"m{number}",
        path="app/a.py",
        line=number,
        operator="number",
        before="a < 1",
        after="a < 2",
        fate=fate,
        by="x",
    )


def score(mean: float) -> Score:
    return Score(clauses={"C-01": mean}, mean=mean, whole=0.0)


def record(killed: int = 80, survived: int = 5, **scores: float) -> ProofRecord:
    """A proof; `scores` by agent with underscores change those of the partial deliveries."""
    fates = [played(number, "killed") for number in range(killed)]
    fates += [played(killed + number, "survived") for number in range(survived)]
    means = {"noop": 0.0, "mock": 0.1, "junior-30": 0.2, "junior-60": 0.5, "junior-90": 0.8}
    means |= {name.replace("_", "-"): mean for name, mean in scores.items()}
    return ProofRecord(
        task="items",
        facts=FACTS,
        checked=Checked(digest="c", ok=True, checks=20, clauses=12, floor=0.05, deliveries=30),
        mutation=Mutation(digest="m", operators="o", seed="1", wanted=85, candidates=200, played=tuple(fates)),
        partial=Partial(digest="p", scores={name: score(mean) for name, mean in means.items()}),
        flakes=Flakes(digest="f", repeats=20, answers=400),
    )


def off(given: ProofRecord, equivalent: dict[str, str] | None = None) -> list[str]:
    return shortcomings(given, equivalent or {}, KEYS)


def test_a_proof_has_no_shortcomings() -> None:
    assert off(record()) == []
    assert text(record(), {}, []).endswith("=> proven")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (record(killed=68, survived=17), "mutation: 0.80 killed"),
        (record(mock=0.41), "partial: the mock reaches 0.41"),
        (record(junior_60=0.2), "partial: who does more must score more: 0.00, 0.20, 0.20, 0.80"),
        (record(junior_30=0.0), "partial: who does more must score more"),
        (
            record().model_copy(update={"flakes": Flakes(digest="f", repeats=20, answers=4, flakes=("3 a fail",))}),
            "3 a",
        ),
        (record().model_copy(update={"flakes": None}), "flakes: missing or not of now"),
        (
            record().model_copy(
                update={"checked": Checked(digest="c", ok=False, checks=1, clauses=1, floor=0, deliveries=1)}
            ),
            "checked: `harness check` finds faults",
        ),
    ],
)
def test_what_falls_short_is_said(given: ProofRecord, said: str) -> None:
    (found,) = off(given)
    assert said in found


def test_too_few_viable_mutants_are_too_few_unless_there_are_no_more() -> None:
    few = record(killed=60, survived=0)
    assert few.mutation is not None
    small = few.mutation.model_copy(update={"wanted": 60})
    assert off(few.model_copy(update={"mutation": small})) == ["mutation: 60 viable, 80 are asked for"]
    whole = small.model_copy(update={"candidates": 60})
    assert off(few.model_copy(update={"mutation": whole})) == []


def test_equivalents_are_left_out_and_one_that_is_killed_is_told() -> None:
    given = record(killed=68, survived=17)
    same = {f"m{number}": "no client can tell" for number in range(68, 85)}
    assert off(given, same) == []
    assert off(given, {**same, "m3": "wrong"}) == ["mutation: m3 is listed as the same program and x kills it"]


def test_parts_of_other_digests_and_unfinished_ones_are_stale() -> None:
    assert stale(record(), KEYS) == []
    assert stale(record(), {**KEYS, "partial": "other"}) == ["partial"]
    assert stale(ProofRecord(task="items"), KEYS) == list(KEYS)
    assert stale(record(killed=84, survived=0), KEYS) == ["mutation"]


def test_the_table_has_a_row_for_each_task_and_takes_the_place_of_the_old_one() -> None:
    begun, untried = ProofRecord(task="begun", facts=FACTS), ProofRecord(task="untried")
    made = table([(begun, {}), (record(), {}), (untried, {})])
    rows = made.splitlines()[3:-1]
    assert len(rows) == 2
    assert rows[1] == (
        "| `items` | crud, i18n | 40 files | 300 lines | 12 | 20 | 80 of 85 (94 %) | 0.05 | 0.10 | 0.20, 0.50, 0.80"
        " | 0 in 400 (20 repeats) |"
    )
    assert rows[0] == "| `begun` | crud, i18n | 40 files | 300 lines | 12 | 20 | - | - | - | -, -, - | - |"
    before = "# Tasks\n\n<!-- proof: begin -->\nold\n<!-- proof: end -->\n\nMore.\n"
    assert put_in(before, made) == f"# Tasks\n\n{made}\n\nMore.\n"
    assert put_in(put_in(before, made), made) == put_in(before, made)


def test_the_table_that_ships_says_what_the_records_say() -> None:
    said = (compose.TASKS / "README.md").read_text()
    assert put_in(said, table_of(compose.TASKS)) == said


@pytest.mark.parametrize("root", sorted(path.parent for path in compose.TASKS.glob("*/equivalent.toml")))
def test_equivalents_that_ship_are_survivors_of_the_record(root: Path) -> None:
    part = read_record(root, root.name).mutation
    assert part is not None
    assert set(equivalents(root)) <= {one.id for one in part.viable if one.fate == "survived"}


def test_changed_tasks_are_due_and_others_in_turn(tmp_path: Path) -> None:
    bundles = [load_task(filled(scaffold(tmp_path, name))) for name in ("a", "b", "c", "d")]
    left = {"a": ["mutation"], "b": [], "c": [], "d": []}
    chosen = [[bundle.task.id for bundle in verbs.due(bundles, left, 1, day)] for day in range(4)]
    assert chosen == [["a", "b"], ["a", "c"], ["a", "d"], ["a", "b"]]
    assert len(verbs.due(bundles, left, None, 0)) == 4
    assert [bundle.task.id for bundle in verbs.due(bundles, {**left, "a": []}, 2, 0)] == ["a", "b"]


def test_a_code_digest_follows_imports_within_the_package(tmp_path: Path) -> None:
    root = tmp_path / "kit"
    root.mkdir()
    (root / "start.py").write_text("from kit.deep import x\nimport json\n")
    (root / "deep.py").write_text("from kit import deeper\n")
    (root / "deeper.py").write_text("")
    (root / "other.py").write_text("")
    before = code_digest(root, "kit", "start")
    (root / "other.py").write_text("x = 1\n")
    assert code_digest(root, "kit", "start") == before
    (root / "deeper.py").write_text("x = 1\n")
    assert code_digest(root, "kit", "start") != before


def test_a_part_that_is_none_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proof", "bookings-crud", "--parts", "mutations"]) == 2
    assert "did you mean 'mutation'" in capsys.readouterr().err


@pytest.mark.sandbox
def test_a_task_without_a_record_has_nothing_to_play_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = filled(scaffold(tmp_path, "my-task"))
    assert main(["proof", str(root), "--replay", "2"]) == 0
    assert "no mutants on record yet" in capsys.readouterr().out
    (root / "proof.json").write_bytes(record_bytes(record().model_copy(update={"task": "my-task"})))
    assert main(["proof", str(root), "--replay", "2"]) == 1
    assert "none of the killed mutants on record is one of now" in capsys.readouterr().out


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_small_task_is_proven_and_weaker_checks_are_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = filled(scaffold(tmp_path, "my-task"))
    (tmp_path / "README.md").write_text("<!-- proof: begin -->\n<!-- proof: end -->\n")
    main(["proof", str(root), "--parts", "mutation,partial", "--mutants", "8"])
    found = read_record(root, "my-task")
    assert found.mutation is not None
    assert found.partial is not None
    assert len(found.mutation.viable) == 8
    assert found.partial.scores["mock"].mean < found.partial.scores["junior-90"].mean
    assert "`my-task`" in (tmp_path / "README.md").read_text()
    assert main(["proof", str(root), "--replay", "4"]) == 0
    checks = root / "checks" / "test_greetings.py"
    asking = "\n".join(line for line in checks.read_text().splitlines() if not line.startswith("    "))
    checks.write_text(asking.replace(") -> None:", ") -> None: assert api"))
    capsys.readouterr()
    assert main(["proof", str(root), "--replay", "2"]) == 1
    assert "was killed by test_greetings.py::" in capsys.readouterr().out
