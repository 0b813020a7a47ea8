#!/usr/bin/env python3
"""tracer.py PID: traces every thread of a process, as a debugger would, until stdin ends.

tracer.py --deny COMMAND...: runs a command under a seccomp filter that refuses ptrace and
process_vm_readv with EPERM, as container runtimes do by default on kernels before 4.8.
"""

import ctypes
import os
import struct
import sys

PTRACE_SEIZE = 0x4206
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
EPERM = 1
# ptrace, process_vm_readv, process_vm_writev
DENIED = {"x86_64": (101, 310, 311), "aarch64": (117, 270, 271)}

libc = ctypes.CDLL(None, use_errno=True)


def trace(pid):
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for tid in os.listdir(f"/proc/{pid}/task"):
        if libc.ptrace(PTRACE_SEIZE, int(tid), None, None) != 0:
            sys.exit(f"cannot trace thread {tid}: {os.strerror(ctypes.get_errno())}")
    print("tracing", flush=True)
    sys.stdin.read()


def deny(command):
    numbers = DENIED[os.uname().machine]

    def step(code, true, false, value):
        return struct.pack("=HBBI", code, true, false, value)

    # Load the number; jump to the refusal at the end if it is one of ours; allow.
    program = step(0x20, 0, 0, 0)
    for n, number in enumerate(numbers):
        program += step(0x15, len(numbers) - n, 0, number)
    program += step(0x06, 0, 0, SECCOMP_RET_ALLOW) + step(0x06, 0, 0, SECCOMP_RET_ERRNO | EPERM)

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]

    libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    wanted = Filter(len(program) // 8, program)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(wanted), 0, 0) != 0:
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
    os.execvp(command[0], command)


if sys.argv[1] == "--deny":
    deny(sys.argv[2:])
else:
    trace(int(sys.argv[1]))
