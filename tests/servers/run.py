#!/usr/bin/env python3
"""Looks at servers nobody here wrote, idle and under load: what is called a leak must be one.

Fails on every finding that is said to be proven, deadlocked or abandoned and is not listed in
explained.json beside this file, as {"server", "reason"} with "signature", or "cause" and "function" (of
goroutines) or "holder" (of memory): somebody has read the server's source and found it true. Fails as well
if the parts of the memory do not add up to what the kernel says is resident, within 1 %.
Half of the reports are of a stripped copy of the server. Servers come from build.sh.
"""

import argparse
import collections
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from servers import SERVERS, Unready, procs

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "memory"))
from ledger import Watch  # noqa: E402

ACCUSING = ("proven", "deadlocked", "abandoned")
WARM_UP_S = 2


def explanation(explained, server, finding):
    """The reason listed for a finding, or None."""
    for entry in explained:
        if entry.get("server") not in (server, "*"):
            continue
        if "signature" in entry:
            if entry["signature"] == finding.get("signature"):
                return entry["reason"]
        elif entry.get("cause") == finding.get("cause") and (
                entry["holder"] == finding.get("holder") if "holder" in entry
                else entry["function"] == finding.get("where", {}).get("function")):
            return entry["reason"]
    return None


def mib(size):
    return f"{size / 2**20:.1f} MiB"


class Tally:
    """What the reports on one server said."""

    def __init__(self, server):
        self.server = server
        self.pauses, self.totals, self.goroutines = [], [], []
        self.findings = collections.Counter()
        self.samples = {}
        self.caveats = collections.Counter()
        self.untyped = collections.defaultdict(list)
        self.typed = collections.defaultdict(list)
        self.problems = []

    def add_memory(self, phase, report, seen):
        """The parts against the kernel's figures (seen) while seep looked; and the share of typed bytes."""
        told = sum(part["bytes"] for part in report.get("memory", {}).get("parts", []))
        if seen and not min(seen) * 0.99 <= told <= max(seen) * 1.01:
            self.problems.append(f"{phase}: parts add up to {mib(told)}, the kernel says"
                                 f" {mib(min(seen))} to {mib(max(seen))}")
        types = report.get("types", {})
        if types.get("bytes"):
            variant = "stripped" if report["target"].get("stripped") else "unstripped"
            self.typed[variant].append(100 * types["typed_bytes"] / types["bytes"])
            for part in types.get("untyped", []):
                self.untyped[part["name"]].append(part["bytes"])

    def add(self, phase, run, seen):
        try:
            report = procs.report_of(run)
        except ValueError as error:
            self.problems.append(f"{phase}: {error}")
            return
        if run.rc not in (procs.EXIT_OK, procs.EXIT_PARTIAL):
            self.problems.append(f"{phase}: exit {run.rc}: {run.err.strip()[:200]}")
        if not seen:  # to ask the kernel for the memory of a process holds both up
            self.pauses.append(report.get("capture", {}).get("pause_ns", 0) / 1e6)
            self.totals.append(run.wall * 1e3)
        self.goroutines.append(report.get("goroutines", {}).get("total", 0))
        self.add_memory(phase, report, seen)
        self.caveats.update(str(caveat) for caveat in report.get("caveats", []))
        for finding in report.get("findings", []):
            key = (finding.get("verdict"), finding.get("cause"), finding.get("signature"))
            self.findings[key] += 1
            self.samples[key] = finding

    def print(self, explained):
        """Prints it all; returns the number of accusations nobody explained."""
        print(f"== {self.server}: {len(self.goroutines)} reports")
        if self.pauses:
            print(f"   pause {statistics.median(self.pauses):.2f} ms median,"
                  f" {max(self.pauses):.2f} ms max; total {statistics.median(self.totals):.0f} ms"
                  f" median, {max(self.totals):.0f} ms max;"
                  f" goroutines {min(self.goroutines)} to {max(self.goroutines)}")
        for variant, shares in sorted(self.typed.items()):
            print(f"   types known of {min(shares):.1f} to {max(shares):.1f} % of the bytes,"
                  f" {statistics.median(shares):.1f} median ({variant})")
        for name, sizes in sorted(self.untyped.items(), key=lambda item: -max(item[1])):
            print(f"        {statistics.median(sizes) / 1024:.0f} KiB median, {max(sizes) / 1024:.0f} max: {name}")
        unexplained = 0
        for key in sorted(self.findings, key=str):
            finding = self.samples[key]
            where = finding.get("where", {})
            reason = None
            mark = " "
            if key[0] in ACCUSING:
                reason = explanation(explained, self.server, finding)
                unexplained += reason is None
                mark = "F" if reason is None else "e"
            print(f" {mark} {self.findings[key]:3d}x {key[0]} {key[1]} {key[2]}"
                  f" count {finding.get('count')}: "
                  + (f"{where.get('function')} {where.get('file')}:{where.get('line')}" if where
                     else f"{finding.get('holder')}, {finding.get('wasted_bytes', 0)} bytes wasted,"
                          f" {finding.get('retained_bytes', 0)} held"))
            print(f"        {finding.get('summary', '')}")
            if mark == "F":
                for line in finding.get("why", []):
                    print(f"        why: {line}")
                for thing in finding.get("objects", [])[:3]:
                    print(f"        {thing.get('address')} {thing.get('type')} {thing.get('visible_bytes')}"
                          f" of {thing.get('size')}: {' '.join(thing.get('path', []))}")
                for goroutine in finding.get("goroutines", [])[:1]:
                    print(f"        goroutine {goroutine.get('id')} [{goroutine.get('state')}]"
                          f" waits on {goroutine.get('waits_on')}")
                    for frame in goroutine.get("stack", []):
                        print(f"          {frame.get('function')}"
                              f" {frame.get('file')}:{frame.get('line')}")
            elif reason:
                print(f"        explained: {reason}")
        for caveat, count in self.caveats.most_common(5):
            print(f"   {count:3d}x caveat: {caveat[:200]}")
        for problem in self.problems[:10]:
            print(f" F {problem}")
        return unexplained + len(self.problems)


