"""Runs the hidden checks inside the judge's sandbox.

The record channel is this process's original standard output; pytest and the checks get standard error instead, so
nothing that is printed can look like a record. Its standard input carries the host's answers and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from graders.testkit.plugin import Recorder, Setup

UNUSED = (
    "cacheprovider",
    "doctest",
    "unittest",
    "junitxml",
    "pastebin",
    "stepwise",
    "faulthandler",
    "tmpdir",
    "setupplan",
)


def main() -> int:
    """Collect the checks, wait until the app is ready, run every check, write the records."""
    with os.fdopen(os.dup(1), "wb") as channel, os.fdopen(os.dup(0), "rb") as answers:
        os.dup2(2, 1)
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        setup = Setup(**json.loads(os.environ.pop("JUDGE_SETUP")))
        recorder = Recorder(channel, answers, os.environ.pop("JUDGE_NONCE"), setup)
        sys.path.insert(0, setup.checks)
        options = ["-q", "--tb=no", "--strict-markers", "-c", os.devnull, "--import-mode=importlib"]
        options += [f"--rootdir={setup.checks}", f"--confcutdir={setup.checks}"]
        options += [word for name in UNUSED for word in ("-p", f"no:{name}")]
        options += ["--exitfirst"] if setup.stop else []
        return int(pytest.main([*options, setup.checks], plugins=[recorder]))


if __name__ == "__main__":
    sys.exit(main())
