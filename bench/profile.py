#!/usr/bin/env python3
"""Says where the processor time of one look goes: by stage, and by function (perf, or nothing).

The target is targets/heap; the stages are those of build/tests/stages, the functions those of seep
itself in a whole look, kernel included.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import heap
from heap import procs
from marking import stages

LINE = re.compile(r"\s*([0-9.]+)%\s+\[(.)\]\s+(\S+)")


def functions(seep, pid, scratch):
    """[(share, 'user' or 'kernel', function)] of a look, by perf's clock."""
    data = f"{scratch}/perf.data"
    subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-o", data, "--",
                    seep, "--json", "-o", os.devnull, str(pid)], check=True,
                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    text = heap.text_of(["perf", "report", "-i", data, "--stdio", "--no-children", "-s", "symbol"])
    return [(float(match[1]), "kernel" if match[2] == "k" else "user", match[3])
            for match in map(LINE.match, text.splitlines()) if match]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=5_000_000, help="default: 5,000,000")
    parser.add_argument("--bytes", type=int, default=1 << 30, help="default: 1 GiB")
    parser.add_argument("--shape", default="records", help="default: records")
    parser.add_argument("--top", type=int, default=15, help="functions to list (15)")
    heap.add_options(parser)
    options = parser.parse_args()
    seep, tool = procs.seep_path(options.seep), heap.tool("stages", options.seep)
    settings = {"shape": options.shape, "objects": options.objects, "bytes": options.bytes}

    print(heap.machine() + "\n", flush=True)
    with heap.Heap(heap.build(options.go), settings) as target, \
            tempfile.TemporaryDirectory(prefix="seep-bench-") as scratch:
        rows = stages(tool, target.pid)
        total = sum(row[0] for row in rows.values())
        print(f"{target.about()}\n\n| stage | CPU ms | share | resident MB | at most MB |\n"
              "| --- | ---: | ---: | ---: | ---: |")
        for stage, (cpu, _, after, peak) in rows.items():
            print(f"| {stage} | {cpu:.1f} | {cpu / total:.0%} | {after:.0f} | {peak:.0f} |")
        if not shutil.which("perf"):
            print("\nno perf: no functions")
            return 0
        listed = functions(seep, target.pid, scratch)
        kernel = sum(share for share, where, _ in listed if where == "kernel")
        print(f"\n| function | share |\n| --- | ---: |\n| (the kernel, all of it) | {kernel:.1f} % |")
        for share, where, name in [one for one in listed if one[1] == "user"][:options.top]:
            print(f"| `{name}` | {share:.1f} % |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
