#!/usr/bin/env python3
"""Captures: the same reports as of the process, nothing in them that should not be, whole or not there, damage noticed.

    same      One copy of a process is analysed and captured (build/tests/both), the capture is looked at with seep: inspect, top and
              why give the same seep/1, byte for byte but for target.kind and capture.total_ns. For releases and kinds of binaries.
    secrets   Strings that a program has in its memory (captures/main.go), its arguments and its environment are not in the decompressed
              bytes; those which docs/captures.md says are kept are. With --with-values they are, and change no report.
    writing   Disk full, seep killed, program ended, standard output: a whole capture or none, the older one kept, the program unharmed.
    when      --when: each quantity below and above its value, limits of control groups, what ends the wait otherwise, what it costs.
    damage    build/tests/damaged_capture: cut at every 4 KiB, bits flipped, and changed but with right checksums.

Usage: captures.py [--build FOLDER] [--all] [--seed N] [TEST...]

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import resource
import secrets
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

import run_programs as programs

HERE = pathlib.Path(__file__).resolve().parent
RELEASES = ("1.18", "1.22", "1.27")
ALL_RELEASES = tuple(f"1.{minor}" for minor in range(18, 28))
FLAVOURS = ("plain", "stripped", "pie", "cgo")
# With all kinds of types, and one of each kind that a finding rests on; two for each binary, in turn, and all with --all.
FIRST_CASE = "alltypes idle"
CASES = (
    "mutex-held leak", "subslice leak", "ticker leak", "rwmutex leak", "send-blocked leak", "waitgroup leak", "finalizer-stuck leak",
    "pool-bloat leak", "once leak", "map-bloat leak", "semaphore leak", "select-blocked leak", "lost-elements leak", "cond leak",
)
EXIT_INTERNAL, EXIT_USAGE, EXIT_GONE, EXIT_UNSUPPORTED, EXIT_NOT_MET = 70, 2, 5, 4, 7
CHUNK_HEADER = struct.Struct("<IIII")
FIRST_LINE = b"seep capture 1\n"


def check(condition, *lines):
    if not condition:
        raise programs.Failure(*map(str, lines))


class Program:
    """A running program that has said `ready`."""

    def __init__(self, command, said=b"", preexec_fn=None, **environment):
        env = {k: v for k, v in os.environ.items() if not k.startswith("GO")} | environment
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env,
                                        preexec_fn=preexec_fn)
        self.pid = self.process.pid
        try:
            self.process.stdin.write(said)
            self.process.stdin.flush()
            programs.await_ready(self.process, time.monotonic() + programs.READY_SECONDS)
        except programs.Failure:
            self.end()
            raise

    def do(self, *lines):
        """Has it obey each line, of tests/watched."""
        for line in lines:
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()
            programs.await_ready(self.process, time.monotonic() + programs.READY_SECONDS)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def run(command, **options):
    return subprocess.run(
        list(map(str, command)), check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )


# --- the same reports ---


def without_its_own(text):
    """The report's lines without those in which a capture must differ."""
    report = json.loads(text)
    check(report["schema"] == "seep/1", "no report of schema seep/1")
    return [line for line in text.decode().splitlines() if '"total_ns"' not in line and '"kind": "live"' not in line
            and '"kind": "capture"' not in line]


# Of types that a program makes with reflect the pointer maps are in memory without pointers: an attach knows those that lie beside what
# it copies, by chance, and a capture none.
COUNT_OF_TYPED = re.compile(r'\s*"(typed_objects|typed_bytes|count|bytes|retained_bytes)": (\d+),?')


def is_count_of_typed(ours, theirs):
    a, b = COUNT_OF_TYPED.fullmatch(ours), COUNT_OF_TYPED.fullmatch(theirs)
    return a and b and a[1] == b[1] and abs(int(a[2]) - int(b[2])) <= int(b[2]) / 100


