"""`harness doctor` and `harness clean`: each failure with its cost and its mend, on machines made for the purpose."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import KINDS, ROOT

from harness import doctor
from harness.doctor import Finding, Machine
from harness.sandboxes import bubblewrap, doors, engine, images, kinds
from harness.sandboxes.leases import lease, started
from harness.sandboxes.limits import PARENT
from harness.sandboxes.toolchain import Store

NO_DAEMON = "unix:///nonexistent.sock"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that has everything but a daemon and built toolchains."""
    proc = tmp_path / "proc"
    files = {
        "meminfo": "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n",
        "sys/user/max_user_namespaces": "9999\n",
        "sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
        "sys/kernel/seccomp/actions_avail": "kill_process errno allow\n",
    }
    for name, content in files.items():
        (proc / name).parent.mkdir(parents=True, exist_ok=True)
        (proc / name).write_text(content)
    for controller in ("memory", "pids", "cpu"):
        (tmp_path / "groups" / controller).mkdir(parents=True)
        (tmp_path / "groups" / controller / "cgroup.procs").touch()
    environ = {"HARNESS_STORE": str(tmp_path / "store"), "DOCKER_HOST": NO_DAEMON}
    return Machine(ROOT / "toolchains", environ, proc, tmp_path / "groups")


def only(findings: object) -> Finding:
    (finding,) = list(findings)  # type: ignore[call-overload]
    return finding  # type: ignore[no-any-return]


def test_a_fit_machine_has_nothing_to_mend(machine: Machine) -> None:
    findings = [doctor.memory(machine), doctor.clock(machine), doctor.call_filter(machine)]
    findings += [*doctor.namespaces(machine), doctor.control_groups(machine)]
    assert {finding.state for finding in findings} == {"ok"}
    assert [finding.mend for finding in findings] == [""] * 6
    assert findings[-1].seen == "cpu: cgroup v1, memory: cgroup v1, processes: cgroup v1"


def test_no_control_groups_are_told_with_their_cost(machine: Machine) -> None:
    finding = doctor.control_groups(replace(machine, groups=machine.groups / "none"))
    assert (finding.state, finding.seen) == ("warning", "none can be made by this user")
    assert "cpu not at all" in finding.cost
    assert "use docker" in finding.mend


def test_a_limit_that_groups_cannot_keep_is_named(machine: Machine) -> None:
    shutil.rmtree(machine.groups / "cpu")
    assert doctor.control_groups(machine).seen == "cpu: not kept, memory: cgroup v1, processes: cgroup v1"


def stored_at(machine: Machine, place: Path) -> Machine:
    return replace(machine, environ={**machine.environ, "HARNESS_STORE": str(place)})


