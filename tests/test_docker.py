"""Docker's own side of the contract: what the daemon is told, whose containers are removed, and every way it can fail.

What all kinds of sandbox promise is in `test_sandbox_contract.py`. Tests that need a daemon take that of DOCKER_HOST;
others talk to small servers that answer as a daemon would.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from conftest import KINDS, ROOT, answer, shell
from cut_daemon import way_to_daemon

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, UsageError
from harness.core.ports import Address, SandboxSpec
from harness.sandboxes import doors, engine, kinds, seccomp
from harness.sandboxes.bubblewrap import _writable as writable
from harness.sandboxes.docker import INODES, Docker
from harness.sandboxes.doors import INSIDE, NAME, Door
from harness.sandboxes.doors import OWNER as OWNER_FILE
from harness.sandboxes.engine import LEASE, OWNER, Engine, held, reap
from harness.sandboxes.images import PATCH_BOUND, PATCH_MARKER, Images
from harness.sandboxes.lab import SandboxLab
from harness.sandboxes.leases import dead, lease
from harness.sandboxes.probes import prove
from harness.sandboxes.profile import KNOWN, profile
from harness.sandboxes.services import Services
from harness.sandboxes.toolchain import Store

with_daemon = [
    pytest.mark.sandbox,
    pytest.mark.skipif("docker" not in KINDS, reason="no Docker daemon answers at DOCKER_HOST"),
]
at_a_socket = pytest.mark.skipif(
    not os.environ.get("DOCKER_HOST", "").startswith("unix://"),
    reason="the daemon is not reached by a socket of this machine",
)
MB = 1_000_000


@pytest.fixture
def daemon() -> Engine:
    return Engine(os.environ)


@pytest.fixture
def provider(store: Store) -> Docker:
    made = kinds.make("docker", store, ROOT / "toolchains", os.environ, print, run="a-run")
    assert isinstance(made, Docker)
    return made


def opened(provider: Docker, toolchain: str, **spec: object):
    return contextlib.closing(provider.open(SandboxSpec(role="agent", toolchain=toolchain, **spec), Deadline(60.0)))  # type: ignore[arg-type]


def until(true: object, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def mine(daemon: Engine) -> list[dict[str, Any]]:
    with daemon.calls("look") as client:
        return [item for item in held(client) if item["Labels"][LEASE] == lease()]


# --- what the daemon is told --------------------------------------------------------------------------------------


PACKAGES = """
import re
from importlib.metadata import distributions
print(*{re.sub(r"[._-]+", "-", one.name).lower() + "==" + one.version for one in distributions()})
"""


WRITABLE = dict(writable(SandboxSpec(role="agent", toolchain="any").disk_bytes))


def hardening(told: dict[str, Any], image: str) -> dict[str, bool]:
    """Flag, as the table in the documents has it -> whether the engine says of a container that it is kept."""
    host, config = told["HostConfig"], told["Config"]
    most = {item["Name"]: (item["Soft"], item["Hard"]) for item in host["Ulimits"]}
    options = f"rw,exec,nosuid,nodev,nr_inodes={INODES},mode=0755,uid=10001,gid=10001,size="
    tmpfs = {path: f"{options}{size}" for path, size in WRITABLE.items()}
    labels = {f"{OWNER}.{name}" for name in ("lease", "run", "trial", "role")}
    return {
        "--rm": host["AutoRemove"] is False,
        "--network none": host["NetworkMode"] == "none" and config["NetworkDisabled"],
        "--read-only": host["ReadonlyRootfs"],
        "--tmpfs": host["Tmpfs"] == {**tmpfs, "/sys": "ro,noexec,nosuid,nodev,size=4096,mode=0555"},
        "--user 10001:10001": config["User"] == "10001:10001",
        "--cap-drop ALL": (host["CapDrop"], host["CapAdd"], host["Privileged"]) == (["ALL"], None, False),
        "--security-opt no-new-privileges": "no-new-privileges:true" in host["SecurityOpt"],
        "--security-opt seccomp=": f"seccomp={profile()}" in host["SecurityOpt"],
        "--pids-limit 256": host["PidsLimit"] == 512,
        "--memory 1g --memory-swap 1g": host["Memory"] == host["MemorySwap"] == 2_000_000_000,
        "--cpus 1": 0 < host["NanoCpus"] <= 2_000_000_000,
        "--ulimit nofile=1024": most["nofile"] == (4096, 4096),
        "--ulimit core=0": most["core"] == (0, 0),
        "--ulimit fsize=104857600": most["fsize"] == (2_000_000_000, 2_000_000_000),
        "--ipc private": host["IpcMode"] == "private",
        "--shm-size 16m": host["ShmSize"] == WRITABLE["/dev/shm"] == 256_000_000,
        "--init": not host["Init"],
        "--log-driver local": host["LogConfig"] == {"Type": "none", "Config": {}},
        "--hostname sbx": config["Hostname"] == "box",
        "--stop-timeout 1": config["StopTimeout"] == 1,
        "--label run=": labels <= config["Labels"].keys(),
        "IMAGE@sha256:": told["Image"] == image == config["Image"],
    }


def flags_of_the_docs() -> list[str]:
    """First column of the table of flags."""
    text = (ROOT / "docs" / "sandboxes.md").read_text().partition("## Flags, one by one\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


class TestContainer:
    pytestmark = with_daemon

    def test_every_wall_is_asked_for(self, provider: Docker, toolchain: str, daemon: Engine) -> None:
        before = {item["Id"] for item in mine(daemon)}
        with opened(provider, toolchain, memory_bytes=300 * MB, processes=99, disk_bytes=100 * MB):
            (container,) = [item["Id"] for item in mine(daemon) if item["Id"] not in before]
            with daemon.calls("inspect") as client:
                told = client.inspect_container(container)
        host, config = told["HostConfig"], told["Config"]
        assert (host["NetworkMode"], host["ReadonlyRootfs"], host["Privileged"]) == ("none", True, False)
        assert (host["CapDrop"], host["CapAdd"], host["IpcMode"]) == (["ALL"], None, "private")
        assert host["SecurityOpt"] == ["no-new-privileges:true", f"seccomp={profile()}"]
        assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (300 * MB, 300 * MB, 99)
        assert host["NanoCpus"] > 0
        assert {item["Name"]: item["Hard"] for item in host["Ulimits"]} == {
            "nofile": 4096,
            "fsize": 2_000_000_000,
            "core": 0,
        }
        assert host["LogConfig"]["Type"] == "none"
        assert (host["Binds"], host["Devices"]) == (None, None)
        assert [(mount["Destination"], mount["RW"]) for mount in told["Mounts"]] == [(INSIDE, False)] * daemon.local
        assert f"nr_inodes={INODES}" in host["Tmpfs"]["/workspace"]
        assert "size=50000000" in host["Tmpfs"]["/workspace"]
        assert (config["User"], config["Tty"], config["NetworkDisabled"]) == ("10001:10001", False, True)
        assert config["Labels"]["contract-harness.run"] == "a-run"

    def test_every_flag_of_the_table_is_kept(self, provider: Docker, toolchain: str, daemon: Engine) -> None:
        before = {item["Id"] for item in mine(daemon)}
        with opened(provider, toolchain) as box:
            (container,) = [item["Id"] for item in mine(daemon) if item["Id"] not in before]
            with daemon.calls("inspect") as client:
                told = client.inspect_container(container)
            mounts = shell(box, "cat /proc/self/mountinfo").stdout.decode()
            first = shell(box, "cat /proc/1/comm").stdout.decode()
        kept = hardening(told, provider._images.image(toolchain))
        assert [flag for flag, value in kept.items() if value is not True] == []
        assert [*kept] == flags_of_the_docs()
        for path, size in WRITABLE.items():
            (line,) = [line for line in mounts.splitlines() if f" {path} " in line]
            assert {"rw", "nosuid", "nodev"} <= set(line.split()[5].split(",")), line
            assert "noexec" not in line
            assert f"size={-(-size // 4096) * 4}k" in line, line
            assert f"nr_inodes={INODES}" in line, line
        assert "python" in first

    def test_processors_are_limited(self, provider: Docker, toolchain: str, daemon: Engine) -> None:
        before = {item["Id"] for item in mine(daemon)}
        with opened(provider, toolchain), daemon.calls("inspect") as client:
            (container,) = [item["Id"] for item in mine(daemon) if item["Id"] not in before]
            nano = client.inspect_container(container)["HostConfig"]["NanoCpus"]
        assert nano == min(2, daemon.facts.cpus) * 1_000_000_000

    def test_an_image_that_somebody_removed_is_built_again(
        self, provider: Docker, toolchain: str, daemon: Engine, tmp_path: Path
    ) -> None:
        template = tmp_path / "template.tar"
        template.write_bytes(os.urandom(20))
        image = provider._images.image(toolchain, template)
        with daemon.calls("remove") as client:
            client.remove_image(image, force=True)
            with opened(provider, toolchain, template=template) as box:
                assert shell(box, "cat /opt/template.tar").stdout == template.read_bytes()
            again = provider._images.image(toolchain, template)
            assert until(lambda: again not in [item["ImageID"] for item in mine(daemon)])
            client.remove_image(again, force=True)

    @at_a_socket
    def test_nothing_is_built_with_a_network(
        self, store: Store, toolchain: str, provider: Docker, tmp_path: Path
    ) -> None:
        plain = provider._images.image(toolchain)
        template = tmp_path / "template.tar"
        template.write_bytes(os.urandom(20))
        with way_to_daemon(tmp_path) as way:
            environ = {**os.environ, "DOCKER_HOST": way.address}
            daemon = Engine(environ)
            made = kinds.images(daemon, store, ROOT / "toolchains", environ, print).image(toolchain, template)
            assert made != plain
            built = [line for line in way.asked if line.startswith("POST ") and "/build?" in line]
            with daemon.calls("remove") as client:
                client.remove_image(made, force=True)
        assert len(built) == 1
        assert "networkmode=none" in re.split("[?& ]", built[0])

    def test_files_are_limited_in_number(self, provider: Docker, toolchain: str) -> None:
        code = f"""
