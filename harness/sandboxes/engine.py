"""A container engine, local or remote: how it is reached, what it can do, and how its failures become ours.

One client per thread of work, because a client is not meant to be shared; making one costs a third of a millisecond
once the version is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import docker
import requests
from docker.constants import DEFAULT_DOCKER_API_VERSION as NEWEST
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env

from harness.core.errors import Cause, Failure, UsageError
from harness.sandboxes import daemon
from harness.sandboxes.daemon import ASK_S
from harness.sandboxes.leases import dead

OLDEST = (1, 41)
"""API of Docker 20.10: the first with per-rule error numbers in a seccomp profile."""
CALL_S = 60.0
OWNER = "contract-harness"
LEASE = f"{OWNER}.lease"
START = "set DOCKER_HOST to a running Docker daemon, or use --sandbox bubblewrap, which needs none"
Troubles = (DockerException, requests.exceptions.RequestException, OSError)


@dataclass(frozen=True)
class Facts:
    """What the engine says of itself."""

    version: str
    api: str
    cgroup: str
    cpus: int
    limits: Mapping[str, bool]
    """Limit (`memory`, `pids`, `cpu`) -> whether the engine can keep it."""
    seccomp: bool
    rootless: bool
    architecture: str
    driver: str
    runtimes: tuple[str, ...]


class Engine:
    """A daemon that answered once; `UsageError` when there is none, or an old one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._arguments = kwargs_from_env(environment=dict(environ))
        self.address = daemon.address(environ)
        self.facts = self._ask()
        self._check()

    @property
    def local(self) -> bool:
        """Whether it is reached by a socket of this machine; it may still be that of a daemon elsewhere."""
        return self.address.startswith("unix://")

    def check_runtime(self, name: str) -> None:
        """`UsageError` when the engine has no runtime of this name; the empty name is its own."""
        if name and name not in self.facts.runtimes:
            raise UsageError(
                f"the Docker daemon has no runtime {name}, only {', '.join(self.facts.runtimes) or 'its own'}",
                where="--runtime",
                mend='install it, name it under "runtimes" in the daemon\'s daemon.json, and restart the daemon',
            )

    def client(self, seconds: float = CALL_S) -> Any:
        """A client whose calls end within `seconds`, or a little later; the caller closes it."""
        self.reach()
        return docker.APIClient(version=self.facts.api, timeout=max(1, round(seconds)), **self._arguments)

    @contextmanager
    def calls(self, doing: str, seconds: float = CALL_S) -> Iterator[Any]:
        """A client whose troubles are the sandbox's failure."""
        try:
            with closing(self.client(seconds)) as client:
                yield client
        except Troubles as error:
            raise Failure(Cause.SANDBOX, f"{doing}: {explained(error)}") from error

    def reach(self) -> None:
        """`OSError` when nobody listens at the daemon's socket: the SDK would leave its own one open then."""
        daemon.reach(self.address)

    def _ask(self) -> Facts:
        try:
            version = self._call(NEWEST, lambda client: client.version(api_version=False))
            api = min(version["ApiVersion"], NEWEST, key=_numbers)
            self._check_age(version["Version"], api)
            said = self._call(api, lambda client: client.info())
        except Troubles as error:
            raise UsageError(
                f"no Docker daemon answers: {explained(error)}", where=f"DOCKER_HOST {self.address}", mend=START
            ) from error
        options = " ".join(said.get("SecurityOptions") or [])
        return Facts(
            version=version["Version"],
            api=api,
            cgroup=f"cgroup v{said.get('CgroupVersion', '1')}",
            cpus=int(said["NCPU"]),
            limits={"memory": said["MemoryLimit"], "pids": said["PidsLimit"], "cpu": said["CpuCfsQuota"]},
            seccomp="name=seccomp" in options,
            rootless="name=rootless" in options,
            architecture=said["Architecture"],
            driver=said["Driver"],
            runtimes=tuple(sorted(said.get("Runtimes") or ())),
        )

    def _call(self, api: str, ask: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        self.reach()
        with closing(docker.APIClient(version=api, timeout=round(ASK_S), **self._arguments)) as client:
            return ask(client)

    def _check_age(self, version: str, api: str) -> None:
        if _numbers(api) < OLDEST:
            raise UsageError(
                f"the Docker daemon is too old: {version} (API {api})",
                where=f"DOCKER_HOST {self.address}",
                mend=f"20.10 (API {OLDEST[0]}.{OLDEST[1]}) or newer is needed; or use --sandbox bubblewrap",
            )

    def _check(self) -> None:
        if not self.facts.seccomp:
            raise UsageError(
                "the Docker daemon filters no system calls",
                where=f"DOCKER_HOST {self.address}",
                mend="its host's kernel needs CONFIG_SECCOMP_FILTER; or use --sandbox bubblewrap",
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def explained(error: Exception) -> str:
    """One line: what the daemon said, or what hindered asking it."""
    if isinstance(error, APIError):
        return str(error.explanation or error).strip().splitlines()[0]
    causes: list[BaseException] = [error]
    while (deeper := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(deeper)
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return str(error).strip().splitlines()[0]


# --- whose container it is ----------------------------------------------------------------------------------------


def held(client: Any) -> list[dict[str, Any]]:
    """Containers that any harness made, running or not."""
    return list(client.containers(all=True, filters={"label": LEASE}))


def reap(client: Any, ended: str = "") -> list[str]:
    """Remove containers whose harness is gone, and those of the lease `ended`; their names."""
    removed = []
    for container in held(client):
        if dead(container["Labels"][LEASE]) or container["Labels"][LEASE] == ended:
            with suppress(APIError):
                client.remove_container(container["Id"], force=True, v=True)
                removed.append(container["Id"][:12])
    return removed