def compare_one(options, binary, case, scratch, looks):
    exact = 0
    with Program([binary, *case.split()]) as program:
        for number, look in enumerate(looks):
            path = scratch / f"{program.pid}.{number}"
            live = run([options.build / "tests" / "both", program.pid, path, *look])
            check(live.returncode == 0, f"{case}: {live.stderr.decode()}")
            extra = ["--all"] if look[0] == "inspect" else look[1:]
            kept = run([options.build / "seep", look[0], path, *extra, "--json"])
            path.unlink()
            check(kept.returncode == 0, f"{case}: {kept.stderr.decode()}")
            check('"kind": "capture"' in kept.stdout.decode(), "not told as a capture")
            ours, theirs = without_its_own(kept.stdout), without_its_own(live.stdout)
            pairs = [(a, b) for a, b in zip(ours, theirs) if a != b]
            differences = [f"{a!r} of the capture, {b!r} of the process" for a, b in pairs]
            made_types = case == FIRST_CASE and all(is_count_of_typed(a, b) for a, b in pairs)
            check(len(ours) == len(theirs) and (not pairs or made_types), f"{case}: {look[0]} differs:", *differences[:10])
            exact += not pairs
    return len(looks), exact


def compare_binary(options, release, flavour, cases, scratch):
    binary = programs.build_program(release, flavour)
    results = [compare_one(options, binary, FIRST_CASE, scratch, [["inspect"], ["top"], ["why", "[]uint8"]])]
    for case in cases:
        results.append(compare_one(options, binary, case, scratch, [["inspect"]]))
    count, exact = map(sum, zip(*results))
    return f"{exact} reports are the same" + (f", {count - exact} but for types made by reflect" if exact < count else "")


def test_same(options, tally):
    releases = ALL_RELEASES if options.all else RELEASES
    pairs = [(release, flavour) for release in releases for flavour in FLAVOURS]
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(2) as pool:
        tasks = []
        for number, (release, flavour) in enumerate(pairs):
            cases = CASES if options.all else [CASES[(2 * number + i) % len(CASES)] for i in range(2)]
            tasks.append(pool.submit(tally.one, f"same, go{release} {flavour}", compare_binary, options, release, flavour, cases,
                                     pathlib.Path(scratch)))
        for task in tasks:
            task.result()


# --- secrets ---


def contents(path):
    """The decompressed bytes of the chunks of a capture, with their types."""
    data = path.read_bytes()
    check(data.startswith(FIRST_LINE), "it begins otherwise")
    at, found = len(FIRST_LINE), []
    while at < len(data):
        kind, packed, length, _ = CHUNK_HEADER.unpack_from(data, at)
        frame = data[at + CHUNK_HEADER.size : at + CHUNK_HEADER.size + packed]
        result = subprocess.run(["zstd", "-dcq"], input=frame, stdout=subprocess.PIPE, check=True)
        check(len(result.stdout) == length, "a chunk is not as long as it says")
        found.append((kind, result.stdout))
        at += CHUNK_HEADER.size + packed
    return found


TYPE_VALUES, TYPE_END = 9, 10


def without_values(path, to):
    """The same capture without the chunks that --with-values adds: the rest must not depend on them."""
    data = path.read_bytes()
    at, crc, count, out = len(FIRST_LINE), 0, 0, [FIRST_LINE]
    while at < len(data):
        kind, packed, length, _ = CHUNK_HEADER.unpack_from(data, at)
        frame = data[at + CHUNK_HEADER.size : at + CHUNK_HEADER.size + packed]
        at += CHUNK_HEADER.size + packed
        if kind == TYPE_VALUES:
            continue
        if kind == TYPE_END:
            totals = list(struct.unpack("<QQQQ", subprocess.run(["zstd", "-dcq"], input=frame, stdout=subprocess.PIPE, check=True).stdout))
            totals[0], totals[3] = count, 0
            frame = subprocess.run(["zstd", "-cq"], input=struct.pack("<QQQQ", *totals), stdout=subprocess.PIPE, check=True).stdout
        header = struct.pack("<III", kind, len(frame), length)
        crc = zlib.crc32(frame, zlib.crc32(header, crc))
        out += [header, struct.pack("<I", crc), frame]
        count += 1
    to.write_bytes(b"".join(out))


