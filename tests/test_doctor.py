"""`harness doctor` and `harness clean`: each failure with its cost and its mend, on machines made for the purpose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import KINDS, ROOT

from harness import doctor
from harness.doctor import Finding, Machine
from harness.sandboxes import engine, kinds
from harness.sandboxes.leases import lease

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
    environ = {"HARNESS_STORE": str(tmp_path / "store"), "DOCKER_HOST": NO_DAEMON}
    return Machine(ROOT / "toolchains", environ, proc)


def only(findings: object) -> Finding:
    (finding,) = list(findings)  # type: ignore[call-overload]
    return finding  # type: ignore[no-any-return]


def test_a_fit_machine_has_nothing_to_mend(machine: Machine) -> None:
    findings = [doctor.memory(machine), doctor.clock(machine), doctor.call_filter(machine)]
    findings += doctor.namespaces(machine)
    assert {finding.state for finding in findings} == {"ok"}
    assert [finding.mend for finding in findings] == [""] * 5


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
    assert doctor.leftovers(machine).seen == f"folder {old}"
    assert doctor.clean(machine) == [f"folder {old}"]
    assert (old.exists(), young.exists()) == (False, True)
    assert doctor.leftovers(machine).state == "ok"


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
    assert findings["bubblewrap: probes"]["seen"].startswith("9 of 9 hold: ordinary user")
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
    assert findings == {"bubblewrap: probes": "ok", "docker": "ok", "docker: base": "ok", "docker: probes": "ok"}
