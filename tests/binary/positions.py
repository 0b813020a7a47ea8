#!/usr/bin/env python3
"""Compares seep's reading of the function table with the runtime's own, on one program in several forms.

usage: positions.py POSITIONS GO [GO...]     (POSITIONS: the program made of tests/support/positions.c)

The program tests/binary/positions prints the position and inlined calls of places all over its own code; POSITIONS
reads the same out of the executable alone. Each GO command is tried with a plain, a stripped and a position-independent
executable. Exit status: 0 all equal, 1 not, 77 nothing could be built.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).parent / "positions"
FORMS = {
    "plain": [],
    "stripped": ["-ldflags=-s -w"],
    "pie": ["-buildmode=pie"],
}
STEP = os.environ.get("SEEP_POSITIONS_STEP", "37")


def build(go, options, output):
    flags = [o for o in options if not o.startswith("-ldflags")]
    ldflags = " ".join(o.removeprefix("-ldflags=") for o in options if o.startswith("-ldflags"))
    env = dict(os.environ, GOTOOLCHAIN=os.environ.get("GOTOOLCHAIN", "local"), GOFLAGS="-mod=mod")
    env.pop("GOROOT", None)
    # From 1.23 on the linker refuses foreign names unless told not to; before, it does not know the option.
    for check in (" -checklinkname=0", ""):
        result = subprocess.run([go, "build", *flags, f"-ldflags={ldflags}{check}", "-o", output, "."],
                                cwd=SOURCE, env=env, capture_output=True, text=True)
        if result.returncode == 0:
            return True
    print(result.stderr, file=sys.stderr)
    return False


def compare(tool, program):
    expected = subprocess.run([program, STEP], check=True, capture_output=True, text=True).stdout.splitlines()
    release = expected.pop(0).split()[1]
    entry = expected.pop(0).split()[1]
    addresses = [line.split()[1] for line in expected if line.startswith("pc 0x")]
    result = subprocess.run([tool, program, entry], input="\n".join(addresses) + "\n",
                            capture_output=True, text=True)
    if result.returncode != 0:
        print(f"  {tool}: {result.stderr.strip()}")
        return False
    actual = result.stdout.splitlines()
    inlined = len(expected) - 2 * len(addresses)
    print(f"  {release}: {len(addresses)} places, {inlined} inlined calls")
    for number, (left, right) in enumerate(zip(expected, actual)):
        # The runtime takes the name at offset 0 of its table for none.
        if left != right and not (left.startswith(" ") and right.endswith(left)):
            print(f"  line {number + 3}:\n    runtime: {left}\n    seep:    {right}")
            return False
    return len(expected) == len(actual) and inlined > 0


def main():
    tool, *gos = sys.argv[1:]
    tried = 0
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for go in gos:
            for form, options in FORMS.items():
                program = f"{scratch}/{form}"
                if not build(go, options, program):
                    continue
                print(f"{go}, {form}:")
                tried += 1
                failed += not compare(os.path.abspath(tool), program)
    if not tried:
        sys.exit(77)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
