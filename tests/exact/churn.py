#!/usr/bin/env python3
"""Stops a program that allocates, collects and starts goroutines at full speed, again and again, and checks each copy.

At each of the random moments no precise pointer may lead to a free slot, each goroutine must unwind to its start, the slots of
each span must add up to what the allocator counts, and no goroutine may look as if it could not go on: all of them do.
`--stops 20` is quick, 200 is thorough.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import sys

import exactness
from exactness import programs

RELEASES = ["1.18", "1.19", "1.21", "1.22", "1.24", "1.25", "1.26", "1.27"]
MUST_BE_ZERO = ["dangling", "not_unwound", "count_mismatches", "stuck"]


def judge(exact, binary, stops, case, godebug):
    """One line about all stops; Failure with those in which anything was wrong."""
    case, variant = case.split("/", 1)
    with exactness.running(binary, case, variant, godebug) as process:
        looks = exactness.looks(exact, process.pid, stops, milliseconds=30)
        programs.check_unharmed(process)
    bad = []
    for number, (numbers, lines) in enumerate(looks, 1):
        wrong = [f"{name} {numbers[name]}" for name in MUST_BE_ZERO if numbers[name]]
        if wrong:
            bad.append(f"stop {number}: {', '.join(wrong)}, marking {numbers['marking']}, unswept {numbers['unswept']}")
            bad += [line for line in lines if not line.startswith(("young", "old"))]
    if bad:
        raise programs.Failure(f"{sum(line.startswith('stop') for line in bad)} of {stops} stops", *bad)
    total = {name: sum(numbers[name] for numbers, _ in looks) for name in ("allocated", "stacks", "marking")}
    unswept = sum(numbers["unswept"] > 0 for numbers, _ in looks)
    return (
        f"{total['allocated']} objects, {total['stacks']} stacks in {stops} stops,"
        f" {total['marking']} of them while marking, {unswept} while sweeping"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=exactness.TESTS.parent / "build", metavar="FOLDER")
    parser.add_argument("--release", action="append", metavar="R", help="1.22 or 1.22.12; repeatable")
    parser.add_argument(
        "--flavour", action="append", choices=[*programs.FLAVOURS, *exactness.EXPERIMENTS], help="repeatable"
    )
    parser.add_argument("--stops", type=int, default=20, metavar="N")
    parser.add_argument("--case", default="churn/hard", metavar="CASE/VARIANT")
    parser.add_argument("--godebug", default="", metavar="SETTING", help="GODEBUG of the program")
    options = parser.parse_args()
    exact = exactness.exact_program(options.build)
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for release in options.release or RELEASES:
        for flavour in options.flavour or ["plain"]:
            name = f"go{release} {flavour} {options.case}"
            try:
                binary = exactness.build(release, flavour)[1]
                outcome, lines = "passed", [judge(exact, binary, options.stops, options.case, options.godebug)]
            except programs.Skip as reason:
                outcome, lines = "skipped", [str(reason)]
            except programs.Failure as failure:
                outcome, lines = "failed", failure.lines
            counts[outcome] += 1
            print(f"{outcome}  {name}: {lines[0]}", *lines[1:], sep="\n        ", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
