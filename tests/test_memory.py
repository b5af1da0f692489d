"""The harness's memory does not grow with what trials did: 100 to 2,000 planned trials, a few KiB for each plan."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flat import manifest_of

from harness.compose import ROOT
from harness.store.layout import RunFolder, json_bytes

FLAT = Path(__file__).with_name("flat.py")
KIB_A_TRIAL = 4.0
"""Its place in the plan, in the list of what is owed and among the gateway's closed attempts. What a trial leaves on
disk is 160 KiB here, so anything that were kept of it would show. Measured: 3.3 KiB from 100 to 2,000 trials, of which
warming up is a part, and 1.5 KiB from 100 to 10,000, which take too long for a test."""


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


@pytest.mark.parametrize("task", ["items", "\udcff"])
def test_a_plan_is_written_as_every_record_is(tmp_path: Path, task: str) -> None:
    made = manifest_of(1)
    trials = tuple(replace(trial, task=task) for trial in made.trials)
    folder = RunFolder.create(tmp_path, made.model_copy(update={"trials": trials}))
    assert (folder.root / "run.json").read_bytes() == json_bytes(folder.manifest) + b"\n"
    assert RunFolder.open(folder.root).manifest.trials[0].trial == trials[0].trial
