#!/usr/bin/env python3
"""Measures what finding all that is reachable costs seep, beside Go's own collector.

Both walk the same heap, targets/heap at rest: seep in its stage "reach" (build/tests/stages), all
threads' CPU time; the collector in the mark phase of a collection asked for, assists and dedicated
and idle workers together, as GODEBUG=gctrace=1 prints it. They take turns, and each row is one
figure over all rounds.

The collector counts its workers' time by the clock, so on a busy machine it looks worse than it
is: trust the least of the rounds more than the median.
"""

import argparse
import os
import statistics
import sys

import heap
from heap import procs


def stages(tool, pid, timeout=600):
    """{stage: (CPU ms, ms, MB resident after, MB at most)} of one look."""
    # However the copy is made, what comes after it is the same; stopped is quickest.
    run = procs.run_measured([tool, str(pid)], timeout, env=dict(os.environ, SEEP_TEST_PAUSE="stop"))
    if run.rc != 0:
        raise RuntimeError(f"exit {run.rc}: {run.err.strip()[-200:]}")
    lines = (line.rsplit(maxsplit=4) for line in run.out.splitlines() if "reachable" not in line)
    return {words[0]: tuple(float(word) for word in words[1:]) for words in lines}


def measure(binary, tool, options):
    settings = {"shape": options.shape, "objects": options.objects, "bytes": options.bytes}
    rows = []
    with heap.Heap(binary, settings) as target:
        for _ in range(options.rounds):
            rows.append((stages(tool, target.pid)["reach"][0] / 1e3, target.collect()[0]))
            print(f"  {rows[-1]}", file=sys.stderr, flush=True)
        about = target.about()
    return rows, about


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    parser.add_argument("--objects", type=int, default=5_000_000, help="default: 5,000,000")
    parser.add_argument("--bytes", type=int, default=1 << 30, help="default: 1 GiB")
    parser.add_argument("--shape", default="records", help="default: records")
    heap.add_options(parser)
    options = parser.parse_args()
    tool, binary = heap.tool("stages", options.seep), heap.build(options.go)

    print(heap.machine() + "\n", flush=True)
    rows, about = measure(binary, tool, options)
    print(f"{about}; {options.rounds} rounds\n\n"
          "| of the rounds | seep, CPU s | the collector, CPU s | seep / collector |\n"
          "| --- | ---: | ---: | ---: |")
    for name, of in (("least", min), ("median", statistics.median)):
        own, collector = of(row[0] for row in rows), of(row[1] for row in rows)
        print(f"| {name} | {own:.3f} | {collector:.3f} | {own / collector:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
