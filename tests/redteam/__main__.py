"""`make redteam`: every cheat and every honest look-alike against weak graders and ours; exit 1 when ours loses one."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from harness.core.errors import UsageError
from redteam.defences import DEFENCES
from redteam.story import Asked, Told, tell


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(prog="make redteam", description=__doc__)
    parser.add_argument("--cases", default="", help="comma-separated, default all")
    parser.add_argument("--sandbox", default="auto", choices=("auto", "bubblewrap", "docker"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--keep", type=Path, help="keep the run's results in this folder, for `harness show`")
    asked = parser.parse_args(arguments)
    # Whoever ends this wants the canaries gone too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = Path(tempfile.mkdtemp(prefix="red-"))
    try:
        cases = tuple(name for name in asked.cases.split(",") if name)
        told = tell(
            Asked(cases, asked.sandbox, asked.jobs, asked.keep or root / "results", () if cases else DEFENCES),
            root,
            _say,
        )
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(root)
    print(table(told))
    print(f"{told.summary()} {told.seconds} s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}.")
    if asked.json:
        asked.json.write_text(json.dumps(told.facts(), indent=2) + "\n")
    return 0 if told.held else 1


def table(told: Told) -> str:
    """The table, and below it whatever went wrong."""
    rows = [(one.case.id, one.case.title, one.naive, one.hardened, one.word) for one in told.rows]
    heads = ("case", "what it does", "naive", "hardened", "ours")
    lines = [tabulate(rows, heads, tablefmt="grid", maxcolwidths=[None, 44, 34, 12, 30])]
    lines += [f"{one.case.id}: {problem}" for one in told.rows for problem in one.problems]
    lines += [f"host: {problem}" for problem in told.canaries]
    if told.defences:
        off = [(one.defence.name, one.defence.case, one.red or "NOTHING") for one in told.defences]
        lines.append(
            tabulate(off, ("defence switched off", "case", "turns red by"), "grid", maxcolwidths=[44, None, 60])
        )
    return "\n".join(lines)


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
