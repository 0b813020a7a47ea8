#!/usr/bin/env python3
"""Compares the types that seep finds for the objects of a running program with what the program itself says.

program/ fills a heap with everything that Go programs have, says of many objects what they are, and gives its own counts of the heap;
tests/support/types.c prints what seep thinks. No type that seep tells may be another one than the program's; a guess may, but is counted.
The share of bytes with a type has a floor by release and flavour; what is missing from it must be accounted for, reason by reason; and
objects and bytes in all must be those of runtime.MemStats.

Usage: run.py TYPES [--release 1.N]... [--flavour plain|stripped]...

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import run_programs as programs  # noqa: E402

PROGRAM = TESTS / "types" / "program"
RELEASES = [
    line
    for line in (TESTS.parent / "tools" / "go-releases.txt").read_text(encoding="ascii").split("\n")
    if line and not line.startswith("#")
]
FLAVOURS = ("plain", "ldflags")


def floor(release, flavour):
    """The least share of bytes that must have a type. Before Go 1.22 no object says what it was allocated as: as measured."""
    if int(release.split(".")[1]) >= 22:
        return 0.99 if flavour == "plain" else 0.97
    return 0.94 if flavour == "plain" else 0.84


def run(binary, types):
    """What the program says of addresses, its counts, and what seep prints about the same addresses."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
    process = subprocess.Popen(
        [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True)
    try:
        said, stats = {}, None
        for line in process.stdout:
            word, *rest = line.rstrip("\n").split(" ", 2)
            if word == "ready":
                break
            if word == "is":
                said.setdefault(int(rest[0], 16), rest[1])
            elif word == "stats":
                stats = tuple(int(n) for n in rest)
        else:
            raise programs.Failure("the program ended before it was ready")
        looked = subprocess.run(
            [types, str(process.pid)], input="\n".join(hex(a) for a in said), capture_output=True, text=True,
            errors="replace", timeout=60, check=False)
        if looked.returncode:
            raise programs.Failure(f"types: {looked.stderr.strip()}")
        return said, stats, looked.stdout.splitlines()
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def plain_name(name):
    """A type's name without how many of them there are: an object that was made as [4]T may be told as several T and as []T."""
    while match := re.match(r"\[\d*\]", name):
        name = name[match.end():]
    name = re.sub(r"\bstruct \{ .*\}", "struct {...}", name)  # of a type without a name
    return re.sub(r"\binterface \{\}", "any", name).replace("uint8", "byte")


def is_wrong(said, told):
    return plain_name(told) not in {plain_name(name) for name in said.split("|")}


def judge(release, flavour, said, stats, lines):
    wrong, guessed_wrong, counts = [], 0, {"told": 0, "guessed": 0, "unknown": 0}
    untyped, numbers = {}, {}
    for line in lines:
        word, rest = line.split(" ", 1)
        if word == "untyped":
            size, reason = rest.split(" ", 1)
            untyped[reason] = int(size)
            continue
        if word != "at":
            numbers[word] = tuple(int(n) for n in rest.split())
            continue
        addr, _, how, name = rest.split(" ", 3)
        counts[how] = counts.get(how, 0) + 1
        expected = said[int(addr, 16)]
        if how in ("free", "unreachable"):
            wrong.append(f"{addr} {expected}: {how}")
        elif how in ("told", "guessed") and is_wrong(expected, name):
            guessed_wrong += how == "guessed"
            if how == "told":
                wrong.append(f"{addr} is {expected}, told {name}")
    if sum(counts.values()) != len(said):
        wrong.append(f"{len(said)} objects asked for, {sum(counts.values())} told")
    if numbers["heap"] != stats:
        wrong.append(f"objects, bytes {numbers['heap']}, runtime.MemStats {stats}")
    typed_objects, typed_bytes, all_objects, all_bytes = numbers["typed"]
    if sum(untyped.values()) != all_bytes - typed_bytes:
        wrong.append(f"the reasons make {sum(untyped.values())} of {all_bytes - typed_bytes} bytes without a type")
    share = typed_bytes / all_bytes
    if share < floor(release, flavour):
        wrong.append(f"{share:.2%} of bytes have a type, {floor(release, flavour):.0%} are wanted")
    text = (
        f"{share:.2%} of {all_bytes} bytes, {typed_objects / all_objects:.2%} of {all_objects} objects have a type"
        f" (guessed {numbers['guessed'][1] / all_bytes:.2%} of bytes);"
        f" of {len(said)} known objects {counts['told']} told, {counts['guessed']} guessed ({guessed_wrong} wrong),"
        f" {counts['unknown']} unknown; " + ", ".join(f"{b} bytes {r}" for r, b in untyped.items())
    )
    if wrong:
        raise programs.Failure(f"{len(wrong)} wrong; {text}", *wrong[:20])
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("types")
    parser.add_argument("--release", action="append")
    parser.add_argument("--flavour", action="append", choices=FLAVOURS)
    args = parser.parse_args()
    types = shutil.which(args.types) or sys.exit(f"no such program: {args.types}")
    passed = failed = skipped = 0
    for release in args.release or RELEASES:
        for flavour in args.flavour or FLAVOURS:
            try:
                binary = programs.build_program(release, flavour, PROGRAM)
                print(f"ok      {release} {flavour}: {judge(release, flavour, *run(binary, types))}", flush=True)
                passed += 1
            except programs.Skip as skip:
                skipped += 1
                print(f"SKIPPED {release} {flavour}: {skip}")
            except programs.Failure as failure:
                failed += 1
                print(f"FAILED  {release} {flavour}: ", *failure.lines, sep="\n        ", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
