#!/usr/bin/env python3
"""Kills seep at random moments: whatever it was doing, the process it looked at must run on.

100 ms after the kill no thread of the server may be stopped or traced, it must answer requests,
and nothing that seep started may be alive.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import procs
from httpload import Load

GRACE_S = 0.1


def group_members(group):
    """Processes of a process group that are not zombies, but for the leader's own pid."""
    members = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != group:
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[2]) == group and fields[0] != "Z":
                members.append(int(name))
    return members


def start(seep, pid):
    return subprocess.Popen([seep, "--json", str(pid)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            process_group=0, preexec_fn=procs.die_with_parent)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="how often (default: 40)")
    parser.add_argument("--clients", type=int, default=4, help="keep-alive clients (default: 4)")
    parser.add_argument("--signals", default="KILL",
                        help="comma-separated, one taken at random each time (default: KILL)")
    parser.add_argument("--seed", type=int, help="of the random moments (printed)")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the server with")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    seep = procs.seep_path(options.seep)
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}")

    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        error = procs.go_build(f"{procs.REPO}/tests/harmless/httpserver", f"{scratch}/httpserver",
                               options.go)
        if error:
            print(f"skipped: the server does not build: {error}")
            return procs.SKIP
        with procs.Child([f"{scratch}/httpserver", "-leaks", "20"]) as server:
            host, port = server.expect("listening").rsplit(":", 1)
            with Load(host, int(port), options.clients) as load:
                return kill_often(options, seep, server, load, random.Random(seed))


def kill_often(options, seep, server, load, rng):
    signals = [getattr(signal, "SIG" + name) for name in options.signals.split(",")]
    if not load.wait_served(50 * options.clients):
        print(f"FAIL the server does not serve: {load.summary()}")
        return 1
    typical = []
    for _ in range(5):
        run = procs.run_seep(seep, server.pid)
        if run.rc not in (procs.EXIT_OK, procs.EXIT_PARTIAL):
            print(f"FAIL seep itself: exit {run.rc}: {run.err.strip()[:300]}")
            return 1
        typical.append(run.wall)
    span = sorted(typical)[2] * 1.1

    problems, in_time = [], 0
    for n in range(options.kills):
        delay = rng.uniform(0, span)
        how = rng.choice(signals)
        child = start(seep, server.pid)
        try:
            time.sleep(delay)
            in_time += child.poll() is None
            child.send_signal(how)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                problems.append(f"kill {n}: seep lives on 10 s after {how.name}")
        finally:
            child.kill()
            child.wait()
        where = f"kill {n} ({how.name} after {delay * 1e3:.2f} ms)"
        held = procs.held_after(server.pid, GRACE_S)
        if held:
            problems.append(f"{where}: left stopped or traced: {held[:3]}")
        rest = group_members(child.pid)
        if rest:
            time.sleep(GRACE_S)
            rest = group_members(child.pid)
        for pid in rest:
            problems.append(f"{where}: left process {pid} behind")
            os.kill(pid, signal.SIGKILL)
        if not server.alive():
            problems.append(f"{where}: the server died")
            break
        if not load.wait_served(1):
            problems.append(f"{where}: the server stopped serving")
            break
        if len(problems) > 20:
            break
    load.stop()
    if load.failures:
        problems.append(f"{len(load.failures)} requests failed: {load.failures[:3]}")
    print(f"{options.kills} signals over 0..{span * 1e3:.1f} ms, {in_time} of them while seep ran;"
          f" {load.summary()}")
    for problem in problems:
        print("FAIL", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