import os
os.chdir("/tmp")
n = 0
try:
    while n < {INODES} + 100: os.close(os.open(str(n), os.O_CREAT)); n += 1
except OSError as e: print(n, e.strerror)
"""
        with opened(provider, toolchain) as box:
            number, said = answer(box, code, 60.0).split(" ", 1)
        assert said == "No space left on device"
        assert INODES - 10 < int(number) <= INODES

    def test_no_setuid_program_is_there_and_packages_are_the_locked_ones(
        self, provider: Docker, toolchain: str, store: Store
    ) -> None:
        with opened(provider, toolchain) as box:
            assert shell(box, "find / -xdev -perm /6000 -type f", 60.0).stdout == b""
            inside = set(answer(box, PACKAGES).split())
            compiled = "import fastapi, os; print(os.path.getsize(fastapi.__cached__) > 0)"
            assert answer(box, compiled) == "True"
        locked = (ROOT / "toolchains" / toolchain / "requirements.txt").read_text()
        wanted = {
            f"{re.sub(r'[._-]+', '-', name).lower()}=={version}"
            for name, version in re.findall(r"^([\w.-]+)==([^ ]+)", locked, re.MULTILINE)
        }
        assert inside <= wanted
        assert len(inside) > len(wanted) - 8

    def test_an_image_is_built_once(self, daemon: Engine, store: Store, toolchain: str, provider: Docker) -> None:
        with opened(provider, toolchain):
            pass
        said: list[str] = []
        again = kinds.images(daemon, store, ROOT / "toolchains", os.environ, said.append)
        assert again.image(toolchain) == kinds.images(daemon, store, ROOT / "toolchains", os.environ, print).image(
            toolchain
        )
        assert said == []

    def test_it_has_the_runtime_that_was_asked_for(self, store: Store, toolchain: str, daemon: Engine) -> None:
        before = {item["Id"] for item in mine(daemon)}
        named = kinds.make("docker", store, ROOT / "toolchains", os.environ, print, runtime="runc")
        assert isinstance(named, Docker)
        with opened(named, toolchain), daemon.calls("look") as client:
            (container,) = [item["Id"] for item in mine(daemon) if item["Id"] not in before]
            assert client.inspect_container(container)["HostConfig"]["Runtime"] == "runc"

    def test_its_labels_say_whose_it_is(self, provider: Docker, store: Store, toolchain: str, daemon: Engine) -> None:
        before = {item["Id"] for item in mine(daemon)}
        lab = SandboxLab(provider, Services(provider, store, toolchain)).labelled("a-trial")
        with lab.services(("postgres",)), lab.sandbox(SandboxSpec(role="judge", toolchain=toolchain)):
            whose = [item["Labels"] for item in mine(daemon) if item["Id"] not in before]
        assert sorted(labels[f"{OWNER}.role"] for labels in whose) == ["judge", "services"]
        assert {(labels[f"{OWNER}.run"], labels[f"{OWNER}.trial"]) for labels in whose} == {("a-run", "a-trial")}

    def test_closing_leaves_no_container(self, provider: Docker, toolchain: str, daemon: Engine) -> None:
        before = len(mine(daemon))
        for _ in range(3):
            with opened(provider, toolchain) as box:
                shell(box, "setsid sleep 60 & true", step=1)
        assert until(lambda: len(mine(daemon)) == before)


# --- whose container it is ----------------------------------------------------------------------------------------


def test_a_lease_is_dead_only_when_its_process_surely_is() -> None:
    mine_now = lease()
    host, boot, namespace, pid, started = mine_now.split("/")
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert not dead(mine_now)
    assert dead("/".join((host, boot, namespace, str(gone.pid), "1")))
    assert dead("/".join((host, boot, namespace, pid, str(int(started) + 1))))
    assert dead("/".join((host, "an-earlier-boot", namespace, pid, started)))
    assert not dead("/".join(("another-host", "another-boot", namespace, "1", "1")))
    assert not dead("/".join((host, boot, "another-namespace", str(gone.pid), "1")))
    for odd in ("", "x", "/".join((host, boot, namespace, "x", "1")), mine_now + "/more"):
        assert not dead(odd)


HARNESS = """
import os, sys, time
from pathlib import Path
from harness.core.deadline import Deadline
from harness.core.ports import SandboxSpec
from harness.sandboxes import kinds
from harness.sandboxes.leases import lease
from harness.sandboxes.toolchain import Store
root = Path({root!r})
store = Store(Path({store!r}), root / "toolchains")
box = kinds.make("docker", store, root / "toolchains", os.environ, print).open(
    SandboxSpec(role="judge", toolchain={toolchain!r}), Deadline(60.0))
