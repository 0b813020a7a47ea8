#!/usr/bin/env python3
"""stamps.py CHECKER: no capture mixes two moments.

A program writes numbers all over its memory in a known order, CHECKER (build/tests/stamps) captures it as seep does, and
looks for pages of another moment. Then it does the same with two captures shuffled, where it must find them everywhere.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile

import procs
from groups import Group, Unavailable

# Arguments and environment of the program, its part of a processor (0: all that it can get), and its part of the captures.
VARIANTS = {
    "usual": ((), "", 0, 1),
    "collector always at work": (("-bulk", "2"), "GOGC=10", 0, 0.25),
    "memory given back lazily": ((), "GODEBUG=madvdontneed=0", 0, 0.25),
    "large": (("-bulk", "512", "-sweep", "65536"), "", 0, 0.1),
    "short of processor time": ((), "", 0.05, 0.1),
}


def start(binary, arguments, setting):
    environment = dict(os.environ, GODEBUG="gcshrinkstackoff=1")
    name, _, value = setting.partition("=")
    if name:
        environment[name] = f"{environment[name]},{value}" if name in environment else value
    child = procs.Child(["nice", "-n", "10", binary, *arguments], env=environment)
    try:
        table, count = child.expect("table").split()
    except (TimeoutError, RuntimeError):
        child.close()
        raise
    return child, table, int(count)


def check(checker, child, table, count, captures, method):
    """Exit status, output, and which writers were found mixed."""
    done = subprocess.run([checker, str(child.pid), table, str(count), str(captures), method],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=7200,
                          preexec_fn=procs.die_with_parent)
    mixed = [line for line in done.stdout.splitlines() if line.startswith("mixed: ")]
    return done.returncode, done.stdout.strip(), len(mixed)


def totals(text):
    return next((line for line in text.splitlines() if " captures (" in line), text[-500:])


def run_variant(checker, binary, name, methods, captures):
    arguments, setting, processor, part = VARIANTS[name]
    failed = 0
    child, table, count = start(binary, arguments, setting)
    with contextlib.ExitStack() as stack:
        if processor:
            try:
                group = stack.enter_context(Group("cpu"))
            except Unavailable as error:
                print(f"{name}: everything it can get, as there is {error}")
            else:
                group.limit_processor(processor)
                group.add(child.pid)
        stack.enter_context(child)
        for method in methods:
            status, text, _ = check(checker, child, table, count, max(1, int(captures * part)),
                                    method)
            print(f"{name}: {totals(text)}", flush=True)
            if status != 0 or not child.alive():
                print(f"FAIL {name}, {method}: exit {status}\n{text}")
                failed += 1
        if name == "usual":
            status, text, mixed = check(checker, child, table, count, 20, "two")
            print(f"shuffled: {totals(text)}", flush=True)
            if status != 1 or mixed != count:
                print(f"FAIL two moments went unnoticed in {count - mixed} of {count} kinds of"
                      f" memory: exit {status}\n{text}")
                failed += 1
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checker")
    parser.add_argument("--captures", type=int, default=60, help="with each method (default: 60)")
    parser.add_argument("--method", action="append", choices=("stop", "precopy"), help="default: both")
    parser.add_argument("--variant", action="append", choices=VARIANTS, help="default: usual")
    parser.add_argument("--all", action="store_true", help="all variants")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the program with")
    options = parser.parse_args()
    variants = list(VARIANTS) if options.all else options.variant or ["usual"]
    methods = options.method or ["stop", "precopy"]

    failed = 0
    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        error = procs.go_build(f"{procs.REPO}/tests/harmless/stamps", f"{scratch}/stamps",
                               options.go)
        if error:
            print(f"skipped: the program does not build: {error}")
            return procs.SKIP
        for name in variants:
            failed += run_variant(options.checker, f"{scratch}/stamps", name, methods,
                                  options.captures)
    total = len(variants) * len(methods) + ("usual" in variants)
    print(f"{total - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
