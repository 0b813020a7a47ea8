#!/usr/bin/env python3
"""compare_frames.py EVIDENCE_DUMP TRUTH FILE STRIPPED EVERY: what evidence_dump says of words in frames at the calls of every n-th function,
against what DWARF 4 says of parameters and locals there. Ends with 1 if a claim is wrong. DWARF itself goes on naming a variable in a slot
that has got another value: what is called wrong here has to be looked at."""
import collections
import re
import subprocess
import sys

from compare import converted, same


def main():
    dump, truth_command, plain, stripped, every = sys.argv[1:6]
    truth = collections.defaultdict(list)
    for line in subprocess.run([truth_command, "-frames", plain], check=True, capture_output=True, text=True).stdout.splitlines():
        low, high, cfa, kind, off, size, name, what = line.split(" ", 7)
        truth[int(cfa)].append((int(low, 16), int(high, 16), (kind, int(off), int(size), name, what)))
    by_page = collections.defaultdict(list)
    for cfa, items in truth.items():
        for item in items:
            for page in range(item[0] >> 12, (item[1] >> 12) + 1):
                by_page[cfa, page].append(item)
    result, wrong = collections.Counter(), []
    out = subprocess.run([dump, stripped, "frames", every], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        if not line.startswith("frame "):
            continue
        _, pc, cfa, kind, off, size, rest = line.split(" ", 6)
        pc, cfa = int(pc, 16), int(cfa)
        name, _, function = rest.rpartition(" ")
        if kind == "elements":  # the first word alone of a slice or, without a type, of a string
            kind = "string" if name == "-" else "slice"
        claim = (kind, int(off), int(size), name)
        there = [t for low, high, t in by_page[cfa, (pc - 1) >> 12] if low <= pc - 1 < high]
        if not there:
            result["not in DWARF"] += 1
            continue
        t = there[0]
        if any(same(claim, t) or (kind == t[0] == "chan") for t in there):
            result["right"] += 1
        elif any(kind == t[0] == "map" for t in there) and "." not in t[4]:
            result["right"] += 1
        elif t[0] == "unsafe":
            result["an unsafe pointer by declaration"] += 1
        elif t[0] == "slice" and kind == "pointer" and re.match(r"\[\d+\]", name):
            result["the array of a slice"] += 1
        elif any(converted(claim, t) for t in there):
            result["converted"] += 1
        else:
            result["wrong"] += 1
            wrong.append((hex(pc), cfa, claim, there, function))
    for w in wrong[:60]:
        print(*w)
    print(dict(result))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