box.start(["setsid", "sleep", "300"]); print(lease(), flush=True); time.sleep(300)
"""


class TestReaper:
    pytestmark = with_daemon

    def test_a_killed_harness_leaves_nothing_after_the_next_start(
        self, daemon: Engine, provider: Docker, store: Store, toolchain: str
    ) -> None:
        code = HARNESS.format(root=str(ROOT), store=str(store.root), toolchain=toolchain)
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT) as harness:
            assert harness.stdout is not None
            its = harness.stdout.readline().decode().strip()
            with daemon.calls("look") as client:
                (container,) = [item for item in held(client) if item["Labels"][LEASE] == its]
                assert container["State"] == "running"
                assert container["Id"][:12] not in reap(client)
                harness.kill()
                harness.wait()
                # Its input was closed with its harness's connection: it ends before anybody looks for it.
                assert until(lambda: client.inspect_container(container["Id"])["State"]["Status"] == "exited")
        with opened(provider, toolchain) as box:
            kinds.make("docker", store, ROOT / "toolchains", os.environ, print)
            with daemon.calls("look") as client:
                assert its not in [item["Labels"][LEASE] for item in held(client)]
            assert shell(box, "echo alive").stdout == b"alive\n"

    def test_a_harness_that_ends_takes_what_it_left_open_along(
        self, daemon: Engine, store: Store, toolchain: str, provider: Docker
    ) -> None:
        code = HARNESS.format(root=str(ROOT), store=str(store.root), toolchain=toolchain)
        code = code.replace("time.sleep(300)", "sys.stdin.readline()")
        foreign = {item["Id"] for item in mine(daemon)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with opened(provider, toolchain) as other:
            with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes) as harness:
                assert harness.stdout is not None
                assert harness.stdin is not None
                its = harness.stdout.readline().decode().strip()
                with daemon.calls("look") as client:
                    assert [item["State"] for item in held(client) if item["Labels"][LEASE] == its] == ["running"]
                    harness.stdin.write(b"go\n")
                    harness.stdin.flush()
                    assert harness.wait(30.0) == 0
                    assert [item for item in held(client) if item["Labels"][LEASE] == its] == []
            assert shell(other, "echo alive").stdout == b"alive\n"
            assert {item["Id"] for item in mine(daemon)} >= foreign

    def test_only_what_the_labels_say_is_removed(self, daemon: Engine, provider: Docker, toolchain: str) -> None:
        image = provider._images.image(toolchain)
        leases = {"live": lease(), "abroad": "another-host/b/1/1/1", "dead": lease().rsplit("/", 1)[0] + "/1"}
        with daemon.calls("make") as client:
            made = {
                name: client.create_container(image, ["true"], labels={LEASE: its})["Id"]
                for name, its in leases.items()
            }
            made["foreign"] = client.create_container(image, ["true"], labels={"other": "label"})["Id"]
            try:
                assert reap(client) == [made["dead"][:12]]
                left = {item["Id"] for item in client.containers(all=True)}
                assert {name for name, container in made.items() if container in left} == {"live", "abroad", "foreign"}
            finally:
                for name in ("live", "abroad", "foreign"):
                    client.remove_container(made[name], force=True)


# --- the door of a container --------------------------------------------------------------------------------------

CALL = """
import socket
from contextlib import closing
with closing(socket.create_connection(("127.0.0.1", 7000), 5.0)) as s: s.sendall(b"hello"); print(s.recv(99))
"""
ANSWER = """
import socket
with socket.create_server(("127.0.0.1", 7001)) as s:
    print("ready", flush=True); c = s.accept()[0]; c.sendall(c.recv(99))
