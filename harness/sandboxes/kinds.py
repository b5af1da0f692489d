"""Which kind of sandbox a run gets: what was asked for, or the stronger of what is there, and never in silence.

A daemon alone is not enough for `auto`: without a base image on it, the first thing that a new user sees would be a
long download, or a failing one. Containers' modules, and with them the SDK, are imported where there may be any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.errors import Failure, UsageError
from harness.sandboxes import daemon
from harness.sandboxes.bubblewrap import Bubblewrap
from harness.sandboxes.toolchain import Store

if TYPE_CHECKING:
    from harness.sandboxes.docker import Docker
    from harness.sandboxes.engine import Engine
    from harness.sandboxes.images import Images

KINDS = ("auto", "bubblewrap", "docker")
BASE = "HARNESS_DOCKER_BASE"

Say = Callable[[str], None]


def make(
    kind: str,
    store: Store,
    toolchains: Path,
    environ: Mapping[str, str],
    say: Say,
    *,
    run: str = "",
    runtime: str = "",
) -> Docker | Bubblewrap:
    """A provider of the kind that was asked for; `UsageError` where it cannot be had.

    Who asks for a runtime asks for containers: no other kind stands in for them.
    """
    if kind == "bubblewrap" and runtime:
        raise UsageError("only containers have a runtime", where="--runtime", mend="--sandbox docker, or no --runtime")
    if kind == "bubblewrap":
        return Bubblewrap(store)
    if kind == "docker" or runtime:
        from harness.sandboxes.docker import Docker
        from harness.sandboxes.engine import Engine

        engine = Engine(environ)
        engine.check_runtime(runtime)
        return Docker(engine, images(engine, store, toolchains, environ, say), run, runtime)
    found = _containers(store, toolchains, environ, say, run)
    if not isinstance(found, str):
        return found
    say(f"sandboxes: bubblewrap, because {found}")
    return Bubblewrap(store)


def _containers(store: Store, toolchains: Path, environ: Mapping[str, str], say: Say, run: str) -> Docker | str:
    """Containers, or why they cannot be had without further ado."""
    try:
        daemon.reach(daemon.address(environ))
    except OSError as error:
        return f"no Docker daemon answers: {error.strerror or error}"
    from harness.sandboxes.docker import Docker
    from harness.sandboxes.engine import Engine

    try:
        engine = Engine(environ)
        found = images(engine, store, toolchains, environ, say)
        if found.base_id() is not None:
            return Docker(engine, found, run)
    except (UsageError, Failure) as error:
        return error.message
    return f"the Docker daemon does not hold the base image {found.base} (docker pull {found.base})"


def images(engine: Engine, store: Store, toolchains: Path, environ: Mapping[str, str], say: Say) -> Images:
    """The images of an engine on the base that the environment names."""
    from harness.sandboxes.images import DEFAULT_BASE, Images

    return Images(engine, store, toolchains, environ.get(BASE) or DEFAULT_BASE, say)
