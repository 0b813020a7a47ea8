#!/usr/bin/env python3
"""Compares what seep says a program can see of its memory with what the program itself could touch.

program/ builds random values of random types and walks them by reflection; tests/support/views.c prints what seep
thinks is seen of each object only in part, and what is pinned. Whatever the program could touch must be seen, and nothing it could
touch may be pinned: a byte too little is a false accusation. On the other hand, of the strings and arrays of which the program
itself can touch less than half, seep must see little as well, at least of the given part of them: else it would find nothing. What
only casts by way of unsafe give access to must be seen, or be marked as a guess.

Usage: run.py VIEWS [--release 1.N]... [--seeds N] [--flavour plain|stripped]...

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import bisect
import os
import pathlib
import shutil
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import run_programs as programs  # noqa: E402

PROGRAM = TESTS / "views" / "program"
RELEASES = [
    line
    for line in (TESTS.parent / "tools" / "go-releases.txt").read_text(encoding="ascii").split("\n")
    if line and not line.startswith("#")
]
# Of the backing bytes that the program cannot touch, in objects of which it can touch less than half, what seep finds at least.
# Before Go 1.22 nothing says what a large object was allocated as.
FOUND_MIN = {"plain": 0.75, "ldflags": 0.7}


def run(binary, views, seed):
    """What the program says, by word, and what seep prints."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
    process = subprocess.Popen(
        [binary, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)
    try:
        said = {"touch": [], "cast": [], "backing": []}
        for line in process.stdout:
            word, *rest = line.split()
            if word == "ready":
                break
            said[word].append((int(rest[0], 16), int(rest[1])))
        else:
            raise programs.Failure("the program ended before it was ready")
        looked = subprocess.run(
            [views, str(process.pid)], capture_output=True, text=True, timeout=60, check=False)
        if looked.returncode:
            raise programs.Failure(f"views: {looked.stderr.strip()}")
        return said, looked.stdout.splitlines()
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def union(ranges):
    merged = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


class Objects:
    """Objects by address."""

    def __init__(self):
        self.starts, self.ends, self.ranges, self.guessed = [], [], [], []

    def add(self, start, size, guessed=False):
        self.guessed.append(guessed)
        self.starts.append(start)
        self.ends.append(start + size)
        self.ranges.append([])

    def find(self, addr):
        i = bisect.bisect_right(self.starts, addr) - 1
        return i if i >= 0 and addr < self.ends[i] else None


def parse(lines):
    partial, pinned, typed = Objects(), Objects(), None
    for line in lines:
        word, *rest = line.split()
        if word == "typed":
            typed = [int(n) for n in rest]
        elif word == "partial":
            partial.add(int(rest[0], 16), int(rest[1]), rest[3] == "1")
        elif word == "range":
            start = partial.starts[-1] + int(rest[0])
            partial.ranges[-1].append((start, start + int(rest[1])))
        elif word == "pinned":
            pinned.add(int(rest[0], 16), int(rest[1]))
    return partial, pinned, typed


def check_seen(addr, size, may_guess, partial, merged, pinned):
    if pinned.find(addr) is not None:
        raise programs.Failure(f"pinned, but the program can touch {size} bytes at {addr:#x}")
    i = partial.find(addr)
    if i is None or (may_guess and partial.guessed[i]):
        return
    if not any(s <= addr and addr + size <= e for s, e in merged[i]):
        raise programs.Failure(
            f"object {partial.starts[i]:#x}: the program can touch {size} bytes at +{addr - partial.starts[i]},"
            f" seen are {[(s - partial.starts[i], e - partial.starts[i]) for s, e in merged[i]]}")


def judge(said, lines, flavour):
    touched, backing = said["touch"], said["backing"]
    partial, pinned, typed = parse(lines)
    merged = [union(ranges) for ranges in partial.ranges]
    for word in ("touch", "cast"):
        for addr, size in said[word]:
            check_seen(addr, size, word == "cast", partial, merged, pinned)
    mine = union((a, a + s) for a, s in touched)
    starts = [s for s, _ in mine]
    hidden = found = 0
    for addr, size in backing:
        visible, i = 0, bisect.bisect_right(starts, addr) - 1
        for s, e in mine[max(i, 0):]:
            if s >= addr + size:
                break
            visible += max(0, min(e, addr + size) - max(s, addr))
        if visible == 0 or visible * 2 >= size:
            continue
        hidden += size - visible
        i = partial.find(addr)
        if i is not None:
            found += max(0, size - sum(e - s for s, e in merged[i]))
    share = found / hidden if hidden else 1
    if share < FOUND_MIN[flavour]:
        raise programs.Failure(f"only {share:.1%} of {hidden} bytes that nothing can see were found")
    return (f"{len(touched)} places, {len(partial.starts)} objects seen in part, {len(pinned.starts)} pinned,"
            f" {share:.1%} of {hidden} unseen bytes found, {typed[1] / typed[3]:.2%} of bytes typed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("views")
    parser.add_argument("--release", action="append")
    parser.add_argument("--flavour", action="append", choices=sorted(FOUND_MIN))
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    views = shutil.which(args.views) or sys.exit(f"no such program: {args.views}")
    passed = failed = skipped = 0
    for release in args.release or RELEASES:
        for flavour in args.flavour or sorted(FOUND_MIN):
            try:
                binary = programs.build_program(release, flavour, PROGRAM)
            except programs.Skip as skip:
                skipped += 1
                print(f"SKIPPED {release} {flavour}: {skip}")
                continue
            for seed in range(1, args.seeds + 1):
                try:
                    print(f"ok      {release} {flavour} {seed}: {judge(*run(binary, views, seed), flavour)}")
                    passed += 1
                except programs.Failure as failure:
                    print(f"FAILED  {release} {flavour} {seed}: {failure}")
                    failed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
