"""Exchanges as files: what went over the wire, compressed, numbered in the order in which calls began.

A recording holds what the client sent and what it was answered, never a header, so no key can be in it.
"""

from __future__ import annotations

import zlib
from pathlib import Path


class Recorder:
    """Writes `NNNN.request.json.z` and `NNNN.response.z` (zlib) into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, n: int, request: bytes, response: bytes) -> None:
        """Keep one exchange; `n` counts from 1."""
        (self._folder / f"{n:04}.request.json.z").write_bytes(zlib.compress(request))
        (self._folder / f"{n:04}.response.z").write_bytes(zlib.compress(response))

    def read(self, n: int) -> tuple[bytes, bytes]:
        """Request and response of one exchange."""
        request = (self._folder / f"{n:04}.request.json.z").read_bytes()
        return zlib.decompress(request), zlib.decompress((self._folder / f"{n:04}.response.z").read_bytes())
