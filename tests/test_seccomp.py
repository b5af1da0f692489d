"""The system call filter: run on paper for both architectures, compared with the kernel's own numbers, and tried."""

from __future__ import annotations

import json
import platform
import re
import struct
from pathlib import Path

import pytest
from conftest import answer

from harness.core.ports import Sandbox
from harness.sandboxes import seccomp

ALLOWED, REFUSED, UNKNOWN, KILLED = seccomp.ALLOW, seccomp.ERRNO | 1, seccomp.ERRNO | 38, seccomp.KILL
MACHINES = {"x86_64": (0, seccomp.X86_64), "aarch64": (1, seccomp.AARCH64)}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def verdict(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the filter for `machine` answers to a call: a little machine for classic BPF."""
    given = struct.pack("=II", number, MACHINES[machine][1] if arch is None else arch) + bytes(8)
    data = given + b"".join(struct.pack("=Q", argument) for argument in (*arguments, 0, 0, 0)[:3])
    program = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        if code == seccomp.LOAD:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif code == seccomp.RETURN:
            return operand
        else:
            holds = {
                seccomp.JUMP_EQ: accumulator == operand,
                seccomp.JUMP_GE: accumulator >= operand,
                seccomp.JUMP_SET: bool(accumulator & operand),
            }[code]
            at += if_true if holds else if_false


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", seccomp.REFUSED)
def test_what_is_listed_is_refused(machine: str, name: str) -> None:
    number = seccomp.REFUSED[name][MACHINES[machine][0]]
    if number is not None:
        assert verdict(machine, number) == REFUSED


@pytest.mark.parametrize("machine", MACHINES)
def test_everything_else_is_allowed_and_what_is_newer_is_unknown(machine: str) -> None:
    column = MACHINES[machine][0]
    listed = {numbers[column] for numbers in seccomp.REFUSED.values()} | {seccomp.SOCKET[column]}
    unknown = {numbers[column] for numbers in seccomp.UNKNOWN.values()}
    for number in range(seccomp.NEWEST + 1):
        if number not in listed | unknown:
            assert verdict(machine, number) == ALLOWED, number
    for number in (*unknown, seccomp.NEWEST + 1, 500, 100_000):
        assert verdict(machine, number) == UNKNOWN, number


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    assert verdict(machine, 1, arch=0x40000003) == KILLED
    other = next(arch for name, (_, arch) in MACHINES.items() if name != machine)
    assert verdict(machine, 1, arch=other) == KILLED


def test_calls_of_the_x32_kind_end_the_process() -> None:
    assert verdict("x86_64", seccomp.X32_BIT | 1) == KILLED
    assert verdict("x86_64", seccomp.X32_BIT | 521) == KILLED


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("family", range(50))
def test_only_local_families_make_sockets(machine: str, family: int) -> None:
    number = seccomp.SOCKET[MACHINES[machine][0]]
    assert verdict(machine, number, family) == (ALLOWED if family in (1, 2, 10, 16) else REFUSED)


@pytest.mark.parametrize("machine", MACHINES)
def test_no_call_types_into_a_terminal(machine: str) -> None:
    number = seccomp.IOCTL[MACHINES[machine][0]]
    assert [verdict(machine, number, 0, request) for request in (0x5412, 0x541C, 0x5401)] == [REFUSED, REFUSED, ALLOWED]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("bit", range(32))
def test_clone_makes_processes_and_threads_but_no_namespace(machine: str, bit: int) -> None:
    number = seccomp.CLONE[MACHINES[machine][0]]
    namespaces = {17, 25, 26, 27, 28, 29, 30}
    assert verdict(machine, number, 1 << bit | 17) == (REFUSED if bit in namespaces else ALLOWED)
    assert verdict(machine, number, 0x3D0F00) == ALLOWED


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_the_kernel_s_own(machine: str) -> None:
    if not HEADERS[machine].is_file():
        pytest.skip("the kernel's headers are not installed")
    pattern = re.compile(r"#define __NR(?:3264)?_(\w+)\s+(\d+)")
    known = {match[1]: int(match[2]) for match in pattern.finditer(HEADERS[machine].read_text())}
    fixed = {"socket": seccomp.SOCKET, "ioctl": seccomp.IOCTL, "clone": seccomp.CLONE}
    for name, numbers in {**seccomp.REFUSED, **seccomp.UNKNOWN, **fixed}.items():
        if name in known:
            assert numbers[MACHINES[machine][0]] == known[name], name
    assert len(known) > 300


CALLS = """
import ctypes, errno, json, os
libc = ctypes.CDLL(None, use_errno=True)
answers = {}
for name, number, arguments in CALLS:
    ctypes.set_errno(0)
    result = libc.syscall(number, *[ctypes.c_long(argument) for argument in arguments])
    answers[name] = "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]
print(json.dumps(answers))
"""


@pytest.mark.sandbox
def test_the_kernel_keeps_to_the_filter(shared: Sandbox) -> None:
    column = MACHINES[platform.machine()][0]
    # umount2 and its like are harmless without a capability, reboot without its magic numbers.
    refused = {name: numbers[column] for name, numbers in seccomp.REFUSED.items() if numbers[column] is not None}
    unknown = {name: numbers[column] for name, numbers in seccomp.UNKNOWN.items()}
    sockets = {f"family {family}": family for family in (17, 38, 40, 44, 21, 31)}
    calls = [[name, number, [0, 0, 0, 0, 0, 0]] for name, number in {**refused, **unknown}.items()]
    calls += [[name, seccomp.SOCKET[column], [family, 3, 0]] for name, family in sockets.items()]
    calls += [["user namespace", seccomp.CLONE[column], [0x10000011, 0, 0, 0, 0]]]
    answers = json.loads(answer(shared, f"CALLS = {calls!r}\n{CALLS}"))
    assert {name: said for name, said in answers.items() if name not in unknown and said != "EPERM"} == {}
    assert {answers[name] for name in unknown} == {"ENOSYS"}


@pytest.mark.sandbox
def test_what_programs_need_is_there(shared: Sandbox) -> None:
    code = """
import multiprocessing, socket, subprocess, threading, asyncio, tempfile, mmap
threading.Thread(target=print, args=("thread",)).start()
print(subprocess.run(["true"]).returncode, multiprocessing.get_context("fork").Pool(2).map(abs, [-1, -2]))
socket.socketpair(); socket.create_server(("127.0.0.1", 0)); mmap.mmap(-1, 4096); tempfile.TemporaryFile()
asyncio.run(asyncio.sleep(0)); print(socket.if_nameindex())
"""
    assert answer(shared, code).splitlines() == ["thread", "0 [1, 2]", "[(1, 'lo')]"]
