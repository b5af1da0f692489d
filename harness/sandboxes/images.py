"""Images of toolchains: built from the store's wheels without a network, named by content, reused until removed.

A template is baked into an image of its own: a remote daemon has no path of ours to bind, and sending it through the
runner each time would cost a tenth of a second per sandbox of services.
"""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from docker.errors import APIError, ImageNotFound

from harness.core.digest import digest, sha256
from harness.core.errors import UsageError
from harness.sandboxes.bubblewrap import GITCONFIG, GROUP, HOSTS, INSIDE_UID, PASSWD, TEMPLATE
from harness.sandboxes.engine import LEASE, OWNER, Engine, Troubles, explained
from harness.sandboxes.leases import dead
from harness.sandboxes.toolchain import Store

UID = 10001
"""No account of an ordinary host: without a user namespace a container's uid is the host's."""
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
DEFAULT_BASE = f"python:{PYTHON}-bookworm"
TOOLCHAIN = f"{OWNER}.toolchain"
BUILDER = 1
"""Raised whenever the same content would be built differently."""
BUILD_S = 900.0
PATCH_MARKER = re.compile(r" ; python_full_version [<>=]+ '[0-9.]+'")
PATCH_BOUND = re.compile(rf"^[^\n]+{PATCH_MARKER.pattern}(?: \\\n    --hash=[^\n]+?)+\n", re.MULTILINE)
"""A requirement, with its hashes, that only some patch versions of Python have."""


