"""`make bench`: every part in a process of its own, so that none begins with another one's memory or threads."""

from __future__ import annotations

import os
import subprocess
import sys

PARTS = {"trials": 260, "operations": 20, "door": 30, "command": 50, "verdict": 45}
"""Part -> seconds that it takes on a machine of two cores without containers, toolchains made."""


def main() -> int:
    """Run them; the first code that is not 0."""
    seconds = sum(PARTS.values()) + (PARTS["trials"] if "DOCKER_HOST" in os.environ else 0)
    print(f"make bench: about {seconds / 60:.0f} minutes; figures go to docs/benchmarks.md", flush=True)
    codes = [subprocess.run([sys.executable, "-m", f"bench.{part}"], check=False).returncode for part in PARTS]
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
