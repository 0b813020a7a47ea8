#!/usr/bin/env python3
"""tracer.py PID: traces every thread of a process, as a debugger would, until stdin ends.

tracer.py --deny ACTION NUMBERS COMMAND...: runs a command under a seccomp filter that forbids some system calls: with an
errno if ACTION is a number, and kills the process that makes one if it is "kill".
"""

import ctypes
import os
import struct
import sys

PTRACE_SEIZE = 0x4206
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000

libc = ctypes.CDLL(None, use_errno=True)


def trace(pid):
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for tid in os.listdir(f"/proc/{pid}/task"):
        if libc.ptrace(PTRACE_SEIZE, int(tid), None, None) != 0:
            sys.exit(f"cannot trace thread {tid}: {os.strerror(ctypes.get_errno())}")
    print("tracing", flush=True)
    sys.stdin.read()


def deny(action, numbers, command):
    refusal = SECCOMP_RET_KILL_PROCESS if action == "kill" else SECCOMP_RET_ERRNO | int(action)

    def step(code, true, false, value):
        return struct.pack("=HBBI", code, true, false, value)

    # Load the number; jump to the refusal at the end if it is one of ours; allow.
    program = step(0x20, 0, 0, 0)
    for n, number in enumerate(numbers):
        program += step(0x15, len(numbers) - n, 0, int(number))
    program += step(0x06, 0, 0, SECCOMP_RET_ALLOW) + step(0x06, 0, 0, refusal)

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]

    libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    wanted = Filter(len(program) // 8, program)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(wanted), 0, 0) != 0:
        sys.exit(f"seccomp: {os.strerror(ctypes.get_errno())}")
    os.execvp(command[0], command)


if sys.argv[1] == "--deny":
    deny(sys.argv[2], sys.argv[3].split(","), sys.argv[4:])
else:
    trace(int(sys.argv[1]))
