#!/usr/bin/env python3
"""Asks seep who holds how many bytes of a program that knows it; the program is holders/.

Compares what `seep top` says of package variables, types and goroutines, and `seep why` of objects, with what the program says;
and how both answer to questions that have no answer.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import run_programs as programs

SOURCES = pathlib.Path(__file__).resolve().parent / "holders"
RELEASES = [line.split("#")[0].strip() for line in (programs.ROOT / "tools/go-releases.txt").read_text().splitlines()]
EXIT_USAGE = 2


def start(binary):
    """The program, and what it said before it was ready."""
    process = subprocess.Popen(
        [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("GO")},
    )
    said = []
    while (line := process.stdout.readline()) not in ("ready\n", ""):
        said.append(line.rstrip("\n"))
    return process, said


def ask(seep, command, process, *arguments):
    """The answer as JSON; or the message, where seep refuses."""
    result = subprocess.run(
        [seep, command, "--json", str(process.pid), *arguments], stdin=subprocess.DEVNULL, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=programs.SEEP_SECONDS,
    )
    if result.returncode == programs.EXIT_NOT_PERMITTED:
        raise programs.Skip(result.stderr.strip())
    if result.returncode == EXIT_USAGE:
        return result.stderr.strip()
    if result.returncode != 0:
        raise programs.Failure(f"seep {command} exits with {result.returncode}: {result.stderr.strip()}")
    return json.loads(result.stdout)


def take(holders, least, above, name):
    """Removes and returns the holder that retains so much; None if there is none."""
    for holder in holders:
        fits = least <= holder["heap"] <= least + above
        named = "name stripped" in holder["name"] or name in holder["name"]
        if fits and named:
            holders.remove(holder)
            return holder
    return None


def judge_top(top, said):
    """What is wrong with the answer of `seep top`."""
    wrong = []
    for kind in ("variables", "goroutines"):
        for holder in top[kind]:
            holder["heap"] = holder["retained_bytes"] - (holder["bytes"] if kind == "goroutines" else 0)
        sizes = [holder["retained_bytes"] for holder in top[kind]]
        if sizes != sorted(sizes, reverse=True):
            wrong.append(f"{kind} are not sorted")
    for line in said:
        kind, name, *numbers = line.split()
        if kind not in ("variable", "goroutine"):
            continue
        name = name if kind == "goroutine" else f"main.{name}"
        least, above = map(int, numbers)
        if kind == "variable" and name in ("main.cache", "main.left", "main.right"):
            # Without its name a struct is told as its words: who leads to the same alone is not known.
            if not any(holder["name"].startswith(name) for holder in top["variables"]):
                continue
        if not take(top[kind + "s"], least, above, name):
            wrong.append(f"no {kind} {name} that retains {least} to {least + above} bytes")
    counts = {holder["name"]: holder for holder in top["types"]}
    for name, count, size in (("main.session", 3024, 64), ("main.node", 10000, 32), ("main.ring", 3000, 32)):
        holder = counts.get(name)
        # Types that only a variable without a type leads to are not known.
        if holder and (holder["bytes"] != holder["count"] * size or holder["count"] > count):
            wrong.append(f"{name}: {holder}")
    return wrong


def judge_why(seep, process, said):
    """What is wrong with the answers of `seep why`."""
    wrong = []
    for line in said:
        kind, address, text = line.split(" ", 2)
        if kind not in ("object", "outside"):
            continue
        answer = ask(seep, "why", process, address)
        if kind == "outside":
            if not isinstance(answer, str) or text not in answer:
                wrong.append(f"{address} is {text}; seep: {answer}")
        elif isinstance(answer, str):
            wrong.append(f"{address} is an object; seep: {answer}")
        else:
            (path,) = answer["paths"]
            if path["address"] != address or path["retained_bytes"] != int(text) or not path["path"]:
                wrong.append(f"{address} retains {text}; seep: {path}")
            inside = ask(seep, "why", process, hex(int(address, 16) + 17))
            if inside["paths"] != answer["paths"]:
                wrong.append(f"another answer for 17 bytes into {address}: {inside['paths']}")
    answer = ask(seep, "why", process, "main.nothing")
    if not isinstance(answer, str) or "no reachable object is of type 'main.nothing'" not in answer:
        wrong.append(f"type main.nothing: {answer}")
    return wrong


def judge(seep, binary):
    """One line; Failure."""
    process, said = start(binary)
    try:
        answer = ask(seep, "top", process, "--top", "1000")
        wrong = judge_top(answer["top"], said) + judge_why(seep, process, said)
        if "findings" in answer:
            wrong.append("top speaks of findings")
        retained = sum(holder["retained_bytes"] for holder in answer["top"]["variables"])
        if retained > answer["heap"]["reachable_bytes"]:
            wrong.append(f"variables retain {retained} bytes of {answer['heap']['reachable_bytes']}")
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
    if wrong:
        raise programs.Failure(*wrong)
    return f"{len(said)} expectations"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seep", default=programs.ROOT / "build" / "seep", metavar="FILE")
    parser.add_argument("--release", action="append", metavar="R", help="1.22 or 1.22.12; repeatable")
    options = parser.parse_args()
    seep = pathlib.Path(options.seep).resolve()
    counts = dict.fromkeys(("passed", "failed", "skipped"), 0)
    for release in options.release or filter(None, RELEASES):
        for flavour in ("plain", "stripped"):
            try:
                outcome, lines = "passed", [judge(seep, programs.build_program(release, flavour, SOURCES))]
            except programs.Skip as reason:
                outcome, lines = "skipped", [str(reason)]
            except programs.Failure as failure:
                outcome, lines = "failed", failure.lines
            counts[outcome] += 1
            print(f"{outcome}  go{release} {flavour}: {lines[0]}", *lines[1:], sep="\n        ", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
