#!/usr/bin/env python3
"""Compares the allocation stacks that seep reads with those that the program saw when it allocated.

usage: allocations.py ALLOCATIONS [RELEASE...]     (ALLOCATIONS: the program made of tests/support/allocations.c)

Builds tests/exact/allocations with each Go release (all of tools/go-releases.txt by default), plain and stripped, runs it
with every allocation sampled and with sampling off, and compares object by object. Exit status: 0 all equal, 1 not, 77
no toolchain is to be had.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNKNOWN, OFF, ON = "0", "1", "2"


def parse(lines):
    """address -> (kind, stack)"""
    objects = {}
    for line in lines:
        if line.startswith("object "):
            _, address, *kind = line.split(" ", 2)
            stack = objects.setdefault(address, (kind[0] if kind else "", []))[1]
        elif line.startswith(" "):
            stack.append(line.strip())
    return objects


def short(frames):
    """Type arguments stand as [...] in the runtime's words; it leaves them out of what it says of callers."""
    return [re.sub(r"\[.*\](?=[^\]]* )", "[...]", frame) for frame in frames]


def look(tool, program, *args):
    process = subprocess.Popen([program, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stdout:
            if line == "ready\n":
                break
            said.append(line.rstrip("\n"))
        expected = parse(said)
        out = subprocess.run([tool, str(process.pid)], input="\n".join(expected) + "\n", check=True,
                             stdout=subprocess.PIPE, text=True).stdout.splitlines()
        return expected, out[0].split()[1:], parse(out[1:])
    finally:
        process.stdin.close()
        process.wait()


def check(tool, program, name):
    bad, whole, library = [], 0, 0
    expected, sampling, found = look(tool, program)
    if sampling != [ON, "1"]:
        bad.append("sampling is said to be %s" % sampling)
    for address, (kind, stack) in expected.items():
        told = short(found[address][1])
        if not stack:  # allocated by a library: only who called it is known here
            library += any(f.startswith("main.allocate ") for f in told) and told[0].startswith("strings.")
            continue
        # Stacks are cut at 32 entries up to Go 1.22, and the allocator's own take some of these.
        if told == short(stack) or (len(told) >= 25 and short(stack)[:len(told)] == told):
            whole += 1
        else:
            bad.append("%s %s:\n  program %s\n  seep    %s" % (address, kind, short(stack), told))
    if library != 2 or whole < 600:
        bad.append("%d stacks equal, %d in a library" % (whole, library))
    expected, sampling, found = look(tool, program, "off")
    # What was sampled by the old rate may be among them.
    if sampling != [OFF, "0"] or sum(1 for _, stack in found.values() if stack) > 10:
        bad.append("switched off, sampling is said to be %s" % sampling)
    print("%s: %d stacks equal%s" % (name, whole, "" if not bad else ", and:"))
    for line in bad[:5]:
        print(line)
    return not bad


def main():
    tool, releases = os.path.abspath(sys.argv[1]), sys.argv[2:]
    if not releases:
        releases = re.findall(r"^1\.\d+\.\d+$", open(os.path.join(ROOT, "tools/go-releases.txt")).read(), re.M)
    good, done = True, 0
    for release in releases:
        go = subprocess.run([os.path.join(ROOT, "tools/go-toolchain.sh"), release], stdout=subprocess.PIPE, text=True)
        if go.returncode != 0:
            continue
        env = {k: v for k, v in os.environ.items() if k not in ("GOROOT", "GOFLAGS", "GOEXPERIMENT", "GODEBUG")}
        env.update(GOTOOLCHAIN="local", GOWORK="off", CGO_ENABLED="0")
        with tempfile.TemporaryDirectory() as folder:
            for form, flags in (("plain", []), ("stripped", ["-ldflags=-s -w"])):
                program = os.path.join(folder, form)
                subprocess.run([go.stdout.strip(), "build", *flags, "-o", program, "."], check=True, env=env,
                               cwd=os.path.join(ROOT, "tests/exact/allocations"))
                good &= check(tool, program, "%s %s" % (release, form))
        done += 1
    return 77 if done == 0 else int(not good)


if __name__ == "__main__":
    sys.exit(main())
