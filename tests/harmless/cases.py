"""Cases: each attaches to a process that makes it hard, says which exit codes are right, and that the process is unharmed."""

import argparse
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

import procs
from procs import EXIT_OK, EXIT_PARTIAL

HERE = pathlib.Path(__file__).resolve().parent
NOBODY = 65534
REMEDY = r"sudo|root|CAP_SYS_PTRACE|cap_sys_ptrace|ptrace_scope|privileged|setcap"


class Skip(Exception):
    """The case cannot be made here; says why."""


class Fail(Exception):
    """seep did something else than it should."""


def insist(condition, message):
    if not condition:
        raise Fail(message)


def check_run(run, codes, message=None):
    """The exit code is one of codes; a refusal is one line, and matches message if given."""
    text = run.err.strip()
    insist(run.rc in codes, f"exit {run.rc}, expected {' or '.join(map(str, codes))}:"
                            f" {text[:300] or '(nothing on stderr)'}")
    if run.rc in (EXIT_OK, EXIT_PARTIAL):
        try:
            procs.report_of(run)
        except ValueError as error:
            raise Fail(str(error)) from None
        return
    insist(not run.out.strip(), f"exit {run.rc}, but stdout has {run.out[:100]!r}")
    lines = text.splitlines()
    insist(len(lines) == 1, f"exit {run.rc} with {len(lines)} lines on stderr: {text[:300]!r}")
    if message:
        insist(re.search(message, text), f"exit {run.rc}, the message lacks /{message}/: {text!r}")


def check_runs_on(child, beats=3):
    """The process is not held, and prints on."""
    held = procs.held_after(child.pid, 0.1)
    insist(not held, f"left stopped or traced: {held[:3]}")
    child.drain()
    for _ in range(beats):
        insist(child.line(5) is not None, "the process ended")


class Cases:
    """What every set of cases needs; their methods called case_* are the cases."""

    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        self.method = (f"--pause={options.method}",) if options.method else ()
        self.times = options.times
        self.rng = random.Random(options.seed)
        # Other users must get at both.
        os.chmod(scratch, 0o755)
        self.seep = f"{scratch}/seep"
        shutil.copy(procs.seep_path(options.seep), self.seep)
        os.chmod(self.seep, 0o755)
        self.binary = self.build("targets", options.go)

    def build(self, name, go=None, env=None):
        path = f"{self.scratch}/{name}"
        error = procs.go_build(HERE / "targets", path, go, env)
        if error:
            raise Skip(f"does not build: {error[-200:]}")
        return path

    def target(self, *arguments, prefix=(), binary=None, **options):
        child = procs.Child([*prefix, binary or self.binary, *arguments], **options)
        try:
            child.expect("ready")
        except (TimeoutError, RuntimeError) as error:
            child.close()
            raise Skip(f"the target does not run: {error}") from None
        return child

    def command(self, pid):
        return [self.seep, "--json", *self.method, str(pid)]

    def look(self, pid, prefix=(), timeout=60):
        return procs.run_seep(self.seep, pid, *self.method, prefix=prefix, timeout=timeout)

    @staticmethod
    def need(*tools):
        for tool in tools:
            if not shutil.which(tool):
                raise Skip(f"no {tool}")
        if os.geteuid() != 0:
            raise Skip("needs root")

    @staticmethod
    def as_nobody():
        return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

    def typical(self):
        with self.target("idle") as child:
            return sorted(self.look(child.pid).wall for _ in range(3))[1]


def run(kind, description):
    """Runs the cases of a class, as a program does; the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--times", type=int, default=20,
                        help="repetitions of each race (default: 20)")
    parser.add_argument("--only", metavar="WORD", help="cases whose name contains it")
    parser.add_argument("--go", metavar="GO1.N.M", help="Go release to build the targets with")
    parser.add_argument("--method", help="how seep is to pause, its --pause (default: its own choice)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    procs.add_seep_option(parser)
    options = parser.parse_args()
    print(f"seed {options.seed}")

    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    with tempfile.TemporaryDirectory(prefix="seep-test-") as scratch:
        try:
            cases = kind(options, scratch)
        except Skip as reason:
            print(f"skipped: {reason}")
            return procs.SKIP
        for name in [name for name in dir(cases) if name.startswith("case_")]:
            if options.only and options.only not in name:
                continue
            try:
                note, outcome = getattr(cases, name)(), "ok"
            except Skip as reason:
                note, outcome = str(reason), "skip"
            except Fail as reason:
                note, outcome = str(reason), "FAIL"
            except (TimeoutError, subprocess.TimeoutExpired) as reason:
                note, outcome = f"hangs: {reason}", "FAIL"
            counts[outcome] += 1
            print(f"{'SKIPPED' if outcome == 'skip' else outcome:4} {name[5:].replace('_', ' ')}{': ' + note if note else ''}",
                  flush=True)
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0
