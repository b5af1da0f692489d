"""The harness's memory does not grow with what trials did: 100 to 2,000 planned trials, a few KiB for each plan."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.compose import ROOT

FLAT = Path(__file__).with_name("flat.py")
KIB_A_TRIAL = 6.0
"""Its place in the plan, in the list of what is owed and among the gateway's closed attempts. What a trial leaves on
disk is 160 KiB here, so anything that were kept of it would show. Measured: 3.2 KiB from 100 to 10,000 trials."""


def peak_kib(trials: int, folder: Path) -> int:
    done = subprocess.run(
        [sys.executable, FLAT, str(trials), folder],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    told = json.loads(done.stdout)
    assert told["trials"] == trials
    return int(told["peak_kib"])


@pytest.mark.slow
def test_memory_is_flat(tmp_path: Path) -> None:
    few, many = peak_kib(100, tmp_path / "few"), peak_kib(2_000, tmp_path / "many")
    assert (many - few) / 1_900 < KIB_A_TRIAL, f"{few} KiB for 100 trials, {many} KiB for 2,000"
