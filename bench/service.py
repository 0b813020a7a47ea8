#!/usr/bin/env python3
"""Measures what looking at a server costs those whom it serves: requests a second and latency.

A server gets a steady load (targets/load: requests are due by the clock, so that one that stands
still is charged with all that came meanwhile), before, during and after repeated attaches of each
tool in turn, one process for all of them. `during` is the whole time from the first attach to the
last, with a rest after each that is as long as --every says. `cpu` is no tool but two loops that
take as much time as an attach of the first tool: what is lost to the processors being shared, and
not to a pause. Throughput is what was answered in the phase, and in the worst tenth of a second of it.

Servers: http, of our own (tests/harmless/httpserver), with a heap of a few million objects; nats,
as built by tests/servers/build.sh, with many subscriptions. Server, load and tool share the
machine's processors.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

import heap
from compare import Tool, clear, find_tools
from heap import procs

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "servers"))
from servers import Nats  # noqa: E402

REST_S, QUIET_S = 2, 10


class Cpu(Tool):
    """Two loops for some seconds."""

    def __init__(self, seconds, timeout):
        super().__init__("cpu", "sh", timeout)
        self.seconds = seconds

    def command(self, pid, scratch):
        loop = f"timeout {self.seconds:.2f} sh -c 'while :; do :; done'"
        return ["sh", "-c", f"{loop} & {loop}; wait"]


def start_http(options, _scratch):
    binary = procs.cache_dir("bench") / f"httpserver-{options.go or 'host'}"
    error = procs.go_build(HERE.parent / "tests" / "harmless" / "httpserver", binary, options.go)
    if error:
        raise RuntimeError(error)
    server = procs.Child([str(binary), f"-objects={options.objects}"])
    return server, ["-kind=http", "-address=" + server.expect("listening", 60)]


def start_nats(options, scratch):
    binary = procs.cache_dir("servers") / "nats"
    if not binary.exists():
        raise RuntimeError(f"no {binary}: tests/servers/build.sh makes it")
    server = Nats()
    child = server.start(str(binary), scratch)
    return child, ["-kind=nats", f"-address=127.0.0.1:{server.port}",
                   f"-subscriptions={options.subscriptions}"]


def attach(tool, pid, scratch, options):
    """Seconds of the attaches of one tool, with rests."""
    walls = []
    for _ in range(options.attaches):
        run = procs.run_measured(tool.command(pid, scratch), options.timeout)
        if run.rc not in (0, 124 if tool.name == "cpu" else 0):
            raise RuntimeError(f"{tool.name}: exit {run.rc}: {run.err.strip()[-200:]}")
        if held := procs.held_after(pid, 0.5):
            raise RuntimeError(f"{tool.name} left the server stopped: {held[:2]}")
        clear(scratch)
        walls.append(run.wall)
        time.sleep(max(0.0, options.every))
    return walls


def measure(name, start, tools, options):
    """[(phase, numbers of the load)], {tool: seconds of an attach}, memory of the server."""
    walls = {}
    with tempfile.TemporaryDirectory(prefix="seep-bench-") as folder, \
            tempfile.TemporaryDirectory(prefix="seep-bench-") as scratch:
        server, arguments = start(options, folder)
        load = [options.load, *arguments, f"-rate={options.rate}", f"-clients={options.clients}"]
        with server, procs.Child(load, stderr=None) as generator:
            generator.expect("ready", 120)
            time.sleep(REST_S)
            generator.send("phase before")
            time.sleep(QUIET_S)
            for tool in tools:
                if tool.name == "cpu":
                    tool.seconds = next(iter(walls.values()), tool.seconds)
                generator.send(f"phase {tool.name}")
                walls[tool.name] = statistics.median(attach(tool, server.pid, scratch, options))
                generator.send("phase rest")
                time.sleep(REST_S)
                print(f"  {name}: {tool.name} {walls[tool.name]:.2f} s", file=sys.stderr, flush=True)
            generator.send("phase after")
            time.sleep(QUIET_S)
            memory = procs.status_of(server.pid)["VmRSS"].strip()
            generator.send("quit")
            rows = []
            for _ in range(3 + 2 * len(tools)):
                words = generator.expect("phase", 60).split()
                rows.append((words[0], [float(word) for word in words[1:]]))
    return [row for row in rows if row[0] not in ("start", "rest")], walls, memory


def table(rows, walls):
    base = next(numbers for phase, numbers in rows if phase == "before")
    lines = ["| | attach s | requests/s | in the worst 0.1 s | failed | median ms | 99 % ms |"
             " 99.9 % ms | max ms | 99 % × before |", "| --- |" + " ---: |" * 9]
    for phase, (seconds, _, answered, worst, failed, *latencies) in rows:
        text = " | ".join(f"{latency / 1e6:.2f}" for latency in latencies)
        wall = f"{walls[phase]:.2f}" if phase in walls else ""
        lines.append(f"| {phase} | {wall} | {answered / seconds:,.0f} |"
                     f" {worst * 10:,.0f} | {failed:.0f} | {text} |"
                     f" {latencies[1] / base[6]:.1f} |")
    return "\n".join(lines)


SERVERS = {"http": start_http, "nats": start_nats}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=list(SERVERS), help="default: both")
    parser.add_argument("--attaches", type=int, default=10, help="by each tool (default: 10)")
    parser.add_argument("--every", type=float, default=1.0, help="seconds of rest after each (1)")
    parser.add_argument("--rate", type=int, default=1000, help="requests a second (1,000)")
    parser.add_argument("--clients", type=int, default=16, help="connections (16)")
    parser.add_argument("--objects", type=int, default=3_000_000, help="of http's heap (3,000,000)")
    parser.add_argument("--subscriptions", type=int, default=100_000, help="of nats (100,000)")
    parser.add_argument("--tools", default="seep:precopy,seep:stop,dlv,gcore", metavar="NAME,..")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FILE",
                        help="where a peer's binary is")
    parser.add_argument("--timeout", type=int, default=120, help="seconds for one attach (120)")
    heap.add_options(parser)
    options = parser.parse_args()
    tools, missing = find_tools(options.tools.split(","), options)
    tools.append(Cpu(1, options.timeout))
    options.load = str(procs.cache_dir("bench") / "load")
    error = procs.go_build(HERE / "targets" / "load", options.load)
    if error:
        print(f"skipped: the load does not build: {error}")
        return procs.SKIP

    print(heap.machine(), flush=True)
    for name in options.server or SERVERS:
        rows, walls, memory = measure(name, SERVERS[name], tools, options)
        print(f"\n### {name}\n\n{memory} resident; {options.rate:,} requests a second due on"
              f" {options.clients} connections; {options.attaches} attaches by each tool; load"
              f" {os.getloadavg()[0]:.1f}\n\n{table(rows, walls)}", flush=True)
    if missing:
        print("\nNot measured, as not there: " + ", ".join(missing) + ".")
    return 0


if __name__ == "__main__":
    sys.exit(main())
