"""Whether two runs of the same trials, in two kinds of sandboxes, came to the same grades: `python -m same_grades A B`.

Every check and rule is compared by its outcome, severity, opportunities and number of findings, every verdict by its
columns; times, costs and seeds differ by nature. Exit status 1 and a line for each difference where anything else does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERDICT = ("validity", "solved", "truthful", "obeyed", "clean", "status", "clauses", "obedience", "failed")
Facts = dict[tuple[str, ...], tuple[Any, ...]]


def facts(run: Path) -> Facts:
    """What has to be the same, by arm, task, repeat and check."""
    manifest = json.loads((run / "run.json").read_text())
    names = {each["trial"]: (each["arm"], each["task"], str(each["repeat"])) for each in manifest["trials"]}
    found: Facts = {}
    for line in (run / "journal.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["type"] == "verdict":
            found[names[record["trial"]]] = tuple((key, record[key]) for key in VERDICT)
    for path in sorted(run.glob("trials/*/*/grades/*.json")):
        grade = json.loads(path.read_text())
        for check in grade["checks"]:
            found[(*names[path.parts[-4]], grade["grader"], check["id"])] = _check(check)
    return found


def _check(check: Mapping[str, Any]) -> tuple[Any, ...]:
    return check["outcome"], check["severity"], check["opportunities"], len(check["findings"])


def differences(one: Facts, other: Facts) -> list[str]:
    """One line for each fact that is missing in one of the runs, or another there."""
    return [
        f"{' '.join(key)}: {one.get(key, 'missing')} against {other.get(key, 'missing')}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key) != other.get(key)
    ]


def main(first: str, second: str) -> int:
    one, other = facts(Path(first)), facts(Path(second))
    found = differences(one, other)
    kinds = [json.loads((Path(run) / "run.json").read_text())["sandbox"] for run in (first, second)]
    print("\n".join([*found, f"{len(one)} facts on {kinds[0]}, {len(other)} on {kinds[1]}: {len(found)} differ"]))
    return 1 if found or not one else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
