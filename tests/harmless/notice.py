#!/usr/bin/env python3
"""The other tests of this folder would notice harm: does some, of every kind that an attach could do, and looks."""

import argparse
import ctypes
import fcntl
import os
import struct
import sys
import tempfile
import time

import procs
import traces

SYS_PAUSE, SYS_USERFAULTFD, SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 34, 323, 434, 438
SEIZE, INTERRUPT, DETACH, SYSCALL = 0x4206, 0x4207, 17, 24
GETREGS, SETREGS, SETSIGMASK = 12, 13, 0x420B
RAX, RDI, ORIG_RAX, RIP, REGISTERS = 10, 14, 15, 16, 27
EINTR = 4
WALL = 0x40000000
UFFDIO_API, UFFDIO_REGISTER, UFFDIO_WRITEPROTECT = 0xC018AA3F, 0xC020AA00, 0xC018AA06
WP_UNPOPULATED, WP_ASYNC = 1 << 13, 1 << 15

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, tid, address=None, data=None):
    if libc.ptrace(request, tid, address, data) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


class Held:
    """A thread that sits in pause(), stopped, with its registers."""

    def __init__(self, pid):
        self.pid = pid
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/syscall", encoding="ascii") as file:
                if file.read().startswith(f"{SYS_PAUSE} "):
                    self.tid = int(tid)

    def __enter__(self):
        ptrace(SEIZE, self.tid)
        ptrace(INTERRUPT, self.tid)
        os.waitpid(self.tid, WALL)
        self.regs = (ctypes.c_ulonglong * REGISTERS)()
        ptrace(GETREGS, self.tid, None, self.regs)
        return self

    def __exit__(self, *_):
        ptrace(SETREGS, self.tid, None, self.regs)
        ptrace(DETACH, self.tid)

    def call(self, number, argument):
        """Has the thread make a system call. (A single step would end in SIGTRAP, which is blocked: the kernel then unblocks it
        and takes the process's handler away.)"""
        regs = (ctypes.c_ulonglong * REGISTERS)(*self.regs)
        regs[RIP] -= 2
        regs[RAX], regs[RDI], regs[ORIG_RAX] = number, argument, (1 << 64) - 1
        ptrace(SETREGS, self.tid, None, regs)
        for _ in ("entry", "exit"):
            ptrace(SYSCALL, self.tid)
            os.waitpid(self.tid, WALL)
        ptrace(GETREGS, self.tid, None, regs)
        return ctypes.c_longlong(regs[RAX]).value


def nothing(held):
    """What every attach does, and no harm."""


def signal_mask(held):
    ptrace(SETSIGMASK, held.tid, 8, ctypes.byref(ctypes.c_ulonglong(0)))


def result_of_a_call(held):
    held.regs[RAX], held.regs[ORIG_RAX] = (1 << 64) - EINTR, (1 << 64) - 1


def descriptor(held):
    fd = held.call(SYS_USERFAULTFD, os.O_CLOEXEC | os.O_NONBLOCK | 1)
    if fd < 0:
        raise OSError(-fd, "userfaultfd")
    return fd


def registration(held):
    """The descriptor is closed with this test; what holds the registration is the process's own."""
    fd = descriptor(held)
    pidfd = libc.syscall(SYS_PIDFD_OPEN, held.pid, 0)
    ours = libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
    os.close(pidfd)
    fcntl.ioctl(ours, UFFDIO_API, bytearray(struct.pack("=3Q", 0xAA, WP_UNPOPULATED | WP_ASYNC, 0)))
    for start, end, permissions, name, _ in traces.State(held.pid).mappings:
        if name == "[heap]" and permissions == "rw-p":
            part = struct.pack("=2Q", start, end - start)
            fcntl.ioctl(ours, UFFDIO_REGISTER, bytearray(part + struct.pack("=2Q", 2, 0)))
            fcntl.ioctl(ours, UFFDIO_WRITEPROTECT, bytearray(part + struct.pack("=Q", 1)))
    os.close(ours)


def priority(held):
    os.setpriority(os.PRIO_PROCESS, held.tid, 5)


REGISTERED = "registered with a userfaultfd"
HARMS = {nothing: None, signal_mask: "SigBlk", result_of_a_call: "endless pause: returned",
         descriptor: "descriptor", registration: REGISTERED,
         priority: "thread"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    traces.add_subject_options(parser, "selfcheck")
    options = parser.parse_args()
    failed, skipped = 0, 0
    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        subject = traces.SUBJECTS["selfcheck"](scratch, options)
        if subject.error:
            print(f"skipped: selfcheck does not build: {subject.error}")
            return procs.SKIP
        for harm, notice in HARMS.items():
            name = harm.__name__.replace("_", " ")
            with subject:
                subject.warm()
                before = traces.settled(subject.pid)
                try:
                    with Held(subject.pid) as held:
                        harm(held)
                except OSError as error:
                    print(f"SKIPPED {name}: {error}")
                    skipped += 1
                    continue
                deadline = time.monotonic() + 5
                while True:
                    broken = subject.runs_on()
                    found = ([broken] if broken else []) + traces.changes_since(before, subject.pid)
                    seen = [text for text in found if notice and notice in text]
                    # As attaches.py, which looks after each: a thread that was woken may not have had its turn at the first look.
                    if seen or not notice or time.monotonic() > deadline:
                        break
            # That alone, or it would not be known what was noticed.
            ok = bool(seen) == bool(notice) and (notice == REGISTERED or seen == found)
            failed += not ok
            print(f"{'ok  ' if ok else 'FAIL'} {name}: {[text[:400] for text in found]}")
    print(f"{len(HARMS) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
