"""Sandboxes from containers, on a daemon here or elsewhere: the same runner as process 1, over the attached stdio.

Nothing is read from or written to a host path, so a remote daemon serves as well as a local one; one on this machine
gets a one-time door besides (`doors.py`), so that connections are handed over instead of relayed. The container
hangs on its harness twice: the daemon closes the runner's input when the attached connection goes, which ends process 1
and all the rest, and a lease in its labels lets the next start remove what is left. A container is killed at once and
removed in the background: the removal takes ten times as long as the kill, and nobody waits for it.

The engine's own view of a memory kill is also true when only a command was killed, so it counts only for a container
whose process 1 was killed by nobody of ours.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import secrets
import socket
import struct
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, cast

from docker.errors import APIError, ImageNotFound
from docker.types import HostConfig, LogConfig, Mount, Ulimit

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import SandboxSpec
from harness.sandboxes import doors
from harness.sandboxes.bubblewrap import BASE_ENV, RUNNER, SHARED
from harness.sandboxes.bubblewrap import _writable as writable
from harness.sandboxes.doors import INSIDE, NAME, Door, Doors
from harness.sandboxes.engine import CALL_S, LEASE, OWNER, Engine, Troubles, explained, reap
from harness.sandboxes.images import PYTHON, UID, Images
from harness.sandboxes.leases import lease
from harness.sandboxes.limits import CPUS, NOT_KEPT
from harness.sandboxes.link import RunnerSandbox
from harness.sandboxes.profile import profile

STREAM = struct.Struct(">BxxxL")
ERRORS = 2
SAID_MOST = 2000
SEND_S = 30
"""How long the daemon may refuse to take what is sent before its sandbox counts as lost."""
END_S = 15.0
STOP_S = 1
"""A daemon that ends waits so long for a container, whose process 1 heeds no signal, before it kills it."""
INODES = 150_000
"""More files than any snapshot takes, in each writable place."""
FILES_OPEN, FILE_BYTES = 4096, 2_000_000_000
MANY = 1_000_000
"""A limit of processes by uid would count the containers of everybody who uses it; the engine counts by container."""


class Docker:
    """Makes containers as sandboxes."""

    kind = "docker"
    hands_over = True
    """Connections between its containers are handed over whole where the daemon turns out to be on this machine."""

    def __init__(self, engine: Engine, images: Images, run: str = "", runtime: str = "", *, cpus: float = CPUS) -> None:
        self._engine = engine
        self._cpus = min(cpus, engine.facts.cpus)
        self._images = images
        self._run = run
        self._runtime = runtime
        self._lease = lease()
        self._janitor = ThreadPoolExecutor(1, thread_name_prefix="docker-janitor")
        self._janitor.submit(self._reap).result()
        atexit.register(self._reap, self._lease)
        self._doors: Doors | None = None
        self._proven = False
        self._first = threading.Lock()
        if self.hands_over and engine.local:
            doors.sweep()
            with contextlib.suppress(OSError):
                self._doors = Doors()
                atexit.register(self._doors.close)

    def open(self, spec: SandboxSpec, deadline: Deadline) -> RunnerSandbox:
        """A fresh container; `Failure(SANDBOX)` with the daemon's own words when it cannot be had.

        The first one tells whether doors lead from there to here: all of them hand over, or none.
        """
        began = time.monotonic()
        with self._first:
            deadline.extend(time.monotonic() - began)  # The first may wait for its image to be made.
            if self._doors is not None and not self._proven:
                return self._prove(spec, deadline)
        return self._open(spec, deadline)

    def _prove(self, spec: SandboxSpec, deadline: Deadline) -> RunnerSandbox:
        try:
            box = self._open(spec, deadline)
        except Failure:
            # Of a daemon in another file system, which finds no folder to bind; or of one that does nothing at all.
            self._do_without_doors()
            return self._open(spec, deadline)
        self._proven = box.hands_over
        if not self._proven:
            self._do_without_doors()
        return box

    def _do_without_doors(self) -> None:
        if self._doors is not None:
            self._doors.close()
            self._doors = None

    def _open(self, spec: SandboxSpec, deadline: Deadline) -> RunnerSandbox:
        body = self._launch(spec, deadline)
        box = RunnerSandbox(self.kind, body, spec.relays, deadline)
        try:
            if self._proven and not box.hands_over:
                raise Failure(Cause.SANDBOX, "start a container: its runner did not come through its door")
            box.limits_applied = self._limits(box, spec, deadline)
        except Failure:
            box.close()
            raise
        return box

    def base(self) -> str:
        """Id of the image that its containers are built on."""
        return self._images.base_id() or ""

    def mend(self) -> str:
        """What to do where no sandbox opens."""
        return "see `harness doctor`; or use --sandbox bubblewrap"

    def _launch(self, spec: SandboxSpec, deadline: Deadline) -> _Body:
        image = self._image(spec, deadline)
        made, client, door = "", None, self._door()
        try:
            client = self._engine.client(min(CALL_S, deadline.remaining()))
            try:
                made = self._create(client, image, spec, door)
            except ImageNotFound:
                # Somebody removed it, as `harness clean` does, while this harness went on.
                self._images.forget()
                made = self._create(client, self._image(spec, deadline), spec, door)
            stream = client.attach_socket(made, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            client.start(made)
        except Troubles as error:
            if door is not None:
                door.close()
            if client is not None:
                client.close()
            if made:
                self.remove_later(made)
            raise Failure(Cause.SANDBOX, f"start a container: {explained(error)}") from error
        return _Body(self, self._engine, client, made, cast(Any, stream), door)

    def _door(self) -> Door | None:
        try:
            return None if self._doors is None else self._doors.make()
        except OSError as error:
            raise Failure(Cause.SANDBOX, f"make a door for a container: {error.strerror}") from error

    def _image(self, spec: SandboxSpec, deadline: Deadline) -> str:
        """The image, whose making, where it is missing, takes nothing from the deadline."""
        began = time.monotonic()
        image = self._images.image(spec.toolchain, spec.template)
        deadline.extend(time.monotonic() - began)
        return image

    def _create(self, client: Any, image: str, spec: SandboxSpec, door: Door | None) -> str:
        name = f"box-{secrets.token_hex(8)}"
        return str(client.create_container_from_config(self._config(image, spec, client, door), name)["Id"])

    def _config(self, image: str, spec: SandboxSpec, client: Any, door: Door | None) -> dict[str, Any]:
        grouped = self._engine.facts.limits["pids"]
        processes = MANY if grouped else spec.processes
        hands = None if door is None else f"{INSIDE}/{NAME}"
        config = {"witness": spec.role == "agent", "processes": processes, "hands": hands}
        whose = {"run": self._run, "trial": spec.trial, "role": spec.role}
        labels = {LEASE: self._lease} | {f"{OWNER}.{name}": value for name, value in whose.items()}
        return cast(
            dict[str, Any],
            client.create_container_config(
                image,
                [f"python{PYTHON}", "-I", "-S", RUNNER, json.dumps(config)],
                hostname="box",
                user=f"{UID}:{UID}",
                stdin_open=True,
                tty=False,
                environment={**BASE_ENV, **spec.env},
                labels=labels,
                working_dir="/",
                network_disabled=True,
                entrypoint=[],
                host_config=self._host_config(spec, door),
            )
            | {"AttachStdin": True, "StdinOnce": True, "StopTimeout": STOP_S},
        )

    def _host_config(self, spec: SandboxSpec, door: Door | None) -> HostConfig:
        facts = self._engine.facts
        limits: dict[str, Any] = {}
        if facts.limits["memory"]:
            limits |= {"mem_limit": spec.memory_bytes, "memswap_limit": spec.memory_bytes}
        if facts.limits["pids"]:
            limits |= {"pids_limit": spec.processes}
        if facts.limits["cpu"]:
            limits |= {"nano_cpus": round(self._cpus * 1_000_000_000)}
        return HostConfig(
            version=facts.api,
            runtime=self._runtime or None,
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true", f"seccomp={profile()}"],
            ipc_mode="private",
            shm_size=SHARED,
            init=False,
            tmpfs=_tmpfs(spec.disk_bytes),
            mounts=None if door is None else [Mount(INSIDE, str(door.folder), type="bind", read_only=True)],
            ulimits=[
                Ulimit(name="nofile", soft=FILES_OPEN, hard=FILES_OPEN),
                Ulimit(name="fsize", soft=FILE_BYTES, hard=FILE_BYTES),
                Ulimit(name="core", soft=0, hard=0),
            ],
            log_config=LogConfig(type=LogConfig.types.NONE),
            **limits,
        )

    def _limits(self, box: RunnerSandbox, spec: SandboxSpec, deadline: Deadline) -> dict[str, str]:
        facts = self._engine.facts
        kept = {"files": "rlimit", "disk": "tmpfs", "inodes": "tmpfs", "cpu": NOT_KEPT}
        kept |= {"processes": facts.cgroup, "memory": facts.cgroup}
        if not facts.limits["pids"]:
            kept["processes"] = "rlimit"
        if not facts.limits["memory"]:
            box.ask(
                deadline, "keep_memory", most=spec.memory_bytes, disks=[path for path, _ in writable(spec.disk_bytes)]
            )
            kept["memory"] = "watched"
        if facts.limits["cpu"]:
            kept["cpu"] = facts.cgroup
        return kept

    def remove_later(self, container: str) -> None:
        """Have a dead container removed; at the end of this process at the latest."""
        with contextlib.suppress(RuntimeError):
            self._janitor.submit(self._remove, container)

    def _remove(self, container: str) -> None:
        with contextlib.suppress(Failure), self._engine.calls("remove a container") as client:
            client.remove_container(container, force=True, v=True)

    def _reap(self, ended: str = "") -> None:
        with contextlib.suppress(Failure), self._engine.calls("remove what was left behind") as client:
            reap(client, ended)


def _tmpfs(disk: int) -> dict[str, str]:
    """Mounts with their options; what the engine would show of the host under /sys is covered.

    A place keeps the mode that its folder has in the image.
    """
    options = f"rw,exec,nosuid,nodev,nr_inodes={INODES},mode=0755,uid={UID},gid={UID}"
    places = {path: f"{options},size={size}" for path, size in writable(disk)}
    return {**places, "/sys": "ro,noexec,nosuid,nodev,size=4096,mode=0555"}


class _Wire:
    """The raw connection to a container's stdio, whatever the daemon is reached by."""

    def __init__(self, stream: Any) -> None:
        self._held = stream
        """The SDK's object keeps the response, and with it the connection, alive."""
        self._wire: socket.socket = getattr(stream, "_sock", stream)
        self._wire.settimeout(None)
        if isinstance(self._wire, socket.socket):
            self._wire.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SEND_S, 0))

    def send(self, data: bytes) -> None:
        self._wire.sendall(data)

    def receive(self, most: int) -> bytes:
        return self._wire.recv(most)

    def hang_up(self) -> None:
        """End it for both sides; a thread that reads from it is freed."""
        with contextlib.suppress(OSError):
            self._wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._wire.close()
            self._held.close()


