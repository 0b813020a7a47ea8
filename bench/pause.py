#!/usr/bin/env python3
"""Measures how long a program stands while seep captures it, from small heaps to large ones.

The target (targets/heap) holds a heap of objects that are nearly all pointers, makes garbage and
stores pointers at random all the while, and watches by its own clock, every 100 µs, how long it did
not run. Methods take turns on one process. `nothing` is the same with no tool at work: what the
machine makes of it in the same time. For each attach the largest gap between two readings counts;
the table has the median, the 95th percentile and the maximum over the attaches, and `own figure`
the median of what seep says itself. `a write` is the longest that one store to memory took
(watching for writes makes the first store to a page a fault), `all gaps` the sum of those of 0.5 ms
and more, while seep was there; `gave up` counts captures that brought nothing.

What is measured is the capture alone (tests/support/capture.c): analysis is done on the copy, when
the program runs, and would need memory of its own.
"""

import argparse
import os
import statistics
import sys
import time

import heap
from heap import procs

METHODS = ("stop", "precopy")
MB = 1 << 20


def capture(tool, pid, method, timeout):
    """What one capture took, as the tool and the kernel say; with no pause if it gave up."""
    run = procs.run_measured([tool, method, str(pid)], timeout)
    numbers = {"wall": run.wall, "cpu": run.cpu, "peak": run.rss_kb / 1024}
    if run.rc != 0:
        print(f"  {method}: exit {run.rc}: {run.err.strip()[-200:]}", file=sys.stderr, flush=True)
        return numbers
    gap, _, rounds, stops, before, inside = (int(word) for word in run.out.split())
    return dict(numbers, own=gap / 1e6, rounds=rounds, stops=stops, before=before / 1e6,
                inside=inside / 1e6)


def one_attach(tool, target, method, as_long, options):
    target.gaps()
    if method == "nothing":
        time.sleep(as_long)
        numbers = {}
    else:
        numbers = capture(tool, target.pid, method, options.timeout)
    time.sleep(heap.SETTLE_S)
    numbers["gap"], numbers["sum"], numbers["write"] = target.gaps()
    return numbers


def measure(binary, tool, size, options):
    """{method: [numbers of each attach]} and what the target did meanwhile."""
    settings = {"shape": "nodes", "bytes": int(size * 1e9), "alloc-rate": options.alloc * MB,
                "write-rate": options.writes, "gc": options.gc}
    results = {method: [] for method in ("nothing", *options.methods)}
    with heap.Heap(binary, settings) as target:
        target.rates()
        end = time.monotonic() + options.minutes * 60
        for turn in range(options.attaches):
            if time.monotonic() > end:
                break
            order = list(results)
            for method in order if turn % 2 == 0 else order[::-1]:
                as_long = max((rows[-1].get("wall", 0) for rows in results.values() if rows),
                              default=options.pause)
                results[method].append(one_attach(tool, target, method, as_long, options))
                if held := procs.held_after(target.pid, 0.5):
                    raise RuntimeError(f"{method} left the target stopped: {held[:2]}")
                time.sleep(options.pause)
            print(f"  {size:g} GB, attach {turn + 1}: " + ", ".join(
                f"{name} {rows[-1]['gap']:.2f} ms" for name, rows in results.items()),
                file=sys.stderr, flush=True)
        about = target.about()
        allocated, written = target.rates()
    return results, f"{about}; {allocated:.0f} MB/s allocated, {written:,.0f} pointers/s written"


COLUMNS = (("own", "own figure ms", "{:.2f}"), ("write", "a write ms", "{:.2f}"),
           ("sum", "all gaps ms", "{:.1f}"), ("wall", "total s", "{:.2f}"), ("cpu", "CPU s", "{:.2f}"),
           ("peak", "peak MB", "{:,.0f}"), ("inside", "read in it MB", "{:.1f}"),
           ("before", "read before MB", "{:,.0f}"), ("rounds", "rounds", "{:.0f}"),
           ("stops", "stops", "{:.0f}"))
HEAD = ("| GB | method | attaches | median ms | 95 % ms | max ms | of stop's | "
        + " | ".join(title for _, title, _ in COLUMNS) + " | gave up |\n| ---: | --- |"
        + " ---: |" * (6 + len(COLUMNS)))


def row(size, method, numbers, base):
    """A line of the table. The gaps are those of all attaches, also of those that gave up."""
    gaps = [one["gap"] for one in numbers]
    cells = [str(len(gaps))]
    cells += [f"{ms:.2f}" for ms in (statistics.median(gaps), heap.percentile(gaps, 95), max(gaps))]
    faster = base / statistics.median(gaps)
    cells.append(f"1/{faster:.0f}" if base and method not in ("stop", "nothing") else "")
    for key, _, form in COLUMNS:
        values = [one[key] for one in numbers if key in one]
        cells.append(form.format(statistics.median(values)) if values else "")
    failed = sum("own" not in one for one in numbers) if method != "nothing" else ""
    return f"| {size:g} | {method} | " + " | ".join(cells) + f" | {failed} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="0.25,1,4", metavar="GB,..",
                        help="of the heap (default: 0.25,1,4; 8 takes 20 GB of memory)")
    parser.add_argument("--attaches", type=int, default=30, help="by each method (default: 30)")
    parser.add_argument("--minutes", type=float, default=60, help="at most, of each size (60)")
    parser.add_argument("--methods", default=",".join(METHODS), metavar="NAME,..")
    parser.add_argument("--alloc", type=int, default=100, help="MiB of garbage a second (100)")
    parser.add_argument("--writes", type=int, default=100_000, help="pointers stored a second")
    parser.add_argument("--gc", type=int, default=15, help="the target's GOGC (15)")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between attaches (0.2)")
    parser.add_argument("--timeout", type=int, default=120, help="seconds for one attach (120)")
    heap.add_options(parser)
    options = parser.parse_args()
    options.methods = options.methods.split(",")
    tool, binary = heap.tool("capture", options.seep), heap.build(options.go)

    print(f"{heap.machine()}\n\nGOGC {options.gc}; gaps as the target's clock saw them; medians of the"
          f" rest\n\n{HEAD}", flush=True)
    notes, medians = [], {}
    for size in (float(word) for word in options.sizes.split(",")):
        # The heap, its garbage, the copy of all that.
        need = size * (1 + options.gc / 100) * 2.1e3
        if heap.available_mb() < need:
            notes.append(f"{size:g} GB: not measured, needs {need:.0f} MB of memory")
            continue
        heap.warm(need)
        results, about = measure(binary, tool, size, options)
        base = statistics.median(one["gap"] for one in results.get("stop", [{"gap": 0}]))
        for method, numbers in results.items():
            print(row(size, method, numbers, base), flush=True)
            medians[size, method] = statistics.median(one["gap"] for one in numbers)
        notes.append(f"{size:g} GB: {about}; load {os.getloadavg()[0]:.1f}")
    print("\n" + "\n".join(notes))
    for method in options.methods:
        sizes = [size for size, name in medians if name == method]
        if len(sizes) > 1:
            small, large = (medians[size, method] for size in (sizes[-2], sizes[-1]))
            one = f", / 1 GB = {large / medians[1, method]:.2f}" if (1, method) in medians else ""
            print(f"{method}: {sizes[-1]:g} GB / {sizes[-2]:g} GB = {large / small:.2f}{one}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