def look_for_values(options, release, pause, scratch):
    """With --with-values they are there, in a place of their own, and a report is the same but for the field that says so."""
    hidden = secrets.token_hex(16)
    path, bare = scratch / f"values.{release}.{pause}", scratch / f"bare.{release}.{pause}"
    with Program([programs.build_program(release, source_folder=HERE / "captures")], f"{hidden}\nshown\n".encode()) as program:
        result = run([options.build / "seep", "capture", program.pid, "-o", path, f"--pause={pause}", "--with-values"])
        if b"pre-copy is not to be had" in result.stderr:
            raise programs.Skip(result.stderr.decode().strip())
        check(result.returncode == 0 and b"contents of strings" in result.stderr, result.stderr.decode())
    found = contents(path)
    values = [data for kind, data in found if kind == TYPE_VALUES]
    for tag in ("key 0199", "value 0199", "element 0199", "bytes 0199", "token 0199", "boxed 0199", "sent 0003"):
        check(any(f"{tag} {hidden}".encode() in data for data in values), f"{tag} is not in the capture")
    check(not any(hidden.encode() in data for kind, data in found if kind != TYPE_VALUES), "they are in other chunks, too")
    without_values(path, bare)
    reports = []
    for file in (path, bare):
        result = run([options.build / "seep", "inspect", file, "--all", "--json"])
        check(result.returncode == 0, result.stderr.decode())
        report = json.loads(result.stdout)
        del report["capture"]["total_ns"]
        reports.append(report)
    check(reports[0]["capture"].pop("values_bytes", 0) > 100_000, "the report does not say that values are in it")
    check(reports[0] == reports[1], "the report depends on values")
    return f"{sum(map(len, values)) / 1e6:.1f} MB of values, {path.stat().st_size / 1e6:.1f} MB as a file"


def look_for_secrets(options, release, pause, cgo, scratch):
    hidden, shown, in_environment, in_arguments = (secrets.token_hex(16) for _ in range(4))
    path = scratch / f"secrets.{release}.{pause}"
    with Program([programs.build_program(release, "cgo" if cgo else "plain", HERE / "captures"), "--password", in_arguments], f"{hidden}\n{shown}\n".encode(), PASSWORD=in_environment,
                 GOGC="123") as program:
        result = run([options.build / "seep", "capture", program.pid, "-o", path, f"--pause={pause}"])
        if b"pre-copy is not to be had" in result.stderr:
            raise programs.Skip(result.stderr.decode().strip())
        check(result.returncode == 0, result.stderr.decode())
        # What memory has is not what an attach could not see.
        memory = pathlib.Path(f"/proc/{program.pid}/mem")
        check(in_memory(memory, program.pid, hidden.encode()) > 1000, "the program does not have the secrets")
    found = contents(path)
    for name, secret in (("memory", hidden), ("the environment", in_environment), ("the arguments", in_arguments)):
        for kind, data in found:
            at = data.find(secret.encode())
            check(at < 0, f"a secret of {name} is in a chunk of type {kind}: {data[max(at - 60, 0) : at + 60]!r}")
    check(any(shown.encode() in data for _, data in found), "what is kept is not found either: the search is no good")
    check(any(b"123" in data for kind, data in found if kind == 1), "GOGC is not kept")
    check(run([options.build / "seep", "inspect", path]).returncode == 0, "the capture cannot be read")
    return f"{sum(len(data) for _, data in found) / 1e6:.1f} MB searched, {path.stat().st_size / 1e6:.1f} MB as a file"


