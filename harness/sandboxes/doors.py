"""One-time doors: how the runner of a container on this machine gets the socket on which connections are handed over.

A container is no child of ours, so it inherits nothing; what it can be given is a folder. Each gets one of its own,
read-only, with a socket in it that takes one connection. Process 1 of the container makes it before any command runs
there, and then the socket and the folder are removed: what is left inside is an empty place. The folder lies in one
that only this user may enter, so nobody else on this machine comes to the door.

A container can read where its mounts come from, as a path in the file system that holds it. Shared memory is a file
system of its own, so nothing is told there but a number and a random name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from pathlib import Path

from harness.sandboxes.leases import dead, lease, started

ROOT = Path("/dev/shm")  # noqa: S108 - folders of our own, by names that nobody can foretell
PREFIX = "harness-doors-"
INSIDE = "/opt/hands"
"""Where a container finds its door."""
NAME = "door"
OWNER = "lease"


class Door:
    """A folder with a listening socket, to be bound into one container."""

    def __init__(self, root: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=root))
        self.folder.chmod(0o755)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.setblocking(False)
            self._socket.bind(str(self.folder / NAME))
            (self.folder / NAME).chmod(0o666)
            self._socket.listen(1)
        except OSError:
            self.close()
            raise

    def passed(self) -> socket.socket | None:
        """The connection of whoever came through, None when nobody has; the door is gone then."""
        try:
            with contextlib.suppress(OSError):
                return self._socket.accept()[0]
            return None
        finally:
            self.close()

    def close(self) -> None:
        """Remove it; may be called again."""
        self._socket.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Doors:
    """Makes doors in a folder that names this harness, so that the next one can tell what was left.

    `OSError` on a machine without shared memory.
    """

    def __init__(self) -> None:
        own = os.getpid()
        self._root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{own}-{started(own)}-", dir=ROOT))
        (self._root / OWNER).write_text(lease())

    def make(self) -> Door:
        """A new door; `OSError` where none can be made."""
        return Door(self._root)

    def close(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self._root, ignore_errors=True)


def left() -> list[Path]:
    """Folders of this user whose harness is gone."""
    return [path for path in sorted(ROOT.glob(f"{PREFIX}*")) if _is_left(path)]


def sweep() -> None:
    """Remove what harnesses that were killed left."""
    for path in left():
        shutil.rmtree(path, ignore_errors=True)


def _is_left(path: Path) -> bool:
    """Whoever makes a folder puts its lease in right after; one that was killed in between is told by its number."""
    with contextlib.suppress(OSError, ValueError):
        if path.lstat().st_uid != os.geteuid():
            return False
        with contextlib.suppress(FileNotFoundError):
            return dead((path / OWNER).read_text())
        pid, start, _ = path.name.removeprefix(PREFIX).split("-", 2)
        return started(int(pid)) != start
    return False
