#!/usr/bin/env python3
"""Measures what the size of an executable costs seep, beside programs that only read the file.

Runs real servers (tests/servers/build.sh makes them) at rest, as built, stripped, and one with its
DWARF decompressed (by objcopy), which makes 156 MB of coredns. In each round, in turns: `seep PID` as a
whole; the same up to the end of the pause, told by its own progress; `seep ps`; and on the file
`go version`, `readelf -S`, `cat`, `go tool nm`. Medians.

The first three figures are time passed, in ms, and other work on the machine adds to them; the
others are processor time in ms, that of starting the program included, which `true` tells.
"""

import argparse
import os
import pathlib
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "harmless"))
sys.path.insert(0, str(HERE.parent / "tests" / "servers"))
import procs  # noqa: E402
from servers import SERVERS, Unready  # noqa: E402

AFTER_PAUSE = "reading the heap"
DEFAULT = ["nats", "nats.stripped", "etcd.stripped", "prometheus.stripped", "caddy.stripped",
           "coredns.stripped", "coredns", "coredns.inflated"]


def until_resumed(seep, pid):
    """Seconds from the start of seep to the end of the pause."""
    ours, theirs = pty.openpty()
    started, resumed, text = time.monotonic(), None, ""
    with subprocess.Popen([seep, "--json", "-o", os.devnull, str(pid)], stderr=theirs,
                          stdin=subprocess.DEVNULL, preexec_fn=procs.die_with_parent):
        os.close(theirs)
        while select.select([ours], [], [], 120)[0]:
            try:
                text += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # it ended
                break
            if resumed is None and AFTER_PAUSE in text:
                resumed = time.monotonic() - started
        os.close(ours)
    if resumed is None:
        raise RuntimeError(f"seep never came to '{AFTER_PAUSE}': {text[-200:]}")
    return resumed


def executable(name, scratch):
    """The file of that name; None where it is missing or cannot be made."""
    folder = procs.cache_dir("servers")
    if not name.endswith(".inflated"):
        return str(folder / name) if (folder / name).exists() else None
    path = os.path.join(scratch, name)
    done = subprocess.run(["objcopy", "--decompress-debug-sections",
                           str(folder / name.removesuffix(".inflated")), path],
                          check=False, stderr=subprocess.DEVNULL)
    return path if done.returncode == 0 else None


def peers(path, stripped):
    commands = {"true": ["true"], "go version": ["go", "version", path],
                "readelf -S": ["readelf", "-SW", path], "cat": ["cat", path]}
    if not stripped:
        commands["go tool nm"] = ["go", "tool", "nm", path]
    return commands


def cpu_of(argv):
    """Milliseconds of processor time of a command, whose output is dropped."""
    popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(popen.pid, 0)
    popen.returncode = os.waitstatus_to_exitcode(status)
    if popen.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {popen.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1e3


def measure(seep, path, pid, stripped, rounds):
    """Medians by name."""
    samples = {}

    def add(name, value):
        samples.setdefault(name, []).append(value)

    for _ in range(rounds):
        run = procs.run_seep(seep, pid)
        report = procs.report_of(run)
        add("report", run.wall * 1e3)
        add("CPU", run.cpu * 1e3)
        add("peak MB", run.rss_kb / 1024)
        add("pause", report["capture"]["pause_ns"] / 1e6)
        add("to end of pause", until_resumed(seep, pid) * 1e3)
        add("seep ps", cpu_of([seep, "ps"]))
        for name, argv in peers(path, stripped).items():
            add(name, cpu_of(argv))
    return {name: statistics.median(values) for name, values in samples.items()}


def serve(name, path, scratch):
    """(server, child): the server, started; None if it does not come up."""
    server_class = next(s for s in SERVERS.values() if s.binary == name.split(".")[0])
    server = server_class()
    try:
        return server.start(path, scratch)
    except Unready as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None


COLUMNS = ["to end of pause", "pause", "report", "CPU", "peak MB", "seep ps", "true", "go version",
           "readelf -S", "cat", "go tool nm"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--settle", type=float, default=3, metavar="S",
                        help="seconds that a server gets after its start (default: 3)")
    parser.add_argument("servers", nargs="*", default=DEFAULT, metavar="SERVER",
                        help="of tests/servers/build.sh, or with .stripped or .inflated behind it")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    seep = procs.seep_path(options.seep)

    print("| executable | MB | " + " | ".join(COLUMNS) + " | CPU / go version |")
    print("| --- |" + " ---: |" * (len(COLUMNS) + 2))
    rows = 0
    for name in options.servers:
        with tempfile.TemporaryDirectory(prefix="seep-bench-", ignore_cleanup_errors=True) as scratch:
            path = executable(name, scratch)
            child = path and serve(name, path, scratch)
            if not child:
                print(f"{name}: left out", file=sys.stderr)
                continue
            with child:
                time.sleep(options.settle)
                found = measure(seep, path, child.pid, name.endswith(".stripped"), options.rounds)
            size = os.stat(path).st_size / 1e6
        cells = [f"{found[column]:.0f}" if column in found and found[column] >= 20 else
                 f"{found[column]:.1f}" if column in found else "" for column in COLUMNS]
        print(f"| {name} | {size:.0f} | " + " | ".join(cells)
              + f" | {found['CPU'] / found['go version']:.1f} |", flush=True)
        rows += 1
    if rows == 0:
        print("skipped: no server there; tests/servers/build.sh makes them")
        return procs.SKIP
    return 0


if __name__ == "__main__":
    sys.exit(main())