def in_memory(memory, pid, secret):
    count = 0
    with open(memory, "rb", buffering=0) as file:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            bounds, permissions = line.split()[:2]
            if not permissions.startswith("rw"):
                continue
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            for at in range(start, end, 64 << 20):
                try:
                    file.seek(at)
                    count += file.read(min(end - at, 64 << 20)).count(secret)
                except OSError:
                    break
    return count


def test_secrets(options, tally):
    with tempfile.TemporaryDirectory() as scratch:
        for release in ALL_RELEASES if options.all else ("1.18", "1.27"):
            tally.one(f"with values, go{release}", look_for_values, options, release, "stop", pathlib.Path(scratch))
            for pause in ("stop", "precopy"):
                tally.one(f"secrets, go{release}, --pause={pause}", look_for_secrets, options, release, pause, False, pathlib.Path(scratch))
        tally.one("with values, --pause=precopy", look_for_values, options, "1.27", "precopy", pathlib.Path(scratch))
        tally.one("secrets, with cgo", look_for_secrets, options, "1.22", "auto", True, pathlib.Path(scratch))


# --- writing ---


def check_untouched(folder, path, old):
    """Nothing but the older file is there."""
    check(path.read_bytes() == old, "the older file was changed")
    check(os.listdir(folder) == [path.name], f"left behind: {os.listdir(folder)}")


