#!/usr/bin/env python3
"""Compares seep with Go's own detector of leaked goroutines, on Go's own test programs for it.

Go 1.27 can write a goroutineleak profile: a garbage collection that starts from the goroutines
that can run and then calls the unreached ones leaked. Its test programs are in GOROOT, in
src/runtime/testdata/testgoroutineleakprofile: made ones, and known bugs of large programs
(goker). They are copied and held alive at the moment when they would write the profile (hold.go):
seep looks first, then the process writes its own profile, and the two are compared by goroutine.

Every goroutine that Go calls leaked must be in a finding of seep that is proven, unless known.json
lists it as {"case", "function", "reason"}: what Go is known to call leaked wrongly. What seep calls
proven, deadlocked or abandoned beyond that is printed with its cause, and with --strict a `proven`
among it is a failure unless known.json has it with "side": "seep". Go's detector is less exact in
places: of goroutines on mutexes that share a tiny block it keeps all when it keeps one.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harmless"))
import procs  # noqa: E402

RELEASE = "go1.27.3"
TESTDATA = "src/runtime/testdata/testgoroutineleakprofile"
PROGRAMS = {"simple": ".", "goker": "goker"}
ACCUSING = ("proven", "deadlocked", "abandoned")
HEADER = re.compile(r"^goroutine (\d+)(?: [^\[]*)?\[([^\]]*)\]:$")
PROFILE_CALL = "prof.WriteTo(os.Stdout, 2)"

Leaked = collections.namedtuple("Leaked", "reason function creator")


def goroot(release):
    env = dict(os.environ, GOTOOLCHAIN=release)
    try:
        done = subprocess.run(["go", "env", "GOROOT"], env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False)
    except FileNotFoundError:
        return None
    path = pathlib.Path(done.stdout.strip() or "/nonexistent", TESTDATA)
    return path if path.is_dir() else None


def build(release):
    """{program: (binary, [case])}, or the reason why not."""
    source = goroot(release)
    if source is None:
        return f"no {TESTDATA} in the GOROOT of {release}"
    programs = {}
    for name, folder in PROGRAMS.items():
        work = procs.cache_dir("oracle", release) / name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        cases = []
        for path in sorted((source / folder).glob("*.go")):
            text = path.read_text(encoding="utf-8")
            cases += re.findall(r'^\tregister\("(\w+)"', text, re.M)
            text = text.replace(PROFILE_CALL, "holdAndReport(prof)")
            if not re.search(r"\bos\.", text):
                text = re.sub(r'^(import )?\t?"os"\n', "", text, flags=re.M)
            (work / path.name).write_text(text, encoding="utf-8")
        shutil.copy(HERE / "hold.go", work)
        (work / "go.mod").write_text(f"module oracle\n\ngo {release[2:].rsplit('.', 1)[0]}\n",
                                     encoding="utf-8")
        binary = work / "program"
        error = procs.go_build(work, binary, release, {"GOEXPERIMENT": ""})
        if error:
            return f"{name} does not build: {error[-500:]}"
        programs[name] = (binary, cases)
    return programs


def parse_profile(text):
    """{goroutine id: Leaked} of those the profile calls leaked."""
    leaked = {}
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        header = HEADER.match(lines[0]) if lines else None
        if header and "(leaked)" in header[2]:
            # The function goroutines began with is what go's tests name them by.
            names = [line for line in lines[1:] if not line.startswith("\t")]
            creator = None
            if names and names[-1].startswith("created by "):
                creator = names.pop().removeprefix("created by ").split(" in goroutine ")[0]
            function = re.sub(r"\([^()]*\)$", "", names[-1]) if names else "?"
            leaked[int(header[1])] = Leaked(header[2].replace(" (leaked)", ""), function, creator)
    return leaked


def parse_report(report):
    """({goroutine id: finding}, [finding whose list of goroutines was cut])."""
    flagged, cut = {}, []
    for finding in report.get("findings", []):
        if finding.get("verdict") not in ACCUSING:
            continue
        goroutines = finding.get("goroutines", [])
        for goroutine in goroutines:
            flagged[goroutine["id"]] = finding
        if goroutines and finding.get("count", 0) > len(goroutines):
            cut.append((finding, finding["count"] - len(goroutines)))
    return flagged, cut


def state_of(goroutine_state):
    return re.split(r"[,(]", goroutine_state)[0].strip()


def by_site(cut, missing):
    """Of the goroutines Go has and seep does not list: those a cut finding counts without a list.

    The list of a finding ends at a limit; what it counts beyond is known only by its state and by
    the function it began with or was created in.
    """
    covered = {}
    for finding, room in cut:
        like = finding["goroutines"][0]
        entry = (like.get("stack") or [{}])[-1].get("function")
        creator = finding.get("created", {}).get("function")
        for ident, one in missing.items():
            same = one.function == entry or (creator and one.creator == creator)
            if room and same and ident not in covered \
                    and state_of(one.reason) == state_of(like.get("state", "")):
                covered[ident] = finding
                room -= 1
    return covered


def read_profile(child):
    child.send("profile")
    lines = []
    while True:
        line = child.line(120)
        if line is None:
            raise RuntimeError("the case ended while it wrote the profile")
        if line == "end of profile":
            return "\n".join(lines)
        lines.append(line)


def wait_quiet(pid, window_s=0.1, limit_s=10):
    """Waits until a process has used no processor time for a while: who blocks has blocked then."""
    def ticks():
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[11:13]

    deadline, before = time.monotonic() + limit_s, None
    while (now := ticks()) != before and time.monotonic() < deadline:
        before = now
        time.sleep(window_s)


class Outcome:
    """One case, looked at once."""

    def __init__(self, seep, binary, case, again):
        env = dict(os.environ, GOMAXPROCS="1" if not again else "2",
                   GODEBUG="asyncpreemptoff=1")
        with procs.Child([str(binary), case], env=env) as child:
            child.expect("ready", 60)
            wait_quiet(child.pid)
            self.run = procs.run_seep(seep, child.pid)
            self.report = procs.report_of(self.run)
            self.go = parse_profile(read_profile(child))
            # What Go has marked as leaked has another status from now on, and still is leaked.
            self.after = procs.run_seep(seep, child.pid)
            after = parse_report(procs.report_of(self.after))
            self.held = procs.held_after(child.pid, 0.1)
        listed, cut = parse_report(self.report)
        self.listed = listed
        missing = {ident: what for ident, what in self.go.items() if ident not in listed}
        self.matched = {**listed, **by_site(cut, missing)}
        self.seep_count = len(listed) + sum(room for _, room in cut)
        self.only_go = {ident: what for ident, what in self.go.items()
                        if self.matched.get(ident, {}).get("verdict") != "proven"}
        # Beyond Go's: of those that no finding lists is known how many, not which.
        self.only_seep = {ident: finding for ident, finding in listed.items()
                          if ident not in self.go}
        self.only_seep_count = self.seep_count - sum(ident in self.matched for ident in self.go)
        self.both = len(self.go) - len(self.only_go)
        lost = {ident: what for ident, what in self.go.items() if ident not in after[0]}
        self.only_go_after = {ident: what for ident, what in lost.items()
                              if ident not in by_site(after[1], lost)}


def describe(finding):
    where = finding.get("where", {})
    return (f"{finding.get('verdict')} {finding.get('cause')} {where.get('function')}"
            f" {os.path.basename(str(where.get('file')))}:{where.get('line')}:"
            f" {'; '.join(finding.get('why', [])) or finding.get('summary', '')}")


def is_known(known, side, case, function):
    return any(entry.get("side", "go") == side and entry["case"] in (case, "*")
               and entry["function"] == function for entry in known)


def judge(case, outcome, known, strict):
    """Lines that say what is wrong; empty if all is well."""
    problems = []
    groups = collections.Counter()
    for ident, one in outcome.only_go.items():
        if not is_known(known, "go", case, one.function):
            finding = outcome.matched.get(ident)
            said = f"{finding['verdict']} {finding['cause']}" if finding else "nothing"
            groups[f"Go: leaked, seep: {said}: {one.function} [{one.reason}]"] += 1
    for ident, one in outcome.only_go_after.items():
        # Said once is enough for what seep did not have before either.
        if ident not in outcome.only_go and not is_known(known, "go", case, one.function):
            groups["marked as leaked by Go, seep has it no more:"
                   f" {one.function} [{one.reason}]"] += 1
    for finding in outcome.only_seep.values() if strict else ():
        function = finding.get("where", {}).get("function")
        if finding["verdict"] == "proven" and not is_known(known, "seep", case, function):
            groups[f"seep: {describe(finding)}, Go: not leaked"] += 1
    problems += [f"{count}x {text}" for text, count in groups.items()]
    for run in (outcome.run, outcome.after):
        if run.rc not in (procs.EXIT_OK, procs.EXIT_PARTIAL):
            problems.append(f"exit {run.rc}: {run.err.strip()[:200]}")
    if outcome.held:
        problems.append(f"left stopped or traced: {outcome.held[:3]}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", metavar="NAME", help="only this one")
    parser.add_argument("--tries", type=int, default=3,
                        help="a case that differs is tried again, as what still moves differs by"
                        " chance (default: 3)")
    parser.add_argument("-j", "--jobs", type=int, default=4, help="cases at a time (default: 4)")
    parser.add_argument("--strict", action="store_true",
                        help="fail on what seep calls proven and Go does not")
    parser.add_argument("--release", default=RELEASE, help=f"Go release (default: {RELEASE})")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    programs = build(options.release)
    if isinstance(programs, str):
        print(f"skipped: {programs}")
        return procs.SKIP
    if options.list:
        for _, cases in programs.values():
            print("\n".join(cases))
        return 0
    seep = procs.seep_path(options.seep)
    known = json.loads((HERE / "known.json").read_text(encoding="utf-8"))

    totals, failed, details, rows = collections.Counter(), 0, [], []
    print(f"{'case':28} {'Go':>6} {'seep':>6} {'both':>6} {'only Go':>8} {'only seep':>10}")
    wanted = [(binary, case) for binary, cases in programs.values() for case in cases
              if not options.case or case in options.case]
    # Most of a case is waiting until it is quiet.
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(lambda each: run_case(seep, *each, options, known), wanted):
            case = row["case"]
            failed += bool(row["problems"])
            for key in ("go", "seep", "both", "only_go", "only_seep"):
                totals[key] += row[key]
            print(f"{case:28} {row['go']:6} {row['seep']:6} {row['both']:6} {row['only_go']:8}"
                  f" {row['only_seep']:10} {'FAIL' if row['problems'] else ''}", flush=True)
            details += [f"{case}: {line}" for line in row["beyond"] + row["problems"]]
            rows.append(row)
    print(f"{'total':28} {totals['go']:6} {totals['seep']:6} {totals['both']:6}"
          f" {totals['only_go']:8} {totals['only_seep']:10}")
    print("\n".join(details))
    print(f"{len(rows)} cases, {failed} failed")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 1 if failed else 0


def run_case(seep, binary, case, options, known):
    row = {"case": case, "go": 0, "seep": 0, "both": 0, "only_go": 0, "only_seep": 0, "beyond": [],
           "problems": []}
    for again in range(options.tries):
        try:
            outcome = Outcome(seep, binary, case, again)
        except (RuntimeError, TimeoutError, ValueError, BrokenPipeError) as error:
            row["problems"] = [str(error)]
            continue
        beyond = collections.Counter(describe(finding) for finding in outcome.only_seep.values())
        unlisted = outcome.only_seep_count - len(outcome.only_seep)
        row.update(go=len(outcome.go), seep=outcome.seep_count, both=outcome.both,
                   only_go=len(outcome.only_go), only_seep=outcome.only_seep_count,
                   beyond=[f"{count}x beyond Go's: {text}" for text, count in beyond.items()]
                   + ([f"{unlisted}x beyond Go's, not listed"] if unlisted > 0 else []),
                   problems=judge(case, outcome, known, options.strict))
        if not row["problems"]:
            break
    return row


if __name__ == "__main__":
    sys.exit(main())
