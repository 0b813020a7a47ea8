#!/usr/bin/env python3
"""Compares the finalizers that seep says will never run with those that did not.

usage: finalizers.py FINALIZERS [--seeds N] [RELEASE...]     (FINALIZERS: the program made of tests/support/finalizers.c)

Builds tests/exact/finalizers with each Go release (all of tools/go-releases.txt by default) and runs it with N seeds
(default 5). Exit status: 0 all equal, 1 not, 77 no toolchain is to be had.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def compare(tool, program, seed):
    process = subprocess.Popen([program, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        expected = set()
        for line in process.stdout:
            if line == "ready\n":
                break
            expected.add(line.strip())
        found = set(subprocess.run([tool, str(process.pid)], stdout=subprocess.PIPE, check=True,
                                   text=True).stdout.split())
    finally:
        process.stdin.close()
        ran = process.stderr.read().split()[0]
        process.wait()
    return expected, found, int(ran)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("release", nargs="*")
    args = parser.parse_intermixed_args()
    releases = args.release or re.findall(r"^1\.\d+\.\d+$",
                                          open(os.path.join(ROOT, "tools/go-releases.txt")).read(), re.M)
    good, done = True, 0
    env = {k: v for k, v in os.environ.items() if k not in ("GOROOT", "GOFLAGS", "GOEXPERIMENT", "GODEBUG")}
    env.update(GOTOOLCHAIN="local", GOWORK="off", CGO_ENABLED="0")
    for release in releases:
        go = subprocess.run([os.path.join(ROOT, "tools/go-toolchain.sh"), release], stdout=subprocess.PIPE, text=True)
        if go.returncode != 0:
            continue
        stuck = executed = 0
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "finalizers")
            subprocess.run([go.stdout.strip(), "build", "-o", program, "."], check=True, env=env,
                           cwd=os.path.join(ROOT, "tests/exact/finalizers"))
            for seed in range(1, args.seeds + 1):
                expected, found, ran = compare(os.path.abspath(args.tool), program, seed)
                stuck, executed = stuck + len(expected), executed + ran
                if expected != found or not expected or not ran:
                    good = False
                    print("%s seed %d: %d never ran, %d found, missed %s, wrong %s" % (
                        release, seed, len(expected), len(found), sorted(expected - found)[:5],
                        sorted(found - expected)[:5]))
        print("%s: %d finalizers ran, %d never will" % (release, executed, stuck))
        done += 1
    return 77 if done == 0 else int(not good)


if __name__ == "__main__":
    sys.exit(main())