class _Input(io.RawIOBase):
    """What is written goes to the runner."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._wire.send(bytes(data))
        return len(data)


class _Output(io.RawIOBase):
    """The runner's standard output out of the daemon's stream of both; the head of its errors is kept."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._left = 0
        self._errors = False
        self.said = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._left == 0 and not self._next():
                return 0
            data = self._wire.receive(min(self._left, len(buffer)))
            if not data:
                return 0
            self._left -= len(data)
            if not self._errors:
                buffer[: len(data)] = data
                return len(data)
            self.said = (self.said + data)[:SAID_MOST]

    def _next(self) -> bool:
        """Read the header of the next piece; False at the end of the stream."""
        header = b""
        while len(header) < STREAM.size:
            more = self._wire.receive(STREAM.size - len(header))
            if not more:
                return False
            header += more
        kind, self._left = STREAM.unpack(header)
        self._errors = kind == ERRORS
        return True


class _Body:
    """A container and the connection to its process 1."""

    def __init__(
        self, docker: Docker, engine: Engine, client: Any, container: str, stream: Any, door: Door | None
    ) -> None:
        self._docker = docker
        self._engine = engine
        self._client = client
        self._container = container
        self._wire = _Wire(stream)
        self._output = _Output(self._wire)
        self.stdin = cast(IO[bytes], _Input(self._wire))
        self.stdout = cast(IO[bytes], io.BufferedReader(self._output, 1 << 18))
        self._door = door
        self._lock = threading.Lock()
        self._killed = False
        self._over_limit: str | None = None
        self._trouble = ""

    def hands(self) -> socket.socket | None:
        """What came through the container's door."""
        return None if self._door is None else self._door.passed()

    def kill(self) -> None:
        """Kill the container and wait until the kernel has emptied it; its removal follows."""
        with self._lock:
            if self._killed:
                return
            self._killed = True
            self._over_limit = self._over_memory()
            self._end()
            self._wire.hang_up()
            self._wire.close()
            self._client.close()
            if self._door is not None:
                self._door.close()
            self._docker.remove_later(self._container)

    def _end(self) -> None:
        try:
            self._engine.reach()
            with contextlib.suppress(APIError):
                self._client.kill(self._container)
            self._client.wait(self._container, timeout=END_S)
        except Troubles as error:
            self._trouble = self._trouble or explained(error)

    def over_limit(self) -> str | None:
        """`memory` when process 1 went because the container was at its memory limit."""
        with self._lock:
            return self._over_limit if self._killed else self._over_memory()

    def _over_memory(self) -> str | None:
        state = self._state()
        ended = not state.get("Running", True)
        return "memory" if ended and state.get("OOMKilled") and state.get("ExitCode") == 137 else None

    def _state(self) -> Mapping[str, Any]:
        try:
            self._engine.reach()
            return cast(Mapping[str, Any], self._client.inspect_container(self._container)["State"])
        except Troubles as error:
            self._trouble = f"the daemon cannot be asked: {explained(error)}"
            return {}

    def said(self) -> str:
        """What the runner wrote to its standard error, or what hinders asking."""
        return self._output.said.decode("utf-8", "replace").strip() or self._trouble
