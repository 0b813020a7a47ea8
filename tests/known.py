#!/usr/bin/env python3
"""Labels of data/known.supp in a running program: known/ starts what most of the entries are about.

Each entry but those named below labels something, with --all and without; and labels change nothing: without them the
findings are the same.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import run_programs as programs

SOURCES = pathlib.Path(__file__).resolve().parent / "known"
LIST = programs.ROOT / "data" / "known.supp"
NOT_STARTED = {
    "github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher",  # needs a server
    "*json.encodeState in *",  # before Go 1.27
}
# Dropped without having been closed, they are leaks and stay such.
LEAKED = {"lumberjack", "sql.DB", "fsnotify.Watcher", "Broadcaster", "raft node", "rate limiter of certmagic"}


def entries():
    """Pattern and reason of each entry."""
    for block in re.split(r"\n\s*\n", LIST.read_text(encoding="utf-8")):
        keys = dict(line.split(None, 1) for line in block.splitlines() if line and not line.startswith("#"))
        if keys:
            yield keys.get("type") or keys["function"], keys["reason"]


def look(seep, pid, *options):
    result = subprocess.run(
        [seep, "--json", *options, str(pid)], stdin=subprocess.DEVNULL, capture_output=True, check=False,
        timeout=programs.SEEP_SECONDS,
    )
    if result.returncode == programs.EXIT_NOT_PERMITTED and not programs.may_trace():
        raise programs.Skip("no right to attach to a process here")
    if result.returncode != 0:
        raise programs.Failure(f"exit status {result.returncode}", result.stderr.decode())
    return json.loads(result.stdout)["findings"]


def identities(findings):
    """Those that cannot change between two looks: not timers, and nothing by its bytes."""
    return sorted((f["cause"], f["verdict"], f["signature"], f["count"]) for f in findings if f["cause"] != "ticker")


def check_process(seep, pid):
    every, leaks, plain = look(seep, pid, "--all"), look(seep, pid), look(seep, pid, "--no-known")
    lines = []
    seen = {f["known"] for f in every if "known" in f}
    for pattern, reason in entries():
        if (reason in seen) == (pattern in NOT_STARTED):
            lines.append(f"{pattern} labels {'something' if reason in seen else 'nothing'}")
    proven = " ".join(f["known"] for f in leaks if "known" in f and f["verdict"] == "proven")
    lines += [f"no proven leak of {name} is labelled" for name in LEAKED if name not in proven]
    if any("known" in f for f in plain):
        lines.append("--no-known leaves labels")
    if identities(leaks) != identities(plain):
        lines += ["the findings with and without labels:", *map(str, identities(leaks) + identities(plain))]
    if lines:
        raise programs.Failure(*lines)


def build(release, output):
    go, _ = programs.go_command(release)
    environment = programs.go_environment(False)
    fetched = subprocess.run([go, "mod", "download"], cwd=SOURCES, env=environment, capture_output=True, check=False)
    if fetched.returncode != 0:
        raise programs.Skip("the libraries cannot be had from the module proxy")
    result = subprocess.run([go, "build", "-o", output, "."], cwd=SOURCES, env=environment, capture_output=True, check=False)
    if result.returncode != 0:
        raise programs.Failure("cannot be built", result.stderr.decode())


def judge(seep):
    with tempfile.TemporaryDirectory() as folder:
        binary = pathlib.Path(folder) / "known"
        build("1.27", binary)
        with subprocess.Popen(
            [binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                if process.stdout.readline() != "ready\n":
                    raise programs.Failure("the program does not start")
                check_process(seep, process.pid)
            finally:
                process.kill()
    return 1, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seep", default=programs.ROOT / "build/seep", metavar="PATH")
    options = parser.parse_args()
    return programs.run_whole(lambda: judge(options.seep))


if __name__ == "__main__":
    sys.exit(main())