def check_disk_full(options, program, folder):
    path = folder / "file"
    path.write_bytes(b"old")
    for limit in (0, 4096, 1 << 20):
        result = run([options.build / "seep", "capture", program.pid, "-o", path],
                     preexec_fn=lambda size=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
        check(result.returncode == EXIT_INTERNAL, f"status {result.returncode} with room for {limit}", result.stderr.decode())
        check(b"cannot write" in result.stderr, result.stderr.decode())
        check_untouched(folder, path, b"old")
    return "refused three times"


def check_killed(options, program, folder, times, generator):
    path = folder / "file"
    path.write_bytes(b"old")
    took, whole = 60, 0  # the first is let be
    for _ in range(times):
        began = time.monotonic()
        with subprocess.Popen([options.build / "seep", "capture", "-q", str(program.pid), "-o", path], stderr=subprocess.DEVNULL) as seep:
            try:
                seep.wait(generator.uniform(0, took) if whole else took)
            except subprocess.TimeoutExpired:
                seep.send_signal(generator.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
                seep.wait()
            if seep.returncode == 0:
                took = 1.2 * (time.monotonic() - began)
        if path.read_bytes() != b"old":
            whole += 1
            check(run([options.build / "seep", "inspect", path]).returncode == 0, "it is not whole")
            path.write_bytes(b"old")
        check_untouched(folder, path, b"old")
    check(programs.status_field(program.pid, "TracerPid") == "0" and programs.status_field(program.pid, "State")[0] in "SR",
          "the program was left stopped")
    return f"{times} times, of which {whole} were whole"


def check_ended(options, binary, folder, times, generator):
    """The program ends while it is captured: what was copied before is a whole capture, else there is none."""
    path, whole = folder / "file", 0
    for _ in range(times):
        with Program([binary, *FIRST_CASE.split()]) as program:
            path.write_bytes(b"old")
            with subprocess.Popen([options.build / "seep", "capture", str(program.pid), "-o", path], stderr=subprocess.PIPE) as seep:
                time.sleep(generator.uniform(0, 0.1))
                program.process.kill()
                said = seep.communicate(timeout=60)[1].decode()
        if seep.returncode == 0:
            whole += 1
            check(run([options.build / "seep", "inspect", path]).returncode == 0, "it is not whole")
            path.write_bytes(b"old")
        else:
            check(seep.returncode == EXIT_GONE and said.startswith("seep: "), f"status {seep.returncode}", said)
        check_untouched(folder, path, b"old")
    return f"{times} times, of which {whole} were whole"


def check_no_reader(options, program):
    """Nobody reads, or not to the end; a device is full."""
    seep = [options.build / "seep", "capture", str(program.pid), "-o"]
    for taken in (0, 1000):
        with subprocess.Popen([*seep, "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
            os.read(writer.stdout.fileno(), taken) if taken else None
            writer.stdout.close()
            said = writer.stderr.read().decode()
            check(writer.wait() == EXIT_INTERNAL and "Broken pipe" in said, f"status {writer.returncode}, after {taken} bytes", said)
    result = run([*seep, "/dev/full"])
    check(result.returncode == EXIT_INTERNAL and b"No space left" in result.stderr, f"status {result.returncode}", result.stderr.decode())
    return "said, with its status"


def check_refused(options, program, folder):
    """Versions, damage, and what is no place for a capture."""
    seep, path = options.build / "seep", folder / "file"
    result = run([seep, "capture", program.pid, "-o", "-"])
    check(result.returncode == 0 and result.stdout.startswith(FIRST_LINE), "not written to standard output")
    path.write_bytes(result.stdout)
    check(run([seep, "top", path]).returncode == 0, "that of standard output cannot be read")
    for what, data, status, words in (
        ("another version", b"seep capture 2\n" + result.stdout[15:], EXIT_UNSUPPORTED, b"version '2'"),
        ("cut short", result.stdout[:100000], EXIT_GONE, b"cut short"),
        ("damaged", result.stdout[:100000] + b"\0" + result.stdout[100001:] + b"", EXIT_GONE, b"damaged"),
        ("followed by more", result.stdout + b"\n", EXIT_GONE, b"follows its end"),
    ):
        path.write_bytes(data)
        refused = run([seep, "inspect", path])
        check(refused.returncode == status and words in refused.stderr, f"{what}: {refused.returncode}", refused.stderr.decode())
    for place, status in ((folder, EXIT_INTERNAL), (folder / "none" / "file", EXIT_INTERNAL)):
        check(run([seep, "capture", program.pid, "-o", place]).returncode == status, f"{place} was taken")
    check(run([seep, "capture", program.pid]).returncode == EXIT_USAGE, "no -o")
    path.unlink()
    check(run([seep, "capture", 4194303, "-o", path]).returncode == EXIT_GONE and not path.exists(), "of no process")
    return "each with its status"


def test_writing(options, tally):
    binary = programs.build_program("1.27", "stripped")
    with Program([binary, *FIRST_CASE.split()]) as program, tempfile.TemporaryDirectory() as top:
        folders = [pathlib.Path(top) / str(i) for i in range(4)]
        for folder in folders:
            folder.mkdir()
        tally.one("writing, disk full", check_disk_full, options, program, folders[0])
        tally.one("writing, seep killed", check_killed, options, program, folders[1], 200 if options.all else 20, random.Random(options.seed))
        tally.one("writing, program ended", check_ended, options, binary, folders[3], 50 if options.all else 5, random.Random(options.seed))
        tally.one("writing, no reader", check_no_reader, options, program)
        tally.one("writing and reading what cannot be", check_refused, options, program, folders[2])


# --- when ---

MB, RT_SIGTIMEDWAIT = 1 << 20, 128


class Watching:
    """seep capture --when, while it waits."""

    started = []

    def __init__(self, options, pid, folder, conditions, *arguments, preexec_fn=None):
        self.path = folder / "file"
        command = [options.build / "seep", "capture", str(pid), "-o", self.path, *arguments]
        for condition in conditions:
            command += ["--when", condition]
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=preexec_fn)
        self.started.append(self.process)

    def is_between_looks(self):
        try:
            return int(pathlib.Path(f"/proc/{self.process.pid}/syscall").read_text().split()[0]) == RT_SIGTIMEDWAIT
        except (OSError, ValueError):  # it ended, or runs
            return False

    def expect_waiting(self):
        """After the first looks it still waits."""
        deadline = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < deadline and not self.is_between_looks():
            time.sleep(0.02)
        try:
            said = self.process.communicate(timeout=0.4)[1].decode()
        except subprocess.TimeoutExpired:
            return
        raise programs.Failure(f"it ended with {self.process.returncode}", said)

    def end(self, status, *words):
        """What it said; it must end by itself with this status, and all of the words be in it."""
        try:
            said = self.process.communicate(timeout=60)[1].decode()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise programs.Failure("it waits on", self.process.communicate()[1].decode()) from None
        check(self.process.returncode == status, f"status {self.process.returncode}, not {status}", said)
        check(all(word in said for word in words), f"not all of {words} in what it said", said)
        check(self.path.exists() == (status == 0), "a capture is there" if status else "there is no capture")
        check(len(list(self.path.parent.iterdir())) == (status == 0), f"left behind: {list(self.path.parent.iterdir())}")
        return said


def amount(said, quantity):
    """What the quantity was when the condition was met, of a line such as `seep: rss 1.2 GiB is above 1.0 GiB, after 3.1 s`."""
    match = re.search(rf"{quantity} ([\d,.]+)(?: ([KMG])iB)? is above", said)
    check(match, f"no {quantity} is above anything", said)
    return float(match[1].replace(",", "")) * (1024 ** (" KMG".index(match[2])) if match[2] else 1)


def limit_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))


# What is done before, what does not suffice, what does; the quantity at the end is between these.
QUANTITIES = {
    "goroutines>1000": (("goroutines 3000", "goroutines 500"), "goroutines 900", "goroutines 1100", 1101, 1130),
    "heap>64MiB": ((), "heap 40", "heap 40", 80 * MB, 110 * MB),
    "rss > 0.15GB": ((), "outside 80", "outside 80", 160 * MB, 200 * MB),
    "threads>20": ((), "threads 5", "threads 20", 25, 60),
    "fds>50%": ((), "files 60", "files 120", 120, 140),
}


def watch_quantity(options, release, condition, folder):
    before, little, enough, least, most = QUANTITIES[condition]
    with Program([programs.build_program(release, source_folder=HERE / "watched")], preexec_fn=limit_files) as program:
        program.do(*before)
        watching = Watching(options, program.pid, folder, ["heap>1TiB", condition])
        program.do(little)
        watching.expect_waiting()
        check(programs.status_field(program.pid, "TracerPid") == "0", "it is traced while it is watched")
        program.do(enough)
        watching.end(0)  # perhaps caught on its way there, so once more:
        watching.path.unlink()
        said = Watching(options, program.pid, folder, [condition]).end(0)
    quantity = condition.split(">")[0].strip()
    found = amount(said, quantity)
    check(least <= found <= most, f"{found} is not between {least} and {most}", said)
    report = run([options.build / "seep", "inspect", folder / "file", "--json"])
    check(report.returncode == 0, report.stderr.decode())
    if quantity == "goroutines":
        total = json.loads(report.stdout)["goroutines"]["total"]
        check(total == found, f"{found} goroutines, and the report has {total}")
    return said.splitlines()[0]


def make_groups():
    """Two control groups for memory, one in the other, of whichever version is here; (outer, inner, name of the limit)."""
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        outer = pathlib.Path(root) / f"seep-test-{os.getpid()}"
        try:
            if limit == "memory.max":
                (pathlib.Path(root) / "cgroup.subtree_control").write_text("+memory")
            outer.mkdir()
        except OSError:
            continue
        inner = outer / "inner"
        try:
            if limit == "memory.max":
                (outer / "cgroup.subtree_control").write_text("+memory")
            inner.mkdir()
            if (inner / limit).exists():
                return outer, inner, limit
        except OSError:
            pass
        for group in (inner, outer):
            if group.exists():
                group.rmdir()
    raise programs.Skip("no control group can be made here")


def watch_group(options, release, folder):
    """The limit of the group above counts, of the process and not of seep, and as it is now."""
    outer, inner, limit = make_groups()
    try:
        (outer / limit).write_text(str(200 * MB))
        (inner / limit).write_text(str(400 * MB))
        with Program([programs.build_program(release, source_folder=HERE / "watched")],
                     preexec_fn=lambda: (inner / "cgroup.procs").write_text(str(os.getpid()))) as program:
            watching = Watching(options, program.pid, folder, ["rss>50%"])
            program.do("outside 50")
            watching.expect_waiting()
            (outer / limit).write_text(str(300 * MB))
            program.do("outside 60")
            watching.expect_waiting()
            (outer / limit).write_text(str(160 * MB))
            said = watching.end(0, "is above 80.0 MiB (50 %)")
            # In the same group, seep says that it shares the limit.
            (folder / "file").unlink()
            watching = Watching(options, program.pid, folder, ["rss>99%"], "--within", "10ms",
                                preexec_fn=lambda: (inner / "cgroup.procs").write_text(str(os.getpid())))
            watching.end(EXIT_NOT_MET, "share a memory limit")
        return said.splitlines()[0]
    finally:
        for group in (inner, outer):
            group.rmdir()


def watch_climbing(options, release, folder):
    """What climbs steadily, by 200 MB a second, is caught close to the value."""
    for _ in range(5):
        steps = []
        with Program([programs.build_program(release, source_folder=HERE / "watched")]) as program:
            watching = Watching(options, program.pid, folder, ["rss>300MiB"])
            while watching.process.poll() is None and len(steps) < 125:
                program.do("outside 4")
                steps.append(time.monotonic())
                time.sleep(0.02)
            said = watching.end(0)
        if amount(said, "rss") < 400 * MB:
            return said.splitlines()[0]
        # On a busy machine it may have climbed by fits and starts, which nobody can foresee.
        slowest = max(later - step for step, later in zip(steps, steps[10:]))
        check(slowest < 0.5, "it was caught late", said)
        (folder / "file").unlink()
    raise programs.Skip("the machine is too busy for a steady climb")


def watch_ends(options, release, folder):
    """How the wait ends if no condition is met."""
    binary = programs.build_program(release, source_folder=HERE / "watched")
    with Program([binary]) as program:
        watching = Watching(options, program.pid, folder, ["goroutines>1000", "rss>90%"], "--within", "1.3s")
        watching.end(EXIT_NOT_MET, "no condition was met", "goroutines at most", "of 1,000, rss")
        took = time.monotonic() - watching.began
        check(1.3 <= took < 8, f"after {took} s, not 1.3")
        for number in (signal.SIGINT, signal.SIGTERM):
            watching = Watching(options, program.pid, folder, ["goroutines>1000"])
            watching.expect_waiting()
            watching.process.send_signal(number)
            watching.end(-number)
        # As nohup starts it.
        watching = Watching(options, program.pid, folder, ["goroutines>1000"], "--within", "1s",
                            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        watching.process.send_signal(signal.SIGHUP)
        watching.expect_waiting()
        watching.end(EXIT_NOT_MET)
        watching = Watching(options, program.pid, folder, ["goroutines>1000"])
        watching.expect_waiting()
        program.process.stdin.write(b"exec 60\n")
        program.process.stdin.flush()
        watching.end(EXIT_GONE, "ended or executed another program", "nothing was captured", "goroutines at most")
    with Program([binary]) as program:
        watching = Watching(options, program.pid, folder, ["threads>1000"])
        watching.expect_waiting()
        program.process.kill()  # and is a zombie until somebody asks for it
        watching.end(EXIT_GONE, "ended", "nothing was captured", "threads ")
    return "time, signals, exec, end"


def watch_refused(options, release, folder):
    """At once what would go wrong later."""
    none = folder / "none" / "file"
    with Program([programs.build_program(release, source_folder=HERE / "watched")]) as program:
        for pid, path, arguments, status in (
            (program.pid, folder / "file", ["--within", "1s"], EXIT_USAGE),
            (program.pid, folder / "file", ["--when", "goroutines>10%"], EXIT_USAGE),
            (program.pid, folder / "file", ["--when", "rss>80"], EXIT_USAGE),
            (program.pid, folder / "file", ["--when", "rss"], EXIT_USAGE),
            (program.pid, folder / "file", ["--when", "rss>80%", "--within", "1001h"], EXIT_USAGE),
            (program.pid, none, ["--when", "rss>99%"], EXIT_INTERNAL),
            (4194303, folder / "file", ["--when", "rss>99%"], EXIT_GONE),
            (os.getpid(), folder / "file", ["--when", "rss>99%"], EXIT_UNSUPPORTED),
        ):
            result = run([options.build / "seep", "capture", pid, "-o", path, *arguments], timeout=20)
            check(result.returncode == status, f"{arguments}: {result.returncode}, not {status}", result.stderr.decode())
            check(not os.listdir(folder), f"left behind: {os.listdir(folder)}")
    return "each with its status"


def test_when(options, tally):
    releases = ALL_RELEASES if options.all else ("1.27",)
    with tempfile.TemporaryDirectory() as top, concurrent.futures.ThreadPoolExecutor(8) as pool:
        tasks = []

        def start(name, function, *arguments):
            folder = pathlib.Path(top) / str(len(tasks))
            folder.mkdir()
            tasks.append(pool.submit(tally.one, name, function, options, *arguments, folder))

        for release in releases:
            for condition in QUANTITIES:
                start(f"when {condition}, go{release}", watch_quantity, release, condition)
        start("when nothing is met", watch_ends, "1.27")
        start("when rss>50% of a control group", watch_group, "1.27")
        start("when rss climbs", watch_climbing, "1.27")
        start("when it is no good", watch_refused, "1.27")
        for task in tasks:
            task.result()
    for process in Watching.started:  # by a test that failed
        if process.poll() is None:
            process.kill()
            process.wait()


# --- damage ---


def check_damage(options, release, flips, resealed):
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "file"
        with Program([programs.build_program(release, "stripped"), *FIRST_CASE.split()]) as program:
            result = run([options.build / "seep", "capture", program.pid, "-o", path, "--with-values"])
            check(result.returncode == 0, result.stderr.decode())
        result = run([options.build / "tests" / "damaged_capture", path, options.seed, flips, resealed])
        check(result.returncode == 0, *result.stdout.decode().splitlines()[-20:], *result.stderr.decode().splitlines()[:60])
        return result.stdout.decode().splitlines()[-1]


def test_damage(options, tally):
    for release in RELEASES if options.all else ("1.18",):
        tally.one(f"damage, go{release}", check_damage, options, release, *((10000, 1000) if options.all else (300, 30)))


# --- all ---


class Tally:
    def __init__(self):
        self.counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
        self.lock = threading.Lock()

    def one(self, name, function, *arguments):
        began = time.monotonic()
        try:
            outcome, lines = "passed", [function(*arguments)]
        except programs.Skip as reason:
            outcome, lines = "skipped", [str(reason)]
        except programs.Failure as failure:
            outcome, lines = "failed", failure.lines
        with self.lock:
            self.counts[outcome] += 1
            print(f"{outcome.upper() if outcome == 'skipped' else outcome}  {name} ({time.monotonic() - began:.1f} s): {lines[0]}",
                  *lines[1:], sep="\n        ", flush=True)


TESTS = {"same": test_same, "secrets": test_secrets, "writing": test_writing, "when": test_when, "damage": test_damage}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=programs.ROOT / "build", help="the folder of seep and the tests' programs")
    parser.add_argument("--all", action="store_true", help="all releases, and 10,000 damaged captures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("tests", nargs="*", choices=[[], *TESTS], metavar="TEST", help=", ".join(TESTS))
    options = parser.parse_args()
    options.build = options.build.resolve()
    tally = Tally()
    for name in options.tests or TESTS:
        TESTS[name](options, tally)
    print(", ".join(f"{count} {outcome}" for outcome, count in tally.counts.items()))
    sys.exit(1 if tally.counts["failed"] else 0)


if __name__ == "__main__":
    main()
