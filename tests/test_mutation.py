"""Mutants of a reference delivery: which there are, in what order they are played, and what their fates mean."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.core.errors import Cause, Failure, UsageError
from harness.prove.mutants import Mutant, added_lines, in_order, mutants
from harness.prove.mutation import Answer, Fate, Mutation, Played, likely, play
from harness.prove.record import ProofRecord, equivalents, read_record, record_bytes

SEED = '''"""Items."""

import logging

logger = logging.getLogger(__name__)


def price(count: int) -> int:
    return count * 3
'''
DELIVERED = '''"""Items."""

import logging
from typing import Annotated

logger = logging.getLogger(__name__)
__all__ = ["price"]


def price(count: int) -> int:
    return count * 3


def total(counts: Annotated[list[int], Query(max_length=4)], free: bool = True) -> int:
    """The sum."""
    logger.info("added %s", counts)
    return sum(counts) + 1 if free else 0
'''


def of(after: str, before: str = "") -> list[Mutant]:
    return mutants({"app/items.py": before.encode()} if before else {}, {"app/items.py": after.encode()}, "app")


def changes(found: Sequence[Mutant]) -> set[tuple[str, str]]:
    return {(mutant.before, mutant.after) for mutant in found}


def test_only_added_code_is_mutated_and_nothing_that_is_the_same_by_construction() -> None:
    found = of(DELIVERED, SEED)
    lines = DELIVERED.splitlines()
    assert {lines[mutant.line - 1].split("(")[0].strip() for mutant in found} == {"def total", "return sum"}
    signature = "def total(counts: Annotated[list[int], Query(max_length=4)], free: bool = True) -> int:"
    assert changes(mutant for mutant in found if mutant.line == 14) == {
        (signature, signature.replace("4", "5")),
        (signature, signature.replace("4", "None")),
        (signature, signature.replace("True", "False")),
    }


def test_the_seed_line_that_stays_is_mutated_where_the_file_is_new() -> None:
    assert ("return count * 3", "return count / 3") in changes(of(SEED))
    assert of(SEED, SEED) == []


def test_mutants_are_programs_other_than_the_reference_each_once() -> None:
    found = of(DELIVERED)
    shapes = [ast.dump(ast.parse(mutant.content)) for mutant in found]
    assert len({*shapes, ast.dump(ast.parse(DELIVERED))}) == len(found) + 1
    assert len({mutant.id for mutant in found}) == len(found)


def test_only_python_of_the_package_is_mutated() -> None:
    other = {name: SEED.encode() for name in ("tests/test_items.py", "migrations/1.py", "app/items.json", "apps/x.py")}
    assert mutants({}, other, "app") == []


def test_a_mutant_keeps_its_id_when_code_is_added_elsewhere() -> None:
    before = {mutant.id for mutant in of(DELIVERED)}
    moved = of(DELIVERED.replace("def price", "LIMIT = 3\n\n\ndef price"))
    assert before < {mutant.id for mutant in moved}


def test_the_order_is_of_the_seed_and_gives_every_place_its_turn_first() -> None:
    found = of(DELIVERED)
    first = in_order(found, "1")
    assert in_order(list(reversed(found)), "1") == first
    assert in_order(found, "2") != first
    places = [(mutant.path, mutant.line, mutant.operator) for mutant in first]
    turns = len(set(places))
    assert turns < len(places)
    assert len(set(places[:turns])) == turns


def test_added_lines_are_those_the_other_text_lacks() -> None:
    assert added_lines("a\nb\n", "a\nx\nb\ny\n") == {2, 4}
    assert added_lines("", "a\nb") == {1, 2}
    assert added_lines("a\nb", "a") == set()


# --- playing -----------------------------------------------------------------------------------------------------


def mutant(number: int, path: str = "app/a.py") -> Mutant:
    return Mutant(f"m{number}", path, number, "swap_op", "a", "b", b"")


def fate(number: int, kind: Fate, by: str = "", path: str = "app/a.py") -> Played:
    return Played(id=f"m{number}", path=path, line=number, operator="swap_op", before="a", after="b", fate=kind, by=by)


def empty(wanted: int, candidates: int = 50) -> Mutation:
    return Mutation(digest="d", operators="o", seed="1", wanted=wanted, candidates=candidates)


def test_mutants_are_played_until_enough_are_viable() -> None:
    def judge(one: Mutant, first: Sequence[str]) -> Answer:
        return Answer("unviable", "stage:boots") if one.line % 2 else Answer("killed", "test_a.py::test_a")

    found = play(empty(20), [mutant(number) for number in range(50)], judge, workers=2)
    assert found.complete
    assert [one.line for one in found.played] == list(range(39))
    assert len(found.viable) == 20
    assert found.score({}) == 1


def test_too_few_mutants_are_all_there_are() -> None:
    found = play(
        empty(20, 3), [mutant(number) for number in range(3)], lambda one, first: Answer("survived"), workers=2
    )
    assert found.complete
    assert found.score({}) == 0


def test_an_earlier_run_is_taken_up_where_it_stopped() -> None:
    ordered = [mutant(number) for number in range(50)]
    parts: list[Mutation] = []
    whole = play(empty(30), ordered, lambda one, first: Answer("survived"), workers=2, kept=parts.append)
    asked: list[int] = []

    def judge(one: Mutant, first: Sequence[str]) -> Answer:
        asked.append(one.line)
        return Answer("survived")

    assert play(parts[0], ordered, judge, workers=1) == whole
    assert asked == list(range(len(parts[0].played), 30))


def test_what_the_machine_may_have_caused_counts_only_twice() -> None:
    asked: list[tuple[str, ...]] = []

    def judge(one: Mutant, first: Sequence[str]) -> Answer:
        asked.append(tuple(first))
        return Answer("killed", "slow", "deadline") if len(asked) == 1 else Answer("survived")

    found = play(empty(1), [mutant(1)], judge, workers=1)
    assert [one.fate for one in found.played] == ["survived"]
    assert asked == [(), ("slow",)]


def test_a_sandbox_that_fails_once_is_tried_again_and_a_grader_that_fails_is_not() -> None:
    failed: list[Cause] = []

    def judge(one: Mutant, first: Sequence[str]) -> Answer:
        if not failed:
            failed.append(Cause.SANDBOX)
            raise Failure(Cause.SANDBOX, "gone")
        return Answer("survived")

    assert play(empty(1), [mutant(1)], judge, workers=1).played[0].fate == "survived"

    def broken(one: Mutant, first: Sequence[str]) -> Answer:
        raise Failure(Cause.GRADER, "broken")

    with pytest.raises(Failure, match="broken"):
        play(empty(1), [mutant(1)], broken, workers=1)


def test_checks_that_killed_near_by_are_tried_first() -> None:
    before = [
        fate(90, "killed", "far"),
        fate(12, "killed", "near"),
        fate(10, "survived"),
        fate(10, "killed", "other file", "app/b.py"),
        fate(30, "killed", "same mutant"),
    ]
    assert likely(mutant(11), before) == ["near", "same mutant", "far", "other file"]
    assert likely(mutant(30), before)[0] == "same mutant"
    assert likely(mutant(1), []) == []


def test_the_score_leaves_out_what_is_the_same_program_and_what_does_not_start() -> None:
    played = (fate(1, "killed", "a"), fate(2, "survived"), fate(3, "survived"), fate(4, "unviable", "stage:boots"))
    found = empty(3).model_copy(update={"played": played})
    assert found.score({}) == pytest.approx(1 / 3)
    assert found.score({"m2": "the default is the same"}) == 0.5
    assert [one.id for one in found.survivors({"m2": "why"})] == ["m3"]
    assert found.score({"m1": "a killed one is no equivalent", "m2": "why", "m3": "why"}) == 1
    assert empty(3).score({}) is None


# --- the record --------------------------------------------------------------------------------------------------


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = empty(3).model_copy(update={"played": (fate(1, "killed", "a"), fate(2, "survived"))})
    record = ProofRecord(task="items", mutation=found)
    (tmp_path / "proof.json").write_bytes(record_bytes(record))
    assert read_record(tmp_path, "items") == record
    assert sum(b'"fate"' in line for line in record_bytes(record).splitlines()) == 2
    assert read_record(tmp_path / "other", "items") == ProofRecord(task="items")


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "proof.json").write_text("[]")
    with pytest.raises(UsageError, match=r"proof\.json"):
        read_record(tmp_path, "items")


def test_equivalents_are_read_with_their_reasons_and_need_one(tmp_path: Path) -> None:
    assert equivalents(tmp_path) == {}
    path = tmp_path / "equivalent.toml"
    path.write_text('[[mutant]]\nid = "m1"\nchange = "a => b"\nwhy = "the column has no default"\n')
    assert equivalents(tmp_path) == {"m1": "the column has no default"}
    path.write_text('[[mutant]]\nid = "m1"\nchange = "a => b"\nwhy = ""\n')
    with pytest.raises(UsageError, match=r"mutant\.0\.why"):
        equivalents(tmp_path)
    path.write_text("[[mutant")
    with pytest.raises(UsageError, match="not TOML"):
        equivalents(tmp_path)
