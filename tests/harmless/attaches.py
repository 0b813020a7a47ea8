#!/usr/bin/env python3
"""Looks at a busy HTTP server again and again: it must not lose a request, nor be left changed.

After every attach no thread of the server may be stopped or traced; at the end it must have the
mappings, open files and threads it would have had anyway.
"""

import argparse
import statistics
import sys
import tempfile

import procs
from httpload import Load

# An attach that leaves something behind each time is over this by far; a busy Go server grows by
# a few arenas, connections and threads on its own.
NOISE = {"mappings": 24, "files": 8, "threads": 8}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attaches", type=int, default=100, help="how often (default: 100)")
    parser.add_argument("--clients", type=int, default=8, help="keep-alive clients (default: 8)")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the server with")
    parser.add_argument("--seconds", type=int, default=3600, help="give up after (default: 3600)")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    seep = procs.seep_path(options.seep)

    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        error = procs.go_build(f"{procs.REPO}/tests/harmless/httpserver", f"{scratch}/httpserver",
                               options.go)
        if error:
            print(f"skipped: the server does not build: {error}")
            return procs.SKIP
        with procs.Child([f"{scratch}/httpserver", "-leaks", "20"]) as server:
            host, port = server.expect("listening").rsplit(":", 1)
            with Load(host, int(port), options.clients, seconds=options.seconds) as load:
                return watch(options, seep, server, load)


def watch(options, seep, server, load):
    if not load.wait_served(50 * options.clients):
        print(f"FAIL the server does not serve: {load.summary()}")
        return 1
    # The first look warms up what is made once; the noise is counted from there.
    problems, walls, pauses, before = [], [], [], None
    for n in range(options.attaches + 1):
        run = procs.run_seep(seep, server.pid)
        held = procs.held_after(server.pid, 0)
        if held:
            # A thread the kernel lets go of a moment after the exit is no harm; tell them apart.
            late = procs.held_after(server.pid, 0.1)
            problems.append(f"attach {n}: {'still' if late else 'for a moment'} stopped or traced"
                            f" after the end: {(late or held)[:3]}")
        try:
            report = procs.report_of(run)
        except ValueError as error:
            problems.append(f"attach {n}: {error}")
        else:
            pauses.append(report.get("capture", {}).get("pause_ns", 0) / 1e6)
            walls.append(run.wall * 1e3)
        if run.rc not in (procs.EXIT_OK, procs.EXIT_PARTIAL):
            problems.append(f"attach {n}: exit {run.rc}: {run.err.strip()[:300]}")
        if not server.alive():
            problems.append(f"attach {n}: the server died")
            break
        if not load.wait_served(1):
            problems.append(f"attach {n}: the server stopped serving")
            break
        if before is None:
            before = procs.footprint(server.pid)
        if len(problems) > 20:
            break
    after = procs.footprint(server.pid) if server.alive() else {}
    load.stop()

    if load.failures:
        problems.append(f"{len(load.failures)} requests failed: {load.failures[:3]}")
    for what, count in after.items():
        if count > before[what] + NOISE[what]:
            problems.append(f"{what} grew from {before[what]} to {count}")
    print(f"{len(walls)} attaches; {load.summary()}")
    if walls:
        print(f"pause {statistics.median(pauses):.2f} ms median, {max(pauses):.2f} ms max;"
              f" total {statistics.median(walls):.1f} ms median, {max(walls):.1f} ms max")
    print(f"before {before}, after {after}")
    for problem in problems:
        print("FAIL", problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
