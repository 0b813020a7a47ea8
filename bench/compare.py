#!/usr/bin/env python3
"""Measures seep beside other tools on the same process: time, memory, how long the target stood.

Tools take turns on one target, again and again; ratios are the median over the rounds of the ratio
within one round, so that what else the machine does weighs less. `suspended` is what the target
itself saw: the largest gap in its own readings of the clock (targets/heap). The row `nothing` is
the same without a tool: what the machine alone makes of it.

Peers that are there are measured, others named: grf (goref attach: references of the heap), dlv
(attach and list the goroutines), gcore (a core file, to be analysed elsewhere). They do not
answer the same question as seep; each is what one would reach for instead. See peers.sh.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "harmless"))
import procs  # noqa: E402

WORKLOADS = {
    "heap": ("5 M objects, 1 GB, 1,000 goroutines",
             {"objects": 5_000_000, "bytes": 1 << 30, "goroutines": 1000}),
    "goroutines": ("100,000 goroutines, 100,000 objects, 20 MB",
                   {"objects": 100_000, "bytes": 20 << 20, "goroutines": 100_000}),
    "busy": ("1 M objects, 200 MB, 1,000 goroutines, 200 MB/s of garbage",
             {"objects": 1_000_000, "bytes": 200 << 20, "goroutines": 1000,
              "alloc-rate": 200 << 20}),
}
COLUMNS = (("wall", "wall s", "{:.3f}"), ("cpu", "CPU s", "{:.3f}"), ("rss", "peak MB", "{:.0f}"),
           ("gap", "suspended ms", "{:.2f}"), ("gaps", "all gaps ms", "{:.2f}"),
           ("pause", "own figure ms", "{:.2f}"))


class Tool:
    """A command to run on a PID."""

    def __init__(self, name, binary, timeout):
        self.name, self.binary, self.timeout = name, binary, timeout

    def command(self, pid, scratch):
        if self.name == "seep":
            return [self.binary, "--json", str(pid)]
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
        return ["sleep", "1"]

    def measure(self, target, scratch):
        """Numbers of one run, or a text that says why not."""
        ask_gaps(target)
        run = procs.run_measured(self.command(target.pid, scratch), self.timeout)
        # The gap ends when the target runs again; let it read its clock.
        time.sleep(0.02)
        if not target.alive():
            return "killed the target"
        held = procs.held_after(target.pid, 0.5)
        if held:
            return f"left the target stopped: {held[:2]}"
        largest, total = ask_gaps(target)
        for leftover in pathlib.Path(scratch).iterdir():
            leftover.unlink()
        if run.rc not in (0, procs.EXIT_PARTIAL if self.name == "seep" else 0):
            return f"exit {run.rc}: {(run.err.strip() or run.out.strip())[-200:]}"
        numbers = {"wall": run.wall, "cpu": run.cpu, "rss": run.rss_kb / 1024,
                   "gap": largest / 1e6, "gaps": total / 1e6}
        if self.name == "seep":
            numbers["pause"] = procs.report_of(run).get("capture", {}).get("pause_ns", 0) / 1e6
        return numbers


def ask_gaps(target):
    target.send("gaps")
    words = target.expect("gaps", 60).split()
    return int(words[0]), int(words[1])


def find_tools(options):
    given = dict(one.split("=", 1) for one in options.peer)
    cache = procs.cache_dir("peers")
    tools, missing = [Tool("nothing", "sleep", 60)], []
    seep = options.seep or os.environ.get("SEEP") or str(procs.REPO / "build" / "seep")
    for name, path in (("seep", seep), ("grf", given.get("grf", cache / "grf")),
                       ("dlv", given.get("dlv", cache / "dlv")),
                       ("gcore", given.get("gcore", shutil.which("gcore") or ""))):
        if options.tools and name not in options.tools.split(","):
            continue
        if path and os.access(path, os.X_OK) and os.path.isfile(path):
            tools.append(Tool(name, str(pathlib.Path(path).resolve()), options.timeout))
        else:
            missing.append(name)
    return tools, missing


def measure(binary, settings, tools, options):
    """{tool: [numbers of each round or a text]}, and what the target said of itself."""
    arguments = [f"-{key}={max(1, int(value * options.scale))}" for key, value in settings.items()]
    results = {tool.name: [] for tool in tools}
    with tempfile.TemporaryDirectory(prefix="seep-bench-") as scratch, \
            procs.Child([binary, *arguments]) as target:
        about = target.expect("ready", 300)
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
    lines = ["| tool | " + " | ".join(title for _, title, _ in COLUMNS) + " | wall ×seep |"
             " suspended ×seep | peak ×seep |", "| --- |" + " ---: |" * (len(COLUMNS) + 3)]
    for name, rounds in results.items():
        good = [one for one in rounds if isinstance(one, dict)]
        if not good:
            reason = next((one for one in rounds if isinstance(one, str)), "not measured")
            lines.append(f"| {name} | {reason.replace('|', '/')} |" + " |" * (len(COLUMNS) + 2))
            continue
        cells = []
        for key, _, form in COLUMNS:
            values = [one[key] for one in good if key in one]
            cells.append(form.format(statistics.median(values)) if values else "")
        for key in ("wall", "gap", "rss"):
            value = ratio(results, name, key) if name not in ("seep", "nothing") else None
            cells.append(f"{value:.1f}" if value else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of every tool (default: 5)")
    parser.add_argument("--workload", action="append", choices=list(WORKLOADS),
                        help="only this one (default: heap and goroutines)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the target (default: 1)")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the target with")
    parser.add_argument("--tools", metavar="NAME,..", help="only these: seep,grf,dlv,gcore")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=FILE",
                        help="where a peer's binary is")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one run (300)")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    tools, missing = find_tools(options)

    binary = str(procs.cache_dir("bench") / f"heap-{options.go or 'host'}")
    error = procs.go_build(HERE / "targets" / "heap", binary, options.go)
    if error:
        print(f"skipped: the target does not build: {error}")
        return procs.SKIP
    for name in options.workload or ("heap", "goroutines"):
        title, settings = WORKLOADS[name]
        results, about = measure(binary, settings, tools, options)
        scale = "" if options.scale == 1 else f", scaled by {options.scale:g}"
        objects, heap, goroutines, watcher = about.split()
        print(f"\n### {title}{scale}\n\n{objects} objects, {int(heap) / 1e6:.0f} MB,"
              f" {goroutines} goroutines, clock {watcher}; {options.rounds} rounds, medians"
              f"\n\n{table(results)}\n", flush=True)
    if missing:
        print("Not measured, as not there: " + ", ".join(missing) + ".")
    return 0


if __name__ == "__main__":
    sys.exit(main())
