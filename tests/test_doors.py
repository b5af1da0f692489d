"""Doors without a daemon: who comes through, what is left, and whose it was."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

from harness.sandboxes import doors
from harness.sandboxes.doors import NAME, OWNER, PREFIX, Doors
from harness.sandboxes.leases import lease, started


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the same file system, because a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(dir=doors.ROOT) as folder:
        monkeypatch.setattr(doors, "ROOT", Path(folder))
        yield Path(folder)


def knock(folder: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(5.0)
    sock.connect(str(folder / NAME))
    return sock


def test_one_comes_through_and_the_door_is_gone(place: Path) -> None:
    made = Doors()
    door = made.make()
    with knock(door.folder) as inside:
        outside = door.passed()
        assert outside is not None
        with outside:
            outside.sendall(b"a message")
            assert inside.recv(99) == b"a message"
    assert not door.folder.exists()
    door.close()
    made.close()
    assert list(place.iterdir()) == []


def test_nobody_came_and_the_door_is_gone() -> None:
    door = Doors().make()
    assert door.passed() is None
    assert not door.folder.exists()


def test_only_its_user_gets_to_it(place: Path) -> None:
    door = Doors().make()
    assert (place / door.folder.parent.name).stat().st_mode & 0o777 == 0o700
    assert door.folder.stat().st_mode & 0o777 == 0o755, "who is inside a container is somebody else"
    assert (door.folder / NAME).stat().st_mode & 0o666 == 0o666
    door.close()


def test_who_comes_too_late_finds_nobody() -> None:
    door = Doors().make()
    with knock(door.folder), knock(door.folder) as second:
        first = door.passed()
        assert first is not None
        with first, pytest.raises(ConnectionError):
            second.sendall(b"x")
            if not second.recv(99):
                raise ConnectionResetError


def test_what_a_killed_harness_left_is_swept_and_nothing_else(place: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from harness.sandboxes import doors
doors.ROOT = Path({str(place)!r})
made = doors.Doors(); door = made.make(); print(door.folder, flush=True); time.sleep(60)
"""
    own = Doors().make()
    own._socket.close()
    (place / f"{PREFIX}abroad").mkdir()
    (place / f"{PREFIX}abroad" / OWNER).write_text("another-host/b/1/1/1")
    for unnamed in (f"{PREFIX}{os.getpid()}-{started(os.getpid())}-x", f"{PREFIX}odd"):
        (place / unnamed).mkdir()
    killed = place / f"{PREFIX}{os.getpid()}-1-x"
    killed.mkdir()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as harness:
        assert harness.stdout is not None
        folder = Path(harness.stdout.readline().strip())
        assert folder.is_dir()
        assert doors.left() == [killed]
        harness.send_signal(signal.SIGKILL)
        harness.wait()
    assert doors.left() == sorted([folder.parent, killed])
    before = set(place.iterdir())
    doors.sweep()
    assert before - set(place.iterdir()) == {folder.parent, killed}
    assert own.folder.parent.is_dir()
    assert (own.folder.parent / OWNER).read_text() == lease()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root looks at another user's files")
def test_another_user_s_folder_is_left_alone(place: Path) -> None:
    folder = place / f"{PREFIX}theirs"
    folder.mkdir()
    (folder / OWNER).write_text(lease().rsplit("/", 1)[0] + "/1")
    assert doors.left() == [folder]
    os.chown(folder, 12345, 12345)
    assert doors.left() == []
