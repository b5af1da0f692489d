"""Night after night: candidate against a pinned control of the same night, and a detector that may look every time.

A test a night against a frozen baseline rings falsely in a month of nights more often than not. The control runs in the
same night, interleaved, so that a slow provider meets both; the evidence of each night enters a Shiryaev-Roberts
detector. The history holds counts only: levels are computed from it each time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError

from harness.core.digest import digest
from harness.core.errors import UsageError
from harness.core.records import SCHEMA_VERSION, Record
from harness.core.scores import rulebooks
from harness.report.compare import Side, conditions, different, paired
from harness.report.stats import Cell
from harness.report.stratified import ALARM, e_value, shiryaev_roberts
from harness.report.tables import SHORT
from harness.report.text import code_span, one_line

OK, REGRESSION, INVALID_RUN = 0, 1, 3


class Night(Record):
    """One line of the history."""

    schema_version: int = SCHEMA_VERSION
    run: str
    at: str
    series: str
    """Digest of control, tasks, graders, sandbox and limits: the detector begins anew with another one."""
    control: str
    """Digest of the control arm."""
    candidate: str
    """Digest of the candidate arm."""
    valid: bool
    """Enough of what was planned could be judged; other nights are kept and give no evidence."""
    invalid: dict[str, int]
    rulebook: str = ""
    """As in a table; empty in nights of older harnesses."""
    tasks: dict[str, tuple[Cell, Cell]]
    """Task -> control's and candidate's trials accepted, valid trials."""
    overrides: tuple[str, ...] = ()
    """Disputed findings that these counts rest on."""


@dataclass(frozen=True)
class Point:
    """A night with the detector's level after it."""

    night: Night
    evidence: float | None
    """None for an invalid night."""
    level: float

    @property
    def alarm(self) -> bool:
        return self.level >= ALARM

    @property
    def rates(self) -> tuple[float, float] | None:
        """Of control and candidate, means of task means."""
        pairs = list(self.night.tasks.values())
        if not pairs:
            return None
        return _rate([pair[0] for pair in pairs]), _rate([pair[1] for pair in pairs])


def night(control: Side, candidate: Side, overrides: Sequence[str] = ()) -> Night:
    """The night that two arms of one run were; `UsageError` where they were not measured alike."""
    if control.manifest.run != candidate.manifest.run:
        raise UsageError("control and candidate are of different runs", mend="run them interleaved in one")
    mine = conditions(control)
    differs = different(mine, conditions(candidate)) if control.valid and candidate.valid else ()
    if differs:
        raise UsageError(f"not comparable: {'; '.join(differs)}", where=control.manifest.run)
    return Night(
        run=control.manifest.run,
        at=control.manifest.created,
        series=digest([control.arm.digest, mine]),
        control=control.arm.digest,
        candidate=candidate.arm.digest,
        valid=control.covered and candidate.covered,
        invalid=dict(control.causes + candidate.causes),
        rulebook=rulebooks((*control.results, *candidate.results)),
        tasks=paired(control.cells(), candidate.cells()),
        overrides=tuple(overrides),
    )


def read(path: Path) -> list[Night]:
    """The history, oldest first, each run once as it was last recorded; `UsageError` names a line that is damaged."""
    nights: dict[str, Night] = {}
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), 1):
        try:
            found = Night.model_validate_json(line)
        except ValidationError as error:
            message = str(error.errors(include_url=False, include_input=False)[0]["msg"])
            raise UsageError(message, where=f"{path}:{number}", mend="mend or remove this line") from error
        nights[found.run] = found
    return sorted(nights.values(), key=lambda one: (one.at, one.run))


def trend(nights: Iterable[Night]) -> list[Point]:
    """Every night with its evidence and the detector's level; another series begins at 0."""
    points: list[Point] = []
    evidence: list[float] = []
    series = ""
    for one in nights:
        if one.valid and one.series != series:
            series, evidence = one.series, []
        found = e_value(one.tasks.values()) if one.valid else None
        evidence += [] if found is None else [found]
        levels = shiryaev_roberts(evidence)
        points.append(Point(one, found, levels[-1] if levels else 0.0))
    return points


def exit_code(points: Sequence[Point]) -> int:
    """Of the newest night: 1 an alarm, 3 an invalid night, else 0."""
    last = points[-1]
    return INVALID_RUN if not last.night.valid else REGRESSION if last.alarm else OK


def _rate(cells: Sequence[Cell]) -> float:
    return sum(passes / total for passes, total in cells) / len(cells)


# --- forms -------------------------------------------------------------------------------------------------------


