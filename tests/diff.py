#!/usr/bin/env python3
"""What `seep diff` says of a service under load that leaves something behind for one request of a hundred; the program is growth/.

Three captures are made some seconds apart. What is left behind must come first among what grew and stand out, and its rate be
within a tenth of what the program itself counted; of the clean one nothing may stand out. Captures of two instances, and of a
plain and a stripped build, compare, too.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "harmless"))

import procs
import run_programs as programs
from httpload import Load

SOURCES = HERE / "growth"


class Service:
    """The program under load."""

    def __init__(self, binary, mode):
        self.child = procs.Child([binary, mode])
        host, port = self.child.expect("listening").rsplit(":", 1)
        self.load = Load(host, int(port), 2)

    def __enter__(self):
        self.load.__enter__()
        self.load.wait_served(2000)
        return self

    def __exit__(self, *_):
        self.load.stop()
        self.child.close()

    def kept(self):
        self.child.send("?")
        return int(self.child.line())


def run(options, *arguments, status=0):
    """(standard output, standard error)"""
    done = subprocess.run([options.seep, *map(str, arguments)], check=False, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    if done.returncode != status:
        raise programs.Failure(f"seep {' '.join(map(str, arguments))}: exit {done.returncode}", done.stderr.strip())
    return done.stdout, done.stderr


def seep(options, *arguments):
    return run(options, *arguments)[0]


def looks(options, service, folder, name, count=3):
    """Captures, and what the program counted right before and after each, with the time."""
    files, truth = [], []
    for i in range(count):
        if i:
            time.sleep(options.seconds)
        path = folder / f"{name}-{i}"
        before = (time.time(), service.kept())
        seep(options, "capture", service.child.pid, "-o", path)
        truth.append((before, (time.time(), service.kept())))
        files.append(path)
    return files, truth


def expect(condition, *lines):
    if not condition:
        raise programs.Failure(*map(str, lines))


def line_of(report, kind, name):
    lines = report[kind]
    for rank, line in enumerate(lines):
        if name in (line.get("name", "").split(", started by ")[0], line.get("where", {}).get("function")):
            return rank, line
    raise programs.Failure(f"{kind} has nothing of {name}", json.dumps(lines[:3])[:600])


def check_rate(line, truth):
    seconds = truth[-1][0][0] - truth[0][0][0]
    told = truth[-1][0][1] - truth[0][0][1]
    expect(told >= 20, f"the load was too little: {told} in {seconds:.1f} s")
    rate = told / seconds
    expect(0.9 * rate <= line["count_per_second"] <= 1.1 * rate,
           f"{line['count_per_second']:.2f} per second, the program says {rate:.2f}")
    for count, ((_, least), (_, most)) in zip(line["count"], truth):
        expect(least <= count <= most + 1, f"{count}, the program says {least} to {most}")
    return f"{line['count_per_second']:.2f} per second, the program says {rate:.2f}"


def outstanding(report, kind):
    return [line for line in report[kind] if line["stands_out"]]


def case_leak(options, binary, folder):
    with Service(binary, "leak") as service:
        files, truth = looks(options, service, folder, "leak")
    report = json.loads(seep(options, "diff", "--json", *files))
    expect(report["findings"], "no finding grew")
    first = report["findings"][0]
    expect(first["cause"] == "send-blocked" and first["verdict"] == "proven" and first["stands_out"],
           "first is", json.dumps(first))
    rank, site = line_of(report, "goroutines", "main.lookup")
    expect(rank == 0 and site["stands_out"], f"main.lookup is number {rank + 1}", json.dumps(site))
    check_rate(site, truth)
    expect(len(outstanding(report, "findings")) == 1, "the leak is told twice", json.dumps(outstanding(report, "findings")))
    text = seep(options, "diff", *files)
    for told in ("1. proven send-blocked\n", "\n   grows by    ", " goroutines per ", "! send-blocked (proven)  main.lookup"):
        expect(told in text, f"the text has no {told!r}", text)
    shuffled = json.loads(seep(options, "diff", "--json", files[2], files[0], files[1]))
    expect(any("order of time" in caveat for caveat in shuffled.pop("caveats")), shuffled.get("caveats"))
    expect(shuffled.items() <= report.items(), "another order makes another report")
    return check_rate(first, truth)


def case_cache(options, binary, folder):
    with Service(binary, "cache") as service:
        files, truth = looks(options, service, folder, "cache")
    report = json.loads(seep(options, "diff", "--json", *files))
    found = report["findings"]
    expect([(f["cause"], f["verdict"], f["stands_out"]) for f in found] == [("growth", "suspect", True)], json.dumps(found[:2]))
    expect(options.stripped or found[0]["holder"] == "main.sessions", found[0]["holder"])
    # Before Go 1.22 it is not known what the slice's elements are.
    types = {line["name"] for line in outstanding(report, "types")}
    expect("[]*main.session" in types and types <= {"[]*main.session", "main.session", "(type unknown)"}, types)
    rules = folder / "rules"
    rules.write_text("cause growth\nsignature " + found[0]["signature"] + "\nreason it is a cache\n")
    for more, status in ((["--fail-on", "suspect"], 1), (["--fail-on", "abandoned"], 0),
                         (["--fail-on", "suspect", "--suppress", rules], 0)):
        run(options, "diff", *more, *files, status=status)
    report = json.loads(seep(options, "diff", "--json", "--suppress", rules, *files))
    expect(not report["findings"] and [f["cause"] for f in report["suppressed"]] == ["growth"], json.dumps(report["findings"]))
    return check_rate(found[0], truth)


def case_clean(options, binary, folder):
    with Service(binary, "clean") as service:
        files, _ = looks(options, service, folder, "clean")
    report = json.loads(seep(options, "diff", "--json", *files))
    for kind in ("findings", "goroutines", "types", "variables"):
        out = outstanding(report, kind)
        expect(not out, f"{kind}: stands out", json.dumps(out[:2]))
    return "nothing stands out"


def case_instances(options, binary, folder):
    """One after the other, at different addresses; the second has more of it."""
    files = []
    for i, seconds in enumerate((0, options.seconds)):
        with Service(binary, "leak") as service:
            time.sleep(seconds)
            files += looks(options, service, folder, f"instance{i}", 1)[0]
    report = json.loads(seep(options, "diff", "--json", *files))
    _, line = line_of(report, "findings", "main.lookup")
    expect(line["count"][1] > line["count"][0] > 0, json.dumps(line))
    same = [kind for kind in ("types", "goroutines") for entry in report[kind] if 0 in entry["retained_bytes"]
            and entry["name"].startswith("main.")]
    expect(not same, "one instance has what the other has not", same)
    return f"{line['count'][0]} and {line['count'][1]}"


def case_builds(options, _, folder):
    """Two builds of one source: what has a name in both compares."""
    files = []
    for i, flavour in enumerate(("plain", "ldflags")):
        with Service(programs.build_program(options.release, flavour, SOURCES), "leak") as service:
            service.load.wait_served(2000 * i)  # what is the same in both would be no line
            files += looks(options, service, folder, f"build{i}", 1)[0]
    report = json.loads(seep(options, "diff", "--json", *files))
    for kind in ("findings", "goroutines"):
        _, line = line_of(report, kind, "main.lookup")
        expect(0 not in line["count"], f"{kind}: two lines of one thing", json.dumps(line))
    expect(any("in another build" in text for text in report["caveats"]), report["caveats"])
    return "one line for both"


def case_operands(options, binary, folder):
    """A capture, a core file and the process as it is now."""
    with Service(binary, "leak") as service:
        files = looks(options, service, folder, "operand", 1)[0]
        if shutil.which("gcore"):
            service.load.wait_served(1000)
            subprocess.run(["gcore", "-o", folder / "core", str(service.child.pid)], check=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            files.append(folder / f"core.{service.child.pid}")
        service.load.wait_served(1000)
        report = json.loads(seep(options, "diff", "--json", *files, service.child.pid))
    counts = line_of(report, "findings", "main.lookup")[1]["count"]
    expect(len(counts) == len(files) + 1 and counts == sorted(set(counts)), counts)
    expect(len(files) == 1 or any("has no clock" in caveat for caveat in report["caveats"]), report["caveats"])
    return " and ".join(map(str, counts))


def case_mistakes(options, binary, folder):
    with Service(binary, "clean") as service:
        (good,), _ = looks(options, service, folder, "good", 1)
    damaged = folder / "damaged"
    damaged.write_bytes(good.read_bytes()[:-5000])
    said = run(options, "diff", good, damaged, good, status=5)[1]
    expect(str(damaged) in said, said)
    expect("two or more" in run(options, "diff", good, status=2)[1], "one operand")
    expect("no such file" in run(options, "diff", good, folder / "none", status=2)[1].lower(), "no file")
    same = seep(options, "diff", good, good)
    expect("Nothing changed." in same and "of one moment" in same, same)
    return "each is told"


CASES = [case_leak, case_cache, case_clean, case_instances, case_builds, case_operands, case_mistakes]


def run_case(case, options, binary):
    name = case.__name__[len("case_"):]
    with tempfile.TemporaryDirectory(prefix="seep-test-") as folder:
        try:
            print(f"ok     {name}: {case(options, binary, pathlib.Path(folder))}", flush=True)
            return True
        except programs.Failure as failure:
            print(f"FAILED {name}", *(f"        {line}" for line in failure.lines), sep="\n", flush=True)
            return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    procs.add_seep_option(parser)
    parser.add_argument("--seconds", type=float, default=3, help="between two captures")
    parser.add_argument("--release", default="1.27")
    parser.add_argument("--stripped", action="store_true")
    options = parser.parse_args()
    options.seep = procs.seep_path(options.seep)
    binary = programs.build_program(options.release, "ldflags" if options.stripped else "plain", SOURCES)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        failed = sum(not passed for passed in pool.map(lambda case: run_case(case, options, binary), CASES))
    print(f"{len(CASES) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
