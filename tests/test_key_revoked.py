"""A key that is revoked in the middle of a run: what was paid for stays, what was not begun is owed, nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from chaos.accounts import journal as read_lines
from chaos.upstream import play
from chaos.world import build
from test_resume import RIGHT, actions, done, options, resume

from harness.models.serve import Fault, PlayerServer

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]


class Revoked:
    """Serves one trial whole and the next one's first call; from then on the key is denied."""

    def __init__(self) -> None:
        self.denied = 0

    def __call__(self, lane: str, turn: int, attempt: int) -> Fault | None:
        if self.denied or (turn, attempt) == (1, 2):
            self.denied += 1
            return Fault(kind="status", status=401, error="authentication_error")
        return None


def test_a_key_revoked_in_the_middle_stops_the_run_and_resume_owes_exactly_the_rest(tmp_path: Path) -> None:
    world = build(tmp_path, RIGHT)
    revoked = Revoked()
    with PlayerServer(revoked) as server:
        code, out, err = done(world, play(server), options(world, repeats=6))
    assert code == 3, out + err
    assert "failed trial after trial" in err
    assert revoked.denied == 6, "three trials, two attempts each, one call of each"
    first, second, *_ = planned = [
        trial["trial"] for trial in json.loads((world.run / "run.json").read_text())["trials"]
    ]
    lines = read_lines(world.run)
    assert [(line["trial"], line["type"]) for line in lines[:2]] == [(first, "attempt"), (first, "verdict")]
    assert [line["validity"]["cause"] for line in lines] == [None, None, *["provider"] * 6]
    assert Counter(line["trial"] for line in lines[2:]) == dict.fromkeys(planned[1:4], 2)
    broken = lines[2]
    assert (broken["trial"], broken["calls"], broken["cost"]["micro_usd"] > 0) == (second, 2, True)
    assert "401" in broken["validity"]["detail"]
    table = ("table", "run", "--results", world.results, "--format", "json")
    row = json.loads(done(world, "", table)[1])["rows"][0]
    assert (row["planned"], row["valid"], row["causes"]["provider"]) == (6, 1, 3)
    with PlayerServer() as server:
        url = play(server)
        _, out, _ = done(world, url, resume(world, "--dry-run"))
        assert [action for action, _ in actions(out)] == ["reuse", *["rerun"] * 5]
        assert [why for _, why in actions(out)][-2:] == ["not run yet"] * 2
        code, out, err = done(world, url, resume(world))
    assert code == 0, out + err
    after = read_lines(world.run)
    assert after[: len(lines)] == lines, "what was broken is kept"
    assert [line["trial"] for line in after if line["type"] == "verdict"] == planned
    paid = sum(line["cost"]["micro_usd"] for line in after if line["type"] == "attempt")
    assert json.loads(done(world, "", table)[1])["rows"][0]["cost_usd"] == pytest.approx(paid / 1e6)