def render(points: Sequence[Point], form: str) -> str:
    """The trend as `grid`, `markdown` or `json`, without a newline at its end."""
    if form == "json":
        return json.dumps([_point_json(point) for point in points], indent=2, ensure_ascii=False)
    return _page(points, "grid", one_line) if form == "grid" else _page(points, "github", code_span)


def _page(points: Sequence[Point], form: str, quote: Callable[[str], str]) -> str:
    from tabulate import tabulate

    rows = [_row(point, quote) for point in points]
    headers = ("run", "control", "candidate", "difference", "evidence", f"level (alarm at {ALARM:.0f})", "invalid", "")
    last = points[-1]
    told = {OK: "no alarm", REGRESSION: "ALARM: the candidate got worse", INVALID_RUN: "INVALID RUN"}
    overrides = [f"- override: {quote(text)}" for point in points for text in point.night.overrides]
    notes = [
        "- question: suite (does the candidate pass less than the pinned control of the same night?)",
        "- method: conditional likelihood ratio for halved odds, Shiryaev-Roberts detector, looked at every night",
        f"- newest night: control {last.night.control[:SHORT]}, candidate {last.night.candidate[:SHORT]}, "
        f"series {last.night.series[:SHORT]}, T = {len(last.night.tasks)} tasks, "
        f"rulebook {quote(last.night.rulebook) or 'not recorded'}",
    ]
    table = tabulate(rows, headers=headers, tablefmt=form, disable_numparse=True)
    head = f"{quote(last.night.run)}: {told[exit_code(points)]}."
    return "\n\n".join([head, table, "\n".join(notes + overrides)])


def _row(point: Point, quote: Callable[[str], str]) -> list[str]:
    invalid = ", ".join(f"{cause} {count}" for cause, count in sorted(point.night.invalid.items()))
    rates = point.rates
    shown = ["-", "-", "-"]
    if rates is not None:
        shown = [f"{100 * rates[0]:.0f} %", f"{100 * rates[1]:.0f} %", f"{100 * (rates[1] - rates[0]):+.0f}"]
    evidence = "-" if point.evidence is None else f"{point.evidence:.3f}"
    mark = "ALARM" if point.alarm else "" if point.night.valid else "invalid night"
    return [quote(point.night.run), *shown, evidence, f"{point.level:.1f}", invalid, mark]


def _point_json(point: Point) -> dict[str, JsonValue]:
    return {
        "run": point.night.run,
        "at": point.night.at,
        "valid": point.night.valid,
        "rates": list(point.rates) if point.rates is not None else None,
        "evidence": point.evidence,
        "level": point.level,
        "alarm": point.alarm,
        "invalid": dict(point.night.invalid),
        "rulebook": point.night.rulebook,
        "overrides": list(point.night.overrides),
    }


WIDTH, HEIGHT, MARGIN = 720, 240, 40


def plot(points: Sequence[Point]) -> str:
    """The trend as a small SVG: control and candidate rates, nights of alarm marked. It holds no text of an agent's."""
    shown = [point for point in points if point.rates is not None]
    lines = [_line(shown, 0, "#888888"), _line(shown, 1, "#0b6bcb")]
    marks = [_mark(number, len(shown), point) for number, point in enumerate(shown) if point.alarm]
    axis = f'<path d="M{MARGIN} {MARGIN}V{HEIGHT - MARGIN}H{WIDTH - MARGIN}" fill="none" stroke="#444444"/>'
    words = [
        _words(4, MARGIN + 4, "100 %"),
        _words(4, HEIGHT - MARGIN + 4, "0 %"),
        _words(MARGIN, HEIGHT - 12, f"{len(shown)} nights; grey: control, blue: candidate, red: alarm"),
    ]
    body = "".join([axis, *lines, *marks, *words])
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
    font = 'font-family="sans-serif" font-size="11">'
    return f"{head}{font}<title>Accepted, night by night</title>{body}</svg>\n"


def _at(number: int, count: int, rate: float) -> tuple[float, float]:
    across = (WIDTH - 2 * MARGIN) * number / max(1, count - 1)
    return round(MARGIN + across, 1), round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * rate, 1)


def _line(points: Sequence[Point], which: int, colour: str) -> str:
    places = [_at(number, len(points), point.rates[which]) for number, point in enumerate(points) if point.rates]
    path = " ".join(f"{x},{y}" for x, y in places)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _mark(number: int, count: int, point: Point) -> str:
    x, y = _at(number, count, point.rates[1] if point.rates else 0.0)
    return f'<circle cx="{x}" cy="{y}" r="5" fill="none" stroke="#c00000" stroke-width="2"/>'


def _words(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}">{text}</text>'
