"""Which arms are worth their money: those that no other beats in success without costing more."""

from __future__ import annotations

from collections.abc import Mapping

Point = tuple[float, float]
"""Success and cost; more of the first and less of the second is better."""


def front(points: Mapping[str, Point]) -> list[str]:
    """Names on the cost-success front, cheapest first."""
    kept = [name for name, point in points.items() if not any(_beats(other, point) for other in points.values())]
    return sorted(kept, key=lambda name: (points[name][1], name))


def _beats(one: Point, other: Point) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and one != other