"""


def heard(provider: Docker, toolchain: str) -> tuple[str, list[bool]]:
    """(what a client hears from a server in another container, whether each of the two handed over)."""
    with opened(provider, toolchain) as server:
        relays = {7000: lambda: (server, Address(port=7001))}
        with opened(provider, toolchain, relays=relays) as client:
            assert server.start(["python", "-I", "-c", ANSWER]).read_line(Deadline(10.0)) == b"ready"
            return answer(client, CALL), [server.hands_over, client.hands_over]


class Nowhere(Door):
    """A door as in another machine's file system: nothing is behind it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        (self.folder / NAME).unlink()


class Unbound(Door):
    """A door that the daemon cannot even find, which refuses to bind it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        shutil.rmtree(self.folder)


@at_a_socket
class TestDoor:
    pytestmark = with_daemon

    def test_it_opens_once_and_leaves_an_empty_place(self, provider: Docker, toolchain: str) -> None:
        assert provider._doors is not None
        root = provider._doors._root
        with opened(provider, toolchain) as box:
            assert box.hands_over
            assert [path.name for path in root.iterdir()] == [OWNER_FILE]
            seen = shell(box, f"ls -A {INSIDE}; touch {INSIDE}/x 2>&1; rmdir {INSIDE} 2>&1; grep {INSIDE} /proc/mounts")
            code = f"""
