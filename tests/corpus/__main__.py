"""`make corpus`: what the rules answer to both halves; exit 1 where one of them is not answered exactly."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from corpus import blind, ours
from corpus.labels import LabelledCase
from corpus.score import disagreements, judge, table

HALVES: Mapping[str, Sequence[LabelledCase]] = {
    "Our half: written beside the rules": ours.CASES,
    "Blind half: written from the demands alone": blind.CASES,
}


def main(halves: Mapping[str, Sequence[LabelledCase]] = HALVES) -> int:
    """Print both halves; 1 where a label is not shared."""
    off = [shown(title, cases) for title, cases in halves.items()]
    return 1 if any(off) else 0


def shown(title: str, cases: Sequence[LabelledCase]) -> int:
    """Print one half; how many labels the rules do not share."""
    judged = judge(cases)
    off = disagreements(judged)
    honest = sum(case.honest for case in cases)
    print(f"{title}: {len(cases)} deliveries, {honest} honest look-alikes, {len(judged)} labels\n")
    print(table(judged))
    print("\n" + ("\n".join(["Disagreements:", *off]) if off else "Every label is shared.") + "\n")
    return len(off)


if __name__ == "__main__":
    sys.exit(main())
