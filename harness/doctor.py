"""What this machine can do, before money is spent: `harness doctor`, and `harness clean` for what was left on it.

Every finding says what it costs to leave it so, and how to mend it. A sandbox is judged by what it does: the isolation
probes run inside a live one of each kind.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from harness.core.errors import Failure, UsageError
from harness.sandboxes import bubblewrap, doors, images, kinds, limits
from harness.sandboxes import engine as engines
from harness.sandboxes.bubblewrap import MENDS, Bubblewrap
from harness.sandboxes.docker import Docker
from harness.sandboxes.engine import LEASE, Engine, held, reap
from harness.sandboxes.leases import dead
from harness.sandboxes.limits import NOT_KEPT, Groups
from harness.sandboxes.probes import Proven, probe
from harness.sandboxes.toolchain import Store, default_root

State = Literal["ok", "warning", "failed"]
DISK, MEMORY = 4_000_000_000, 3_000_000_000
"""Bytes that a toolchain with its image, and a trial with its judge, need."""
GB = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    seen: str
    cost: str = ""
    """What it costs to leave it so."""
    mend: str = ""


@dataclass(frozen=True)
class Machine:
    """What is looked at; every place can be another one."""

    toolchains: Path
    environ: Mapping[str, str]
    proc: Path = Path("/proc")
    groups: Path = limits.ROOT
    say: Callable[[str], None] = field(default=lambda _: None)

    @property
    def store(self) -> Store:
        return Store(default_root(dict(self.environ)), self.toolchains, self.say)

    def provider(self, kind: str) -> Docker | Bubblewrap:
        return kinds.make(kind, self.store, self.toolchains, self.environ, self.say)


def examine(machine: Machine) -> list[Finding]:
    """Everything, in the order in which it is shown."""
    # Looked for first: whoever opens a sandbox removes most of it.
    was_left = leftovers(machine)
    return [
        Finding("python", "ok", f"{platform.python_version()} on {platform.machine()}"),
        Finding("kernel", "ok", f"{platform.system()} {platform.release()}"),
        *disk(machine),
        memory(machine),
        clock(machine),
        *namespaces(machine),
        call_filter(machine),
        control_groups(machine),
        *toolchains(machine),
        *sandboxes(machine),
        was_left,
    ]


def works(findings: list[Finding]) -> bool:
    """Whether a run could begin: one kind of sandbox holds, and nothing failed that both need."""
    failed = {finding.name.partition(":")[0] for finding in findings if finding.state == "failed"}
    probed = {finding.name.partition(":")[0] for finding in findings if finding.name.endswith(": probes")}
    return bool(probed - failed) and failed <= {"bubblewrap", "docker"}


# --- the machine --------------------------------------------------------------------------------------------------


def disk(machine: Machine) -> Iterator[Finding]:
    """Room where toolchains are kept, and whether sandboxes may enter it."""
    root = machine.store.root
    place = next(folder for folder in (root, *root.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    seen = f"{free / GB:.1f} GB free for toolchains at {root}"
    mend = "set HARNESS_STORE to a folder that you may write"
    if root.exists() and not root.is_dir():
        yield Finding("disk", "failed", f"{root} is no folder", "no toolchain can be built", mend)
    elif not os.access(place, os.W_OK):
        yield Finding("disk", "failed", f"{place} cannot be written", "no toolchain can be built", mend)
    elif free < DISK:
        cost = "building a toolchain or its image may fail half way"
        yield Finding("disk", "warning", seen, cost, f"free {DISK / GB:.0f} GB, or set HARNESS_STORE to another disk")
    else:
        yield Finding("disk", "ok", seen)
    closed = machine.store.closed_folder()
    if os.geteuid() == 0 and closed is not None:
        mend = "set HARNESS_STORE to a folder that is open to all"
        yield Finding("store", "warning", f"other users may not enter {closed}", "bubblewrap opens no sandbox", mend)


def memory(machine: Machine) -> Finding:
    """Memory for one trial and its judge."""
    lines = dict(line.split(":", 1) for line in _text(machine.proc / "meminfo").splitlines() if ":" in line)
    free = int(lines.get("MemAvailable", "0 kB").split()[0]) * 1024
    cpus = os.cpu_count() or 1
    if not lines:
        return Finding("memory", "warning", "cannot be read here", "jobs may be chosen too high")
    seen = f"{free / GB:.1f} GB free, {cpus} processors"
    if free < MEMORY:
        cost = "trials may be ended by the machine's memory, and count as invalid"
        return Finding("memory", "warning", seen, cost, "run with --jobs 1, or close other programs")
    return Finding("memory", "ok", f"{seen}: at most --jobs {max(1, min(2 * cpus, int(free / MEMORY)))}")


def clock(machine: Machine) -> Finding:
    """A clock that stands before this program's own files is wrong."""
    newest = max(path.stat().st_mtime for path in (machine.toolchains, Path(__file__)))
    now = time.time()
    seen = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < newest - 86_400:
        cost = "a real API refuses its certificate, and prices are dated wrongly"
        return Finding("clock", "warning", f"{seen} is before this program was written", cost, "set the clock")
    return Finding("clock", "ok", seen)


