#!/usr/bin/env python3
"""Tries to make seep call a goroutine leaked that can go on; the program is edges/.

At rest: unusual paths to what goroutines wait for. seep must find the controls, main.leaked, and nothing else, and must count
objects and bytes as runtime.MemStats does. With `handover` running: goroutines that pass on the last reference to what
another one waits for, looked at in the act, over and over: none may look stuck.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import exactness
from exactness import programs

SOURCES = pathlib.Path(__file__).resolve().parent / "edges"
MUST_BE_ZERO = ["dangling", "not_unwound", "count_mismatches", "stuck"]
# What main and the runtime may allocate between reading the statistics and resting.
LATER_OBJECTS, LATER_BYTES = 20, 16384


def start(binary, *arguments):
    """The program, and what it said before it was ready."""
    process = subprocess.Popen(
        [binary, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("GO")},
    )
    said = []
    while (line := process.stdout.readline()) not in ("ready\n", ""):
        said.append(line)
    return process, said


def stop(process):
    process.stdin.close()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def cases(release):
    """How many controls the program starts."""
    text = (SOURCES / "main.go").read_text(encoding="utf-8")
    names = re.search(r"var cases = .*?\{\n(.*?)\n\}", text, re.DOTALL)[1].split(",")
    count = sum(1 for name in names if name.strip()) + 1  # and poolVictim
    if int(release.split(".")[1]) >= 24:
        text = (SOURCES / "edges_go124.go").read_text(encoding="utf-8")
        count += len(re.search(r"append\(cases, (.*)\)", text)[1].split(","))
    return count


def judge_rest(exact, seep, binary, release):
    """One line; Failure."""
    process, said = start(binary)
    try:
        objects, size = (int(word) for word in said[0].split()[1:])
        ((numbers, _),) = exactness.looks(exact, process.pid)
        with tempfile.TemporaryDirectory() as scratch:
            report = programs.ask_seep(seep, process, pathlib.Path(scratch) / "report", "auto")
    finally:
        stop(process)
    wrong = []
    if not 0 <= numbers["allocated"] - objects <= LATER_OBJECTS or not 0 <= numbers["bytes"] - size <= LATER_BYTES:
        wrong.append(f"MemStats: {objects} objects, {size} bytes; seep: {numbers['allocated']}, {numbers['bytes']}")
    found = [(f["cause"], f["verdict"], f["count"], f["where"]["function"]) for f in report["findings"]]
    if found != [("receive-blocked", "proven", cases(release), "main.leaked")]:
        wrong += [" ".join(map(str, finding)) for finding in found] or ["nothing found"]
    if numbers["dangling"] or numbers["not_unwound"]:
        wrong.append(f"dangling {numbers['dangling']}, not unwound {numbers['not_unwound']}")
    if wrong:
        raise programs.Failure(*wrong)
    return f"{cases(release)} paths; {numbers['allocated']} objects, MemStats {objects}; {numbers['bytes']} bytes, MemStats {size}"


def judge_handover(exact, binary, stops):
    """One line; Failure with the first looks in which something was wrong."""
    process, _ = start(binary, "handover")
    try:
        looks = exactness.looks(exact, process.pid, stops, milliseconds=8)
    finally:
        stop(process)
    bad = [
        line
        for numbers, lines in looks
        if any(numbers[name] for name in MUST_BE_ZERO)
        for line in lines
        if line.startswith(("stuck", "lost", "dangling"))
    ]
    total = {name: sum(numbers[name] for numbers, _ in looks) for name in [*MUST_BE_ZERO, "stacks", "marking"]}
    if any(total[name] for name in MUST_BE_ZERO):
        raise programs.Failure(", ".join(f"{name} {total[name]}" for name in MUST_BE_ZERO), *bad[:20])
    return f"{total['stacks']} stacks in {stops} stops, {total['marking']} of them while marking"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=exactness.TESTS.parent / "build", metavar="FOLDER")
    parser.add_argument("--release", action="append", metavar="R", help="1.22 or 1.22.12; repeatable")
    parser.add_argument("--stops", type=int, default=50, metavar="N", help="of handover")
    parser.add_argument("--cgo", action="store_true", help="build with cgo")
    options = parser.parse_args()
    exact = exactness.exact_program(options.build)
    seep = (pathlib.Path(options.build) / "seep").resolve()
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for release in options.release or exactness.RELEASES:
        for part in ("rest", "handover"):
            try:
                binary = programs.build_program(release, "cgo" if options.cgo else "plain", SOURCES)
                if part == "rest":
                    outcome, lines = "passed", [judge_rest(exact, seep, binary, release)]
                else:
                    outcome, lines = "passed", [judge_handover(exact, binary, options.stops)]
            except programs.Skip as reason:
                outcome, lines = "skipped", [str(reason)]
            except programs.Failure as failure:
                outcome, lines = "failed", failure.lines
            counts[outcome] += 1
            print(f"{outcome}  go{release} {part}: {lines[0]}", *lines[1:], sep="\n        ", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
