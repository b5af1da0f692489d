"""Connections that wait for the next request, so that a check pays for its requests and not for their hand-shakes."""

from __future__ import annotations

import select
import socket
import time
from collections import deque

LONGEST_S = 2.0
"""Well under the time after which servers hang up."""


class Idle:
    """Idle connections to one replica; safe to share between threads."""

    def __init__(self) -> None:
        self._kept: deque[tuple[socket.socket, float]] = deque()

    def take(self) -> socket.socket | None:
        """A connection that is fresh and that the app has not closed, None where there is none."""
        while self._kept:
            try:
                sock, since = self._kept.pop()
            except IndexError:
                break
            if time.monotonic() - since < LONGEST_S and not select.select([sock], [], [], 0)[0]:
                return sock
            sock.close()
        return None

    def keep(self, sock: socket.socket) -> None:
        """Keep a connection whose exchange is over."""
        self._kept.append((sock, time.monotonic()))

    def close(self) -> None:
        """Close them all."""
        while self._kept:
            self._kept.pop()[0].close()
