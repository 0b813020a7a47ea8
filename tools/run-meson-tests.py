#!/usr/bin/env python3
"""Runs one suite of a build folder and ends with `N passed, N failed, N skipped` over test cases.

Usage: run-meson-tests.py BUILD SUITE

Meson counts programs; a TAP program holds many cases, and those are counted here.
Exit status: 0 nothing failed, 1 otherwise.
"""

import json
import os
import re
import subprocess
import sys

TAP = re.compile(r"^(not )?ok\b([^#]*)(#\s*(skip|todo)\b)?", re.IGNORECASE)


def count(test):
    """(passed, failed, skipped) of one entry of the test log."""
    cases = [match for line in test.get("stdout", "").splitlines() if (match := TAP.match(line))]
    if test["result"] in ("SKIP", "EXPECTEDFAIL") and not cases:
        return 0, 0, 1
    skipped = sum(1 for case in cases if case[3])
    failed = sum(1 for case in cases if case[1] and not case[3])
    passed = len(cases) - skipped - failed
    good = test["result"] in ("OK", "SKIP", "EXPECTEDFAIL")
    if not cases:
        return (1, 0, 0) if good else (0, 1, 0)
    return passed, max(failed, 0 if good else 1), skipped


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, suite = sys.argv[1:]
    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    status = subprocess.run(
        ["meson", "test", "-C", build, "--suite", suite, "--print-errorlogs", "--no-stdsplit"],
        check=False,
    ).returncode
    totals = [0, 0, 0]
    if os.path.exists(log):
        with open(log, encoding="utf-8") as file:
            for line in file:
                for index, value in enumerate(count(json.loads(line))):
                    totals[index] += value
    if status != 0 and totals[1] == 0:
        totals[1] = 1
    sys.stdout.flush()
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    sys.exit(1 if totals[1] else 0)


if __name__ == "__main__":
    main()
