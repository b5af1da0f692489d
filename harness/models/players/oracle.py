"""Delivers what it was given, as the prompt demands: with the reference delivery, the agent that must be accepted."""

from __future__ import annotations

from harness.models.script import Materials, Turn, reference_script


class Oracle:
    """Plays the reference delivery."""

    def script(self, materials: Materials) -> tuple[Turn, ...]:
        """The reference script, nothing changed."""
        return reference_script(materials.task, materials.delivery, materials.seed_files)
