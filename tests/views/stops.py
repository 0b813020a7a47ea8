#!/usr/bin/env python3
"""Stops a program that hands memory round at full speed, again and again, and looks whether any of it seems lost.

moving/ loses nothing: what it has can be seen whole, at every moment. So tests/support/views.c must show no pinned object, and none
of which a part is not seen, other than by a guess: each one is a false accusation.

Usage: stops.py VIEWS [--release 1.N]... [--stops N] [--flavour plain|stripped]...

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import run_programs as programs  # noqa: E402

PROGRAM = TESTS / "views" / "moving"
RELEASES = ["1.18", "1.22", "1.24", "1.27"]
FLAVOURS = ("plain", "ldflags")


def lost(lines):
    """Lines about what cannot be seen whole, each with the views of it."""
    wrong = []
    for line in lines:
        word, *rest = line.split()
        if word == "partial":
            size, visible = int(rest[1]), int(rest[2])
            # The allocator's slots are up to an eighth larger than what is in them, small ones up to a half.
            shown = rest[3] == "0" and visible < (size * 0.85 if size >= 1024 else size / 2)
            if shown:
                wrong.append(line)
        elif word == "range" and wrong and shown:
            wrong[-1] += f"; {line}"
        elif word == "pinned":
            wrong.append(line)
            shown = False
    return wrong


def look(binary, views, stops):
    chance = random.Random(stops)
    env = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
    process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True)
    bad, partial = [], 0
    try:
        if process.stdout.readline() != "ready\n":
            raise programs.Failure("the program ended before it was ready")
        for stop in range(1, stops + 1):
            time.sleep(chance.random() * 0.1)
            looked = subprocess.run(
                [views, str(process.pid)], capture_output=True, text=True, timeout=120, check=False)
            if looked.returncode:
                raise programs.Failure(f"views: {looked.stderr.strip()}")
            lines = looked.stdout.splitlines()
            partial += sum(line.startswith("partial") for line in lines)
            bad += [f"stop {stop}: {line}" for line in lost(lines)]
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
    if bad:
        raise programs.Failure(f"{len(bad)} objects seem lost in {stops} stops", *bad)
    return f"{stops} stops, {partial} objects seen in part"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("views")
    parser.add_argument("--release", action="append")
    parser.add_argument("--flavour", action="append", choices=FLAVOURS)
    parser.add_argument("--stops", type=int, default=20)
    args = parser.parse_args()
    views = shutil.which(args.views) or sys.exit(f"no such program: {args.views}")
    passed = failed = skipped = 0
    for release in args.release or RELEASES:
        for flavour in args.flavour or FLAVOURS:
            try:
                print(f"ok      {release} {flavour}: {look(programs.build_program(release, flavour, PROGRAM), views, args.stops)}")
                passed += 1
            except programs.Skip as skip:
                print(f"SKIPPED {release} {flavour}: {skip}")
                skipped += 1
            except programs.Failure as failure:
                print(f"FAILED  {release} {flavour}: {failure.lines[0]}", *failure.lines[1:12], sep="\n        ")
                failed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
