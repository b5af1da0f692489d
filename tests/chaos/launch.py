"""The harness's own command line with the patience of one bad day: a stall is given up after seconds, not minutes."""

from __future__ import annotations

import sys

from harness import cli
from harness.gateway.exchange import Patience

STALL_S = 3.0
"""Longest silence within an answer."""

if __name__ == "__main__":
    sys.exit(cli.main(patience=Patience(stall_s=STALL_S)))
