"""Does the first 60 in a hundred of the contract and says so: partial scores have to tell who does more."""

from __future__ import annotations

from harness.models.partly import junior
from harness.models.script import Materials, Turn, reference_script


class Junior60:
    """Plays the reference with the rest of the contract switched off."""

    def script(self, materials: Materials) -> tuple[Turn, ...]:
        """The reference script over the partial delivery."""
        delivery = junior(materials.task, materials.openapi, materials.delivery, materials.seed, 60)
        return reference_script(materials.task, delivery, materials.seed_files)