def start(server_class, binary):
    """A running server; ports may be taken between the picking and the start, so again."""
    for attempt in range(3):
        scratch = tempfile.TemporaryDirectory(prefix="seep-test-", ignore_cleanup_errors=True)
        server = server_class()
        try:
            return server, server.start(str(binary), scratch.name), scratch
        except Unready as error:
            scratch.cleanup()
            if attempt == 2:
                raise
            print(f"   again: {error}")
    raise AssertionError


def look(seep, child, count, phase, tally):
    for n in range(count):
        if n % 2:
            run, seen = procs.run_seep(seep, child.pid), None
        else:
            with Watch(child.pid, every=0.02) as watch:
                run = procs.run_seep(seep, child.pid)
            seen = watch.seen
        tally.add(f"{phase} {n}", run, seen)
        held = procs.held_after(child.pid, 0.1)
        if held:
            tally.problems.append(f"{phase} {n}: left stopped or traced: {held[:3]}")
        if not child.alive():
            tally.problems.append(f"{phase} {n}: the server died")
            return
        # Not in step with anything the server does every so often.
        time.sleep(0.03 + 0.01 * (n % 7))


def look_under_load(seep, server, child, count, phase, tally):
    stop = threading.Event()
    errors = []

    def guarded(work):
        try:
            work()
        except Exception as error:  # pylint: disable=broad-except
            if not stop.is_set():
                errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True)
               for work in server.load(stop)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(WARM_UP_S)
        before = server.done
        look(seep, child, count, phase, tally)
        if server.done == before:
            tally.problems.append(f"{phase}: the load got no answer while seep looked")
    finally:
        stop.set()
        for thread in threads:
            thread.join(35)
    print(f"   {phase}: {server.done} requests answered")
    tally.problems += [f"{phase}: the load failed: {error}" for error in errors[:3]]


def check(name, options, seep, explained):
    """0 fine, 1 failed, SKIP not built."""
    built = subprocess.run([HERE / "build.sh", name], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if built.returncode:
        print(f"== {name}: skipped, does not build: {built.stdout.strip()[-300:]}")
        return procs.SKIP
    binary = procs.cache_dir("servers") / name
    tally = Tally(name)
    # A process is either stripped or it is not: two of them share the reports.
    for variant, share in (("", (options.reports + 1) // 2), (".stripped", options.reports // 2)):
        if not share:
            continue
        server, child, scratch = start(SERVERS[name], f"{binary}{variant}")
        with scratch, child:
            look(seep, child, share, "idle" + variant, tally)
            if child.alive():
                look_under_load(seep, server, child, share, "load" + variant, tally)
    return 1 if tally.print(explained) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=20,
                        help="reports of each server idle, and as many under load (default: 20)")
    parser.add_argument("--server", action="append", choices=sorted(SERVERS), metavar="NAME",
                        help=f"only this one (again for more): {', '.join(SERVERS)}")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    seep = procs.seep_path(options.seep)
    explained = json.loads((HERE / "explained.json").read_text(encoding="utf-8"))
    results = {name: check(name, options, seep, explained) for name in options.server or SERVERS}
    failed = [name for name, result in results.items() if result == 1]
    skipped = [name for name, result in results.items() if result == procs.SKIP]
    print(f"{len(results)} servers, {len(failed)} failed {failed or ''},"
          f" {len(skipped)} skipped {skipped or ''}")
    if failed:
        return 1
    return procs.SKIP if len(skipped) == len(results) else 0


if __name__ == "__main__":
    sys.exit(main())