import socket
try: socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect("{INSIDE}/{NAME}")
except OSError as error: print(type(error).__name__)
"""
            assert answer(box, code) == "FileNotFoundError"
        refused, kept, mount = seen.stdout.decode().splitlines()
        assert "cannot touch" in refused
        assert "cannot remove" in kept or "failed to remove" in kept
        assert "ro" in mount.split()[3].split(",")
        provider._doors.close()
        assert not root.exists()

    def test_containers_of_one_daemon_here_hand_over(self, provider: Docker, toolchain: str) -> None:
        assert heard(provider, toolchain) == ("b'hello'", [True, True])

    @pytest.mark.parametrize("door", [Nowhere, Unbound])
    def test_a_door_that_leads_nowhere_is_done_without(
        self, provider: Docker, toolchain: str, door: type[Door], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doors, "Door", door)
        assert heard(provider, toolchain) == ("b'hello'", [False, False])
        assert provider._doors is None

    def test_once_they_hand_over_one_that_does_not_is_no_sandbox(
        self, provider: Docker, toolchain: str, daemon: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with opened(provider, toolchain) as box:
            assert box.hands_over
        before = {item["Id"] for item in mine(daemon)}
        monkeypatch.setattr(doors, "Door", Nowhere)
        with pytest.raises(Failure, match="did not come through its door") as failed, opened(provider, toolchain):
            pass
        assert failed.value.cause is Cause.SANDBOX
        assert until(lambda: {item["Id"] for item in mine(daemon)} <= before)

    def test_where_no_door_can_be_made_the_attempt_fails(
        self, provider: Docker, toolchain: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with opened(provider, toolchain):
            pass
        assert provider._doors is not None
        monkeypatch.setattr(provider._doors, "_root", Path("/nonexistent"))
        with pytest.raises(Failure, match="make a door for a container: No such file") as failed:
            provider.open(SandboxSpec(role="judge", toolchain=toolchain), Deadline(60.0))
        assert failed.value.cause is Cause.SANDBOX

    def test_without_shared_memory_connections_are_relayed(
        self, store: Store, toolchain: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doors, "ROOT", Path("/nonexistent"))
        provider = kinds.make("docker", store, ROOT / "toolchains", os.environ, print)
        assert isinstance(provider, Docker)
        assert heard(provider, toolchain) == ("b'hello'", [False, False])


# --- how it fails -------------------------------------------------------------------------------------------------


@pytest.mark.sandbox
@pytest.mark.skipif("docker" not in KINDS, reason="no Docker daemon answers at DOCKER_HOST")
@at_a_socket
def test_a_daemon_that_dies_makes_the_attempt_fail_and_stops_nobody(
    store: Store, toolchain: str, tmp_path: Path
) -> None:
    with way_to_daemon(tmp_path) as way:
        environ = {**os.environ, "DOCKER_HOST": way.address}
        provider = kinds.make("docker", store, ROOT / "toolchains", environ, print)
        box = provider.open(SandboxSpec(role="judge", toolchain=toolchain), Deadline(60.0))
        process = box.start(["sleep", "60"])
        threading.Timer(0.3, way.cut).start()
        began = time.monotonic()
        with pytest.raises(Failure) as failed:
            process.wait(Deadline(30.0))
        assert failed.value.cause == Cause.SANDBOX
        with pytest.raises(Failure):
            shell(box, "true")
        box.close()
        with pytest.raises(Failure) as failed:
            provider.open(SandboxSpec(role="judge", toolchain=toolchain), Deadline(60.0))
        assert failed.value.cause == Cause.SANDBOX
        assert time.monotonic() - began < 10.0


def runs(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """`harness run` as a user starts it."""
    return subprocess.run(
        [sys.executable, "-m", "harness", "run", "--sandbox", "docker", *map(str, arguments)],
        env={**os.environ, **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )


def test_no_run_begins_on_an_old_daemon_or_on_none(tmp_path: Path) -> None:
    asked = ("--tasks", "bookings-crud", "--agents", "noop", "--results", tmp_path / "results")
    with a_daemon(ApiVersion="1.40", Version="19.03.1") as environ:
        old = runs(*asked, **environ)
    none = runs(*asked, DOCKER_HOST="unix:///nonexistent.sock")
    for done, why in ((old, "too old: 19.03.1 (API 1.40)"), (none, "no Docker daemon answers: No such file")):
        assert (done.returncode, done.stdout) == (2, "")
        assert why in done.stderr
        assert "mend:" in done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("results/*/run.json")) == []


class _Daemon(http.server.BaseHTTPRequestHandler):
    """Answers as a daemon would to whoever asks what it is."""

    said: dict[str, object]

    def do_GET(self) -> None:
        version = {"Version": "1.0", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}
        info = {"NCPU": 1, "MemoryLimit": True, "PidsLimit": True, "CpuCfsQuota": True, "Architecture": "x86_64"}
        info |= {"Driver": "vfs", "SecurityOptions": ["name=seccomp,profile=default"]}
        self._answer(200, [] if "/containers/json" in self.path else {**version, **info, **self.said})

    def do_POST(self) -> None:
        """Its disk is full: nothing can be made."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(500, {"message": "open /var/lib/docker/tmp/x: no space left on device"})

    def _answer(self, status: int, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def a_daemon(**said: object) -> Iterator[dict[str, str]]:
    """The environment of whoever talks to a daemon that says this of itself."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Said", (_Daemon,), {"said": said})) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield {"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_address[1]}"}
        finally:
            server.shutdown()
            thread.join()


def test_a_daemon_that_is_fit_is_taken() -> None:
    with a_daemon() as environ:
        facts = Engine(environ).facts
    assert (facts.api, facts.limits["memory"], facts.seccomp, facts.rootless) == ("1.41", True, True, False)


class _Image:
    """An image that is there already."""

    def image(self, toolchain: str, template: Path | None = None) -> str:
        return "sha256:0"


def test_a_daemon_whose_disk_is_full_fails_the_attempt_and_says_so() -> None:
    with a_daemon() as environ:
        provider = Docker(Engine(environ), cast(Images, _Image()))
        with pytest.raises(Failure, match=r"start a container: .*no space left on device") as failed:
            provider.open(SandboxSpec(role="agent", toolchain="any"), Deadline(10.0))
    assert failed.value.cause is Cause.SANDBOX


def test_a_runtime_that_the_daemon_has_not_is_refused(store: Store) -> None:
    with a_daemon(Runtimes={"runc": {}}) as environ:
        engine = Engine(environ)
        engine.check_runtime("runc")
        engine.check_runtime("")
        with pytest.raises(UsageError, match="no runtime runsc, only runc"):
            kinds.make("auto", store, ROOT / "toolchains", environ, print, runtime="runsc")
    with pytest.raises(UsageError, match="only containers"):
        kinds.make("bubblewrap", store, ROOT / "toolchains", {}, print, runtime="runsc")


@pytest.fixture
def gvisor(store: Store, daemon: Engine) -> Docker:
    if "runsc" not in daemon.facts.runtimes:
        pytest.skip("this daemon has no gVisor")
    named = kinds.make("docker", store, ROOT / "toolchains", os.environ, print, runtime="runsc")
    assert isinstance(named, Docker)
    return named


@pytest.mark.skipif("docker" not in KINDS, reason="no Docker daemon answers at DOCKER_HOST")
class TestGvisor:
    """It knows no limit on message queues, by which commands are told apart elsewhere."""

    def test_a_command_ends_with_what_it_started(self, gvisor: Docker, toolchain: str) -> None:
        with opened(gvisor, toolchain) as box:
            assert shell(box, "echo $((6 * 7))").stdout == b"42\n"
            ended = box.run(["sh", "-c", "setsid sleep 600 & sleep 600"], deadline=Deadline(2.0))
            assert ended.timed_out
            assert b"sleep" not in shell(box, "cat /proc/[0-9]*/cmdline").stdout.replace(b"cat", b"")

    def test_one_command_is_killed_and_another_goes_on(self, gvisor: Docker, toolchain: str) -> None:
        with opened(gvisor, toolchain) as box:
            box.start(["sleep", "500"])
            assert box.run(["sleep", "600"], deadline=Deadline(2.0)).timed_out
            left = shell(box, "cat /proc/[0-9]*/cmdline").stdout
            assert b"500" in left
            assert b"600" not in left

    def test_who_is_traced_by_process_1_does_not_end_it(self, gvisor: Docker, toolchain: str) -> None:
        traced = "import ctypes, os; ctypes.CDLL(None).ptrace(0, 0, 0, 0); os.kill(os.getpid(), 10)"
        with opened(gvisor, toolchain) as box:
            assert box.run(["python3", "-c", traced], deadline=Deadline(20.0)).exit_code != 0
            assert shell(box, "echo alive").stdout == b"alive\n"

    def test_a_wall_that_is_down_is_named(self, gvisor: Docker, toolchain: str) -> None:
        with opened(gvisor, toolchain) as box:
            open_to_all = shell(box, "exec 9>/proc/1/fd/1").exit_code == 0
        if not open_to_all:
            pytest.skip("this gVisor keeps its process 1 closed")
        with pytest.raises(UsageError, match=r"does not isolate: .*process 1: it can"):
            prove(gvisor, toolchain)


def test_an_old_daemon_is_refused_with_its_version() -> None:
    with a_daemon(ApiVersion="1.40", Version="19.03.1") as environ, pytest.raises(UsageError) as refused:
        Engine(environ)
    assert "too old: 19.03.1 (API 1.40)" in refused.value.message
    assert "20.10" in refused.value.mend
    assert refused.value.where == f"DOCKER_HOST {environ['DOCKER_HOST']}"


def test_a_daemon_without_a_call_filter_is_refused() -> None:
    with (
        a_daemon(SecurityOptions=["name=apparmor"]) as environ,
        pytest.raises(UsageError, match="filters no system calls"),
    ):
        Engine(environ)


@pytest.mark.parametrize("host", ["unix:///nonexistent.sock", "tcp://127.0.0.1:9"])
def test_no_daemon_is_told_with_a_mend(host: str) -> None:
    with pytest.raises(UsageError) as refused:
        Engine({"DOCKER_HOST": host})
    assert re.match(r"no Docker daemon answers: (No such file or directory|Connection refused)$", refused.value.message)
    assert "--sandbox bubblewrap" in refused.value.mend


def test_a_daemon_that_never_answers_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "ASK_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(UsageError, match="no Docker daemon answers"):
        Engine({"DOCKER_HOST": f"tcp://127.0.0.1:{silent.getsockname()[1]}"})


def test_auto_takes_the_weaker_only_aloud(store: Store) -> None:
    said: list[str] = []
    environ = {"DOCKER_HOST": "unix:///nonexistent.sock"}
    assert kinds.make("auto", store, ROOT / "toolchains", environ, said.append).kind == "bubblewrap"
    assert said == ["sandboxes: bubblewrap, because no Docker daemon answers: No such file or directory"]


class TestBase:
    pytestmark = with_daemon
    NOWHERE = "127.0.0.1:9/nothing:1"

    def test_auto_without_a_base_takes_bubblewrap_aloud(self, store: Store) -> None:
        said: list[str] = []
        environ = {**os.environ, kinds.BASE: self.NOWHERE}
        assert kinds.make("auto", store, ROOT / "toolchains", environ, said.append).kind == "bubblewrap"
        assert said == [
            f"sandboxes: bubblewrap, because the Docker daemon does not hold the base image {self.NOWHERE} "
            f"(docker pull {self.NOWHERE})"
        ]

    def test_a_base_that_cannot_be_had_is_told(self, daemon: Engine, store: Store, toolchain: str) -> None:
        with pytest.raises(UsageError) as refused:
            Images(daemon, store, ROOT / "toolchains", self.NOWHERE).image(toolchain)
        assert f"the base image {self.NOWHERE} is not there and cannot be fetched" in refused.value.message
        assert "HARNESS_DOCKER_BASE" in refused.value.mend

    def test_a_base_without_python_is_told(self, daemon: Engine, store: Store, toolchain: str, tmp_path: Path) -> None:
        folder = tmp_path / toolchain
        folder.mkdir()
        source = ROOT / "toolchains" / toolchain
        (folder / "requirements.txt").write_bytes((source / "requirements.txt").read_bytes())
        dockerfile = (source / "Dockerfile").read_text().replace("bash git make", "bash git no-such-program make")
        (folder / "Dockerfile").write_text(dockerfile)
        base = kinds.images(daemon, store, ROOT / "toolchains", os.environ, print).base
        with pytest.raises(UsageError, match="the base has no no-such-program"):
            Images(daemon, store, tmp_path, base).image(toolchain)


# --- the call filter, on paper ------------------------------------------------------------------------------------


def allowed(name: str, *arguments: int) -> bool:
    """What an engine makes of the profile for one call."""
    for rule in json.loads(profile())["syscalls"]:
        if name in rule["names"] and all(
            arguments[test["index"]] & test["value"] == test["valueTwo"] for test in rule.get("args", [])
        ):
            return bool(rule["action"] == "SCMP_ACT_ALLOW")
    return False


def test_the_profile_says_what_the_filter_says() -> None:
    for name in (*seccomp.REFUSED, *seccomp.UNKNOWN):
        assert not allowed(name, 0, 0), name
    assert all(allowed(name) for name in KNOWN.split())
    unknown = [rule for rule in json.loads(profile())["syscalls"] if rule.get("errnoRet") == seccomp.ENOSYS]
    assert [rule["names"] for rule in unknown] == [sorted(seccomp.UNKNOWN)]


def test_conditions_hold_bit_by_bit() -> None:
    for family in range(64):
        assert allowed("socket", family) == (family in seccomp.FAMILIES)
        assert allowed("socket", family | 1 << 40) == (family in seccomp.FAMILIES)
    for bit in range(32):
        assert allowed("clone", 1 << bit | 17) == (not seccomp.NAMESPACES >> bit & 1)
    for request in (*range(0x5300, 0x5600), 0, 0xFFFFFFFF, *(seccomp.TIOCSTI ^ 1 << bit for bit in range(32))):
        refused = request in (seccomp.TIOCSTI, seccomp.TIOCLINUX)
        assert allowed("ioctl", 0, request) == (not refused), hex(request)
        assert allowed("ioctl", 0, request | 1 << 35) == (not refused), hex(request)


def test_no_call_of_the_kernel_is_forgotten() -> None:
    headers = (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h"))
    if not any(path.is_file() for path in headers):
        pytest.skip("the kernel's headers are not installed")
    listed = {*KNOWN.split(), *seccomp.REFUSED, *seccomp.UNKNOWN, "clone", "socket", "ioctl"}
    for path in headers:
        pattern = r"#define __NR(?:3264)?_(\w+)\s+(\d+)"
        names = {match[1] for match in re.finditer(pattern, path.read_text()) if int(match[2]) <= seccomp.NEWEST}
        names = {name for name in names if not name.endswith("time64")}
        assert names - listed - {"syscalls", "arch_specific_syscall"} == set()


# --- wheels -------------------------------------------------------------------------------------------------------


def test_requirements_of_some_patch_versions_are_found_with_their_hashes() -> None:
    text = (
        "a==1 \\\n    --hash=sha256:11 \\\n    --hash=sha256:12\n    # via b\n"
        "b==2 ; python_full_version < '3.11.3' \\\n    --hash=sha256:21 \\\n    --hash=sha256:22\n    # via a\n"
        "c==3 ; sys_platform == 'win32' \\\n    --hash=sha256:31\n"
    )
    (found,) = PATCH_BOUND.findall(text)
    assert PATCH_MARKER.sub("", found) == "b==2 \\\n    --hash=sha256:21 \\\n    --hash=sha256:22\n"
