"""Progress says trials done, valid, money, waiting and time left, and calls a floor a floor."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest

from harness.core.errors import Cause
from harness.core.records import Cost, Ended, EndedKind, Validity
from harness.core.runs import Arm, AttemptLine, PlannedTask, RunManifest, VerdictLine
from harness.report.progress import Progress
from harness.run.plan import plan

ARM = Arm(name="a", driver="messages", model="m", prompt="p", prompt_digest="p", digest="a")
TASK = PlannedTask(id="t", digest="t", toolchain="python", toolchain_digest="w")
MANIFEST = RunManifest(
    run="r",
    created="2026-01-01T00:00:00Z",
    order_seed=0,
    sandbox="none",
    price_date="2026-01-01",
    kickoff_digest="k",
    arms=(ARM,),
    tasks=(TASK,),
    trials=plan((ARM,), (TASK,), 3, 0),
)


def tried(number: int, cause: Cause | None = None, *, complete: bool = True) -> AttemptLine:
    return AttemptLine(
        trial=MANIFEST.trials[number].trial,
        attempt=1,
        ended=None if cause else Ended(kind=EndedKind.FINISHED),
        validity=Validity(cause=cause, detail="as told" if cause else ""),
        cost=Cost(micro_usd=1_250_000, complete=complete),
    )


def judged(number: int, cause: Cause | None = None) -> VerdictLine:
    return VerdictLine(trial=MANIFEST.trials[number].trial, attempt=1, validity=Validity(cause=cause))


def test_a_run_is_told_as_it_goes() -> None:
    out = io.StringIO()
    progress = Progress(out)
    with progress.following(MANIFEST, 3, lambda: 41.6):
        assert progress.status() == "0/3 trials done, 0 valid, $0.00, waited 42 s for rate limits, ? s left"
        progress.line(tried(0))
        assert progress.status().startswith("0/3 trials done, 0 valid, $1.25, waited"), "not judged yet"
        progress.line(judged(0))
        progress.line(tried(1, Cause.SANDBOX))
        assert progress.status().startswith("2/3 trials done, 1 valid, $2.50, waited")
        progress.line(tried(1, complete=False))
        progress.line(judged(1))
        assert progress.status().startswith("2/3 trials done, 2 valid, $3.75 or more, waited")
        progress.line(tried(2))
        progress.line(judged(2, Cause.GRADER))
    text = out.getvalue()
    assert "3/3 trials done, 2 valid, $5.00 or more, waited 42 s for rate limits, 0 s left" in text
    assert "attempt 1 invalid:sandbox: as told" in text
    with progress.following(MANIFEST, 2):
        assert progress.status().startswith("0/2 trials done, 0 valid, $0.00"), "another task is checked"


@pytest.mark.parametrize("trials", [1, 2])
def test_time_left_is_what_the_others_took(trials: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("harness.report.progress.time.monotonic", lambda: now[0])
    progress = Progress(io.StringIO())
    with progress.following(MANIFEST, 3):
        for number in range(trials):
            progress.line(tried(number))
            progress.line(judged(number))
        now[0] = 130.0
        assert progress.status().endswith(f"{30 / trials * (3 - trials):.0f} s left")


def until(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5.0
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return holds()


def test_a_run_in_which_nothing_ends_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.progress.SILENT_S", 0.02)
    out = io.StringIO()
    progress = Progress(out)
    with progress.following(MANIFEST, 3, lambda: 90.0, lambda: 2_500_000, Cost(micro_usd=2_000_000, complete=False)):
        told = "0/3 trials done, 0 valid, $2.50 or more, waited 90 s for rate limits, ? s left"
        assert until(lambda: out.getvalue().count(told) >= 2)
    before = out.getvalue()
    time.sleep(0.1)
    assert out.getvalue() == before, "nothing is told after the end"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_live_line_follows_what_is_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.report.progress.LIVE_S", 0.02)
    waited = 0.0
    progress = Progress(Terminal())
    with progress.following(MANIFEST, 3, lambda: waited):
        waited = 75.0
        live = progress._live
        assert live is not None
        assert until(lambda: "waited 75 s for rate limits" in live.tasks[0].description)
