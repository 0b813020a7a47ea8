#!/usr/bin/env python3
"""Measures seep beside other tools on the same process: time, memory, how long the target stood.

Tools take turns on one target, again and again; ratios are the median over the rounds of the ratio
within one round, so that what else the machine does weighs less. `suspended` is what the target
itself saw: the largest gap in its own readings of the clock (targets/heap). The row `nothing` is
the same without a tool: what the machine alone makes of it.

Peers that are there are measured, others named: grf (goref attach: references of the heap), dlv
(attach and list the goroutines), gcore (a core file, which something else, such as viewcore, has
then to analyse). They do not answer the same question as seep; each is what one would reach for
instead. See peers.sh.

Two rows are the Go runtime's own: `heapdump` is debug.WriteHeapDump, which writes all objects to a
file with the world stopped (suspended is the time it took); `collector` is the mark phase of one
collection, which follows all pointers and keeps nothing (suspended is the sum of its two stops).
"""

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import heap
from heap import procs

MB = 1 << 20
WORKLOADS = {
    "100k": {"objects": 100_000, "bytes": 22 * MB, "goroutines": 1000},
    "1m": {"objects": 1_000_000, "bytes": 220 * MB, "goroutines": 1000},
    "5m": {"objects": 5_000_000, "bytes": 1024 * MB, "goroutines": 1000},
    "20m": {"objects": 20_000_000, "bytes": 2048 * MB, "goroutines": 1000},
    "goroutines": {"objects": 100_000, "bytes": 20 * MB, "goroutines": 100_000},
    "busy": {"objects": 1_000_000, "bytes": 200 * MB, "goroutines": 1000, "alloc-rate": 200 * MB},
}
DEFAULT = ("100k", "1m", "5m", "20m", "goroutines")
COLUMNS = (("wall", "total s", "{:.3f}"), ("cpu", "CPU s", "{:.3f}"), ("rss", "peak MB", "{:.0f}"),
           ("gap", "suspended ms", "{:.2f}"), ("gaps", "all gaps ms", "{:.2f}"),
           ("pause", "own figure ms", "{:.2f}"), ("size", "written MB", "{:.0f}"))
RATIOS = (("wall", "total"), ("cpu", "CPU"), ("gap", "suspended"), ("rss", "peak"))


class Tool:
    """A command to run on a PID; seep:METHOD is seep --pause=METHOD."""

    def __init__(self, name, binary, timeout):
        self.name, self.binary, self.timeout = name, binary, timeout

    def command(self, pid, scratch):
        kind, _, method = self.name.partition(":")
        if kind.startswith("seep"):
            return [self.binary, "--json", *([f"--pause={method}"] if method else []), str(pid)]
        if self.name == "grf":
            return [self.binary, "attach", str(pid), "-o", f"{scratch}/grf.out"]
        if self.name == "gcore":
            return [self.binary, "-o", f"{scratch}/core", str(pid)]
        if self.name == "dlv":
            # It asks at the end whether to kill the process: no.
            script = pathlib.Path(scratch, "dlv.input")
            script.write_text("goroutines\nexit\nn\n", encoding="utf-8")
            return ["sh", "-c", 'exec "$0" attach --allow-non-terminal-interactive=true "$1" <"$2"',
                    self.binary, str(pid), str(script)]
        return ["sleep", "1"]  # nothing

    def measure(self, target, scratch):
        """Numbers of one run, or a text that says why not."""
        target.gaps()
        run = procs.run_measured(self.command(target.pid, scratch), self.timeout)
        time.sleep(heap.SETTLE_S)
        if not target.alive():
            return "killed the target"
        held = procs.held_after(target.pid, 0.5)
        if held:
            return f"left the target stopped: {held[:2]}"
        largest, total, _ = target.gaps()
        written = sum(file.stat().st_size for file in pathlib.Path(scratch).iterdir())
        clear(scratch)
        if run.rc != 0:
            return f"exit {run.rc}: {(run.err.strip() or run.out.strip())[-200:]}"
        if self.name == "nothing":
            return {"gap": largest, "gaps": total}
        numbers = {"wall": run.wall, "cpu": run.cpu, "rss": run.rss_kb / 1024,
                   "gap": largest, "gaps": total}
        if self.name.startswith("seep"):
            capture = procs.report_of(run)["capture"]
            numbers["pause"] = capture.get("max_gap_ns", capture["pause_ns"]) / 1e6
        elif written > MB:
            numbers["size"] = written / 1e6
        return numbers


class HeapDump:
    """The runtime's own dump of the heap."""

    name = "heapdump"

    @staticmethod
    def measure(target, scratch):
        took, size = target.ask(f"heapdump {scratch}/heap.dump")
        clear(scratch)
        return {"wall": took / 1e9, "gap": took / 1e6, "size": size / 1e6}