class Images:
    """The images of one engine."""

    def __init__(
        self, engine: Engine, store: Store, toolchains: Path, base: str, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.base = base
        self._engine = engine
        self._store = store
        self._toolchains = toolchains
        self._say = say
        self._lock = threading.Lock()
        self._made: dict[tuple[str, Path | None], str] = {}

    def image(self, toolchain: str, template: Path | None = None) -> str:
        """The id of a toolchain's image, with a template at `/opt/template.tar`, built first where it is missing."""
        with self._lock:
            key = (toolchain, template)
            if key not in self._made:
                plain = self._made.get((toolchain, None)) or self._toolchain(toolchain)
                self._made[toolchain, None] = plain
                if template is not None:
                    self._made[key] = self._with_template(toolchain, plain, template)
            return self._made[key]

    def forget(self) -> None:
        """Look again for each image: one was removed."""
        with self._lock:
            self._made.clear()

    def base_id(self) -> str | None:
        """Content of the base, None when the engine does not hold it."""
        with self._engine.calls("look for the base image") as client:
            try:
                return str(client.inspect_image(self.base)["Id"])
            except ImageNotFound:
                return None

    def _toolchain(self, name: str) -> str:
        base = self.base_id() or self._pull()
        dockerfile = (self._toolchains / name / "Dockerfile").read_bytes()
        runner = Path(__file__).with_name("runner.py").read_bytes()
        key = digest([BUILDER, base, self._store.digest(name), sha256(dockerfile), sha256(runner), PYTHON])
        built = self._find(f"{OWNER}/{name}:{key[:20]}")
        if built is not None:
            return built
        self._say(f"docker: building the image of {name} on {self.base}")
        requirements = (self._toolchains / name / "requirements.txt").read_bytes()
        texts = {
            "Dockerfile": dockerfile,
            "requirements.txt": requirements,
            "runner.py": runner,
            "etc/passwd": PASSWD.replace(f":{INSIDE_UID}:{INSIDE_UID}:", f":{UID}:{UID}:").encode(),
            "etc/group": GROUP.replace(f":{INSIDE_UID}:", f":{UID}:").encode(),
            "etc/hosts": HOSTS.encode(),
            "etc/gitconfig": GITCONFIG.encode(),
        }
        wheels = self._wheels(name, requirements.decode())
        arguments = {"BASE": base, "PYTHON": PYTHON}
        return self._build(name, key, texts, [(f"wheelhouse/{wheel.name}", wheel) for wheel in wheels], arguments)

    def _wheels(self, name: str, requirements: str) -> list[Path]:
        """The store's wheels, and those that only an interpreter of another patch version than the host's needs."""
        found = list(self._store.toolchain(name).wheelhouse.iterdir())
        bound = "".join(PATCH_BOUND.findall(requirements))
        if bound:
            folder = self._store.root / "patch-wheels" / sha256(bound.encode())[:20]
            if not folder.is_dir():
                _download(PATCH_MARKER.sub("", bound), folder)
            found += [wheel for wheel in folder.iterdir() if wheel.name not in {other.name for other in found}]
        return sorted(found)

    def _with_template(self, name: str, plain: str, template: Path) -> str:
        key = digest([BUILDER, plain, sha256(template.read_bytes())])
        built = self._find(f"{OWNER}/{name}:{key[:20]}")
        if built is not None:
            return built
        dockerfile = f"FROM {plain}\nCOPY template.tar {TEMPLATE}\n".encode()
        return self._build(name, key, {"Dockerfile": dockerfile}, [("template.tar", template)], {})

    def _find(self, name: str) -> str | None:
        with self._engine.calls("look for an image") as client:
            try:
                return str(client.inspect_image(name)["Id"])
            except ImageNotFound:
                return None

    def _pull(self) -> str:
        self._say(f"docker: fetching the base image {self.base}")
        try:
            with contextlib.closing(self._engine.client(BUILD_S)) as client:
                client.pull(self.base)
                return str(client.inspect_image(self.base)["Id"])
        except Troubles as error:
            raise UsageError(
                f"the base image {self.base} is not there and cannot be fetched: {explained(error)}",
                where="sandbox docker",
                mend="set HARNESS_DOCKER_BASE to an image that the daemon holds (docker image ls), with Python "
                f"{PYTHON}, git and make; or use --sandbox bubblewrap",
            ) from error

    def _build(
        self,
        toolchain: str,
        key: str,
        texts: dict[str, bytes],
        files: Iterable[tuple[str, Path]],
        arguments: dict[str, str],
    ) -> str:
        name = f"{OWNER}/{toolchain}:{key[:20]}"
        labels = {TOOLCHAIN: toolchain}
        try:
            with contextlib.closing(self._engine.client(BUILD_S)) as client, tempfile.TemporaryFile() as context:
                _pack(context, texts, files)
                context.seek(0)
                lines = client.build(
                    fileobj=context,
                    custom_context=True,
                    tag=name,
                    labels=labels,
                    buildargs=arguments,
                    network_mode="none",
                    rm=True,
                    forcerm=True,
                    decode=True,
                )
                _raise_for(lines, toolchain)
                return str(client.inspect_image(name)["Id"])
        except Troubles as error:
            raise _not_built(toolchain, explained(error)) from error


def _download(requirements: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(requirements)
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        argv += ["--require-hashes", "-r", str(wanted), "-d", str(Path(scratch) / "wheels")]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UsageError(
                f"downloading wheels for an image failed: {done.stderr.strip()[-400:]}",
                where="sandbox docker",
                mend="check the connection to the package index, then run the same command again",
            )
        with contextlib.suppress(OSError):
            (Path(scratch) / "wheels").rename(folder)


def _pack(context: IO[bytes], texts: dict[str, bytes], files: Iterable[tuple[str, Path]]) -> None:
    """A build's context as a tar stream that is the same for the same content."""
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, content in texts.items():
            archive.addfile(_member(name, len(content)), io.BytesIO(content))
        for name, path in files:
            with path.open("rb") as file:
                archive.addfile(_member(name, path.stat().st_size), file)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member


def _raise_for(lines: Iterable[dict[str, Any]], toolchain: str) -> None:
    """Follow a build to its end; `UsageError` with its last words when it fails."""
    said: list[str] = []
    for line in lines:
        said += str(line.get("stream", "")).strip().splitlines()
        if "error" in line:
            last = [text for text in said if text and not text.startswith(("Step ", "--->", "Removing"))][-4:]
            raise _not_built(toolchain, "\n  ".join([str(line["error"]), *last]))


def _not_built(toolchain: str, why: str) -> UsageError:
    return UsageError(
        f"building the image of {toolchain} failed: {why}",
        where="sandbox docker",
        mend=f"the base needs Python {PYTHON}, git and make, the daemon some 2 GB of disk; or use --sandbox bubblewrap",
    )


def ours(client: Any) -> list[dict[str, Any]]:
    """Images that a harness built."""
    return list(client.images(filters={"label": TOOLCHAIN}))


def name_of(image: dict[str, Any]) -> str:
    """Its tag, or its id where it has none."""
    return str((image["RepoTags"] or [image["Id"]])[0])


def idle(client: Any) -> list[dict[str, Any]]:
    """Those that no container uses but such as are left of a dead harness; those that others build on last."""
    containers = client.containers(all=True)
    used = {one["ImageID"] for one in containers if not dead(one["Labels"].get(LEASE, ""))}
    return sorted((one for one in ours(client) if one["Id"] not in used), key=lambda one: -int(one["Created"]))


def remove(client: Any) -> None:
    """Remove what is idle; an image that another one in use is built on stays."""
    for image in idle(client):
        with contextlib.suppress(APIError):
            client.remove_image(image["Id"], force=True)
