"""The container engine's side of a bad day: containers that are killed, a daemon that is restarted.

The daemon is found by its socket and started again with its own words. Only one that was started for these tests may be
treated so, which is why the restart has to be asked for.
"""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.done import Kill, Span
from docker.errors import APIError

from harness.core.errors import Failure
from harness.sandboxes.engine import LEASE, OWNER, Engine, held
from harness.sandboxes.leases import dead

BACK_S = 60.0
TRIAL, ROLE = f"{OWNER}.trial", f"{OWNER}.role"
CONTAINER = re.compile(r"/docker[/-]([0-9a-f]{64})")


@dataclass
class Containers:
    """Everything that harnesses have on one daemon."""

    engine: Engine

    @classmethod
    def of_this_machine(cls) -> Containers:
        """On the daemon of DOCKER_HOST."""
        return cls(Engine(os.environ))

    def kill_one_of(self, pid: int, dice: random.Random) -> list[Kill]:
        """Kill a running container that the harness process `pid` has for some trial, where there is one."""
        with suppress(Failure), self.engine.calls("look") as client:
            owned = [each for each in held(client) if _pid(each) == pid and each["State"] == "running"]
            told = [each for each in owned if each["Labels"][TRIAL]]
            if told:
                chosen = dice.choice(told)
                with suppress(APIError):
                    client.kill(chosen["Id"])
                    return [Kill(chosen["Labels"][TRIAL], chosen["Labels"][ROLE], time.time())]
        return []

    def left(self) -> list[str]:
        """Containers whose harness is gone."""
        with self.engine.calls("look") as client:
            return [each["Id"][:12] for each in held(client) if dead(each["Labels"][LEASE])]

    def volumes(self) -> set[str]:
        """Names of volumes that no container uses."""
        with self.engine.calls("look") as client:
            return {each["Name"] for each in client.volumes({"dangling": True})["Volumes"] or ()}

    def processes(self) -> list[int]:
        """Processes of this machine in a control group of a container that the daemon does not know any more."""
        with self.engine.calls("look") as client:
            known = {each["Id"] for each in client.containers(all=True)}
        return [pid for pid, container in _contained() if container not in known]

    def restart(self) -> Span:
        """End the daemon as a host's service manager does, with all its containers, and start it again; when."""
        began = time.time()
        pid = self._daemon()
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        os.kill(pid, signal.SIGTERM)
        _wait(lambda: not Path(f"/proc/{pid}").exists() or _is_zombie(pid), "the daemon ends")
        with Path(os.devnull).open("wb") as nowhere:
            subprocess.Popen(words, stdout=nowhere, stderr=nowhere, start_new_session=True)
        _wait(self._answers, "the daemon is back")
        return began, time.time()

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


def _contained() -> Iterator[tuple[int, str]]:
    """Processes with the id of the container whose control group they are in."""
    for path in Path("/proc").iterdir():
        with suppress(OSError):
            found = CONTAINER.search((path / "cgroup").read_text()) if path.name.isdecimal() else None
            if found:
                yield int(path.name), found[1]


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def _wait(true: Any, what: str) -> None:
    end = time.monotonic() + BACK_S
    while not true():
        assert time.monotonic() < end, f"in {BACK_S} s it did not happen that {what}"
        time.sleep(0.1)