class Collector:
    """The mark phase of the runtime's own collector."""

    name = "collector"

    @staticmethod
    def measure(target, _scratch):
        cpu, wall, stopped = target.collect()
        return {"cpu": cpu, "wall": wall, "gap": stopped}


def clear(folder):
    for leftover in pathlib.Path(folder).iterdir():
        leftover.unlink()


def find_tools(names, options):
    """The tools of these names that are there, and the names of the others."""
    cache = procs.cache_dir("peers")
    paths = {"seep": procs.seep_path(options.seep), "nothing": "/bin/true",
             "grf": cache / "grf", "dlv": cache / "dlv", "gcore": shutil.which("gcore") or "",
             **dict(one.split("=", 1) for one in options.peer)}
    own = {"heapdump": HeapDump, "collector": Collector}
    tools, missing = [], []
    for name in names:
        path = paths.get(name.partition(":")[0], "")
        if name in own:
            tools.append(own[name]())
        elif path and os.path.isfile(path) and os.access(path, os.X_OK):
            tools.append(Tool(name, str(pathlib.Path(path).resolve()), options.timeout))
        else:
            missing.append(name)
    return tools, missing


def measure(binary, settings, tools, options):
    """{tool: [numbers of each round or a text]}, and what the target said of itself."""
    settings = {key: max(1, int(value * options.scale)) for key, value in settings.items()}
    results = {tool.name: [] for tool in tools}
    with tempfile.TemporaryDirectory(prefix="seep-bench-") as scratch, \
            heap.Heap(binary, settings) as target:
        about = target.about()
        for turn in range(options.rounds):
            order = tools if turn % 2 == 0 else tools[::-1]
            for tool in order:
                if any(isinstance(one, str) for one in results[tool.name]):
                    continue
                results[tool.name].append(tool.measure(target, scratch))
                print(f"  {tool.name}: {results[tool.name][-1]}", file=sys.stderr, flush=True)
                if not target.alive():
                    return results, about
                time.sleep(0.2)
    return results, about


def ratio(results, name, key):
    """Median over the rounds of (this tool / seep)."""
    pairs = [(own[key], base[key]) for own, base in zip(results[name], results.get("seep", []))
             if isinstance(own, dict) and isinstance(base, dict) and base.get(key) and key in own]
    return statistics.median(own / base for own, base in pairs) if pairs else None


def table(results):
    lines = ["| tool | " + " | ".join(title for _, title, _ in COLUMNS)
             + "".join(f" | {title} × seep" for _, title in RATIOS) + " |",
             "| --- |" + " ---: |" * (len(COLUMNS) + len(RATIOS))]
    for name, rounds in results.items():
        good = [one for one in rounds if isinstance(one, dict)]
        if not good:
            reason = next((one for one in rounds if isinstance(one, str)), "not measured")
            lines.append(f"| {name} | {reason.replace('|', '/')} |"
                         + " |" * (len(COLUMNS) + len(RATIOS) - 1))
            continue
        cells = []
        for key, _, form in COLUMNS:
            values = [one[key] for one in good if key in one]
            cells.append(form.format(statistics.median(values)) if values else "")
        for key, _ in RATIOS:
            value = ratio(results, name, key) if name not in ("seep", "nothing") else None
            cells.append((f"{value:,.0f}" if value >= 10 else f"{value:.2g}") if value else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of every tool (default: 5)")
    parser.add_argument("--workload", action="append", choices=list(WORKLOADS),
                        help=f"only this one (default: {', '.join(DEFAULT)})")
    parser.add_argument("--scale", type=float, default=1.0, help="of the target (default: 1)")
    parser.add_argument("--tools", default="seep,seep:stop,grf,dlv,gcore,heapdump,collector",
                        metavar="NAME,..", help="these, and seep:METHOD (default: %(default)s)")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FILE",
                        help="where a tool's binary is; a NAME that begins with seep is another seep")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one run (300)")
    heap.add_options(parser)
    options = parser.parse_args()
    tools, missing = find_tools(["nothing", *options.tools.split(",")], options)

    binary = heap.build(options.go)
    print(heap.machine(), flush=True)
    for name in options.workload or DEFAULT:
        results, about = measure(binary, WORKLOADS[name], tools, options)
        print(f"\n### {name}\n\n{about}; {options.rounds} rounds, medians;"
              f" load {os.getloadavg()[0]:.1f}\n\n{table(results)}", flush=True)
    if missing:
        print("\nNot measured, as not there: " + ", ".join(missing) + ".")
    return 0


if __name__ == "__main__":
    sys.exit(main())
