#!/usr/bin/env python3
"""`seep run` beside goleak, on the test binaries of three modules from the module proxy.

Each binary is built with goleak/main_test.go as its TestMain. Then
  outcomes   all tests, alone and under `seep run`: the same exit status, and each test ends as it did
  tests      each test by itself, goleak silenced: whom goleak finds at its end, and whom seep
  planted    a goroutine of each kind is left behind: what goleak's own TestMain says, what `seep run --fail-on proven` says with goleak
             silenced, and that both together end with goleak's exit status

It fails if seep calls a goroutine leaked that goleak does not find, or if one that goleak finds is neither leaked for seep nor, with --all
or by its state, one that something alive can wake; if a test ends otherwise than alone; or if a verdict on what was planted differs from
PLANTED.

The last line is `N passed, N failed, N skipped`. Exit status: 0 nothing failed, 1 something did, 77 the module proxy cannot be reached.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "harmless"))
import procs  # noqa: E402

MODULES = ("go.uber.org/goleak@v1.3.0", "github.com/jackc/puddle/v2@v2.2.2", "go.uber.org/zap@v1.27.1")
GOLEAK = "go.uber.org/goleak@v1.3.0"
# Kind → whether goleak fails the binary, and whether seep calls it leaked.
PLANTED = {
    "": (False, False), "send": (True, True), "receive": (True, True), "select": (True, True), "nil-channel": (True, True),
    "mutex": (True, True), "waitgroup": (True, True), "ticker": (True, True), "alive": (True, False), "asleep": (True, False),
    "ends": (False, False),
}
LEAKED = {"proven", "deadlocked", "abandoned"}
SECONDS = 300


class Fail(Exception):
    """seep did something else than it should."""


def insist(condition, message):
    if not condition:
        raise Fail(message)


def go(folder, *arguments, check=True):
    settings = dict(os.environ, CGO_ENABLED="0", GOFLAGS="-buildvcs=false -mod=mod", GOWORK="off")
    done = subprocess.run(["go", *arguments], cwd=folder, env=settings, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if check and done.returncode != 0:
        raise Fail(f"go {' '.join(arguments)}: {done.stderr[-500:]}")
    return done


def fetch(module, scratch):
    """The folder of a writable copy, with what its tests need; None: it cannot be had."""
    folder = scratch / re.sub(r"\W", "-", module)
    done = go(scratch, "mod", "download", "-json", module, check=False)
    if done.returncode != 0:
        return None
    shutil.copytree(json.loads(done.stdout)["Dir"], folder, copy_function=shutil.copyfile)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    if module != GOLEAK and go(folder, "get", GOLEAK, check=False).returncode != 0:
        return None
    return folder if go(folder, "mod", "download", check=False).returncode == 0 else None


def plant(folder, package):
    """Puts our TestMain into the package, in place of one that does no more than goleak's."""
    source = pathlib.Path(package["Dir"])
    for name in package.get("TestGoFiles", []) + package.get("XTestGoFiles", []):
        text = (source / name).read_text("utf-8")
        if "func TestMain(" in text:
            insist("\tgoleak.VerifyTestMain(m)\n}" in text, f"{name}: a TestMain that does more")
            (source / name).write_text(text.replace("func TestMain(", "func seepNoTestMain("), "utf-8")
    ours = (HERE / "goleak" / "main_test.go").read_text("utf-8").replace("PACKAGE", package["Name"])
    (source / "zz_seep_main_test.go").write_text(ours, "utf-8")
    output = folder / f"{len(list(folder.glob('*.seep')))}.seep"
    go(folder, "test", "-c", "-o", str(output), package["ImportPath"])
    return output


def binaries(module, scratch):
    """(import path, binary, folder to run it in) of each package that has tests; None: it cannot be had."""
    folder = fetch(module, scratch)
    if not folder:
        return None
    # One object after the other.
    listed = json.loads("[" + go(folder, "list", "-json", "./...").stdout.replace("\n}\n{", "\n},\n{") + "]")
    tested = [p for p in listed if p.get("TestGoFiles") or p.get("XTestGoFiles")]
    return [(package["ImportPath"], plant(folder, package), package["Dir"]) for package in tested]


class Binary:
    """The tests of one package."""

    def __init__(self, seep, path, folder, scratch):
        self.seep, self.path, self.folder = seep, str(path), folder
        self.said, self.report = scratch / "goleak.txt", scratch / "seep.json"

    def execute(self, *arguments, seep=None, env=None):
        """Alone, or by seep with these options."""
        command = [self.path, *arguments]
        if seep is not None:
            self.report.unlink(missing_ok=True)
            command = [self.seep, "run", "--json", "-o", str(self.report), *seep, "--", *command]
        return subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
                              check=False, errors="replace", env=dict(os.environ, **(env or {})), preexec_fn=procs.die_with_parent)

    def silenced(self, *arguments, leak="", seep=()):
        """The exit status; whom goleak found; whom seep did: numbers of goroutines, leaked ones and others that wait."""
        self.said.unlink(missing_ok=True)
        done = self.execute(*arguments, seep=("--all", *seep), env={"GOLEAK_FILE": str(self.said), "GOLEAK_LEAK": leak})
        insist(self.said.exists() and self.report.exists(), f"exit {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}")
        text = self.said.read_text("utf-8")
        left = {int(number): state for number, state in re.findall(r"Goroutine (\d+) in state ([^,]+),", text)}
        insist(bool(text) == bool(left), f"goleak says {text[:300]}")
        leaked, alive = set(), {}
        for finding in json.loads(self.report.read_text("utf-8"))["findings"]:
            for goroutine in finding.get("goroutines", []):
                if finding["verdict"] in LEAKED:
                    leaked.add(goroutine["id"])
                else:
                    alive[goroutine["id"]] = f"{finding['cause']}: {' '.join(finding.get('why', []))}"
        return done.returncode, left, leaked, alive

    def names(self):
        return re.findall(r"^(?:Test|Example)\w*$", self.execute("-test.list", ".*").stdout, re.M)


