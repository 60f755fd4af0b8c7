"""Takes from this process, for good, what a reader of documents never needs: network, other processes, other files.

A document that took over its reader could otherwise do what the function can: read the key in the parent's
environment, open a socket, signal or trace the parent. Two mechanisms of Linux prevent it, where the kernel has them:
seccomp (system calls, Linux 3.17) and Landlock (files, Linux 5.13). Neither needs a privilege.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_RET_ALLOW, _RET_ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Classic BPF: load a word; jump if equal, if not below, if a bit is set; return (linux/bpf_common.h)."""
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
"""Offsets in `struct seccomp_data` (linux/seccomp.h)."""
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
"""On x86_64, numbers from here on belong to its other ABI."""

_REFUSED = {
    "x86_64": {
        "socket": 41, "connect": 42, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "ptrace": 101,
        "rt_sigqueueinfo": 129, "mount": 165, "tkill": 200, "add_key": 248, "request_key": 249, "keyctl": 250,
        "unshare": 272, "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "setns": 308, "process_vm_readv": 310,
        "process_vm_writev": 311, "bpf": 321, "execveat": 322, "userfaultfd": 323,
    },
    "aarch64": {
        "mount": 40, "unshare": 97, "ptrace": 117, "kill": 129, "tkill": 130, "rt_sigqueueinfo": 138, "socket": 198,
        "connect": 203, "add_key": 217, "request_key": 218, "keyctl": 219, "execve": 221, "rt_tgsigqueueinfo": 240,
        "perf_event_open": 241, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280,
        "execveat": 281, "userfaultfd": 282,
    },
}  # fmt: skip
"""System calls and their numbers (each architecture's unistd.h)."""
_REFUSED_EVERYWHERE = {
    "pidfd_send_signal": 424, "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "pidfd_open": 434,
    "pidfd_getfd": 438,
}  # fmt: skip
_CLONE3 = 435
"""A filter cannot follow the pointer to its flags: answered as unknown, so that libc falls back to `clone`."""
_CLONE, _TGKILL = {"x86_64": 56, "aarch64": 220}, {"x86_64": 234, "aarch64": 131}
_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_RULE_PATH = 1
_ALL_FILES = (1 << 13) - 1
"""Every right in the first version of Landlock; what is not granted below is denied."""
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_READABLE = ("/usr", "/lib", "/lib64", "/opt", "/etc/ld.so.cache", "/dev/null", "/dev/urandom")
"""Besides the interpreter and its modules: shared libraries, time zones."""


def confine() -> tuple[str, ...]:
    """Confine this process; returns which mechanisms the kernel had: "landlock", "seccomp"."""
    if not sys.platform.startswith("linux") or _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ()
    return tuple(_closed())


def _closed() -> Iterator[str]:
    if _restrict_files():
        yield "landlock"
    if _filter_calls():
        yield "seccomp"


def _filter_calls() -> bool:
    machine = platform.machine()
    if machine not in _ARCHITECTURE:
        return False
    code = b"".join(struct.pack("HBBI", *one) for one in _program(machine))
    instructions = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(instructions)))
    return not _libc().prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)


def _program(machine: str) -> list[tuple[int, int, int, int]]:
    """The filter, as (operation, jump if true, jump if false, operand)."""
    allow, deny = (_RETURN, 0, 0, _RET_ALLOW), (_RETURN, 0, 0, _RET_ERRNO | errno.EPERM)
    unknown = (_RETURN, 0, 0, _RET_ERRNO | errno.ENOSYS)
    program = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_EQUAL, 1, 0, _ARCHITECTURE[machine]), deny, (_LOAD, 0, 0, _NUMBER_AT)]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32), deny]
    for number in (_REFUSED[machine] | _REFUSED_EVERYWHERE).values():
        program += [(_EQUAL, 0, 1, number), deny]
    program += [(_EQUAL, 0, 1, _CLONE3), unknown]
    program += [(_EQUAL, 0, 4, _CLONE[machine]), (_LOAD, 0, 0, _FIRST_ARGUMENT_AT), (_ANY_BIT, 0, 1, _CLONE_THREAD)]
    program += [allow, deny]
    program += [(_EQUAL, 0, 4, _TGKILL[machine]), (_LOAD, 0, 0, _FIRST_ARGUMENT_AT), (_EQUAL, 0, 1, os.getpid())]
    return [*program, allow, deny, allow]


def _restrict_files() -> bool:
    """Let this process open what Python and its libraries need, read-only, and nothing else."""
    syscall = _libc().syscall
    handled = ctypes.create_string_buffer(struct.pack("Q", _ALL_FILES))
    rules = syscall(_LANDLOCK_CREATE, handled, 8, 0)
    if rules < 0:
        return False
    try:
        libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
        for path in _existing([*_READABLE, sys.prefix, sys.base_prefix, *sys.path, *libraries]):
            rights = _READ_FILE | _READ_FOLDER if path.is_dir() else _READ_FILE
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, folder))
            syscall(_LANDLOCK_ADD, rules, _LANDLOCK_RULE_PATH, rule, 0)
            os.close(folder)
        return not syscall(_LANDLOCK_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _existing(names: Iterable[str]) -> Iterator[Path]:
    return (path for path in map(Path, filter(None, dict.fromkeys(names))) if path.exists())


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
