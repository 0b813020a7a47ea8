#!/usr/bin/env python3
"""What `seep run` adds to a program, for docs/run.md.

Programs of tests/exits run alone and under seep by turns, so that both meet the same machine. What is told is how much longer they take,
by the least time of each and by the median, how much more processor time they and seep take together (median), and the ratio of the
least times.
"""

import argparse
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "harmless"))
import procs  # noqa: E402

SEEP = ["run", "-q", "-o", "/dev/null", "--"]
FAMILY = ["run", "--children", "-q", "-o", "-", "--"]
# Name, arguments for the program, options of seep, of how many things it is the cost.
SUBJECTS = (
    ("start and exit", ["at-once"], SEEP, 1),
    ("the same, 5 leaked", ["return"], SEEP, 1),
    ("a thread, of 200", ["threads"], SEEP, 200),
    ("a signal, of 5,000", ["signals"], SEEP, 5000),
    ("a child not followed, of 200", ["storm"], SEEP, 200),
    ("a child followed, of 200", ["storm"], FAMILY, 200),
)


def cost(command):
    """Seconds by the clock and of the processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    took, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def least(costs, kind):
    return min(cost[kind] for cost in costs)


def median(costs, kind):
    return statistics.median(cost[kind] for cost in costs)


WAYS = ((least, 0), (median, 0), (median, 1))


def told(value):
    return f"{value * 1e3:.1f} ms" if abs(value) >= 1e-3 else f"{value * 1e6:.1f} µs"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, metavar="N")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    seep = procs.seep_path(options.seep)
    with tempfile.TemporaryDirectory(prefix="seep-bench-") as scratch:
        program = f"{scratch}/exits"
        error = procs.go_build(procs.REPO / "tests" / "exits", program)
        if error:
            print(error)
            return 1
        fixed = (0.0, 0.0, 0.0)
        for name, arguments, by, things in SUBJECTS:
            alone, traced = [], []
            for _ in range(options.times):
                alone.append(cost([program, *arguments]))
                traced.append(cost([seep, *by, program, *arguments]))
            extra = [way(traced, kind) - way(alone, kind) for way, kind in WAYS]
            if things > 1:
                extra = [(all_of_it - start) / things for all_of_it, start in zip(extra, fixed)]
            elif arguments == ["return"]:  # what the others cost apart from their things
                fixed = extra
            print(f"{name}: {told(extra[0])} by the clock at best, {told(extra[1])} by the median, {told(extra[2])} of processors;"
                  f" {told(least(alone, 0))} alone, {told(least(traced, 0))} traced, ratio {least(traced, 0) / least(alone, 0):.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
