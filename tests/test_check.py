"""What a proof plays, and what it calls off."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.run.check import leaks, rotation, variants


def test_a_proof_plays_reference_no_op_alternatives_and_flaws() -> None:
    names = variants(["b", "a"], ["other"], 2)
    assert names == ["reference:1", "reference:2", "no-op:", "alternative:other", "flaw:a", "flaw:b"]


@given(st.sets(st.text(min_size=1, max_size=3), min_size=1, max_size=12), st.integers(1, 12))
def test_every_flaw_has_its_turn(names: set[str], number: int) -> None:
    days = [rotation(names, number, day) for day in range(len(names) + 1)]
    assert set().union(*days) == names
    assert {len(day) for day in days} == {min(number, len(names))}
    assert rotation(names, None, 3) == sorted(names)


def test_hidden_files_and_names_in_the_seed_are_leaks() -> None:
    hidden = {"test_a.py": (b"def test_a_booking_is_made(api):\n    assert api.get('/x').status == 200\n", False)}
    clean = {"app.py": (b"x = 1\n", False)}
    assert leaks(clean, hidden) == []
    assert leaks({**clean, "README.md": (b"see test_a_booking_is_made", False)}, hidden) == [
        "hidden check test_a.py::test_a_booking_is_made is named in the seed"
    ]
    assert "hidden file test_a.py stands in the seed" in leaks({"copy.py": hidden["test_a.py"]}, hidden)
