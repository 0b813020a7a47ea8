#!/usr/bin/env python3
"""Measures what finding all that is reachable costs seep, beside Go's own collector.

Both walk the same heap, targets/heap at rest: seep in its stage "following pointers", over its copy,
the CPU time of all its threads as the kernel counts it when the stage begins and ends; the collector
in the mark phase of a collection asked for, assists and dedicated and idle workers together, as
GODEBUG=gctrace=1 prints it. They take turns, and each row is one figure over all rounds.

The collector counts its workers' time by the clock, so on a busy machine it looks worse than it
is: trust the least of the rounds more than the median.
"""

import argparse
import os
import pathlib
import pty
import re
import select
import statistics
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "harmless"))
import procs  # noqa: E402

STAGE = "following pointers"
TRACE = re.compile(r" ([0-9.]+)\+([0-9./]+)\+([0-9.]+) ms cpu,.* \(forced\)")


def cpu_of(pid):
    """Seconds that all threads of a process ran, those that have ended included."""
    return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3)


def seep_marking(seep, pid):
    """CPU seconds of the stage; its name and the next one's come over a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([seep, "--json", "-o", os.devnull, str(pid)], stderr=theirs,
                          stdin=subprocess.DEVNULL, preexec_fn=procs.die_with_parent) as run:
        os.close(theirs)
        text, begin, end = "", None, None
        while end is None and select.select([ours], [], [], 120)[0]:
            try:
                text += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # it ended
                break
            before, found, after = text.partition(STAGE)
            if found and begin is None:
                begin = cpu_of(run.pid)
            if found and begin is not None and "\r" in after:
                end = cpu_of(run.pid)
        while select.select([ours], [], [], 120)[0]:
            try:
                os.read(ours, 4096)
            except OSError:
                break
        os.close(ours)
    if begin is None or end is None:
        raise RuntimeError(f"seep did not say when it was {STAGE}: {text[-200:]}")
    return end - begin


class Traced(procs.Child):
    """The target with its collections' times."""

    def __init__(self, argv, env):
        super().__init__(argv, stderr=subprocess.PIPE, env=env)
        self.lines = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.popen.stderr:
            self.lines.append(line.decode(errors="replace"))

    def collect(self):
        """CPU seconds of the mark phase of one collection."""
        self.lines.clear()
        self.send("collect")
        self.expect("collected", 300)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for line in list(self.lines):
                match = TRACE.search(line)
                if match:
                    return sum(float(part) for part in match[2].split("/")) / 1e3
            time.sleep(0.01)
        raise RuntimeError("the collector printed no trace")


def measure(binary, seep, options):
    rows = []
    with Traced([binary, f"-objects={options.objects}", f"-bytes={options.bytes}"],
                dict(os.environ, GODEBUG="gctrace=1")) as target:
        target.expect("ready", 300)
        for _ in range(options.rounds):
            rows.append((seep_marking(seep, target.pid), target.collect()))
            print(f"  {rows[-1]}", file=sys.stderr, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--objects", type=int, default=5_000_000, help="default: 5,000,000")
    parser.add_argument("--bytes", type=int, default=1 << 30, help="default: 1 GiB")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the target with")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    seep = procs.seep_path(options.seep)

    binary = str(procs.cache_dir("bench") / f"heap-{options.go or 'host'}")
    error = procs.go_build(HERE / "targets" / "heap", binary, options.go)
    if error:
        print(f"skipped: the target does not build: {error}")
        return procs.SKIP
    rows = measure(binary, seep, options)
    print("| of the rounds | seep, CPU s | the collector, CPU s | seep / collector |\n"
          "| --- | ---: | ---: | ---: |")
    for name, of in (("least", min), ("median", statistics.median)):
        own, collector = of(row[0] for row in rows), of(row[1] for row in rows)
        print(f"| {name} | {own:.3f} | {collector:.3f} | {own / collector:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
