#!/usr/bin/env python3
"""Usage: globals.py BINARY_DUMP [RELEASE...]

Builds a program with each Go release of tools/go-releases.txt (or those given; `host` for the machine's own), as it comes, as a
PIE, for arm64, and stripped, and compares what seep finds in it with what Go's own tools say:
- the runtime's variables with `go tool nm` of the program with symbols,
- the type descriptors' layouts with the generated table: not one may differ,
- the pointer masks of all types with those that follow from their fields.

Exit status: 0 good, 1 a difference, 77 no toolchain is to be had.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = {
    "allglen": "allglen", "allgptr": "allgptr", "allp": "allp", "allm": "allm", "mheap": "mheap_", "gcphase": "gcphase",
    "semtable": "semtable", "wait_reasons": "waitReasonStrings", "finq": "finq", "allfin": "allfin",
    "cleanups": "gcCleanups", "mem_profile_rate": "MemProfileRate", "gc_controller": "gcController",
    "persistent_chunks": "persistentChunks", "gc_bits_arenas": "gcBitsArenas", "buckhash": "buckhash",
}
# Fields of a variable: found at the variable's address and the layout's offset.
FIELDS = {"memstats_enablegc": "memstats", "memstats_other_sys": "memstats"}
PROGRAM = """package main

import ("os"; "sync"; "time")

type part struct { n int; p *part; s string; e any; list [3][]byte }
type large struct { head [700]*int; n int; tail [5000]part; z int }
type many [20000]struct { *part; sync.Mutex; none [0]*int }

var sink []any

func main() {
	sink = append(sink, &large{}, &many{}, new([9]large), make(chan *part, 3), map[string]*large{}, time.NewTicker(time.Hour))
	os.Stdout.WriteString("done\\n")
}
"""
# What no recipe tells, and nothing essential rests on.
UNKNOWN = {("arm64", "1.18", "gc_controller")}
VARIANTS = {"plain": ("amd64", []), "pie": ("amd64", ["-buildmode=pie"]), "arm64": ("arm64", []), "arm64-pie": ("arm64", ["-buildmode=pie"])}


def build(go, folder, name, arch, flags):
    env = {k: v for k, v in os.environ.items() if k not in ("GOROOT", "GOFLAGS", "GOEXPERIMENT")}
    env.update(GOTOOLCHAIN="local", GOWORK="off", CGO_ENABLED="0", GOOS="linux", GOARCH=arch)
    path = os.path.join(folder, name)
    subprocess.run([go, "build", *flags, "-o", path, "."], cwd=folder, env=env, check=True)
    return path


def symbols(go, path):
    out = subprocess.run([go, "tool", "nm", "-size", path], stdout=subprocess.PIPE, text=True, check=True,
                         env=dict(os.environ, GOTOOLCHAIN="local")).stdout
    sizes = {m.group(3): (int(m.group(1), 16), int(m.group(2)))
             for m in re.finditer(r"^ *([0-9a-f]+) +(\d+) \S runtime\.(\S+)$", out, re.M)}
    return {name: start for name, (start, _) in sizes.items()} | {"semtable stride": sizes["semtable"][1] // 251}


def dump(tool, path):
    out = subprocess.run([tool, path, "globals", "layout", "masks"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(line.rsplit(" ", 1) for line in out.splitlines())


def compare(tool, go, folder, release):
    bad = []
    for variant, (arch, flags) in VARIANTS.items():
        path = build(go, folder, variant, arch, flags)
        known = symbols(go, path)
        # Not by -ldflags: those are recorded in the program, and move its data.
        stripped = [path + "-stripped"] if arch == "amd64" else []  # the machine's own strip knows no other
        for file in stripped:
            subprocess.run(["strip", "-o", file, path], check=True)
        for file in [path, *stripped]:
            told = dump(tool, file)
            wrong = ["%s is %s, not %#x" % (symbol, told["global " + name], known.get(symbol, 0))
                     for name, symbol in NAMES.items()
                     if int(told["global " + name], 0) != known.get(symbol, 0) and (arch, release[:4], name) not in UNKNOWN]
            wrong += ["%s is %s" % (name, told["global " + name]) for name, symbol in FIELDS.items()
                      if int(told["global " + name], 0) != known[symbol] + int(told["layout " + name.replace("memstats", "mstats")])]
            wrong += ["%s %s" % (name, told[name]) for name in ("layout_disagreements", "masks_differ", "masks_unknown")
                      if told[name] != "0"]
            if int(told["global semtable_stride"], 0) != known["semtable stride"]:
                wrong.append("semtable_stride is %s" % told["global semtable_stride"])
            wrong += ["no " + name for name in ("masks_large", "layout_from_types", "global wait_reason_count")
                      if int(told[name], 0) == 0]
            bad += ["%s %s: %s" % (release, os.path.basename(file), line) for line in wrong]
    for line in bad:
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
        with tempfile.TemporaryDirectory() as folder:
            open(os.path.join(folder, "go.mod"), "w").write("module seep.test/globals\n\ngo 1.18\n")
            open(os.path.join(folder, "main.go"), "w").write(PROGRAM)
            good &= compare(tool, go.stdout.strip(), folder, release)
        done += 1
    print("%d releases compared" % done)
    return 77 if done == 0 else int(not good)


if __name__ == "__main__":
    sys.exit(main())
