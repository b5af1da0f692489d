"""`make chaos`: two hundred trials under a bad provider, killed sandboxes and a killed harness, and the figures."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from chaos.story import Size, tell
from chaos.world import KINDS


def main() -> None:
    """Run it, print the figures, remove everything; what failed is kept and named."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="at least so many (default: 200)")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--harness-kills", type=int, default=5)
    parser.add_argument("--sandbox", choices=("bubblewrap", "docker"), default="bubblewrap")
    parser.add_argument("--daemon-restarts", type=int, default=0, help="only of a daemon that runs for this alone")
    asked = parser.parse_args()
    size = Size(
        repeats=-(-asked.trials // len(KINDS)),
        jobs=asked.jobs,
        seed=asked.seed,
        harness_kills=asked.harness_kills,
        sandbox=asked.sandbox,
        restarts=asked.daemon_restarts,
    )
    root = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"chaos: {size.repeats * len(KINDS)} trials, twice, in {root}", flush=True)
    for name, value in tell(size, root):
        print(f"  {name:36} {value}")
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
