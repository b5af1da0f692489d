"""Everything that people read of a run, searched for what could move a cursor, run as script or compute in a cell."""

from __future__ import annotations

from harness.store.layout import RunFolder


def seen_in_views(folder: RunFolder) -> list[str]:
    return []
