#!/usr/bin/env python3
"""Usage: ledger.py LEDGER [--release R]... [--server NAME]... [--no-servers]

Compares what seep says of a process's memory (LEDGER, tests/support/ledger.c) with two oracles:

- the process itself. oracle/ is built with each Go release and asked for its runtime.MemStats. After mlockall
  every page that the runtime has mapped is resident, so the parts are equal to HeapInuse, StackInuse and
  HeapIdle to the byte, whatever the program did before; and GOGC, GOMEMLIMIT and NextGC are the same numbers.
- the kernel. Of servers (tests/servers), idle and under load, and of the oracle without mlockall, the parts
  sum to the Rss of smaps_rollup within 1 %, and what is not explained is less than that.

Exit status: 0 good, 1 a difference, 77 nothing could be compared.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "servers"))
import servers  # noqa: E402
from servers import procs  # noqa: E402

UNLIMITED = 2**64 - 1
FORMS = {"plain": ([], False), "pie": (["-buildmode=pie"], False), "cgo": (["-tags=cgocase"], True)}


def ledger(tool, pid):
    """({key: number}, {part: bytes}, [caveat]); None where seep may not look."""
    run = subprocess.run([tool, str(pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if run.returncode == 77:
        sys.exit(77)
    if run.returncode:
        raise RuntimeError(run.stderr.strip())
    numbers, parts, caveats = {}, {}, []
    for line in run.stdout.splitlines():
        key, value = line.split("\t", 1)
        if key == "caveat":
            caveats.append(value)
        elif key.startswith("part "):
            parts[key[5:]] = int(value)
        else:
            numbers[key] = int(value)
    return numbers, parts, caveats


def rollup(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Rss: +(\d+) kB$", file.read(), re.M)[1]) * 1024


class Watch(threading.Thread):
    """The kernel's Rss of a process, again and again while seep looks."""

    def __init__(self, pid, every=0.001):
        super().__init__(daemon=True)
        self.pid, self.every, self.seen, self.ended = pid, every, [rollup(pid)], threading.Event()

    def run(self):
        while not self.ended.wait(self.every):
            self.seen.append(rollup(self.pid))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
        self.seen.append(rollup(self.pid))


class Oracle:
    """The program of oracle/, running."""

    def __init__(self, path, env=None):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        env=dict(os.environ, **(env or {})))
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        return self.process.stdout.readline().strip()

    def do(self, *commands):
        for command in commands:
            answer = self.ask(command)
            if answer != "done":
                raise RuntimeError(f"{command}: {answer}")

    def stats(self):
        values, line = {}, self.ask("stats")
        while line != ".":
            name, value = line.split()
            values[name] = int(value)
            line = self.process.stdout.readline().strip()
        return values


def check_kernel(name, tool, pid, steady, problems):
    """Against smaps_rollup; under load the process changes meanwhile, and only the range is known."""
    with Watch(pid) as watch:
        numbers, parts, caveats = ledger(tool, pid)
    after = watch.seen[-1]
    rss, told = numbers["rss"], sum(parts.values())
    unexplained = parts.get("not explained", 0)
    low, high = min(watch.seen) * 0.99, max(watch.seen) * 1.01
    if not low <= rss <= high or (steady and abs(told - after) > after * 0.01):
        problems.append(f"{name}: rss {rss}, parts {told}, the kernel's {min(watch.seen)} to {max(watch.seen)}")
    if told != rss:
        problems.append(f"{name}: parts add up to {told}, not to {rss}")
    if unexplained > rss * 0.01:
        problems.append(f"{name}: {unexplained} of {rss} bytes are not explained")
    problems.extend(f"{name}: {c}" for c in caveats if "/proc/" in c)
    shown = ", ".join(f"{part} {size / 2**20:.1f}" for part, size in parts.items() if size >= rss / 100)
    print(f"   {name}: {rss / 2**20:.1f} MiB ({(rss - after) / after:+.2%} of the kernel's): {shown}")
    return numbers, parts


def check_settings(name, numbers, stats, problems):
    limit = stats["Limit"] if stats["Limit"] < 2**63 - 1 else UNLIMITED
    percent = stats["Percent"] if stats["Percent"] < 2**63 else -1
    goal = 0 if percent == -1 and limit == UNLIMITED else stats["NextGC"]
    for key, expected in (("gc_cycles", stats["NumGC"]), ("gogc", percent), ("memory_limit", limit), ("next_gc", goal)):
        if numbers.get(key) != expected:
            problems.append(f"{name}: {key} is {numbers.get(key)}, the runtime says {expected}")
    ago = time.time_ns() - stats["LastGC"]
    if not ago - 5e9 < numbers["last_gc_age_ns"] <= ago:
        problems.append(f"{name}: the last collection ended {numbers['last_gc_age_ns']} ns ago, the runtime says {ago}")


def check_exactly(name, tool, oracle, problems):
    """With every page resident."""
    # The runtime may make a thread, or collect after two minutes, whenever it likes: look again then. A question takes some bytes itself.
    for _ in range(10):
        stats = oracle.stats()
        numbers, parts, _ = ledger(tool, oracle.pid)
        if all(value == stats[name] for name, value in oracle.stats().items() if name != "HeapAlloc"):
            break
    heap = sum(parts.get(part, 0) for part in ("live heap", "garbage", "free slots in heap spans"))
    if heap != stats["HeapInuse"]:
        problems.append(f"{name}: the slots of the heap are {heap}, HeapInuse {stats['HeapInuse']}")
    free = parts.get("free heap, not returned", 0)
    if free != stats["HeapIdle"]:
        problems.append(f"{name}: free pages are {free}, HeapIdle {stats['HeapIdle']}")
    used = parts.get("live heap", 0) + parts.get("garbage", 0)
    if not stats["HeapAlloc"] <= used <= stats["HeapAlloc"] + 65536:
        problems.append(f"{name}: allocated are {used}, HeapAlloc {stats['HeapAlloc']}")
    stacks = parts.get("goroutine stacks", 0) + parts.get("stacks kept for reuse", 0)
    # Those of threads are in the same spans, and in the thread's part.
    if not 0 <= stats["StackInuse"] - stacks <= parts.get("thread stacks", 0):
        problems.append(f"{name}: stacks are {stacks}, StackInuse {stats['StackInuse']}, "
                        f"threads' {parts.get('thread stacks', 0)}")
    if parts.get("not explained", 0):
        problems.append(f"{name}: {parts['not explained']} bytes are not explained")
    check_settings(name, numbers, stats, problems)


