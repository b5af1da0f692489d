"""The container engine's side of a bad day: containers that are killed, a daemon that is restarted.

The daemon is found by its socket and started again with its own words. Only one that was started for these tests may be
treated so, which is why the restart has to be asked for.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker.errors import APIError

from harness.core.errors import Failure
from harness.sandboxes.engine import LEASE, Engine, held
from harness.sandboxes.leases import dead

BACK_S = 60.0


@dataclass
class Containers:
    """Everything that harnesses have on one daemon."""

    engine: Engine

    @classmethod
    def of_this_machine(cls) -> Containers:
        """On the daemon of DOCKER_HOST."""
        return cls(Engine(os.environ))

    def kill_one_of(self, pid: int, dice: random.Random) -> bool:
        """Kill a running container of the harness process `pid`; False when there was none."""
        with suppress(Failure), self.engine.calls("look") as client:
            owned = [each for each in held(client) if _pid(each) == pid and each["State"] == "running"]
            if owned:
                with suppress(APIError):
                    client.kill(dice.choice(owned)["Id"])
                    return True
        return False

    def left(self) -> list[str]:
        """Containers whose harness is gone."""
        with self.engine.calls("look") as client:
            return [each["Id"][:12] for each in held(client) if dead(each["Labels"][LEASE])]

    def restart(self) -> None:
        """End the daemon as a host's service manager does, with all its containers, and start it again."""
        pid = self._daemon()
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        os.kill(pid, signal.SIGTERM)
        _wait(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), "the daemon ends")
        with Path(os.devnull).open("wb") as nowhere:
            subprocess.Popen(words, stdout=nowhere, stderr=nowhere, start_new_session=True)
        _wait(self._answers, "the daemon is back")

    def _daemon(self) -> int:
        with socket.socket(socket.AF_UNIX) as to:
            to.connect(self.engine.address.partition("://")[2])
            return int(struct.unpack("3i", to.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])

    def _answers(self) -> bool:
        with suppress(Failure), self.engine.calls("ping", 5.0) as client:
            return bool(client.ping())
        return False


def _pid(container: dict[str, Any]) -> int:
    return int(container["Labels"][LEASE].split("/")[3])


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def _wait(true: Any, what: str) -> None:
    end = time.monotonic() + BACK_S
    while not true():
        assert time.monotonic() < end, f"in {BACK_S} s it did not happen that {what}"
        time.sleep(0.1)
