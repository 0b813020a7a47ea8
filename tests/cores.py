#!/usr/bin/env python3
"""Core files: what seep says of them must be what it says of the process, and of half a core nothing that is not so.

Programs of the catalogue are stopped, looked at, captured, and made into cores as they stand: by gcore, and by the kernel. For the
last all threads are held by ptrace but one that sleeps, which is sent to an address where nothing is: with its signals blocked
no handler of Go's runs, and the kernel writes a core of everybody as they were. What seep says of the four must be the same, byte for
byte of the JSON, but for how it was had and for what a core cannot tell: memory, ages. Then:

  crashes    a program that ends by SIGABRT with GOTRACEBACK=crash: the same findings as just before
  forms      compressed, through a pipe, with the executable elsewhere, another one, none, all in the core
  cuts       a core without one of its mappings, or cut short at any 4 KiB: a report without anything that the whole core has not, or an error
  flips      a core with changed bits: a report or an error
  arm64      programs for arm64, run by qemu's emulator until they end by SIGABRT: qemu writes a core, in which everything that the
             catalogue says of the program must be found, and no more. Skipped where qemu-aarch64 is not installed

Cuts and flips are looked at by tests/support/damaged_core.c, to be built with sanitizers. The kernel's cores need a plain path in
/proc/sys/kernel/core_pattern, and are skipped where it has none (it is not changed); then all is done with gcore's alone.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import concurrent.futures
import ctypes
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import captures
import run_programs as programs

QUICK_RELEASES = ("1.18", "1.22", "1.27")
FLAVOURS = ("plain", "stripped", "pie", "cgo")
QUICK_CASES = ("alltypes/idle", "mutex-held/leak-global", "ticker/leak", "subslice/leak")
# With findings of many kinds, in which pages that are missing could pass for empty ones.
CUT_CASES = (
    "lost-elements/leak", "finalizer-stuck/leak", "mutex-held/leak-global", "map-bloat/leak", "defer-pileup/leak-main",
    "pool-bloat/leak", "receive-blocked/ok-context-tree", "thread-pileup/leak", "ticker/leak",
)
QUICK_CUTS, QUICK_FLIPS = 3, 2
# Of many causes, and what they rest on: channels, locks, timers, types by DWARF, contents of objects.
ARM64_CASES = (
    "send-blocked/leak", "mutex-held/ok-global", "receive-blocked/leak-chain", "mutex-held/leak-holder", "lock-cycle/leak",
    "ticker/leak", "subslice/leak", "subslice/ok-halves",
)
# What docs/cores.md says is not found in arm64, or in other words: it rests on the system calls of threads, on code that copies large
# values, on what may unlock a lock that a package variable leads to, or on who holds each lock of a ring.
ARM64_WITHOUT = {
    "thread-pileup/leak", "thread-pileup/leak-flock", "thread-pileup/leak-sleep", "thread-pileup/leak-threshold",
    "array-by-value/leak-range", "mutex-held/leak-global", "mutex-held/leak-global-map", "mutex-held/leak-global-panic",
    "lock-cycle/leak-ring",
}
# No PIE: it asks for the C library's loader, and there is none for arm64 here.
ARM64 = {"arm64": ["-buildmode=exe"], "arm64-bare": ["-ldflags=-s -w"]}
programs.FLAVOURS |= {name: programs.Flavour(tuple(arguments), environment=(("GOOS", "linux"), ("GOARCH", "arm64")))
                      for name, arguments in ARM64.items()}
# They never rest; or they do not fit beside others.
RESTLESS = {"churn", "bigheap", "pileup"}
LOOK_SECONDS, REST_SECONDS = 120, 10
FUTEX = "202"


# --- the kernel's cores ---

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long
GETREGS, SETREGS, CONT, SEIZE, INTERRUPT, SETSIGMASK = 12, 13, 7, 0x4206, 0x4207, 0x420B
WALL = 0x40000000
RIP, ORIG_RAX = 16, 15


def ptrace(request, tid, address=None, data=None):
    if LIBC.ptrace(request, tid, address, data) < 0:
        raise programs.Failure(f"ptrace {request:#x}: {os.strerror(ctypes.get_errno())}")


def kernel_cores():
    """Whether the kernel writes cores where the program runs."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
    return bool(pattern) and pattern[0] not in "|/" and "/" not in pattern


