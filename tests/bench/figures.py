"""What all measurements share: the machine they ran on, ratios over rounds, and their place in the documentation."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from harness.compose import ROOT

TABLE, STORED = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "benchmarks.json"
LIBRARIES = ("anthropic", "docker", "httpx2", "pydantic", "uvicorn", "uvloop")


def machine() -> dict[str, Any]:
    """Where and with what."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpus": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def told(facts: Mapping[str, Any]) -> str:
    """The machine in one sentence."""
    with_them = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"{facts['date']}, {facts['cpus']} cores ({facts['machine']}), {facts['memory_gb']} GB,"
        f" Linux {facts['kernel']}, Python {facts['python']}, {with_them}; load {facts['load']} when it began."
    )


def median(values: Sequence[float]) -> float:
    """The middle one; nan of none."""
    return statistics.median(values) if values else float("nan")


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Median of the ratios of pairs that were measured one after the other."""
    return median([one / other for one, other in zip(over, under, strict=True)])


def rows(head: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"
    return str(value)


def publish(part: str, figures: Mapping[str, Any], text: str) -> None:
    """Put a part's figures into the stored ones and its text between the part's marks, and print it."""
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    stored[part] = figures
    STORED.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    head, found, rest = TABLE.read_text().partition(begin)
    if not found:
        raise SystemExit(f"{TABLE} has no place for {part}: {begin} is missing")
    TABLE.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2]}")
    print(f"\n{text}\n", flush=True)


class Steps:
    """Says what is measured now, and how long the rest will take."""

    def __init__(self, what: str, steps: int, expected_s: float) -> None:
        print(f"{what}: {steps} steps, about {expected_s:.0f} s on an idle machine of two cores", flush=True)
        self._what, self._steps, self._done, self._began = what, steps, 0, time.monotonic()

    def next(self, name: str) -> None:
        """Another one begins."""
        self._done += 1
        gone = time.monotonic() - self._began
        print(f"  {self._what} {self._done}/{self._steps} after {gone:.0f} s: {name}", flush=True)
