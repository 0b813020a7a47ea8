#!/usr/bin/env python3
"""Compares the timers that seep sees with those that the program, and the runtime, know of.

usage: timers.py [--stops N] TIMERS [RELEASE...]     (TIMERS: the program made of tests/support/timers.c)

Builds tests/exact/timers with each Go release (all of tools/go-releases.txt by default) and runs it with each kind of
timer channel that the release has. At rest the numbers must be equal by kind. While the program makes, sets and stops timers as fast as it
can, N times (20 by default) at a random moment, no ticker but the 50 lost ones may be called lost, and in the heap of each
P not more timers may be found too many or too few than can be on their way in or out. Exit status: 0 all as it must be, 1 not,
77 no toolchain is to be had.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOST = 50
WORKERS = 6  # each may be in the middle of one operation; and the runtime's threads
ON_THE_WAY = 2 * WORKERS


def looks(tool, program, mode, godebug, *args):
    """What the program says of itself, and the numbers of each look at it."""
    env = {k: v for k, v in os.environ.items() if k != "GODEBUG"}
    if godebug:
        env["GODEBUG"] = godebug
    process = subprocess.Popen([program, mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    try:
        said = {}
        for line in process.stdout:
            if line == "ready\n":
                break
            name, number = line.split()
            said[name] = int(number)
        out = subprocess.run([tool, str(process.pid), *args], check=True, stdout=subprocess.PIPE, text=True).stdout
        if process.poll() is not None:
            raise RuntimeError("the program ended, status %d" % process.returncode)
        found = []
        for line in out.splitlines():
            name, number = line.split()
            if name == "look":
                found.append({})
            else:
                found[-1][name] = int(number)
        return said, found
    finally:
        process.stdin.close()
        process.wait()


def check(tool, program, name, godebug, lost, stops):
    said, found = looks(tool, program, "rest", godebug)
    bad = ["at rest: %s %d, the program has %d" % (kind, found[0][kind], number)
           for kind, number in said.items() if found[0][kind] != number]
    bad += ["at rest: %s %d" % (kind, found[0][kind]) for kind in ("lost", "apart") if found[0][kind]]
    if len(said) != 5:
        bad.append("the program said %s" % said)
    _, found = looks(tool, program, "churn", godebug, str(stops), "30")
    for number, look in enumerate(found, 1):
        # A stale word on a stack may hide one.
        if not (lost - 5 if lost else 0) <= look["lost"] <= lost:
            bad.append("stop %d: %d tickers lost, not %d" % (number, look["lost"], lost))
        if look["apart"] > ON_THE_WAY:
            bad.append("stop %d: the number of timers in a heap is wrong by %d" % (number, look["apart"]))
    if len(found) != stops:
        bad.append("%d stops" % len(found))
    seen = sum(look["tickers"] for look in found)
    print("%s %s: %d timers at rest, %d tickers in %d stops%s"
          % (name, godebug, sum(said.values()), seen, stops, "" if not bad else ", and:"), flush=True)
    for line in bad[:8]:
        print(" ", line)
    return not bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool")
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("release", nargs="*")
    options = parser.parse_intermixed_args()
    tool, releases = os.path.abspath(options.tool), options.release
    if not releases:
        releases = re.findall(r"^1\.\d+\.\d+$", open(os.path.join(ROOT, "tools/go-releases.txt")).read(), re.M)
    good, done = True, 0
    for release in releases:
        go = subprocess.run([os.path.join(ROOT, "tools/go-toolchain.sh"), release], stdout=subprocess.PIPE, text=True)
        if go.returncode != 0:
            continue
        minor = int(release.split(".")[1])
        env = {k: v for k, v in os.environ.items() if k not in ("GOROOT", "GOFLAGS", "GOEXPERIMENT", "GODEBUG")}
        env.update(GOTOOLCHAIN="local", GOWORK="off", CGO_ENABLED="0")
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "timers")
            subprocess.run([go.stdout.strip(), "build", "-ldflags=-s -w", "-o", program, "."], check=True, env=env,
                           cwd=os.path.join(ROOT, "tests/exact/timers"))
            # asynctimerchan=2: the channels of old, of which package time tells the runtime all the same.
            for godebug in ["asynctimerchan=%d" % n for n in range(3)] if 23 <= minor <= 26 else [""]:
                keeps = minor < 23 or godebug.endswith("=1")
                good &= check(tool, program, release, godebug, LOST if keeps else 0, options.stops)
        done += 1
    return 77 if done == 0 else int(not good)


if __name__ == "__main__":
    sys.exit(main())
