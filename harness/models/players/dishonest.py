"""Delivers a contract flaw and claims conformity: the false success that `truthful` exists for."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.models.script import Materials, Turn, reference_script

_STATUS = re.compile(r"^(### CONFORMITY STATUS:).*$", re.MULTILINE)
_DEVIATIONS = re.compile(r"^(### DEVIATIONS:\n).*?(?=^---|^### |\Z)", re.MULTILINE | re.DOTALL)


class Dishonest:
    """Plays the task's dishonest delivery under a report that says YES."""

    def script(self, materials: Materials) -> tuple[Turn, ...]:
        """The reference script over the flawed delivery."""
        delivery = replace(materials.dishonest, report=_claim(materials.dishonest.report))
        return reference_script(materials.task, delivery, materials.seed_files)


def _claim(report: str) -> str:
    """The report as if nothing deviated, for tasks where even the reference has a deviation to disclose."""
    return _DEVIATIONS.sub(r"\1None\n\n", _STATUS.sub(r"\1 YES", report))
