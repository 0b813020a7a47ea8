#!/usr/bin/env python3
"""Runs seep on the programs of tests/programs/ and compares what it finds with what they say.

The programs are one Go module and one binary, `program CASE VARIANT`; each case is the folder of
that name. What seep must find in a variant is written behind the line where its goroutines wait, or
where the program does what holds the memory:

    results <- n // want leak: send-blocked proven 9; leak-late: send-blocked proven 1 go>=1.23
    keep[i] = page[:20] // want leak: substring proven 100 wasted=104855600 holder=main.entry

which is VARIANT: CAUSE VERDICT COUNT and, in any order, bytes (wasted=, retained=), a text that the
finding's holder contains (holder=), and conditions on the runtime (go>=1.N, go<1.N,
asynctimerchan=0 or 1). Bytes may differ by 0.1 % or 4 KiB. A finding that points at a line must
point at the comment's; any other is known by its cause and holder. Nothing else may be found, and
in a variant of which no comment speaks nothing at all.

Every case is built with each Go release and in each flavour, into a cache folder. The last line is
`N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 2 usage.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "tests" / "programs"
TOOLCHAIN = ROOT / "tools" / "go-toolchain.sh"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "seep-test"

QUICK_RELEASES = ["1.18", "1.21", "1.22", "1.23", "1.24", "1.27"]
QUICK_FLAVOURS = ["plain", "stripped"]
# They need memory and time, and the machine for themselves: run only when --case names them.
LARGE_CASES = {"bigheap", "churn", "pileup"}
# Run with both kinds of timer channel where the release has both.
TIMER_CASES = {"stopped-ticker", "ticker"}
READY_SECONDS = 30
SEEP_SECONDS = 120
# A thread that the kernel has let go may need its turn on a busy machine before it shows.
LET_GO_SECONDS = 1
EXIT_NOT_PERMITTED = 3


@dataclasses.dataclass(frozen=True)
class Flavour:
    """How a binary is built; a stripped one is a copy of another."""

    arguments: tuple = ()
    cgo: bool = False
    strip_of: str = ""
    environment: tuple = dataclasses.field(default=(), repr=False)  # of the build: pairs


FLAVOURS = {
    "plain": Flavour(),
    "stripped": Flavour(strip_of="plain"),
    "ldflags": Flavour(("-ldflags=-s -w",)),
    "pie": Flavour(("-buildmode=pie",)),
    "pie-stripped": Flavour(strip_of="pie"),
    "cgo": Flavour(("-tags=cgocase",), cgo=True),
}


class Skip(Exception):
    """Cannot be tested here; the reason."""


class Failure(Exception):
    """A case failed; one line of text for each reason."""

    def __init__(self, *lines):
        super().__init__("\n".join(lines))
        self.lines = lines


# --- what is expected ---


@dataclasses.dataclass(frozen=True, order=True)
class Finding:
    """What is compared of a finding of a report; file is CASE/FILE.go, "" if it points at no line."""

    cause: str
    verdict: str
    count: int
    file: str
    line: int
    wasted: int
    retained: int
    holder: str

    def __str__(self):
        text = f"{self.cause} {self.verdict} {self.count} wasted={self.wasted} retained={self.retained}"
        text += f" at {self.file}:{self.line}" if self.file else " at no line"
        return text + (f" holder={self.holder}" if self.holder else "")


@dataclasses.dataclass(frozen=True, order=True)
class Want:
    """One expectation; None where it does not say."""

    cause: str
    verdict: str
    count: int
    file: str
    line: int
    wasted: int | None = None
    retained: int | None = None
    holder: str | None = None
    conditions: tuple = ()

    def __str__(self):
        text = f"{self.cause} {self.verdict} {self.count}"
        for name in ("wasted", "retained", "holder"):
            if getattr(self, name) is not None:
                text += f" {name}={getattr(self, name)}"
        return f"{text} at {self.file}:{self.line}"

    def applies(self, release, godebug):
        """Whether it is for a release such as 1.22.12 that runs with that GODEBUG."""
        minor = int(release.split(".")[1])
        tests = {
            "go>=1.": minor.__ge__,
            "go<1.": minor.__lt__,
            "asynctimerchan=": timer_channels_are_asynchronous(minor, godebug).__eq__,
        }
        return all(tests[name](value) for name, value in self.conditions)

    def matches(self, finding):
        """Whether the finding is what is wanted."""
        return (
            (self.cause, self.verdict, self.count) == (finding.cause, finding.verdict, finding.count)
            and (not finding.file or (self.file, self.line) == (finding.file, finding.line))
            and (self.holder is None or self.holder in finding.holder)
            and about_the_same(self.wasted, finding.wasted)
            and about_the_same(self.retained, finding.retained)
        )


def timer_channels_are_asynchronous(minor, godebug):
    """1 or 0: what Go 1.23 changed, and GODEBUG of 1.23 to 1.26 takes back. main.go asks for 0."""
    return int(minor < 23 or (minor < 27 and "asynctimerchan=1" in godebug.split(",")))


def about_the_same(wanted, bytes_found):
    """A wanted number of bytes may be missed by 0.1 % or 4 KiB: the runtime's own and rounding."""
    return wanted is None or abs(wanted - bytes_found) <= max(4096, wanted // 1000)


COMMENT = re.compile(r"//\s*want\s+(.*)$")
ITEM = re.compile(
    r"(?P<variant>[\w-]+):\s+(?P<cause>[\w-]+)\s+(?P<verdict>[\w-]+)\s+(?P<count>\d+)(?P<rest>(?:\s+\S+)*)"
)
AMOUNT = re.compile(r"(wasted|retained)=(\d+)")
HOLDER = re.compile(r"holder=(\S+)")
CONDITION = re.compile(r"(go>=1\.|go<1\.|asynctimerchan=)(\d+)")
BUILD_TAG = re.compile(r"^//go:build (!?)go1\.(\d+)$", re.MULTILINE)


def parse_want(text, file, line, file_conditions):
    """(variant, Want) of one item of a comment, or None if it cannot be read."""
    item = ITEM.fullmatch(text)
    if not item:
        return None
    details, conditions = {}, list(file_conditions)
    for word in item["rest"].split():
        if match := AMOUNT.fullmatch(word):
            name, value = match[1], int(match[2])
        elif match := HOLDER.fullmatch(word):
            name, value = "holder", match[1]
        elif match := CONDITION.fullmatch(word):
            conditions.append((match[1], int(match[2])))
            continue
        else:
            return None
        if name in details:
            return None
        details[name] = value
    want = Want(
        item["cause"], item["verdict"], int(item["count"]), file, line, **details, conditions=tuple(conditions)
    )
    return item["variant"], want


def read_wants():
    """All expectations: (case, variant) → list of Want, and those of files built only with cgo."""
    wants = collections.defaultdict(list)
    cgo_only = set()
    for path in sorted(PROGRAMS.rglob("*.go")):
        name = path.relative_to(PROGRAMS).as_posix()
        case = name.split("/")[0]
        text = path.read_text(encoding="utf-8")
        # What a file is built with also limits what it expects.
        tags = [("go<1." if match[1] else "go>=1.", int(match[2])) for match in BUILD_TAG.finditer(text)]
        only_cgo = re.search(r"^//go:build .*\bcgocase\b", text, re.MULTILINE) is not None
        for number, line in enumerate(text.splitlines(), 1):
            if line.lstrip().startswith("//") or not (comment := COMMENT.search(line)):
                continue
            for part in comment[1].split(";"):
                parsed = parse_want(part.strip(), name, number, tags)
                if not parsed:
                    sys.exit(f"{path}:{number}: cannot read this expectation: {part.strip()}")
                variant, want = parsed
                wants[case, variant].append(want)
                if only_cgo:
                    cgo_only.add((case, variant))
    return wants, cgo_only


# --- building ---


def go_command(release):
    """(path of the go command, its full release), or Skip."""
    result = subprocess.run(
        [TOOLCHAIN, release], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if result.returncode != 0:
        reason = result.stderr.strip().splitlines()
        raise Skip(reason[-1] if reason else f"no Go {release}")
    go = result.stdout.strip()
    version = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=True, env=go_environment(False)
    ).stdout.strip()
    return go, version.removeprefix("go").split("-")[0].split(" ")[0]


def go_environment(cgo):
    """The environment without what would make two machines build different programs."""
    keep = {"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOTMPDIR"}
    env = {k: v for k, v in os.environ.items() if k in keep or not k.startswith("GO")}
    env |= {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOENV": "off", "CGO_ENABLED": "1" if cgo else "0"}
    return env


def source_hash(folder=PROGRAMS):
    """Over everything that may end up in the binary."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".md":
            data = path.read_bytes()
            digest.update(f"{path.relative_to(folder)} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def build(go, release, flavour_name, sources, source_folder=PROGRAMS):
    """The binary's path, built unless the cache has it; sources is the hash of them."""
    flavour = FLAVOURS[flavour_name]
    key = f"program {sources} {release} {flavour_name} {flavour}"
    folder = CACHE / "programs" / hashlib.sha256(key.encode()).hexdigest()[:24]
    binary = folder / "program"
    if binary.exists():
        os.utime(folder)
        return binary
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        output = pathlib.Path(scratch) / "new" / "program"
        output.parent.mkdir()
        if flavour.strip_of:
            shutil.copy2(build(go, release, flavour.strip_of, sources, source_folder), output)
            command = ["strip", str(output)]
        else:
            command = [go, "build", "-buildvcs=false", *flavour.arguments, "-o", str(output), "."]
        result = subprocess.run(
            command, cwd=source_folder, env=go_environment(flavour.cgo) | dict(flavour.environment), text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        if result.returncode != 0:
            raise Failure(f"cannot be built: {' '.join(command)}", *result.stdout.splitlines()[-20:])
        try:
            os.rename(output.parent, folder)
        except OSError:  # another run was faster
            if not binary.exists():
                raise
    return binary


def build_program(release, flavour_name="plain", source_folder=PROGRAMS):
    """The same of a release as users name it."""
    go, full = go_command(release)
    return build(go, full, flavour_name, source_hash(source_folder), source_folder)


def forget_old_builds():
    """Removes builds no run has used for two weeks."""
    for folder in (CACHE / "programs").glob("*"):
        if folder.stat().st_mtime < time.time() - 14 * 86400:
            shutil.rmtree(folder, ignore_errors=True)


def run_whole(judge):
    """For a test of one process: judge() returns how many checks passed and how many failed. Prints that, and returns the exit status."""
    passed = failed = skipped = 0
    try:
        passed, failed = judge()
    except Failure as failure:
        print("FAIL", *failure.args, sep="\n  ")
        failed = 1
    except Skip as skip:
        print("skipped:", skip)
        skipped = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


# --- running ---


@dataclasses.dataclass(frozen=True)
class Run:
    """One case of one binary."""

    release: str
    flavour: str
    binary: pathlib.Path
    case: str
    variant: str
    godebug: str
    wants: tuple

    def __str__(self):
        godebug = f" GODEBUG={self.godebug}" if self.godebug else ""
        return f"go{self.release} {self.flavour} {self.case}/{self.variant}{godebug}"


def await_ready(process, deadline):
    """Reads the program's output up to the line `ready`."""
    seen = b""
    while b"ready\n" not in seen:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise Failure(f"the program was not ready within {READY_SECONDS} s")
        chunk = os.read(process.stdout.fileno(), 4096)
        if not chunk:
            raise Failure(f"the program ended, status {process.wait()}, before it was ready")
        seen += chunk


def status_field(pid, name):
    """A line of /proc/PID/status, or nothing if the process is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return ""


def may_trace():
    """Whether the rules of this machine let seep attach to a process that is not its child."""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as file:
            scope = int(file.read())
    except OSError:
        scope = 0
    capabilities = int(status_field("self", "CapEff") or "0", 16)
    return scope == 0 or (scope < 3 and capabilities & 1 << 19 != 0)


def check_unharmed(process):
    """That the program lives, runs and is nobody's tracee."""
    if process.poll() is not None:
        raise Failure(f"the program ended, status {process.returncode}, while seep looked at it")
    deadline = time.monotonic() + LET_GO_SECONDS
    while True:
        state, tracer = status_field(process.pid, "State"), status_field(process.pid, "TracerPid")
        if state[:1] not in ("T", "t") and tracer == "0":
            return
        if time.monotonic() > deadline:
            raise Failure(f"the program was left stopped or traced: state {state}, tracer {tracer}")
        time.sleep(0.01)


def ask_seep(seep, process, report_path, pause):
    """seep's report on a process."""
    try:
        result = subprocess.run(
            [seep, "--json", f"--pause={pause}", str(process.pid)], capture_output=True, timeout=SEEP_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise Failure(f"seep did not end within {SEEP_SECONDS} s") from error
    if result.returncode == EXIT_NOT_PERMITTED and not may_trace():
        raise Skip("no right to attach to a process here")
    stderr = result.stderr.decode("utf-8", "replace").splitlines()[-30:]
    report_path.parent.mkdir(parents=True, exist_ok=True)
    report_path.write_bytes(result.stdout)
    if result.returncode != 0:
        raise Failure(f"seep's exit status is {result.returncode}", *stderr)
    try:
        report = json.loads(result.stdout)
    except ValueError as error:
        raise Failure(f"seep's report is not JSON: {error}", *stderr) from error
    if report.get("schema") != "seep/1":
        raise Failure(f"unknown schema: {report.get('schema')}")
    return report


def read_findings(report):
    """The findings of a report in the form they are compared in."""
    found = []
    for finding in report["findings"]:
        where = finding.get("where", {})
        line = where.get("line", 0)
        file = "/".join(pathlib.PurePath(where.get("file", "?")).parts[-2:]) if line else ""
        found.append(
            Finding(
                finding["cause"], finding["verdict"], finding["count"], file, line,
                finding.get("wasted_bytes", 0), finding.get("retained_bytes", 0), finding.get("holder", ""),
            )
        )
    return found


def pair_up(wants, found):
    """The wants without a finding and the findings nobody wants, each finding serving one want.

    Several wants may fit one finding (no line, no holder), so this is a maximum matching: a want
    that comes too late makes those before it move on if they can.
    """
    want_of = {}

    def take(want, tried):
        for index, finding in enumerate(found):
            if index in tried or not wants[want].matches(finding):
                continue
            tried.add(index)
            if index not in want_of or take(want_of[index], tried):
                want_of[index] = want
                return True
        return False

    missing = [want for number, want in enumerate(wants) if not take(number, set())]
    return missing, [finding for index, finding in enumerate(found) if index not in want_of]


def compare(run, report):
    """Fails with what is missing and what is too much."""
    try:
        found = sorted(read_findings(report))
        missing, unexpected = pair_up(run.wants, found)
    except (KeyError, TypeError, AttributeError) as error:
        raise Failure(f"the report has not the form of its schema: {error!r}") from error
    lines = [f"missing     {want}" for want in missing]
    lines += [f"unexpected  {finding}" for finding in unexpected]
    if lines:
        raise Failure(*lines, *(f"caveat      {caveat}" for caveat in report.get("caveats", [])))


def execute(run, seep, pause, reports):
    """Runs a case, asks seep and compares; Skip or Failure if need be."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GO")}
    if run.godebug:
        env["GODEBUG"] = run.godebug
    report_path = reports / (re.sub(r"[^\w.=-]+", "-", str(run)) + ".json")
    process = subprocess.Popen(
        [run.binary, run.case, run.variant], env=env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )
    try:
        await_ready(process, time.monotonic() + READY_SECONDS)
        report = ask_seep(seep, process, report_path, pause)
        check_unharmed(process)
        compare(run, report)
        report_path.unlink()
    except Failure as failure:
        raise Failure(*failure.lines, *again(run, seep, pause, report_path)) from None
    finally:
        process.stdin.close()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def again(run, seep, pause, report_path):
    """How to see a failure again."""
    godebug = f" --godebug {run.godebug}" if run.godebug else ""
    yield (
        f"again: tests/run_programs.py --seep {os.path.relpath(seep)} --release {run.release}"
        f" --flavour {run.flavour} --case {run.case}/{run.variant}{godebug} --pause {pause}"
    )
    godebug = f"GODEBUG={run.godebug} " if run.godebug else ""
    yield f"by hand: sleep 600 | {godebug}{run.binary} {run.case} {run.variant}"
    if report_path.exists():
        yield f"report: {os.path.relpath(report_path)}"


# --- the whole ---


def selected(case, variant, patterns):
    """Whether a case is asked for, by CASE or CASE/VARIANT."""
    if not patterns:
        return case not in LARGE_CASES
    return any(
        fnmatch.fnmatchcase(case, pattern) or fnmatch.fnmatchcase(f"{case}/{variant}", pattern)
        for pattern in patterns
    )


def godebug_axis(case, release, chosen):
    """The values of GODEBUG to run a case with; only 1.23 to 1.26 have two kinds of timer channel."""
    if chosen:
        return [chosen]
    if case in TIMER_CASES and 23 <= int(release.split(".")[1]) <= 26:
        return ["asynctimerchan=0", "asynctimerchan=1"]
    return [""]


class Tally:
    """Counts results and prints those that need to be seen."""

    def __init__(self, verbose):
        self.counts = collections.Counter()
        self.verbose = verbose
        self.lock = threading.Lock()

    def add(self, result, what, lines=()):
        """result is passed, failed or skipped."""
        with self.lock:
            self.counts[result] += 1
            if result != "passed" or self.verbose:
                print(f"{result.upper():8}{what}", *(f"        {line}" for line in lines), sep="\n", flush=True)

    def close(self):
        """The last line, and the exit status."""
        print(", ".join(f"{self.counts[result]} {result}" for result in ("passed", "failed", "skipped")))
        return 1 if self.counts["failed"] else 0


def plan(options, wants, tally):
    """Builds the binaries; all runs, and which (release, case, variant) the binaries have."""
    runs, listed = [], set()
    sources = source_hash()
    for asked in options.release:
        try:
            go, release = go_command(asked)
        except Skip as reason:
            for flavour in options.flavour:
                tally.add("skipped", f"go{asked} {flavour}", [str(reason)])
            continue
        for flavour in options.flavour:
            try:
                binary = build(go, release, flavour, sources)
            except Failure as failure:
                tally.add("failed", f"go{release} {flavour}", failure.lines)
                continue
            output = subprocess.run([binary, "list"], capture_output=True, text=True, check=True).stdout
            for case, variant in (line.split() for line in output.splitlines()):
                listed.add((release, case, variant))
                if not selected(case, variant, options.case):
                    continue
                for godebug in godebug_axis(case, release, options.godebug):
                    expected = tuple(w for w in wants.get((case, variant), ()) if w.applies(release, godebug))
                    runs.append(Run(release, flavour, binary, case, variant, godebug, expected))
    return runs, listed


def check_listed(options, wants, cgo_only, listed, tally):
    """An expectation for a variant no binary has would never be looked at: say so."""
    if not listed:
        return
    have = {(case, variant) for _, case, variant in listed}
    newest = max((release for release, _, _ in listed), key=lambda r: [int(n) for n in r.split(".")])
    for (case, variant), items in sorted(wants.items()):
        if (case, variant) in have or not selected(case, variant, options.case):
            continue
        if (case, variant) in cgo_only and "cgo" not in options.flavour:
            continue
        for want in items:
            if any(want.applies(newest, godebug) for godebug in ("", "asynctimerchan=1")):
                at = f"{want.file}:{want.line}"
                tally.add("failed", f"{case}/{variant}", [f"{at} expects a finding, but no binary has the variant"])
                break


def parse_options():
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare what seep finds in the catalogue with what is there.")
    parser.add_argument("--seep", default=ROOT / "build" / "seep", type=pathlib.Path, metavar="PATH")
    parser.add_argument("--release", action="append", metavar="R", help="1.22 or 1.22.12; repeatable")
    parser.add_argument("--all-releases", action="store_true", help="all of tools/go-releases.txt")
    parser.add_argument("--flavour", action="append", choices=[*FLAVOURS, "all"], help="repeatable")
    parser.add_argument(
        "--case", action="append", metavar="PATTERN", help="CASE or CASE/VARIANT, with * and ?; repeatable"
    )
    parser.add_argument("--pause", default="auto", choices=["auto", "precopy", "stop"], help="seep's --pause")
    parser.add_argument("--godebug", default="", metavar="SETTING", help="GODEBUG of the programs")
    # They mostly sleep until they are ready.
    parser.add_argument("-j", type=int, default=4 * (os.cpu_count() or 1), metavar="N", help="cases at a time")
    parser.add_argument("-v", action="store_true", help="print what passed, too")
    options = parser.parse_args()
    if options.all_releases:
        text = (ROOT / "tools" / "go-releases.txt").read_text(encoding="ascii")
        options.release = [line for line in text.split("\n") if line and not line.startswith("#")]
    options.release = options.release or QUICK_RELEASES
    options.flavour = options.flavour or QUICK_FLAVOURS
    if "all" in options.flavour:
        options.flavour = list(FLAVOURS)
    options.seep = options.seep.resolve()
    if not os.access(options.seep, os.X_OK):
        parser.error(f"no such program: {options.seep}")
    return options


def main():
    options = parse_options()
    wants, cgo_only = read_wants()
    tally = Tally(options.v)
    forget_old_builds()
    runs, listed = plan(options, wants, tally)
    check_listed(options, wants, cgo_only, listed, tally)
    reports = options.seep.parent / "programs-failed"
    shutil.rmtree(reports, ignore_errors=True)

    def one(run):
        try:
            execute(run, options.seep, options.pause, reports)
            tally.add("passed", str(run))
        except Skip as reason:
            tally.add("skipped", str(run), [str(reason)])
        except Failure as failure:
            tally.add("failed", str(run), failure.lines)
        except Exception as error:  # the runner's own bug must not pass for a success
            tally.add("failed", str(run), [f"the runner failed: {error!r}"])

    with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
        list(pool.map(one, runs))
    if options.case and not runs:
        tally.add("failed", " ".join(options.case), ["no such case in any binary"])
    sys.exit(tally.close())


if __name__ == "__main__":
    main()
