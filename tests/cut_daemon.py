"""A way to the Docker daemon that can be cut off, that hears what is asked, and behind which the disk can be full."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

SAID = json.dumps({"message": "mkdir /var/lib/docker/overlay2/x: no space left on device"}).encode()
FULL = b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nConnection: close\r\n"
FULL += b"Content-Length: %d\r\n\r\n%s" % (len(SAID), SAID)
"""What a daemon says that can make no container because its disk is full."""
CREATE = "/containers/create"


class _Way(socketserver.ThreadingMixIn):
    """What both ways to the daemon of DOCKER_HOST have."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.target = os.environ["DOCKER_HOST"].removeprefix("unix://")
        self.sockets: list[socket.socket] = []
        self.asked: list[str] = []
        """First line of the first request of each connection."""
        self.room: int | None = None
        """How many more containers the daemon's disk has room for; None: for all."""
        self._lock = threading.Lock()

    def has_room(self, line: str) -> bool:
        """Whether there is room for what a request asks for."""
        with self._lock:
            if self.room is None or CREATE not in line:
                return True
            self.room -= 1
            return self.room >= 0


class Way(_Way, socketserver.UnixStreamServer):
    """Passes connections on to the daemon of DOCKER_HOST."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        _Way.__init__(self)
        socketserver.UnixStreamServer.__init__(self, str(path), _Pass)

    def cut(self) -> None:
        """Nobody listens any more, and who is connected is cut off."""
        self.shutdown()
        self.server_close()
        Path(str(self.server_address)).unlink()
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class FarWay(_Way, socketserver.TCPServer):
    """The same from a port, as to a daemon on another machine."""

    def __init__(self) -> None:
        _Way.__init__(self)
        socketserver.TCPServer.__init__(self, ("127.0.0.1", 0), _Pass)
        self.address = f"tcp://127.0.0.1:{self.server_address[1]}"


class _Pass(socketserver.BaseRequestHandler):
    server: Way | FarWay

    def handle(self) -> None:
        line = self.request.recv(4096, socket.MSG_PEEK).partition(b"\r\n")[0].decode("latin-1")
        self.server.asked.append(line)
        if not self.server.has_room(line):
            self.request.sendall(FULL)
            while self.request.recv(1 << 16):
                pass
            return
        with socket.socket(socket.AF_UNIX) as far:
            far.connect(self.server.target)
            self.server.sockets += [self.request, far]
            back = threading.Thread(target=self.copy, args=(far, self.request), daemon=True)
            back.start()
            self.copy(self.request, far)
            back.join()

    def copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def far_daemon() -> Iterator[str]:
    """Address of the daemon of DOCKER_HOST as if it were on another machine."""
    with FarWay() as way:
        serving = threading.Thread(target=way.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield way.address
        finally:
            way.shutdown()
            serving.join()


@contextlib.contextmanager
def way_to_daemon(folder: Path) -> Iterator[Way]:
    """A way at a socket in `folder`, open until it is cut or the block ends."""
    way = Way(folder / "docker.sock")
    serving = threading.Thread(target=way.serve_forever, args=(0.05,))
    serving.start()
    try:
        yield way
    finally:
        if Path(str(way.server_address)).exists():
            way.cut()
        serving.join()
