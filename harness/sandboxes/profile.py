"""The same filter of system calls as `seccomp`, in the words that a container engine takes: a JSON profile.

An engine's profile lists what is allowed, so every call that existed when `seccomp.NEWEST` was chosen is named here;
whatever is newer gets ENOSYS from the engine's own runtime. Conditions are alternatives of one comparison each, because
the engine's library allows no second comparison of the same argument.
"""

from __future__ import annotations

import json

from harness.sandboxes import seccomp

Rule = dict[str, object]

KNOWN = """
_sysctl accept accept4 access afs_syscall alarm arch_prctl bind brk cachestat capget capset chdir chmod chown
clock_adjtime64 clock_getres clock_gettime clock_gettime64 clock_nanosleep clock_settime64 close close_range connect
copy_file_range creat create_module dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait
epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2
fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fcntl64
fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat fstatat64 fstatfs fstatfs64
fsync ftruncate ftruncate64 futex futex_requeue futex_wait futex_waitv futex_wake futimesat get_kernel_syms
get_mempolicy get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups
getitimer getpeername getpgid getpgrp getpid getpmsg getppid getpriority getrandom getresgid getresuid getrlimit
getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init
inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit ioprio_get
ioprio_set kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen
listmount listxattr llistxattr llseek lookup_dcookie lremovexattr lseek lsetxattr lsm_get_self_attr lsm_list_modules
lsm_set_self_attr lstat lstat64 madvise map_shadow_stack mbind membarrier migrate_pages mincore mkdir mkdirat mknod
mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt move_pages mprotect mq_getsetattr mq_notify mq_open
mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap
nanosleep newfstatat nfsservctl open openat openat2 pause personality pidfd_open pidfd_send_signal pipe pipe2
pkey_alloc pkey_free pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6
putpmsg pwrite64 pwritev pwritev2 query_module read readahead readlink readlinkat readv recvfrom recvmmsg recvmsg
remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending
rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp security select semctl semget
semop semtimedop sendfile sendfile64 sendmmsg sendmsg sendto set_mempolicy set_mempolicy_home_node set_robust_list
set_thread_area set_tid_address setdomainname setfsgid setfsuid setgid setgroups sethostname setitimer setpgid
setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid setxattr shmat shmctl shmdt
shmget shutdown sigaltstack signalfd signalfd4 socketpair splice stat stat64 statfs statfs64 statmount statx symlink
symlinkat sync sync_file_range sync_file_range2 syncfs sysfs sysinfo tee tgkill time timer_create timer_delete
timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 tuxcall umask uname unlink
unlinkat uselib ustat utime utimensat utimes vfork vmsplice vserver wait4 waitid write writev
"""
"""Every call of x86_64 and aarch64 up to the newest one but those that `seccomp` refuses or looks into."""
ALL = 0xFFFFFFFF
"""The kernel reads these arguments as 32 bits, whatever the other half of the register holds."""


def profile() -> str:
    """The profile as JSON."""
    return json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": seccomp.EPERM,
            "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
                {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
            ],
            "syscalls": [
                {"names": KNOWN.split(), "action": "SCMP_ACT_ALLOW"},
                {"names": sorted(seccomp.UNKNOWN), "action": "SCMP_ACT_ERRNO", "errnoRet": seccomp.ENOSYS},
                _when("clone", 0, seccomp.NAMESPACES, 0),
                *[_when("socket", 0, ALL, family) for family in seccomp.FAMILIES],
                *_all_but("ioctl", 1, seccomp.TIOCSTI, seccomp.TIOCLINUX),
            ],
        }
    )


def _when(name: str, index: int, mask: int, value: int) -> Rule:
    """Allow a call whose argument under `mask` is `value`."""
    condition = {"index": index, "value": mask, "valueTwo": value, "op": "SCMP_CMP_MASKED_EQ"}
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [condition]}


def _all_but(name: str, index: int, one: int, other: int) -> list[Rule]:
    """Allow a call whose argument is neither of two values.

    What differs from both in a bit they share is allowed bit by bit; the few that agree with them there, one by one.
    """
    apart = one ^ other
    shared = [1 << bit for bit in range(32) if not apart >> bit & 1]
    rules = [_when(name, index, bit, ~one & bit) for bit in shared]
    near = {one & ~apart | free for free in range(apart + 1) if free & ~apart == 0}
    return rules + [_when(name, index, ALL, value) for value in sorted(near - {one, other})]
