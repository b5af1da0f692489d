"""Answers every operation with one valid example: what form alone can reach, so checks have to ask for more."""

from __future__ import annotations

from harness.models.partly import mock
from harness.models.script import Materials, Turn, reference_script


class Mock:
    """Plays the contract's examples over the seed."""

    def script(self, materials: Materials) -> tuple[Turn, ...]:
        """The reference script over the mock."""
        delivery = mock(materials.task, materials.openapi, materials.delivery, materials.seed)
        return reference_script(materials.task, delivery, materials.seed_files)