def outcomes(done):
    """Test → how it ended."""
    return re.findall(r"^ *--- (PASS|FAIL|SKIP): (\S+)", done.stdout, re.M)


def check_outcomes(binary):
    alone, done = binary.execute("-test.v"), binary.execute("-test.v", seep=())
    insist(done.returncode == alone.returncode, f"exit {done.returncode} instead of {alone.returncode}: {done.stdout[-300:]}")
    mine, theirs = collections.Counter(outcomes(done)), collections.Counter(outcomes(alone))
    insist(mine == theirs, f"other outcomes: {list((mine - theirs) + (theirs - mine))[:5]}")
    return f"{sum(theirs.values())} tests end alike, exit {alone.returncode}"


# What nobody else must wake.
BY_THEMSELVES = re.compile(r"sleep|running|runnable|syscall|IO wait")


def check_tests(binary):
    counts = collections.Counter()
    notes = []
    for name in binary.names():
        _, left, leaked, alive = binary.silenced("-test.run", f"^{name}$")
        insist(leaked <= set(left), f"{name}: leaked for seep, and not left over for goleak: {leaked - set(left)}")
        for number in set(left) - leaked:
            insist(number in alive or BY_THEMSELVES.match(left[number]), f"{name}: goroutine {number}, {left[number]}: nothing said")
            notes.append(f"{name}: left over for goleak, alive for seep: {alive.get(number, left[number])[:150]}")
        counts["both find leaks" if leaked else "goleak finds, seep says why it is alive" if left else "neither finds any"] += 1
    return "; ".join([f"{sum(counts.values())} tests"] + [f"{number} {what}" for what, number in counts.items()]), notes


def check_planted(binary):
    none = ("-test.run", "^$")
    for kind, (by_goleak, by_seep) in PLANTED.items():
        loud = binary.execute(*none, env={"GOLEAK_LEAK": kind})
        insist((loud.returncode != 0) == by_goleak, f"{kind}: goleak ends with {loud.returncode}")
        both = binary.execute(*none, seep=(), env={"GOLEAK_LEAK": kind})
        insist(both.returncode == loud.returncode, f"{kind}: with goleak, exit {both.returncode} instead of {loud.returncode}")
        code, left, leaked, _ = binary.silenced(*none, leak=kind, seep=("--fail-on", "proven"))
        insist(bool(leaked) == by_seep and len(leaked) <= 1, f"{kind}: leaked for seep are {leaked}")
        insist(code == int(by_seep), f"{kind}: --fail-on ends with {code}")
        insist(bool(left) == by_goleak and leaked <= set(left), f"{kind}: goleak finds {left}, seep {leaked}")
    return f"{len(PLANTED)} kinds, verdicts as expected"


def check_signals(binary):
    """In the middle: it ends as alone, and there is a report."""
    command = [str(binary.path), "-test.run", "^$"]
    for sig in signal.SIGTERM, signal.SIGQUIT, signal.SIGKILL:
        codes = []
        binary.report.unlink(missing_ok=True)
        for prefix in [], [binary.seep, "run", "--json", "-o", str(binary.report), "--"]:
            with procs.Child(prefix + command, cwd=binary.folder, env=dict(os.environ, GOLEAK_LEAK="stay")) as child:
                child.expect("stays")
                pid, = procs.children_of(child.pid) if prefix else [child.pid]
                os.kill(pid, sig)
                codes.append(child.popen.wait(20))
        insist(codes[0] == codes[1], f"{sig}: ends with {codes[1]} instead of {codes[0]}")
        insist(binary.report.exists(), f"no report after {sig}")
    return "SIGTERM, SIGQUIT and SIGKILL end it as alone"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", action="store_true", help="what is alive for seep and left over for goleak, too")
    procs.add_seep_option(parser)
    options = parser.parse_args()
    procs.take_usual_signals()
    seep = procs.seep_path(options.seep)
    count = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="seep-test-") as name:
        scratch = pathlib.Path(name)
        for module in MODULES:
            try:
                packages = binaries(module, scratch)
            except Fail as failure:
                count["failed"] += 1
                print(f"FAIL {module}: {failure}", flush=True)
                continue
            if packages is None:
                count["skipped"] += 1
                print(f"SKIPPED {module}: the module proxy cannot be reached, or one of its modules not be had", flush=True)
                continue
            for package, path, folder in packages:
                binary = Binary(seep, path, folder, scratch)
                for check in check_outcomes, check_tests, check_planted, check_signals:
                    notes = []
                    try:
                        note = check(binary)
                        if isinstance(note, tuple):
                            note, notes = note
                        outcome = "passed"
                    except Fail as failure:
                        note, outcome = failure, "failed"
                    except subprocess.TimeoutExpired as failure:
                        note, outcome = failure, "failed"
                    count[outcome] += 1
                    print(f"{'ok  ' if outcome == 'passed' else 'FAIL'} {package} {check.__name__[6:]}: {note}", flush=True)
                    for line in notes if options.v else ():
                        print(f"     {line}", flush=True)
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] else 0 if count["passed"] else procs.SKIP


if __name__ == "__main__":
    sys.exit(main())
