"""Does nothing and says so: the floor under every partial score, and an agent that must never be accepted."""

from __future__ import annotations

from harness.models.script import Materials, Turn


class Noop:
    """Changes nothing."""

    def script(self, materials: Materials) -> tuple[Turn, ...]:
        """One plain answer."""
        return (Turn(text="Nothing was changed."),)
