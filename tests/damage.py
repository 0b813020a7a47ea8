#!/usr/bin/env python3
"""Has seep look at programs of which the copied memory is damaged before it is read: it must come to an end, and by its own will.

tests/support/damage.c does the damage. Build it with sanitizers for this to find what there is to find:

    meson setup build-san -Db_sanitize=address,undefined && ninja -C build-san tests/damage

Usage: damage.py DAMAGE [--release 1.N]... [--rounds N] [--seed N]

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import os
import pathlib
import subprocess
import sys

import run_programs as programs

RELEASES = ("1.18", "1.22", "1.27")
# With all kinds of types, goroutines and timers; leaks of every kind are in the others.
CASES = ("alltypes idle", "subslice leak", "lost-elements leak", "finalizer-cycle leak")


def start(binary, case):
    process = subprocess.Popen(
        [binary, *case.split()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("GO")},
    )
    if process.stdout.readline().strip() != "ready":
        end(process)
        raise programs.Failure(f"{case} does not start")
    return process


def end(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def judge(tool, binary, case, seed, rounds):
    """One line; Failure."""
    process = start(binary, case)
    try:
        result = subprocess.run(
            [tool, str(process.pid), str(seed), str(rounds)], check=False, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
    finally:
        end(process)
    lines = result.stdout.splitlines()
    if result.returncode != 0 or not lines:
        raise programs.Failure(*lines, *result.stderr.splitlines()[:60])
    return lines[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("damage", type=pathlib.Path, help="the program of that name")
    parser.add_argument("--release", action="append", metavar="R", help="1.22 or 1.22.12; repeatable")
    parser.add_argument("--rounds", type=int, default=25, help="for each case")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for release in options.release or RELEASES:
        for case in CASES:
            try:
                binary = programs.build_program(release)
                outcome, lines = "passed", [judge(options.damage.resolve(), binary, case, options.seed, options.rounds)]
            except programs.Skip as reason:
                outcome, lines = "skipped", [str(reason)]
            except programs.Failure as failure:
                outcome, lines = "failed", failure.lines
            counts[outcome] += 1
            print(f"{outcome}  go{release} {case}: {lines[0]}", *lines[1:], sep="\n        ", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
