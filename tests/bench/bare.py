"""The bare side of the trivial trial: the same commands in the same isolation, as a short script would run them.

Files in, two reads, a write, two commands, files out. No repository is set up, nothing is recorded, no model is asked
and nothing is limited: this is the floor that a harness is held against, not a harness.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bench import trivial
from harness import compose
from harness.core.digest import sha256
from harness.sandboxes.bubblewrap import BASE_ENV
from harness.sandboxes.docker import Docker
from harness.sandboxes.images import UID
from harness.sandboxes.kinds import make
from harness.sandboxes.toolchain import VENV, WHEELHOUSE

TOOLCHAIN = "python-fastapi"
SEED = {path: text.encode() for path, text in {**trivial.REPO, **trivial.DOCUMENTS}.items()}


class BareBubblewrap:
    """One `bwrap` a command, over a folder of the host."""

    def __init__(self) -> None:
        store = compose.make_store(compose.Choice(), print)
        toolchain = store.toolchain(TOOLCHAIN)
        interpreter = store.interpreter(toolchain)
        argv = [str(store.bubblewrap()), "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr"]
        for name in ("bin", "sbin", "lib", "lib64"):
            argv += ["--symlink", f"usr/{name}", f"/{name}"]
        if interpreter.copy is not None:
            argv += ["--ro-bind", str(interpreter.copy), interpreter.prefix]
        argv += ["--ro-bind", str(toolchain.venv), VENV, "--ro-bind", str(toolchain.wheelhouse), WHEELHOUSE]
        self._argv = [*argv, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]

    def trial(self, work: str) -> None:
        """One trial; `RuntimeError` for a command that fails."""
        with self.folder() as folder:
            write(folder, SEED)
            for path in trivial.READS:
                self.run(folder, ["cat", path])
            self.run(folder, ["sh", "-c", f"cat > {trivial.WRITTEN}"], trivial.DELIVERED.encode())
            for command in trivial.COMMANDS[work]:
                self.run(folder, ["bash", "-c", command])
            read(folder)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A workspace on the host."""
        folder = Path(tempfile.mkdtemp(prefix="bare-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def run(self, folder: Path, argv: list[str], stdin: bytes = b"") -> None:
        """One command in a sandbox of its own."""
        inside = [*self._argv, "--bind", str(folder), "/workspace", "--chdir", "/workspace", *argv]
        done = subprocess.run(inside, input=stdin, capture_output=True, env=BASE_ENV, check=False)
        if done.returncode:
            raise RuntimeError(f"{argv} ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]!r}")

    def close(self) -> None:
        """Nothing stays open."""


class BareDocker:
    """The docker SDK: a container that sleeps, an exec a command, archives in and out."""

    def __init__(self) -> None:
        choice = compose.Choice(sandbox="docker")
        provider = make("docker", compose.make_store(choice, print), compose.ROOT / "toolchains", os.environ, print)
        assert isinstance(provider, Docker)
        self.image = provider._images.image(TOOLCHAIN)
        self._local = threading.local()
        self._clients: list[Any] = []

    def trial(self, work: str) -> None:
        """One trial; `RuntimeError` for a command that fails."""
        container = self.start()
        try:
            container.put_archive("/workspace", packed(SEED))
            for path in trivial.READS:
                self.run(container, ["cat", path])
            container.put_archive("/workspace", packed({trivial.WRITTEN: trivial.DELIVERED.encode()}))
            for command in trivial.COMMANDS[work]:
                self.run(container, ["bash", "-c", command])
            self.read(container)
        finally:
            container.remove(force=True)

    def start(self) -> Any:
        """A container that sleeps."""
        return self.client().containers.run(
            self.image,
            ["sleep", "infinity"],
            detach=True,
            network_mode="none",
            user=f"{UID}:{UID}",
            working_dir="/workspace",
            environment=BASE_ENV,
        )

    def client(self) -> Any:
        """This thread's own."""
        import docker

        if not hasattr(self._local, "client"):
            self._local.client = docker.from_env()
            self._clients.append(self._local.client)
        return self._local.client

    def run(self, container: Any, argv: list[str]) -> None:
        """One command."""
        code, output = container.exec_run(argv)
        if code:
            raise RuntimeError(f"{argv} ended with {code}: {output[-500:]!r}")

    def read(self, container: Any) -> dict[str, str]:
        """Digest of every file of the workspace."""
        stream, _ = container.get_archive("/workspace")
        with closing(tarfile.open(fileobj=io.BytesIO(b"".join(stream)))) as archive:
            files = ((member, archive.extractfile(member)) for member in archive if member.isreg())
            return {member.name: sha256(file.read()) for member, file in files if file is not None}

    def close(self) -> None:
        """Hang up."""
        for client in self._clients:
            client.close()


def packed(files: dict[str, bytes]) -> bytes:
    """A tar of files that the sandbox's user owns."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        folders = sorted({str(parent) for path in files for parent in Path(path).parents} - {"."})
        for name in (*folders, *files):
            member = tarfile.TarInfo(name)
            member.uid = member.gid = UID
            member.type, member.mode = (tarfile.DIRTYPE, 0o755) if name in folders else (tarfile.REGTYPE, 0o644)
            member.size = len(files.get(name, b""))
            archive.addfile(member, io.BytesIO(files.get(name, b"")))
    return content.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Files below a folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def read(folder: Path) -> dict[str, str]:
    """Digest of every file but caches."""
    found = {}
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("__pycache__", ".pytest_cache")]
        for name in names:
            found[name] = sha256(Path(top, name).read_bytes())
    return found
