"""A run is held to the rulebook that it was given: kept with it, told in its table, changed by grading alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from chaos.upstream import play
from chaos.world import MODEL, World, build

from graders.rulebook import RULEBOOK
from graders.rulekit import START, case, commit
from harness import compose
from harness.cli import main
from harness.models.serve import PlayerServer

OTHERS = """name = "others"
version = "{version}"

[rules]
P1 = {{ severity = "minor" }}
G3 = {{ severity = "major", parameters = {{ longest = 3 }} }}

[graded]
R9 = {{ demand = "Files are listed.", grader = "report_format", severity = "minor" }}
"""


def book(folder: Path, text: str) -> Path:
    path = folder / "book.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("verb", [["run"], ["plan"], ["grade"], ["check"]])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('name = "x"\nversion = "1"\n[rules]\nP99 = {}\n', "rules.P99: unknown rule 'P99'"),
        ('name = "x"\nversion = "1"\n[rules]\nG3 = { parameters = { long = 1 } }\n', "unknown parameter 'long'"),
        (
            'name = "x"\nversion = "1"\n[rules]\nP1 = {}\n[graded]\nR99 = { demand = "x", grader = "report_format" }\n',
            "graded.R99: unknown check of report_format 'R99'",
        ),
        ("name", "is no TOML"),
    ],
)
def test_a_bad_rulebook_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: list[str], text: str, told: str
) -> None:
    results = tmp_path / "results"
    flags = [] if verb == ["check"] else ["--results", str(results)]
    assert main([*verb, "--rulebook", str(book(tmp_path, text)), *flags]) == 2
    assert told in capsys.readouterr().err
    assert not results.exists()


def test_a_rulebook_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--rulebook", str(tmp_path / "none.toml"), "--results", str(tmp_path / "results")]) == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_the_digest_of_the_graders_is_that_of_the_books_content(tmp_path: Path) -> None:
    copy, other = book(tmp_path, RULEBOOK.read_text()), tmp_path / "other.toml"
    other.write_text(OTHERS.format(version="1"))
    assert compose.graders_digest(copy) == compose.graders_digest()
    assert compose.graders_digest(other) != compose.graders_digest()


def test_all_graders_that_weigh_take_the_book(tmp_path: Path) -> None:
    graders = compose.graders(book(tmp_path, OTHERS.format(version="4")))
    delivery = case(*START, commits=(commit("Add items"),))
    rules, form = (graders[name].grade(delivery) for name in ("rule_violations", "report_format"))
    assert rules.version.endswith("others-4")
    assert {check.id: str(check.severity) for check in rules.checks} == {"P1": "minor", "G3": "major"}
    assert [check.findings[0].message for check in rules.checks if check.findings] == [
        "a subject has 9 characters, at most 3 fit a line"
    ]
    assert {check.id for check in form.checks if check.severity is not None} == {"R9"}


# --- a run --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """One trial, run for real under a rulebook of somebody else's."""
    place = build(tmp_path_factory.mktemp("world"), ("right",))
    given = book(place.root, OTHERS.format(version="4"))
    flags = ("--results", place.results, "--name", "run", "--prices", place.root / "prices.toml", "--rulebook", given)
    code, out = commanded(place, "run", "--model", MODEL, "--tasks", "task-right", *flags)
    assert code == 0, out
    return place


def commanded(world: World, *arguments: object) -> tuple[int, str]:
    """Exit code, and all that was said."""
    with PlayerServer() as server:
        done = subprocess.run(
            world.command(*arguments),
            cwd=world.tree,
            env=world.environ(play(server)),
            capture_output=True,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def checks(world: World) -> dict[str, str]:
    """Rule -> severity, as the run's one trial was judged."""
    (path,) = (world.run / "trials").glob("*/*/grades/rule_violations.json")
    return {check["id"]: check["severity"] for check in json.loads(path.read_text())["checks"]}


@pytest.mark.sandbox
def test_a_run_keeps_its_book_and_is_judged_by_it(world: World, checks: dict[str, str]) -> None:
    assert (world.run / "rulebook.toml").read_text() == OTHERS.format(version="4")
    assert checks == {"P1": "minor", "G3": "major"}
    _, out = commanded(world, "table", "run", "--results", world.results)
    assert "others-4" in out
    (trial,) = (path.name for path in (world.run / "trials").iterdir())
    code, out = commanded(world, "verify", trial, "--results", world.results)
    assert (code, "all as stored" in out) == (0, True)


@pytest.mark.sandbox
def test_another_book_owes_a_grade_and_grading_takes_it(world: World) -> None:
    owed = ("resume", "run", "--results", world.results, "--dry-run")
    assert commanded(world, *owed)[1].startswith("reuse")
    kept = world.run / "rulebook.toml"
    before = kept.read_text()
    kept.write_text(OTHERS.format(version="5"))
    assert commanded(world, *owed)[1].startswith("regrade")
    kept.write_text(before)
    another = book(world.root, OTHERS.format(version="6"))
    code, out = commanded(world, "grade", "run", "--results", world.results, "--rulebook", another)
    assert (code, "others-6" in out) == (0, True)
    assert kept.read_text() == another.read_text()
    assert commanded(world, *owed)[1].startswith("reuse")