def check_release(release, folder, tool, problems):
    go = subprocess.run([ROOT / "tools/go-toolchain.sh", release], stdout=subprocess.PIPE, text=True, check=False)
    if go.returncode:
        return False
    env = {k: v for k, v in os.environ.items() if k not in ("GOROOT", "GOFLAGS", "GOEXPERIMENT", "GOGC", "GOMEMLIMIT")}
    for form, (flags, cgo) in FORMS.items():
        path = os.path.join(folder, f"{release}-{form}")
        built = subprocess.run([go.stdout.strip(), "build", *flags, "-o", path, "."], cwd=HERE / "oracle", check=False,
                               env=dict(env, GOTOOLCHAIN="local", GOWORK="off", CGO_ENABLED=str(int(cgo))))
        if built.returncode:
            problems.append(f"{release} {form}: does not build")
            continue
        name = f"go{release} {form}"
        if form == "pie":
            subprocess.run(["strip", path], check=True)
        with Oracle(path) as oracle:
            oracle.do("grow 50000", "stacks 200")
            # What grew last may still be being collected: then once more.
            for _ in range(10):
                stats, found = oracle.stats(), []
                numbers, _ = check_kernel(name, tool, oracle.pid, True, found)
                if oracle.stats()["NumGC"] == stats["NumGC"]:
                    break
            problems += found
            check_settings(name, numbers, stats, problems)
            oracle.do("grow 50000", "drop", "free", "percent 37", "map 20000")
            _, parts = check_kernel(name + " freed", tool, oracle.pid, True, problems)
            # Besides, the C library's own, and small tables of the runtime's.
            other, more = parts.get("C and other anonymous memory", 0), 1 << 20 if cgo else 65536
            if not 20000 * 1024 <= other <= 20000 * 1024 + more:
                problems.append(f"{name}: of 20000 KiB that were mapped, {other} bytes are other memory")
            if cgo:
                oracle.do("malloc 30000", "threads 20")
                _, parts = check_kernel(name + " with C", tool, oracle.pid, True, problems)
                more = parts.get("C and other anonymous memory", 0) - other
                if not 30000 * 1024 <= more <= 31000 * 1024:
                    problems.append(f"{name}: of 30000 KiB from malloc, {more} bytes are other memory")
                if not 20 * 64 * 1024 <= parts.get("thread stacks", 0) <= 20 * 64 * 1024 + (2 << 20):
                    problems.append(f"{name}: thread stacks are {parts.get('thread stacks', 0)}")
        with Oracle(path) as oracle:
            oracle.do("grow 30000", "stacks 300", "gc", "percent 150")
            if release.split(".")[1] != "18":
                oracle.do("limit 60000000", "grow 10000")
            if oracle.ask("lock") != "done":
                print(f"   {name}: may not lock memory, nothing compared to the byte")
                continue
            check_exactly(name + " locked", tool, oracle, problems)
            oracle.do("drop", "gc", "gc", "percent -1")
            check_exactly(name + " collected", tool, oracle, problems)
    return True


def check_server(name, tool, problems):
    binary = procs.cache_dir("servers") / name
    if not binary.exists():
        print(f"== {name}: not built (tests/servers/build.sh {name})")
        return False
    scratch = tempfile.TemporaryDirectory(prefix="seep-test-", ignore_cleanup_errors=True)
    server = servers.SERVERS[name]()
    with scratch, server.start(str(binary), scratch.name) as child:
        time.sleep(1)
        check_kernel(f"{name} idle", tool, child.pid, True, problems)
        stop = threading.Event()

        def work(function):
            try:
                function()
            except Exception as error:  # pylint: disable=broad-except
                if not stop.is_set():
                    problems.append(f"{name}: the load failed: {error}")

        threads = [threading.Thread(target=work, args=(f,), daemon=True) for f in server.load(stop)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        for _ in range(3):
            check_kernel(f"{name} load", tool, child.pid, False, problems)
        stop.set()
        for thread in threads:
            thread.join(35)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger")
    parser.add_argument("--release", action="append")
    parser.add_argument("--no-releases", action="store_true")
    parser.add_argument("--server", action="append", choices=sorted(servers.SERVERS))
    parser.add_argument("--no-servers", action="store_true")
    options = parser.parse_args()
    tool = os.path.abspath(options.ledger)
    releases = options.release or re.findall(r"^1\.\d+\.\d+$", (ROOT / "tools/go-releases.txt").read_text(), re.M)
    problems, compared = [], 0
    with tempfile.TemporaryDirectory(prefix="seep-test-") as folder:
        for release in [] if options.no_releases else releases:
            compared += check_release(release, folder, tool, problems)
    for name in [] if options.no_servers else options.server or servers.SERVERS:
        compared += check_server(name, tool, problems)
    for problem in problems:
        print("F", problem)
    print(f"{compared} programs compared, {len(problems)} differences")
    sys.exit(1 if problems else 0 if compared else 77)


if __name__ == "__main__":
    main()
