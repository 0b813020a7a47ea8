#!/usr/bin/env python3
"""Measures how time and memory of the analysis grow with the number of objects.

Real processes (targets/heap) of 1 to 100 million objects are looked at with build/tests/stages,
which runs the stages one after the other: CPU time of all threads per object by stage, the least of
the rounds, and bytes per object. These are what the stages after the copy had at most
beside the copy, and the peak with the copy. `growth` is the last size's figure over the first's. The
mark phase of Go's own collector on the same heap shows how much of it is the machine's caches.

Pairs are the hardest shape: 16 bytes, two pointers, so the most objects and edges in a byte of heap.
"""

import argparse
import sys

import heap
from marking import stages

MILLION = 1_000_000
BEFORE = ("open", "executable", "copy")
# Bytes that an object's share of target, copy and analysis takes together, to leave room for others.
ROOM = {"pairs": 150, "records": 450}


def look(binary, tool, millions, options):
    """{stage: ns per object, ...} of one size; bytes per object; what the target says."""
    objects = int(millions * MILLION)
    settings = {"shape": options.shape, "objects": objects, "bytes": objects * 200}
    with heap.Heap(binary, settings) as target:
        rounds = []
        for _ in range(options.rounds if millions < 20 else 1):
            rounds.append(stages(tool, target.pid))
            print(f"  {millions:g} M: {rounds[-1]}", file=sys.stderr, flush=True)
        about, count = target.about(), target.objects
        marks = [target.collect()[0] for _ in rounds]
    after = [stage for stage in rounds[0] if stage not in BEFORE]
    numbers = {stage: min(one[stage][0] for one in rounds) * 1e6 / count for stage in after}
    numbers["all after the copy"] = min(sum(one[stage][0] for stage in after)
                                        for one in rounds) * 1e6 / count
    numbers["(the collector's mark)"] = min(marks) * 1e9 / count
    peak = min(max(one[stage][3] for stage in after) for one in rounds) * 1e6
    copied = min(one["copy"][2] for one in rounds) * 1e6
    numbers["bytes beside the copy"] = (peak - copied) / count
    numbers["bytes at the peak"] = peak / count
    return numbers, about


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", default="1,3,10,30", metavar="N,..",
                        help="of objects (default: 1,3,10,30; 100 takes some 12 GB of memory)")
    parser.add_argument("--shape", default="pairs", choices=list(ROOM))
    parser.add_argument("--rounds", type=int, default=3, help="below 20 million objects (3)")
    heap.add_options(parser)
    options = parser.parse_args()
    tool, binary = heap.tool("stages", options.seep), heap.build(options.go)

    print(heap.machine() + "\n", flush=True)
    columns, notes = {}, []
    for millions in (float(word) for word in options.millions.split(",")):
        need = millions * ROOM[options.shape]
        if heap.available_mb() < need:
            notes.append(f"{millions:g} million: not measured, needs {need:.0f} MB of memory")
            continue
        columns[millions], about = look(binary, tool, millions, options)
        notes.append(f"{millions:g} million: {about}")
    if not columns:
        print("\n".join(notes))
        return 1
    first, last = columns[min(columns)], columns[max(columns)]
    print("ns of CPU time per object (the last two rows: bytes per object)\n\n| stage | "
          + " | ".join(f"{millions:g} M" for millions in columns) + " | growth |\n| --- |"
          + " ---: |" * (len(columns) + 1))
    for stage in first:
        growth = f"{last[stage] / first[stage]:.2f}" if first[stage] >= 1 else ""
        cells = " | ".join(f"{numbers[stage]:.1f}" for numbers in columns.values())
        print(f"| {stage} | {cells} | {growth} |")
    print("\n" + "\n".join(notes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
