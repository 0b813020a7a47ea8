"""What the scripts in this folder share: the target with a heap and a clock (targets/heap), the
machine in a line, percentiles.

A figure is worth what is known of where it was measured, so every script prints machine() first.
"""

import math
import os
import pathlib
import platform
import re
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "harmless"))
import procs  # noqa: E402

# gc 1 @0.0s 0%: 0.01+1.3+0.07 ms clock, 0.05+0.4/1.2/0+0.1 ms cpu, ... (forced)
TRACE = re.compile(r" ([0-9.]+)\+([0-9.]+)\+([0-9.]+) ms clock,"
                   r" [0-9.]+\+([0-9./]+)\+[0-9.]+ ms cpu,.* \(forced\)")

# After a stop, until the target's clock has surely been read again.
SETTLE_S = 0.02


class Heap(procs.Child):
    """The target, ready to be looked at."""

    def __init__(self, binary, settings, **options):
        arguments = [f"-{key}={value}" for key, value in settings.items()]
        environment = dict(os.environ, GODEBUG="gctrace=1")
        super().__init__([binary, *arguments], stderr=subprocess.PIPE, env=environment, **options)
        self.traces = []
        threading.Thread(target=self._read_traces, daemon=True).start()
        # 8 GB take half a minute to fill, more when others use the machine.
        words = self.expect("ready", 600).split()
        self.objects, self.bytes, self.goroutines = (int(word) for word in words[:3])
        self.clock = words[3]

    def ask(self, command, timeout=300):
        """The numbers that the target answers a command with."""
        self.send(command)
        return [int(word) for word in self.expect(command.split()[0], timeout).split()]

    def gaps(self):
        """Largest gap, sum of those of 0.5 ms and more, longest write, in ms, since last asked."""
        largest, total, _, write = self.ask("gaps")
        return largest / 1e6, total / 1e6, write / 1e6

    def rates(self):
        """MB allocated and pointers written per second, since last asked."""
        allocated, written, passed = self.ask("rates")
        return allocated / passed * 1e3, written / passed * 1e9

    def _read_traces(self):
        for line in self.popen.stderr:
            if match := TRACE.search(line.decode(errors="replace")):
                self.traces.append(match)

    def collect(self):
        """A collection: CPU s of its mark phase, s that it took, ms that the world was stopped."""
        self.traces.clear()
        self.send("collect")
        self.expect("collected", 300)
        deadline = time.monotonic() + 5
        while not self.traces:
            if time.monotonic() > deadline:
                raise RuntimeError("the collector printed no trace")
            time.sleep(0.01)
        first, mark, last, cpu = self.traces[0].groups()
        return (sum(float(part) for part in cpu.split("/")) / 1e3, float(mark) / 1e3,
                float(first) + float(last))

    def about(self):
        return (f"{self.objects:,} objects, {self.bytes / 1e6:,.0f} MB,"
                f" {self.goroutines:,} goroutines, clock {self.clock}")


def build(goversion=None):
    """The target's binary; ends the script where it cannot be built."""
    binary = str(procs.cache_dir("bench") / f"heap-{goversion or 'host'}")
    # Static, as debuggers take twice as long to attach to a program with libraries.
    error = procs.go_build(HERE / "targets" / "heap", binary, goversion, {"CGO_ENABLED": "1"},
                           flags=("-ldflags=-linkmode=external -extldflags=-static",))
    if error:
        print(f"skipped: the target does not build: {error}")
        sys.exit(procs.SKIP)
    return binary


def add_options(parser):
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the target with")
    procs.add_seep_option(parser)


def tool(name, seep=None):
    """A program of tests/support/, built beside seep."""
    path = pathlib.Path(procs.seep_path(seep)).parent / "tests" / name
    if not os.access(path, os.X_OK):
        print(f"skipped: no {path}; build it")
        sys.exit(procs.SKIP)
    return str(path)


def text_of(command):
    done = subprocess.run(command, cwd=HERE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip()


def available_mb():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable")) / 1024


def warm(megabytes):
    """Has so much memory touched once: a virtual machine's host may give it only then, and slowly."""
    code = f"held = [b'x' * (64 << 20) for _ in range({int(megabytes) // 64})]"
    subprocess.run([sys.executable, "-c", code], check=True, preexec_fn=procs.die_with_parent)


def machine():
    """Where and when: processors, memory, kernel, load, revision."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), "?")
    with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as file:
        huge = file.read().split("[")[1].split("]")[0]
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return (f"{os.cpu_count()} CPUs ({model}), {total:.0f} GB, {available_mb() / 1e3:.0f} GB free,"
            f" Linux {platform.release().split('-')[0]}, huge pages {huge}, load {load};"
            f" {text_of(['go', 'env', 'GOVERSION'])},"
            f" checkout {text_of(['git', 'describe', '--always', '--dirty'])},"
            f" {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC")


def percentile(values, share):
    """The smallest value that so many per cent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]