def namespaces(machine: Machine) -> Iterator[Finding]:
    """The switches that refuse user namespaces; bubblewrap needs them, docker does not."""
    found = False
    for path, refusing, command in MENDS:
        switch = machine.proc / Path(path).relative_to("/proc")
        value = _text(switch).strip()
        found = found or bool(value)
        name = "apparmor" if "apparmor" in path else "user namespaces"
        if value == refusing:
            yield Finding(name, "warning", f"{path} is {value}", "bubblewrap opens no sandbox", f"as root: {command}")
        elif value:
            yield Finding(name, "ok", f"{path} is {value}")
    if not found:
        yield Finding("user namespaces", "warning", "this kernel has none", "bubblewrap opens no sandbox", "use docker")


def call_filter(machine: Machine) -> Finding:
    """Whether the kernel filters system calls."""
    actions = _text(machine.proc / "sys/kernel/seccomp/actions_avail").strip()
    if "errno" in actions:
        return Finding("seccomp", "ok", actions)
    return Finding(
        "seccomp",
        "failed",
        "this kernel filters no system calls",
        "sandboxes would reach more of the kernel than they may; none opens",
        "use a kernel with CONFIG_SECCOMP_FILTER, or a remote Docker daemon on one (DOCKER_HOST)",
    )


def control_groups(machine: Machine) -> Finding:
    """Whether this user may make control groups for bubblewrap's sandboxes."""
    group = Groups(machine.groups).make(100_000_000, 10)
    if group is None:
        cost = (
            "bubblewrap's memory limit is kept by watching, 40 ms late, processes by a limit per user, cpu not at all"
        )
        mend = "run in a delegated group (systemd-run --user --scope -p Delegate=yes ...), as root, or use docker"
        return Finding("cgroups", "warning", "none can be made by this user", cost, mend)
    kept = ", ".join(f"{name}: {how}" for name, how in ({"cpu": NOT_KEPT} | group.applied).items())
    group.remove()
    return Finding("cgroups", "ok", kept)


def toolchains(machine: Machine) -> Iterator[Finding]:
    """Which toolchains are built."""
    for name in _names(machine):
        folder = machine.store.root / "toolchains" / machine.store.digest(name)[:20]
        if folder.is_dir():
            yield Finding(f"toolchain: {name}", "ok", f"built at {folder}")
        else:
            cost = "the first run builds it: about a minute, with a connection to the package index"
            yield Finding(f"toolchain: {name}", "warning", "not built yet", cost, "nothing; or run `make eval` once")


def _names(machine: Machine) -> list[str]:
    return sorted(path.parent.name for path in machine.toolchains.glob("*/requirements.txt"))


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


# --- sandboxes ----------------------------------------------------------------------------------------------------


def sandboxes(machine: Machine) -> Iterator[Finding]:
    """Each kind, live."""
    yield from _version(machine)
    yield from _live(machine, "bubblewrap")
    try:
        engine = Engine(machine.environ)
    except UsageError as error:
        cost = "sandboxes are bubblewrap's: the system they see is this machine's /usr"
        yield Finding("docker", "warning", f"{error.message} ({error.where})", cost, error.mend)
        return
    facts = engine.facts
    yield Finding(
        "docker",
        "ok",
        f"{facts.version} (API {facts.api}), {facts.cgroup}, {facts.driver}, {facts.architecture}"
        f"{', rootless' if facts.rootless else ''} at {engine.address}",
    )
    for limit, had in facts.limits.items():
        if not had:
            cost = f"{limit} is limited by watching or by user only, or not at all"
            yield Finding(f"docker: {limit}", "warning", "the daemon cannot limit it", cost, "enable the cgroup")
    yield from _images(machine, engine)


def _version(machine: Machine) -> Iterator[Finding]:
    """Which bubblewrap it is; where there is none, the live try says why."""
    with suppress(OSError, UsageError):
        program = machine.store.bubblewrap()
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        yield Finding(
            "bubblewrap", "ok", f"{said.removeprefix('bubblewrap').strip() or 'of no known version'} at {program}"
        )


def _images(machine: Machine, engine: Engine) -> Iterator[Finding]:
    """The base, what was built and, where there is a base, the probes."""
    base = kinds.images(engine, machine.store, machine.toolchains, machine.environ, machine.say)
    try:
        with engine.calls("look for images") as client:
            built = [_image_in_words(image) for image in images.ours(client)]
        held_base = base.base_id()
    except Failure as failure:
        yield Finding("docker: base", "failed", failure.message, "no container opens", "restart the daemon")
        return
    yield Finding("docker: images", "ok", ", ".join(built) or "none built yet")
    if held_base is None:
        cost = "`--sandbox auto` takes bubblewrap; `--sandbox docker` fetches the base first, about 400 MB"
        mend = f"docker pull {base.base}, or set {kinds.BASE} to an image that the daemon holds"
        yield Finding("docker: base", "warning", f"{base.base} is not there", cost, mend)
        return
    yield Finding("docker: base", "ok", f"{base.base} is {held_base[:19]}")
    yield from _live(machine, "docker")


