#!/usr/bin/env python3
"""Compares, object by object, what seep finds reachable with what the collector kept.

Variants of the catalogue that are at rest, with nothing left to sweep: each object that seep reaches must be allocated, each
stack unwound, and each allocated object reached, except for those that exact shows to be younger than the last collection:
nobody has judged these yet. Of older ones only those pass that are known to be made and dropped while a collection marks,
and so are born marked: see BORN_MARKED.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import re
import sys

import exactness
from exactness import programs

# Variants that rest: no timer of theirs fires, nothing in them allocates.
VARIANTS = [
    ("alltypes", "idle"),
    ("cond", "leak-struct"),
    ("mutex-held", "leak-global-map"),
    ("nil-channel", "ok-select"),
    ("receive-blocked", "leak-context-tree"),
    ("receive-blocked", "ok-finalizer"),
    ("receive-blocked", "ok-reflect"),
    ("receive-blocked", "ok-sync-map"),
    ("select-blocked", "leak-mixed"),
    ("send-blocked", "leak-buffered"),
    ("waitgroup", "leak-errgroup"),
]
MUST_BE_ZERO = ["dangling", "not_unwound", "count_mismatches", "unswept", "marking"]
# By release: lines of exact about old objects that were garbage at once.
BORN_MARKED = {
    # Each collection's start wakes a goroutine of package unique, which walks its maps while the collector marks
    # (runtime/mgc.go clearpools, unique/handle.go registerCleanup). Each walk makes two closures.
    "1.24": re.compile(r"old object \S+ size 24 scan +closure of (internal/sync\.\(\*HashTrieMap\[.*\]\)\.All|unique\.addUniqueMap\[.*\])\.func1"),
}


def judge(exact, release, binary, case, variant):
    """One line about a variant, and lines about objects; Failure if anything is not as it must be."""
    with exactness.running(binary, case, variant) as process:
        ((numbers, lines),) = exactness.looks(exact, process.pid)
    wrong = [f"{name} {numbers[name]}" for name in MUST_BE_ZERO if numbers[name]]
    explained = BORN_MARKED.get(".".join(release.split(".")[:2]))
    born_marked = sum(1 for line in lines if explained and explained.match(line))
    if numbers["old"] != born_marked:
        wrong.append(f"old {numbers['old'] - born_marked}")
    if numbers["reached"] + numbers["young"] + numbers["old"] != numbers["allocated"]:
        wrong.append(f"reached {numbers['reached']} and not reached do not make {numbers['allocated']} allocated")
    if wrong:
        raise programs.Failure(", ".join(wrong), *lines)
    return (
        f"{numbers['reached']} of {numbers['allocated']} reached, {numbers['young']} younger,"
        f" {born_marked} born marked",
        lines,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=exactness.TESTS.parent / "build", metavar="FOLDER")
    parser.add_argument("--release", action="append", metavar="R", help="1.22 or 1.22.12; repeatable")
    parser.add_argument(
        "--flavour", action="append", choices=[*programs.FLAVOURS, *exactness.EXPERIMENTS], help="repeatable"
    )
    parser.add_argument("--case", action="append", metavar="CASE/VARIANT", help="repeatable")
    parser.add_argument("-v", action="store_true", help="print the younger objects, too")
    options = parser.parse_args()
    exact = exactness.exact_program(options.build)
    variants = [tuple(c.split("/", 1)) for c in options.case] if options.case else VARIANTS
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for release in options.release or exactness.RELEASES:
        for flavour in options.flavour or ["plain", "stripped"]:
            for case, variant in variants:
                name = f"go{release} {flavour} {case}/{variant}"
                try:
                    full, binary = exactness.build(release, flavour)
                    text, lines = judge(exact, full, binary, case, variant)
                    outcome, lines = "passed", lines if options.v else []
                except programs.Skip as reason:
                    outcome, text, lines = "skipped", str(reason), []
                except programs.Failure as failure:
                    outcome, text, lines = "failed", failure.lines[0], failure.lines[1:]
                counts[outcome] += 1
                print(f"{outcome}  {name}: {text}", *lines, sep="\n        ", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
