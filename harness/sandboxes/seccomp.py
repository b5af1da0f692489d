"""The system calls that no sandbox needs: a deny filter for bubblewrap, as classic BPF.

Written out by hand because the alternative needs libseccomp on the host, and a machine without it would have to run
without a filter. Each refused call fails with EPERM. Calls that have an older way to the same end fail with ENOSYS, so
that libraries take it: `clone3`, whose flags a filter cannot see; `memfd_create`, whose memory no limit short of a
control group sees; and whatever is newer than this list. The list follows what was found to reach the kernel from
inside a namespace: tracing, keyrings, io_uring, BPF, mounts, clocks, and the socket families that cross a network
namespace.
"""

from __future__ import annotations

import platform
import struct

X86_64, AARCH64 = 0xC000003E, 0xC00000B7
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = 1, 38
LOAD, JUMP_EQ, JUMP_GE, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
X32_BIT = 0x40000000

REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "iopl": (172, None),
    "ioperm": (173, None),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "fanotify_init": (300, 262),
    "pidfd_getfd": (438, 438),
    "quotactl_fd": (443, 443),
    "memfd_secret": (447, 447),
    "chroot": (161, 51),
    "vhangup": (153, 58),
}
"""Name -> number on x86_64 and aarch64, None where the architecture has none."""
UNKNOWN: dict[str, tuple[int, int]] = {"clone3": (435, 435), "memfd_create": (319, 279)}
NEWEST = 462
CLONE = (56, 220)
NAMESPACES = 0x7E020000
"""The flags of `clone` that ask for a new namespace."""
SOCKET = (41, 198)
IOCTL = (16, 29)
FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (interfaces are listed with it); no vsock, packet, alg, xdp."""
TIOCSTI, TIOCLINUX = 0x5412, 0x541C


def program(machine: str | None = None) -> bytes:
    """The filter for `machine` (default: this one) as an array of `struct sock_filter`."""
    name = machine or platform.machine()
    column, arch = (0, X86_64) if name == "x86_64" else (1, AARCH64)
    lines = [_line(LOAD, 4), _line(JUMP_EQ, arch, 1, 0), _line(RETURN, KILL), _line(LOAD, 0)]
    if column == 0:
        lines += [_line(JUMP_GE, X32_BIT, 0, 1), _line(RETURN, KILL)]
    for numbers in REFUSED.values():
        number = numbers[column]
        if number is not None:
            lines += [_line(JUMP_EQ, number, 0, 1), _line(RETURN, ERRNO | EPERM)]
    for unknown in UNKNOWN.values():
        lines += [_line(JUMP_EQ, unknown[column], 0, 1), _line(RETURN, ERRNO | ENOSYS)]
    lines += [_line(JUMP_GE, NEWEST + 1, 0, 1), _line(RETURN, ERRNO | ENOSYS)]
    lines += _no_namespaces(CLONE[column])
    lines += _only_families(SOCKET[column])
    lines += _no_typing(IOCTL[column])
    lines.append(_line(RETURN, ALLOW))
    return b"".join(lines)


def _only_families(number: int) -> list[bytes]:
    """Refuse `socket` for every family that is not listed; the accumulator holds the call's number before and after."""
    checks = [_line(JUMP_EQ, family, len(FAMILIES) - index, 0) for index, family in enumerate(FAMILIES)]
    body = [_line(LOAD, 16), *checks, _line(RETURN, ERRNO | EPERM), _line(LOAD, 0)]
    return [_line(JUMP_EQ, number, 0, len(body)), *body]


def _no_namespaces(number: int) -> list[bytes]:
    """Refuse `clone` into a new namespace of any kind."""
    body = [_line(LOAD, 16), _line(JUMP_SET, NAMESPACES, 0, 1), _line(RETURN, ERRNO | EPERM), _line(LOAD, 0)]
    return [_line(JUMP_EQ, number, 0, len(body)), *body]


def _no_typing(number: int) -> list[bytes]:
    """Refuse the `ioctl` requests that type into a terminal."""
    body = [
        _line(LOAD, 24),
        _line(JUMP_EQ, TIOCSTI, 1, 0),
        _line(JUMP_EQ, TIOCLINUX, 0, 1),
        _line(RETURN, ERRNO | EPERM),
    ]
    return [_line(JUMP_EQ, number, 0, len(body)), *body]


def _line(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