def test_a_full_disk_is_told_with_what_to_free(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert next(doctor.disk(machine)).name == "disk"
    monkeypatch.setattr(doctor, "DISK", 1 << 60)
    finding = next(doctor.disk(machine))
    assert (finding.state, finding.cost) == ("warning", "building a toolchain or its image may fail half way")
    assert "HARNESS_STORE" in finding.mend


def test_a_store_that_cannot_be_written_fails(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, seen in (("/proc/sys/store", "/proc/sys cannot be written"), (tmp_path / "file", "is no folder")):
        finding = next(doctor.disk(stored_at(machine, Path(place))))
        assert (finding.state, finding.cost) == ("failed", "no toolchain can be built")
        assert finding.seen.endswith(seen)
        assert "HARNESS_STORE" in finding.mend
        assert not doctor.works([finding, Finding("bubblewrap: probes", "ok", "")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands sandboxes to another user")
def test_a_store_that_others_may_not_enter_is_named(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir(mode=0o700)
    found = {finding.name: finding for finding in doctor.disk(machine)}
    assert found["store"].cost == "bubblewrap opens no sandbox"
    assert "open to all" in found["store"].mend


def test_a_clock_that_is_behind_is_told(machine: Machine, tmp_path: Path) -> None:
    written = tmp_path / "toolchains"
    written.mkdir()
    os.utime(written, (time.time() + 100_000, time.time() + 100_000))
    finding = doctor.clock(replace(machine, toolchains=written))
    assert (finding.state, finding.mend) == ("warning", "set the clock")
    assert "is before this program was written" in finding.seen
    assert "certificate" in finding.cost


@pytest.mark.parametrize(
    ("name", "content", "mend"),
    [
        ("sys/user/max_user_namespaces", "0", "as root: sysctl user.max_user_namespaces=10000"),
        (
            "sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ],
)
def test_a_switch_that_refuses_namespaces_is_named(machine: Machine, name: str, content: str, mend: str) -> None:
    (machine.proc / name).write_text(f"{content}\n")
    warned = [finding for finding in doctor.namespaces(machine) if finding.state == "warning"]
    assert [(finding.mend, finding.cost) for finding in warned] == [(mend, "bubblewrap opens no sandbox")]


def test_a_kernel_without_namespaces_is_told(machine: Machine) -> None:
    finding = only(doctor.namespaces(replace(machine, proc=machine.proc / "none")))
    assert (finding.state, finding.mend) == ("warning", "use docker")


def test_a_kernel_without_a_call_filter_fails(machine: Machine) -> None:
    (machine.proc / "sys/kernel/seccomp/actions_avail").unlink()
    assert doctor.call_filter(machine).state == "failed"


def test_little_memory_is_told_with_its_cost(machine: Machine) -> None:
    (machine.proc / "meminfo").write_text("MemAvailable: 500000 kB\n")
    finding = doctor.memory(machine)
    assert (finding.state, finding.mend) == ("warning", "run with --jobs 1, or close other programs")


def test_a_toolchain_is_built_or_will_be(machine: Machine) -> None:
    before = {finding.name: finding.state for finding in doctor.toolchains(machine)}
    assert before == {"toolchain: judge": "warning", "toolchain: python-fastapi": "warning"}
    (machine.store.root / "toolchains" / machine.store.digest("judge")[:20]).mkdir(parents=True)
    after = {finding.name: finding.state for finding in doctor.toolchains(machine)}
    assert after == {"toolchain: judge": "ok", "toolchain: python-fastapi": "warning"}


def test_what_a_broken_off_build_left_is_found_and_removed(machine: Machine) -> None:
    old = machine.store.root / "toolchains" / ".abc.building"
    young = machine.store.root / "toolchains" / ".def.building"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "wheel").write_text("half")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    assert f"folder {old}" in told(doctor.leftovers(machine))
    assert f"folder {old}" in doctor.removable(machine)
    assert (old.exists(), young.exists()) == (True, True)
    assert f"folder {old}" in doctor.clean(machine)
    assert (old.exists(), young.exists()) == (False, True)
    assert f"folder {old}" not in told(doctor.leftovers(machine))


def test_doors_of_a_dead_harness_are_found_and_removed(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "ROOT", tmp_path)
    gone, own = tmp_path / f"{doors.PREFIX}gone", tmp_path / f"{doors.PREFIX}own"
    for folder, whose in ((gone, lease().rsplit("/", 1)[0] + "/1"), (own, lease())):
        folder.mkdir()
        (folder / doors.OWNER).write_text(whose)
    assert f"folder {gone}" in told(doctor.leftovers(machine))
    assert f"folder {own}" not in doctor.removable(machine)
    assert f"folder {gone}" in doctor.clean(machine)
    assert (gone.exists(), own.exists()) == (False, True)


def told(finding: Finding) -> list[str]:
    """What a finding lists. Other tests of this machine may leave and sweep things of their own meanwhile."""
    return finding.seen.split(", ")


def test_control_groups_of_a_dead_harness_are_found_and_removed_and_others_kept(machine: Machine) -> None:
    parent = machine.groups / "memory" / PARENT
    gone, alive = parent / "4194305-1-1", parent / f"{os.getpid()}-{started(os.getpid())}-1"
    for folder in (gone, alive):
        folder.mkdir(parents=True)
    finding = doctor.leftovers(machine)
    assert (finding.state, finding.mend) == ("warning", "harness clean")
    assert f"control group {gone}" in told(finding)
    assert f"control group {gone}" in doctor.clean(machine)
    assert (gone.exists(), alive.exists()) == (False, True)


@pytest.mark.sandbox
def test_bubblewrap_of_a_dead_harness_is_found_and_ended_and_others_kept(machine: Machine, store: Store) -> None:
    ours = lease()
    owners = {"dead": ours.rsplit("/", 1)[0] + "/1", "living": ours, "abroad": "another-machine/x/y/1/1"}
    argv = [str(store.bubblewrap()), "--ro-bind", "/", "/", "--die-with-parent", "sleep", "60"]
    with ExitStack() as stack:
        processes = {}
        for name, owner in owners.items():
            processes[name] = stack.enter_context(
                subprocess.Popen(argv, env={bubblewrap.MARK: owner, "PATH": "/usr/bin:/bin"})
            )
            stack.callback(processes[name].kill)
        dead = f"process {processes['dead'].pid} of bubblewrap"
        end = time.monotonic() + 10
        while dead not in (listed := told(doctor.leftovers(machine))) and time.monotonic() < end:
            time.sleep(0.05)
        assert dead in listed
        assert not [line for line in listed if str(processes["living"].pid) in line]
        assert dead in doctor.clean(machine)
        assert processes["dead"].wait(10.0) == -signal.SIGKILL
        assert (processes["living"].poll(), processes["abroad"].poll()) == (None, None)


OK, BAD = "ok", "failed"


@pytest.mark.parametrize(
    ("states", "works"),
    [
        ({"bubblewrap: probes": OK}, True),
        ({"bubblewrap: probes": OK, "docker": BAD}, True),
        ({"bubblewrap": BAD, "docker: probes": OK}, True),
        ({"bubblewrap": BAD}, False),
        ({"bubblewrap: probes": OK, "bubblewrap: network": BAD}, False),
        ({"bubblewrap": BAD, "docker": BAD}, False),
        ({"bubblewrap: probes": OK, "seccomp": BAD}, False),
        ({}, False),
    ],
)
def test_a_run_can_begin_where_one_kind_holds(states: dict[str, doctor.State], works: bool) -> None:
    findings = [Finding(name, state, "") for name, state in states.items()]
    assert doctor.works(findings) == works


def harness(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from harness.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **environ},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )


@pytest.mark.sandbox
def test_the_doctor_tries_a_live_sandbox_and_names_what_is_missing() -> None:
    done = harness("doctor", "--format", "json", DOCKER_HOST=NO_DAEMON)
    assert done.returncode == 0, done
    report = json.loads(done.stdout)
    findings = {finding["name"]: finding for finding in report["findings"]}
    assert report["works"] is True
    assert findings["bubblewrap: probes"]["seen"].startswith("10 of 10 hold: ordinary user")
    assert re.match(r"\d+\.\d+(\.\d+)? at /.*bwrap$", findings["bubblewrap"]["seen"])
    assert findings["kernel"]["seen"] == f"Linux {os.uname().release}"
    assert findings["docker"]["state"] == "warning"
    assert "No such file or directory" in findings["docker"]["seen"]
    assert "--sandbox bubblewrap" in findings["docker"]["mend"]
    for finding in report["findings"]:
        assert finding["state"] == "ok" or (finding["cost"] and finding["mend"]), finding


@pytest.mark.sandbox
def test_a_sandbox_that_does_not_open_fails_with_a_mend(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the store should be")
    finding = only(doctor._live(machine, "bubblewrap"))
    assert (finding.state, finding.cost) == ("failed", "no run with --sandbox bubblewrap")
    assert "HARNESS_STORE" in finding.mend
    assert not doctor.works([finding])


@pytest.mark.sandbox
@pytest.mark.skipif("docker" not in KINDS, reason="no Docker daemon answers at DOCKER_HOST")
def test_the_doctor_finds_dead_containers_and_clean_removes_them_and_spares_the_living(machine: Machine) -> None:
    machine = replace(machine, environ={**os.environ, "HARNESS_STORE": machine.environ["HARNESS_STORE"]})
    daemon = engine.Engine(machine.environ)
    base = kinds.images(daemon, machine.store, ROOT / "toolchains", machine.environ, print).base
    ours = lease()
    with daemon.calls("make") as client:
        living, dead = (
            client.create_container(base, ["true"], labels={engine.LEASE: its})["Id"]
            for its in (ours, ours.rsplit("/", 1)[0] + "/1")
        )
        try:
            assert f"container {dead[:12]}" in doctor.leftovers(machine).seen
            assert dead[:12] in engine.reap(client)
            assert doctor.leftovers(machine).state == "ok"
            assert living in [item["Id"] for item in engine.held(client)]
        finally:
            client.remove_container(living, force=True)
    findings = {finding.name: finding.state for finding in doctor.sandboxes(replace(machine, environ=os.environ))}
    kinds_of = {"bubblewrap", "bubblewrap: probes", "docker", "docker: images", "docker: base", "docker: probes"}
    assert findings == dict.fromkeys(kinds_of, "ok")


class Tiny:
    """Three images of a few bytes and a container of each, on a daemon that nobody else uses."""

    def __init__(self, client: Any) -> None:
        self.client = client
        mine, other = lease(), "another-host/b/1/1/1"
        gone = mine.rsplit("/", 1)[0] + "/1"
        self.images = {
            "idle": self._image("idle", {images.TOOLCHAIN: "x"}),
            "busy": self._image("busy", {images.TOOLCHAIN: "x"}),
            "of the dead": self._image("dead", {images.TOOLCHAIN: "x"}),
            "foreign": self._image("foreign", {}),
        }
        self.containers = {
            "mine": self._container("busy", {engine.LEASE: mine}),
            "abroad": self._container("busy", {engine.LEASE: other}),
            "dead": self._container("of the dead", {engine.LEASE: gone}),
            "foreign": self._container("foreign", {}),
        }

    def _image(self, name: str, labels: dict[str, str]) -> str:
        text = f"FROM scratch\nCOPY Dockerfile /{name}\n".encode()
        for _ in self.client.build(fileobj=io.BytesIO(text), tag=f"tiny/{name}:1", labels=labels, decode=True):
            pass
        return str(self.client.inspect_image(f"tiny/{name}:1")["Id"])

    def _container(self, image: str, labels: dict[str, str]) -> str:
        return str(self.client.create_container(self.images[image], ["/x"], labels=labels)["Id"])

    def left(self) -> tuple[set[str], set[str]]:
        """(images, containers) that are there, by name."""
        there = {one["Id"] for one in self.client.images()}
        alive = {one["Id"] for one in self.client.containers(all=True)}
        return (
            {name for name, image in self.images.items() if image in there},
            {name for name, container in self.containers.items() if container in alive},
        )


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a daemon of our own: cleaning would take the images of other tests from under them."""
    place = tmp_path_factory.mktemp("dockerd")
    argv = ["dockerd", "--data-root", place / "data", "--exec-root", place / "exec", "--pidfile", place / "pid"]
    argv += ["--host", f"unix://{place}/docker.sock", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen([*argv, "--storage-driver=vfs"], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while not (place / "docker.sock").exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        yield f"unix://{place}/docker.sock"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.sandbox
@pytest.mark.skipif("docker" not in KINDS, reason="no Docker daemon answers at DOCKER_HOST")
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("dockerd") is None, reason="only root starts a daemon of its own")
def test_clean_removes_our_images_and_dead_containers_and_spares_all_else(machine: Machine, lonely: str) -> None:
    environ = {"DOCKER_HOST": lonely, "HARNESS_STORE": machine.environ["HARNESS_STORE"]}
    daemon = engine.Engine(environ)
    with daemon.calls("make") as client:
        tiny = Tiny(client)
        everything = tiny.left()
        assert everything == (set(tiny.images), set(tiny.containers))
        listed = next(doctor._images(replace(machine, environ=environ), daemon))
        assert listed.name == "docker: images"
        assert listed.seen.count("image tiny/") == 3
        assert "image tiny/idle:1 (0.00 GB with its base)" in listed.seen
        said = harness("clean", "--dry-run", **environ).stdout
        for word in (f"container {tiny.containers['dead'][:12]}", "image tiny/idle:1 (0.00 GB", "image tiny/dead:1 ("):
            assert f"would remove {word}" in said
        for word in ("busy", "foreign", tiny.containers["mine"][:12]):
            assert word not in said
        assert tiny.left() == everything
        done = harness("clean", **environ)
        assert done.returncode == 0, done
        assert sorted(line for line in done.stdout.splitlines() if "tiny" in line or "container" in line) == [
            f"removed container {tiny.containers['dead'][:12]}",
            "removed image tiny/dead:1 (0.00 GB with its base)",
            "removed image tiny/idle:1 (0.00 GB with its base)",
        ]
        assert tiny.left() == ({"busy", "foreign"}, {"mine", "abroad", "foreign"})
        assert "tiny" not in harness("clean", **environ).stdout
