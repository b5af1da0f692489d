"""Writes the table of `docs/red-team.md` from the figures of a whole run: `python -m redteam.docs red.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness.compose import ROOT
from redteam.catalogue import catalogue

PAGE = ROOT / "docs" / "red-team.md"
BEGIN, END = "<!-- cases: begin -->", "<!-- cases: end -->"


def main(figures: Path) -> None:
    """Put the table in its place."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    table = render(json.loads(figures.read_text()))
    PAGE.write_text(f"{head}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")


def render(facts: dict[str, Any]) -> str:
    """The sentence of the result and the table of the cases, in Markdown."""
    held = {case.id: case.held_by for case in catalogue().values()}
    lines = [
        f"{facts['date']}: {facts['summary']} {facts['seconds']} s on {facts['cores']} cores, load {facts['load']}.",
        "",
        "| case | what it does | naive | hardened | ours | what holds it |",
        "|---|---|---|---|---|---|",
    ]
    for row in facts["cases"]:
        cells = (row["case"], row["title"], row["naive"], row["hardened"], row["ours"], held[row["case"]])
        lines.append("| " + " | ".join(str(cell).replace("|", "¦") for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
