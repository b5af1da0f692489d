"""Where a container engine is looked for and whether anybody is there, without the SDK.

The SDK takes a quarter of a second and 20 MB to import, which a run in other sandboxes should not pay.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

ASK_S = 5.0


def address(environ: Mapping[str, str]) -> str:
    """The daemon's address."""
    return environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


def reach(at: str) -> None:
    """`OSError` when nobody listens at a daemon's socket; addresses of other kinds are not tried."""
    scheme, _, path = at.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX) as tried:
            tried.settimeout(ASK_S)
            tried.connect(path)