def sleepers(pid):
    """Threads that have nothing to do."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            call = (task / "syscall").read_text(encoding="ascii").split()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        if call[0] == FUTEX and int(task.name) != pid:
            found.append(int(task.name))
    return found


def dump_as_it_stands(pid):
    """Has the kernel write a core of a stopped process and end it."""
    threads = [int(tid) for tid in os.listdir(f"/proc/{pid}/task")]
    held = []
    try:
        for tid in threads:
            ptrace(SEIZE, tid)
            held.append(tid)
            ptrace(INTERRUPT, tid)
            os.waitpid(tid, WALL)
        die_asleep(pid)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        reap(pid, held)
        raise
    reap(pid, held)


def reap(pid, held):
    """The process ends once all whom we hold have been seen to end."""
    for tid in held:
        while tid != pid:
            try:
                _, status = os.waitpid(tid, WALL)
            except ChildProcessError:  # it was before
                break
            if not os.WIFSTOPPED(status):
                break


def die_asleep(pid):
    """Sends one that sleeps to where nothing is; all are held."""
    asleep = sleepers(pid)
    if not asleep:
        raise programs.Failure("no thread sleeps")
    sleeper = asleep[0]
    registers = (ctypes.c_ulonglong * 27)()
    ptrace(GETREGS, sleeper, None, registers)
    registers[RIP], registers[ORIG_RAX] = 0, (1 << 64) - 1
    ptrace(SETREGS, sleeper, None, registers)
    ptrace(SETSIGMASK, sleeper, 8, ctypes.byref(ctypes.c_ulonglong((1 << 64) - 1)))
    status = 0
    while status >> 8 != signal.SIGSEGV:  # first it may say that it is stopped
        ptrace(CONT, sleeper)
        _, status = os.waitpid(sleeper, WALL)
        if not os.WIFSTOPPED(status):
            raise programs.Failure(f"the sleeping thread ended, status {status:#x}")
    ptrace(CONT, sleeper, None, signal.SIGSEGV)


# --- a program, and its cores ---


class Program:
    """One case of the catalogue, run in a folder of its own."""

    def __init__(self, binary, name, scratch, env=None, emulator=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=scratch))
        clean = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
        self.process = subprocess.Popen(
            [*emulator, binary, *name.split("/")], env=clean | (env or {}), cwd=self.folder, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=allow_cores,
        )

    def __enter__(self):
        try:
            programs.await_ready(self.process, time.monotonic() + programs.READY_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        """All of it stands still, and not before it has come to rest: who has just said that it is ready may not have gone to sleep yet."""
        deadline = time.monotonic() + REST_SECONDS
        while not sleepers(self.process.pid) and time.monotonic() < deadline:
            time.sleep(0.005)
        self.process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 10
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task")
        while not all(is_stopped(t / "stat") for t in tasks.iterdir()):
            if time.monotonic() > deadline:
                raise programs.Failure("it does not stop")
            time.sleep(0.005)

    def gcore(self):
        result = subprocess.run(
            ["gcore", "-o", self.folder / "gcore", str(self.process.pid)], check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        path = self.folder / f"gcore.{self.process.pid}"
        if not path.exists():
            raise programs.Failure("gcore failed", *result.stdout.splitlines()[-5:])
        return path

    def kernel_core(self):
        """Ends it."""
        dump_as_it_stands(self.process.pid)
        return self.left_core()

    def left_core(self):
        self.process.wait(30)
        cores = list(self.folder.glob("core*"))
        if len(cores) != 1:
            raise programs.Failure(f"{len(cores)} cores, exit status {self.process.returncode}")
        return cores[0]


def is_stopped(stat):
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] in "Tt"
    except (FileNotFoundError, ProcessLookupError):  # the thread has just ended
        return False


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def look(seep, *arguments, status=0, stdin=subprocess.DEVNULL, env=None):
    """What seep writes: standard output of a success, standard error of a failure."""
    try:
        result = subprocess.run(
            [seep, "inspect", *map(str, arguments)], check=False, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=LOOK_SECONDS, env=env,
        )
    except subprocess.TimeoutExpired as error:
        raise programs.Failure(f"seep did not end within {LOOK_SECONDS} s") from error
    if result.returncode == programs.EXIT_NOT_PERMITTED and not programs.may_trace():
        raise programs.Skip("no right to attach to a process here")
    if result.returncode != status:
        raise programs.Failure(f"exit status {result.returncode}, not {status}",
                               *result.stderr.decode("utf-8", "replace").splitlines()[-20:])
    return (result.stderr if status else result.stdout).decode()


# --- what is compared ---

AGES = {"age_ns", "wait_ns"}
# Lines of evidence that tell an age, or what memory the kernel counts.
AGE_TEXT = re.compile(r"\b(?:\d[\d.,]*\s?(?:ns|us|µs|ms|s|min|m|h|d|seconds?|minutes?|hours?|days?))+\b")
CORE_CAVEATS = ("a core file does not say what was resident", "a core has no clock")


def without_ages(value):
    if isinstance(value, dict):
        return {k: without_ages(v) for k, v in value.items() if k not in AGES}
    if isinstance(value, list):
        return [without_ages(v) for v in value]
    return AGE_TEXT.sub("AGE", value) if isinstance(value, str) else value


def comparable(text):
    """The JSON report as text again, without what differs."""
    report = json.loads(text)
    del report["capture"], report["memory"], report["target"]["kind"]
    for finding in report["findings"]:
        if finding["cause"] == "thread-pileup":  # the resident part of the threads' stacks
            del finding["retained_bytes"]
    report["caveats"] = [c for c in report.get("caveats", []) if not c.startswith(CORE_CAVEATS)]
    return json.dumps(without_ages(report), indent=1, ensure_ascii=False)


def check_same(what, live, other, may_differ=lambda live, other: False):
    live, other = comparable(live).splitlines(), comparable(other).splitlines()
    differing = [f"{what}: live {a.strip()[:150]} | {b.strip()[:150]}" for a, b in zip(live, other) if a != b and not may_differ(a, b)]
    if differing or len(live) != len(other):
        raise programs.Failure(*(differing or [f"{what}: one report is longer"])[:8])


def check_capture(seep, live, program, made_types):
    path = program.folder / "capture"
    subprocess.run([seep, "capture", "-q", str(program.process.pid), "-o", path], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    taken = look(seep, "--json", path)
    check_same("capture", live, taken, captures.is_count_of_typed if made_types else lambda live, other: False)
    path.unlink()


def compare(options, binary, name, scratch):
    """Live, captured, gcore's and the kernel's core of one stopped process."""
    with Program(binary, name, scratch) as program:
        time.sleep(0.05)
        program.stop()
        live = look(options.seep, "--json", program.process.pid)
        check_capture(options.seep, live, program, name == captures.FIRST_CASE.replace(" ", "/"))
        if options.gcore:
            core = program.gcore()
            check_same("gcore", live, look(options.seep, "--json", core))
            core.unlink()
        if options.kernel:
            check_same("kernel", live, look(options.seep, "--json", program.kernel_core()))
    return "the four are the same" if options.gcore and options.kernel else "the same"


def found(text):
    """The findings of a report, without ages and sizes."""
    return sorted((f["cause"], f["verdict"], f["count"], f["signature"]) for f in json.loads(text)["findings"])


def kernel_or_gcore(options, program):
    program.stop()
    return program.kernel_core() if options.kernel else program.gcore()


def crash(options, binary, name, scratch):
    """SIGABRT with GOTRACEBACK=crash: other threads and stacks, the same findings."""
    if not options.kernel:
        raise programs.Skip("core_pattern is no plain path")
    with Program(binary, name, scratch, {"GOTRACEBACK": "crash"}) as program:
        live = found(look(options.seep, "--json", program.process.pid))
        program.process.send_signal(signal.SIGABRT)
        core = found(look(options.seep, "--json", program.left_core()))
    if live != core:
        raise programs.Failure(f"live {live}", f"core {core}")
    return f"{len(core)} findings"


def arm64(options, full, flavour, binary, name, wants, scratch):
    """All that is to be found, in the core that qemu writes."""
    with Program(binary, name, scratch, {"GOTRACEBACK": "crash"}, (options.qemu,)) as program:
        time.sleep(0.1)
        program.process.send_signal(signal.SIGABRT)
        program.process.wait(30)
        cores = list(program.folder.glob("qemu_*.core"))
        if len(cores) != 1:
            raise programs.Failure(f"{len(cores)} cores, exit status {program.process.returncode}")
        report = json.loads(look(options.seep, "--json", cores[0], binary))
    if report["target"]["arch"] != "arm64":
        raise programs.Failure(report["target"]["arch"])
    case, variant = name.split("/")
    programs.compare(programs.Run(full, flavour, binary, case, variant, "", wants), report)
    return f"{len(wants)} findings"


# --- forms ---


def expect(text, *parts):
    for part in parts:
        if part not in text:
            raise programs.Failure(f"not said: {part}", text[:400])


def forms(options, release, binary, name, scratch):
    """The ways in which a core and its executable may come."""
    ran = pathlib.Path(shutil.copy2(binary, scratch))
    with Program(ran, name, scratch) as program:
        core = kernel_or_gcore(options, program)
        whole = look(options.seep, "--json", core)
        def same(what, *arguments, **more):
            check_same(what, whole, look(options.seep, "--json", *arguments, **more))
        packed = program.folder / "packed.zst"
        subprocess.run(["zstd", "-q", "-1", core, "-o", packed], check=True)
        same("compressed", packed)
        with open(packed, "rb") as file:
            same("compressed, standard input", "-", stdin=file)
        with subprocess.Popen(["zstd", "-dcq", packed], stdout=subprocess.PIPE) as unpacker:
            same("through a pipe", "-", stdin=unpacker.stdout)
        expect(look(options.seep, packed, status=70, env=os.environ | {"TMPDIR": "/proc"}), "TMPDIR")
        data = packed.read_bytes()
        packed.write_bytes(data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 0x55]) + data[len(data) // 2 + 1:])
        expect(look(options.seep, packed, status=5), "damaged")
        # The executable: under its path, named, beside the core, nowhere, another one.
        same("named", core, binary)
        same("--exe", "--exe", binary, core)
        ran.unlink()
        expect(look(options.seep, core, status=4), "is needed, too", "seep inspect CORE EXE")
        expect(look(options.seep, core, "/bin/true", status=4), "will not do: another program")
        shutil.copy2(binary, program.folder / "any-name")
        same("beside the core", core)
        expect(look(options.seep, core, other_build(release), status=4), "another build")
    expect(look(options.seep, scratch, status=2), "GOTRACEBACK=crash")
    expect(look(options.seep, binary, status=4), "a program, not a core file")
    return "all forms"


def other_build(release):
    """The same program, stripped by the linker: another build id, though all the code lies where it lay."""
    return programs.build_program(release, "ldflags")


def not_go(options, scratch):
    """A core of another program: as for processes."""
    if not options.gcore:
        raise programs.Skip("gcore is not installed")
    with subprocess.Popen(["sleep", "60"], cwd=scratch) as process:
        time.sleep(0.1)
        subprocess.run(["gcore", "-o", pathlib.Path(scratch) / "sleep", str(process.pid)], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.kill()
    expect(look(options.seep, pathlib.Path(scratch) / f"sleep.{process.pid}", status=4), "not a Go program")
    return "refused"


def everything_dumped(options, flavour, binary, name, scratch):
    """With all bits of coredump_filter the executable comes from the core itself."""
    if not options.kernel:
        raise programs.Skip("core_pattern is no plain path")
    with Program(shutil.copy2(binary, pathlib.Path(scratch) / "gone"), name, scratch) as program:
        pathlib.Path(f"/proc/{program.process.pid}/coredump_filter").write_text("0x3f", encoding="ascii")
        program.stop()
        live = look(options.seep, "--json", program.process.pid)
        core = program.kernel_core()
        (pathlib.Path(scratch) / "gone").unlink()
        taken = look(options.seep, "--json", core)
    # What the loader does not load is in no core: symbols, and DWARF with the types that only it tells.
    if "stripped" in flavour:
        check_same("all in the core", live, taken)
    elif found(live) != found(taken):
        raise programs.Failure(f"live {found(live)}", f"core {found(taken)}")
    return "from the core"


# --- damage ---


def damaged(options, scratch, core, binary, *arguments):
    """The last line of the tool; the core is its own copy."""
    copy = pathlib.Path(tempfile.mkdtemp(dir=scratch)) / "core"
    subprocess.run(["cp", "--sparse=always", core, copy], check=True)
    result = subprocess.run(
        [options.damaged, copy, binary, *map(str, arguments)], check=False, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    shutil.rmtree(copy.parent)
    lines = result.stdout.splitlines()
    if result.returncode != 0 or not lines:
        raise programs.Failure(f"{' '.join(map(str, arguments))}:", *lines[-10:], *result.stderr.splitlines()[:40])
    return lines[-1]


def cuts(options, binary, name, scratch):
    """Without each of its mappings; cut at some thirty places; the first case with --all at every 4 KiB."""
    with Program(binary, name, scratch, {"GOMAXPROCS": "1"}) as program:
        core = kernel_or_gcore(options, program)
        size = core.stat().st_size
        page = 4096
        without = damaged(options, scratch, core, binary, "drop", 0, 1 << 16, 1) + "; "
        if options.all and name == CUT_CASES[0]:
            return without + damaged(options, scratch, core, binary, "cut", size - page, 0, page)
        # The last megabytes are what a report can do without; from there on only errors are left.
        step = max(page, size // 10 // page * page)
        near = damaged(options, scratch, core, binary, "cut", size - page, size - 20 * 32 * page, 32 * page)
        return without + near + "; " + damaged(options, scratch, core, binary, "cut", size - page, 0, step)


def flips(options, binary, name, rounds, seed, scratch):
    with Program(binary, name, scratch, {"GOMAXPROCS": "1"}) as program:
        core = kernel_or_gcore(options, program)
        head = damaged(options, scratch, core, binary, "flip", seed, rounds // 2, 1 << 13)
        return "headers: " + head + "; all: " + damaged(options, scratch, core, binary, "flip", seed, rounds // 2, 0)


# --- the whole ---


def binaries(options, tally, flavours):
    """(release, flavour, path of the binary) for each that can be built."""
    sources = programs.source_hash()
    for release in options.release:
        for flavour in flavours:
            try:
                go, full = programs.go_command(release)
                yield full, flavour, programs.build(go, full, flavour, sources)
            except programs.Skip as reason:
                tally.add("skipped", f"go{release} {flavour}", [str(reason)])
            except programs.Failure as failure:
                tally.add("failed", f"go{release} {flavour}", failure.lines)


def cases_of(options, binary, everything, number):
    """Those that are asked for and that the binary has; else with --all some of many kinds, or all; else one, another for each binary."""
    output = subprocess.run([binary, "list"], capture_output=True, text=True, check=True).stdout
    have = ["/".join(line.split()) for line in output.splitlines()]
    some = QUICK_CASES + CUT_CASES if options.all else [QUICK_CASES[(number + number // 4) % 4]]
    wanted = options.case or (None if everything else some)
    return [name for name in have if name.split("/")[0] not in RESTLESS and (not wanted or name in wanted)]


def arm64_tasks(options, tally):
    """Of other releases and stripped as well with --all, and of the newest, unstripped, then all cases."""
    if not options.qemu:
        tally.add("skipped", "arm64", ["qemu-aarch64 (qemu-user) is not installed"])
        return
    wants, _ = programs.read_wants()
    for full, flavour, binary in binaries(options, tally, ARM64 if options.all else ["arm64"]):
        output = subprocess.run([options.qemu, binary, "list"], capture_output=True, text=True, check=True).stdout
        have = ["/".join(line.split()) for line in output.splitlines()]
        everything = options.all and full.startswith("1.27") and flavour == "arm64"
        for name in have:
            wanted = name in options.case if options.case else (everything and name not in ARM64_WITHOUT) or name in ARM64_CASES
            if name.split("/")[0] in RESTLESS or not wanted:
                continue
            expected = tuple(w for w in wants.get(tuple(name.split("/")), ()) if w.applies(full, ""))
            yield f"go{full} {flavour} {name}", arm64, (full, flavour, binary, name, expected)


def tasks(options, tally):
    """(name, function, arguments) of everything."""
    first = {}
    yield from arm64_tasks(options, tally)
    for number, (full, flavour, binary) in enumerate(binaries(options, tally, options.flavour)):
        label = f"go{full} {flavour}"
        everything = options.all and full.startswith("1.27") and flavour == "plain"
        for name in cases_of(options, binary, everything, number):
            yield f"{label} {name}", compare, (binary, name)
        if flavour == "plain":
            first.setdefault("oldest", (full, binary))
            first["newest"] = (full, binary)
            if options.all or not full.startswith("1.22"):
                yield f"{label} crash", crash, (binary, "send-blocked/leak")
        if options.all or (full.startswith("1.27") and flavour in ("stripped", "pie")):
            yield f"{label} all dumped", everything_dumped, (flavour, binary, "receive-blocked/leak-chain")
    if not first:
        return
    for full, binary in set(first.values()) if options.all else [first["newest"]]:
        yield f"go{full} forms", forms, (full, binary, "send-blocked/leak")
    yield "not Go", lambda options, scratch: not_go(options, scratch), ()
    if not options.damaged:
        tally.add("skipped", "cuts and flips", ["--damaged names no program"])
        return
    (_, oldest), (_, newest) = first["oldest"], first["newest"]
    for number, name in enumerate(CUT_CASES if options.all else CUT_CASES[:QUICK_CUTS]):
        for binary in (oldest, newest) if options.all else (newest if number % 2 else oldest,):
            yield f"cuts of {name}", cuts, (binary, name)
    for seed, name in enumerate(CUT_CASES if options.all else CUT_CASES[:QUICK_FLIPS]):
        rounds = 10000 // len(CUT_CASES) + 1 if options.all else 100
        yield f"flips of {name}", flips, (newest if seed % 2 else oldest, name, rounds, 1 + seed * 100000)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seep", default=programs.ROOT / "build" / "seep", type=pathlib.Path, metavar="PATH")
    parser.add_argument("--damaged", type=pathlib.Path, metavar="PATH", help="damaged_core, for cuts and flips")
    parser.add_argument("--all", action="store_true", help="all releases and flavours, all cases of one, more cuts, and 10,000 flips")
    parser.add_argument("--release", action="append", metavar="R")
    parser.add_argument("--flavour", action="append", choices=FLAVOURS)
    parser.add_argument("--case", action="append", metavar="CASE/VARIANT")
    parser.add_argument("--only", default="", metavar="TEXT", help="what has TEXT in its name")
    parser.add_argument("-j", type=int, default=2, metavar="N", help="at a time")
    parser.add_argument("-v", action="store_true", help="print what passed, too")
    options = parser.parse_args()
    if options.all and not options.release:
        text = (programs.ROOT / "tools" / "go-releases.txt").read_text(encoding="ascii")
        options.release = [line for line in text.split("\n") if line and not line.startswith("#")]
    options.release = options.release or QUICK_RELEASES
    options.flavour = options.flavour or FLAVOURS
    options.gcore = shutil.which("gcore")
    options.kernel = kernel_cores()
    options.qemu = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    options.seep = options.seep.resolve()
    options.damaged = options.damaged and options.damaged.resolve()
    return options


def main():
    options = parse_options()
    tally = programs.Tally(options.v)
    if not options.gcore:
        tally.add("skipped", "gcore", ["gcore (gdb) is not installed"])
    if not options.kernel:
        tally.add("skipped", "kernel", ["/proc/sys/kernel/core_pattern is no plain path: no cores of the kernel's"])

    def one(task):
        name, run, arguments = task
        try:
            with tempfile.TemporaryDirectory(prefix="seep-test-", dir="/var/tmp") as scratch:
                tally.add("passed", name, [run(options, *arguments, scratch=scratch)])
        except programs.Skip as reason:
            tally.add("skipped", name, [str(reason)])
        except programs.Failure as failure:
            tally.add("failed", name, failure.lines)
        except Exception as error:  # the runner's own bug must not pass for a success
            tally.add("failed", name, [f"the runner failed: {error!r}"])

    chosen = [task for task in tasks(options, tally) if options.only in task[0]]
    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        list(pool.map(one, chosen))
    sys.exit(tally.close())


if __name__ == "__main__":
    main()
