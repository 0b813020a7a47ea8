#!/usr/bin/env python3
"""Looks at one process with ever more memory allowed (--max-mem); the program is memory_limit/.

At each limit seep's peak, as the kernel counts it, stays below it (a tenth more is let pass), and what is reported is what a look
without limit reports, less the causes that the caveats say were left out. Where not even a copy has room, the process is not
touched, and with what the message asks for it has. A capture and a core of it are looked at in the same way.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import run_programs as programs

SOURCES = pathlib.Path(__file__).resolve().parent / "memory_limit"
EXIT_PARTIAL = 6
STEPS = 8
HOLDERS = {"ticker", "map-bloat", "pool-bloat"}
TYPES = {"substring", "subslice", "lost-elements"}


def look(seep, pid, limit=None):
    """(exit status, peak in bytes, the report or None, what it says on stderr)"""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = [seep, "--json", *(["--max-mem", f"{limit // 1024}K"] if limit else []), str(pid)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err) as run:
            _, status, usage = os.wait4(run.pid, 0)
            run.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        text, said = out.read(), err.read().decode()
    if run.returncode == programs.EXIT_NOT_PERMITTED:
        raise programs.Skip(said.strip())
    return run.returncode, usage.ru_maxrss * 1024, json.loads(text) if text else None, said


def findings(report, without=()):
    keys = ("cause", "verdict", "signature", "count", "retained_bytes", "wasted_bytes")
    return sorted(tuple(str(f.get(key)) for key in keys) for f in report["findings"] if f["cause"] not in without)


def check(condition, *lines):
    if not condition:
        raise programs.Failure(*map(str, lines))


def check_step(seep, pid, limit, whole):
    """Which detail there was: 0 goroutines, 1 types, 2 everything."""
    status, peak, report, said = look(seep, pid, limit)
    check(report, f"no report within {limit}: {said}")
    check(peak <= limit * 1.1, f"took {peak} bytes of {limit}")
    caveats = " ".join(report["caveats"])
    without = (HOLDERS if "holders" in caveats else set()) | (TYPES if "types" in caveats else set())
    check(status == (EXIT_PARTIAL if without else 0), f"exit status {status} within {limit}, left out {without}")
    check(bool(report.get("holders")) == (not without), f"holders within {limit}: {report.get('holders')}")
    check(findings(report) == findings(whole, without), f"within {limit}:", findings(report), findings(whole, without))
    return 2 if not without else 1 if without == HOLDERS else 0


def check_process(seep, pid):
    status, _, whole, said = look(seep, pid)
    check(status == 0, f"exit status {status} without a limit: {said}")
    causes = {f["cause"] for f in whole["findings"]}
    check(causes >= {"receive-blocked", "substring", "ticker"}, f"the program has {causes}")

    status, peak, report, said = look(seep, pid, 20 << 20)
    least = re.search(r"at least (\d+) are needed; the process was not stopped", said)
    check(status == EXIT_PARTIAL and report is None and least, f"exit status {status} within 20 MB: {said}")
    check(peak <= 22 << 20, f"took {peak} bytes of 20 MB")

    least = int(least[1]) * 1000000
    status, _, _, said = look(seep, pid, least)
    most = re.search(r"not enough for everything, (\d+) would be", said)
    check(status == EXIT_PARTIAL and most, f"exit status {status} within {least}: {said}")
    most = (int(most[1]) + 2) * 1000000
    details = [check_step(seep, pid, least + (most - least) * k // STEPS, whole) for k in range(STEPS + 1)]
    check(details == sorted(details) and set(details) == {0, 1, 2}, f"details by limit: {details}")


def check_file(seep, path, kind):
    """All that is needed of a file must have room; the rest is as of a process."""
    _, _, whole, _ = look(seep, path)
    for limit in (20 << 20, 40 << 20):
        status, peak, report, said = look(seep, path, limit)
        check(status == EXIT_PARTIAL and report is None and "than the limit leaves room for" in said,
              f"exit status {status} of a {kind} within {limit}: {said}")
        check(peak <= limit * 1.1, f"took {peak} bytes of {limit} for a {kind}")
    details = [check_step(seep, path, limit << 20, whole) for limit in (70, 100, 150)]
    check(details == sorted(details) and details[0] < details[2] == 2, f"details by limit of a {kind}: {details}")


def check_files(seep, pid):
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "capture")
        result = subprocess.run([seep, "capture", "-q", str(pid), "-o", path], stderr=subprocess.PIPE, text=True, check=False)
        check(result.returncode == 0, result.stderr)
        check_file(seep, path, "capture")
        if shutil.which("gcore"):
            result = subprocess.run(["gcore", "-o", os.path.join(scratch, "core"), str(pid)], capture_output=True, text=True, check=False)
            check(result.returncode == 0, result.stderr)
            check_file(seep, os.path.join(scratch, f"core.{pid}"), "core")


def judge(seep, release):
    binary = programs.build_program(release, source_folder=SOURCES)
    with subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            check(process.stdout.readline() == "ready\n", "the program does not start")
            check_process(seep, process.pid)
            check_files(seep, process.pid)
        finally:
            process.kill()
    return 1, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seep", default=programs.ROOT / "build/seep", metavar="PATH")
    parser.add_argument("--release", default="1.27", metavar="R")
    options = parser.parse_args()
    return programs.run_whole(lambda: judge(options.seep, options.release))


if __name__ == "__main__":
    sys.exit(main())
