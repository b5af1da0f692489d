"""How many calls may be under way at one upstream, for the whole run: as many as it bears, found by asking less of it.

An upstream that says "too many" is asked half as much at once; every round of whole answers lets one more call in. A
burst of refusals is one refusal: calls that began before the limit was lowered do not lower it again.
"""

from __future__ import annotations

import time


class Throttle:
    """Counts calls; used inside one event loop."""

    def __init__(self) -> None:
        self.limit: int | None = None
        """None: the upstream has refused nothing so far."""
        self._under_way = 0
        self._whole = 0
        self._lowered_at = 0.0

    def enter(self) -> bool:
        """Begin a call where there is room for it; False where there is none."""
        if self.limit is not None and self._under_way >= self.limit:
            return False
        self._under_way += 1
        return True

    def leave(self) -> None:
        """A call has ended."""
        self._under_way -= 1

    def refused(self, begun: float) -> bool:
        """The upstream refused a call that began at that moment of the monotonic clock; whether the limit fell."""
        if begun < self._lowered_at:
            return False
        before = self.limit
        self.limit = max(1, self._under_way // 2) if before is None else max(1, before // 2)
        self._lowered_at = time.monotonic()
        self._whole = 0
        return self.limit != before

    def answered(self) -> bool:
        """The upstream gave a whole answer; whether the limit rose."""
        if self.limit is None:
            return False
        self._whole += 1
        if self._whole < self.limit:
            return False
        self._whole = 0
        self.limit += 1
        return True