def _live(machine: Machine, kind: str) -> Iterator[Finding]:
    """Every probe of one kind of sandbox."""
    cost = f"no run with --sandbox {kind}"
    try:
        provider: Proven = machine.provider(kind)
        answers = probe(provider, _names(machine)[-1])
    except UsageError as error:
        yield Finding(kind, "failed", error.message, cost, error.mend)
        return
    except Failure as failure:
        yield Finding(kind, "failed", failure.message, cost, provider.mend())
        return
    for name, wrong in answers.items():
        if wrong:
            yield Finding(f"{kind}: {name}", "failed", wrong, cost, "do not run agents here; please report this")
    held_walls = [name for name, wrong in answers.items() if not wrong]
    yield Finding(f"{kind}: probes", "ok", f"{len(held_walls)} of {len(answers)} hold: {', '.join(held_walls)}")


# --- what was left ------------------------------------------------------------------------------------------------


def leftovers(machine: Machine) -> Finding:
    """What killed harnesses left behind."""
    if found := _left(machine):
        return Finding("leftovers", "warning", ", ".join(found), "disk and memory", "harness clean")
    return Finding("leftovers", "ok", "none")


def removable(machine: Machine) -> list[str]:
    """What `clean` would remove, in its words."""
    with _daemon(machine) as client:
        return _left(machine) + ([] if client is None else [_image_in_words(image) for image in images.idle(client)])


def clean(machine: Machine) -> list[str]:
    """Remove what killed harnesses left, and the images of toolchains; what is gone, in words."""
    before = removable(machine)
    for path in _unfinished(machine.store.root):
        shutil.rmtree(path, ignore_errors=True)
    bubblewrap.sweep()
    doors.sweep()
    Groups(machine.groups).sweep()
    with _daemon(machine) as client:
        if client is not None:
            reap(client)
            images.remove(client)
    after = removable(machine)
    return [what for what in before if what not in after]


def _left(machine: Machine) -> list[str]:
    """In words: folders, processes and control groups of bubblewrap's, containers."""
    found = [f"folder {path}" for path in _unfinished(machine.store.root)]
    found += [f"process {pid} of bubblewrap" for pid in bubblewrap.left()]
    found += [f"folder {path}" for path in doors.left()]
    found += [f"control group {path}" for path in limits.left(machine.groups)]
    with _daemon(machine) as client:
        if client is not None:
            found += [f"container {item['Id'][:12]}" for item in held(client) if dead(item["Labels"][LEASE])]
    return found


def _image_in_words(image: dict[str, Any]) -> str:
    return f"image {images.name_of(image)} ({image['Size'] / GB:.2f} GB with its base)"


def _unfinished(root: Path) -> list[Path]:
    """Folders whose building was broken off more than an hour ago."""
    before = time.time() - 3600
    return sorted(path for path in root.glob("*/.*.building") if path.stat().st_mtime < before)


@contextmanager
def _daemon(machine: Machine) -> Iterator[Any]:
    """A client of the daemon, None where none answers."""
    try:
        engine = Engine(machine.environ)
    except UsageError:
        yield None
        return
    with engine.calls("look for what was left", engines.CALL_S) as client:
        yield client


# --- shown --------------------------------------------------------------------------------------------------------

MARKS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


def text(findings: list[Finding]) -> str:
    """For people."""
    lines = []
    for finding in findings:
        lines.append(f"{MARKS[finding.state]}  {finding.name}: {finding.seen}")
        lines += [f"         {word}: {said}" for word, said in (("cost", finding.cost), ("mend", finding.mend)) if said]
    usable = "a run can begin" if works(findings) else "no run can begin"
    return "\n".join([*lines, "", f"{usable} on this machine with Python {sys.version.split()[0]}"])


def plain(findings: list[Finding]) -> dict[str, object]:
    """For programs."""
    return {"works": works(findings), "findings": [asdict(finding) for finding in findings]}


def doctor(parsed: argparse.Namespace) -> int:
    """`harness doctor`: exit 1 when no run can begin here."""
    findings = examine(_here())
    print(json.dumps(plain(findings), indent=2) if parsed.format == "json" else text(findings))
    return 0 if works(findings) else 1


def cleaned(parsed: argparse.Namespace) -> int:
    """`harness clean`; with `--dry-run` what it would remove."""
    word, found = ("would remove", removable(_here())) if parsed.dry_run else ("removed", clean(_here()))
    print("\n".join(f"{word} {what}" for what in found) or "nothing to remove")
    return 0


def _here() -> Machine:
    root = Path(__file__).resolve().parent.parent
    return Machine(root / "toolchains", dict(os.environ), say=lambda line: print(line, file=sys.stderr))
