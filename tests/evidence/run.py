#!/usr/bin/env python3
"""run.py [--dump FILE] [RELEASE...]: what machine code gives away of package variables, against the program itself.

Builds oracle/ with each Go release, stripped, starts it, and compares what evidence_dump says of the process with what the program says of
its own variables. Every claim must be right; how many words are known is printed. Skipped (77) without a toolchain."""
import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPO = HERE.parents[1]


def releases():
    lines = (REPO / "tools/go-releases.txt").read_text().splitlines()
    return [".".join(line.split(".")[:2]) for line in lines if line and not line.startswith("#")]


def simple(name):
    return name.replace(" ", "_").replace("interface_{}", "any").replace("interface{}", "any")


def check(dump, go, scratch, flags):
    exe = pathlib.Path(scratch, "oracle")
    subprocess.run([go, "build", "-o", exe, *flags, "."], cwd=HERE / "oracle", check=True,
                   env={**__import__("os").environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", "GODEBUG": "goindex=0"})
    truth = {}
    with subprocess.Popen([exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        for line in child.stdout:
            if line == "ready\n":
                break
            _, addr, kind, what, name = line.split()
            truth[int(addr, 16)] = (kind, simple(what), name)
        out = subprocess.run([dump, str(child.pid)], check=True, capture_output=True, text=True).stdout
        child.stdin.close()
    claims, holds = {}, set()
    for line in out.splitlines():
        parts = line.split(" ", 5)
        if parts[0] == "word":
            claims[int(parts[1], 16)] = (parts[2], simple(parts[5]))
        elif parts[0] == "holds":
            holds.add(int(parts[1], 16))
    wrong, right, known, total = [], 0, collections.Counter(), collections.Counter()
    missing = []
    for addr, (kind, what, name) in truth.items():
        total[kind] += 1
        if addr not in claims:
            missing.append(f"{name}({kind})")
            continue
        known[kind] += 1
        claim = claims[addr]
        exact = kind in ("pointer", "slice", "map")
        if claim[0] != kind or (exact and claim[1] != what):
            wrong.append(f"{name}: {claim} is {kind} {what}")
        else:
            right += 1
    return wrong, right, known, total, missing


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump", default=REPO / "build/tests/evidence_dump")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("releases", nargs="*")
    args = parser.parse_args()
    failed = tried = 0
    for release in args.releases or releases():
        go = subprocess.run([REPO / "tools/go-toolchain.sh", release], capture_output=True, text=True)
        if go.returncode != 0:
            print(f"{release}: no toolchain")
            continue
        for flags in (["-ldflags=-s -w"], ["-ldflags=-s -w", "-buildmode=pie"]):
            with tempfile.TemporaryDirectory() as scratch:
                wrong, right, known, total, missing = check(args.dump, go.stdout.strip(), scratch, flags)
            tried += 1
            failed += bool(wrong)
            for line in wrong:
                print(f"{release}: WRONG {line}")
            print(f"{release} {flags[-1]}: right {right} wrong {len(wrong)} of {sum(total.values())} words: "
                  + ", ".join(f"{k} {known[k]}/{total[k]}" for k in sorted(total)))
            if args.v:
                print("  unknown:", " ".join(missing))
    if not tried:
        return 77
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
