"""Runs the hidden checks inside the judge's sandbox.

The record channel is this process's original standard output; pytest and the checks get standard error instead, so
nothing that is printed can look like a record.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from graders.testkit.client import Api, ProtocolProblem, from_environment
from graders.testkit.plugin import Recorder

READY_S = 40.0


def main() -> int:
    """Wait until the app is ready, run every check, write the records."""
    with os.fdopen(os.dup(1), "wb") as channel:
        os.dup2(2, 1)
        nonce = os.environ.pop("JUDGE_NONCE")
        recorder = Recorder(channel, nonce)
        ready, seen = _ready(from_environment(), os.environ["JUDGE_HEALTH"])
        recorder.write({"type": "ready", "ready": ready, "seen": seen})
        if not ready:
            return 0
        root = Path(os.environ["JUDGE_CHECKS"])
        sys.path.insert(0, str(root))
        options = ["-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly", "--strict-markers"]
        options += ["-c", os.devnull, f"--rootdir={root}", f"--confcutdir={root}", "--import-mode=importlib"]
        return int(pytest.main([*options, str(root)], plugins=[recorder]))


def _ready(api: Api, path: str) -> tuple[bool, str]:
    """Whether the health path answers 200 in time, and what was seen last."""
    end = time.monotonic() + READY_S
    seen = "nothing"
    while time.monotonic() < end:
        try:
            reply = api.get(path)
        except ProtocolProblem as problem:
            seen = problem.reason
            if problem.reason == "connection":
                time.sleep(0.05)
        else:
            if reply.status == 200:
                return True, "200"
            seen = str(reply.status)
            time.sleep(0.05)
    return False, seen


if __name__ == "__main__":
    sys.exit(main())
